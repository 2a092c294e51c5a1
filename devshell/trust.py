"""Trust: the user's word, by content, that a project may act.

The record is a folder, `trusted`, in the project's private state. It holds the hash over the
project's real path and snapshot, and a copy of each file: to show the difference when something
changes, and as the reference whose time the hook compares. The folder is made beside its place and
renamed, so that a record exists whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.errors import Place, TrustError
from devshell.files import explained, locked, make_private, remove_tree, write_atomically
from devshell.paths import project_state
from devshell.snapshot import File, Role, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

_FORMAT = 1
_RECORD = "record.json"
_LARGEST_RECORD = 16 << 20


class Standing(StrEnum):
    """What the user has said of a project's present content."""

    ALLOWED = "allowed"
    CHANGED = "changed"
    DENIED = "denied"
    UNKNOWN = "not allowed"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that differs from what was trusted; None stands for a missing file."""

    path: str
    role: Role
    old: bytes | None
    new: bytes | None


@dataclass(frozen=True, slots=True)
class _Record:
    hash: str
    files: tuple[tuple[str, str, bool], ...]  # path, role, whether it existed; copies are numbered alike


def trust_hash(snapshot: Snapshot) -> str:
    """Return `sha256:<hex>` over a project's real path and all its files, absent ones included."""
    value = {
        "format": _FORMAT,
        "root": snapshot.root,
        "files": [[file.role.value, file.path, file.digest] for file in snapshot.files],
    }
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "sha256:" + hashlib.sha256(canonical.encode("ascii")).hexdigest()


def standing(snapshot: Snapshot) -> Standing:
    """Return what the user has said of exactly this content."""
    state = _state(snapshot.root)
    if (state / "denied").exists():
        return Standing.DENIED
    record = _read(state)
    if record is None:
        return Standing.UNKNOWN
    return Standing.ALLOWED if record.hash == trust_hash(snapshot) else Standing.CHANGED


def allow(snapshot: Snapshot) -> None:
    """Record the user's word for exactly this content; nothing rendered from other content stays."""
    state = _state(snapshot.root)
    with explained(state):
        make_private(state)
        with locked(state / ".trusting", cancelled=_never):
            if standing(snapshot) is not Standing.ALLOWED:
                drop_rendered(snapshot.root)
            _replace_record(state, snapshot)
            (state / "denied").unlink(missing_ok=True)


def deny(root: str) -> None:
    """Take the user's word back, and all that was rendered on its strength."""
    state = _state(root)
    with explained(state):
        make_private(state)
        with locked(state / ".trusting", cancelled=_never):
            write_atomically(state / "denied", b"", 0o600)
            drop_rendered(root)
            for copies in ("trusted", ".trusted", ".replaced"):
                remove_tree(state / copies)


def has_record(root: str) -> bool:
    """Return whether the user has ever allowed the project at `root`, and not denied it since."""
    return (_state(root) / "trusted").exists()


def drop_rendered(root: str) -> None:
    """Remove the records that say a project is ready: without them no shell acts."""
    state = _state(root)
    for path in (*state.glob("ready"), *state.glob("ready.*")):
        path.unlink(missing_ok=True)


def differences(snapshot: Snapshot) -> list[FileChange]:
    """Return what differs from what was last trusted; everything, where nothing was."""
    state = _state(snapshot.root)
    record = _read(state)
    old: dict[str, tuple[Role, bytes | None]] = {}
    for number, (path, role, existed) in enumerate(record.files if record else ()):
        old[path] = (Role(role), _copy(state, number) if existed else None)
    new = {file.path: file for file in snapshot.files}
    changes = [
        FileChange(path, file.role, old.get(path, (file.role, None))[1], file.content)
        for path, file in new.items()
        if path not in old or old[path][1] != file.content
    ]
    gone = [FileChange(path, role, content, None) for path, (role, content) in old.items() if path not in new]
    return [change for change in changes + gone if change.old is not None or change.new is not None]


def watched(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    """Return each file of a trusted project with its reference, empty where the file is absent."""
    folder = _state(snapshot.root) / "trusted"
    return tuple((f.path, str(folder / str(n)) if f.exists else "") for n, f in enumerate(snapshot.files))


def render(snapshot: Snapshot, path: Path, content: bytes) -> None:
    """Write what the shell will act on, made from `snapshot`, if that is still trusted.

    Raises TrustError where the user's word was taken back meanwhile.
    """
    state = _state(snapshot.root)
    with explained(path), locked(state / ".trusting", cancelled=_never):
        found = standing(snapshot)
        if found is not Standing.ALLOWED:
            raise refusal(snapshot.root, found)
        _refresh_times(snapshot)
        write_atomically(path, content, 0o600)


def _refresh_times(snapshot: Snapshot) -> None:
    # A file may have been touched, or checked out again, and be the same as before.
    folder = _state(snapshot.root) / "trusted"
    for number, file in enumerate(snapshot.files):
        if file.exists:
            os.utime(folder / str(number), ns=(file.mtime_ns, file.mtime_ns))


def require(snapshot: Snapshot, confirm: Callable[[Snapshot, Standing], bool] | None) -> None:
    """Let an acting command go on only in a project whose exact content is allowed.

    `DEVSHELL_TRUST` naming the project's folder, or one above it, is the user's word as well.
    `confirm` asks on a terminal; None where there is nobody to ask. Raises TrustError.
    """
    found = standing(snapshot)
    if found is Standing.ALLOWED:
        return
    if found is Standing.DENIED:
        raise refusal(snapshot.root, found)
    if covered_by_environment(snapshot.root) or (confirm is not None and confirm(snapshot, found)):
        allow(snapshot)
        return
    raise refusal(snapshot.root, found)


def refusal(root: str, found: Standing) -> TrustError:
    """Return the error for a project that may not act."""
    words = {
        Standing.CHANGED: "this project has changed since it was allowed",
        Standing.DENIED: "this project is denied",
        Standing.UNKNOWN: "this project is not allowed to act",
        Standing.ALLOWED: "this project is allowed",
    }
    return TrustError(words[found], place=Place(root), hint="look at its devshell.toml, then run `devshell allow`")


def covered_by_environment(root: str) -> bool:
    """Return whether `DEVSHELL_TRUST` names this folder or one above it, compared component by component."""
    named = os.environ.get("DEVSHELL_TRUST", "")
    if not os.path.isabs(named):
        return False
    return Path(root).is_relative_to(os.path.realpath(named))


def _never() -> bool:
    # Held for milliseconds by whoever has it: there is nothing to interrupt.
    return False


def _state(root: str) -> Path:
    return Path(project_state(root))


def _read(state: Path) -> _Record | None:
    # A record that cannot be read is no trust: the safe answer, and `allow` writes a new one.
    try:
        with (state / "trusted" / _RECORD).open("rb") as file:
            data = json.loads(file.read(_LARGEST_RECORD))
        if data["format"] != _FORMAT:
            return None
        return _Record(data["hash"], tuple((path, Role(role), existed) for path, role, existed in data["files"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _copy(state: Path, number: int) -> bytes | None:
    try:
        return (state / "trusted" / str(number)).read_bytes()
    except OSError:
        return None


def _replace_record(state: Path, snapshot: Snapshot) -> None:
    # Under the lock, so what is there was left by a process that was killed.
    new, old = state / ".trusted", state / ".replaced"
    remove_tree(new)
    new.mkdir(mode=0o700)
    for number, file in enumerate(snapshot.files):
        if file.content is not None:
            write_private(new / str(number), file)
    data = {
        "format": _FORMAT,
        "hash": trust_hash(snapshot),
        "files": [[file.path, file.role.value, file.exists] for file in snapshot.files],
    }
    write_atomically(new / _RECORD, json.dumps(data, indent=1).encode(), 0o600)
    # A folder cannot replace a full one in one step. In between there is no record: nothing is trusted.
    remove_tree(old)
    if (state / "trusted").exists():
        (state / "trusted").rename(old)
    new.rename(state / "trusted")
    remove_tree(old)


def write_private(path: Path, file: File) -> None:
    """Write a file's copy, readable by its owner alone, with the file's own time."""
    write_atomically(path, file.content or b"", 0o600)
    os.utime(path, ns=(file.mtime_ns, file.mtime_ns))
