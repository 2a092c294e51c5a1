"""Starting a shell inside a project's environment: which one, where it is, and how the user's own set-up stays.

Each shell reads the user's own files, and after them our static code in `shell-hooks`, which puts the environment
in once more: whatever an rc file does to PATH or to a variable, the project's tools come first.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from devshell import environ, files
from devshell.errors import ShellError, UsageError
from devshell.shells import SHELLS, fish

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The oldest of each that has what our code needs (DESIGN.md, "Activation").
MINIMUM = {"bash": (4, 4), "zsh": (5, 3), "fish": (3, 6)}
#: Seconds for `SHELL --version` to answer, which takes milliseconds: one that hangs is passed over.
_PATIENCE = 10


def choose(asked: str | None, env: Mapping[str, str]) -> str:
    """Return the shell to start: the one asked for, else the user's own if it is one of ours, else bash.

    Raises UsageError if the one asked for is not one of ours.
    """
    if asked is not None:
        if asked not in SHELLS:
            raise UsageError(f"devshell does not know the shell {asked!r}", hint=f"choose one of {', '.join(SHELLS)}")
        return asked
    own = os.path.basename(env.get("SHELL", ""))
    return own if own in SHELLS else "bash"


def command(shell: str, env: Mapping[str, str], *, pure: bool) -> tuple[list[str], dict[str, str]]:
    """Return what to execute, and in which environment, for a shell in `env`, where a project is active.

    A pure shell reads no file of the user's. Whether it is interactive the shell finds out for itself, as ever: on a
    terminal it is, and commands may be piped into it. Raises ShellError if there is no such shell, or only one that
    is too old.
    """
    program = find(shell, env)
    after = dict(env)
    after.pop("DEVSHELL_ZDOTDIR", None)
    if pure:
        plain = {"bash": ["--noprofile", "--norc"], "zsh": ["-f"], "fish": ["--no-config"]}
        return [program, *plain[shell]], after
    if shell == "bash":
        return [program, "--rcfile", hook("enter.bash")], after
    if shell == "fish":
        return [program, "--init-command", f"builtin source {fish.quote(hook('enter.fish'))}"], after
    if "ZDOTDIR" in after:
        after["DEVSHELL_ZDOTDIR"] = after["ZDOTDIR"]
    after["ZDOTDIR"] = os.path.dirname(hook("zsh/.zshenv"))
    return [program], after


def hook(name: str) -> str:
    """Return the path of a file of `shell-hooks`.

    It lies inside of the package once installed, and beside it in a checkout. Raises ShellError if it is in neither.
    """
    path = files.shipped(os.path.join("shell-hooks", name))
    if path is not None:
        return path
    raise ShellError(f"devshell's own file shell-hooks/{name} is missing", hint="install devshell again")


def find(shell: str, env: Mapping[str, str]) -> str:
    """Return the program of a shell; raises ShellError where there is none, or only one that is too old."""
    old = None
    for path in _candidates(shell, env):
        version = version_of(path)
        if version is None:
            continue
        if version >= MINIMUM[shell]:
            return path
        old = old or (path, version)
    hint = f"install a newer {shell}, or choose another shell with --shell ({', '.join(SHELLS)})"
    if old is None:
        raise ShellError(f"{shell} is not on this machine", hint=hint.replace("a newer ", ""))
    found, needed = (".".join(map(str, version)) for version in (old[1], MINIMUM[shell]))
    raise ShellError(f"{old[0]!r} is {shell} {found}, and devshell needs {needed} or newer", hint=hint)


def _candidates(shell: str, env: Mapping[str, str]) -> Iterator[str]:
    """Yield the places to look at: the user's own shell, then the user's PATH, last what the project brings."""
    own = env.get("SHELL", "")
    folders = [os.path.dirname(own)] if os.path.basename(own) == shell else []
    for path in (environ.leave(env).get("PATH", ""), env.get("PATH", "")):
        folders += path.split(":")
    for folder in dict.fromkeys(folders):
        path = os.path.join(folder, shell)
        # A relative entry of PATH would find what lies in the current folder.
        if os.path.isabs(folder) and os.path.isfile(path) and os.access(path, os.X_OK):
            yield path


def version_of(path: str) -> tuple[int, int] | None:
    """Return major and minor version of the shell at `path`, or None if it does not say."""
    try:
        # Found by its name on the user's own PATH, and about to be started for good.
        told = subprocess.run(  # noqa: S603
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(rb"(\d+)\.(\d+)", told.stdout)
    return (int(match[1]), int(match[2])) if match else None
