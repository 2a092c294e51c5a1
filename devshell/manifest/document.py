"""One file of a manifest: its bytes, held against the table of keys."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from devshell.errors import ManifestError, Place
from devshell.manifest.entries import layer
from devshell.manifest.keys import MANIFEST
from devshell.manifest.lines import KeyPath, dotted, lines
from devshell.manifest.merge import Layer
from devshell.manifest.numtide import recognise
from devshell.manifest.shape import Fault, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devshell.manifest.model import Shell

#: More problems than a person mends in one go; a hostile file could hold a hundred thousand.
_MOST_ERRORS = 100
#: Parts of a dotted key. tomllib needs time by their square and more: 60,000 took it over a minute.
_LONGEST_KEY = 32

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_\\-])(?:{_PART}[ \t]*\.[ \t]*){{{_LONGEST_KEY}}}")
_AT = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


class Link(NamedTuple):
    """A file that a manifest names, as written, and where."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Document:
    """What one file says, what it names, and every problem in it.

    `tasks_known` is False where a problem hides which tasks there are.
    """

    layer: Layer
    include: tuple[Link, ...] = ()
    dotenv: tuple[Link, ...] = ()
    watch: tuple[Link, ...] = ()
    errors: tuple[ManifestError, ...] = ()
    tasks_known: bool = True


@lru_cache(maxsize=64)  # a project's files are read for what they name, and parsed soon after
def load(content: bytes, file: str) -> Document:
    """Return what a file says, with its problems as values: nothing is raised for any content."""
    try:
        text = _text(content, file)
        tree = _tree(text, file)
    except ManifestError as error:
        return Document(Layer(), errors=(error,), tasks_known=False)
    report = _Report(file, text)
    foreign = recognise(tree)
    if foreign is not None:
        report.say(*foreign)
        return Document(Layer(), errors=tuple(report.errors), tasks_known=False)
    checked = cast("dict[str, Any]", MANIFEST.read(tree, (), report.say))
    said = layer(checked, report.place, report.say)
    return Document(
        layer=said,
        include=tuple(report.links(tree, checked.get("include", ()), ("include",))),
        dotenv=tuple(_dotenv(report, tree, said)),
        watch=tuple(report.links(tree, said.watch, ("settings", "watch"))),
        errors=tuple(report.errors),
        tasks_known=not report.hides_tasks,
    )


def _dotenv(report: _Report, tree: Mapping[str, Any], said: Layer) -> Iterator[Link]:
    shells: list[tuple[KeyPath, Shell]] = [((), said.shell)]
    shells += [(("shells", name), shell) for name, shell in said.shells.items()]
    for path, shell in shells:
        yield from report.links(tree, shell.dotenv.files, (*path, "dotenv", "files"))


def _text(content: bytes, file: str) -> str:
    if content.startswith(b"\xef\xbb\xbf"):
        raise ManifestError(
            "the file begins with a byte order mark, which TOML has none of",
            place=Place(file, 1),
            hint="save it as UTF-8 without one",
        )
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ManifestError(
            f"the file is not UTF-8: byte {error.start + 1} is 0x{content[error.start]:02x}",
            place=Place(file, content.count(b"\n", 0, error.start) + 1),
            hint="save it as UTF-8",
        ) from None


def _tree(text: str, file: str) -> dict[str, Any]:
    long = _LONG_KEY.search(text)
    if long is not None:
        raise ManifestError(
            f"this is a key of more than {_LONGEST_KEY} parts",
            place=Place(file, text.count("\n", 0, long.start()) + 1),
            hint="no key of a manifest is that deep; text with so many dots goes into a file of its own",
        )
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ManifestError("the file is nested too deeply", place=Place(file), hint="no key needs that") from None
    except ValueError as error:  # TOMLDecodeError, and what Python says of a number of 5000 digits
        raise _syntax_error(str(error), text, file) from None


def _syntax_error(message: str, text: str, file: str) -> ManifestError:
    at = _AT.search(message)
    line = text.count("\n") + 1
    if at is None:
        return ManifestError("the file holds a number too long to read", place=Place(file), hint="shorten it")
    if at["line"]:
        line = int(at["line"])
    said = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message[: at.start()])
    return ManifestError(f"this is not TOML: {said}", place=Place(file, line), hint="mend the syntax of this line")


class _Report:
    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.errors: list[ManifestError] = []
        self.hides_tasks = False

    @cached_property
    def lines(self) -> Mapping[KeyPath, int]:
        return lines(self.text)

    def place(self, path: KeyPath) -> Place:
        line = next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), None)
        return Place(self.file, line, dotted(path))

    def say(self, path: KeyPath, fault: Fault) -> None:
        self.hides_tasks = self.hides_tasks or path[:1] == ("tasks",) or path[:1] == ("shells",)
        if len(self.errors) > _MOST_ERRORS:
            return
        if len(self.errors) == _MOST_ERRORS:
            more = ManifestError(
                "there are more problems in this file", place=Place(self.file), hint="mend these first"
            )
            self.errors.append(more)
            return
        near = nearest(fault.word, fault.candidates) if fault.word is not None else None
        hint = f"did you mean {near!r}?" if near else fault.hint
        self.errors.append(ManifestError(fault.message, place=self.place(path), hint=hint))

    def links(self, tree: Mapping[str, Any], names: tuple[str, ...], path: KeyPath) -> Iterator[Link]:
        """Yield the names of a list with their places; wrong ones are gone, so they are looked up as written."""
        written: Any = tree
        for key in path if names else ():
            written = written[key]
        places = {name: index for index, name in reversed(list(enumerate(written))) if isinstance(name, str)}
        for name in names:
            yield Link(name, self.place((*path, places[name])))
