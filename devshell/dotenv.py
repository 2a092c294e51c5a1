"""Dotenv files: variables that a project keeps apart from its manifest, often secret.

python-dotenv says what a file means. Whatever is wrong is told by file and line alone: no message
repeats a byte of the file, but for a name that a project may not set.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from devshell.errors import ManifestError, Place, ProjectError
from devshell.manifest import located, names, template, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dotenv.parser import Binding

    from devshell.manifest.shape import Fault
    from devshell.snapshot import File, Snapshot

_NEWLINE = re.compile(r"\r\n|\n|\r")
_LEADING = re.compile(r"\s*")
#: python-dotenv looks for a comment in time that is the square of a run of blanks.
_LONGEST_BLANK = 256
_BLANKS = re.compile(rf"(?<![^\S\r\n])[^\S\r\n]{{{_LONGEST_BLANK + 1}}}")


def values(snapshot: Snapshot, files: Sequence[str]) -> list[tuple[str, str]]:
    """Return names and templates from dotenv files of the snapshot, in order; of two of one name the later wins.

    `files` are as in `[dotenv] files`; one that is missing gives nothing, as does a name without `=`.
    `${NAME}` is a reference as in `[env]`, whatever quotes it stands in; a `${` that is none is literal.
    Raises ManifestError with file and line for what cannot be read, or sets what a project may not.
    """
    known = {file.path: file for file in snapshot.files}
    found: list[tuple[str, str]] = []
    for name in files:
        path = located(snapshot.root, name)
        if path not in known:
            raise ProjectError(f"{path!r} was not read with the project's files", hint="run the command again")
        found += _pairs(known[path])
    return found


def _pairs(file: File) -> Iterator[tuple[str, str]]:
    if file.content is None:
        return
    text = _text(file.content, file.path)
    # python-dotenv costs more than all else here, and most projects have no such file.
    from dotenv.parser import parse_stream

    for binding in parse_stream(io.StringIO(text, newline="")):
        fault_line = _line(binding)
        if binding.error:
            raise _error("this is no `NAME=value`", file.path, fault_line, "mend the line, or its quotes")
        if binding.key is None:
            continue
        if names.variable(binding.key) is not None:
            raise _bad_name(binding.key, file.path, fault_line)
        if binding.value is None:
            continue
        fault = texts.plain(binding.value)
        if fault is not None:
            raise _fault(fault, file.path, fault_line)
        yield binding.key, template.lenient(binding.value)


def _text(content: bytes, path: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _error("the file is not UTF-8", path, line, "save it as UTF-8") from None
    if "\0" in text:
        raise _error("there is a NUL character in the file", path, _line_of(text, text.index("\0")), "remove it")
    blanks = _BLANKS.search(text)
    if blanks is not None:
        line = _line_of(text, blanks.start())
        raise _error(f"there are more than {_LONGEST_BLANK} blanks in a row", path, line, "shorten them")
    return text


def _line(binding: Binding) -> int:
    # A binding begins with the empty lines before it.
    leading = _LEADING.match(binding.original.string)
    return binding.original.line + (len(_NEWLINE.findall(leading[0])) if leading else 0)


def _line_of(text: str, position: int) -> int:
    return len(_NEWLINE.findall(text, 0, position)) + 1


def _bad_name(name: str, path: str, line: int) -> ManifestError:
    # What is no name at all may be a piece of a secret, such as a line of a key that lost its quotes.
    fault = names.reserved(name)
    if fault is None:
        hint = "use letters, digits and _ for the name; put a value of several lines in quotes"
        return _error("what stands here cannot be a variable's name", path, line, hint)
    return _fault(fault, path, line)


def _fault(fault: Fault, path: str, line: int) -> ManifestError:
    return _error(fault.message, path, line, fault.hint)


def _error(message: str, path: str, line: int, hint: str | None) -> ManifestError:
    return ManifestError(message, place=Place(path, line), hint=hint)
