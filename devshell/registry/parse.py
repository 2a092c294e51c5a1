"""Reading a registry file: every field is checked, every complaint names the key."""

from __future__ import annotations

import re
import tomllib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from devshell import versions
from devshell.errors import Place, RegistryError, VersionError
from devshell.registry.model import FIELD, FIELDS, PACKAGE_FIELDS, RELEASE_RULES, Layout, Offer, Tool
from devshell.system import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = re.compile(r"[a-z0-9][a-z0-9+._-]{0,63}")
_COMMAND = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+.-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Keys of a fix-up by its kind; `devshell.store.fixups` says what they do.
_FIXUPS = {
    "link": {"path", "target"},
    "executable": {"path"},
    "file": {"path", "text"},
    "remove": {"path"},
    "replace": {"path", "old", "new"},
    "builtin": {"path", "old", "new"},
    "bundle": {"path", "folder"},
    "keystore": {"path", "folder"},
    "wrapper": {"path"},
    "bytecode": {"path", "python"},
}
#: Those it may have as well, and those that are paths.
_FIXUP_OPTIONS = {"wrapper": {"variables", "arguments", "opens"}}
_FIXUP_PATHS = {"path", "target", "folder", "python"}
_LAYOUT = {"bin", "variables", "fixups"}
_SOURCE = _LAYOUT | {
    "source", "package", "publisher", "trust", "platforms", "when", "release", "versions", "layouts", "os_names",
    "arch_names", "suite", "also",
}  # fmt: skip
_TOOL = {"description", "aliases", "test", "sources"}


def parse(name: str, content: bytes, file: str) -> Tool:
    """Return the tool that a registry file describes; `file` is its path, for errors.

    Raises RegistryError naming the line, or the key.
    """
    reader = _Reader(file)
    if not NAME.fullmatch(name):
        reader.fail(f"{name!r} is no name of a tool: lower-case letters, digits and + . _ - are")
    return reader.tool(name, reader.toml(content))


class _Reader:
    """Walks the parsed table, knowing at each step which key it is at."""

    def __init__(self, file: str) -> None:
        self.file = file

    def fail(self, message: str, *path: str, line: int | None = None) -> NoReturn:
        place = Place(self.file, line, ".".join(path) or None)
        raise RegistryError(message, place=place, hint="the format stands in devshell/registry/__init__.py")

    def toml(self, content: bytes) -> dict[str, Any]:
        try:
            return tomllib.loads(content.decode("utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            found = re.search(r"line (\d+)", str(error))
            self.fail(f"this is not TOML: {error}", line=int(found[1]) if found else None)

    def tool(self, name: str, body: dict[str, Any]) -> Tool:
        self.only(body, _TOOL)
        sources = body.get("sources")
        if not isinstance(sources, list) or not sources:
            self.fail("a tool has at least one [[sources]]", "sources")
        aliases = self.words(body, "aliases")
        for alias in aliases:
            if not NAME.fullmatch(alias) or alias == name or aliases.count(alias) > 1:
                self.fail(f"{alias!r} is no other name of the tool", "aliases")
        test = tuple(self.text(body, "test").split()) if "test" in body else (name, "--version")
        return Tool(
            name=name,
            description=self.text(body, "description"),
            aliases=aliases,
            offers=tuple(
                self.offer(self.table(item, f"sources[{n}]"), f"sources[{n}]") for n, item in enumerate(sources)
            ),
            test=test,
        )

    def offer(self, body: dict[str, Any], *path: str) -> Offer:
        self.only(body, _SOURCE, *path)
        platforms = self.words(body, "platforms", *path) if "platforms" in body else PLATFORMS
        if not platforms or not set(platforms) <= set(PLATFORMS):
            self.fail(f"the platforms are {', '.join(PLATFORMS)}", *path, "platforms")
        release = self.text(body, "release", *path) if "release" in body else None
        if release not in (None, *RELEASE_RULES):
            self.fail(f"{release!r} is no rule; the rules are {', '.join(RELEASE_RULES)}", *path, "release")
        return Offer(
            source=self.name(body, "source", *path),
            package=self.package(body, *path),
            publisher=self.text(body, "publisher", *path),
            trust=self.text(body, "trust", *path),
            platforms=platforms,
            when=self.when(body, *path),
            release=release,
            releases=self.releases(body, *path),
            layouts=self.layouts(body, *path),
            os_names=self.texts(body, "os_names", *path),
            arch_names=self.texts(body, "arch_names", *path),
            suite=self.name(body, "suite", *path) if "suite" in body else None,
            also=self.words(body, "also", *path),
        )

    def package(self, body: dict[str, Any], *path: str) -> str:
        package = self.text(body, "package", *path)
        for field in FIELD.findall(package):
            if field not in PACKAGE_FIELDS:
                self.fail(f"a package's name has no {{{field}}}, only {', '.join(PACKAGE_FIELDS)}", *path, "package")
        return package

    def layouts(self, body: dict[str, Any], *path: str) -> tuple[Layout, ...]:
        special = body.get("layouts", [])
        if not isinstance(special, list):
            self.fail("[[sources.layouts]] is expected here", *path, "layouts")
        found = []
        for n, item in enumerate(special):
            here = (*path, f"layouts[{n}]")
            table = self.table(item, *here)
            self.only(table, _LAYOUT | {"when"}, *here)
            if "when" not in table:
                self.fail("a layout says for which versions it is", *here, "when")
            found.append(self.layout(table, self.when(table, *here), *here))
        return (*found, self.layout(body, "*", *path))

    def layout(self, body: dict[str, Any], when: str, *path: str) -> Layout:
        fixups = body.get("fixups", [])
        if not isinstance(fixups, list):
            self.fail("a list of fix-ups is expected here", *path, "fixups")
        return Layout(
            when=when,
            bin=self.commands(body, *path) if "bin" in body else None,
            variables=self.variables(body, *path),
            fixups=tuple(self.fixup(item, *path, f"fixups[{n}]") for n, item in enumerate(fixups)),
        )

    def commands(self, body: dict[str, Any], *path: str) -> Mapping[str, str]:
        commands = self.texts(body, "bin", *path)
        for command, target in commands.items():
            if not _COMMAND.fullmatch(command):
                self.fail(f"{command!r} is no name of a command", *path, "bin")
            self.inside(target, *path, "bin", command)
        return commands

    def variables(self, body: dict[str, Any], *path: str) -> Mapping[str, str]:
        variables = self.texts(body, "variables", *path)
        for name, value in variables.items():
            if not _VARIABLE.fullmatch(name) or name == "PATH" or name.startswith("DEVSHELL_"):
                self.fail(f"{name!r} is no variable that a tool may set", *path, "variables")
            self.fields(value, *path, "variables", name)
        return variables

    def fixup(self, item: object, *path: str) -> Mapping[str, str]:
        table = self.table(item, *path)
        kind = self.text(table, "kind", *path)
        if kind not in _FIXUPS:
            self.fail(f"{kind!r} is no kind of fix-up; the kinds are {', '.join(_FIXUPS)}", *path, "kind")
        needed, options = _FIXUPS[kind] | {"kind"}, _FIXUP_OPTIONS.get(kind, set())
        self.only(table, needed | options, *path)
        fixup = {key: self.text(table, key, *path) for key in sorted(needed | (options & table.keys()))}
        for key, text in fixup.items():
            if key in _FIXUP_PATHS:
                self.inside(text, *path, key)
            else:
                self.fields(text, *path, key)
        return MappingProxyType(fixup)

    def releases(self, body: dict[str, Any], *path: str) -> Mapping[str, str]:
        releases = self.texts(body, "versions", *path)
        if len(set(releases.values())) < len(releases):
            self.fail("one release of the package stands for two versions of the tool", *path, "versions")
        return releases

    def when(self, body: dict[str, Any], *path: str) -> str:
        if "when" not in body:
            return "*"
        when = self.text(body, "when", *path)
        try:
            versions.parse(when)
        except VersionError as error:
            self.fail(error.message, *path, "when")
        return when

    def inside(self, target: str, *path: str) -> None:
        parts = target.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\\" in target:
            self.fail(f"{target!r} is no path inside the package", *path)
        self.fields(target, *path)

    def fields(self, text: str, *path: str) -> None:
        for field in FIELD.findall(text):
            if field not in FIELDS:
                self.fail(f"{{{field}}} is no field; the fields are {', '.join(FIELDS)}", *path)

    def only(self, body: dict[str, Any], known: set[str], *path: str) -> None:
        for key in sorted(set(body) - known):
            self.fail(f"{key!r} is no key here; the keys are {', '.join(sorted(known))}", *path)

    def table(self, item: object, *path: str) -> dict[str, Any]:
        if not isinstance(item, dict):
            self.fail("a table is expected here", *path)
        return item

    def name(self, body: dict[str, Any], key: str, *path: str) -> str:
        text = self.text(body, key, *path)
        if not NAME.fullmatch(text):
            self.fail(f"{text!r} is no name", *path, key)
        return text

    def text(self, body: dict[str, Any], key: str, *path: str) -> str:
        value = body.get(key)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self.fail("a line of text is expected here" if key in body else f"{key!r} is missing", *path, key)
        return value

    def texts(self, body: dict[str, Any], key: str, *path: str) -> Mapping[str, str]:
        table = self.table(body.get(key, {}), *path, key)
        return MappingProxyType({name: self.text(table, name, *path, key) for name in sorted(table)})

    def words(self, body: dict[str, Any], key: str, *path: str) -> tuple[str, ...]:
        items = body.get(key, [])
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            self.fail("a list of texts is expected here", *path, key)
        return tuple(items)
