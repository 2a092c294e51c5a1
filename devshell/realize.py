"""Realizing: from what the lock pins to trees in the store and one environment of links."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from devshell import system
from devshell.errors import ArchiveError, DevshellError, LockError, Place, StoreError, raise_together
from devshell.lock import Absent, environment_name
from devshell.lock import parts as lock_parts
from devshell.sources import Site, catalogue
from devshell.workers import Turn, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from devshell.lock import Artifact, Lock, Part
    from devshell.manifest import Request
    from devshell.session import Session

T = TypeVar("T")
R = TypeVar("R")

#: Files of one tree that are unpacked at once, at most.
_MOST_AT_ONCE = 4
#: Folders of a tree, besides its commands, that an environment joins.
SHARED = (
    "share/man",
    "share/bash-completion/completions",
    "share/zsh/site-functions",
    "share/fish/vendor_completions.d",
)


@dataclass(frozen=True, slots=True)
class Realized:
    """What stands in the store for a project's shell: the environment, and the part of each tool.

    `added` parts were not there before; their files have `added_bytes` in all.
    """

    environment: Path
    parts: Mapping[str, Part]
    added: int
    added_bytes: int
    absent: tuple[str, ...] = ()


def realize(
    lock: Lock, shell: str | None, requests: Mapping[str, Request], session: Session, platform: str
) -> Realized:
    """Bring a shell's tools into the store and join them in an environment.

    Raises LockError where the lock does not fit this machine, FetchError, ArchiveError or StoreError
    where a tool cannot be had; several of them as ManyErrors.
    """
    absent = absent_tools(lock, shell, platform)
    parts = lock_parts(lock, shell, platform)
    check(parts, platform)
    missing = [p for p in _in_order(parts) if not session.store.has(p.store_name)]
    _add_all(missing, requests, session)
    environment = _add_environment(parts, platform, session)
    return Realized(environment, parts, len(missing), sum(map(_bytes, missing)), absent)


def absent_tools(lock: Lock, shell: str | None, platform: str) -> tuple[str, ...]:
    """Return a line for each tool that the lock says does not exist for a platform.

    Raises LockError where a tool was never locked for it.
    """
    lines = []
    for entry in lock.shell_tools(shell).values():
        found = entry.platforms.get(platform)
        if found is None:
            raise LockError(
                f"{entry.name} is not locked for {platform}",
                hint=f"add {platform!r} to settings.platforms, then run `devshell lock`",
            )
        if isinstance(found, Absent):
            lines.append(f"{entry.name}: {found.reason}")
    return tuple(lines)


def check(parts: Mapping[str, Part], platform: str) -> None:
    """Raise LockError where a block contradicts itself, or needs a newer C library than this machine has."""
    for needed in _in_order(parts):
        catalogue.get(needed.block.source).check(needed.name, platform, needed.block)
    glibc = system.glibc_version()
    if platform.startswith("linux-") and glibc is not None and glibc < system.GLIBC_FLOOR:
        raise LockError(
            f"this machine has glibc {glibc[0]}.{glibc[1]}; locked tools need {'.'.join(map(str, system.GLIBC_FLOOR))}",
            hint="use a newer distribution, or a container of one",
        )


def environment_links(parts: Mapping[str, Part], session: Session) -> dict[str, str]:
    """Return the links of an environment: a path in it → `<store name>/<path in the tree>`.

    Where two tools bring the same command, the one named like the command has it, else the first by
    name.
    """
    links: dict[str, str] = {}
    ordered = sorted(parts.values(), key=lambda p: p.name)
    for needed in ordered:
        tree = session.store.path(needed.store_name)
        for command, target in _commands(needed, tree):
            path = f"bin/{command}"
            if path not in links or command == _short(needed.name):
                links[path] = f"{needed.store_name}/{target}"
        for path in _shared(tree):
            links.setdefault(path, f"{needed.store_name}/{path}")
    return links


def _in_order(parts: Mapping[str, Part]) -> list[Part]:
    """Return every part once, each after what it needs; among equals the largest download first."""
    found: dict[str, Part] = {}

    def visit(one: Part) -> None:
        if one.store_name not in found:
            for needed in one.needs:
                visit(needed)
            found[one.store_name] = one

    for one in sorted(parts.values(), key=_bytes, reverse=True):
        visit(one)
    return list(found.values())


def _bytes(one: Part) -> int:
    return sum(artifact.size for artifact in one.block.artifacts)


def _add_all(todo: Sequence[Part], requests: Mapping[str, Request], session: Session) -> None:
    if not todo:
        return
    pool = ThreadPoolExecutor(session.world.config.downloads)
    futures: dict[str, Future[None]] = {}
    with Workers(
        [_bytes(one) for one in todo for _ in one.block.artifacts[:_MOST_AT_ONCE]], session.cancelled
    ) as workers:
        try:
            turn = Turn()
            for one in todo:
                # Submitted in order of need, so that whatever a part waits for has already begun.
                waiting = [futures[n.store_name] for n in one.needs if n.store_name in futures]
                adding = _Adding(one, requests.get(one.name), waiting, workers, turn)
                futures[one.store_name] = pool.submit(adding.add, session)
                turn = turn.next()
            wait(futures.values())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    errors = [error for future in futures.values() if (error := future.exception()) is not None]
    for error in errors:
        if session.cancelled() or not isinstance(error, DevshellError):
            raise error
    raise_together([error for error in errors if isinstance(error, DevshellError)])


@dataclass(frozen=True, slots=True)
class _Adding:
    """The adding of one part: what the manifest says of it, and what must be there first."""

    one: Part
    request: Request | None
    waiting: list[Future[None]]
    workers: Workers
    turn: Turn

    def add(self, session: Session) -> None:
        try:
            # Fetched before the store path's lock is taken: on Ctrl-C a stalled download leaves no tree behind.
            with self.turn:
                files = self._fetch(session)
            session.store.add(self.one.store_name, lambda tree: self._fill(tree, files, session), sealed=self._sealed)
        except DevshellError as error:
            error.place = error.place or Place(f"{self.one.name} {self.one.block.version}")
            raise

    def _fetch(self, session: Session) -> list[tuple[Artifact, Path]]:
        block = self.one.block
        source = catalogue.get(block.source)
        bar = session.world.fetcher.together(f"{self.one.name} {block.version}", _bytes(self.one))

        def fetch(artifact: Artifact) -> Path:
            addresses = source.locate(artifact, block, self.request, session.world)
            return session.world.fetcher.artifact(artifact, addresses, bar=bar)

        try:
            files = _at_once(fetch, block.artifacts, session.world.config.downloads)
        finally:
            bar.done()
        return list(zip(block.artifacts, files, strict=True))

    def _fill(self, tree: Path, files: list[tuple[Artifact, Path]], session: Session) -> None:
        for place in {artifact.place for artifact, _ in files}:
            (tree / place).mkdir(parents=True, exist_ok=True)
        self._unpack(tree, files)
        for future in self.waiting:
            future.result()
        needs = {need.name: session.store.path(need.store_name) for need in self.one.needs}
        site = Site(tree, session.store.path(self.one.store_name), MappingProxyType(needs))
        self.workers.arrange(self.one.block, site, _bytes(self.one))
        _commands(self.one, tree)

    def _unpack(self, tree: Path, files: list[tuple[Artifact, Path]]) -> None:
        size = _bytes(self.one)

        def unpack(one: tuple[Artifact, Path]) -> ArchiveError | None:
            artifact, file = one
            name = artifact.file.rpartition("/")[2]
            try:
                self.workers.unpack(file, name, tree / artifact.place, self.one.block.strip, size)
            except ArchiveError as error:
                return error
            return None

        # What several packages bring must be equal, and looks different while another is still
        # writing it: those are unpacked once more when all are done.
        failed = _at_once(unpack, files, self.workers.count)
        for one, error in zip(files, failed, strict=True):
            if error is not None and (len(files) == 1 or (error := unpack(one)) is not None):
                raise error

    def _sealed(self, tree: Path, root: Path) -> str:
        return self.workers.seal(tree, root, _bytes(self.one))


def _at_once(do: Callable[[T], R], items: Sequence[T], most: int) -> list[R]:
    """Do something for each item, some at a time, and return the answers in order; the first error ends it."""
    if len(items) == 1:
        return [do(items[0])]
    pool = ThreadPoolExecutor(max(1, min(most, len(items))))
    try:
        return list(pool.map(do, items))
    finally:
        pool.shutdown(cancel_futures=True)


def _add_environment(parts: Mapping[str, Part], platform: str, session: Session) -> Path:
    links = environment_links(parts, session)

    def fill(tree: Path) -> None:
        (tree / "bin").mkdir()
        for path, target in links.items():
            link = tree / path
            link.parent.mkdir(parents=True, exist_ok=True)
            # Relative to the store, so that a store that is moved as a whole still works.
            link.symlink_to("../" * (path.count("/") + 1) + target)

    return session.store.add(environment_name(platform, links), fill)


def _commands(one: Part, tree: Path) -> list[tuple[str, str]]:
    """Return a part's commands and where they are in its tree; raises StoreError where one is missing."""
    if one.block.bin is None:
        return [(name, f"bin/{name}") for name in _programs(tree / "bin")]
    for command, target in one.block.bin.items():
        # Judged by the file itself: as root, everything looks executable.
        path = tree / target
        if not path.is_file() or not path.stat().st_mode & 0o111:
            raise StoreError(
                f"{one.name} {one.block.version}: the command {command!r} should be at {target!r}, "
                "where the package has no program",
                place=Place(one.block.artifacts[0].file if one.block.artifacts else one.name),
                hint="check the tool's `bin`, then run `devshell lock --update`",
            )
    return sorted(one.block.bin.items())


def _programs(folder: Path) -> Iterator[str]:
    if not folder.is_dir():
        return
    for name in sorted(os.listdir(folder)):
        path = folder / name
        if path.is_file() and path.stat().st_mode & 0o111:
            yield name


def _shared(tree: Path) -> Iterator[str]:
    for folder in SHARED:
        for found, _, files in os.walk(tree / folder):
            for name in sorted(files):
                yield os.path.relpath(os.path.join(found, name), tree)


def _short(name: str) -> str:
    return name.rpartition(":")[2].rpartition("/")[2]
