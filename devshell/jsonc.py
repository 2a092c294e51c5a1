"""JSON with comments, as editors keep their settings: read, and edited so that every other byte stays.

What is read is what VS Code reads: `//` and `/* */` comments, and a comma behind the last entry. An edit is made in the
text itself: nothing is written anew, so comments, order, quotes and line ends stay as the person left them. Only the
members of the outermost object are edited; of a name that is there twice the last one counts, as for editors.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

#: Deeper than any file of settings is.
_DEEPEST = 100
_BOM = "\ufeff"
_TRIVIA = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_LINE_END = re.compile(r"\r\n|\n|\r")
#: What VS Code indents its own settings with.
_INDENT = "    "


class JsoncError(ValueError):
    """Text that is no JSON with comments: what is wrong, and on which line, from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class _Member:
    """One member of the outermost object: its value, and where in the text its parts are."""

    name: str
    value: Any
    start: int
    value_start: int
    end: int
    #: Where the comma behind it is, None where there is none.
    comma: int | None


@dataclass(frozen=True, slots=True)
class _Object:
    """The outermost object: where its braces are, and what is in it."""

    opening: int
    closing: int
    members: tuple[_Member, ...]


def members(text: str) -> dict[str, Any]:
    """Return the members of the outermost object; of a text without any value, none.

    Raises JsoncError where the text is no JSON with comments, or its value is no object.
    """
    found = _read(text)
    return {} if found is None else {member.name: member.value for member in found.members}


def with_member(text: str, name: str, value: Any) -> str:  # noqa: ANN401  anything JSON can say
    """Return the text with one member set: its value replaced where it is there, else behind the last one.

    Raises JsoncError as :func:`members` does.
    """
    found = _read(text)
    end = _line_end(text)
    if found is None:
        return f"{text}{_gap(text, end)}{{{end}{_INDENT}{_said(name, value, _INDENT, end)}{end}}}{end}"
    same = [member for member in found.members if member.name == name]
    if same:
        indent = _indentation(text, same[-1].start) or ""
        new = _json(value, indent, end)
        return text[: same[-1].value_start] + new + text[same[-1].end :]
    if not found.members:
        return _with_first(text, found, name, value)
    return _with_next(text, found, name, value)


def without_member(text: str, name: str) -> str:
    """Return the text without the members of a name; comments stay, also those that spoke of it.

    Raises JsoncError as :func:`members` does.
    """
    while (found := _read(text)) is not None:
        at = next((at for at, member in enumerate(found.members) if member.name == name), None)
        if at is None:
            break
        for start, end in sorted(_cuts(text, found, at), reverse=True):
            text = text[:start] + text[end:]
    return text


# Adding


def _with_first(text: str, found: _Object, name: str, value: object) -> str:
    end = _line_end(text)
    outer = _indentation(text, found.opening) or ""
    inside = text[found.opening + 1 : found.closing]
    place = found.opening + 1 + len(inside.rstrip(" \t\r\n"))
    rest = text[place : found.closing]
    indent = outer + _INDENT
    # What is left may be a line end already, with the brace's own indentation.
    tail = rest if _LINE_END.search(rest) else end + outer
    return f"{text[:place]}{end}{indent}{_said(name, value, indent, end)}{tail}{text[found.closing :]}"


def _with_next(text: str, found: _Object, name: str, value: object) -> str:
    end = _line_end(text)
    last = found.members[-1]
    indent = _indentation(text, last.start)
    # Its comment on the same line stays with the member before.
    after = last.end if last.comma is None else last.comma + 1
    place = after if indent is None else _end_of_line(text, after, found.closing)
    gap = " " if indent is None else end + indent
    new = gap + _said(name, value, indent or "", end) + ("" if last.comma is None else ",")
    comma = "," if last.comma is None else ""
    return text[: last.end] + comma + text[last.end : place] + new + text[place:]


def _end_of_line(text: str, start: int, limit: int) -> int:
    """Return where a member's line ends with its comments, or goes on to the brace."""
    place = end = start
    while place < limit and text[place] not in "\r\n":
        comment = _COMMENT.match(text, place)
        place = comment.end() if comment else place + 1
        end = place if comment else end
    return place if place < limit else end


def _said(name: str, value: object, indent: str, end: str) -> str:
    return f"{json.dumps(name, ensure_ascii=False)}: {_json(value, indent, end)}"


def _json(value: object, indent: str, end: str) -> str:
    # A list or an object on one line, as people write short ones.
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= 100:  # noqa: PLR2004  a line that can be read
        return text
    return json.dumps(value, ensure_ascii=False, indent=_INDENT).replace("\n", end + indent)


# Removing


def _cuts(text: str, found: _Object, at: int) -> list[tuple[int, int]]:
    member = found.members[at]
    last = at == len(found.members) - 1
    cuts = [(_start_of(text, found, at), member.end)]
    if member.comma is not None:
        end = member.comma + 1
        if last or cuts[0][0] < member.start:
            cuts.append((member.comma, end))
        else:
            # The first one of a line: what follows moves to its place.
            cuts.append((member.comma, end + len(text[end:]) - len(text[end:].lstrip(" \t"))))
    elif at and (comma := found.members[at - 1].comma) is not None:
        # What is last now had no comma behind it either.
        cuts.append((comma, comma + 1))
    return cuts


def _start_of(text: str, found: _Object, at: int) -> int:
    """Return where to cut: with the white space before it, unless that would move a comment to another line."""
    member = found.members[at]
    blank = len(text[: member.start].rstrip(" \t"))
    if not text[:blank].endswith(("\n", "\r")):
        return member.start if at == 0 else blank
    after = member.end if member.comma is None else member.comma + 1
    following = text[after:].lstrip(" \t")
    between = text[member.end : after].strip(" \t\r\n,")
    line_start = blank - (2 if text[:blank].endswith("\r\n") else 1)
    if between or not following.startswith(("\n", "\r", "}")):
        return member.start
    # The brace must not come to stand in the comment of the line before.
    return blank if following.startswith("}") and _ends_in_comment(text, found, at, line_start) else line_start


def _ends_in_comment(text: str, found: _Object, at: int, end: int) -> bool:
    start = found.opening + 1 if at == 0 else found.members[at - 1].end
    last = None
    while start < end:
        comment = _COMMENT.match(text, start)
        start, last = (comment.end(), comment) if comment else (start + 1, last)
    return last is not None and last.end() == end and last[0].startswith("//")


# Layout


def _line_end(text: str) -> str:
    found = _LINE_END.search(text)
    return found[0] if found else "\n"


def _gap(text: str, end: str) -> str:
    return "" if not text.removeprefix(_BOM) or text.endswith(("\n", "\r")) else end


def _indentation(text: str, place: int) -> str | None:
    """Return the white space that begins the line of `place`, None where something else stands before it."""
    start = max(text.rfind("\n", 0, place), text.rfind("\r", 0, place)) + 1
    before = text[start:place]
    return before if start and not before.strip(" \t") else None


# Reading


def _read(text: str) -> _Object | None:
    start = _skip(text, len(_BOM) if text.startswith(_BOM) else 0)
    if start == len(text):
        return None
    if text[start] != "{":
        raise _wrong(text, start, "its outermost value is not an object")
    found = _object(text, start)
    end = _skip(text, found.closing + 1)
    if end != len(text):
        raise _wrong(text, end, "something stands behind the closing brace")
    return found


def _object(text: str, start: int, depth: int = 0) -> _Object:
    found: list[_Member] = []
    place = _skip(text, start + 1)
    while not text.startswith("}", place):
        name, end = _string(text, place)
        colon = _skip(text, end)
        if not text.startswith(":", colon):
            raise _wrong(text, colon, "a colon is missing behind a name")
        value_start = _skip(text, colon + 1)
        value, end = _value(text, value_start, depth + 1)
        comma, after = _comma(text, end, "}")
        found.append(_Member(name, value, place, value_start, end, comma))
        place = after
    return _Object(start, place, tuple(found))


def _array(text: str, start: int, depth: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    place = _skip(text, start + 1)
    while not text.startswith("]", place):
        value, end = _value(text, place, depth + 1)
        found.append(value)
        _, place = _comma(text, end, "]")
    return found, place + 1


def _comma(text: str, end: int, closing: str) -> tuple[int | None, int]:
    """Return where the comma is, if there is one, and where to read on; without one, the closing must follow."""
    place = _skip(text, end)
    if text.startswith(",", place):
        return place, _skip(text, place + 1)
    if not text.startswith(closing, place):
        raise _wrong(text, place, f"a comma or {closing!r} is missing")
    return None, place


def _value(text: str, start: int, depth: int) -> tuple[Any, int]:
    if depth > _DEEPEST:
        raise _wrong(text, start, "it is nested too deeply")
    if text.startswith("{", start):
        found = _object(text, start, depth)
        return {member.name: member.value for member in found.members}, found.closing + 1
    if text.startswith("[", start):
        return _array(text, start, depth)
    if text.startswith('"', start):
        return _string(text, start)
    plain = _PLAIN.match(text, start)
    # A number as long as a file would take its square to read.
    if plain is None or len(plain[0]) > 1000:  # noqa: PLR2004
        raise _wrong(text, start, "a value is missing or wrong")
    return json.loads(plain[0]), plain.end()


def _string(text: str, start: int) -> tuple[str, int]:
    found = _STRING.match(text, start)
    if found is None:
        raise _wrong(text, start, "a text in double quotes is missing or does not end")
    value: str = json.loads(found[0])
    return value, found.end()


def _skip(text: str, start: int) -> int:
    found = _TRIVIA.match(text, start)
    end = found.end() if found else start
    if text.startswith("/*", end):
        raise _wrong(text, end, "a comment does not end")
    return end


def _wrong(text: str, place: int, message: str) -> JsoncError:
    return JsoncError(message, len(_LINE_END.findall(text, 0, place)) + 1)
