"""Pruning: what of Debian only a whole system needs, and what Debian leaves unsaid; data in `pruned.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_FILE = "pruned.toml"


@lru_cache(maxsize=1 << 14)
def _fits(patterns: tuple[str, ...], name: str) -> bool:
    # Remembered: a closure asks of the same few hundred names again and again.
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Names:
    """Names of packages: whole ones, and patterns where `*` stands for any characters."""

    whole: frozenset[str]
    patterns: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """Return the names of a list in which some are patterns."""
        listed = tuple(names)
        return cls(frozenset(n for n in listed if "*" not in n), tuple(n for n in listed if "*" in n))

    def __contains__(self, name: str) -> bool:
        return name in self.whole or (bool(self.patterns) and _fits(self.patterns, name))


@dataclass(frozen=True, slots=True)
class Rules:
    """What a closure leaves out, and what it takes though no field asks for it.

    `always` are packages of every closure. `pruned` are left out whoever needs them, `scoped` pairs
    names with those of the packages whose need alone does not count. `implied` pairs names with what
    such packages need.
    """

    always: tuple[str, ...] = ()
    pruned: Names = field(default_factory=lambda: Names.of(()))
    scoped: tuple[tuple[Names, Names], ...] = ()
    implied: tuple[tuple[Names, tuple[str, ...]], ...] = ()

    def leaves_out(self, name: str, needed_by: str) -> bool:
        """Return whether a package stays out where only `needed_by` asks for it."""
        return name in self.pruned or any(name in names and needed_by in of for names, of in self.scoped)

    def unsaid(self, name: str) -> tuple[str, ...]:
        """Return the packages that one needs though none of its fields says so."""
        return tuple(needed for names, needs in self.implied if name in names for needed in needs)


@cache
def load() -> Rules:
    """Return the rules that come with devshell."""
    return parse((resources.files(__package__) / _FILE).read_text(encoding="utf-8"))


def parse(text: str) -> Rules:
    """Return the rules that a text of the form of `pruned.toml` states."""
    data = tomllib.loads(text)
    pruned = data.get("pruned", ())
    return Rules(
        always=tuple(data.get("always", ())),
        pruned=Names.of(name for entry in pruned if "of" not in entry for name in entry["packages"]),
        scoped=tuple((Names.of(entry["packages"]), Names.of(entry["of"])) for entry in pruned if "of" in entry),
        implied=tuple((Names.of(entry["packages"]), tuple(entry["needs"])) for entry in data.get("implied", ())),
    )
