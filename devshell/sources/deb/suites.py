"""Suites: the verified release files of a codename, and what is kept of them.

What is kept is small and needs no verifying again: it lies in a folder that only the user may write.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devshell import paths
from devshell.errors import DevshellError, FetchError, ResolveError, UnreachableError
from devshell.fetch import MissingError
from devshell.files import make_private, read_regular, write_atomically
from devshell.sources.deb import keyring, release, seen
from devshell.sources.deb.addresses import Root, address, roots, security_first
from devshell.sources.deb.release import File, ReleaseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devshell.config import Config
    from devshell.sources import World

#: How long, in seconds, what an archive said is taken without asking it again.
FRESH = 3600
SECURITY = "-security"

_SUFFIXES = ("", "-updates", SECURITY)
_LIMIT = 4 << 20
_FORMAT = 1
# The form of `devshell.sources.deb.table`; another release may write another.
_TABLES = 1


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite at one root: when it was signed, until when it holds, and the files it vouches for.

    Times are texts such as `2026-11-20T08:12:33Z`. `files` are the lists of packages of the component
    main, named by their paths below the suite's folder. `digest` is the release file's own.
    """

    name: str
    root: Root
    date: str
    until: str | None
    by_hash: bool
    architectures: frozenset[str]
    files: Mapping[str, File]
    digest: str

    @property
    def what(self) -> str:
        """Return how messages name it."""
        return _what(self.name, self.root)


def folder() -> Path:
    """Return where indexes are kept."""
    return Path(paths.cache_folder()) / "deb"


def suites(world: World, codename: str) -> tuple[Suite, ...]:
    """Return the suites of a codename: the main one, then those of its updates that there are.

    Each comes from the first root that has it and can be believed; of one that cannot, a note says
    why. What was asked less than an hour ago is not asked again, and where the network is missing,
    what is kept does, as long as it holds. Raises ResolveError where no root has the main one,
    ReleaseError where none of those that have one can be believed, UnreachableError where they do not answer.
    """
    found = roots(world)
    make_private(folder())
    with ThreadPoolExecutor(len(_SUFFIXES)) as pool:
        asked = [pool.submit(_suite, world, found, codename, suffix) for suffix in _SUFFIXES]
        main, *rest = (future.result() for future in asked)
    if main is None:
        raise ResolveError(
            f"none of the Debian archives configured here has a suite {codename!r}",
            hint="a suite is named by its codename, such as trixie; see `devshell config get index.deb`",
        )
    if any(suite is not None for suite in rest[:-1]) and rest[-1] is None:
        world.note(f"no Debian archive configured here has the security updates of {codename}; see index.deb")
    return (main, *(suite for suite in rest if suite is not None))


def _suite(world: World, found: Sequence[Root], codename: str, suffix: str) -> Suite | None:
    name = codename + suffix
    ordered = security_first(tuple(found)) if suffix == SECURITY else sorted(found, key=lambda root: root.security)
    problems: list[DevshellError] = []
    for root in ordered:
        try:
            suite = _at(world, root, name)
        except MissingError:
            continue
        except FetchError as problem:
            problems.append(problem)
            continue
        for before in problems:
            world.note(f"{before.message}; taking {name} from {root.place}")
        return suite
    if problems:
        # One that cannot be believed is graver than one that does not answer.
        raise next((problem for problem in problems if not isinstance(problem, UnreachableError)), problems[0])
    return None


def _at(world: World, root: Root, name: str) -> Suite:
    """Return a suite as a root has it, or MissingError."""
    path = _place(root, name, world.config)
    kept, age = _read(path, root, name)
    if age is not None and not root.is_local and (0 <= age < FRESH or (world.fetcher.offline and kept)):
        return _holding(kept, root, name)
    try:
        page = world.fetcher.page(address(root, f"dists/{name}/InRelease"), accept="*/*", fresh=True)
    except MissingError:
        _write(path, None)
        raise
    except FetchError as problem:
        if kept is None or not isinstance(problem, UnreachableError):
            raise
        world.note(f"{problem.message}; using what it said at {kept.date}")
        return _holding(kept, root, name)
    digest = hashlib.sha256(page.content).hexdigest()
    if kept is None or kept.digest != digest:
        before, kept = kept, _verified(page.content, digest, root, name, world)
        _write(path, kept)
        _remove_tables(before, kept)
    else:
        _check_not_older(kept)
        with contextlib.suppress(OSError):
            os.utime(path)
    return _holding(kept, root, name)


def table_place(file: File) -> Path:
    """Return where the table of a list is kept."""
    return folder() / f"packages-{_TABLES}-{file.sha256}"


def _remove_tables(before: Suite | None, now: Suite) -> None:
    """Remove the tables of lists that were replaced; whoever has one open can go on reading."""
    for file in set(before.files.values() if before else ()) - set(now.files.values()):
        with contextlib.suppress(OSError):
            os.unlink(table_place(file))


def _verified(content: bytes, digest: str, root: Root, name: str, world: World) -> Suite:
    what = _what(name, root)
    found = release.read(content, name, keyring.load(world.config.deb_keys), what)
    date = release.iso(found.date)
    files = {path: file for path, file in found.files.items() if path.startswith("main/binary-")}
    until = None if found.until is None else release.iso(found.until)
    suite = Suite(name, root, date, until, found.by_hash, found.architectures, files, digest)
    _holding(suite, root, name)
    _check_not_older(suite)
    seen.remember(name, root.identity, date, cancelled=lambda: world.fetcher.cancelled)
    return suite


def _check_not_older(suite: Suite) -> None:
    last = seen.last(suite.name, suite.root.identity)
    if suite.date < last and not suite.root.snapshot:
        raise ReleaseError(
            f"{suite.what} is of {suite.date}, older than the one of {last} that was seen there before",
            hint="the mirror went back, or somebody plays you an old one; where `index.deb` is a snapshot, say so: "
            "`devshell config set deb.snapshot true`",
        )


def _holding(suite: Suite | None, root: Root, name: str) -> Suite:
    """Return a suite that may still be used; MissingError for none."""
    if suite is None:
        raise MissingError(f"{_what(name, root)} does not exist")
    if not root.snapshot:
        release.check_validity(suite.until, suite.what)
    return suite


def _what(name: str, root: Root) -> str:
    return f"the index of {name} at {root.place}"


def _place(root: Root, name: str, settings: Config) -> Path:
    # With other keys, or minding its age, it may be believed no more.
    told = json.dumps([_FORMAT, root.identity, root.snapshot, settings.deb_keys])
    return folder() / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:32]}.json"


def _write(path: Path, suite: Suite | None) -> None:
    """Keep a suite, or that there is none; the file's time says when it was asked."""
    told: dict[str, Any] = {}
    if suite is not None:
        told = {
            "architectures": sorted(suite.architectures),
            "by_hash": suite.by_hash,
            "date": suite.date,
            "digest": suite.digest,
            "files": {name: [file.sha256, file.size] for name, file in suite.files.items()},
            "until": suite.until,
        }
    write_atomically(path, json.dumps(told).encode(), 0o600)


def _read(path: Path, root: Root, name: str) -> tuple[Suite | None, float | None]:
    """Return what is kept and its age in seconds; no age where nothing is, or nothing legible."""
    try:
        found = read_regular(path, _LIMIT)
        if found is None:
            return None, None
        age = time.time() - found[1].st_mtime
        told = json.loads(found[0])
        if not told:
            return None, age
        files = {file: File(str(sha256), int(size)) for file, (sha256, size) in told["files"].items()}
        until = None if told["until"] is None else str(told["until"])
        architectures = frozenset(map(str, told["architectures"]))
        suite = Suite(
            name, root, str(told["date"]), until, bool(told["by_hash"]), architectures, files, str(told["digest"])
        )
        return suite, age
    except (DevshellError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, None
