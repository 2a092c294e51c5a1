"""The pypi source: wheels that carry a program, unpacked alone, and Python applications with all they need."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell import versions
from devshell.errors import LockError, ResolveError
from devshell.lock import Absent, Artifact, Block
from devshell.sources import Locked, layouts
from devshell.sources.pypi import application, choice, wheel_layout, wheels
from devshell.sources.pypi import locking as pypi_application
from devshell.sources.pypi import pages as package_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devshell.manifest import Request
    from devshell.registry import Offer
    from devshell.sources import Site, World
    from devshell.sources.pypi.choice import Candidate
    from devshell.versions import Range


class Pypi:
    """Tools that come as wheels from a Python package index."""

    name = "pypi"

    def versions(self, request: Request, offer: Offer | None, world: World) -> Sequence[str]:
        """Return the versions of the tool that can be locked, newest first.

        Second choices are left out where something else answers the request, as when locking, and
        versions that are Python applications where one with a program answers.
        """
        package = package_pages.package_name(request, offer)
        shelf = choice.candidates(package, package_pages.listed(package, world, joined=offer is not None), offer)
        wanted = versions.parse(request.version)
        there = [c for c in shelf if c.is_program and not c.listed.yanked]
        if not any(wanted.matches(c.version) for c in there):
            everything = package_pages.shelf(package, offer, world).listed
            there = pypi_application.usable(choice.candidates(package, everything, offer))
        first = {c.version for c in there if not c.second}
        found = first if any(wanted.matches(version) for version in first) else {c.version for c in there}
        return sorted(found, key=versions.sort_key, reverse=True)

    def lock(self, request: Request, offer: Offer | None, platforms: Sequence[str], world: World) -> Locked:
        """Choose one version for all platforms and return a block for each; see `choice.choose`.

        A program in a wheel comes first; only where none answers the request is the package taken for
        a Python application, see `pypi_application.lock`. Raises ResolveError where the index lacks the
        package, or where nothing of it answers: no such version, only source, or wheels that need a
        newer system.
        """
        package = package_pages.package_name(request, offer)
        shelf = choice.candidates(package, package_pages.listed(package, world, joined=offer is not None), offer)
        wanted = versions.parse(request.version)
        offered = [p for p in platforms if offer is None or offer.serves(p)]
        answering = choice.served(shelf, wanted, offered)
        version = choice.choose(answering)
        if version is None:
            if _is_python(shelf, wanted):
                return pypi_application.lock(package, request, offer, platforms, world)
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
        """Yield the addresses of a wheel on all configured indexes; see `package_pages.addresses`."""
        wheel = wheels.parse(artifact.file)
        package = block.origin.get("package", "") if wheel is None else wheel.package
        return package_pages.addresses(artifact, package, world)

    def arrange(self, site: Site, block: Block) -> None:
        """Bring an unpacked wheel, or the wheels of an application, into devshell's shape."""
        if _is_application(block):
            application.arrange(site, block.origin["package"], block.origin["python"])
        else:
            wheel_layout.arrange(str(site.tree))

    def check(self, name: str, platform: str, block: Block) -> None:
        """Raise LockError where the wheels' own names contradict the block."""
        wrong = (pypi_application.contradiction if _is_application(block) else _contradiction)(platform, block)
        if wrong is not None:
            raise LockError(
                f"the lock's {platform} block of {name!r} {wrong}",
                hint=f"restore it from version control, or lock it again with `devshell lock --update {name}`",
            )


def _is_application(block: Block) -> bool:
    return "python" in block.origin


def _is_python(shelf: Sequence[Candidate], wanted: Range) -> bool:
    found = [c for c in shelf if wanted.matches(c.version)]
    return any(c.is_python for c in found) and not any(c.is_program for c in found)


def _block(package: str, candidate: Candidate, platform: str, offer: Offer | None, world: World) -> Block:
    listed, version, release = candidate.listed, candidate.version, candidate.release
    if listed.sha256 is None:
        raise package_pages.no_hash(listed.file)
    size = listed.size or package_pages.size(listed.file, listed.sha256, listed.address, world)
    layout = layouts.filled(offer, version, release, platform)
    return Block(
        source="pypi",
        version=version,
        artifacts=(Artifact(listed.file, "sha256", listed.sha256, size),),
        origin=MappingProxyType({"package": package} | ({} if release == version else {"release": release})),
        bin=layout.bin,
        variables=layout.variables,
        fixups=layout.fixups,
    )


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
