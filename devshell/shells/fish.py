"""fish, from 3.6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell.shells.names import checked, raw

if TYPE_CHECKING:
    from devshell.shells.names import Changes

#: Read-only in fish.
_OWN = frozenset((
    *("FISH_VERSION", "PWD", "SHLVL", "_", "fish_kill_signal", "fish_killring", "fish_pid", "history", "hostname"),
    *("pipestatus", "status", "status_generation", "version", "argv"),
))  # fmt: skip


def quote(value: str) -> str:
    r"""Return one word of fish code that is `value`: within `'…'`, but for what has to be escaped outside of quotes.

    What does not show is escaped, so that the code is one line and safe to look at in a terminal.
    """
    parts: list[str] = []
    quoted = False
    for character in value:
        # \X, not \x: a byte of its own, whatever the locale.
        escaped = "".join(f"\\X{byte:02x}" for byte in raw(character))
        if quoted is bool(escaped):
            parts.append("'")
            quoted = not quoted
        parts.append(escaped or ("\\" + character if character in "\\'" else character))
    return ("".join(parts) + ("'" if quoted else "")) or "''"


def script(changes: Changes) -> str:
    """Return fish code that makes the changes, for `source`."""
    return "".join(map(_line, checked(changes, _OWN)))


def _line(change: tuple[str, str | None]) -> str:
    name, value = change
    if value is None:
        # -g, since a plain erase of a name that is only universal takes it from all the user's shells, for good.
        return f"set -eg {name}\n"
    # The one that fish keeps as a list in every version.
    words = map(quote, value.split(":")) if name == "PATH" else [quote(value)]
    return f"set -gx {name} {' '.join(words)}\n"
