"""What other tools' files say a project needs: what `devshell init` starts from.

Nothing found here is executed or trusted: the files are read, within a bound, and understood or
reported. Names and versions stay as the files have them, so whoever prints them uses `repr()`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devshell import registry, versions
from devshell.errors import DevshellError, Place, VersionError
from devshell.files import read_regular

if TYPE_CHECKING:
    from pathlib import Path

#: Bytes; more than any hand-written file of these kinds.
_LIMIT = 1 << 20
#: Characters of a version; a bound for what a hostile file can make us parse.
_LONGEST = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_VERSION = re.compile(r"(?P<operator>>=|<=|>|<|=|\^|~)?v?(?P<version>\d[^\s,<>=~^|]*)")
_WILD = re.compile(r"(?:^|\.)[xX*](?:\.[xX*])*$")
# Lines of node that got a long support, by the name nvm calls them.
_LTS = {"hydrogen": "18", "iron": "20", "jod": "22", "krypton": "24"}
_NEWEST = ("", "*", "x", "X", "latest", "stable", "current", "node")


@dataclass(frozen=True, slots=True)
class Taken:
    """A tool found: its short name, the version as devshell writes it and as the file has it.

    `note` says in what the two differ, where they differ in meaning.
    """

    tool: str
    version: str
    written: str
    place: Place
    note: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """Something found and not taken over, and why; `written` is the version, where one was said."""

    name: str
    written: str
    place: Place
    reason: str


@dataclass(frozen=True, slots=True)
class Detected:
    """What a folder's files say: each tool once, and what was left, both in the order of the files."""

    tools: tuple[Taken, ...]
    left: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class _Wish:
    name: str
    version: str
    place: Place


_Found = Iterator[_Wish | Left]


def detect(folder: Path) -> Detected:
    """Read the files in `folder` that name tools, the most particular first; raises nothing for what they hold.

    Where two files name one tool, the first in this order wins and the other is reported:
    mise.toml, .tool-versions, the files that hold one version, package.json (volta, then
    packageManager, then engines), go.mod. `requires-python` only gets reported: it says what a
    package supports, not what it is developed with.
    """
    taken: dict[str, Taken] = {}
    left: list[Left] = []
    short_names: dict[str, str | None] = {}
    for found in _everything(folder):
        if isinstance(found, Left):
            left.append(found)
            continue
        if found.name not in short_names:
            short_names[found.name] = _short_name(found.name)
        result = _understood(found, short_names[found.name])
        if isinstance(result, Left):
            left.append(result)
        elif (first := taken.setdefault(result.tool, result)).version != result.version:
            left.append(Left(found.name, found.version, found.place, f"{first.place} says {first.written!r}"))
    return Detected(tuple(taken.values()), tuple(left))


def _everything(folder: Path) -> _Found:
    for name, read in _FILES.items():
        place = Place(name)
        try:
            found = read_regular(folder / name, _LIMIT)
            if found is not None:
                # Lazily, so that what stands before a mistake is not lost.
                yield from read(found[0].decode("utf-8-sig"), name)
        except DevshellError as error:
            yield Left(name, "", place, error.message)
        except OSError as error:
            yield Left(name, "", place, f"it cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            yield Left(name, "", place, "it is not UTF-8 text")
        except (ValueError, RecursionError) as error:
            # The parsers of the standard library give up on deep nesting with RecursionError.
            yield Left(name, "", place, f"it cannot be understood: {str(error)[:200]!r}")


def _understood(wish: _Wish, tool: str | None) -> Taken | Left:
    if tool is None:
        reason = "npm comes with node" if wish.name == "npm" else "it is not in devshell's registry"
        return Left(wish.name, wish.version, wish.place, reason)
    try:
        version, note = _request(wish.version.strip(), tool, wish.name)
        versions.parse(version)
    except VersionError as error:
        return Left(wish.name, wish.version, wish.place, error.message)
    return Taken(tool, version, wish.version, wish.place, note)


def _short_name(name: str) -> str | None:
    plain = name.removeprefix("core:")
    if not _NAME.fullmatch(plain):
        return None
    tool = registry.load(plain) or registry.by_alias(plain)
    return None if tool is None else tool.name


# Versions


def _request(text: str, *names: str) -> tuple[str, str]:
    """Return what devshell writes for a version of asdf, mise, nvm or npm, and a note where that says less."""
    if len(text) > _LONGEST:
        raise VersionError(f"a version of {len(text)} characters is too long")
    for name in names:
        # ruby-3.3.0, go1.22, python@3.12
        text = re.sub(rf"^{re.escape(name)}[-@]?(?=v?\d)", "", text)
    text = re.sub(r"^(?:prefix|latest):", "", text)
    if text in _NEWEST:
        return "latest", ""
    if text == "system":
        raise VersionError("'system' means whatever the machine has, which a lock cannot hold")
    if re.match(r"(?:ref|tag|branch|rev|path|sub-\d+):", text):
        raise VersionError(f"devshell has no way to say {text!r}")
    if lts := re.fullmatch(r"lts(?:[/-](.+))?", text):
        return _lts(lts[1] or "*")
    alternatives = [alternative.strip() for alternative in text.split("||")]
    if any(alternative in _NEWEST for alternative in alternatives):
        return "latest", ""
    best = max(alternatives, key=_lowest)
    note = f"{text!r} allows several; this is the newest of them" if len(alternatives) > 1 else ""
    return _range(best), note


def _lts(line: str) -> tuple[str, str]:
    if line == "*":
        newest = max(_LTS.values(), key=int)
        return newest, f"'lts/*' moves with time; {newest} is such a line"
    if line.lower() not in _LTS:
        raise VersionError(f"devshell does not know the line {line!r} of node")
    return _LTS[line.lower()], ""


def _lowest(alternative: str) -> versions.Key:
    number = re.search(r"\d+(?:\.\d+)*", alternative)
    return versions.sort_key(number[0] if number else "0")


def _range(text: str) -> str:
    """Return a set of npm comparators as a comparison list of ours; raises VersionError."""
    if between := re.fullmatch(r"(\S+)\s+-\s+(\S+)", text):
        return f"{_comparison('>=' + between[1])},{_comparison('<=' + between[2])}"
    glued = re.sub(r"([<>=~^])\s+", r"\1", text)
    return ",".join(_comparison(token) for token in re.split(r"[\s,]+", glued))


def _comparison(token: str) -> str:
    found = _VERSION.fullmatch(token)
    if found is None:
        raise VersionError(f"devshell has no way to say the version {token!r}")
    operator = found["operator"] or ""
    version = _WILD.sub("", found["version"])
    numbers = version.split(".")
    whole = len(numbers) > 2  # noqa: PLR2004 - npm's versions have three numbers; fewer mean a range
    match operator:
        case "~":
            return f"~={version}" if whole else version
        case "=":
            return f"={version}" if whole else version
        # npm's >18 leaves out all of 18, and its <=20 takes all of 20.
        case ">" if not whole:
            return f">={_following(numbers, token)}"
        case "<=" if not whole:
            return f"<{_following(numbers, token)}"
        case _:
            return f"{operator}{version}"


def _following(numbers: list[str], token: str) -> str:
    if not numbers[-1].isdecimal():
        raise VersionError(f"devshell has no way to say the version {token!r}")
    return ".".join([*numbers[:-1], str(int(numbers[-1]) + 1)])


# Files


def _tool_versions(text: str, file: str) -> _Found:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if words:
            place = Place(file, number)
            yield from _first(words[0], words[1:], place)


def _one_version(tool: str) -> Callable[[str, str], _Found]:
    def read(text: str, file: str) -> _Found:
        lines = [line.partition("#")[0].strip() for line in text.splitlines()]
        numbers = [number for number, line in enumerate(lines, 1) if line]
        yield from _first(tool, [line for line in lines if line], Place(file, numbers[0] if numbers else None))

    return read


def _mise(text: str, file: str) -> _Found:
    # A version written as a number keeps its digits: 3.10 is not 3.1.
    for name, value in _table(tomllib.loads(text, parse_float=str), "tools", file):
        place = Place(file, key=f"tools.{name}")
        entries = value if isinstance(value, list) else [value]
        said = [entry.get("version") if isinstance(entry, dict) else entry for entry in entries]
        if all(isinstance(version, str | int) and not isinstance(version, bool) for version in said):
            yield from _first(name, [str(version) for version in said], place)
        else:
            yield Left(name, "", place, "its version is not text")


def _package_json(text: str, file: str) -> _Found:
    package = json.loads(text)
    if not isinstance(package, dict):
        raise ValueError("a package.json holds one object")  # noqa: TRY004 - the content is wrong, not our call
    yield from _texts(package, "volta", file, ("node", "npm", "yarn", "pnpm"))
    manager = package.get("packageManager")
    if isinstance(manager, str):
        name, _, version = manager.partition("@")
        # What follows a + is the package's hash.
        yield _Wish(name, version.partition("+")[0], Place(file, key="packageManager"))
    yield from _texts(package, "engines", file, ("node", "npm", "yarn", "pnpm", "bun", "deno"))


def _go_mod(text: str, file: str) -> _Found:
    said: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("//")[0].split()
        if len(words) == 2 and words[0] in ("go", "toolchain"):  # noqa: PLR2004 - a directive and its word
            said.setdefault(words[0], (words[1], number))
    if "toolchain" in said and said["toolchain"][0] != "default":
        version, number = said["toolchain"]
        yield _Wish("go", version, Place(file, number, "toolchain"))
    elif "go" in said:
        version, number = said["go"]
        # Go reads its directive as the oldest Go that will do.
        yield _Wish("go", f">={version}", Place(file, number, "go"))


def _rust_toolchain(text: str, file: str) -> _Found:
    for key, value in _table(tomllib.loads(text), "toolchain", file):
        if key == "channel" and isinstance(value, str):
            yield _Wish("rust", value, Place(file, key="toolchain.channel"))


def _pyproject(text: str, file: str) -> _Found:
    for key, value in _table(tomllib.loads(text), "project", file):
        if key == "requires-python" and isinstance(value, str):
            reason = "it says what the package supports; name the one it is developed with"
            yield Left("python", value, Place(file, key="project.requires-python"), reason)


def _first(name: str, said: list[str], place: Place) -> _Found:
    """Yield the first of several versions as the wish, and report the others: one environment has one."""
    if not said:
        yield Left(name, "", place, "no version stands there")
        return
    yield _Wish(name, said[0], place)
    for other in said[1:]:
        yield Left(name, other, place, f"{said[0]!r} stands before it, and an environment has one version of a tool")


def _texts(package: Mapping[str, Any], table: str, file: str, names: tuple[str, ...]) -> _Found:
    for name, value in _table(package, table, file):
        if name in names and isinstance(value, str):
            yield _Wish(name, value, Place(file, key=f"{table}.{name}"))


def _table(document: Mapping[str, Any], name: str, file: str) -> Iterator[tuple[str, Any]]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise ValueError(f"{name} of {file} is not a table")  # noqa: TRY004 - the content is wrong, not our call
    yield from table.items()


_FILES: Mapping[str, Callable[[str, str], _Found]] = {
    "mise.toml": _mise,
    ".mise.toml": _mise,
    ".tool-versions": _tool_versions,
    ".node-version": _one_version("node"),
    ".nvmrc": _one_version("node"),
    ".python-version": _one_version("python"),
    ".ruby-version": _one_version("ruby"),
    ".go-version": _one_version("go"),
    "rust-toolchain.toml": _rust_toolchain,
    "package.json": _package_json,
    "go.mod": _go_mod,
    "pyproject.toml": _pyproject,
}
