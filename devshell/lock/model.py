"""The lock as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The lock format this release writes.
FORMAT = 1
#: The revision of our unpack and relocate rules this release writes; older ones are still honoured.
BUILD = 1


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file to fetch.

    `file` is its name as its source knows it, never an address. `algorithm` is `sha256` or, for
    npm, `sha512`; `digest` is lower-case hex; `size` is in bytes. `place` is the folder in the tree
    it is unpacked to, empty for the root.
    """

    file: str
    algorithm: str
    digest: str
    size: int
    place: str = ""

    @property
    def hash(self) -> str:
        """Return `algorithm:digest`, the name under which the file is cached."""
        return f"{self.algorithm}:{self.digest}"


@dataclass(frozen=True, slots=True)
class Block:
    """Everything that decides one tool's tree on one platform.

    `version` is the tool's own. `origin` holds what the source needs to find its files again
    (`package`, `release` where the package's version is not the tool's, a suite, a date). `bin`
    maps commands to paths in the tree; None means every executable in the tree's `bin` folder.
    In `variables`, `${tool}` is the tree. `fixups` are data for `devshell.store.fixups`.
    `dependencies` name entries of :attr:`Lock.dependencies`.
    """

    source: str
    version: str
    artifacts: tuple[Artifact, ...]
    origin: Mapping[str, str] = field(default_factory=_nothing)
    strip: int = 0
    bin: Mapping[str, str] | None = None
    variables: Mapping[str, str] = field(default_factory=_nothing)
    fixups: tuple[Mapping[str, str], ...] = ()
    dependencies: tuple[str, ...] = ()
    build: int = BUILD


@dataclass(frozen=True, slots=True)
class Absent:
    """A tool that does not exist for a platform, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One tool of the lock.

    `request` is the version as the manifest wrote it; `options` is a digest of what else the
    manifest said of the tool, so that a changed address locks anew without standing in the lock.
    """

    name: str
    request: str
    platforms: Mapping[str, Block | Absent]
    options: str | None = None

    @property
    def versions(self) -> tuple[str, ...]:
        """Return the locked versions, normally one, sorted as text."""
        return tuple(sorted({b.version for b in self.platforms.values() if isinstance(b, Block)}))


@dataclass(frozen=True, slots=True)
class Lock:
    """What a project gets: its tools, those only a named shell has, and what tools depend on."""

    tools: Mapping[str, Entry] = field(default_factory=_nothing)
    shells: Mapping[str, Mapping[str, Entry]] = field(default_factory=_nothing)
    dependencies: Mapping[str, Entry] = field(default_factory=_nothing)

    def shell_tools(self, shell: str | None) -> Mapping[str, Entry]:
        """Return the tools of the project's own shell, or of a named one on top of it, sorted by name."""
        merged = dict(self.tools)
        if shell is not None:
            merged.update(self.shells.get(shell, {}))
        return MappingProxyType({name: merged[name] for name in sorted(merged)})
