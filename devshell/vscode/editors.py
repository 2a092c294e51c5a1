"""VS Code and its relatives on this machine: what they are called, where their commands are, what they have installed.

Nothing here starts one.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import shims
from devshell.errors import DevshellError, UsageError
from devshell.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The extension, as `editors/vscode/package.json` has it: its publisher and its name.
EXTENSION = "devshell.devshell"
_MOST_BYTES = 16 << 20
#: Where commands are that a shell finds and a session of the desktop may not.
_MORE_FOLDERS = ("/usr/local/bin", "/opt/homebrew/bin", "/snap/bin")
_APPLICATIONS = ("/Applications", "~/Applications")


@dataclass(frozen=True, slots=True)
class Kind:
    """One editor: its commands, the best first, its bundle on macOS, and where below home it keeps extensions."""

    commands: tuple[str, ...]
    bundle: str = ""
    extensions: tuple[str, ...] = ()


#: All that are looked for, in the order in which one of them is chosen. A folder of extensions with `-server` in its
#: name is that of remote sessions.
KINDS = (
    Kind(("code",), "Visual Studio Code.app", (".vscode/extensions", ".vscode-server/extensions")),
    Kind(
        ("code-insiders",),
        "Visual Studio Code - Insiders.app",
        (".vscode-insiders/extensions", ".vscode-server-insiders/extensions"),
    ),
    Kind(("codium", "vscodium"), "VSCodium.app", (".vscode-oss/extensions", ".vscodium-server/extensions")),
    Kind(
        ("codium-insiders", "vscodium-insiders"),
        "VSCodium - Insiders.app",
        (".vscodium-insiders/extensions", ".vscodium-server-insiders/extensions"),
    ),
    Kind(("code-oss",)),
    Kind(("cursor",), "Cursor.app", (".cursor/extensions", ".cursor-server/extensions")),
    Kind(("windsurf",), "Windsurf.app", (".windsurf/extensions", ".windsurf-server/extensions")),
    Kind(("positron",), "Positron.app", (".positron/extensions", ".positron-server/extensions")),
    Kind(("code-server",), "", (".local/share/code-server/extensions",)),
    Kind(("openvscode-server",), "", (".openvscode-server/extensions",)),
)


@dataclass(frozen=True, slots=True)
class Editor:
    """One that is here: its name, and the absolute path of its command."""

    name: str
    command: str


def here(env: Mapping[str, str]) -> tuple[Editor, ...]:
    """Return all that are found, each once, in the order of `KINDS`.

    `env` are the user's variables as they are outside of any project: what a project puts into PATH is not looked at.
    """
    found: dict[str, Editor] = {}
    for kind in KINDS:
        for editor in _found(kind, env):
            found.setdefault(os.path.realpath(editor.command), editor)
    return _running_first(tuple(found.values()), env)


def named(name: str, env: Mapping[str, str]) -> Editor:
    """Return the editor that the user names: a command on their PATH, or one in its usual place, or a path to one.

    Raises UsageError where there is none.
    """
    if "/" in name:
        path = os.path.abspath(os.path.expanduser(name))
        if _is_program(path):
            return Editor(os.path.basename(path), path)
        raise UsageError(f"there is no program {name!r}", hint="name an editor's command, such as `code`, or its path")
    for folder in _folders(env):
        if _is_program(path := os.path.join(folder, name)):
            return Editor(name, path)
    for kind in KINDS:
        if name in kind.commands and (bundled := _bundled(kind, env)) is not None:
            return bundled
    raise UsageError(
        f"there is no command {name!r} on your PATH",
        hint="name it by its path, or in the editor run “Shell Command: Install command in PATH”",
    )


def none_found(hint: str) -> DevshellError:
    """Return the error for a machine on which no editor is found."""
    names = ", ".join(kind.commands[0] for kind in KINDS)
    return DevshellError(f"no editor was found; looked for {names}", hint=hint)


def installed(env: Mapping[str, str]) -> tuple[tuple[str, str | None], ...]:
    """Return, for each folder of extensions that there is, the version of devshell's in it, or None where it is not."""
    home = env.get("HOME", "")
    if not os.path.isabs(home):
        return ()
    folders = [os.path.join(home, each) for kind in KINDS for each in kind.extensions]
    return tuple((folder, _version(folder)) for folder in folders if os.path.isdir(folder))


def _version(folder: str) -> str | None:
    # The editor's own list: a folder may stay behind after its extension was removed.
    try:
        found = read_regular(Path(folder, "extensions.json"), _MOST_BYTES)
        listed = json.loads(found[0]) if found else []
    except (DevshellError, ValueError, RecursionError):
        return None
    for entry in listed if isinstance(listed, list) else []:
        identifier = entry.get("identifier") if isinstance(entry, dict) else None
        if isinstance(identifier, dict) and str(identifier.get("id", "")).lower() == EXTENSION:
            return str(entry.get("version"))
    return None


def _found(kind: Kind, env: Mapping[str, str]) -> Iterator[Editor]:
    for command in kind.commands:
        for folder in _folders(env):
            if _is_program(path := os.path.join(folder, command)):
                yield Editor(command, path)
                # The first of its name is the one that the user's shell would take.
                break
    bundled = _bundled(kind, env)
    if bundled is not None:
        yield bundled


def _bundled(kind: Kind, env: Mapping[str, str]) -> Editor | None:
    if not kind.bundle:
        return None
    for folder in _APPLICATIONS:
        inside = os.path.join(folder.replace("~", env.get("HOME", ""), 1), kind.bundle, "Contents/Resources/app/bin")
        for command in (*kind.commands, "code"):
            if _is_program(path := os.path.join(inside, command)):
                return Editor(kind.commands[0], path)
    return None


def _folders(env: Mapping[str, str]) -> list[str]:
    """Return where commands are looked for. A relative entry of PATH would find what lies in the current folder."""
    entries = dict.fromkeys((*env.get("PATH", os.defpath).split(":"), *_MORE_FOLDERS))
    return [
        entry for entry in entries if os.path.isabs(entry) and not os.path.lexists(os.path.join(entry, shims.MARKER))
    ]


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _running_first(found: tuple[Editor, ...], env: Mapping[str, str]) -> tuple[Editor, ...]:
    # In a remote editor's own terminal, its command talks to the window that the user sits at.
    if not env.get("VSCODE_IPC_HOOK_CLI"):
        return found
    return tuple(sorted(found, key=lambda editor: os.path.basename(os.path.dirname(editor.command)) != "remote-cli"))
