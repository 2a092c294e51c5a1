"""What every language shares: the one check of names and values, and which characters to escape."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from devshell import environ
from devshell.errors import ShellError

#: Pairs of a variable's name and its value, or None where it is to be unset.
Changes = Iterable[tuple[str, str | None]]


def checked(changes: Changes, shells_own: frozenset[str] = frozenset()) -> Iterator[tuple[str, str | None]]:
    """Yield the changes that may be said, leaving out the names in `shells_own`.

    Raises ShellError for a name that is no identifier, where code would be made of data, and for a value that no
    variable can hold.
    """
    for name, value in changes:
        if not environ.identifier(name):
            raise ShellError(f"{name!r} is no name for a variable", hint="use letters, digits and _, no digit first")
        if value is not None and not _sayable(value):
            raise ShellError(
                f"the value of {name} holds a NUL, or a character that this machine's locale has no bytes for",
                hint="give it another value",
            )
        if name not in shells_own:
            yield name, value


def _sayable(value: str) -> bool:
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def raw(character: str) -> bytes:
    """Return the bytes to be escaped one by one for this character, none if it may stand as it is.

    Those are the characters that do not show, which steer terminals or have a meaning inside of shells, and the
    surrogates that stand for bytes that are no UTF-8.
    """
    return b"" if character.isprintable() else os.fsencode(character)
