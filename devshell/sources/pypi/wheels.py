"""Wheels that carry a program: which platform a file name is for, and what it needs there.

File names are PEP 427's, platform tags PEP 600's and macOS's. Only tags that say "no Python needed"
count: an ABI of `none`, and a platform.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from devshell.system import GLIBC_FLOOR, MACOS_FLOOR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.tags import Tag
    from packaging.utils import BuildTag
    from packaging.version import Version as Version440

#: glibc of the tags that came before PEP 600.
_OLD_MANYLINUX = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_MANYLINUX = re.compile(r"(manylinux1|manylinux2010|manylinux2014|manylinux_(\d{1,4})_(\d{1,4}))_(x86_64|aarch64)")
_MACOS = re.compile(r"macosx_(\d{1,4})_(\d{1,4})_(arm64|x86_64|universal2)")
#: No real wheel's name comes near; a bound for what a hostile index can make us parse.
LONGEST = 500

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel's file name, understood.

    `package` and `release` are in their normal forms. `needs` maps each platform it serves to the
    glibc or macOS it needs there. `kind` is `program`, or why it is none: `python` (pure Python),
    `extension` (made for one Python), `musl`, `other` (Windows and the like, or plain `linux_*`,
    which promises nothing).
    """

    file: str
    package: str
    release: str
    build: tuple[int, str]
    kind: str
    needs: tuple[tuple[str, Version], ...]

    def need(self, platform: str) -> Version | None:
        """Return the glibc or macOS that this wheel needs on a platform, or None where it does not serve it."""
        return dict(self.needs).get(platform)

    def fits(self, platform: str) -> bool:
        """Return whether this wheel runs on the oldest system that a platform promises."""
        need = self.need(platform)
        return need is not None and need <= floor(platform)

    def preference(self, platform: str) -> tuple[bool, Version, tuple[int, str], str]:
        """Return a key: among wheels of one release the smallest is taken.

        A file for one processor is half the size of one for two; then the one that needs the older
        system, then the newest build of it.
        """
        number, tag = self.build
        return (len(self.needs) > 1, self.need(platform) or (0, 0), (-number, tag), self.file)


def floor(platform: str) -> Version:
    """Return the oldest glibc or macOS that a platform promises."""
    return GLIBC_FLOOR if platform.startswith("linux-") else MACOS_FLOOR


def floor_name(platform: str) -> str:
    """Return the oldest glibc or macOS that a platform promises, as a text."""
    return ".".join(map(str, floor(platform)))


def system_name(platform: str) -> str:
    """Return what a platform's versions are of."""
    return "glibc" if platform.startswith("linux-") else "macOS"


@lru_cache(maxsize=65536)
def parse(file: str) -> Wheel | None:
    """Return what a wheel's file name says, or None for anything that is no wheel's name."""
    known = _parsed(file)
    if known is None:
        return None
    package, version, build, found = known
    free = [tag.platform for tag in found if tag.abi == "none" and re.fullmatch(r"py\d+", tag.interpreter)]
    needs = served(free)
    platforms = {tag.platform for tag in found}
    number, rest = (build[0], build[1]) if build else (-1, "")
    kind = "program" if needs else _kind(platforms, made_for_one_python=not free)
    return Wheel(file, str(package), str(version), (number, rest), kind, needs)


def tags(file: str) -> frozenset[Tag] | None:
    """Return the tags in a wheel's file name, or None for anything that is no wheel's name."""
    known = _parsed(file)
    return None if known is None else known[3]


def served(platform_tags: Iterable[str]) -> tuple[tuple[str, Version], ...]:
    """Return the platforms that platform tags serve, sorted, each with the oldest system it needs there."""
    needs: dict[str, Version] = {}
    for tag in platform_tags:
        for platform, need in _served(tag):
            # Several tags on one file are alternatives: the oldest one says what it really needs.
            needs[platform] = min(need, needs.get(platform, need))
    return tuple(sorted(needs.items()))


def _parsed(file: str) -> tuple[str, Version440, BuildTag, frozenset[Tag]] | None:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename
    from packaging.version import InvalidVersion

    if len(file) > LONGEST or not file.endswith(".whl"):
        return None
    try:
        return parse_wheel_filename(file)
    except (InvalidWheelFilename, InvalidVersion, ValueError):
        return None


def _served(tag: str) -> list[tuple[str, Version]]:
    if found := _MANYLINUX.fullmatch(tag):
        need = _OLD_MANYLINUX.get(found[1]) or (int(found[2]), int(found[3]))
        return [(f"linux-{found[4]}", need)]
    if found := _MACOS.fullmatch(tag):
        processors = ("arm64", "x86_64") if found[3] == "universal2" else (found[3],)
        return [(f"darwin-{processor}", (int(found[1]), int(found[2]))) for processor in processors]
    return []


def _kind(platforms: set[str], *, made_for_one_python: bool) -> str:
    if platforms == {"any"}:
        return "python"
    if made_for_one_python:
        return "extension"
    return "musl" if all(platform.startswith("musllinux") for platform in platforms) else "other"
