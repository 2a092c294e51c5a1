"""Packages: what a Debian suite holds, looked up by name in its signed lists."""

from __future__ import annotations

import contextlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from devshell.errors import FetchError, HashMismatchError, ResolveError
from devshell.files import locked
from devshell.lock import Artifact
from devshell.sources.deb import table
from devshell.sources.deb.addresses import address, roots
from devshell.sources.deb.once import once
from devshell.sources.deb.release import ReleaseError
from devshell.sources.deb.suites import suites, table_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from devshell.sources import World
    from devshell.sources.deb.suites import Suite
    from devshell.sources.deb.table import Table

_CODENAME = re.compile(r"[a-z][a-z0-9]{0,39}")
_ARCHITECTURE = re.compile(r"[a-z][a-z0-9-]{0,39}")
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{0,199}", re.ASCII)
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~:-]{0,199}", re.ASCII)
_PART = r"(?!\.\.?(?:/|\Z))[A-Za-z0-9.+_~:%@=,-]+"
_FILENAME = re.compile(rf"(?=.{{1,500}}\Z){_PART}(?:/{_PART})*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SIZE = re.compile(r"[0-9]{1,11}")


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
    """Return the verified index of a codename and a Debian architecture (amd64, arm64).

    Fetched, verified and unpacked once a command, whoever asks, and kept. Raises ResolveError where
    there is no such suite, or it has not that architecture; ConfigError where no archive is
    configured; UnreachableError where none answers and nothing usable is kept; FetchError, of which
    ReleaseError is one, where what came cannot be believed or understood.
    """
    return indexes(world, codename, (architecture,))[architecture]


def indexes(world: World, codename: str, architectures: Sequence[str]) -> Mapping[str, Index]:
    """Return the indexes of several architectures, made at the same time; raises as :func:`index` does."""
    for name, shape in ((codename, _CODENAME), *((each, _ARCHITECTURE) for each in architectures)):
        if not shape.fullmatch(name):
            raise ResolveError(
                f"{name!r:.80} is not a name of Debian's", hint="a suite is named by its codename: trixie"
            )
    with ThreadPoolExecutor(max(1, len(architectures))) as pool:
        found = pool.map(lambda each: _index(world, codename, each), architectures)
        return dict(zip(architectures, found, strict=True))


def _index(world: World, codename: str, architecture: str) -> Index:
    key = (world.config, codename)
    return once(world.fetcher, ("index", *key, architecture), lambda: _joined(world, codename, architecture))


def _joined(world: World, codename: str, architecture: str) -> Index:
    found = once(world.fetcher, ("suites", world.config, codename), lambda: suites(world, codename))
    lists = [(suite, listed(suite, architecture)) for suite in found]
    if lists[0][1] is None:
        raise ResolveError(f"Debian's {codename} has no packages for the architecture {architecture!r}")
    with ThreadPoolExecutor(len(lists)) as pool:
        # An update without the architecture is one that has nothing for it.
        tables = [(s.name, pool.submit(_table, world, s, one)) for s, one in lists if one is not None]
        return _Joined(codename, found[0].date, [(name, future.result()) for name, future in tables])


class _Joined:
    """The index: the tables of a codename's suites."""

    def __init__(self, codename: str, date: str, tables: Iterable[tuple[str, Table]]) -> None:
        self.codename = codename
        self.date = date
        self._tables = tuple(tables)
        self._named: dict[str, tuple[Package, ...]] = {}
        self._providing: dict[str, tuple[Package, ...]] = {}

    def __len__(self) -> int:
        return sum(len(each) for _, each in self._tables)

    def named(self, name: str) -> tuple[Package, ...]:
        if name not in self._named:
            self._named[name] = self._packages(lambda each: each.named(name))
        return self._named[name]

    def providing(self, name: str) -> tuple[Package, ...]:
        if name not in self._providing:
            self._providing[name] = self._packages(lambda each: each.providing(name))
        return self._providing[name]

    def _packages(self, find: Callable[[Table], Iterator[dict[str, str]]]) -> tuple[Package, ...]:
        return tuple(_package(fields, suite) for suite, each in self._tables for fields in find(each))


def _package(fields: Mapping[str, str], suite: str) -> Package:
    """Check a stanza and return its value: names and paths in it become names of files on this machine."""
    checked = {}
    for name, shape in (
        ("Package", _NAME),
        ("Version", _VERSION),
        ("Architecture", _ARCHITECTURE),
        ("Filename", _FILENAME),
        ("Size", _SIZE),
        ("SHA256", _SHA256),
    ):
        value = fields.get(name, "")
        if not shape.fullmatch(value):
            raise FetchError(
                f"Debian's list of {suite} says {value!r:.80} in {name} of {fields.get('Package', '')!r:.80}",
                hint="the archive is broken; another one may be set: `devshell config set index.deb ADDRESS`",
            )
        checked[name] = value
    depends, pre_depends, provides, source = (
        # A long field may go on over several lines.
        " ".join(fields.get(name, "").split("\n"))
        for name in ("Depends", "Pre-Depends", "Provides", "Source")
    )
    return Package(
        name=checked["Package"],
        version=checked["Version"],
        architecture=checked["Architecture"],
        depends=depends,
        pre_depends=pre_depends,
        provides=provides,
        filename=checked["Filename"],
        size=int(checked["Size"]),
        sha256=checked["SHA256"],
        source=source.partition(" ")[0] or checked["Package"],
        suite=suite,
    )


def listed(suite: Suite, architecture: str) -> tuple[str, str] | None:
    """Return path and kind of the list to fetch, the one soonest unpacked; None where the suite has none."""
    plain = f"main/binary-{architecture}/Packages"
    if architecture not in suite.architectures:
        return None
    return next(((plain + kind, kind) for kind in table.KINDS if plain + kind in suite.files), None)


def _table(world: World, suite: Suite, found_at: tuple[str, str]) -> Table:
    path, kind = found_at
    file = suite.files[path]
    place = table_place(file)
    found = table.load(place)
    if found is not None:
        return found
    with locked(place.with_name(place.name + ".lock"), cancelled=lambda: world.fetcher.cancelled):
        found = table.load(place)
        if found is None:
            fetched = _fetched(world, suite, path)
            plain = suite.files.get(path.removesuffix(kind))
            table.build(fetched, kind, place, plain.size if plain else table.LIMIT, lambda: world.fetcher.cancelled)
            # The table holds all of it.
            with contextlib.suppress(OSError):
                os.unlink(fetched)
            found = table.load(place)
    if found is None:
        raise FetchError(f"{str(place)!r}, a kept list of packages, cannot be read back", hint="run the command again")
    return found


def _fetched(world: World, suite: Suite, path: str) -> Path:
    file = suite.files[path]
    artifact = Artifact(path, "sha256", file.sha256, file.size)
    label = f"{suite.name} {path.split('/')[1].removeprefix('binary-')}"
    try:
        return world.fetcher.artifact(artifact, addresses_of_list(world, suite, path), label=label)
    except HashMismatchError as problem:
        raise ReleaseError(
            f"the list {path!r} of {suite.what.removeprefix('the index of ')} is not the one that is signed",
            hint="the mirror may be changing just now: try again later",
        ) from problem


def addresses_of_list(world: World, suite: Suite, path: str) -> Iterator[str]:
    """Yield where a suite's list may be had, the best first."""
    base, _, _ = path.rpartition("/")
    hashed = f"dists/{suite.name}/{base}/by-hash/SHA256/{suite.files[path].sha256}"
    if suite.by_hash:
        yield address(suite.root, hashed)
    yield address(suite.root, f"dists/{suite.name}/{path}")
    # By its hash the same file may be elsewhere.
    for root in roots(world):
        if root != suite.root:
            yield address(root, hashed)
