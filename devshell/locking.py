"""What `lock`, `outdated` and everything that needs a current lock do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devshell import resolve, versions
from devshell.errors import DevshellError, LockError, Place
from devshell.lock import Change, Lock, changes, has_conflict
from devshell.opening import Project, trusted_project, write_lock
from devshell.snapshot import Role
from devshell.sources import catalogue

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from devshell.resolve import Wish
    from devshell.session import Session

_PARALLEL = 8


@dataclass(frozen=True, slots=True)
class Locked:
    """What locking did: the changes, tool by tool, and the file."""

    project: Project
    changes: list[Change]
    path: str


@dataclass(frozen=True, slots=True)
class Outdated:
    """A tool with a newer version: what is locked, the newest the manifest allows, the newest there is."""

    shell: str | None
    name: str
    locked: str
    allowed: str
    newest: str


def lock(
    start: Path,
    session: Session,
    *,
    update: Collection[str] | None = (),
    mend: bool = False,
    write: bool = True,
) -> Locked:
    """Lock what changed in the manifest, and what `update` names (None: everything).

    `mend` takes a conflicted or damaged lock for what it still says. Raises LockError where the lock
    is neither readable nor to be mended, and where a tool to update is not asked for.
    """
    found = trusted_project(start, session)
    _refuse_unknown(found, update)
    old = _mended(found) if mend else found.lock() or Lock()
    new = resolve.resolve(found.manifest, old, session, update=update)
    before = old if not mend or _is_readable(found) else Lock()
    if write:
        found = write_lock(found, new)
    return Locked(found, changes(before, new), found.lock_path)


def check(start: Path, session: Session) -> None:
    """Raise LockError, saying what differs, where the lock does not answer the manifest; no network."""
    current(trusted_project(start, session), session, frozen=True)


def current(found: Project, session: Session, *, frozen: bool) -> tuple[Project, Lock]:
    """Return the lock that answers the manifest, locking first what is not locked yet.

    Raises LockError where that would change the lock and `frozen` forbids it.
    """
    lock = found.lock()
    reasons = ["there is no lock"] if lock is None else resolve.stale(found.manifest, lock)
    if lock is not None and not reasons:
        return found, lock
    if frozen:
        raise LockError(
            "the lock does not answer the manifest: " + "; ".join(reasons),
            place=Place(found.lock_path),
            hint="run `devshell lock` and commit the result",
        )
    session.note(f"locking: {'; '.join(reasons)}")
    lock = resolve.resolve(found.manifest, lock or Lock(), session)
    return write_lock(found, lock), lock


def outdated(start: Path, session: Session) -> list[Outdated]:
    """Ask the sources for newer versions of every locked tool; only tools that have one are returned."""
    found = trusted_project(start, session)
    lock = found.lock()
    if lock is None:
        raise LockError("there is no lock yet", place=Place(found.lock_path), hint="run `devshell lock`")
    wishes = resolve.wishes(found.manifest)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        answers = list(pool.map(lambda wish: _outdated(wish, lock, session), wishes))
    return [answer for answer in answers if answer is not None]


def _outdated(wish: Wish, lock: Lock, session: Session) -> Outdated | None:
    entry = lock.shell_tools(wish.shell).get(wish.name)
    if entry is None or not entry.versions:
        return None
    locked = max(entry.versions, key=versions.sort_key)
    there: set[str] = set()
    for source, offer in resolve.offers(wish.request, session):
        try:
            there |= set(catalogue.get(source).versions(wish.request, offer, session.world))
        except DevshellError as error:
            session.note(f"{wish.name}: {error.message}")
        else:
            break
    allowed = [locked, *versions.parse(wish.request.version).newest(there)]
    newest = [locked, *versions.parse("latest").newest(there)]
    best_allowed, best = (max(group, key=versions.sort_key) for group in (allowed, newest))
    if locked == best_allowed == best:
        return None
    return Outdated(wish.shell, wish.name, locked, best_allowed, best)


def _refuse_unknown(found: Project, update: Collection[str] | None) -> None:
    known = {wish.name for wish in resolve.wishes(found.manifest)}
    unknown = sorted(set(update or ()) - known)
    if unknown:
        raise LockError(
            f"this project does not ask for {', '.join(map(repr, unknown))}",
            place=Place(found.snapshot.one(Role.MANIFEST).path, key="tools"),
            hint=f"its tools: {', '.join(sorted(known)) or 'none'}",
        )


def _mended(found: Project) -> Lock:
    file = found.snapshot.one(Role.LOCK)
    return resolve.merge(file.content or b"", file.path, found.manifest)


def _is_readable(found: Project) -> bool:
    content = found.snapshot.one(Role.LOCK).content
    return content is not None and not has_conflict(content)
