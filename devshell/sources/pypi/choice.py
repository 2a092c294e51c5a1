"""Which version of a package to lock, for all platforms at once; pure functions of an index page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from devshell import versions
from devshell.sources.pypi import wheels

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from devshell.registry import Offer
    from devshell.sources.pypi.simple_index import Listed
    from devshell.sources.pypi.wheels import Wheel
    from devshell.versions import Range

#: Versions named in an error.
_SHOWN = 5
_SOURCE_ENDINGS = (".tar.gz", ".zip", ".tar.bz2", ".tgz")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One file of a package, with the version of the tool that it carries.

    `wheel` is None for a source package. `second` is a release that counts only where no other
    answers, see `ignore-pre` in `devshell.registry`.
    """

    version: str
    release: str
    listed: Listed
    wheel: Wheel | None
    second: bool = False

    @property
    def is_program(self) -> bool:
        """Whether this is a wheel with a program, for any system."""
        return self.wheel is not None and self.wheel.kind == "program"

    @property
    def is_python(self) -> bool:
        """Whether this is a wheel of Python code, for any system."""
        return self.wheel is not None and self.wheel.kind in {"python", "extension"}


def candidates(package: str, page: Iterable[Listed], offer: Offer | None) -> list[Candidate]:
    """Return what a page has of a package, leaving out files of other packages and what the registry excludes."""
    found = []
    for listed in page:
        wheel = wheels.parse(listed.file)
        release = _release_of_wheel(wheel, package) if wheel else _release_of_source(listed.file, package)
        version = release if release is None or offer is None else offer.version(release)
        if release is not None and version is not None:
            second = offer is not None and offer.is_second_choice(release)
            found.append(Candidate(version, release, listed, wheel, second))
    return found


def served(shelf: Iterable[Candidate], wanted: Range, platforms: Sequence[str]) -> dict[str, dict[str, Candidate]]:
    """Return for each version that answers what to take on each platform that it serves.

    Files that were withdrawn (yanked) count only where exactly that version is asked for.
    """
    found: dict[str, dict[str, Candidate]] = {}
    for candidate in shelf:
        if candidate.listed.yanked and wanted.exact is None:
            continue
        for platform in platforms:
            if candidate.wheel is None or not candidate.wheel.fits(platform):
                continue
            there = found.setdefault(candidate.version, {})
            there[platform] = _better(there[platform], candidate, platform) if platform in there else candidate
    return {version: found[version] for version in wanted.newest(found)}


def choose(answering: Mapping[str, Mapping[str, Candidate]]) -> str | None:
    """Return the version to lock, or None where there is none; `answering` is newest first.

    It is the newest that serves every platform that any of them serves; where there is none, the
    newest of those that serve the most. A second choice counts only where nothing else answers.
    """
    first = [v for v, there in answering.items() if not all(c.second for c in there.values())]
    # Of equals `max` takes the first, which is the newest.
    return max(first or answering, key=lambda version: len(answering[version]), default=None)


def why_absent(shelf: Sequence[Candidate], version: str, platform: str) -> str:
    """Return why a version has nothing for a platform, as a clause for the lock."""
    same = [c for c in shelf if c.version == version]
    needs = [need for c in same if c.wheel is not None and (need := c.wheel.need(platform)) is not None]
    if needs:
        return f"{version} {_needs_newer(min(needs), platform)}"
    return f"{version} has no wheel for it"


def why_none(package: str, shelf: Sequence[Candidate], wanted: Range, platforms: Collection[str]) -> tuple[str, str]:
    """Return why nothing on a page answers a request: what is the matter, and what to do."""
    if not shelf:
        return f"the package index lists no usable file of {package!r}", "see `devshell search`"
    answering = [c for c in shelf if wanted.matches(c.version)]
    if not answering:
        known = versions.parse("*").newest({c.version for c in shelf if c.is_program}) or sorted(
            {c.version for c in shelf}, key=versions.sort_key, reverse=True
        )
        return (
            f"no version of {package!r} answers {wanted.text!r}",
            f"the newest are {', '.join(known[:_SHOWN])}",
        )
    programs = [c for c in answering if c.is_program]
    if not programs:
        return _not_a_program(package, answering)
    return _not_here(package, programs, platforms)


def _not_a_program(package: str, answering: Sequence[Candidate]) -> tuple[str, str]:
    kinds = {c.wheel.kind for c in answering if c.wheel is not None}
    other = 'another source may have it: see `devshell search`, or `source = "http"`'
    if not kinds:
        return f"{package!r} has only source packages, which devshell does not build", other
    if kinds == {"musl"}:
        return f"{package!r} has wheels for musl only, and linux-* is glibc", other
    return f"{package!r} has no wheel that says which Linux or macOS it runs on", other


def _not_here(package: str, programs: Sequence[Candidate], platforms: Collection[str]) -> tuple[str, str]:
    newest = max(programs, key=lambda c: versions.sort_key(c.version)).version
    kept = [c for c in programs if not c.listed.yanked]
    if not kept:
        return (
            f"{package!r} {newest} was withdrawn by its publisher (yanked)",
            f'ask for it by its full version, "={newest}", if it must be this one',
        )
    for platform in sorted(platforms):
        needs = [need for c in kept if c.wheel is not None and (need := c.wheel.need(platform)) is not None]
        if needs:
            older = f"an older version may need less; {platform} promises {wheels.floor_name(platform)}"
            return f"{package!r} {_needs_newer(min(needs), platform)}", older
    there = sorted({platform for c in kept if c.wheel is not None for platform, _ in c.wheel.needs})
    return (
        f"{package!r} has no wheel for {', '.join(sorted(platforms)) or 'the platforms asked for'}",
        f"it has some for {', '.join(there)}; see settings.platforms",
    )


def _needs_newer(need: wheels.Version, platform: str) -> str:
    name = wheels.system_name(platform)
    return f"needs {name} {need[0]}.{need[1]} or newer, and {platform} promises {wheels.floor_name(platform)}"


def _better(one: Candidate, other: Candidate, platform: str) -> Candidate:
    """Return the better of two files of one version: not withdrawn, first choice, newest release, best wheel."""
    first, second = ((not c.listed.yanked, not c.second, versions.sort_key(c.release)) for c in (one, other))
    if first != second:
        return one if first > second else other
    return min(one, other, key=lambda c: c.wheel.preference(platform) if c.wheel else ())


def _release_of_wheel(wheel: Wheel, package: str) -> str | None:
    return wheel.release if wheel.package == package else None


def _release_of_source(file: str, package: str) -> str | None:
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    ending = next((e for e in _SOURCE_ENDINGS if file.endswith(e)), None)
    name, _, version = file.removesuffix(ending or "").rpartition("-")
    if ending is None or len(file) > wheels.LONGEST or canonicalize_name(name) != package:
        return None
    try:
        return str(Version(version))
    except InvalidVersion:
        return None
