r"""`.env` files, in the words that their readers have in common.

Readers differ in what they make of backslashes and dollars: python-dotenv undoes `\\` and `\'` within any quotes, and
replaces `${NAME}` in both kinds; others take `'…'` literally. A value is said in the first of three ways that suits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from devshell import environ
from devshell.errors import ShellError
from devshell.shells.names import checked

if TYPE_CHECKING:
    from devshell.shells.names import Changes

_HINT = "use `devshell export bash`, which can say every value"
_BYTES = re.compile(r"[\udc80-\udcff]")
_REFERENCE = re.compile(r"\$\{[^}:]*(:-[^}]*)?\}")
_COMMAND = re.compile(r"`|\$\(")
_NOT_LITERAL = re.compile(r"['\r]|\\\\|\\\Z")
_ESCAPES = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r"}


def quote(value: str) -> str:
    """Return `value` in quotes: double, single where those would not do, else double with python-dotenv's escapes.

    Raises ShellError for bytes that are no UTF-8, and for what readers would replace or even run.
    """
    if _BYTES.search(value):
        raise ShellError("bytes that are no UTF-8 cannot stand in a .env file", hint=_HINT)
    if _REFERENCE.search(value):
        raise ShellError("readers of .env files would replace the ${…} in this value", hint=_HINT)
    if re.search(r'[\\"$`\r]', value):
        if not _NOT_LITERAL.search(value):
            return f"'{value}'"
        if _COMMAND.search(value):
            raise ShellError("some readers of .env files would run the command in this value", hint=_HINT)
    return '"' + "".join(_ESCAPES.get(character, character) for character in value) + '"'


def script(changes: Changes) -> str:
    """Return the variables that are set; a `.env` file has no word for unsetting, and nothing in it is left again.

    Raises ShellError, naming the variable, for a value that `quote` refuses.
    """
    lines = []
    for name, value in checked(changes):
        if value is None or environ.travels(name):
            continue
        try:
            lines.append(f"{name}={quote(value)}\n")
        except ShellError as error:
            raise ShellError(f"the variable {name}: {error.message}", hint=error.hint) from None
    return "".join(lines)
