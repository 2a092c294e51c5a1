"""The npm source: a package with all that it needs, as npm resolves it, unpacked by us.

No script of a package ever runs. The tree has the packages in `lib/node_modules`, as npm places them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell import versions
from devshell.errors import LockError, ResolveError
from devshell.lock import Absent, Block
from devshell.sources import Locked
from devshell.sources.npm import choice as npm_choice
from devshell.sources.npm import engine as npm_engine
from devshell.sources.npm import lock as npm_lock
from devshell.sources.npm import package as npm_package
from devshell.sources.npm import registry as npm_registry
from devshell.sources.npm import tree as npm_tree
from devshell.sources.npm.block import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from devshell.lock import Artifact
    from devshell.manifest import Request
    from devshell.registry import Offer
    from devshell.sources import Needed, Site, World
    from devshell.sources.npm.choice import Choice
    from devshell.sources.npm.lock import Package

#: The node that scripts run on, whatever node the project itself has.
_NODE = "22"
# Install scripts that make a package's native part, which then is not in its file.
_BUILDERS = ("node-gyp", "prebuild-install", "node-pre-gyp", "cmake-js")
# It takes what is in the file already, and builds only where nothing is.
_NO_BUILDER = "node-gyp-build"


class Npm:
    """Tools that come from an npm registry."""

    name = "npm"

    def versions(self, request: Request, offer: Offer | None, world: World) -> Sequence[str]:
        """Return the versions, newest first: those that answer the request as when locking, and the rest.

        The rest is without deprecated ones, pre-releases, and those above what the publisher calls the
        latest.
        """
        platforms = offer.platforms if offer else ("linux-x86_64",)
        return sorted(npm_choice.known(request, offer, platforms, world), key=versions.sort_key, reverse=True)

    def lock(self, request: Request, offer: Offer | None, platforms: Sequence[str], world: World) -> Locked:
        """Choose a version for all platforms, let npm resolve what it needs, and return a block for each.

        Raises ResolveError where the registry lacks the package, nothing answers, or npm finds no
        answer; UnreachableError where no registry answers.
        """
        names = {p: npm_choice.package(request, offer, p) for p in platforms if offer is None or offer.serves(p)}
        chosen = npm_choice.choose(names.values(), request, offer, world)
        beside = [npm_choice.beside(word, request, world) for word in request.extra]
        resolved = {name: _resolved(choice, beside, world) for name, choice in chosen.items()}
        _say_scripts({p.title: p for packages in resolved.values() for p in packages.values()}, request, world)
        closures: dict[str, tuple[Package, ...]] = {}
        absent: dict[str, Absent] = {}
        for platform, name in names.items():
            found = _closure(resolved, [name, *(each.name for each in beside)], platform)
            if isinstance(found, Absent):
                absent[platform] = found
            else:
                closures[platform] = found
        _refuse_strangers(closures.values(), request)
        sizes = npm_registry.sizes(
            {p.place: p for packages in closures.values() for p in packages if not p.bundled}.values(), world
        )
        blocks: dict[str, Block | Absent] = {
            platform: Recipe(chosen[names[platform]], beside, offer, sizes).block(packages, platform)
            for platform, packages in closures.items()
        }
        found_all = {platform: blocks.get(platform) or absent.get(platform) or _NOT_OFFERED for platform in platforms}
        return _on_node(found_all, world)

    def locate(
        self,
        artifact: Artifact,
        block: Block,  # noqa: ARG002  (a package's file names it)
        request: Request | None,  # noqa: ARG002  (no address stands in a manifest)
        world: World,
    ) -> Iterator[str]:
        """Yield the addresses of a package's file on the configured registries."""
        named = npm_lock.FILE.fullmatch(artifact.file)
        if named is not None:
            yield from npm_registry.files(named["name"], artifact.file, world)

    def arrange(self, site: Site, block: Block) -> None:
        """Make the commands of the packages at the top."""
        beside = any(fixup.get("path", "").startswith(f"{npm_tree.BESIDE}/") for fixup in block.fixups)
        npm_tree.arrange(site, beside=beside)

    def check(self, name: str, platform: str, block: Block) -> None:
        """Raise LockError where a package's file, hash or place contradicts the block."""
        wrong = _contradiction(block)
        if wrong is not None:
            raise LockError(
                f"the lock's {platform} block of {name!r} {wrong}",
                hint=f"restore it from version control, or lock it again with `devshell lock --update {name}`",
            )


_NOT_OFFERED = Absent("the registry knows no package of it for this platform")


def _resolved(choice: Choice, beside: Sequence[Choice], world: World) -> Mapping[str, Package]:
    """Return a package and all that it needs, by place. What needs nothing is not worth starting npm for."""
    place = npm_lock.place_of(choice.name)
    if not beside and npm_package.stands_alone(choice.said):
        return {place: npm_lock.of_manifest(place, npm_package.manifest(choice.said, choice.name, choice.release))}
    wanted = {each.name: each.release for each in (choice, *beside)}
    registry = npm_registry.main(choice.registry, world)
    packages = npm_lock.parse(npm_engine.resolve(wanted, registry, npm_engine.settings(world), world))
    for each in (choice, *beside):
        there = packages.get(npm_lock.place_of(each.name))
        if there is None or (there.name, there.version) != (each.name, each.release):
            raise ResolveError(f"npm's lock lacks {each.name} {each.release}, which it was asked for")
    return npm_registry.with_libc(packages, world)


def _closure(
    resolved: Mapping[str, Mapping[str, Package]], names: Sequence[str], platform: str
) -> tuple[Package, ...] | Absent:
    packages = resolved.get(names[0])
    if packages is None:
        return Absent(f"{names[0]} has no such version")
    found = npm_lock.closure(packages, [npm_lock.place_of(name) for name in names], platform)
    return Absent(found) if isinstance(found, str) else found


def _refuse_strangers(closures: Iterable[Sequence[Package]], request: Request) -> None:
    for package in (package for packages in closures for package in packages if package.refused):
        raise ResolveError(
            f"{package.refused}, not from the registry, so it cannot be locked",
            place=request.place,
            hint="choose another version, or ask its publisher for a release on the registry",
        )


def _say_scripts(packages: Mapping[str, Package], request: Request, world: World) -> None:
    """Say which packages have a script that npm would run while installing, and which cannot do without it."""
    optional = {name for package in packages.values() for name in package.likes}
    building: list[str] = []
    others: list[str] = []
    for title, package in sorted(packages.items()):
        if package.has_script and not package.bundled and package.name not in optional:
            script = npm_registry.scripts(package, world) or ""
            builds = any(word in script.replace(_NO_BUILDER, "") for word in _BUILDERS)
            (building if builds else others).append(title)
    if building:
        world.note(
            f"{request.key}: {', '.join(building)} would be built by an install script, which devshell never runs; "
            "what needs that part will not work"
        )
    if others:
        world.note(f"{request.key}: devshell never runs install scripts, which {', '.join(others)} would have")


def _on_node(blocks: Mapping[str, Block | Absent], world: World) -> Locked:
    """Return blocks with the node that they stand on; where there is none of it, there is no block either."""
    platforms = [p for p, block in blocks.items() if isinstance(block, Block) and block.dependencies]
    if not platforms:
        return Locked(MappingProxyType(dict(blocks)))
    # For all platforms alike: what tools stand on is one entry, whichever of them asks.
    needed = world.need("node", _NODE, tuple(blocks))
    lacking = {p: Absent(reason) for p in platforms if (reason := _lacks_node(needed, p)) is not None}
    dependencies = {"node": needed.entry, **needed.dependencies}
    return Locked(MappingProxyType({**blocks, **lacking}), MappingProxyType(dependencies))


def _lacks_node(needed: Needed, platform: str) -> str | None:
    block = needed.entry.platforms.get(platform)
    if isinstance(block, Block):
        return None
    return f"it runs on node, of which there is none: {block.reason if block else 'it is not locked'}"


def _contradiction(block: Block) -> str | None:
    places: set[str] = set()
    for artifact in block.artifacts:
        named = npm_lock.FILE.fullmatch(artifact.file)
        if named is None or not named["file"].startswith(f"{named['name'].rpartition('/')[2]}-"):
            return f"has {artifact.file!r}, which is no name of an npm package's file"
        if artifact.algorithm != "sha512" or not _is_place(artifact.place) or artifact.place in places:
            return f"has {artifact.file!r} with a hash or a place that no npm package has"
        places.add(artifact.place)
    name, release = block.origin.get("package", ""), block.origin.get("release", block.version)
    main = (f"{name}/-/{name.rpartition('/')[2]}-{release}.tgz", f"lib/{npm_lock.place_of(name)}")
    if main not in {(artifact.file, artifact.place) for artifact in block.artifacts}:
        return f"is of {name!r} {release}, which is not among its files"
    if block.strip != 1:
        return "does not strip the one folder that a package has at its top"
    return None


def _is_place(place: str) -> bool:
    inner = place.removeprefix("lib/")
    return place != inner and npm_lock.PLACE.fullmatch(inner) is not None and not {".", ".."} & set(inner.split("/"))
