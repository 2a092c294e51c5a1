"""Putting devshell's extension into editors, and taking it out: by each editor's own command line."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import installed, programs, shims
from devshell.errors import DevshellError, ShellError
from devshell.vscode import editors, package

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devshell.vscode.editors import Editor

#: Seconds for an editor's command line, which takes a few where the disk is slow.
PATIENCE = 180
_SHOWN_LINES = 3


def launcher(env: Mapping[str, str], passing: Sequence[str] | None = None) -> str | None:
    """Return the path of the command `devshell` that the extension is to call, or None where this one will not last.

    A link on the user's PATH that leads to it is preferred: it stays when a tool manager moves what it leads to. `env`
    are the user's variables outside of any project. What lies in one of the folders `passing` will not last; without
    them, these are the machine's for temporary files and the user's caches.
    """
    passing = _passing(env) if passing is None else passing
    try:
        own = installed.command()
    except ShellError:
        return None
    real = os.path.realpath(own)
    candidates = [os.path.join(entry, "devshell") for entry in env.get("PATH", "").split(":") if os.path.isabs(entry)]
    for path in (*candidates, own):
        same = os.path.realpath(path) == real and os.access(path, os.X_OK)
        if same and _lasts(path, passing) and not os.path.lexists(os.path.join(os.path.dirname(path), shims.MARKER)):
            return path
    return None


def put(editor: Editor, extension: package.Package, env: Mapping[str, str]) -> None:
    """Install the extension into an editor, over any other version; raises DevshellError with what the editor said."""
    with tempfile.TemporaryDirectory(prefix="devshell-") as folder:
        file = Path(folder, f"{editors.EXTENSION}-{extension.version}.vsix")
        file.write_bytes(extension.content)
        _run(editor, ["--install-extension", str(file), "--force"], env)


def take_out(editor: Editor, env: Mapping[str, str]) -> bool:
    """Take the extension out of an editor; return whether it was there. Raises DevshellError as :func:`put` does."""
    if editors.EXTENSION not in _run(editor, ["--list-extensions"], env).lower().split():
        return False
    _run(editor, ["--uninstall-extension", editors.EXTENSION], env)
    return True


def _passing(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the folders of temporary files, and those of caches, where `uvx` puts whole installations."""
    home = env.get("HOME", "/")
    return (
        tempfile.gettempdir(),
        *("/tmp", "/var/tmp"),  # noqa: S108  (nothing is written there)
        env.get("XDG_CACHE_HOME") or os.path.join(home, ".cache"),
        os.path.join(home, "Library", "Caches"),
        env.get("UV_CACHE_DIR", ""),
    )


def _lasts(path: str, passing: Sequence[str]) -> bool:
    folders = [os.path.realpath(each) for each in passing if os.path.isabs(each)]
    # Both where a link stands and what it leads to.
    places = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)), os.path.realpath(path)
    return not any(place.startswith(folder.rstrip("/") + "/") for place in places for folder in folders)


def _run(editor: Editor, arguments: Sequence[str], env: Mapping[str, str]) -> str:
    """Run an editor's command line to its end and return what it printed; raises DevshellError where it fails.

    It is not run in a project: it may read files of the folder that it starts in.
    """
    try:
        ended = programs.run([editor.command, *arguments], env, PATIENCE, errors=True)
    except TimeoutError:
        raise DevshellError(
            f"{editor.command!r} did not answer within {PATIENCE} seconds", hint=_by_hand(arguments)
        ) from None
    except OSError as problem:
        raise DevshellError(f"{editor.command!r} cannot be started: {problem.strerror}") from None
    said = ended.output.decode("utf-8", "replace")
    if ended.code != 0:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        what = f": {' / '.join(lines[-_SHOWN_LINES:])}" if lines else f" with code {ended.code}"
        raise DevshellError(f"{editor.command!r} failed{what}", hint=_by_hand(arguments))
    return said


def _by_hand(arguments: Sequence[str]) -> str:
    if arguments[0] == "--install-extension":
        return (
            "run `devshell vscode package -o devshell.vsix`, then choose “Install from VSIX…” in the editor's list"
            " of extensions"
        )
    return "take the extension devshell out in the editor's list of extensions"
