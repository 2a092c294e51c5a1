"""Shapes: what a value of the manifest may be, as data, and how it is held against one.

The table of keys in `devshell.manifest.keys` is built of these, so that whatever needs to know the
keys (the parser, `devshell.manifest.schema` for editors) reads one definition. Whatever is wrong goes to
`say` with its path, and reading goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple

from devshell.manifest.lines import KeyPath

#: Longer text is cut in messages.
_ROOM = 60
#: More entries than any person writes. Named shells copy what they lie over, so sizes multiply.
MOST = 2000


class Fault(NamedTuple):
    """What is wrong with a value, and what to do; with `word`, the nearest of `candidates` is named."""

    message: str
    hint: str | None = None
    word: str | None = None
    candidates: Collection[str] = ()


Check = Callable[[str], Fault | None]
Say = Callable[[KeyPath, Fault], None]


class Rule(NamedTuple):
    """A check of a string, and beside it what a JSON Schema can say of that, which is never more than the check.

    The patterns mean the same to Python, to ECMA-262 and to Rust: no look-around, no names, nothing that
    depends on what counts as a letter, a digit or a space.
    """

    check: Check
    #: What passes matches this as a whole.
    pattern: str = ""
    #: What passes holds this nowhere.
    never: str = ""
    #: In characters.
    longest: int | None = None
    #: Nothing else passes; each with what it means, or "".
    words: Mapping[str, str] = MappingProxyType({})

    def __call__(self, text: str) -> Fault | None:
        """Return what is wrong with `text`, or None."""
        return self.check(text)


def rule(
    *, pattern: str = "", never: str = "", longest: int | None = None, words: Mapping[str, str] = MappingProxyType({})
) -> Callable[[Check], Rule]:
    """Return a decorator that makes a check a :class:`Rule`."""
    return lambda check: Rule(check, pattern, never, longest, words)


#: What stands for a value that something was said about.
WRONG: Final = object()


@dataclass(frozen=True, slots=True)
class Text:
    """A string that passes every check; the first that fails is said."""

    kind: ClassVar[type] = str
    expected: str
    checks: tuple[Rule, ...]

    def read(self, value: object, path: KeyPath, say: Say) -> object:
        """Return the string, or WRONG."""
        if not isinstance(value, str):
            return _wrong(self, value, path, say)
        for check in self.checks:
            fault = check(value)
            if fault is not None:
                return _said(say, path, fault)
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `low` to `high`."""

    kind: ClassVar[type] = int
    expected: str
    low: int
    high: int

    def read(self, value: object, path: KeyPath, say: Say) -> object:
        """Return the number, or WRONG."""
        if not isinstance(value, int) or isinstance(value, bool):
            return _wrong(self, value, path, say)
        if not self.low <= value <= self.high:
            return _said(say, path, Fault("this number is out of range", f"write {self.expected}"))
        return value


@dataclass(frozen=True, slots=True)
class Yes:
    """`true`; to say no, the key is left out."""

    kind: ClassVar[type] = bool
    expected: str

    def read(self, value: object, path: KeyPath, say: Say) -> object:
        """Return True, or WRONG."""
        if not isinstance(value, bool):
            return _wrong(self, value, path, say)
        if not value:
            return _said(say, path, Fault("false means nothing here", f"leave it out, or write {self.expected}"))
        return value


@dataclass(frozen=True, slots=True)
class Many:
    """A list of `item`, at least `least`, at most MOST and, with `unique`, none twice."""

    kind: ClassVar[type] = list
    expected: str
    item: Text
    least: int = 0
    unique: bool = False

    def read(self, value: object, path: KeyPath, say: Say) -> object:
        """Return a tuple of the items that are right, or WRONG."""
        if not isinstance(value, list):
            return _wrong(self, value, path, say)
        if len(value) < self.least:
            return _said(say, path, Fault("this list is empty", f"write {self.expected}, or remove the key"))
        if len(value) > MOST:
            return _said(say, path, too_many(len(value), MOST))
        items: list[object] = []
        for index, item in enumerate(value):
            got = self.item.read(item, (*path, index), say)
            if self.unique and got is not WRONG and got in items:
                say((*path, index), Fault(f"{show(item)} stands here twice", "remove one of them"))
            elif got is not WRONG:
                items.append(got)
        return tuple(items)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with keys of its own; `elsewhere` are hints for keys that belong to another table.

    One that is `whole` counts as wrong when any part of it is, so that nothing is concluded from
    what is left.
    """

    kind: ClassVar[type] = dict
    expected: str
    keys: Mapping[str, Key]
    elsewhere: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    whole: bool = False

    def read(self, value: object, path: KeyPath, say: Say) -> object:
        """Return a dict of the keys that are right, or WRONG."""
        if not isinstance(value, dict):
            return _wrong(self, value, path, say)
        got: dict[str, object] = {}
        for key, inner in value.items():
            if key not in self.keys:
                say((*path, key), self._unknown(key))
                continue
            item = self.keys[key].shape.read(inner, (*path, key), say)
            if item is not WRONG:
                got[key] = item
        return WRONG if self.whole and len(got) < len(value) else got

    def _unknown(self, key: str) -> Fault:
        if key in self.elsewhere:
            return Fault(f"there is no key {show(key)} here", self.elsewhere[key])
        known = "known here: " + ", ".join(self.keys)
        return Fault(f"there is no key {show(key)} here", known, key, tuple(self.keys))


@dataclass(frozen=True, slots=True)
class Names:
    """A table whose keys are names of the user's choice, each passing `check`, and at most `most`."""

    kind: ClassVar[type] = dict
    expected: str
    check: Rule
    value: Key
    most: int = MOST

    def read(self, value: object, path: KeyPath, say: Say) -> object:
        """Return a dict of the names that are right and have a right value, or WRONG."""
        if not isinstance(value, dict):
            return _wrong(self, value, path, say)
        if len(value) > self.most:
            return _said(say, path, too_many(len(value), self.most))
        got: dict[str, object] = {}
        for name, inner in value.items():
            fault = self.check(name)
            item = _said(say, (*path, name), fault) if fault else self.value.shape.read(inner, (*path, name), say)
            if item is not WRONG:
                got[name] = item
        return got


@dataclass(frozen=True, slots=True)
class Either:
    """One of several shapes of different kinds."""

    expected: str
    options: tuple[Text | Table | Names, ...]

    def read(self, value: object, path: KeyPath, say: Say) -> object:
        """Return what the option of the value's kind makes of it, or WRONG."""
        for option in self.options:
            if isinstance(value, option.kind):
                return option.read(value, path, say)
        return _wrong(self, value, path, say)


Shape = Text | Whole | Yes | Many | Table | Names | Either


class Key(NamedTuple):
    """What a key holds, and what editors say of it: one or two sentences, and values as one may write them."""

    shape: Shape
    description: str
    examples: tuple[Any, ...] = ()


_KINDS = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


def show(text: str) -> str:
    """Return untrusted text for a message: quoted, control characters escaped, cut where long."""
    return repr(text if len(text) <= _ROOM else text[: _ROOM - 1] + "…")


def too_many(count: int, most: int) -> Fault:
    """Return what to say of a list or a table with more entries than devshell takes."""
    return Fault(f"there are {count} entries here, and devshell takes at most {most}", "keep those that are needed")


def nearest(word: str, candidates: Collection[str]) -> str | None:
    """Return the candidate that `word` most likely is a misspelling of."""
    from difflib import get_close_matches

    near = get_close_matches(word[:_ROOM], sorted(candidates), n=1)
    return near[0] if near else None


def _said(say: Say, path: KeyPath, fault: Fault) -> object:
    say(path, fault)
    return WRONG


def _wrong(shape: Shape, value: object, path: KeyPath, say: Say) -> object:
    kind = _KINDS.get(type(value), "a date or time")
    takes_text = any(option.kind is str for option in (shape.options if isinstance(shape, Either) else (shape,)))
    hint = "put it in quotes" if takes_text and not isinstance(value, list | dict) else f"write {shape.expected}"
    return _said(say, path, Fault(f"this is {kind}; expected {shape.expected}", hint))
