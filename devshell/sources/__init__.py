"""Sources: where tools come from. One module a source, one small protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from devshell.errors import ResolveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from devshell.config import Config
    from devshell.fetch import Fetcher
    from devshell.lock import Absent, Artifact, Block, Entry
    from devshell.manifest import Request
    from devshell.registry import Offer


def _say_nothing(message: str) -> None:
    del message


def _nobody_to_lock(name: str, version: str, platforms: Sequence[str]) -> Needed:
    raise ResolveError(f"{name} {version} is needed for {', '.join(platforms)}, and nobody here can lock it")


def _nobody_to_install(name: str) -> Path:
    raise ResolveError(f"the engine {name!r} is needed, and nobody here can install it")


@dataclass(frozen=True, slots=True)
class World:
    """What a source may use: the network, through one fetcher, and the user's configuration.

    `need` locks another tool of the registry that a closure stands on, such as `("python", "3.13",
    platforms)`, once for all that ask. `engine` brings an engine of devshell's own engine lock into
    the store and returns the folder of its commands. `note` says a line to the user. `ask` puts a
    question and returns the answer, "" for none; it is None where there is nobody to ask.
    """

    fetcher: Fetcher
    config: Config
    need: Callable[[str, str, Sequence[str]], Needed] = _nobody_to_lock
    engine: Callable[[str], Path] = _nobody_to_install
    note: Callable[[str], None] = _say_nothing
    ask: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Needed:
    """What a closure stands on: the entry to put among the lock's dependencies, and what that one needs itself."""

    entry: Entry
    dependencies: Mapping[str, Entry] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Site:
    """Where a tree is being made.

    `tree` is the folder it is in now. `final` is its path in the store: what gets written into
    files speaks of that one. `needs` are the trees of the block's dependencies, by their names in
    the lock; they are in the store already.
    """

    tree: Path
    final: Path
    needs: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Locked:
    """What a source answers: a block or its absence for each platform, and what those blocks depend on."""

    platforms: Mapping[str, Block | Absent]
    dependencies: Mapping[str, Entry] = field(default_factory=lambda: MappingProxyType({}))


class Source(Protocol):
    """One kind of place that tools come from."""

    name: str

    def versions(self, request: Request, offer: Offer | None, world: World) -> Sequence[str]:
        """Return every version of the tool there is, in any order.

        Raises UnreachableError where the source does not answer, ResolveError where it lacks the tool.
        """
        ...

    def lock(self, request: Request, offer: Offer | None, platforms: Sequence[str], world: World) -> Locked:
        """Choose the newest version that answers `request` and return a block for each platform.

        `offer` is what the registry says of the tool at this source, or None for a tool named with
        its source. Raises UnreachableError where the source does not answer and ResolveError where
        nothing there answers the request.
        """
        ...

    def locate(self, artifact: Artifact, block: Block, request: Request | None, world: World) -> Iterator[str]:
        """Yield addresses to try for an artifact, asking the network only when iterated.

        `request` is the manifest's own word on the tool, None for a dependency.
        """
        ...

    def arrange(self, site: Site, block: Block) -> None:
        """Bring a freshly unpacked tree into devshell's shape: commands in `bin`, manuals in `share/man`."""
        ...

    def check(self, name: str, platform: str, block: Block) -> None:
        """Raise LockError where the block contradicts itself, such as a version its file does not have."""
        ...
