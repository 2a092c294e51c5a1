from __future__ import annotations

import itertools
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devshell.manifest.lines import dotted, lines

if TYPE_CHECKING:
    from collections.abc import Iterator

# Templates of documents: each `§` becomes a number of its own, so that keys differ and every plain
# value says where it stands by the one line that has its number.
bare = st.sampled_from(["k§", "K-§", "§", "_§_"])
quoted = st.sampled_from(['"k §"', '"a.b=[§]"', '"#§"', r'"q\"§"', r'"\u0041§"', "'l \"§'", "'[[§]]'", r"'\§'"])
key = st.lists(st.one_of(bare, quoted), min_size=1, max_size=3).map(" . ".join)

DECOYS = ["", "\n[tools]\nx = 1", '\n"" \\"""\n# no', "\n'''\n", "\n]}\n,", "\\\n   k = [\n", '\n\\\\"\n']
LITERAL_DECOYS = ["", "\n[tools]\nx = 1", "\n'' ''\n# no", '\n"""\n', "\n]}\n,", "\\", "\n\\'"]
scalar = st.one_of(
    st.just("7§"),
    st.just('"§ [x] # no = 3"'),
    st.just("'§ ] } , #'"),
    st.just(r'"§ \" \\"'),
    st.sampled_from(DECOYS).map(lambda decoy: f'"""§{decoy}"""'),
    st.sampled_from(DECOYS).map(lambda decoy: f'"""§{decoy} """""'),
    st.sampled_from(LITERAL_DECOYS).map(lambda decoy: f"'''§{decoy} '''''"),
)
gap = st.sampled_from(["", " ", "\n", "\n  # , ] } [x] = 1 '\n", "\t\r\n"])


def _list(items: list[str], blank: str, end: str) -> str:
    return f"[{blank}" + f"{blank},{blank}".join(items) + f"{blank}{end if items else ''}{blank}]"


def _table(pairs: list[tuple[str, str]]) -> str:
    return "{ " + ", ".join(f"{k} = {v}" for k, v in pairs) + " }"


value = st.recursive(
    scalar,
    lambda inner: st.one_of(
        st.builds(_list, st.lists(inner, max_size=3), gap, st.sampled_from(["", ","])),
        st.builds(_table, st.lists(st.tuples(key, inner), max_size=3)),
    ),
    max_leaves=6,
)
pair = st.builds(lambda k, v: f"{k} = {v}  # c = 1", key, value)
header = st.one_of(
    key.map(lambda k: f"[ {k} ]"),
    st.sampled_from(["[[many]]", "[[many]] # [x]", "[[ many ]]\n[[many.more]]\n[many.more.one]", "[[m.'a y']]"]),
)
section = st.builds(lambda h, body: "\n".join([h, *body]), header, st.lists(pair, max_size=3))
document = st.builds(
    lambda top, sections, end: "\n\n# [no]\n".join(["\n".join(top), *sections]) + end,
    st.lists(pair, max_size=3),
    st.lists(section, max_size=5),
    st.sampled_from(["", "\n", "\n# end"]),
)


def _numbered(template: str) -> str:
    count = itertools.count(100_000)
    return re.sub("§", lambda _: str(next(count)), template)


def _leaves(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:  # noqa: ANN401
    children: Any = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if children is None:
        yield path, tree
        return
    for name, child in children:
        yield from _leaves(child, (*path, name))


@settings(deadline=None)
@given(document)
def test_the_scanner_names_the_line_of_every_value(template: str) -> None:
    text = _numbered(template)
    found = lines(text)
    places = text.split("\n")
    for path, leaf in _leaves(tomllib.loads(text)):
        number = str(leaf).removeprefix("7")[:6]
        (expected,) = (n for n, line in enumerate(places, 1) if number in line)
        if len(path) <= 8:
            assert found[path] == expected, (path, text)


@settings(deadline=None)
@given(document)
def test_the_scanner_names_nothing_that_is_not_there(template: str) -> None:
    text = _numbered(template)
    tree = tomllib.loads(text)
    for path in lines(text):
        at: Any = tree
        for part in path:
            at = at[part]


@settings(deadline=None)
@given(st.text(alphabet="ab.\"'[]{}=,#\\\n 1-", max_size=60))
def test_any_text_is_survived(text: str) -> None:
    lines(text)


def test_tables_and_their_parents_stand_where_they_are_first_named() -> None:
    found = lines("\n[a.b]\nx=1\n[a]\ny=2\n[[c]]\n[[c]]\n[c.d]\nz.w=3\n")
    assert found == {
        ("a",): 2,
        ("a", "b"): 2,
        ("a", "b", "x"): 3,
        ("a", "y"): 5,
        ("c",): 6,
        ("c", 0): 6,
        ("c", 1): 7,
        ("c", 1, "d"): 8,
        ("c", 1, "d", "z"): 9,
        ("c", 1, "d", "z", "w"): 9,
    }


def test_a_newer_toml_leaves_what_came_before() -> None:
    assert lines("a = 1\nb = <new>\n= c\nd = 4") == {("a",): 1, ("b",): 2}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("tools", "node"), "tools.node"),
        (("tools", "npm:prettier", "url"), 'tools."npm:prettier".url'),
        (("path", "prepend", 1), "path.prepend[1]"),
        (("a\x1b[31m\n",), r'"a\x1b[31m\n"'),
        (('a"b\\',), r'"a\"b\\"'),
        (("\u202e",), r'"\u202e"'),
        (("x" * 1000,), '"' + "x" * 59 + '…"'),
    ],
)
def test_paths_are_written_as_toml_has_them(path: tuple[str | int, ...], expected: str) -> None:
    assert dotted(path) == expected
