"""How the files of a manifest lie over each other.

Nearest wins, key by key: `[tools]`, `[env]`, `[aliases]`, `[tasks]`, each of `[hooks]` and each shell
in them. Lists join: `path.prepend` with the nearest file's folders first, as PATH is searched from its
start; `dotenv.files` with the nearest file's last, as a later one wins; `settings.watch` is all of them.
`settings.platforms` is taken whole from the nearest file that has it. From near to far: a named shell,
`devshell.local.toml`, `devshell.toml`, its includes (a later one before an earlier one), theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from devshell.manifest.model import Dotenv, Hooks, PathEntries, Shell, ShellHooks

if TYPE_CHECKING:
    from collections.abc import Mapping

_V = TypeVar("_V")


def _no_shells() -> Mapping[str, Shell]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Layer:
    """What one file says, or several that were merged; `platforms` is None where none says any."""

    shell: Shell = field(default_factory=lambda: Shell(MappingProxyType({})))
    shells: Mapping[str, Shell] = field(default_factory=_no_shells)
    platforms: tuple[str, ...] | None = None
    watch: tuple[str, ...] = ()


def over(upper: Layer, lower: Layer) -> Layer:
    """Return `upper` lying over `lower`."""
    shells = dict(lower.shells)
    for name, shell in upper.shells.items():
        shells[name] = shell_over(shell, shells[name]) if name in shells else shell
    return Layer(
        shell=shell_over(upper.shell, lower.shell),
        shells=MappingProxyType(shells),
        platforms=lower.platforms if upper.platforms is None else upper.platforms,
        watch=_joined(lower.watch, upper.watch),
    )


def shell_over(upper: Shell, lower: Shell) -> Shell:
    """Return the shell `upper` lying over `lower`."""
    variables = {variable.name: variable for variable in lower.env} | {v.name: v for v in upper.env}
    return Shell(
        tools=_union(upper.tools, lower.tools),
        env=tuple(variables.values()),
        path=PathEntries(_joined(upper.path.prepend, lower.path.prepend)),
        dotenv=Dotenv(_joined_last(lower.dotenv.files, upper.dotenv.files)),
        aliases=_union(upper.aliases, lower.aliases),
        tasks=_union(upper.tasks, lower.tasks),
        hooks=Hooks(
            env=lower.hooks.env if upper.hooks.env is None else upper.hooks.env,
            activate=ShellHooks(_union(upper.hooks.activate.scripts, lower.hooks.activate.scripts)),
            deactivate=ShellHooks(_union(upper.hooks.deactivate.scripts, lower.hooks.deactivate.scripts)),
        ),
    )


def _union(upper: Mapping[str, _V], lower: Mapping[str, _V]) -> Mapping[str, _V]:
    return MappingProxyType({**lower, **upper})


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _joined_last(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    # Of a file named twice the last place counts: there it wins.
    return tuple(reversed(_joined(tuple(reversed(second)), tuple(reversed(first)))))
