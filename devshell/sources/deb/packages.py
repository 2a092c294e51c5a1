"""Packages: what a Debian suite holds, looked up by name in its signed lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from devshell.sources import World


@dataclass(frozen=True, slots=True)
class Package:
    """One stanza of a Packages file; fields that it lacks are empty.

    `depends`, `pre_depends` and `provides` are as written there. `filename` is the file's path below
    an archive's root, `size` in bytes. `suite` names the list it stood in: the codename, or the
    codename with `-updates` or `-security`.
    """

    name: str
    version: str
    architecture: str
    depends: str
    pre_depends: str
    provides: str
    filename: str
    size: int
    sha256: str
    source: str = ""
    suite: str = ""


class Index(Protocol):
    """All lists of a codename for one architecture, joined."""

    @property
    def codename(self) -> str:
        """The suite that was asked for, such as trixie."""
        ...

    @property
    def date(self) -> str:
        """When Debian signed the main suite, as `2026-11-20T08:12:33Z`."""
        ...

    def named(self, name: str) -> tuple[Package, ...]:
        """Return every version of a package, in any order."""
        ...

    def providing(self, name: str) -> tuple[Package, ...]:
        """Return the packages whose Provides names `name`."""
        ...


def index(world: World, codename: str, architecture: str) -> Index:
    """Return the verified index of a codename and a Debian architecture (amd64, arm64)."""
    raise NotImplementedError
