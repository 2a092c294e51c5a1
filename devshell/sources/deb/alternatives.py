"""Names that packages offer together: `awk`, `editor`, `convert`. See update-alternatives(1).

A package says which it offers only in its postinst, a shell script that is never run here. It is
read as far as it is plain: `update-alternatives --install` with words that are known, which includes
variables that were set to a text before, and those of a `for` loop over a list. All else is passed over.
"""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devshell.sources.deb import inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from devshell.sources.deb.records import Record

_COMMAND = "update-alternatives"
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
#: A blank, a comment, the end of a statement, or a word; see the shell's "Token Recognition" in POSIX.
_TOKEN = re.compile(
    r"""(?:[ \t\r]|\\\n)+ | \#[^\n]* | (?P<end>[;&|()\n]+)
    | (?P<word>(?:[^ \t\r\n;&|()'"\\] | \\. | '[^']*' | "(?:[^"\\]|\\.)*")+)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)""", re.DOTALL)
#: Words that may stand before a command.
_BEFORE = ("then", "do", "else", "!", "{")
#: Statements that are looked at, each as often as its loops say; characters in one of them; variables in a
#: word; loops within loops. No honest script comes near any of them, and others could say more than there
#: is time and memory for.
_MOST = 5000
_LONGEST = 16_384
_MOST_VARIABLES = 8
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Alternative:
    """One offer of a package: the name `link` for `path`, both as on a system, and how much it wants to have it."""

    package: str
    name: str
    link: str
    path: str
    priority: int


def make(tree: Path, records: Iterable[Record]) -> dict[str, tuple[str, ...]]:
    """Make the tree's links for alternatives, and return the paths of those that each package offers.

    The highest priority has a name, among equals the first path. What a package has at such a path
    itself stays. An offer whose file is not there is none.
    """
    offers: dict[str, list[Alternative]] = {}
    for record in records:
        for offer in read(record.package, record.postinst):
            if any(True for _ in inside.steps(tree, inside.below(offer.path))):
                offers.setdefault(offer.name, []).append(offer)
    made: dict[str, list[str]] = {}
    for name in sorted(offers):
        best = min(offers[name], key=lambda offer: (-offer.priority, offer.path))
        # Links that packages bring themselves lead through here.
        _link(tree, f"etc/alternatives/{name}", inside.below(best.path))
        link = inside.below(best.link)
        _link(tree, link, inside.below(best.path))
        for package in sorted({offer.package for offer in offers[name]}):
            made.setdefault(package, []).append(link)
    return {package: tuple(links) for package, links in made.items()}


def _link(tree: Path, path: str, target: str) -> None:
    place = tree / path
    if any(above.is_symlink() for above in place.parents if above != tree and tree in above.parents):
        return
    if os.path.lexists(place):
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(os.path.relpath(tree / target, place.parent))
    except (FileExistsError, NotADirectoryError):
        # The script names a folder where a package has a file.
        return


def read(package: str, script: str) -> Iterator[Alternative]:
    """Yield the alternatives that a postinst offers in so many words."""
    if _COMMAND not in script:
        return
    for words in _statements(script):
        yield from _offers(package, words)


def _offers(package: str, words: list[str]) -> Iterator[Alternative]:
    """Yield what one call of update-alternatives offers: a name, and those that follow it."""
    if "--install" not in words:
        return
    rest = words[words.index("--install") + 1 :]
    if len(rest) < 4 or not _is_known(*rest[:4]) or not re.fullmatch(r"-?\d{1,9}", rest[3]):  # noqa: PLR2004
        return
    link, name, path, priority = rest[0], rest[1], rest[2], int(rest[3])
    found = [(link, name, path)]
    rest = rest[4:]
    while len(rest) >= 4 and rest[0] == "--slave":  # noqa: PLR2004
        if _is_known(*rest[1:4]):
            found.append((rest[1], rest[2], rest[3]))
        rest = rest[4:]
    for link, name, path in found:
        if link.startswith("/") and path.startswith("/") and "/" not in name and name not in ("", ".", ".."):
            yield Alternative(package, name, link, path, priority)


def _is_known(*words: str) -> bool:
    return all(word.isprintable() and not re.search(r"[$`*?\[\]~]", word) for word in words)


def _statements(script: str) -> Iterator[list[str]]:
    """Yield each call of update-alternatives with its variables filled in, loops unrolled."""
    for words in itertools.islice(_unrolled(_words(script), {}, 0), _MOST):
        if words and os.path.basename(words[0]) == _COMMAND:
            yield words


def _words(script: str) -> list[list[str]]:
    """Return a script's statements as lists of words."""
    statements: list[list[str]] = [[]]
    at = 0
    while at < len(script):
        token = _TOKEN.match(script, at)
        # A quote that nothing closes is one in a text for people.
        at = token.end() if token else at + 1
        if token and token["end"]:
            statements.append([])
        elif token and token["word"]:
            statements[-1].append(_QUOTED.sub(_unquoted, token["word"]))
    return statements


def _unquoted(found: re.Match[str]) -> str:
    single, double, escaped = found.groups()
    if double is not None:
        return re.sub(r'\\([\\"$`\n])', lambda one: one[1].strip("\n"), double)
    return single if single is not None else str(escaped).strip("\n")


def _unrolled(statements: list[list[str]], known: Mapping[str, str], depth: int) -> Iterator[list[str]]:
    """Yield every statement, in the order a shell comes by them; an empty one for each that is none of interest."""
    known = dict(known)
    at = 0
    while at < len(statements):
        words = _without_keywords(statements[at])
        at += 1
        if words[:1] == ["for"] and words[2:3] == ["in"] and depth < _DEEPEST:
            end = _end_of_loop(statements, at)
            for value in " ".join(_filled(words[3:], known)).split():
                yield []
                yield from _unrolled(statements[at:end], {**known, words[1]: value}, depth + 1)
            at = end
        elif len(words) == 1 and (assigned := _ASSIGNMENT.fullmatch(words[0])):
            # The first is the general case; what comes later stands in branches.
            for value in _filled([assigned[2]], known):
                known.setdefault(assigned[1], value)
            yield []
        else:
            yield _filled(words, known)


def _without_keywords(words: list[str]) -> list[str]:
    first = next((n for n, word in enumerate(words) if word not in _BEFORE), len(words))
    return words[first:]


def _end_of_loop(statements: list[list[str]], at: int) -> int:
    """Return the index of the `done` that belongs to a loop whose body begins at `at`."""
    depth = 1
    for index in range(at, len(statements)):
        # `do` and what follows it may stand in one statement.
        words = _without_keywords(statements[index])
        if words[:1] in (["for"], ["while"], ["until"]):
            depth += 1
        elif words[:1] == ["done"]:
            depth -= 1
            if not depth:
                return index
    return len(statements)


def _filled(words: list[str], known: Mapping[str, str]) -> list[str]:
    """Return words with their variables filled in; none where they are longer than any honest statement."""
    if sum(map(len, words)) > _LONGEST or any(word.count("$") > _MOST_VARIABLES for word in words):
        return []
    filled = []
    left = _LONGEST
    for word in words:
        filled.append(_VARIABLE.sub(lambda found: known.get(found[1] or found[2], found[0]), word))
        left -= len(filled[-1])
        if left < 0:
            return []
    return filled
