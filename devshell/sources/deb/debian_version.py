"""Debian's version numbers: how they are ordered, and the tool's own version in them.

A version is `[epoch:]upstream[-revision]`. The order is deb-version(7)'s: first the epoch as a number,
then upstream and revision, each piece by piece. Text pieces and numbers take turns; in text a `~`
comes before everything, even before the end, and letters come before all else.
"""

from __future__ import annotations

import re
from functools import lru_cache

_PIECES = re.compile(r"([^0-9]*)([0-9]*)")
#: A text piece and the number after it, the number as its length without leading zeros and its digits:
#: so that no length of it is too long to compare.
_Piece = tuple[tuple[int, ...], int, str]
_LAST: _Piece = ((0,), 0, "")
#: A letter after the numbers (tmux 3.5a) or a p and a number (OpenSSH 10.0p1) is the tool's own; what
#: is marked with + or ~ (+dfsg, +ds, ~rc1), and any other word, is not part of a plain version.
_PLAIN = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})*(?:(?:[a-z]|p[0-9]{1,9})(?![A-Za-z0-9]))?")
_REALLY = re.compile(r"[+.~]really[+.]?(?=[0-9])")

Key = tuple[int, tuple[_Piece, ...], tuple[_Piece, ...]]


@lru_cache(maxsize=65536)
def key(version: str) -> Key:
    """Return a key that sorts versions from old to new; versions that are equal to Debian have equal keys."""
    epoch, upstream, revision = _parts(version)
    return int(epoch), _pieces(upstream), _pieces(revision)


@lru_cache(maxsize=4096)
def upstream(version: str) -> str:
    """Return the tool's own version, made plain: `5:8.0.2-3+deb13u1` is 8.0.2, `3.5a-3` is 3.5a.

    Where a package went back and Debian's number could not, the older number is the true one:
    `2.10+really2.9-1` is 2.9.
    """
    whole = _parts(version)[1]
    plain = _PLAIN.search(_REALLY.split(whole)[-1])
    return plain[0] if plain else "0"


def in_file_name(version: str) -> str:
    """Return a version as it stands in the name of a package's file: without its epoch."""
    _, upstream_part, revision = _parts(version)
    return f"{upstream_part}-{revision}" if revision else upstream_part


def _parts(version: str) -> tuple[str, str, str]:
    """Return epoch, upstream and revision; `version` need not be valid."""
    epoch, colon, rest = version.partition(":")
    if not colon or re.fullmatch("[0-9]{1,9}", epoch) is None:
        epoch, rest = "0", version
    upstream_part, dash, revision = rest.rpartition("-")
    return (epoch, upstream_part, revision) if dash else (epoch, rest, "")


def _pieces(text: str) -> tuple[_Piece, ...]:
    pieces = [(_order(words), *_number(digits)) for words, digits in _PIECES.findall(text)]
    # The end counts as an empty text and a zero, however often: so `1` is above `1~` and equal to `1-0`.
    # Only the first text can be empty without being the end.
    while len(pieces) > 1 and pieces[-1] == _LAST:
        pieces.pop()
    return (*pieces, _LAST)


def _order(words: str) -> tuple[int, ...]:
    return (*(_weight(character) for character in words), 0)


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() and character.isascii() else ord(character) + 256


def _number(digits: str) -> tuple[int, str]:
    significant = digits.lstrip("0")
    return len(significant), significant
