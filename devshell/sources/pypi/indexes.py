"""Addresses of package indexes: what the user configured, for devshell or for the ecosystem's own clients.

None is written in this project; DESIGN.md, "Registry and sources", gives the order.
"""

from __future__ import annotations

import configparser
import contextlib
import functools
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.config import hide_logins
from devshell.errors import ConfigError, DevshellError, Place
from devshell.files import explained, read_regular
from devshell.sources import uv_engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devshell.config import Config

_LIMIT = 1 << 20
_TIMEOUT = 60
_SET = "devshell config set index.pypi ADDRESS"
# What makes uv look at a project, or at files named relative to one, or has nothing to do with indexes
# and can fail.
_UV_ELSEWHERE = (
    "UV_BUILD_CONSTRAINT",
    "UV_CONSTRAINT",
    "UV_ENV_FILE",
    "UV_EXCLUDE",
    "UV_OVERRIDE",
    "UV_PROJECT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
)
# What tells uv which indexes to use, beside its files.
_UV_INDEXES = (
    "UV_CONFIG_FILE",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_NO_INDEX",
    "UV_TORCH_BACKEND",
)
_ASKING = ("--offline", "--no-cache", "--emit-index-url")
_TRUE = frozenset({"1", "on", "true", "yes", "y", "t"})
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a client says: its main index, and those it asks besides; `none` where it is to use no index at all."""

    main: str | None = None
    extra: tuple[str, ...] = ()
    none: bool = False


def pypi_indexes(config: Config) -> tuple[str, ...]:
    """Return the simple-API indexes to ask, in order; the first that has a package is the one to use.

    That is uv's own rule ("first-index"), and keeps a public package from standing in for a private
    one of the same name; extra indexes therefore come before the main one. devshell's own
    `index.pypi` stands alone. Else: uv's extra indexes; then uv's main index if the user configured
    one, else pip's extra indexes and pip's main index, and where pip names none, the one that uv
    uses by itself. Settings of the user and the system count, in files and in the environment; a
    project's never do.

    An index may hold a login, may be a `file://` folder, and need not have the package: whoever asks
    passes it over then. One that does not answer ends locking, for it may be the private one.
    Raises ConfigError where no index is known, or where a client's settings cannot be understood.
    """
    if config.index_pypi:
        return config.index_pypi
    # Two threads that ask at once start uv but once.
    with _lock:
        found = _of_clients(tuple(sorted(os.environ.items())))
    if not found:
        raise ConfigError("no Python package index is configured on this machine", hint=f"run `{_SET}`")
    return found


def ask_early(config: Config) -> None:
    """Begin to ask uv, for a command that will soon need the answer; errors come to whoever asks for that.

    Starting uv takes about as long as reading a project, and can happen meanwhile.
    """
    if not config.index_pypi:
        environment = tuple(sorted(os.environ.items()))
        with contextlib.suppress(DevshellError):
            _early[environment] = _Asked(dict(environment))


@functools.lru_cache(maxsize=8)
def _of_clients(environment: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    variables = dict(environment)
    asked = _early.pop(environment, None) or _Asked(variables)
    configured, builtin = asked.answers()
    extra = () if configured.none else configured.extra
    if configured.none or configured.main != builtin.main:
        rest: tuple[str | None, ...] = (configured.main,)
    else:
        pip = _pip_answer(variables)
        rest = () if pip.none else (*pip.extra, pip.main or builtin.main)
    ordered = (_as_address(each) for each in (*extra, *rest) if each)
    return tuple(dict.fromkeys(ordered))


def _as_address(text: str) -> str:
    path = Path(text).expanduser() if "://" not in text else None
    return path.as_uri() if path is not None and path.is_absolute() else text.rstrip("/")


class _Asked:
    """The pinned uv, asked for the indexes it is configured for, and for those it uses unconfigured."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        plain = {name: value for name, value in variables.items() if name not in _UV_ELSEWHERE}
        if not os.path.isabs(plain.get("UV_CONFIG_FILE", "/")):
            # It would be looked for in the empty folder; where the user stands, it would be a project's.
            del plain["UV_CONFIG_FILE"]
        bare = {name: value for name, value in plain.items() if name not in _UV_INDEXES}
        self._folder = uv_engine.empty_folder()
        with explained(self._folder.name):
            self._first = uv_engine.start_compile(self._folder.name, plain, *_ASKING, "-")
            self._second = uv_engine.start_compile(self._folder.name, bare, *_ASKING, "--no-config", "-")

    def answers(self) -> tuple[_Answer, _Answer]:
        with self._folder:
            return _uv_answer(self._first), _uv_answer(self._second)


_early: dict[tuple[tuple[str, str], ...], _Asked] = {}


def _uv_answer(process: subprocess.Popen[str]) -> _Answer:
    try:
        output, errors = process.communicate(timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise ConfigError("uv does not say which index it is configured for", hint=f"run `{_SET}`") from None
    if process.returncode:
        reason = hide_logins(" ".join(errors.split())).removeprefix("error: ")
        raise ConfigError(f"uv's own settings are wrong: {reason!r:.500}", hint=f"mend them, or run `{_SET}`")
    main = None
    extra = []
    for line in output.splitlines():
        option, _, value = line.strip().partition(" ")
        if option == "--index-url":
            main = value
        elif option == "--extra-index-url":
            extra.append(value)
    return _Answer(main, tuple(extra), none=main is None and not extra)


def _pip_answer(variables: Mapping[str, str]) -> _Answer:
    """Read pip's settings: later files win over earlier ones, the environment over all.

    A virtual environment's own pip.conf is left out: it is a project's.
    """
    settings: dict[str, str] = {}
    for path in _pip_files(variables):
        settings |= _pip_settings(path)
    for name in ("index-url", "extra-index-url", "no-index"):
        value = variables.get("PIP_" + name.upper().replace("-", "_"))
        if value:
            settings[name] = value
    main = settings.get("index-url", "").strip() or None
    extra = tuple(settings.get("extra-index-url", "").split())
    return _Answer(main, extra, none=settings.get("no-index", "").strip().lower() in _TRUE)


def _pip_files(variables: Mapping[str, str]) -> Iterator[Path]:
    named = variables.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    home = Path(variables.get("HOME") or os.path.expanduser("~"))
    if sys.platform == "darwin":
        yield Path("/Library/Application Support/pip/pip.conf")
    else:
        for folder in reversed((variables.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")):
            if os.path.isabs(folder):
                yield Path(folder, "pip", "pip.conf")
        yield Path("/etc/pip.conf")
    yield home / ".pip" / "pip.conf"
    application = home / "Library" / "Application Support" / "pip"
    if sys.platform == "darwin" and application.is_dir():
        yield application / "pip.conf"
    else:
        yield Path(variables.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    # A relative one would be looked for where the user stands, which is in a project.
    if os.path.isabs(named):
        yield Path(named)


def _pip_settings(path: Path) -> dict[str, str]:
    """Return a pip.conf's settings for all commands, and for `install` where those say otherwise."""
    found = read_regular(path, _LIMIT)
    if found is None:
        return {}
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(found[0].decode("utf-8"))
    except (configparser.Error, UnicodeDecodeError) as problem:
        # Its own message can quote a login.
        line = getattr(problem, "lineno", None)
        raise ConfigError(
            "pip's own settings cannot be understood", place=Place(str(path), line), hint=f"mend them, or run `{_SET}`"
        ) from None
    settings: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            settings |= {name.lower().replace("_", "-"): value for name, value in parser.items(section)}
    return settings
