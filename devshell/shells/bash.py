"""bash, from 4.4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell.shells.names import checked, raw

if TYPE_CHECKING:
    from devshell.shells.names import Changes

#: Read-only, or computed by bash itself: setting them fails, or is arithmetic, which would evaluate the value.
_OWN = frozenset((
    *("BASHOPTS", "BASHPID", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID", "HISTCMD", "LINENO", "OPTIND"),
    *("RANDOM", "SRANDOM", "SECONDS", "EPOCHSECONDS", "EPOCHREALTIME", "DIRSTACK", "FUNCNAME", "GROUPS", "PIPESTATUS"),
    *("BASH_ALIASES", "BASH_ARGC", "BASH_ARGV", "BASH_CMDS", "BASH_LINENO", "BASH_SOURCE", "MAILCHECK", "_"),
))  # fmt: skip


def quote(value: str) -> str:
    r"""Return one word of bash or zsh code that is `value`.

    What does not show is escaped within `$'…'`, so that the code is one line, is safe to look at in a terminal, and
    has no character that a shell keeps for itself; all else stands within `'…'`.
    """
    if all(character.isprintable() for character in value):
        # No empty '' is written between two escaped quotes: zsh's RC_QUOTES reads a doubled one as a quote.
        parts = [f"'{part}'" if part else "" for part in value.split("'")]
        return r"\'".join(parts) or "''"
    return "$'" + "".join(_escaped(character) for character in value) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character in "\n\t":
        return r"\n" if character == "\n" else r"\t"
    return "".join(f"\\x{byte:02x}" for byte in raw(character)) or character


def script(changes: Changes) -> str:
    """Return bash code that makes the changes, for `eval`."""
    return "".join(
        # -v, since a plain unset of a name that is no variable takes the user's function of that name away.
        f"unset -v {name}\n" if value is None else f"export {name}={quote(value)}\n"
        for name, value in checked(changes, _OWN)
    )
