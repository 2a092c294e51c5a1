"""Which wheel a Python on a platform takes: tags as PEP 425 and PEP 600 have them, up to the platform's promise."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from devshell.sources.pypi import wheels
from devshell.system import GLIBC_FLOOR, MACOS_FLOOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.tags import Tag

#: The oldest glibc that manylinux tags speak of, by processor.
_OLDEST = {"x86_64": 5, "aarch64": 17}
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}

#: The smallest is taken.
Preference = tuple[int, tuple[int, str], str]


def preference(file: str, platform: str, python: str) -> Preference | None:
    """Return a key by which to choose among wheels of one release, None for what does not run there.

    `python` is a minor version such as `3.13`. As installers have it, the wheel made most closely
    for this Python is taken, and of equals the newest build.
    """
    found = wheels.tags(file)
    if found is None:
        return None
    ranks = _ranks(platform, python)
    known = [ranks[tag] for tag in found if tag in ranks]
    wheel = wheels.parse(file)
    if not known or wheel is None:
        return None
    number, rest = wheel.build
    return (min(known), (-number, rest), file)


def need(file: str, platform: str, python: str) -> wheels.Version | None:
    """Return the glibc or macOS that a wheel needs on a platform, None where it is not for that platform or Python."""
    suited = _suited(platform, python)
    found = wheels.tags(file) or ()
    tags = [tag.platform for tag in found if (tag.interpreter, tag.abi) in suited]
    if "any" in tags:
        return (0, 0)
    return dict(wheels.served(tags)).get(platform)


@lru_cache(maxsize=16)
def _suited(platform: str, python: str) -> frozenset[tuple[str, str]]:
    return frozenset((tag.interpreter, tag.abi) for tag in _ranks(platform, python))


@lru_cache(maxsize=16)
def _ranks(platform: str, python: str) -> Mapping[Tag, int]:
    from packaging.tags import compatible_tags, cpython_tags

    major, _, minor = python.partition(".")
    version, short = (int(major), int(minor)), f"cp{major}{minor}"
    platforms = _platforms(platform)
    ordered = [
        *cpython_tags(version, abis=[short], platforms=platforms),
        *compatible_tags(version, interpreter=short, platforms=platforms),
    ]
    return {tag: rank for rank, tag in reversed(list(enumerate(ordered)))}


def _platforms(platform: str) -> list[str]:
    from packaging.tags import mac_platforms

    system, _, processor = platform.partition("-")
    if system == "darwin":
        return list(mac_platforms(MACOS_FLOOR, processor))
    names = []
    for minor in range(GLIBC_FLOOR[1], _OLDEST[processor] - 1, -1):
        names.append(f"manylinux_{GLIBC_FLOOR[0]}_{minor}_{processor}")
        if minor in _LEGACY:
            names.append(f"{_LEGACY[minor]}_{processor}")
    return names
