"""Templates of values taken apart, so that each shell can say them as code made of quoted literals and variables."""

from __future__ import annotations

from dataclasses import dataclass

from devshell.environ import piece


@dataclass(frozen=True, slots=True)
class Reference:
    """A variable's value; where there is a `fallback`, that instead if the variable is unset or empty."""

    name: str
    fallback: tuple[Part, ...] | None = None


#: Text as it is, or a reference.
Part = str | Reference


def parse(template: str, root: str) -> tuple[Part, ...]:
    """Return the parts of a template, whose meaning `devshell.environ.expand` gives; `${project}` is `root`.

    No two texts stand side by side, and none is empty.
    """
    parts: list[Part] = []
    outer: list[tuple[list[Part], str]] = []
    position = 0
    while position < len(template):
        taken, text = piece(template, position)
        position += len(taken)
        if taken == "}" and outer:
            word = _joined(parts)
            parts, opening = outer.pop()
            parts.append(_reference(opening, root, word))
        elif text is not None:
            parts.append(text)
        elif taken.endswith("}"):
            parts.append(_reference(taken, root, None))
        else:
            outer.append((parts, taken))
            parts = []
    while outer:
        word = _joined(parts)
        parts, opening = outer.pop()
        parts += (opening, *word)
    return _joined(parts)


def _reference(opening: str, root: str, fallback: tuple[Part, ...] | None) -> Part:
    name = opening[2:].rstrip("}:-")
    return root if name == "project" else Reference(name, fallback)


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)
