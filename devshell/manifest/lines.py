"""Where each key of a TOML document stands.

`tomllib` names no lines for the keys it read, and an error without a line is hard to act on. This
walks the text of a document that `tomllib` has already accepted, so it only has to find where things
begin and end, not whether they are right.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A way to a value: keys of tables, and places in lists counting from 0.
KeyPath = tuple[str | int, ...]

#: No key of ours lies deeper; recording every prefix of a very long dotted key would cost its square.
_DEEPEST = 8
#: Longer keys are cut in messages.
_ROOM = 60

# No possessive quantifiers, which would read better: before 3.11.5 Python gets them wrong.
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\n]*')"""
_KEY = re.compile(rf"[ \t]*({_PART}(?:[ \t]*\.[ \t]*{_PART})*)[ \t]*")
_SPACE = re.compile(r"[ \t\r\n]*")
_COMMENT = re.compile(r"\#[^\n]*")
_VALUE = re.compile(
    r'"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"{3,5}'
    r"|'''[^']*(?:'(?!'')[^']*)*'{3,5}"
    r'|"[^"\\]*(?:\\.[^"\\]*)*"'
    r"|'[^']*'"
    r"|[^\s,\]}\#][^,\]}\#\n]*",
    re.DOTALL,
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class _LostError(Exception):
    """The text is not of a shape this scanner knows; what was found so far still stands."""


def lines(text: str) -> Mapping[KeyPath, int]:
    """Return the line, from 1, where each key and list item of a valid document is first named.

    A later TOML may know shapes that this does not: from there on, keys are missing, never wrong.
    """
    scanner = _Scanner(text)
    with suppress(_LostError):
        scanner.document()
    return scanner.found


def dotted(path: KeyPath) -> str:
    """Return a path as TOML writes it, `tools."npm:prettier"`; what could steer a terminal is escaped."""
    words = ""
    for part in path:
        if isinstance(part, int):
            words += f"[{part}]"
        else:
            words += ("." if words else "") + _quoted(part)
    return words


def _quoted(key: str) -> str:
    short = key if len(key) <= _ROOM else key[: _ROOM - 1] + "…"
    if _BARE.fullmatch(short):
        return short
    inner = "".join(c if c.isprintable() and c not in '"\\' else repr(c)[1:-1] for c in short)
    return '"' + inner.replace('"', '\\"') + '"'


def _keys(text: str) -> tuple[str, ...]:
    if '"' not in text and "'" not in text:
        return tuple(part.strip(" \t") for part in text.split("."))
    keys = []
    try:
        table = tomllib.loads(text + "=0")
    except tomllib.TOMLDecodeError:
        raise _LostError from None
    while isinstance(table, dict):
        ((key, table),) = table.items()
        keys.append(key)
    return tuple(keys)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[KeyPath, int] = {}
        self.lists: dict[KeyPath, int] = {}
        self._counted = 0
        self._line = 1

    def document(self) -> None:
        table: KeyPath = ()
        while self._skip():
            line = self._line_here()
            if self._peek() == "[":
                table = self._header(line)
            else:
                self._value(self._assigned(table, line))

    def _header(self, line: int) -> KeyPath:
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        keys = self._key()
        self.at = self._expect("]]" if many else "]")
        path: KeyPath = ()
        for position, key in enumerate(keys):
            path = (*path, key)
            self._record(path, line)
            if many and position == len(keys) - 1:
                self.lists[path] = self.lists.get(path, -1) + 1
            if path in self.lists:
                path = (*path, self.lists[path])
                self._record(path, line)
        return path

    def _assigned(self, table: KeyPath, line: int) -> KeyPath:
        path = table
        for key in self._key():
            path = (*path, key)
            self._record(path, line)
        self.at = self._expect("=")
        return path

    def _value(self, path: KeyPath) -> None:
        # A stack of our own: documents may be nested deeper than Python's.
        around: list[tuple[KeyPath, int | None]] = []
        self._begin(path, around)
        while around:
            self._skip()
            if self._peek() in ("]", "}"):
                self.at += 1
                around.pop()
            elif self._peek() == ",":
                self.at += 1
            else:
                self._begin(self._next(around), around)

    def _begin(self, path: KeyPath, around: list[tuple[KeyPath, int | None]]) -> None:
        """Step into a list or table, or over a plain value."""
        self._skip()
        if self._peek() in ("[", "{"):
            around.append((path, -1 if self._peek() == "[" else None))
            self.at += 1
        else:
            self.at = self._match(_VALUE).end()

    def _next(self, around: list[tuple[KeyPath, int | None]]) -> KeyPath:
        path, index = around[-1]
        line = self._line_here()
        if index is None:
            return self._assigned(path, line)
        around[-1] = (path, index + 1)
        item = (*path, index + 1)
        self._record(item, line)
        return item

    def _record(self, path: KeyPath, line: int) -> None:
        if len(path) <= _DEEPEST:
            self.found.setdefault(path, line)

    def _key(self) -> tuple[str, ...]:
        match = self._match(_KEY)
        self.at = match.end()
        return _keys(match[1])

    def _skip(self) -> bool:
        self.at = self._match(_SPACE).end()
        while self._peek() == "#":
            self.at = self._match(_COMMENT).end()
            self.at = self._match(_SPACE).end()
        return self.at < len(self.text)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _LostError
        return match

    def _expect(self, token: str) -> int:
        if not self.text.startswith(token, self.at):
            raise _LostError
        return self.at + len(token)

    def _line_here(self) -> int:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line
