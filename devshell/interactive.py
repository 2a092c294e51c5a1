"""Asking a real shell what holds once it has read the user's own files."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from devshell import programs
from devshell.errors import ShellError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Seconds: a shell that takes longer to start is one that waits for something.
PATIENCE = 15
#: What a session begins with, before any file of the user's has changed it.
_BARE_PATH = "/usr/local/bin:/usr/bin:/bin"
_SESSION = (
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_CONFIG_DIRS",
    "XDG_RUNTIME_DIR",
)


def ask(program: str, code: str, env: Mapping[str, str], options: Sequence[str] = ("-i",)) -> list[str]:
    """Return the lines that `code` prints in the shell `program`, after the user's files were read.

    The shell has no terminal and stands in `/`, where no project is. What the user's files print is left out.
    Raises ShellError where it does not come to run the code: it cannot be started, hangs, or leaves before.
    """
    mark = f"devshell-{secrets.token_hex(8)}"
    said = f"builtin printf '%s\\n' {mark}"
    # The outer ones are on lines of their own, as code may end in a comment.
    words = [program, *options, "-c", f"{said}\n{code}\n{said}"]
    plain = {**env, "TERM": "dumb", "DEVSHELL_QUIET": "1", "PWD": "/"}
    text = _run(words, plain).decode("utf-8", "surrogateescape")
    parts = text.split(f"{mark}\n")
    if len(parts) < 3:  # noqa: PLR2004  before, between and after two marks
        raise ShellError(f"{program!r} ends before it would show a prompt", hint="look at what your rc files do last")
    return parts[-2].splitlines()


def fresh_path(program: str, env: Mapping[str, str]) -> str:
    """Return PATH as a new session of the user's has it; raises ShellError as :func:`ask` does."""
    # fish, too, joins what it keeps as a list, where it stands within quotes.
    code = 'builtin printf "%s\\n" "$PATH"'
    kept = {name: value for name, value in env.items() if name in _SESSION or name.startswith("LC_")}
    return "".join(ask(program, code, {**kept, "PATH": _BARE_PATH}, ("-l", "-i"))[:1])


def _run(words: list[str], env: Mapping[str, str]) -> bytes:
    try:
        return programs.run(words, env, PATIENCE, errors=False).output
    except TimeoutError:
        raise ShellError(
            f"{words[0]!r} shows no prompt within {PATIENCE} seconds", hint="look at what your rc files wait for"
        ) from None
    except OSError as problem:
        raise ShellError(f"{words[0]!r} cannot be started: {problem.strerror}") from None
