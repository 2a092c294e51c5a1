"""What the machine's npm is set up with: the registry, registries of scopes, and logins.

npm's own files and variables are read as npm reads them (`npm help npmrc`): the environment wins over
the user's file, that one over the system's; a project's `.npmrc` never counts.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from devshell.errors import ConfigError, Place
from devshell.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LIMIT = 1 << 20
_PREFIX = "npm_config_"
_LINE = re.compile(r"([^=]+?)\s*=\s*(.*)")
#: As `@npmcli/config` has it: an escaped one is left alone.
_VARIABLE = re.compile(r"(?<!\\)(\\*)\$\{([^${}]+)\}")
_SCOPE = re.compile(r"(@[^/:]+):registry")
# Variables that npm sets for what it runs, or that lead it to a project.
_PROJECTS = ("INIT_CWD", "NODE_OPTIONS", "NODE_PATH", "PREFIX", "DESTDIR", "npm_config_local_prefix")
_FILES = ("npm_config_userconfig", "npm_config_globalconfig", "npm_config_cafile")
_ABOUT_A_PROJECT = ("npm_package_", "npm_lifecycle_", "npm_command", "npm_execpath", "npm_node_execpath")


@dataclass(frozen=True, slots=True)
class Settings:
    """The registry's address and what belongs to it.

    `registry` is None where devshell's own configuration names it, so that npm was not asked. `scopes`
    maps `@scope` to the address of its registry. `said` holds every setting by its npm name, logins
    among them: nothing of it may be shown. `system_file` is the system's npmrc.
    """

    registry: str | None
    scopes: Mapping[str, str]
    said: Mapping[str, str]
    system_file: str | None = None

    def login(self, registry: str) -> str | None:
        """Return the value of `Authorization` for a registry, or None.

        npm keeps a login under the address without its scheme, and takes the one of the longest path.
        Raises ConfigError for one that cannot be understood.
        """
        for key in _places(registry):
            if token := self.said.get(f"{key}:_authToken"):
                return f"Bearer {_sendable(token, key)}"
            if basic := self.said.get(f"{key}:_auth"):
                return f"Basic {_sendable(basic, key)}"
            name, password = self.said.get(f"{key}:username"), self.said.get(f"{key}:_password")
            if name and password:
                return "Basic " + base64.b64encode(f"{name}:{_decoded(password, key)}".encode()).decode("ascii")
        return None


def client_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that npm is started with: the user's, without what a project put there.

    What runs under `npm run` has the settings of that project's `.npmrc` in its environment, not to be
    told from the user's own; then none of them counts.
    """
    under_npm = "npm_lifecycle_event" in variables
    return {
        name: value
        for name, value in variables.items()
        if name not in _PROJECTS
        and not name.startswith(_ABOUT_A_PROJECT)
        and not (under_npm and name.lower().startswith(_PREFIX))
        # A relative one would be looked for where the user stands, which is in a project.
        and not (name.lower() in _FILES and not os.path.isabs(value))
    }


def gathered(
    registry: str | None, user_file: str | None, system_file: str | None, variables: Mapping[str, str]
) -> Settings:
    """Return the settings of npm's files and variables; `registry` is what npm itself answered.

    Raises ConfigError where a file cannot be read, or an address is none.
    """
    said: dict[str, str] = {}
    for file in (system_file, user_file):
        if file:
            said |= read(Path(file), variables)
    said |= _of_environment(variables)
    scopes = {found[1]: _address(said[key], key) for key in said if (found := _SCOPE.fullmatch(key))}
    main = None if registry is None else _address(registry, "registry")
    return Settings(main, MappingProxyType(scopes), MappingProxyType(said), system_file)


def read(file: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of one npmrc, `${NAME}` filled in; none where there is no such file.

    Sections and lists mean nothing here and are left out. Raises ConfigError where it is not UTF-8.
    """
    found = read_regular(file, _LIMIT)
    try:
        text = "" if found is None else found[0].decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("npm's own settings are not UTF-8", place=Place(str(file)), hint="mend them") from None
    settings: dict[str, str] = {}
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            break
        if not stripped or stripped[0] in ";#":
            continue
        match = _LINE.fullmatch(stripped)
        key, value = (match[1], match[2]) if match else (stripped, "true")
        settings[_filled(_plain(key), variables)] = _filled(_plain(value), variables)
    return settings


def _of_environment(variables: Mapping[str, str]) -> dict[str, str]:
    settings = {}
    for name, value in variables.items():
        if not name.lower().startswith(_PREFIX) or not value:
            continue
        key = name[len(_PREFIX) :]
        if not key.startswith("//"):
            key = re.sub(r"(?<!^)_", "-", key).lower()
        settings[key] = _filled(value, variables)
    return settings


def _plain(text: str) -> str:
    """Return a key or a value as npm's `ini` reads it: quotes taken off, a comment behind it cut."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    cut = re.split(r"(?<!\\)[;#]", text, maxsplit=1)[0]
    return re.sub(r"\\([;#\\])", r"\1", cut).strip()


def _filled(text: str, variables: Mapping[str, str]) -> str:
    def fill(found: re.Match[str]) -> str:
        escapes, name = found[1], found[2]
        if len(escapes) % 2:
            return found[0][(len(escapes) + 1) // 2 :]
        return escapes[len(escapes) // 2 :] + variables.get(name, f"${{{name}}}")

    return _VARIABLE.sub(fill, text)


def _places(registry: str) -> Iterator[str]:
    parts = urlsplit(registry)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    key = f"//{host}{'' if parts.port is None else f':{parts.port}'}{parts.path or '/'}"
    if not key.endswith("/"):
        key += "/"
    while len(key) > len("//"):
        yield key
        key = re.sub(r"(?:[^/]+|/)\Z", "", key)


def _address(text: str, key: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or not text.isprintable():
        # Not repeated: it may hold a password.
        raise ConfigError(f"npm's own setting {key!r:.80} is no address", hint="mend it with `npm config set`")
    return text.rstrip("/") + "/"


def _sendable(secret: str, key: str) -> str:
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise _unusable(key)
    return secret


def _decoded(password: str, key: str) -> str:
    try:
        return base64.b64decode(password, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise _unusable(key) from None


def _unusable(key: str) -> ConfigError:
    host = key.removeprefix("//").partition("/")[0]
    return ConfigError(f"npm's login for {host!r:.100} cannot be understood", hint="log in again with `npm login`")


def split_login(address: str) -> tuple[str, str | None]:
    """Return an address without the login that stands in it, and that login as a value of `Authorization`."""
    parts = urlsplit(address)
    if parts.username is None:
        return address, None
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return bare, "Basic " + base64.b64encode(secret.encode()).decode("ascii")


def variable_for(registry: str, login: str) -> tuple[str, str]:
    """Return the variable that gives npm a login for a registry."""
    kind, _, secret = login.partition(" ")
    return f"{_PREFIX}{next(_places(registry))}:{'_authToken' if kind == 'Bearer' else '_auth'}", secret


def environment() -> dict[str, str]:
    """Return this process's variables, as npm is to see them."""
    return client_environment(os.environ)


def host(registry: str) -> str:
    """Return how messages name a registry: its host, without login and path."""
    parts = urlsplit(registry)
    return f"{parts.hostname or ''}{'' if parts.port is None else f':{parts.port}'}"
