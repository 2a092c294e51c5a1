"""Which packages to lock, and in which version: the tool's own on each platform, and those wanted beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devshell import versions
from devshell.errors import ResolveError
from devshell.sources.npm import lock as npm_lock
from devshell.sources.npm import registry as npm_registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from devshell.manifest import Request
    from devshell.registry import Offer
    from devshell.sources import World
    from devshell.sources.npm.package import Page

#: Versions named in an error.
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """A package and the version to lock: the tool's, and the package's own (`release`).

    `registry` is the address that has it, `said` what its page there says of the release.
    """

    name: str
    registry: str
    version: str
    release: str
    said: Mapping[str, Any]


def package(request: Request, offer: Offer | None, platform: str) -> str:
    """Return the name of a tool's package on a platform.

    Raises ResolveError for what is no name: it could lead elsewhere on the server.
    """
    return _checked(request.name if offer is None else offer.package_for(platform), request)


def known(request: Request, offer: Offer | None, platforms: Iterable[str], world: World) -> set[str]:
    """Return the tool's versions on any of the platforms: those that answer the request as when locking, and the rest.

    The rest is without deprecated ones, pre-releases, and those above what the publisher calls the latest.
    """
    wanted = versions.parse(request.version)
    found: set[str] = set()
    for name in {package(request, offer, platform) for platform in platforms}:
        _, page = npm_registry.page(name, world)
        found |= {*_offered(page, wanted, offer), *_offered(page, versions.parse("*"), offer)}
    return found


def choose(names: Iterable[str], request: Request, offer: Offer | None, world: World) -> dict[str, Choice]:
    """Choose one version for all packages that a tool is on different platforms: the newest that most of them have.

    A package that lacks it is left out. Raises ResolveError where nothing answers the request.
    """
    wanted = versions.parse(request.version)
    pages = _pages(names, request, world)
    answers = {name: _offered(page, wanted, offer) for name, (_, page) in pages.items()}
    counted = Counter(version for answer in answers.values() for version in answer)
    if not counted:
        newest = [version for _, page in pages.values() for version in _newest(page, offer)]
        raise _none(request.key, wanted, newest, request)
    version = max(counted, key=lambda v: (counted[v], versions.sort_key(v), v))
    return {name: _choice(name, version, answer, pages) for name, answer in answers.items() if version in answer}


def beside(word: str, request: Request, world: World) -> Choice:
    """Choose the version of a package that the manifest wants beside the tool: `name` or `name@request`.

    Raises ResolveError where nothing answers.
    """
    # The first letter may be a scope's `@`.
    rest, at, text = word[1:].partition("@")
    name = _checked(word[:1] + rest, request)
    wanted = versions.parse(text if at else "*")
    pages = _pages([name], request, world)
    _, page = pages[name]
    answer = page.offered(wanted)
    if not answer:
        raise _none(name, wanted, page.known(), request)
    return _choice(name, next(iter(answer)), answer, pages)


def _pages(names: Iterable[str], request: Request, world: World) -> dict[str, tuple[str, Page]]:
    """Return the pages of those packages that there are; raises ResolveError where there are none."""
    pages: dict[str, tuple[str, Page]] = {}
    missing: ResolveError | None = None
    for name in sorted(set(names)):
        try:
            pages[name] = npm_registry.page(name, world)
        except ResolveError as error:
            missing = error
    if missing is not None and not pages:
        missing.place = missing.place or request.place
        raise missing
    return pages


def _choice(name: str, version: str, answer: Mapping[str, str], pages: Mapping[str, tuple[str, Page]]) -> Choice:
    registry, page = pages[name]
    release = answer[version]
    return Choice(name, registry, version, release, page.releases[release])


def _offered(page: Page, wanted: versions.Range, offer: Offer | None) -> dict[str, str]:
    return page.offered(wanted) if offer is None else page.offered(wanted, offer.version)


def _newest(page: Page, offer: Offer | None) -> list[str]:
    listed = page.known()
    return listed if offer is None else [v for release in listed if (v := offer.version(release)) is not None]


def _none(name: str, wanted: versions.Range, newest: Iterable[str], request: Request) -> ResolveError:
    shown = list(dict.fromkeys(newest))[:_SHOWN]
    return ResolveError(
        f"no version of {name!r} answers {wanted.text!r}",
        place=request.place,
        hint=f"the newest are {', '.join(shown)}" if shown else None,
    )


def _checked(name: str, request: Request) -> str:
    if not npm_lock.NAME.fullmatch(name) or {".", ".."} & set(name.split("/")):
        raise ResolveError(
            f"{name!r:.200} is no name of an npm package",
            place=request.place,
            hint='npm has "name" and "@scope/name", of letters, digits and . _ -',
        )
    return name
