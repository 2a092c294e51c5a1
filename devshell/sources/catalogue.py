"""Which sources there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell.errors import ResolveError

if TYPE_CHECKING:
    from devshell.sources import Source

NAMES = ("deb", "http", "npm", "pypi", "python")


def get(name: str) -> Source:
    """Return a source by name; raises ResolveError where this release has none of that name."""
    if name == "deb":
        from devshell.sources.deb import Deb

        return Deb()
    if name == "pypi":
        from devshell.sources.pypi import Pypi

        return Pypi()
    if name == "http":
        from devshell.sources.http import Http

        return Http()
    if name == "npm":
        from devshell.sources.npm import Npm

        return Npm()
    if name == "python":
        from devshell.sources.python import Python

        return Python()
    raise ResolveError(
        f"this devshell has no source {name!r}", hint=f"it has {', '.join(NAMES)}; a newer release may have more"
    )
