"""The pypi source: wheels that carry a program, unpacked alone."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell import registry, versions
from devshell.errors import FetchError, HashMismatchError, LockError, ResolveError
from devshell.fetch import MissingError
from devshell.lock import Absent, Artifact, Block
from devshell.sources import Locked, choice, simple_index, wheel_layout, wheels
from devshell.sources.indexes import pypi_indexes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from devshell.manifest import Request
    from devshell.registry import Offer
    from devshell.sources import Site, World
    from devshell.sources.choice import Candidate
    from devshell.sources.simple_index import Listed


class Pypi:
    """Tools that come as wheels from a Python package index."""

    name = "pypi"

    def versions(self, request: Request, offer: Offer | None, world: World) -> Sequence[str]:
        """Return the versions of the tool that have a wheel with a program, newest first.

        Second choices are left out where something else answers the request, as when locking.
        """
        package = _package(request, offer)
        shelf = [c for c in choice.candidates(package, _listed(package, offer, world), offer) if c.is_program]
        everything = {c.version for c in shelf if not c.listed.yanked}
        first = {c.version for c in shelf if not c.listed.yanked and not c.second}
        wanted = versions.parse(request.version)
        found = first if any(wanted.matches(version) for version in first) else everything
        return sorted(found, key=versions.sort_key, reverse=True)

    def lock(self, request: Request, offer: Offer | None, platforms: Sequence[str], world: World) -> Locked:
        """Choose one version for all platforms and return a block for each; see `choice.choose`.

        Raises ResolveError where the index lacks the package, or where nothing of it answers: no
        such version, only source or Python, or wheels that need a newer system.
        """
        package = _package(request, offer)
        shelf = choice.candidates(package, _listed(package, offer, world), offer)
        wanted = versions.parse(request.version)
        offered = [p for p in platforms if offer is None or offer.serves(p)]
        answering = choice.served(shelf, wanted, offered)
        version = choice.choose(answering)
        if version is None:
            message, hint = choice.why_none(package, shelf, wanted, offered)
            raise ResolveError(message, place=request.place, hint=hint)
        blocks: dict[str, Block | Absent] = {}
        for platform in platforms:
            candidate = answering[version].get(platform)
            if candidate is None:
                blocks[platform] = Absent(choice.why_absent(shelf, version, platform))
            else:
                blocks[platform] = _block(package, candidate, platform, offer, world)
        return Locked(MappingProxyType(blocks))

    def locate(
        self,
        artifact: Artifact,
        block: Block,
        request: Request | None,  # noqa: ARG002  (the lock names the package)
        world: World,
    ) -> Iterator[str]:
        """Yield the addresses of a wheel on all configured indexes, as their pages give them.

        Kept pages are looked at first; an index is asked anew only if those addresses did not do. An
        index that fails is passed over, since the hash decides, and raised once all were asked.
        """
        package = block.origin.get("package", "")
        given: set[str] = set()
        failed: dict[str, FetchError] = {}
        for fresh in (False, True):
            for index in pypi_indexes(world.config):
                if index in failed:
                    continue
                try:
                    page = _page(index, package, world, fresh=fresh)
                except FetchError as error:
                    failed[index] = error
                    continue
                same = (f for f in page or () if f.file == artifact.file and f.sha256 == artifact.digest)
                for listed in same:
                    if listed.address not in given:
                        given.add(listed.address)
                        yield listed.address
        for problem in failed.values():
            raise problem

    def arrange(self, site: Site, block: Block) -> None:  # noqa: ARG002  (all wheels alike)
        """Bring an unpacked wheel into devshell's shape."""
        wheel_layout.arrange(str(site.tree))

    def check(self, name: str, platform: str, block: Block) -> None:
        """Raise LockError where the wheel's own name contradicts the block."""
        wrong = _contradiction(platform, block)
        if wrong is not None:
            raise LockError(
                f"the lock's {platform} block of {name!r} {wrong}",
                hint=f"restore it from version control, or lock it again with `devshell lock --update {name}`",
            )


def _package(request: Request, offer: Offer | None) -> str:
    """Return the package's normal name; one that is none could lead elsewhere on the server."""
    from packaging.utils import InvalidName, canonicalize_name

    asked = request.name if offer is None else offer.package
    try:
        return str(canonicalize_name(asked, validate=True))
    except InvalidName:
        raise ResolveError(
            f"{asked!r} is no name of a Python package",
            place=request.place,
            hint="a name has letters, digits, and . _ - between them",
        ) from None


def _listed(package: str, offer: Offer | None, world: World) -> tuple[Listed, ...]:
    """Return a package's files, asked anew.

    A package that the manifest names is taken from the first index that has it: were the lists
    joined, whoever takes a private package's name on a public index could slip in a newer version. The
    registry's packages are public ones, and an index before the main one is often a folder with a few
    files for this machine alone: there the lists are joined. A silent index is never passed over.
    """
    found: list[Listed] = []
    there = False
    for index in pypi_indexes(world.config):
        page = _page(index, package, world, fresh=True)
        if page is not None:
            there = True
            found += page
            if offer is None:
                break
    if there:
        return tuple(found)
    nearest = registry.nearest(package)
    raise ResolveError(
        f"there is no package {package!r} on the configured package index",
        hint=f"did you mean the tool {nearest!r}?" if nearest else f"try `devshell search {package}`",
    )


def _page(index: str, package: str, world: World, *, fresh: bool) -> tuple[Listed, ...] | None:
    """Return an index's page of a package, or None where it has none."""
    address = simple_index.page_address(index, package)
    try:
        page = world.fetcher.page(address, accept=simple_index.ACCEPT, fresh=fresh)
    except MissingError:
        return None
    return simple_index.parse(page.content, page.type, page.address)


def _block(package: str, candidate: Candidate, platform: str, offer: Offer | None, world: World) -> Block:
    listed, version, release = candidate.listed, candidate.version, candidate.release
    if listed.sha256 is None:
        raise ResolveError(
            f"the package index gives no sha256 for {listed.file!r}, so it cannot be locked",
            hint="use an index that does; weaker hashes are not accepted",
        )
    origin = {"package": package} if release == version else {"package": package, "release": release}
    artifact = Artifact(listed.file, "sha256", listed.sha256, _size(listed, world))
    if offer is None:
        return Block("pypi", version, (artifact,), MappingProxyType(origin))
    layout = offer.layout(version)

    def filled(texts: Mapping[str, str]) -> Mapping[str, str]:
        return MappingProxyType({k: offer.fill(texts[k], version, release, platform) for k in sorted(texts)})

    return Block(
        source="pypi",
        version=version,
        artifacts=(artifact,),
        origin=MappingProxyType(origin),
        bin=None if layout.bin is None else filled(layout.bin),
        variables=filled(layout.variables),
        fixups=tuple(filled(fixup) for fixup in layout.fixups),
    )


def _size(listed: Listed, world: World) -> int:
    """Return a file's size: as the page says, else as the server says, else by fetching the file."""
    size = listed.size or world.fetcher.size(listed.address)
    if size:
        return size
    learned = world.fetcher.learn(listed.address)
    if learned.sha256 != listed.sha256:
        raise HashMismatchError(f"{listed.file!r} is not the file that the package index speaks of")
    return learned.size


def _contradiction(platform: str, block: Block) -> str | None:
    package = block.origin.get("package", "")
    release = block.origin.get("release", block.version)
    artifact = block.artifacts[0] if len(block.artifacts) == 1 else None
    wheel = wheels.parse(artifact.file) if artifact else None
    if artifact is None or wheel is None:
        return "does not have exactly one wheel"
    if wheel.package != package:
        return f"names the package {package!r}, but a wheel of {wheel.package!r}"
    if wheel.release != release:
        return f"names the release {release!r}, but a wheel of {wheel.release!r}"
    if wheel.need(platform) is None:
        return f"has the wheel {artifact.file!r}, which is not for {platform}"
    if artifact.algorithm != "sha256" or artifact.place or block.strip:
        return "has a wheel with a hash, a place or a `strip` that no wheel has"
    return None
