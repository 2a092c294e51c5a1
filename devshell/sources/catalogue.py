"""Which sources there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell.errors import ResolveError

if TYPE_CHECKING:
    from devshell.sources import Source

NAMES = ("http", "pypi")


def get(name: str) -> Source:
    """Return a source by name; raises ResolveError where this release has none of that name."""
    if name == "pypi":
        from devshell.sources.pypi import Pypi

        return Pypi()
    if name == "http":
        from devshell.sources.http import Http

        return Http()
    raise ResolveError(
        f"this devshell has no source {name!r}", hint=f"it has {', '.join(NAMES)}; a newer release may have more"
    )
