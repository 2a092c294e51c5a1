"""A project's `.vscode/settings.json`: what extensions need to be told, since no environment tells them.

Which settings these are stands in `settings.toml`, with the reason for each. What the person wrote is never changed:
only members are added that are not there, and taken out that hold exactly what stands in that list.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devshell import jsonc
from devshell.errors import Place, ProjectError
from devshell.files import explained, read_regular, write_atomically
from devshell.system import own_uids

if TYPE_CHECKING:
    from collections.abc import Collection

_FOLDER = ".vscode"
_FILE = "settings.json"
_MOST_BYTES = 4 << 20
#: What the scope is called of which an editor reads nothing in a folder that is not trusted there.
NEEDS_TRUST = "machine-overridable"


@dataclass(frozen=True, slots=True)
class Setting:
    """One entry of `settings.toml`, which says what each field means."""

    command: str
    extension: str
    setting: str
    value: Any
    scope: str
    reason: str
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a project's settings; `before` and `after` are the file's text, None for no file.

    `added` and `removed` are done by it, `same` stand there already. `others` stand there with another value and stay:
    the setting, and that value. `passed` would be added but for a folder of the project: the setting, and the folder.
    """

    path: str
    before: str | None
    after: str | None
    added: tuple[Setting, ...] = ()
    removed: tuple[Setting, ...] = ()
    same: tuple[Setting, ...] = ()
    others: tuple[tuple[Setting, Any], ...] = ()
    passed: tuple[tuple[Setting, str], ...] = ()


def known() -> tuple[Setting, ...]:
    """Return every setting there is a word for, in the order of `settings.toml`."""
    text = resources.files("devshell.vscode").joinpath("settings.toml").read_text("utf-8")
    return tuple(
        Setting(**{**each, "unless": tuple(each.get("unless", ()))}) for each in tomllib.loads(text)["settings"]
    )


def commands(environment: str) -> frozenset[str]:
    """Return the names of the commands that an environment has."""
    folder = os.path.join(environment, "bin")
    with explained(folder, "read"):
        return frozenset(os.listdir(folder))


def plan(root: str, there: Collection[str]) -> Change:
    """Return what to change for the project at `root`, a real path, whose environment has the commands `there`.

    With no commands, all that this module has ever written is taken out. Raises ProjectError where the file cannot be
    read, leads out of the project, belongs to somebody else, or is no JSON with comments.
    """
    path = _place(root)
    before = _read(path)
    text, found = before or "", _members(path, before or "")
    added, removed, same = [], [], []
    others: list[tuple[Setting, Any]] = []
    passed: list[tuple[Setting, str]] = []
    for each in known():
        wanted = each.command in there
        in_the_way = next((name for name in each.unless if os.path.isdir(os.path.join(root, name))), None)
        if each.setting in found:
            if found[each.setting] != each.value:
                others += [(each, found[each.setting])] if wanted else []
            elif wanted and in_the_way is None:
                same.append(each)
            else:
                removed.append(each)
                text = jsonc.without_member(text, each.setting)
        elif wanted and in_the_way is not None:
            passed.append((each, in_the_way))
        elif wanted:
            added.append(each)
            text = jsonc.with_member(text, each.setting, each.value)
    _check(path, text, found, added, removed)
    after: str | None = text if added or removed else before
    if removed and "".join(text.split()) == "{}":
        after = None
    return Change(str(path), before, after, tuple(added), tuple(removed), tuple(same), tuple(others), tuple(passed))


def write(change: Change, root: str) -> None:
    """Do what :func:`plan` planned; raises ProjectError where the file is no longer as it was read."""
    path = _place(root)
    if _read(path) != change.before:
        raise ProjectError(
            f"{_FILE} was changed while devshell worked; nothing was written",
            place=Place(str(path)),
            hint="run the command again",
        )
    if change.after == change.before:
        return
    with explained(path):
        if change.after is None:
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
            return
        path.parent.mkdir(mode=0o755, exist_ok=True)
    write_atomically(path, change.after.encode())


def _place(root: str) -> Path:
    """Return where the settings are, having looked at who says so: the repository may have brought links."""
    folder = Path(root, _FOLDER)
    path = folder / _FILE
    for each in (folder, path):
        if not os.path.lexists(each):
            continue
        if each.is_symlink() and not Path(os.path.realpath(each)).is_relative_to(root):
            raise ProjectError(
                f"{each.name} is a link that leaves the project, so devshell does not write there",
                place=Place(str(each)),
                hint="replace the link by what it leads to",
            )
        with explained(each, "read", ProjectError):
            owners = {each.lstat().st_uid, each.stat().st_uid}
        if not owners <= own_uids():
            raise ProjectError(
                f"{each.name} belongs to another user, so devshell does not write there",
                place=Place(str(each)),
                hint="look at it with `ls -ld`, then make it yours or move it away",
            )
    if folder.exists() and not folder.is_dir():
        raise ProjectError(f"{_FOLDER} is not a folder", place=Place(str(folder)), hint="move it out of the way")
    return path


def _read(path: Path) -> str | None:
    found = read_regular(path, _MOST_BYTES)
    try:
        return None if found is None else found[0].decode()
    except UnicodeDecodeError as problem:
        line = found[0].count(b"\n", 0, problem.start) + 1 if found else None
        raise ProjectError("the settings are not UTF-8", place=Place(str(path), line), hint="mend that line") from None


def _members(path: Path, text: str) -> dict[str, Any]:
    try:
        return jsonc.members(text)
    except jsonc.JsoncError as problem:
        raise ProjectError(
            f"the settings are not JSON: {problem.message}",
            place=Place(str(path), problem.line),
            hint="mend that line; nothing was written",
        ) from None


def _check(path: Path, text: str, found: dict[str, Any], added: list[Setting], removed: list[Setting]) -> None:
    """Read the new text again: only what was asked for may differ."""
    gone = {each.setting for each in removed}
    expected = {name: value for name, value in found.items() if name not in gone}
    expected |= {each.setting: each.value for each in added}
    if _members(path, text) != expected:
        raise ProjectError(
            "the settings have a shape that devshell cannot change safely",
            place=Place(str(path)),
            hint="write them by hand; `devshell vscode settings --dry-run` shows which",
        )
