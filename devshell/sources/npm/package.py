"""A package's page on an npm registry: its versions, and which of them answers a request.

The format is the npm registry's "package metadata"; the short form (`application/vnd.npm.install-v1+json`)
has all that counts here. The page is somebody else's word: what cannot be understood is left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from devshell import versions
from devshell.errors import FetchError
from devshell.sources.npm.lock import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devshell.versions import Range

#: What to ask a registry for, in order of preference.
ACCEPT = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8"


@dataclass(frozen=True, slots=True)
class Page:
    """`latest` is the version that its publisher calls so; `releases` are what it says of each version."""

    latest: str | None
    releases: Mapping[str, Mapping[str, Any]]

    def offered(self, wanted: Range, version: Callable[[str], str | None] = str) -> dict[str, str]:
        """Return what answers a request, the one to take first: the tool's versions and the package's own of each.

        `version` tells the tool's version of a package's, None for one that is not offered.

        As npm has it: what its publisher calls the latest wins over newer ones, which often are
        previews; a deprecated version counts only where nothing else answers, a pre-release only
        where the request names one.
        """
        usual = [release for release in self.releases if "-" not in release or _asks_for(wanted, release)]
        tools = {tool: release for release in usual if (tool := version(release)) is not None}
        answering = wanted.newest(tools)
        kept = [tool for tool in answering if not self.releases[tools[tool]].get("deprecated")] or answering
        latest = None if self.latest is None else version(self.latest)
        if latest in kept:
            kept = kept[kept.index(latest) :]
        return {tool: tools[tool] for tool in kept}

    def known(self) -> list[str]:
        """Return all versions but pre-releases, newest first, for messages."""
        return versions.parse("*").newest(v for v in self.releases if "-" not in v)


def parse(content: bytes) -> Page:
    """Return what a page says. Raises FetchError on one that is not a package's page."""
    try:
        page = json.loads(content)
        listed = page["versions"]
    except (ValueError, KeyError, TypeError, RecursionError):
        listed = None
    if not isinstance(listed, dict):
        raise FetchError(
            "the npm registry answered with a page that is not a package's",
            hint="see `devshell config get index.npm`; a login page or a proxy may have answered in its place",
        )
    releases = {v: said for v, said in listed.items() if VERSION.fullmatch(v) and isinstance(said, dict)}
    tags = page.get("dist-tags")
    latest = tags.get("latest") if isinstance(tags, dict) else None
    return Page(latest if latest in releases else None, MappingProxyType(releases))


def tarball(said: Mapping[str, Any]) -> str | None:
    """Return the address of a version's file, as the page gives it."""
    dist = said.get("dist")
    address = dist.get("tarball") if isinstance(dist, dict) else None
    return address if isinstance(address, str) and address.startswith(("https://", "http://")) else None


def manifest(said: Mapping[str, Any], name: str, version: str) -> dict[str, Any]:
    """Return what a page says of a version, in the words of npm's lock."""
    dist = said.get("dist")
    integrity = dist.get("integrity") if isinstance(dist, dict) else None
    taken = {key: said[key] for key in ("bin", "cpu", "hasInstallScript", "libc", "os") if key in said}
    return {**taken, "integrity": integrity, "name": name, "version": version}


def stands_alone(said: Mapping[str, Any]) -> bool:
    """Whether a version needs no other package, so that there is nothing to resolve."""
    return not any(said.get(key) for key in ("dependencies", "optionalDependencies", "peerDependencies"))


def _asks_for(wanted: Range, version: str) -> bool:
    # What npm orders before a release, such as 1.0.0-1, may be more than it to PEP 440.
    return versions.is_prerelease(version) or wanted.exact is not None
