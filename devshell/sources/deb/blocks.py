"""Blocks: from a closure to what the lock holds of it, and whether a block holds together."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell.errors import ResolveError
from devshell.lock import Artifact, Block
from devshell.sources.deb import closure, control, debian_version, fixups, pruned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devshell.registry import Offer
    from devshell.sources.deb.packages import Index, Package

#: Debian's names of the platforms it has packages for.
ARCHITECTURES = MappingProxyType({"linux-x86_64": "amd64", "linux-aarch64": "arm64"})

_FILE = re.compile(
    r"pool/(?:[A-Za-z0-9.+_~-]+/)+"
    r"(?P<name>[a-z0-9][a-z0-9+.-]+)_(?P<version>[A-Za-z0-9.+~:%-]+)_(?P<architecture>[a-z0-9-]+)\.deb"
)


def block(package: Package, version: str, offer: Offer | None, index: Index, platform: str) -> Block:
    """Return the block of one platform: the closure of a package, and whatever its tree needs mended.

    Raises ResolveError where the suite lacks something of the closure.
    """
    architecture = ARCHITECTURES[platform]
    roots = [package, *(_companion(index, name, package) for name in (offer.also if offer else ()))]
    members = closure.closure(index, roots, architecture, pruned.load())
    also = tuple(offer.also) if offer else _kin(package, members, architecture)
    mended, variables = fixups.needed(members, platform, fixups.load())
    commands: Mapping[str, str] | None = None
    if offer is not None:
        layout = offer.layout(version)

        def filled(texts: Mapping[str, str]) -> Mapping[str, str]:
            return MappingProxyType(
                {key: offer.fill(texts[key], version, package.version, platform) for key in sorted(texts)}
            )

        commands = None if layout.bin is None else filled(layout.bin)
        variables = {**variables, **filled(layout.variables)}
        mended += tuple(filled(fixup) for fixup in layout.fixups)
    return Block(
        source="deb",
        version=version,
        artifacts=tuple(Artifact(one.filename, "sha256", one.sha256, one.size) for one in members),
        origin=MappingProxyType(_origin(package, also, index)),
        bin=commands,
        variables=MappingProxyType(dict(sorted(variables.items()))),
        fixups=mended,
    )


def contradiction(platform: str, block: Block) -> str | None:
    """Return in which way a block is none that locking writes, as the end of a sentence; None where it is one."""
    architecture = ARCHITECTURES.get(platform)
    if architecture is None:
        return "is from Debian, whose packages are for Linux"
    missing = [key for key in ("suite", "date", "package", "release") if not block.origin.get(key)]
    if missing:
        return f"does not say its {missing[0]} under `origin`"
    if block.strip or block.dependencies:
        return "has a `strip` or dependencies, which a tool from Debian has not"
    files = {artifact: _FILE.fullmatch(artifact.file) for artifact in block.artifacts}
    for artifact, file in files.items():
        if file is None or artifact.algorithm != "sha256" or artifact.place:
            return f"has the file {artifact.file!r}, which is no package of Debian's, or a hash or place that none has"
        if file["architecture"] not in (architecture, "all"):
            return f"has the package {artifact.file!r}, which is not for {platform}"
    return _mismatch(block, {file["name"]: file["version"] for file in files.values() if file})


def _mismatch(block: Block, there: Mapping[str, str]) -> str | None:
    """Return how `origin` and the files, as names and versions, do not fit."""
    if len(there) < len(block.artifacts):
        return "has a package twice"
    package, release = block.origin["package"], block.origin["release"]
    for name in (package, *block.origin.get("also", "").split()):
        if name not in there:
            return f"names the package {name!r}, but has no file of it"
    if there[package] != debian_version.in_file_name(release):
        return f"names the release {release!r} of {package!r}, but has the file of {there[package]!r}"
    return None


def _origin(package: Package, also: Sequence[str], index: Index) -> dict[str, str]:
    origin = {
        "date": index.date,
        "package": package.name,
        "release": package.version,
        "suite": index.codename,
    }
    return {"also": " ".join(also), **origin} if also else origin


def _companion(index: Index, name: str, package: Package) -> Package:
    """Return the version of a further package of a tool: the tool's own where it has it, else the newest."""
    found = index.named(name)
    if not found:
        raise ResolveError(f"{package.name} goes with {name}, which Debian's {index.codename} does not have")
    wanted = (package.source, debian_version.upstream(package.version))
    same = [one for one in found if (one.source, debian_version.upstream(one.version)) == wanted]
    return max(same or found, key=closure.newest)


def _kin(package: Package, members: Sequence[Package], architecture: str) -> tuple[str, ...]:
    """Return what a package needs that is made of the same source: parts of one tool, sorted by name.

    Debian splits tools up, down to packages that hold nothing but dependencies: what one of them was
    asked for is in the others.
    """
    same = {one.name: one for one in members if one.source == package.source}
    found: set[str] = set()
    todo = [package]
    while todo:
        one = todo.pop()
        for field in (one.pre_depends, one.depends):
            for group in control.parse(field, architecture):
                for relation in group:
                    if relation.name in same and relation.name not in found:
                        found.add(relation.name)
                        todo.append(same[relation.name])
    return tuple(sorted(found - {package.name}))
