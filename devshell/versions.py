"""Versions and the requests that choose among them.

The grammar is DESIGN.md's: `"22"` or `"22.4"` (newest with that prefix), `"=22.4.1"`, a comparison
list such as `">=0.9,<1"`, `"~=1.4"`, `"^1.4"`, and `"latest"` or `"*"`. Numbers are ordered as PEP
440 has it; what is not a PEP 440 version is ordered piece by piece, below all that are. A letter
alone behind the numbers (tmux 3.5a), or a p and a number (OpenSSH 10.0p1), is a later patch of them.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from devshell.errors import VersionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ANY = ("latest", "*")
#: Far above any real request; a bound for what a hostile manifest can make us parse.
_LONGEST = 200
_CLAUSE = re.compile(r"(>=|<=|==|!=|~=|>|<|=|\^)?\s*([^\s,<>=!~^]+)$")
_ANY_SPACE = "[^!-~]*"
_NUMBER = r"[vV]?[0-9]+(?:\.[0-9]+)*(?:(?:\.[a-dprA-DPR]|[^ ,<>=!~^.*0-9])[^ ,<>=!~^]*)?"
_COMPARISON = rf"(?:[<>=]=?|[!~]=|\^){_ANY_SPACE}{_NUMBER}{_ANY_SPACE}"
#: The pattern of all that :func:`parse` takes, and of little else, for editors.
REQUEST = rf"{_ANY_SPACE}(?:latest|\*|{_NUMBER}|{_COMPARISON}(?:,{_ANY_SPACE}{_COMPARISON})*){_ANY_SPACE}"
_HINT = 'write "22", "22.4", "=22.4.1", ">=0.9,<1", "~=1.4", "^1.4" or "latest"'

_PATCH = re.compile(r"(\d{1,18}(?:\.\d{1,18})*)(?:([a-z])|p(\d{1,9}))", re.ASCII)

Key = tuple[int, Version | tuple[tuple[int, int, str], ...]]


@lru_cache(maxsize=65536)
def _parsed(version: str) -> Version | None:
    patch = _PATCH.fullmatch(version)
    if patch is not None:
        # PEP 440 would read 3.5a as an early test of 3.5, though nobody writes one without a number.
        version = f"{patch[1]}.post{patch[3] or ord(patch[2]) - ord('a') + 1}"
    try:
        return Version(version)
    except InvalidVersion:
        return None


def sort_key(version: str) -> Key:
    """Return a key that sorts versions from old to new; a total order over any text."""
    known = _parsed(version)
    if known is not None:
        return (1, known)
    pieces = re.findall(r"\d+|[^\d.\-_+:~]+", version)
    return (0, tuple((1, int(p), "") if p.isdecimal() else (0, 0, p) for p in pieces))


def is_prerelease(version: str) -> bool:
    """Return whether a version is one to take only when asked for."""
    known = _parsed(version)
    return known is not None and known.is_prerelease


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison; `operator` is empty for a prefix."""

    operator: str
    version: Version

    def holds(self, other: Version) -> bool:
        """Return whether `other` satisfies this comparison."""
        return _HOLDS[self.operator](other, self.version)


def _padded(version: Version, length: int) -> tuple[int, ...]:
    return (version.release + (0,) * length)[:length]


def _same_head(other: Version, mine: Version, length: int) -> bool:
    return other.epoch == mine.epoch and _padded(other, length) == _padded(mine, length)


def _has_prefix(other: Version, mine: Version) -> bool:
    if mine.is_prerelease or mine.is_postrelease or mine.local:
        return other == mine
    return _same_head(other, mine, len(mine.release))


def _caret_length(version: Version) -> int:
    # As npm has it: everything up to the first non-zero number stays; ^0.0 keeps both.
    for position, number in enumerate(version.release):
        if number:
            return position + 1
    return len(version.release)


def _is(other: Version, mine: Version) -> bool:
    return other == mine or (mine.local is None and Version(other.public) == mine)


def _below(other: Version, mine: Version) -> bool:
    # A pre-release of the excluded version is not "below" it for a person: <2 excludes 2.0rc1.
    return other < mine and not (other.is_prerelease and other.release == mine.release)


def _compatible(other: Version, mine: Version) -> bool:
    return other >= mine and _same_head(other, mine, len(mine.release) - 1)


def _caret(other: Version, mine: Version) -> bool:
    return other >= mine and _same_head(other, mine, _caret_length(mine))


_HOLDS: dict[str, Callable[[Version, Version], bool]] = {
    "": _has_prefix,
    "=": _is,
    "==": _is,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": _below,
    "~=": _compatible,
    "^": _caret,
}


@dataclass(frozen=True, slots=True)
class Range:
    """A parsed request. No clauses means any version."""

    text: str
    clauses: tuple[Clause, ...] = ()

    @property
    def exact(self) -> str | None:
        """Return the one version asked for with `=`, or None."""
        if len(self.clauses) == 1 and self.clauses[0].operator in ("=", "=="):
            return str(self.clauses[0].version)
        return None

    @property
    def takes_prereleases(self) -> bool:
        """Whether a pre-release stands in the request itself."""
        return any(clause.version.is_prerelease for clause in self.clauses)

    def matches(self, version: str) -> bool:
        """Return whether a version answers this request."""
        known = _parsed(version)
        if known is None:
            return not self.clauses
        if known.is_prerelease and not self.takes_prereleases:
            return False
        return all(clause.holds(known) for clause in self.clauses)

    def newest(self, versions: Iterable[str]) -> list[str]:
        """Return the versions that answer this request, newest first."""
        return sorted((v for v in set(versions) if self.matches(v)), key=lambda v: (sort_key(v), v), reverse=True)


@lru_cache(maxsize=4096)
def parse(text: str) -> Range:
    """Parse a request; raises VersionError on what is not in the grammar."""
    if len(text) > _LONGEST:
        raise VersionError(f"a version request of {len(text)} characters is too long", hint=_HINT)
    if text.strip() in ANY:
        return Range(text)
    clauses = []
    for part in text.split(","):
        match = _CLAUSE.fullmatch(part.strip())
        version = _parsed(match[2]) if match else None
        if match is None or version is None:
            raise VersionError(f"{text!r} is not a version request", hint=_HINT)
        if match[1] == "~=" and len(version.release) == 1:
            raise VersionError(f'{text!r} needs two numbers, as in "~=1.4"', hint=_HINT)
        clauses.append(Clause(match[1] or "", version))
    if len(clauses) > 1 and any(clause.operator == "" for clause in clauses):
        raise VersionError(f"{text!r} mixes a plain version into a list of comparisons", hint=_HINT)
    return Range(text, tuple(clauses))


def suggested_request(version: str) -> str:
    """Return the prefix that `devshell add` writes for a version: its major number, or `0.minor`."""
    known = _parsed(version)
    if known is None or known.epoch:
        return f"={version}" if known else "latest"
    if known.is_prerelease:
        return f"={version}"
    head = known.release[:1] if known.major else known.release[:2]
    return ".".join(map(str, head))
