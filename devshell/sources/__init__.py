"""Sources: where tools come from. One module a source, one small protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from devshell.config import Config
    from devshell.fetch import Fetcher
    from devshell.lock import Absent, Artifact, Block, Entry
    from devshell.manifest import Request
    from devshell.registry import Offer


@dataclass(frozen=True, slots=True)
class World:
    """What a source may use: the network, through one fetcher, and the user's configuration."""

    fetcher: Fetcher
    config: Config


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

    def arrange(self, tree: Path, block: Block) -> None:
        """Bring a freshly unpacked tree into devshell's shape: commands in `bin`, manuals in `share/man`."""
        ...

    def check(self, name: str, platform: str, block: Block) -> None:
        """Raise LockError where the block contradicts itself, such as a version its file does not have."""
        ...
