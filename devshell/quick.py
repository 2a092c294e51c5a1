"""The quick way: `exec` and `sync` in a project that is ready, without anything heavy.

Whatever is not plain (an option, a stale record, no record) is left to the command line proper, so
nothing here raises or explains. No imports beyond `os` and `sys`: start-up is the feature.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # half of `signal`, at none of its cost
import os
import sys

from devshell import environ, ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What a shell answers for a command that is not there, and for one that cannot be started.
NOT_FOUND, NOT_STARTED = 127, 126
#: ENOEXEC, from a module that would have to be imported.
_NO_FORMAT = 8


def serve(arguments: Sequence[str]) -> int | None:
    """Do the command if it is one of the quick ones and its project is ready; return its exit code.

    None means that it must be done the long way. `exec` does not return where it can start.
    """
    words = list(arguments)
    start = "."
    if words[:1] == ["-C"] and len(words) > 1:
        start, words = words[1], words[2:]
    if words[:1] == ["exec"]:
        command = words[2:] if words[1:2] == ["--"] else words[1:]
        if not command or (command[0].startswith("-") and words[1] != "--"):
            return None
        found = _ready(start)
        _settle(found)
        try:
            return None if found is None else start_in(found, command, start)
        except Exception:  # noqa: BLE001  (the long way meets it again, and can say what it is)
            return None
    if words == ["sync"]:
        found = _ready(start)
        if found is not None and _whole(found):
            _settle(found)
            sys.stderr.write(f"devshell: up to date ({count(found.tools, 'tool')})\n")
            return 0
    return None


def start_in(found: ready.Ready, command: Sequence[str], folder: str = ".") -> int:
    """Become the command, inside a ready project's environment; return a shell's code where that fails.

    `folder` is where to start it, as `make -C` has it.
    """
    env = environ.enter(found.plan, os.environ, found.root, found.environment)
    if folder != ".":
        os.chdir(folder)
        env["PWD"] = os.getcwd()
    return become(command, env)


def become(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Replace this process by a command found on the PATH of `env`; return 126 or 127 where that fails."""
    sys.stdout.flush()
    sys.stderr.flush()
    # Python ignores these for itself, and what is ignored stays so in what it becomes.
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    try:
        os.execvpe(command[0], list(command), env)  # noqa: S606  (becoming the command is the point)
    except (FileNotFoundError, NotADirectoryError):
        sys.stderr.write(f"devshell: {command[0]!r}: command not found\n")
        return NOT_FOUND
    except OSError as error:
        if error.errno == _NO_FORMAT and error.filename:
            # A script without a first line that says for what: sh, as execvp(3) and every shell have it.
            os.execve("/bin/sh", ["sh", error.filename, *command[1:]], env)  # noqa: S606
        sys.stderr.write(f"devshell: {command[0]!r} cannot be started: {error.strerror}\n")
        return NOT_STARTED


def count(number: int, noun: str) -> str:
    """Return `1 tool`, `2 tools`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _settle(found: ready.Ready | None) -> None:
    if found is not None and any(young for _, _, young in found.watched):
        from devshell import refresh

        refresh.settle_young(found)


def _whole(found: ready.Ready) -> bool:
    # A store path that was taken away shows in links that lead nowhere.
    with os.scandir(os.path.join(found.environment, "bin")) as links:
        return all(os.path.exists(link.path) for link in links)


def _ready(start: str) -> ready.Ready | None:
    try:
        root = ready.find(os.path.realpath(start))
    except OSError:
        return None
    return None if root is None else ready.load(root)
