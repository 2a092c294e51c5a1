"""Reading a lock without trusting it.

The file may be hand-edited, truncated, conflicted, or from a newer release. Every complaint names
the key. The version is checked before anything else.
"""

from __future__ import annotations

import re
import tomllib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from devshell.errors import LockError, NewerLockError, Place
from devshell.lock.conflict import first_marker
from devshell.lock.model import BUILD, FORMAT, Absent, Artifact, Block, Entry, Lock
from devshell.system import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

_DIGEST_LENGTH = {"sha256": 64, "sha512": 128}
_WEAK = ("md5", "sha1", "sha224", "blake2b")
_LARGEST = 2**40
_HIGHEST = 2**31
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MEND = "restore it from version control, or delete it and run `devshell lock`"


def loads(content: bytes, file: str) -> Lock:
    """Parse a lock; `file` is its path, for errors.

    Raises LockError naming the key, and what to type next.
    """
    return _Reader(file).lock(_toml(content, file))


def from_table(table: Mapping[str, Any]) -> Block:
    """Return the block that `to_table` made a table of. Raises LockError naming the key."""
    return _Reader("a block").block(table, ())


def _toml(content: bytes, file: str) -> dict[str, Any]:
    marker = first_marker(content)
    if marker is not None:
        raise LockError(
            "the lock has merge conflict markers", place=Place(file, marker), hint="run `devshell lock --resolve`"
        )
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LockError("the lock is not UTF-8 text", place=Place(file, line), hint=_MEND) from None
    except (ValueError, RecursionError) as error:
        found = re.search(r"line (\d+)", str(error))
        where = int(found[1]) if found else None
        known = isinstance(error, tomllib.TOMLDecodeError)
        reason = str(error) if known else "it is nested too deeply, or holds a number that is too long"
        raise LockError(f"the lock is damaged: {reason}", place=Place(file, where), hint=_MEND) from None


class _Reader:
    """Walks the parsed table, knowing at each step which key it is at."""

    def __init__(self, file: str) -> None:
        self.file = file

    def fail(self, message: str, *path: str, hint: str = _MEND) -> NoReturn:
        raise LockError(message, place=Place(self.file, key=".".join(_shown(p) for p in path) or None), hint=hint)

    def lock(self, data: dict[str, Any]) -> Lock:
        self.version(data)
        self.only(data, {"version", "tools", "shells", "dependencies"})
        shells = self.mapping(data, "shells")
        dependencies = self.entries(self.mapping(data, "dependencies"), "dependencies")
        lock = Lock(
            tools=self.entries(self.mapping(data, "tools"), "tools"),
            shells=MappingProxyType(
                {name: self.entries(self.mapping(shells, name, "shells"), "shells", name) for name in shells}
            ),
            dependencies=dependencies,
        )
        self.dependencies_exist(lock)
        return lock

    def version(self, data: dict[str, Any]) -> None:
        version = data.get("version")
        if not isinstance(version, int) or isinstance(version, bool):
            self.fail("a lock opens with `version = N`", "version")
        if not 1 <= version <= _HIGHEST:
            self.fail("there is no such lock format", "version")
        if version > FORMAT:
            raise NewerLockError(
                f"this lock has format {version}; this devshell reads up to {FORMAT}",
                place=Place(self.file, key="version"),
                hint="upgrade devshell; the lock is left as it is",
            )

    def entries(self, table: Mapping[str, Any], *above: str) -> Mapping[str, Entry]:
        return MappingProxyType({name: self.entry(table, name, above) for name in sorted(table)})

    def entry(self, table: Mapping[str, Any], name: str, above: tuple[str, ...]) -> Entry:
        path = (*above, name)
        body = self.mapping(table, name, *above)
        if _CONTROL.search(name) or not name or len(name) > 200:  # noqa: PLR2004  (no real name comes near)
            self.fail("this is no name of a tool", *path)
        platforms: dict[str, Block | Absent] = {}
        for key in sorted(set(body) - {"request", "options"}):
            if key not in PLATFORMS:
                self.fail(
                    "this is neither a platform nor a key of a tool",
                    *path,
                    key,
                    hint=f"the platforms are {', '.join(PLATFORMS)}; {_MEND}",
                )
            platforms[key] = self.platform(self.mapping(body, key, *path), (*path, key))
        if not platforms:
            self.fail("this tool is locked for no platform", *path)
        options = self.text(body, "options", path) if "options" in body else None
        return Entry(name, self.text(body, "request", path), MappingProxyType(platforms), options)

    def platform(self, body: Mapping[str, Any], path: tuple[str, ...]) -> Block | Absent:
        if "absent" in body:
            self.only(body, {"absent"}, *path)
            return Absent(self.text(body, "absent", path))
        return self.block(body, path)

    def block(self, body: Mapping[str, Any], path: tuple[str, ...]) -> Block:
        known = {
            "artifacts", "bin", "build", "dependencies", "fixups", "origin", "source", "strip", "variables", "version",
        }  # fmt: skip
        self.build(body, path)
        self.only(body, known, *path)
        return Block(
            source=self.text(body, "source", path),
            version=self.text(body, "version", path),
            artifacts=self.listed(body, "artifacts", path, self.artifact),
            origin=self.texts(body, "origin", path),
            strip=self.number(body, "strip", path, 64),
            bin=self.commands(body, path) if "bin" in body else None,
            variables=self.variables(body, path),
            fixups=self.listed(body, "fixups", path, self.fixup),
            dependencies=self.listed(body, "dependencies", path, self.dependency),
            build=body["build"],
        )

    def build(self, body: Mapping[str, Any], path: tuple[str, ...]) -> None:
        build = body.get("build")
        if not isinstance(build, int) or isinstance(build, bool) or not 1 <= build <= _HIGHEST:
            self.fail("`build` is missing or not a number from 1", *path, "build")
        if build > BUILD:
            raise NewerLockError(
                f"this tool was locked with unpack rules {build}; this devshell knows up to {BUILD}",
                place=Place(self.file, key=".".join(_shown(p) for p in (*path, "build"))),
                hint="upgrade devshell, or delete the lock and run `devshell lock` to lock everything again",
            )

    def artifact(self, item: object, path: tuple[str, ...]) -> Artifact:
        table = self.table(item, path)
        hashes = [key for key in table if key in _DIGEST_LENGTH]
        weak = [key for key in table if key in _WEAK]
        if weak and not hashes:
            self.fail(f"{weak[0]} is too weak a hash; sha256 or sha512 is needed", *path, weak[0])
        if len(hashes) != 1:
            self.fail("an artifact has exactly one hash: sha256 or sha512", *path)
        (algorithm,) = hashes
        self.only(table, {"file", "place", "size", algorithm}, *path)
        digest = self.text(table, algorithm, path)
        if not re.fullmatch(rf"[0-9a-f]{{{_DIGEST_LENGTH[algorithm]}}}", digest):
            self.fail(f"this is not a {algorithm} hash ({_DIGEST_LENGTH[algorithm]} hex digits)", *path, algorithm)
        file = self.text(table, "file", path)
        if "://" in file or file.startswith("/") or not _inside(file):
            self.fail("a file is named without an address or a folder outside", *path, "file")
        place = self.text(table, "place", path, empty=True)
        if place and not _inside(place):
            self.fail("a place lies inside the tree", *path, "place")
        size = self.number(table, "size", path, _LARGEST)
        return Artifact(file, algorithm, digest, size, place)

    def fixup(self, item: object, path: tuple[str, ...]) -> Mapping[str, str]:
        table = self.table(item, path)
        fixup = {key: self.text(table, key, path, empty=True) for key in sorted(table)}
        if "kind" not in fixup:
            self.fail("a fix-up has a kind", *path)
        return MappingProxyType(fixup)

    def dependency(self, item: object, path: tuple[str, ...]) -> str:
        if not isinstance(item, str):
            self.fail("a dependency is a name", *path)
        return item

    def commands(self, body: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, str]:
        commands = self.texts(body, "bin", path)
        for name, target in commands.items():
            if "/" in name or name in ("", ".", "..") or _CONTROL.search(name) or name.startswith("-"):
                self.fail("this is no name of a command", *path, "bin", name)
            if not _inside(target):
                self.fail("a command lies inside its tree", *path, "bin", name)
        return commands

    def variables(self, body: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, str]:
        variables = self.texts(body, "variables", path)
        for name in variables:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name.startswith("DEVSHELL_") or name == "PATH":
                self.fail("this is no variable that a tool may set", *path, "variables", name)
        return variables

    def dependencies_exist(self, lock: Lock) -> None:
        groups: dict[tuple[str, ...], Mapping[str, Entry]] = {
            ("tools",): lock.tools,
            ("dependencies",): lock.dependencies,
        }
        groups |= {("shells", name): entries for name, entries in lock.shells.items()}
        for above, entries in groups.items():
            for name, entry in entries.items():
                for platform, block in entry.platforms.items():
                    for other in block.dependencies if isinstance(block, Block) else ():
                        if other not in lock.dependencies:
                            self.fail(f"{other!r} is not in the lock", *above, name, platform, "dependencies")
                    if isinstance(block, Block) and len(set(block.dependencies)) < len(block.dependencies):
                        self.fail("a dependency is named twice", *above, name, platform, "dependencies")

    def only(self, body: Mapping[str, Any], known: set[str], *path: str) -> None:
        for key in sorted(set(body) - known):
            self.fail("this key is not known to a lock", *path, key)

    def table(self, value: object, path: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.fail("a table is expected here", *path)
        return value

    def mapping(self, table: Mapping[str, Any], key: str, *above: str) -> dict[str, Any]:
        return self.table(table.get(key, {}), (*above, key))

    def text(self, table: Mapping[str, Any], key: str, path: tuple[str, ...], *, empty: bool = False) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not (value or empty) or _CONTROL.search(value):
            self.fail("a text is expected here" if key in table else f"`{key}` is missing", *path, key)
        return value

    def number(self, table: Mapping[str, Any], key: str, path: tuple[str, ...], most: int) -> int:
        value = table.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            self.fail(f"a number from 0 to {most} is expected here", *path, key)
        return value

    def texts(self, table: Mapping[str, Any], key: str, path: tuple[str, ...]) -> Mapping[str, str]:
        inner = self.mapping(table, key, *path)
        return MappingProxyType({name: self.text(inner, name, (*path, key), empty=True) for name in sorted(inner)})

    def listed(
        self, table: Mapping[str, Any], key: str, path: tuple[str, ...], read: Callable[[object, tuple[str, ...]], T]
    ) -> tuple[T, ...]:
        items = table.get(key, [])
        if not isinstance(items, list):
            self.fail("a list is expected here", *path, key)
        return tuple(read(item, (*path, f"{key}[{n}]")) for n, item in enumerate(items))


def _inside(path: str) -> bool:
    parts = path.split("/")
    return not path.startswith("/") and all(part not in ("", ".", "..") for part in parts) and "\\" not in path


def _shown(part: str) -> str:
    return part if re.fullmatch(r"[A-Za-z0-9_\-\[\]]+", part) else repr(part)
