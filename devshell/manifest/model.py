"""The manifest as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell.system import DEFAULT_PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devshell.errors import Place


def _none() -> Mapping[str, str]:
    # A factory: until Python 3.12 a read-only mapping cannot be a field's default itself.
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Request:
    """One entry of `[tools]`: a tool and the version asked for.

    `key` is the name as written (`node`, `npm:prettier`); `name` is without the source prefix.
    `source` is the explicit source, from the prefix or the table. `version` is the request as
    written. `extra` are packages wanted beside the tool, as `name` or `name@version`. `suite` is the
    codename of the Debian suite to take it from. What follows is for `http` tables only: `url` maps
    a platform to a template, with `*` for all of them; `os_names` and `arch_names` translate what
    `{os}` and `{arch}` become; `bin` maps a command to a path in the archive.
    """

    key: str
    name: str
    source: str | None
    version: str
    place: Place
    url: Mapping[str, str] = field(default_factory=_none)
    os_names: Mapping[str, str] = field(default_factory=_none)
    arch_names: Mapping[str, str] = field(default_factory=_none)
    strip: int | None = None
    bin: Mapping[str, str] | None = None
    extra: tuple[str, ...] = ()
    suite: str | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """One entry of `[env]`: exactly one of the four is set.

    Values are templates: `${NAME}` is that variable at activation, `${NAME:-word}` the same with a
    fallback, `${project}` the project's folder.
    """

    name: str
    value: str | None = None
    default: str | None = None
    unset: bool = False
    prepend: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PathEntries:
    """`[path]`: folders, relative to the project, put in front of PATH."""

    prepend: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dotenv:
    """`[dotenv]`: files of variables, relative to the project; later ones win."""

    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """One entry of `[tasks]`: a command line for `sh`, run in the project's folder."""

    name: str
    run: str
    description: str = ""
    depends: tuple[str, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class ShellHooks:
    """Code sourced by each kind of shell; keys are `bash`, `zsh`, `fish`."""

    scripts: Mapping[str, str] = field(default_factory=_none)


@dataclass(frozen=True, slots=True)
class Hooks:
    """`[hooks]`: `env` runs in bash and keeps what it exports; the others are sourced by shells."""

    env: str | None = None
    activate: ShellHooks = field(default_factory=ShellHooks)
    deactivate: ShellHooks = field(default_factory=ShellHooks)


@dataclass(frozen=True, slots=True)
class Settings:
    """`[settings]`: what is locked for, and what else is watched."""

    platforms: tuple[str, ...] = DEFAULT_PLATFORMS
    watch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shell:
    """What a project's shell is made of; a named shell is this on top of the project's own."""

    tools: Mapping[str, Request]
    env: tuple[Variable, ...] = ()
    path: PathEntries = field(default_factory=PathEntries)
    dotenv: Dotenv = field(default_factory=Dotenv)
    aliases: Mapping[str, str] = field(default_factory=_none)
    tasks: Mapping[str, Task] = field(default_factory=lambda: MappingProxyType({}))
    hooks: Hooks = field(default_factory=Hooks)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of a project's wishes, merged.

    `base` is the project's own shell. Each of `shells` is already merged over `base`, so that
    entering one needs no second look; `extra_tools` are the tools that only it names or overrides.
    """

    base: Shell
    settings: Settings = field(default_factory=Settings)
    shells: Mapping[str, Shell] = field(default_factory=lambda: MappingProxyType({}))
    extra_tools: Mapping[str, Mapping[str, Request]] = field(default_factory=lambda: MappingProxyType({}))

    def shell(self, name: str | None) -> Shell:
        """Return the named shell, or the project's own for None; KeyError if there is none of that name."""
        return self.base if name is None else self.shells[name]
