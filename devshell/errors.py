"""Errors a user can act on: what happened, where, and what to do next.

Every error that may reach a user is a :class:`DevshellError`; `devshell.cli.render` is the one place
that turns it into words on a terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the user's files an error stands; `line` counts from 1, `key` is a dotted TOML path."""

    file: str
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        """Render as `file:line: key`, leaving out what is not known."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return where if self.key is None else f"{where}: {self.key}"


class DevshellError(Exception):
    """Something failed in a way the user can understand and mend."""

    exit_code = 1

    def __init__(self, message: str, *, place: Place | None = None, hint: str | None = None) -> None:
        """Hold a plain sentence, the place it speaks of, and the next step."""
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint


class UsageError(DevshellError):
    """The command line itself is wrong."""

    exit_code = 2


class ManyErrors(DevshellError):
    """Several independent errors, shown together so that they can be mended together."""

    def __init__(self, errors: tuple[DevshellError, ...]) -> None:
        """Hold one or more errors in the order they stand in the files."""
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


def raise_together(errors: Sequence[DevshellError]) -> None:
    """Raise one error as itself and several as ManyErrors; return where there is none."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ManyErrors(tuple(errors))


class VersionError(DevshellError):
    """A version or a version request that cannot be understood."""


class ManifestError(DevshellError):
    """`devshell.toml`, an include, or the local file is wrong."""


class ProjectError(DevshellError):
    """There is no project here, or its files cannot be used."""


class LockError(DevshellError):
    """`devshell.lock` is missing, stale, damaged, conflicted, or from another release."""


class NewerLockError(LockError):
    """`devshell.lock` is from a newer release, so that nothing here may judge or replace it."""


class TrustError(DevshellError):
    """The user has not allowed this project's content."""


class ConfigError(DevshellError):
    """The user's own configuration is wrong or lacks an answer."""


class RegistryError(DevshellError):
    """A registry file is wrong, or a short name is not in the registry."""


class ResolveError(DevshellError):
    """No version, or no file for a platform, answers a request."""


class FetchError(DevshellError):
    """A page or a file could not be had from any configured place."""


class UnreachableError(FetchError):
    """No configured place answered; another source may be tried."""


class HashMismatchError(FetchError):
    """The bytes that came are not the bytes that the lock names."""


class ArchiveError(DevshellError):
    """An archive is damaged, hostile, or of an unknown kind."""


class StoreError(DevshellError):
    """The store cannot be read or written, or a path in it is damaged."""


class StateError(DevshellError):
    """The project's private state, or its `.devshell` folder, cannot be used."""


class ShellError(DevshellError):
    """A shell is missing or cannot be started."""


class TaskError(DevshellError):
    """A task is unknown, or its dependencies go round in a circle."""


class CancelledError(DevshellError):
    """The user pressed Ctrl-C."""

    exit_code = 130
