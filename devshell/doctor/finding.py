"""What an examination finds, and what it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from devshell import environ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devshell.errors import DevshellError


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: what it is about, one sentence, and how to mend it, a command wherever there is one."""

    concept: str
    level: Level
    text: str
    mend: str | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is examined: the folder the user stands in, and the variables of the shell they called from."""

    folder: str
    env: Mapping[str, str]

    @property
    def users(self) -> dict[str, str]:
        """Return the variables as they are outside of any project."""
        return environ.leave(self.env)


def ok(concept: str, text: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(concept, Level.OK, text)


def note(concept: str, text: str, mend: str | None = None) -> Finding:
    """Return a finding worth knowing."""
    return Finding(concept, Level.NOTE, text, mend)


def problem(concept: str, text: str, mend: str | None = None) -> Finding:
    """Return a finding that something will fail."""
    return Finding(concept, Level.PROBLEM, text, mend)


def failure(concept: str, error: DevshellError, level: Level = Level.PROBLEM) -> Finding:
    """Return an error as a finding."""
    where = f"{error.place}: " if error.place else ""
    return Finding(concept, level, f"{where}{error.message}", error.hint)
