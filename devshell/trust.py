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

from devshell import rendered
from devshell.errors import Place, TrustError
from devshell.files import explained, locked, make_private, remove_tree, write_atomically
from devshell.paths import project_state, rendered_folder
from devshell.snapshot import File, Role, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from devshell.config import Config
    from devshell.shells.rendering import Watched

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
    """Record the user's word for exactly this content, also after a denial; nothing rendered from other content stays.

    Only for a word that is said at this very moment: whatever was decided before uses `allow_unless_denied`.
    """
    _allow(snapshot, lambda: None)


def allow_unless_denied(snapshot: Snapshot) -> None:
    """Record the user's word for exactly this content; raises TrustError where they have denied it meanwhile."""
    _allow(snapshot, lambda: Standing.DENIED if standing(snapshot) is Standing.DENIED else None)


def keep_allowed(old: Snapshot, new: Snapshot) -> None:
    """Record `new` in the place of `old`, which devshell has changed; raises TrustError where `old` is not allowed."""
    _allow(new, lambda: None if (found := standing(old)) is Standing.ALLOWED else found)


def _allow(snapshot: Snapshot, refused: Callable[[], Standing | None]) -> None:
    from devshell import clones

    state = _state(snapshot.root)
    with explained(state):
        make_private(state)
        # A denial waits for this lock, or this for the denial: none is lost in between.
        with locked(state / ".trusting", cancelled=_never):
            if (found := refused()) is not None:
                raise refusal(snapshot.root, found)
            if standing(snapshot) is not Standing.ALLOWED:
                drop_rendered(snapshot.root)
            clones.remember(snapshot)
            _replace_record(state, snapshot)
            (state / "denied").unlink(missing_ok=True)


def deny(root: str) -> None:
    """Take the user's word back, and all that was rendered on its strength."""
    from devshell import clones

    state = _state(root)
    with explained(state):
        make_private(state)
        with locked(state / ".trusting", cancelled=_never):
            write_atomically(state / "denied", b"", 0o600)
            drop_rendered(root)
            for copies in ("trusted", ".trusted", ".replaced"):
                remove_tree(state / copies)
            clones.forget(root)


def last_word(root: str) -> Standing:
    """Return what the user has said of the project at `root`, whose content cannot be told; ALLOWED it never is."""
    if (_state(root) / "denied").exists():
        return Standing.DENIED
    return Standing.CHANGED if has_record(root) else Standing.UNKNOWN


def has_record(root: str) -> bool:
    """Return whether the user has ever allowed the project at `root`, and not denied it since."""
    return (_state(root) / "trusted").exists()


def drop_rendered(root: str) -> None:
    """Remove what was rendered for shells: without it none of them acts."""
    state = _state(root)
    rendered.drop(state, *rendered.names(state), rendered.WAITING)


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


def render(
    snapshot: Snapshot,
    shell: str | None,
    settings: Sequence[File],
    make: Callable[[Path, tuple[Watched, ...]], Mapping[str, bytes]],
) -> None:
    """Put in place what the shell will act on, made from `snapshot`, if that is still trusted.

    `settings` are the user's own files that count beside the project's; `make` is as `devshell.rendered.put` has it.
    Raises TrustError where the user's word was taken back meanwhile.
    """
    state = _state(snapshot.root)
    with explained(state), locked(state / ".trusting", cancelled=_never):
        found = standing(snapshot)
        if found is not Standing.ALLOWED:
            raise refusal(snapshot.root, found)
        name = rendered.READY if shell is None else f"{rendered.READY}.{shell}"
        rendered.put(state, name, (*snapshot.files, *settings), make, Path(rendered_folder()))
        rendered.drop(state, rendered.WAITING)


def postpone(
    root: str,
    still: Callable[[], bool],
    files: Sequence[File],
    make: Callable[[Path, tuple[Watched, ...]], Mapping[str, bytes]],
) -> None:
    """Put in place why a project that the user has spoken of is not entered now; `make` as in `render`.

    `files` are all that is watched. Nothing is put, where what led to this no longer holds, which `still` says: a
    `deny` that came meanwhile has the word.
    """
    state = _state(root)
    with explained(state):
        make_private(state)
        with locked(state / ".trusting", cancelled=_never):
            if still():
                rendered.put(state, rendered.WAITING, files, make, Path(rendered_folder()))


def known_files(root: str) -> list[tuple[str, Role]]:
    """Return the files that the user's last word for a project was about: paths and roles."""
    record = _read(_state(root))
    return [(path, Role(role)) for path, role, _ in record.files] if record else []


@dataclass(frozen=True, slots=True)
class Settled:
    """What the user's settings say of a project's present content; true where one allows it.

    `setting` is the one that allows it, as the user names it. `objection` is why `trusted`, which names a folder above
    the project, does not.
    """

    setting: str | None = None
    objection: str | None = None

    def __bool__(self) -> bool:
        return self.setting is not None


def by_settings(snapshot: Snapshot, config: Config | None) -> Settled:
    """Return whether the user's settings allow exactly this content: `DEVSHELL_TRUST`, `trusted` or `trust_clones`.

    Reads only, and starts nothing. What is denied no setting allows. Without `config` only the environment counts.
    """
    if standing(snapshot) is Standing.DENIED:
        return Settled()
    if covered_by_environment(snapshot.root):
        return Settled("DEVSHELL_TRUST")
    if config is None:
        return Settled()
    objection = None
    # Each is imported only where it is set: a prompt may wait for this.
    if config.trusted:
        from devshell import trusted

        for folder in trusted.covering(snapshot.root, config.trusted):
            if (found := trusted.objection(snapshot, folder)) is None:
                return Settled("trusted")
            objection = f"{folder!r}, which is in `trusted`, cannot vouch for it: {found}"
    if config.trust_clones != "off":
        from devshell import clones

        if clones.original(snapshot, config.trust_clones, lambda one: standing(one) is Standing.ALLOWED) is not None:
            return Settled("trust_clones")
    return Settled(objection=objection)


def admit(snapshot: Snapshot, config: Config | None) -> Settled:
    """Allow exactly this content if the user's settings say so, and return what they say.

    For whatever acts, be it a command or the hook: from here on, the word is recorded like any other. Raises TrustError
    where the project is denied meanwhile.
    """
    found = by_settings(snapshot, config)
    if found:
        allow_unless_denied(snapshot)
    return found


def require(
    snapshot: Snapshot, confirm: Callable[[Snapshot, Standing], bool] | None, config: Config | None = None
) -> None:
    """Let an acting command go on only in a project whose exact content is allowed, by word or by `config`.

    `confirm` asks on a terminal; None where there is nobody to ask. Raises TrustError.
    """
    found = standing(snapshot)
    if found is Standing.ALLOWED:
        return
    if found is Standing.DENIED:
        raise refusal(snapshot.root, found)
    settled = admit(snapshot, config)
    if settled:
        return
    if confirm is None or not confirm(snapshot, found):
        raise refusal(snapshot.root, found, settled.objection)
    allow_unless_denied(snapshot)


def refusal(root: str, found: Standing, objection: str | None = None) -> TrustError:
    """Return the error for a project that may not act; `objection` is why a setting does not let it."""
    words = {
        Standing.CHANGED: "this project has changed since it was allowed",
        Standing.DENIED: "this project is denied",
        Standing.UNKNOWN: "this project is not allowed to act",
        Standing.ALLOWED: "this project is allowed",
    }
    message = words[found] if objection is None else f"{words[found]}; {objection}"
    return TrustError(message, place=Place(root), hint="look at its devshell.toml, then run `devshell allow`")


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
