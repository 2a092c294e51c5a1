"""JSON with comments: what editors read is read, and an edit leaves every other byte."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell import jsonc

if TYPE_CHECKING:
    from collections.abc import Callable

_BLANK = st.text(" \t\n\r", max_size=4)
_WORD = st.text("ab/* ", max_size=5).filter(lambda text: "*/" not in f"{text}*/"[:-1] and not text.endswith("*"))
_COMMENT = st.one_of(
    _WORD.map(lambda word: f"/*{word}*/"),
    _WORD.map(lambda word: f"//{word}\n"),
    _WORD.map(lambda word: f"/*{word}\n{word}*/"),
)
_TRIVIA = st.lists(st.one_of(_BLANK, _COMMENT), max_size=4).map("".join)
_VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)
_NAME = st.text('ab"\\{}[]:,/*é', min_size=1, max_size=4)
_NEW = "new.member"


@st.composite
def _written(draw: st.DrawFn, value: Any) -> str:  # noqa: ANN401  anything JSON can say
    """Write a value with blanks and comments wherever they may be."""
    opening, closing = ("[", "]") if isinstance(value, list) else ("{", "}")
    items: list[str] = []
    if isinstance(value, list):
        items = [draw(_written(item)) for item in value]
    elif isinstance(value, dict):
        items = [f"{json.dumps(k)}{draw(_BLANK)}:{draw(_BLANK)}{draw(_written(v))}" for k, v in value.items()]
    else:
        return json.dumps(value, ensure_ascii=draw(st.booleans()))
    spread = [draw(_TRIVIA) + item + draw(_TRIVIA) for item in items]
    last = "," if items and draw(st.sampled_from([False, True])) else ""
    return f"{opening}{','.join(spread)}{last}{draw(_TRIVIA)}{closing}"


@st.composite
def _documents(draw: st.DrawFn, least: int = 0) -> tuple[str, dict[str, Any]]:
    value = draw(st.dictionaries(_NAME, _VALUE, min_size=least, max_size=4))
    begin = draw(st.sampled_from(["", "\ufeff"]))
    return begin + draw(_TRIVIA) + draw(_written(value)) + draw(_TRIVIA), value


def _within(part: str, whole: str) -> bool:
    """Whether `part` is `whole` with characters taken out."""
    rest = iter(whole)
    return all(character in rest for character in part)


@given(_documents())
def test_what_was_written_with_comments_is_read(document: tuple[str, dict[str, Any]]) -> None:
    text, value = document
    assert jsonc.members(text) == value


@given(st.dictionaries(st.text(), _VALUE, max_size=4), st.sampled_from([None, 0, 2, "\t"]))
def test_plain_json_reads_as_the_standard_library_reads_it(value: dict[str, Any], indent: int | str | None) -> None:
    text = json.dumps(value, indent=indent)
    assert jsonc.members(text) == json.loads(text)


@given(st.text('{}[]":,/*\\ \n\rtrue0-1.e\ufeff"', max_size=30))
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    line = 1
    try:
        jsonc.members(text)
    except jsonc.JsoncError as problem:
        line = problem.line
    assert 1 <= line <= len(re.findall(r"\r\n|\r|\n", text)) + 1


@given(_documents(least=1), _VALUE)
def test_a_member_set_and_taken_out_leaves_the_bytes_as_they_were(
    document: tuple[str, dict[str, Any]], new: object
) -> None:
    text, value = document
    changed = jsonc.with_member(text, _NEW, new)
    assert jsonc.members(changed) == {**value, _NEW: new}
    assert _within(text, changed)
    assert jsonc.without_member(changed, _NEW) == text


@given(_documents(), _VALUE)
def test_setting_a_member_keeps_all_that_is_there(document: tuple[str, dict[str, Any]], new: object) -> None:
    text, value = document
    changed = jsonc.with_member(text, _NEW, new)
    assert jsonc.members(changed) == {**value, _NEW: new}
    assert _within("".join(text.split()), changed)


@given(_documents(least=1), st.data())
def test_a_member_is_replaced_in_its_place(document: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    text, value = document
    name, new = data.draw(st.sampled_from(sorted(value))), data.draw(_VALUE)
    changed = jsonc.with_member(text, name, new)
    assert jsonc.members(changed) == {**value, name: new}
    assert list(jsonc.members(changed)) == list(value)
    assert jsonc.members(jsonc.with_member(changed, name, value[name])) == value


@given(_documents(least=1), st.data())
def test_taking_a_member_out_takes_nothing_else(document: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    text, value = document
    name = data.draw(st.sampled_from(sorted(value)))
    changed = jsonc.without_member(text, name)
    assert jsonc.members(changed) == {other: value[other] for other in value if other != name}
    assert _within(changed, text)
    for other in value:
        if other != name:
            assert changed.count(json.dumps(other)) + changed.count(json.dumps(other, ensure_ascii=False)) > 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n    "n": 1\n}\n'),
        ("// mine\n", '// mine\n{\n    "n": 1\n}\n'),
        ("{}", '{\n    "n": 1\n}'),
        ("{\n}\n", '{\n    "n": 1\n}\n'),
        ("{\n  // nothing yet\n}\n", '{\n  // nothing yet\n    "n": 1\n}\n'),
        ('{"a": 1}', '{"a": 1, "n": 1}'),
        ('{\n  "a": 1 // one\n}\n', '{\n  "a": 1, // one\n  "n": 1\n}\n'),
        ('{\n\t"a": 1,\n}\n', '{\n\t"a": 1,\n\t"n": 1,\n}\n'),
        ('{\r\n  "a": [\r\n  ]\r\n}\r\n', '{\r\n  "a": [\r\n  ],\r\n  "n": 1\r\n}\r\n'),
        ('{\n  "a": 1\n  // the end\n}\n', '{\n  "a": 1,\n  "n": 1\n  // the end\n}\n'),
    ],
)
def test_a_new_member_is_written_as_a_person_would(before: str, after: str) -> None:
    assert jsonc.with_member(before, "n", 1) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{\n  "a": 1, // one\n  "n": 1\n}', '{\n  "a": 1 // one\n}'),
        ('{\n  "n": 1, // keep\n  "a": 1\n}', '{\n  // keep\n  "a": 1\n}'),
        ('{\n  // above\n  "n": 1,\n  "a": 1\n}', '{\n  // above\n  "a": 1\n}'),
        ('{"n": 1, "a": 1}', '{"a": 1}'),
        ('{"a": 1, "n": 1}', '{"a": 1}'),
        ('{\n  "a": 1, // x\n  "n": 1}', '{\n  "a": 1 // x\n}'),
        ('{"n": 1, "n": 2}', "{}"),
        ('{"a": 1}', '{"a": 1}'),
    ],
)
def test_a_member_goes_with_its_line(before: str, after: str) -> None:
    assert jsonc.without_member(before, "n") == after


def test_the_last_of_two_members_of_a_name_counts_as_it_does_for_editors() -> None:
    assert jsonc.members('{"a": 1, "a": 2}') == {"a": 2}
    assert jsonc.with_member('{"a": 1, "a": 2}', "a", 3) == '{"a": 1, "a": 3}'


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('{\n  "a": 1\n  "b": 2\n}', 3, "comma"),
        ('{\n  "a" 1\n}', 2, "colon"),
        ("{\n  /* never ends\n}", 2, "comment"),
        ("[]", 1, "object"),
        ('{}\n{"a": 1}', 2, "behind"),
        ('{"a": \n tru}', 2, "value"),
        ("{\n'a': 1}", 2, "quotes"),
        ("[" * 5000, 1, "object"),
        ('{"a": ' + "[" * 5000, 1, "deep"),
        ('{"a": ' + '{"a":' * 5000, 1, "deep"),
        ('{"a": "line\nbreak"}', 1, "quotes"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, message: str) -> None:
    edits: tuple[Callable[[], object], ...] = (
        lambda: jsonc.members(text),
        lambda: jsonc.with_member(text, "n", 1),
        lambda: jsonc.without_member(text, "n"),
    )
    for edit in edits:
        with pytest.raises(jsonc.JsoncError) as caught:
            edit()
        assert caught.value.line == line
        assert message in caught.value.message
