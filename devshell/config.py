"""The user's own configuration: `config.toml`, one table of the keys it may hold, and edits that keep comments."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devshell import config_values, paths
from devshell.errors import ConfigError, DevshellError, Place, raise_together
from devshell.files import locked, make_private, read_regular, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Every source a user may restrict devshell to, in the order that DESIGN.md names them.
SOURCES = config_values.SOURCES

_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration, complete with defaults. Empty means: not configured.

    `index_pypi`, `index_npm`, `index_deb` and `mirrors` are addresses (a folder is a `file://` address) and may hold
    logins, so they are never shown but through :func:`shown`. `timeout` is in seconds. Projects in the folders of
    `trusted`, absolute paths as the user wrote them, count as allowed; `trust_clones` and `greeting`
    are words of `devshell.config_values`. `editor` is the name or the path of a command.
    """

    index_pypi: tuple[str, ...] = ()
    index_npm: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    downloads: int = 8
    timeout: float = 30.0
    insecure: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    index_python: tuple[str, ...] = ()
    index_deb: tuple[str, ...] = ()
    deb_keys: tuple[str, ...] = ()
    deb_snapshot: bool = False
    trusted: tuple[str, ...] = ()
    trust_clones: str = "off"
    auto_sync: bool = False
    greeting: str = "tools"
    editor: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of `config.toml`: `kind` says in words what it takes, `default` what holds without it."""

    name: str
    field: str
    kind: str
    description: str
    #: Turns what stands in the file into the value, or raises ValueError with what is wrong.
    check: Callable[[object], Any]

    @property
    def default(self) -> Any:  # noqa: ANN401  as many types as keys
        """Return the value that holds where the file is silent."""
        return getattr(Config(), self.field)


#: Every key there is, in the order that `devshell config` shows them.
KEYS = {
    key.name: key
    for key in (
        Key(
            "index.pypi",
            "index_pypi",
            "addresses or folders",
            "Python package indexes, the first asked first",
            config_values.addresses,
        ),
        Key(
            "index.npm",
            "index_npm",
            "addresses or folders",
            "npm registries, the first asked first; a folder serves only packages that are locked already",
            config_values.addresses,
        ),
        Key(
            "index.deb",
            "index_deb",
            "addresses or folders",
            "roots of Debian archives (where `dists` is), the first asked first",
            config_values.addresses,
        ),
        Key(
            "index.python",
            "index_python",
            "addresses or folders",
            "mirrors of the standalone builds of Python, as uv's `python-install-mirror`",
            config_values.addresses,
        ),
        Key(
            "sources",
            "sources",
            "list of sources",
            "the only sources that may be used, in this order",
            config_values.sources,
        ),
        Key(
            "mirrors",
            "mirrors",
            "addresses or folders",
            "trees made by `devshell mirror`, asked for every file before its source",
            config_values.addresses,
        ),
        Key("downloads", "downloads", "whole number", "how many files are downloaded at once", config_values.count),
        Key("timeout", "timeout", "seconds", "how long a silent server is waited for", config_values.seconds),
        Key(
            "deb.keys",
            "deb_keys",
            "files or folders",
            "keys that may sign a Debian archive beside Debian's own, such as a company's",
            config_values.paths,
        ),
        Key(
            "deb.snapshot",
            "deb_snapshot",
            "true or false",
            "whether `index.deb` is old on purpose: neither its validity nor going back in time is minded",
            config_values.truth,
        ),
        Key(
            "trusted",
            "trusted",
            "absolute folders",
            "folders whose projects count as allowed, whatever they hold and become",
            config_values.trusted,
        ),
        Key(
            "trust_clones",
            "trust_clones",
            "off, worktrees or clones",
            "whether a git worktree, or any second clone, of an allowed project is allowed while it is the same",
            config_values.clones,
        ),
        Key(
            "auto_sync",
            "auto_sync",
            "true or false",
            "whether entering an allowed project installs it",
            config_values.truth,
        ),
        Key("greeting", "greeting", "tools, name or off", "what is said on entering a project", config_values.greeting),
        Key(
            "editor",
            "editor",
            "a command's name or an absolute path",
            "the editor that `devshell code` starts; without it, the first of those it knows",
            config_values.program,
        ),
        Key(
            "http.insecure", "insecure", "list of hosts", "hosts that may be asked over plain http", config_values.hosts
        ),
    )
}

_TABLES = {name.partition(".")[0] for name in KEYS if "." in name}


def config_file() -> Path:
    """Return where the user's configuration stands."""
    return Path(paths.config_folder()) / "config.toml"


def load(path: Path) -> Config:
    """Read the configuration; a missing file is an empty one.

    Raises ConfigError, or several at once in ManyErrors, with file, line and key.
    """
    text = _read(path)
    fields: dict[str, Any] = {}
    errors: list[DevshellError] = []
    for name, value in _flat(_parsed(path, text)):
        try:
            key = _key(name)
            fields[key.field] = key.check(value)
        except (ValueError, ConfigError) as problem:
            errors.append(_placed(problem, name, Place(str(path), _line(text, name), name)))
    raise_together(errors)
    return Config(**fields)


def get(path: Path, name: str) -> Any:  # noqa: ANN401  as many types as keys
    """Return the value that holds for a key, its default included; ConfigError for an unknown key."""
    return getattr(load(path), _key(name).field)


def set_value(path: Path, name: str, value: str) -> None:
    """Set a key to what the user typed, keeping the rest of the file as it is.

    A list is written with commas, or as a TOML array where an entry holds a comma. Raises
    ConfigError for an unknown key, a value that does not fit, and a file that cannot be understood.
    """
    key = _key(name)
    typed = _typed(key, value)
    try:
        key.check(typed)
    except ValueError as problem:
        raise ConfigError(f"{name} {problem}", place=Place(str(path), key=name), hint=_example(key)) from None
    _edit(path, name, typed)


def unset(path: Path, name: str) -> None:
    """Take a key out of the file, so that its default holds; fine if it is not there."""
    _key(name)
    _edit(path, name, None)


def shown(value: object) -> str:
    """Return a value as text fit for a terminal: lists with commas, logins blotted out."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
    return hide_logins(text)


def hide_logins(text: str) -> str:
    """Blot out `user:password@` wherever an address in `text` holds one."""
    return re.sub(r"(?<=://)[^/\s]*@", "***@", text)


def _read(path: Path) -> str:
    found = read_regular(path, _LIMIT)
    try:
        return "" if found is None else found[0].decode("utf-8")
    except UnicodeDecodeError as problem:
        line = found[0].count(b"\n", 0, problem.start) + 1 if found else None
        raise ConfigError("the configuration is not UTF-8", place=Place(str(path), line)) from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        found = re.search(r"\(at line (\d+)", str(problem))
        message = str(problem).partition(" (at ")[0]
        place = Place(str(path), int(found[1]) if found else None)
        raise ConfigError(f"the configuration is not TOML: {message}", place=place, hint="mend that line") from None
    except RecursionError:
        raise ConfigError("the configuration is nested too deeply", place=Place(str(path))) from None


def _flat(document: dict[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in document.items():
        if name in _TABLES and isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value


def _key(name: str) -> Key:
    if name in KEYS:
        return KEYS[name]
    near = config_values.nearest(name, tuple(KEYS))
    raise ConfigError(f"there is no key {name!r}{near}", hint="`devshell config` shows all keys")


def _placed(problem: ValueError | ConfigError, name: str, place: Place) -> ConfigError:
    if isinstance(problem, ConfigError):
        return ConfigError(problem.message, place=place, hint=problem.hint)
    return ConfigError(f"{name} {problem}", place=place, hint=_example(KEYS[name]))


def _example(key: Key) -> str:
    return f"{key.name} takes {key.kind}: {key.description}"


def _line(text: str, name: str) -> int | None:
    """Find the line of a key, well enough for a message: tomllib does not tell."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([^\]]*?)\s*\]", line):
            table = header[1].replace('"', "").replace("'", "")
            if table == name:
                return number
        elif assigned := re.match(r"\s*([^=#]+?)\s*=", line):
            key = re.sub(r"\s*\.\s*", ".", assigned[1]).replace('"', "").replace("'", "")
            full = f"{table}.{key}" if table else key
            if full == name or full.startswith(f"{name}."):
                return number
    return None


def _typed(key: Key, value: str) -> object:
    """Read what was typed on the command line, as far as the key's type asks for it."""
    if isinstance(key.default, tuple):
        if value.lstrip().startswith("["):
            return _toml_value(value)
        return [part.strip() for part in value.split(",") if part.strip()]
    number = _toml_value(value)
    return value if number is None else number


def _toml_value(value: str) -> object:
    try:
        document = tomllib.loads(f"value = {value}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    return document["value"] if len(document) == 1 else None


def _edit(path: Path, name: str, value: object) -> None:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    if not path.parent.is_dir():
        make_private(path.parent)
    # Two edits at once must not lose one another's.
    with locked(path.with_name(".config.lock"), cancelled=lambda: False):
        text = _read(path)
        _parsed(path, text)
        try:
            document = tomlkit.parse(text)
            _put(document, name, value)
            changed = tomlkit.dumps(document)
        except (TOMLKitError, RecursionError) as problem:
            raise ConfigError(
                f"{name} cannot be changed: {problem}", place=Place(str(path), _line(text, name), name)
            ) from None
        if changed != text:
            # It may hold logins.
            write_atomically(path, changed.encode(), 0o600)


def _put(document: Any, name: str, value: object) -> None:  # noqa: ANN401  tomlkit's containers have no common type
    import tomlkit

    table, _, last = name.rpartition(".")
    where = document
    if table:
        if value is not None and not isinstance(where.get(table), dict):
            where[table] = tomlkit.table()
        where = where.get(table)
    if value is not None:
        where[last] = value
    elif isinstance(where, dict) and last in where:
        del where[last]
        if table and not where:
            del document[table]
