r"""Vim and Neovim: Ex commands, one a line, for `:execute` or `:source`.

All of it is printable ASCII. Vim looks for the end of a string in characters of its own 'encoding', where a letter's
last byte can be the first of two and hide the quote behind it; and what does not stand in a line cannot end one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devshell.shells.names import checked

if TYPE_CHECKING:
    from devshell.shells.names import Changes


def quote(value: str) -> str:
    r"""Return a string of Vim's: within `'…'`, where a quote alone is special, else within `"…"`, bytes as `\xff`."""
    if all(" " <= character <= "~" for character in value):
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, os.fsencode(value))) + '"'


def _escaped(byte: int) -> str:
    character = chr(byte)
    if character in '\\"':
        return "\\" + character
    return character if " " <= character <= "~" else f"\\x{byte:02x}"


def script(changes: Changes) -> str:
    """Return the commands that make the changes."""
    return "".join(
        f"call setenv({quote(name)}, {'v:null' if value is None else quote(value)})\n"
        for name, value in checked(changes)
    )
