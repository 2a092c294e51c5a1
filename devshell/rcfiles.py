"""The line in the user's rc file that loads the hook: where it goes, put in once, taken out without a trace.

Files are bytes here: whatever else stands in them, in any encoding, stays as it is.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import interactive, paths
from devshell.errors import DevshellError, Place, ShellError, StateError
from devshell.files import explained, locked, make_private, read_regular, write_atomically
from devshell.shells import bash, fish

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMIT = 16 << 20
_MARK = b"# added by devshell hook --install"
# Behind the mark stands what else was put in, so that it can be taken out again.
_OURS = re.compile(
    rb"^[^\n]*" + re.escape(_MARK) + rb"(?: \(\+(?:(?P<ends>[12]) line ends?|(?P<file>file))\))?(?P<end>\r?\n|\r?\Z)",
    re.MULTILINE,
)
#: Where people put such a line by hand, relative to the home folder, or to `$ZDOTDIR`.
_BY_HAND = {
    "bash": (".bashrc", ".bash_profile", ".bash_login", ".profile", ".bash_aliases"),
    "zsh": (".zshrc", ".zshenv", ".zprofile", ".zlogin"),
}
_BASH_LOGIN = (".bash_profile", ".bash_login", ".profile")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that loads the hook: its file, its number from 1, and whether `--install` put it there."""

    path: Path
    number: int
    ours: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of an rc file; None stands for no file."""

    path: Path
    old: bytes | None
    new: bytes | None


def quote(shell: str, text: str) -> str:
    """Return one word of a shell's code that is `text`."""
    return fish.quote(text) if shell == "fish" else bash.quote(text)


def code(shell: str, command: str) -> bytes:
    """Return the code that loads the hook, in one line, and does nothing where `command` is missing.

    It is a whole `if`, since the last line of an rc file decides the first prompt's `$?`.
    """
    word = command if "/" not in command else quote(shell, command)
    if shell == "fish":
        there = f"test -x {word}" if "/" in command else f"command -q {word}"
        return f"if status is-interactive; and {there}; {word} hook fish | source; end".encode()
    there = f"[ -x {word} ]" if "/" in command else f"command -v {word} >/dev/null 2>&1"
    return f'if {there}; then eval "$({word} hook {shell})"; fi'.encode()


def with_line(content: bytes | None, line: bytes) -> bytes:
    """Return an rc file's content with one line of code at its end, marked as ours."""
    before = content or b""
    end = b"\r\n" if before[: before.rfind(b"\n") + 1].endswith(b"\r\n") else b"\n"
    last = before.removesuffix(b"\n")
    # A line that ends in a backslash goes on in the next one, which must not be ours.
    goes_on = (len(last) - len(last.rstrip(b"\\"))) % 2
    ends = (before != b"" and not before.endswith(b"\n")) + goes_on
    added = " (+file)" if content is None else f" (+{ends} line end{'s' * (ends > 1)})" if ends else ""
    return before + end * ends + line + b"  " + _MARK + added.encode() + end


def without_lines(content: bytes) -> bytes | None:
    """Return an rc file's content without the lines that `with_line` put in, None for no file at all."""
    while (found := _OURS.search(content)) is not None:
        before, after = content[: found.start()], content[found.end() :]
        if found["file"] and not before + after:
            return None
        end = b"\r\n" if found["end"].startswith(b"\r") else b"\n"
        # Only at the end of the file: what the user wrote behind it needs the line end before it.
        for _ in range(0 if after else int(found["ends"] or 0)):
            before = before.removesuffix(end)
        content = before + after
    return content


def rc_file(shell: str, env: Mapping[str, str]) -> Path:
    """Return the file that the line belongs into.

    For fish that is `config.fish`, not a file in `conf.d`, which fish reads before: PATH as `config.fish` sets it has
    to hold where the line looks for devshell.
    """
    home = Path(env.get("HOME") or os.path.expanduser("~"))
    if shell == "bash":
        return home / ".bashrc"
    if shell == "zsh":
        return _zdotdir(home, env) / ".zshrc"
    return _fish_folder(home, env) / "config.fish"


def lines(shell: str, env: Mapping[str, str]) -> list[Line]:
    """Return the lines that load the hook of a shell, in all the files where people put them.

    A file that cannot be read holds none.
    """
    home = Path(env.get("HOME") or os.path.expanduser("~"))
    if shell == "fish":
        folder = _fish_folder(home, env)
        files = [folder / "config.fish", *sorted(folder.glob("conf.d/*.fish"))]
    else:
        files = [(rc_file("zsh", env).parent if shell == "zsh" else home) / name for name in _BY_HAND[shell]]
    found = []
    for path in files:
        try:
            read = read_regular(path, _LIMIT)
        except DevshellError:
            continue
        if read is not None:
            found += lines_in(read[0], shell, path)
    return found


def lines_in(content: bytes, shell: str, path: Path) -> list[Line]:
    """Return the lines of an rc file's content that load the hook of a shell; comments do not."""
    quoted = rb"(?:" + shell.encode() + rb"|\$)"
    by_hand = re.compile(rb"[^#]*devshell[\"']?[ \t]+hook[ \t]+[\"']?" + quoted + rb"(?![\"']?[ \t]+--)")
    numbered = enumerate(content.split(b"\n"), 1)
    return [
        Line(path, number, _OURS.match(line) is not None)
        for number, line in numbered
        if _OURS.match(line) or by_hand.match(line)
    ]


def installing(shell: str, command: str, env: Mapping[str, str]) -> Change | Line:
    """Return the change that puts the line in, or the line where one is there already, the user's own included.

    Raises StateError where the file is one that others than the user answer for, with the line to put in by hand.
    """
    known = lines(shell, env)
    if known:
        return known[0]
    path = rc_file(shell, env)
    line = code(shell, command)
    old = _read(path, f"put this line into it yourself: {line.decode()}")
    return Change(path, old, with_line(old, line))


def uninstalling(shell: str, env: Mapping[str, str]) -> list[Change]:
    """Return the changes that take our lines out; lines that the user wrote are none of them."""
    changes = []
    for path in dict.fromkeys(line.path for line in lines(shell, env) if line.ours):
        old = _read(path, "take the line out of it yourself")
        if old is not None:
            changes.append(Change(path, old, without_lines(old)))
    return changes


def write(change: Change) -> None:
    """Make a change, whole or not at all; raises StateError where the file is no longer as it was read."""
    state = Path(paths.state_folder())
    make_private(state)
    with locked(state / ".rcfiles", cancelled=lambda: False), explained(change.path):
        if _read(change.path, "edit it yourself") != change.old:
            raise StateError(
                "the file was changed meanwhile; nothing was written",
                place=Place(str(change.path)),
                hint="run the command again",
            )
        if change.new is None and not change.path.is_symlink():
            change.path.unlink()
            return
        change.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(change.path, change.new or b"")


def called(launcher: str, program: str, env: Mapping[str, str]) -> str:
    """Return how the line calls devshell: by its name where a new session finds this very one, else by its path."""
    try:
        found = shutil.which("devshell", path=interactive.fresh_path(program, env))
    except ShellError:
        found = None
    return "devshell" if found and os.path.realpath(found) == os.path.realpath(launcher) else launcher


def login_advice(env: Mapping[str, str], platform: str = sys.platform) -> str | None:
    """Return what to do for bash on macOS, whose terminals start login shells, which read another file; else None."""
    if platform != "darwin":
        return None
    home = Path(env.get("HOME") or os.path.expanduser("~"))
    there = next((home / name for name in _BASH_LOGIN if (home / name).is_file()), home / _BASH_LOGIN[0])
    try:
        content = (read_regular(there, _LIMIT) or (b"",))[0]
    except DevshellError:
        content = b""
    if b".bashrc" in content:
        return None
    return f"login shells, as macOS starts them, read {there} and not .bashrc: put `. ~/.bashrc` into it"


def _zdotdir(home: Path, env: Mapping[str, str]) -> Path:
    # ~/.zshenv may set it without exporting it, so only zsh itself knows.
    program = shutil.which("zsh", path=env.get("PATH", os.defpath))
    said: list[str] = []
    if program is not None:
        try:
            said = interactive.ask(program, 'builtin printf "%s\\n" "${ZDOTDIR-}"', env, ())
        except ShellError:
            said = []
    folder = said[0] if said else env.get("ZDOTDIR", "")
    return Path(folder) if os.path.isabs(folder) else home


def _fish_folder(home: Path, env: Mapping[str, str]) -> Path:
    base = env.get("XDG_CONFIG_HOME", "")
    return (Path(base) if os.path.isabs(base) else home / ".config") / "fish"


def _read(path: Path, instead: str) -> bytes | None:
    """Return the file's content, None where it is missing; raises StateError where it is not ours to write."""
    found = read_regular(path, _LIMIT)
    if found is None:
        if path.is_symlink():
            raise _refused(path, "leads nowhere", instead)
        return None
    content, status = found
    if status.st_uid != os.geteuid():
        raise _refused(path, "belongs to another user, and would become yours", instead)
    if not status.st_mode & stat.S_IWUSR or not os.access(path, os.W_OK):
        raise _refused(path, "is read-only", instead)
    if status.st_nlink > 1:
        raise _refused(path, "has several names (hard links), and would be parted from the others", instead)
    return content


def _refused(path: Path, why: str, instead: str) -> StateError:
    link = f", a link to {os.path.realpath(path)!r}," if path.is_symlink() else ""
    return StateError(f"{str(path)!r}{link} {why}, so devshell does not write it", place=Place(str(path)), hint=instead)
