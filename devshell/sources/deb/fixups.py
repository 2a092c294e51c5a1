"""Fix-ups that Debian packages need, by package name; data in `fixups.toml`, copied into locks.

    [[fixups]]
    package = "git"                  # a pattern that matches a package's whole name
    reason = "…"                     # what goes wrong without it
    fixups = [{ kind = "…", … }]     # see devshell/store/fixups.py
    variables = { NAME = "…" }       # set at activation; `${tool}` is the tree

They are those of every closure with such a package. `{version}` is that package's version, made plain,
`{release}` its full one, `{arch}` and `{os}` are the platform's, as in a folder `lib/{arch}-linux-gnu`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell.registry.model import FIELD
from devshell.sources.deb import debian_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from devshell.sources.deb.packages import Package

_FILE = "fixups.toml"


@dataclass(frozen=True, slots=True)
class Mending:
    """What closures with a package whose name `package` matches need mended, and set at activation."""

    package: re.Pattern[str]
    fixups: tuple[Mapping[str, str], ...] = ()
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@cache
def load() -> tuple[Mending, ...]:
    """Return the mendings that come with devshell, in the order of their file."""
    data = tomllib.loads((resources.files(__package__) / _FILE).read_text(encoding="utf-8"))
    return tuple(
        Mending(
            re.compile(entry["package"]),
            tuple(MappingProxyType(fixup) for fixup in entry.get("fixups", ())),
            MappingProxyType(entry.get("variables", {})),
        )
        for entry in data.get("fixups", ())
    )


def needed(
    packages: Iterable[Package], platform: str, mendings: Iterable[Mending]
) -> tuple[tuple[Mapping[str, str], ...], dict[str, str]]:
    """Return the fix-ups and the variables of a closure, in the order of `mendings`, none twice."""
    fixups: list[Mapping[str, str]] = []
    variables: dict[str, str] = {}
    members = sorted(packages, key=lambda package: package.name)
    for mending in mendings:
        for package in members:
            if mending.package.fullmatch(package.name):
                filled = (_filled(fixup, package, platform) for fixup in mending.fixups)
                fixups += [fixup for fixup in filled if fixup not in fixups]
                variables |= _filled(mending.variables, package, platform)
    return tuple(fixups), variables


def _filled(texts: Mapping[str, str], package: Package, platform: str) -> Mapping[str, str]:
    system, _, processor = platform.partition("-")
    values = {
        "version": debian_version.upstream(package.version),
        "release": package.version,
        "os": system,
        "arch": processor,
    }
    return MappingProxyType(
        {key: FIELD.sub(lambda found: values.get(found[1], found[0]), texts[key]) for key in sorted(texts)}
    )
