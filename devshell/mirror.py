"""What `mirror` does: everything that a project's lock names, laid out by hash for machines without a network."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from devshell import locking
from devshell.errors import CancelledError, DevshellError, Place, UsageError, raise_together
from devshell.fetch import mirrors
from devshell.lock import Block
from devshell.opening import trusted_project
from devshell.sources import catalogue

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from devshell.lock import Artifact, Entry, Lock
    from devshell.manifest import Manifest, Request
    from devshell.session import Session


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A mirror that holds a lock's files: how many there are, how many of them are new, and their bytes."""

    files: int
    size: int
    added: int
    added_size: int


@dataclass(frozen=True, slots=True)
class _Named:
    """One block that names an artifact, and the manifest's word on it: what its source needs to find the file."""

    label: str
    block: Block
    request: Request | None


def mirror(start: Path, folder: Path, session: Session, *, platforms: Collection[str] = ()) -> Mirrored:
    """Bring every file of the project's lock into a folder, for all its shells, and for all platforms or some.

    What is there and whole is kept. Locks first what is not locked yet. Raises UsageError for a
    platform that is not locked, FetchError where a file cannot be had or the folder not be written;
    several of them as ManyErrors.
    """
    found, lock = locking.current(trusted_project(start, session), session, frozen=False)
    wanted = _artifacts(lock, found.manifest, _chosen(lock, platforms))
    mirrors.begin(folder)
    errors: list[DevshellError] = []
    added = []
    with ThreadPoolExecutor(session.world.config.downloads) as pool:
        futures = {pool.submit(_bring, one, named, folder, session): one for one, named in wanted.items()}
        for future, one in futures.items():
            try:
                if future.result():
                    added.append(one.size)
            except DevshellError as error:
                if session.cancelled():
                    pool.shutdown(cancel_futures=True)
                    raise
                errors.append(error)
    raise_together(errors)
    return Mirrored(len(wanted), sum(one.size for one in wanted), len(added), sum(added))


def _chosen(lock: Lock, platforms: Collection[str]) -> set[str]:
    locked = {platform for entry, _ in _entries(lock) for platform in entry.platforms}
    unknown = sorted(set(platforms) - locked)
    if unknown:
        raise UsageError(
            f"nothing is locked for {', '.join(unknown)}",
            hint=f"locked are {', '.join(sorted(locked)) or 'none'}; see settings.platforms",
        )
    return set(platforms) or locked


def _entries(lock: Lock) -> Iterator[tuple[Entry, str | None]]:
    """Yield every entry, and the named shell that it belongs to, if any."""
    owned = [(None, lock.tools), (None, lock.dependencies), *lock.shells.items()]
    for shell, entries in owned:
        for entry in entries.values():
            yield entry, shell


def _artifacts(lock: Lock, manifest: Manifest, platforms: set[str]) -> dict[Artifact, list[_Named]]:
    """Return every artifact once, with all that names it: where one source lacks it, another may not."""
    found: dict[str, tuple[Artifact, list[_Named]]] = {}
    for entry, shell in _entries(lock):
        request = manifest.shell(shell).tools.get(entry.name)
        for platform in sorted(platforms & set(entry.platforms)):
            block = entry.platforms[platform]
            if isinstance(block, Block):
                catalogue.get(block.source).check(entry.name, platform, block)
                named = _Named(f"{entry.name} {block.version}", block, request)
                for artifact in block.artifacts:
                    found.setdefault(artifact.hash, (artifact, []))[1].append(named)
    return dict(found.values())


def _bring(artifact: Artifact, named: list[_Named], folder: Path, session: Session) -> bool:
    """Return whether the artifact had to be brought; False where the mirror has it."""
    if session.cancelled():
        raise CancelledError("cancelled")
    if mirrors.holds(folder, artifact):
        return False
    world = session.world
    places = (catalogue.get(one.block.source).locate(artifact, one.block, one.request, world) for one in named)
    try:
        file = world.fetcher.artifact(artifact, chain.from_iterable(places), label=named[0].label)
    except DevshellError as error:
        error.place = error.place or Place(named[0].label)
        raise
    mirrors.put(folder, artifact, file)
    return True
