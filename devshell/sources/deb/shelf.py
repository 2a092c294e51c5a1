"""The shelf: which versions of a tool a suite has, and which one to lock for all platforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell import registry, versions
from devshell.errors import ResolveError
from devshell.sources.deb import debian_version
from devshell.sources.deb.closure import newest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from devshell.manifest import Request
    from devshell.registry import Offer
    from devshell.sources.deb.packages import Index, Package

#: Versions, or providers, named in a hint.
_SHOWN = 5

#: The package of each version of the tool; several revisions of one version: the newest.
Shelf = dict[str, "Package"]


def shelf(index: Index, package: str, offer: Offer | None) -> Shelf:
    """Return what an index has of a package, by the tool's own versions, newest first."""
    found: Shelf = {}
    for one in sorted(index.named(package), key=newest, reverse=True):
        plain = debian_version.upstream(one.version)
        version = plain if offer is None else offer.version(plain)
        if version is not None:
            found.setdefault(version, one)
    return found


def choose(shelves: Mapping[str, Shelf], package: str, request: Request, indexes: Iterable[Index]) -> str:
    """Return the version to lock, newest in Debian's own order; `shelves` is by platform.

    It is the newest that serves every platform that any answering version serves; where there is
    none, the newest of those that serve the most. Raises ResolveError where none answers.
    """
    wanted = versions.parse(request.version)
    serving: dict[str, list[Package]] = {}
    for there in shelves.values():
        for version, one in there.items():
            if wanted.matches(version):
                serving.setdefault(version, []).append(one)
    if not serving:
        raise _nothing_answers(shelves, package, request, tuple(indexes))
    return max(serving, key=lambda version: (len(serving[version]), max(map(newest, serving[version]))))


def _nothing_answers(
    shelves: Mapping[str, Shelf], package: str, request: Request, indexes: tuple[Index, ...]
) -> ResolveError:
    suite = indexes[0].codename
    known = list(dict.fromkeys(version for there in shelves.values() for version in there))
    if known:
        return ResolveError(
            f"no version of {package!r} in Debian's {suite} answers {request.version!r}",
            place=request.place,
            hint=f"it has {', '.join(known[:_SHOWN])}; another suite may have others, see `suite` in the manifest",
        )
    providers = sorted({one.name for index in indexes for one in index.providing(package)})
    nearest = registry.nearest(package)
    if providers:
        hint = f"it is another name of {', '.join(providers[:_SHOWN])}: name one of them"
    elif nearest:
        hint = f"did you mean the tool {nearest!r}?"
    else:
        hint = "look for its name with `apt-cache search`, or among Debian's packages on the web"
    return ResolveError(f"Debian's {suite} has no package {package!r}", place=request.place, hint=hint)
