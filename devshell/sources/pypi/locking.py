"""Locking a Python application: one version, and for each platform the wheels it runs on, on a Python of the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell import system, versions
from devshell.errors import DevshellError, ResolveError
from devshell.lock import Absent, Artifact, Block
from devshell.sources import Locked, layouts
from devshell.sources.pypi import choice, wheel_metadata, wheels
from devshell.sources.pypi import closure as pypi_closure
from devshell.sources.pypi import pages as package_pages
from devshell.sources.pypi import tags as python_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from devshell.lock import Entry
    from devshell.manifest import Request
    from devshell.registry import Offer
    from devshell.sources import World
    from devshell.sources.pypi.choice import Candidate
    from devshell.versions import Range

#: The minor version of Python that applications run on.
PYTHON = "3.13"
#: Versions that are tried where the dependencies of the newest cannot be had.
_ATTEMPTS = 6

Closures = dict[str, "tuple[Artifact, ...] | Absent"]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What to lock: a package, as the manifest and the registry speak of it, for platforms.

    `public` as `package_pages.Shelf` has it.
    """

    package: str
    request: Request
    offer: Offer | None
    platforms: Sequence[str]
    world: World
    public: bool


def usable(shelf: Iterable[Candidate], platforms: Sequence[str] = system.PLATFORMS) -> list[Candidate]:
    """Return the wheels of Python code that some platform takes on our Python; withdrawn files count as none."""
    return [c for c in shelf if not c.listed.yanked and _platforms(c, platforms)]


def answering(shelf: Iterable[Candidate], wanted: Range, platforms: Sequence[str]) -> dict[str, set[str]]:
    """Return for each version that answers, newest first, the platforms that take it on our Python.

    Withdrawn files count only where exactly that version is asked for, and second choices where
    nothing else answers.
    """
    found: dict[bool, dict[str, set[str]]] = {False: {}, True: {}}
    for candidate in shelf:
        if wanted.matches(candidate.version) and (not candidate.listed.yanked or wanted.exact is not None):
            there = _platforms(candidate, platforms)
            if there:
                found[candidate.second].setdefault(candidate.version, set()).update(there)
    first = found[False] or found[True]
    return {version: first[version] for version in wanted.newest(first)}


def _platforms(candidate: Candidate, platforms: Sequence[str]) -> set[str]:
    if not candidate.is_python or not _takes_python(candidate.listed.python):
        return set()
    return {platform for platform in platforms if _fits(candidate.listed.file, platform)}


def lock(package: str, request: Request, offer: Offer | None, platforms: Sequence[str], world: World) -> Locked:
    """Choose the newest version that all platforms can have, and return a block for each.

    Where no version serves them all, the newest of those that serve the most; the other platforms
    are absent, with the reason. Raises ResolveError where the package has no commands, or where
    nothing of it can be installed from wheels alone.
    """
    there_is = package_pages.shelf(package, offer, world)
    shelf = choice.candidates(package, there_is.listed, offer)
    offered = [p for p in platforms if offer is None or offer.serves(p)]
    wish = _Wish(package, request, offer, platforms, world, there_is.public)
    there = answering(shelf, versions.parse(request.version), offered)
    if not there:
        raise _why_none(wish, shelf)
    version, release, closures = _chosen(wish, shelf, there)
    needed = world.need("python", PYTHON, platforms)
    commands = _commands(wish, version, release, closures)
    blocks: dict[str, Block | Absent] = {}
    for platform in platforms:
        closure = closures.get(platform) or Absent(f"{version} has no wheel for it and Python {PYTHON}")
        blocks[platform] = _without_python(platform, needed.entry) or (
            closure if isinstance(closure, Absent) else _block(wish, version, release, closure, commands, platform)
        )
    dependencies = {**needed.dependencies, "python": needed.entry}
    return Locked(MappingProxyType(blocks), MappingProxyType(dependencies))


def contradiction(platform: str, block: Block) -> str | None:
    """Return how an application's block contradicts itself, as the end of "the block …", or None."""
    python = block.origin.get("python", "")
    if python.split(".")[:1] != ["3"] or not python[2:].isdecimal() or not python[2:].isascii():
        return f"names the Python {python!r}, which is none"
    if block.dependencies != ("python",) or block.strip:
        return "does not stand on `python` alone, or has a `strip`"
    found = [_wrong_wheel(artifact, platform, python) for artifact in block.artifacts]
    wrong = next((one for one in found if one is not None), None)
    names = [(wheel.package, wheel.release) for a in block.artifacts if (wheel := wheels.parse(a.file)) is not None]
    package, release = block.origin.get("package", ""), block.origin.get("release", block.version)
    if wrong is None and len({name for name, _ in names}) < len(names):
        wrong = "has two wheels of one package"
    if wrong is None and (package, release) not in names:
        wrong = f"is of {package!r} {release!r}, and has no such wheel"
    return wrong


def _wrong_wheel(artifact: Artifact, platform: str, python: str) -> str | None:
    if not _fits(artifact.file, platform, python):
        return f"has the file {artifact.file!r}, which is no wheel for {platform} and Python {python}"
    if artifact.algorithm != "sha256" or artifact.place != pypi_closure.folder(python):
        return f"has the wheel {artifact.file!r} with a hash or a place that no wheel has"
    return None


def _fits(file: str, platform: str, python: str = PYTHON) -> bool:
    need = python_tags.need(file, platform, python)
    return need is not None and need <= wheels.floor(platform)


def _takes_python(requested: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        # Of a minor version the newest is meant: `>=3.13.1` is true of it.
        return SpecifierSet(requested).contains(f"{PYTHON}.99")
    except InvalidSpecifier:
        return True


def _chosen(wish: _Wish, shelf: Sequence[Candidate], there: Mapping[str, set[str]]) -> tuple[str, str, Closures]:
    """Return the version to lock, the package's own name of it, and what each platform gets."""
    # Sorting keeps the newest first among those that serve equally many.
    order = sorted(there, key=lambda version: -len(there[version]))[:_ATTEMPTS]
    best: tuple[str, str, Closures] | None = None
    passed_over: dict[str, str] = {}
    for version in order:
        release = max((c.release for c in shelf if c.version == version), key=versions.sort_key)
        closures = _closures(wish, release, sorted(there[version]))
        served = _served(closures)
        if best is None or served > _served(best[2]):
            best = version, release, closures
        if served == len(there[version]):
            break
        passed_over[version] = _reasons(closures)
    if best is None or not _served(best[2]):
        closures = best[2] if best else {}
        raise ResolveError(
            f"{wish.package!r} {order[0]} cannot be installed: {_reasons(closures)}",
            place=wish.request.place,
            hint="another source may have it: see `devshell search`",
        )
    if best[0] != order[0]:
        wish.world.note(f"{wish.request.key}: {best[0]} is taken, not {order[0]}: {passed_over[order[0]]}")
    return best


def _closures(wish: _Wish, release: str, platforms: Sequence[str]) -> Closures:
    target = pypi_closure.Target(wish.package, release, PYTHON, wish.public)

    def resolved(platform: str) -> tuple[Artifact, ...] | Absent:
        try:
            return pypi_closure.resolve(target, platform, wish.world)
        except ResolveError as error:
            return Absent(error.message)

    with ThreadPoolExecutor(len(platforms)) as pool:
        return dict(zip(platforms, pool.map(resolved, platforms), strict=True))


def _served(closures: Closures) -> int:
    return sum(not isinstance(closure, Absent) for closure in closures.values())


def _reasons(closures: Closures) -> str:
    return "; ".join(dict.fromkeys(c.reason for c in closures.values() if isinstance(c, Absent)))


def _commands(wish: _Wish, version: str, release: str, closures: Closures) -> tuple[str, ...]:
    """Return the commands that the package has, or, where it is but a name for others, those of what it requires.

    A release has the same commands everywhere; they are read from the wheel that this machine will need,
    unless the registry knows them.
    """
    if wish.offer is not None and wish.offer.layout(version).bin is not None:
        return ()
    host = _host()
    resolved = {p: c for p, c in closures.items() if not isinstance(c, Absent)}
    closure = resolved.get(host) or resolved[min(resolved)]
    own = {wheel.package: artifact for artifact in closure if (wheel := wheels.parse(artifact.file)) is not None}
    main = _read(own[wish.package], wish.package, wish.world)
    commands = set(main.commands)
    if not commands:
        for package in main.requires:
            if package in own:
                commands |= set(_read(own[package], package, wish.world).commands)
    if not commands:
        raise ResolveError(
            f"{wish.package!r} {release} is a library: it has no commands",
            place=wish.request.place,
            hint="install it with the project's own Python tools, such as uv",
        )
    return tuple(sorted(commands))


def _read(artifact: Artifact, package: str, world: World) -> wheel_metadata.Metadata:
    path = world.fetcher.artifact(artifact, package_pages.addresses(artifact, package, world))
    return wheel_metadata.read(path, artifact.file)


def _host() -> str:
    try:
        return system.host_platform()
    except DevshellError:
        # A machine without tools of its own can still lock for others.
        return ""


def _without_python(platform: str, python: Entry) -> Absent | None:
    found = python.platforms.get(platform)
    if isinstance(found, Block):
        return None
    reason = found.reason if found is not None else "it is not locked for this platform"
    return Absent(f"it runs on Python {PYTHON}: {reason}")


def _block(  # noqa: PLR0913, PLR0917  (the parts of a block, put together in one place)
    wish: _Wish,
    version: str,
    release: str,
    closure: tuple[Artifact, ...],
    commands: Sequence[str],
    platform: str,
) -> Block:
    origin = {"package": wish.package, "python": PYTHON} | ({} if release == version else {"release": release})
    layout = layouts.filled(wish.offer, version, release, platform)
    own = MappingProxyType({command: f"bin/{command}" for command in commands})
    return Block(
        source="pypi",
        version=version,
        artifacts=closure,
        origin=MappingProxyType(origin),
        bin=own if layout.bin is None else layout.bin,
        variables=layout.variables,
        fixups=layout.fixups,
        dependencies=("python",),
    )


def _why_none(wish: _Wish, shelf: Sequence[Candidate]) -> ResolveError:
    """Return the error for a package of which no wheel of Python code can be taken."""
    wanted = versions.parse(wish.request.version)
    same = [c for c in shelf if c.is_python and wanted.matches(c.version)]
    newest = max((c.version for c in same), key=versions.sort_key)
    mine = [c for c in same if c.version == newest]
    if all(c.listed.yanked for c in mine):
        message = f"{wish.package!r} {newest} was withdrawn by its publisher (yanked)"
        return ResolveError(message, place=wish.request.place, hint=f'ask for it by its full version, "={newest}"')
    if not any(_takes_python(c.listed.python) for c in mine):
        message = f"{wish.package!r} {newest} wants a Python that answers {mine[0].listed.python!r}, not {PYTHON}"
        return ResolveError(message, place=wish.request.place, hint="an older or newer version may do")
    return ResolveError(
        f"{wish.package!r} {newest} has no wheel for Python {PYTHON} on {', '.join(sorted(wish.platforms))}",
        place=wish.request.place,
        hint="only wheels are taken, and none that needs a newer system than the platforms promise",
    )
