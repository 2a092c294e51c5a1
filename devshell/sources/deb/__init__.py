"""The deb source: a tool and its dependency closure from a Debian suite, unpacked without root."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell.errors import LockError, ResolveError
from devshell.lock import Absent, Block
from devshell.sources import Locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from devshell.lock import Artifact
    from devshell.manifest import Request
    from devshell.registry import Offer
    from devshell.sources import Site, World
    from devshell.sources.deb.packages import Index

#: The suite of tools for which neither the manifest nor the registry names one.
DEFAULT_SUITE = "trixie"


class Deb:
    """Tools that come as Debian packages, each with all it needs but the kernel."""

    name = "deb"

    def versions(self, request: Request, offer: Offer | None, world: World) -> Sequence[str]:
        """Return the versions of the tool that the suite has for any processor, newest first."""
        from devshell.sources.deb.blocks import ARCHITECTURES
        from devshell.sources.deb.shelf import shelf

        package = _package(request, offer)
        indexes = _indexes(request, offer, tuple(ARCHITECTURES), world)
        found = [version for index in indexes.values() for version in shelf(index, package, offer)]
        if not found:
            raise ResolveError(f"Debian's {_suite(request, offer)} has no package {package!r}", place=request.place)
        return list(dict.fromkeys(found))

    def lock(self, request: Request, offer: Offer | None, platforms: Sequence[str], world: World) -> Locked:
        """Choose one version for all platforms and return a block with its closure for each.

        Raises ResolveError where the suite lacks the package or something it needs, on every
        platform, and where no version answers; and what `packages.index` raises.
        """
        from devshell.sources.deb.blocks import ARCHITECTURES, block
        from devshell.sources.deb.shelf import choose, shelf

        package = _package(request, offer)
        served = [p for p in platforms if p in ARCHITECTURES and (offer is None or offer.serves(p))]
        blocks: dict[str, Block | Absent] = dict.fromkeys(platforms, Absent("Debian packages are for Linux"))
        if not served:
            return Locked(MappingProxyType(blocks))
        indexes = _indexes(request, offer, served, world)
        shelves = {platform: shelf(indexes[platform], package, offer) for platform in served}
        version = choose(shelves, package, request, indexes.values())
        failures = []
        for platform in served:
            found = shelves[platform].get(version)
            if found is None:
                blocks[platform] = Absent(f"Debian's {_suite(request, offer)} has no {package} {version} for it")
                continue
            try:
                blocks[platform] = block(found, version, offer, indexes[platform], platform)
            except ResolveError as problem:
                blocks[platform] = Absent(problem.message)
                failures.append(problem)
        if failures and not any(isinstance(one, Block) for one in blocks.values()):
            raise failures[0]
        return Locked(MappingProxyType(blocks))

    def locate(
        self,
        artifact: Artifact,
        block: Block,
        request: Request | None,  # noqa: ARG002  (the lock names file and suite)
        world: World,
    ) -> Iterator[str]:
        """Yield the addresses of a package's file on every configured archive."""
        from devshell.sources.deb.addresses import addresses_of

        yield from addresses_of(artifact.file, block.origin["suite"], world)

    def arrange(self, site: Site, block: Block) -> None:
        """Make a tree of its own of the unpacked packages: nothing in it looks at the host's libraries."""
        from devshell.sources.deb import tree

        tree.arrange(site, block)

    def check(self, name: str, platform: str, block: Block) -> None:
        """Raise LockError where the files' own names contradict the block."""
        from devshell.sources.deb.blocks import contradiction

        wrong = contradiction(platform, block)
        if wrong is not None:
            raise LockError(
                f"the lock's {platform} block of {name!r} {wrong}",
                hint=f"restore it from version control, or lock it again with `devshell lock --update {name}`",
            )


def answers(block: Block, request: Request, offer: Offer | None) -> bool:
    """Return whether a block is of the package that the manifest or an offer means, and of its version.

    Where neither names a suite, one that another release of devshell chose is as good.
    """
    from devshell.sources.deb.debian_version import upstream

    origin = block.origin
    suite = _named_suite(request, offer)
    plain = upstream(origin.get("release", ""))
    if origin.get("package") != (request.name if offer is None else offer.package):
        return False
    if suite is not None and origin.get("suite") != suite:
        return False
    if offer is None:
        return block.version == plain
    return block.version == offer.version(plain) and origin.get("also", "") == " ".join(offer.also)


def _package(request: Request, offer: Offer | None) -> str:
    """Return the package's name; what is none could lead elsewhere."""
    from devshell.sources.deb.control import NAME

    asked = request.name if offer is None else offer.package
    if not NAME.fullmatch(asked):
        raise ResolveError(
            f"{asked!r} is no name of a Debian package",
            place=request.place,
            hint="a name has lower-case letters, digits, and + - . after the first",
        )
    return asked


def _named_suite(request: Request, offer: Offer | None) -> str | None:
    return request.suite or (offer.suite if offer else None)


def _suite(request: Request, offer: Offer | None) -> str:
    return _named_suite(request, offer) or DEFAULT_SUITE


def _indexes(request: Request, offer: Offer | None, platforms: Sequence[str], world: World) -> Mapping[str, Index]:
    """Return the suite's index for each platform, which Debian knows by another name."""
    from devshell.sources.deb import packages
    from devshell.sources.deb.blocks import ARCHITECTURES

    suite = _suite(request, offer)
    found = packages.indexes(world, suite, [ARCHITECTURES[platform] for platform in platforms])
    return {platform: found[ARCHITECTURES[platform]] for platform in platforms}
