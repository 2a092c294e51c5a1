"""The registry as frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell import versions
from devshell.system import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How a package's version can map to the tool's; see the format in `devshell.registry`.
RELEASE_RULES = ("first-three", "ignore-pre")
#: What a path, a variable's value or a fix-up may hold in braces. `${tool}` is a variable's own and stays.
FIELD = re.compile(r"(?<!\$)\{([^{}]*)\}")
FIELDS = ("version", "release", "os", "arch")
#: What a package's name may hold in braces, where each platform has a package of its own.
PACKAGE_FIELDS = ("os", "arch")

_RELEASE = re.compile(r"(?P<numbers>\d+(?:\.\d+)*)(?P<pre>(?:a|b|rc)\d+)?(?P<post>\.post\d+)?")


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a tool's files are in its package: the commands, what they need set, and what to mend.

    `bin` maps commands to paths; None means every executable in the tree's `bin` folder. `when` is
    the request that a version must answer for this layout to be its own.
    """

    when: str = "*"
    bin: Mapping[str, str] | None = None
    variables: Mapping[str, str] = field(default_factory=_nothing)
    fixups: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What one source has of a tool.

    `publisher` and `trust` say who made the package and why to believe it. `when` is the request
    that a version must answer to be offered. `layouts` are tried in order; the last one always
    fits. `suite` is the codename of a Debian suite, and `also` names further packages whose commands
    are the tool's; both are for `deb` alone. `releases` maps versions of the tool to the package's
    own, where no rule does.
    """

    source: str
    package: str
    publisher: str
    trust: str
    platforms: tuple[str, ...] = PLATFORMS
    when: str = "*"
    release: str | None = None
    releases: Mapping[str, str] = field(default_factory=_nothing)
    layouts: tuple[Layout, ...] = (Layout(),)
    os_names: Mapping[str, str] = field(default_factory=_nothing)
    arch_names: Mapping[str, str] = field(default_factory=_nothing)
    suite: str | None = None
    also: tuple[str, ...] = ()

    def package_for(self, platform: str) -> str:
        """Return the package's name on a platform: some publishers have one package for each."""
        return self.fill(self.package, "", "", platform)

    def serves(self, platform: str) -> bool:
        """Return whether the package is offered for a platform at all."""
        return platform in self.platforms

    def version(self, release: str) -> str | None:
        """Return the tool's version that a release of the package carries, or None if it is not offered."""
        known = {package: tool for tool, package in self.releases.items()}.get(release)
        if known is None:
            if self.releases and self.release is None:
                return None
            known = _ruled(self.release, release)
        return known if _answers(known, self.when) else None

    def is_second_choice(self, release: str) -> bool:
        """Return whether a release is taken only where no other answers: the packager marked it so."""
        return self.release == "ignore-pre" and versions.is_prerelease(release)

    def layout(self, version: str) -> Layout:
        """Return the first layout that a version of the tool has."""
        for layout in self.layouts:
            if _answers(version, layout.when):
                return layout
        return self.layouts[-1]

    def fill(self, template: str, version: str, release: str, platform: str) -> str:
        """Return a path, a value or a fix-up's text with its fields filled in."""
        system, _, processor = platform.partition("-")
        values = {
            "version": version,
            "release": release,
            "os": self.os_names.get(system, system),
            "arch": self.arch_names.get(processor, processor),
        }
        return FIELD.sub(lambda found: values.get(found[1], found[0]), template)


@dataclass(frozen=True, slots=True)
class Tool:
    """A short name and where it comes from, in order of preference.

    `aliases` are other names that people type or that other tools' files use. `test` is the command
    line that prints the tool's version.
    """

    name: str
    description: str
    aliases: tuple[str, ...]
    offers: tuple[Offer, ...]
    test: tuple[str, ...]


def _answers(version: str, when: str) -> bool:
    # A pre-release lies where its final release will: no request would take it otherwise.
    wanted = versions.parse(when)
    return wanted.matches(version) or wanted.matches(re.split(r"(?<=\d)(?:a|b|rc|\.dev)\d", version)[0])


def _ruled(rule: str | None, release: str) -> str:
    found = _RELEASE.fullmatch(release)
    if rule is None or found is None:
        return release
    if rule == "ignore-pre":
        return found["numbers"]
    return ".".join(found["numbers"].split(".")[:3]) + (found["pre"] or "")
