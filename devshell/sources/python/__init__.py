"""The python source: standalone builds of CPython, made to run from any folder, as uv knows them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from devshell import versions
from devshell.errors import FetchError, HashMismatchError, LockError, ResolveError, UnreachableError
from devshell.fetch import MissingError
from devshell.lock import Absent, Artifact, Block
from devshell.sources import Locked
from devshell.sources.python import builds as python_builds
from devshell.sources.python import layout as python_layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from devshell.manifest import Request
    from devshell.registry import Offer
    from devshell.sources import Site, World
    from devshell.sources.python.builds import Build

PACKAGE = "cpython"

#: Versions of which a place may lack a build before the next older one is not looked for any more.
_TRIED = 12
_SHOWN = 5

#: Builds by version and platform.
_Shelf: TypeAlias = "dict[str, dict[str, Build]]"


class Python:
    """Python itself, from the standalone builds."""

    name = "python"

    def versions(self, request: Request, offer: Offer | None, world: World) -> Sequence[str]:
        """Return the versions that uv knows, newest first, if a place with builds answers at all."""
        shelf = _shelf(request, offer, python_builds.TRIPLES)
        newest = versions.parse("*").newest(shelf)
        if newest:
            _release(next(iter(shelf[newest[0]].values())), world)
        return sorted(shelf, key=versions.sort_key, reverse=True)

    def lock(self, request: Request, offer: Offer | None, platforms: Sequence[str], world: World) -> Locked:
        """Choose one version for all platforms and return a block for each.

        It is the newest of those that serve the most platforms and that are there: a mirror may lack
        the last ones. Raises ResolveError where none answers.
        """
        offered = [p for p in platforms if offer is None or offer.serves(p)]
        shelf = _shelf(request, offer, offered)
        answering = versions.parse(request.version).newest(shelf)
        if not answering:
            raise _no_such_version(request, shelf)
        # The sort keeps the order of equals, which is newest first.
        best: dict[str, Block] = {}
        for version in sorted(answering, key=lambda v: -len(shelf[v]))[:_TRIED]:
            found = _blocks(shelf[version], world)
            if len(found) > len(best):
                best = found
            if len(best) == len(shelf[version]):
                break
        if not best:
            raise ResolveError(
                f"no place has a standalone build of Python that answers {request.version!r}",
                place=request.place,
                hint="see `devshell config get index.python`, and uv's `python-install-mirror`",
            )
        absent = Absent("there is no standalone build of this version for it")
        return Locked(MappingProxyType({p: best.get(p, absent) for p in platforms}))

    def locate(
        self,
        artifact: Artifact,
        block: Block,  # noqa: ARG002  (the file's name says it all)
        request: Request | None,  # noqa: ARG002  (likewise)
        world: World,
    ) -> Iterator[str]:
        """Yield the build's address below each known root."""
        build = python_builds.parse(artifact.file)
        if build is not None:
            yield from (build.address(root) for root in python_builds.roots(world.config))

    def arrange(self, site: Site, block: Block) -> None:  # noqa: ARG002  (all builds alike)
        """Make an unpacked build at home in the store; see `python_layout`."""
        python_layout.arrange(site)

    def check(self, name: str, platform: str, block: Block) -> None:
        """Raise LockError where the build's own name contradicts the block."""
        artifact = block.artifacts[0] if len(block.artifacts) == 1 else None
        build = python_builds.parse(artifact.file) if artifact else None
        if artifact is None or build is None or artifact.algorithm != "sha256" or artifact.place or block.strip != 1:
            wrong = "does not have exactly one standalone build of Python"
        elif (build.version, build.platform) != (block.version, platform):
            wrong = f"has a build of {build.version} for {build.platform}"
        else:
            return
        raise LockError(
            f"the lock's {platform} block of {name!r} {wrong}",
            hint=f"restore it from version control, or lock it again with `devshell lock --update {name}`",
        )


def _shelf(request: Request, offer: Offer | None, platforms: Sequence[str] | Mapping[str, str]) -> _Shelf:
    """Return the builds for some platforms, by version and platform."""
    package = request.name if offer is None else offer.package
    if package not in {PACKAGE, "python"}:
        raise ResolveError(
            f"there are no standalone builds of {package!r}", place=request.place, hint='write "python:cpython"'
        )
    shelf: _Shelf = {}
    for build in python_builds.known():
        version = build.version if offer is None else offer.version(build.version)
        if version is not None and build.platform in platforms:
            shelf.setdefault(version, {})[build.platform] = build
    return shelf


def _no_such_version(request: Request, shelf: _Shelf) -> ResolveError:
    newest = versions.parse("*").newest(shelf)
    return ResolveError(
        f"there is no standalone build of Python {request.version!r} for the platforms asked for",
        place=request.place,
        hint=f"the newest are {', '.join(newest[:_SHOWN])}" if newest else "see settings.platforms",
    )


def _blocks(builds: Mapping[str, Build], world: World) -> dict[str, Block]:
    """Return a block for each platform whose build is there, in the first place that answers."""
    release = _release(next(iter(builds.values())), world)
    with ThreadPoolExecutor(max(1, len(builds))) as pool:
        found = pool.map(lambda build: _artifact(build, release, world), builds.values())
        artifacts = dict(zip(builds, found, strict=True))
    return {p: _block(builds[p], artifact) for p, artifact in artifacts.items() if artifact is not None}


@dataclass(frozen=True, slots=True)
class _Release:
    """A root that answers, and the sha256 of what it has of one day, empty where it does not say."""

    root: str
    digests: Mapping[str, str]


def _release(build: Build, world: World) -> _Release:
    """Return the first root that answers for a build's day; raises UnreachableError where none does."""
    failed: FetchError | None = None
    for root in python_builds.roots(world.config):
        try:
            page = world.fetcher.page(build.hashes(root), accept="*/*", fresh=True)
        except MissingError:
            return _Release(root, {})
        except UnreachableError as problem:
            failed = problem
        else:
            return _Release(root, python_builds.digests(page.content))
    raise failed or UnreachableError("no place with standalone builds of Python is known")


def _artifact(build: Build, release: _Release, world: World) -> Artifact | None:
    """Return a build as an artifact, with the hash that the release's list says, else learnt; None if not there."""
    address = build.address(release.root)
    digest = release.digests.get(build.file)
    try:
        size = world.fetcher.size(address) if digest is not None else None
        if digest is None or not size:
            learned = world.fetcher.learn(address)
            if digest not in {None, learned.sha256}:
                raise HashMismatchError(f"{build.file!r} is not the file that its release's list of hashes names")
            digest, size = learned.sha256, learned.size
    except MissingError:
        return None
    return Artifact(build.file, "sha256", digest, size)


def _block(build: Build, artifact: Artifact) -> Block:
    return Block(
        source="python",
        version=build.version,
        artifacts=(artifact,),
        origin=MappingProxyType({"package": PACKAGE}),
        strip=1,
        bin=MappingProxyType(python_layout.commands(build.version.rpartition(".")[0])),
    )
