from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.errors import DevshellError, VersionError
from devshell.versions import parse, sort_key, suggested_request

NODE = ["20.1.0", "22.4.0", "22.4.1", "22.10.0", "23.0.0rc0", "4.9.1"]


@pytest.mark.parametrize(
    ("request_", "newest"),
    [
        ("22", "22.10.0"),
        ("22.4", "22.4.1"),
        ("22.4.0", "22.4.0"),
        ("=22.4.0", "22.4.0"),
        ("==22.4.0", "22.4.0"),
        (">=20,<22", "20.1.0"),
        (">=20, <22.10", "22.4.1"),
        ("!=22.10.0,>=22", "22.4.1"),
        ("~=22.4", "22.10.0"),
        ("~=22.4.0", "22.4.1"),
        ("^22.4", "22.10.0"),
        ("^4.1", "4.9.1"),
        ("latest", "22.10.0"),
        ("*", "22.10.0"),
        ("=23.0.0rc0", "23.0.0rc0"),
        (">=23.0.0rc0", "23.0.0rc0"),
        ("v22", "22.10.0"),
    ],
)
def test_a_request_takes_the_newest_that_answers(request_: str, newest: str) -> None:
    assert parse(request_).newest(NODE)[0] == newest


def test_a_prefix_is_made_of_numbers_not_of_letters() -> None:
    assert parse("2").newest(["22.0", "2.1", "20.0"]) == ["2.1"]
    assert parse("1.2").newest(["1.20", "1.2", "1.2.9", "1.02.1"]) == ["1.2.9", "1.02.1", "1.2"]


def test_prereleases_come_only_when_asked_for() -> None:
    assert parse("23").newest(NODE) == []
    assert parse(">=1").newest(["2.0rc1", "2.0.dev1", "1.0"]) == ["1.0"]
    assert parse("<2").newest(["2.0rc1", "1.0"]) == ["1.0"]
    assert parse("<2.0rc1,>=1.0rc1").newest(["2.0rc0", "1.0"]) == ["1.0"]


def test_a_caret_below_one_keeps_the_minor_number() -> None:
    assert parse("^0.9").newest(["0.9.5", "0.10.0", "1.0"]) == ["0.9.5"]
    assert parse("^0.0.3").newest(["0.0.3", "0.0.4"]) == ["0.0.3"]


@pytest.mark.parametrize(
    "text", ["", " ", ">=", "abc", "1..2", ">=1,", "1 2", "~1.4", "~=1", "22,>=3", "1.x", "$(id)", "\x1b[31m", "1\n2"]
)
def test_nonsense_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(VersionError) as caught:
        parse(text)
    assert caught.value.hint
    assert "\x1b" not in caught.value.message


@given(st.text(max_size=300))
def test_any_text_parses_or_is_refused_in_words(text: str) -> None:
    try:
        parsed = parse(text)
    except DevshellError as error:
        assert error.hint  # noqa: PT017  (either outcome is right)
    else:
        parsed.newest(["1.0", "not a version", "2.0rc1"])


@given(
    st.lists(st.text(max_size=20) | st.from_regex(r"\d{1,3}(\.\d{1,3}){0,3}", fullmatch=True), min_size=3, max_size=3)
)
def test_sorting_is_a_total_order(versions: list[str]) -> None:
    one, two, three = sorted(versions, key=sort_key)
    assert sort_key(one) <= sort_key(two) <= sort_key(three)
    assert not sort_key(three) < sort_key(one)


@pytest.mark.parametrize(
    ("version", "request_"), [("22.4.1", "22"), ("0.9.3", "0.9"), ("1.0", "1"), ("2.0rc1", "=2.0rc1"), ("r5", "latest")]
)
def test_what_add_writes_takes_that_very_version(version: str, request_: str) -> None:
    assert suggested_request(version) == request_
    assert parse(request_).matches(version)
