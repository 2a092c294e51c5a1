"""Debian's version numbers: their order, against deb-version(7) and dpkg itself, and the tool's own version."""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devshell.sources.deb import debian_version
from devshell.versions import parse, sort_key

# Each line from old to new.
ORDERED = [
    "~~ ~~a ~ 0~ 0 a",
    "1.0~beta1~svn1245 1.0~beta1 1.0 1.0-0.1 1.0-1 1.0-1+b1 1.0-1+deb13u1 1.0-1.1 1.0-2~bpo1 1.0-2 1.0+dfsg-1 1.0.1-1",
    "0.9.9 0.10 0.10.1 9 10 99 1:0.1 1:1 2:0",
    "1 1a 1b 1z 1+ 1.a",
    "2.4-9 2.4-10 2.4.1-1 2.10-1",
    "7.0-1~~ 7.0-1~ 7.0-1 7.0-1a 7.0-1+ 7.0-1.0",
    "5:8.0.2-3 5:8.0.2-3+deb13u1 5:8.0.2-3+deb13u10 5:8.0.10-1 6:1",
]
# Each line all equal.
EQUAL = [
    "0 0:0 0-0 0- 00 0:0-00",
    "1.0 1.00 01.0 1.0-0 0:1.0",
    "1.2-3 1.02-03 0:1.2-3 00:1.2-3",
    "2. 2.0 2.0-",
]

version = st.from_regex(r"(?:[0-9]{1,3}:)?[0-9][A-Za-z0-9.+~]{0,8}(?:-[A-Za-z0-9.+~]{1,4}){0,2}", fullmatch=True)
hard = st.text(alphabet="0019aZ~~+.-:", max_size=8).map(lambda text: f"0{text}")


def weight(character: str) -> int:
    if character == "~":
        return -1
    if character == "" or character.isdigit():
        return 0
    return ord(character) if character.isalpha() else ord(character) + 256


def slow_compare(one: str, other: str) -> int:
    """The rule as deb-version(7) tells it, a character at a time."""
    i = j = 0

    def at(text: str, place: int) -> str:
        return text[place : place + 1]

    while i < len(one) or j < len(other):
        while (at(one, i) and not at(one, i).isdigit()) or (at(other, j) and not at(other, j).isdigit()):
            difference = weight(at(one, i)) - weight(at(other, j))
            if difference:
                return difference
            i, j = i + 1, j + 1
        first = second = ""
        while at(one, i).isdigit():
            first, i = first + at(one, i), i + 1
        while at(other, j).isdigit():
            second, j = second + at(other, j), j + 1
        if int(first or "0") != int(second or "0"):
            return int(first or "0") - int(second or "0")
    return 0


def split(text: str) -> tuple[int, str, str]:
    epoch, rest = text.split(":", 1) if ":" in text else ("0", text)
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return int(epoch), upstream, revision


def compare(one: str, other: str) -> int:
    first, second = debian_version.key(one), debian_version.key(other)
    return (first > second) - (first < second)


def sign(number: int) -> int:
    return (number > 0) - (number < 0)


@pytest.mark.parametrize("line", ORDERED)
def test_versions_are_ordered_as_debian_orders_them(line: str) -> None:
    words = line.split()
    words.reverse()
    words.sort(key=debian_version.key)
    assert words == line.split()
    assert [compare(one, other) for one, other in pairwise(words)] == [-1] * (len(words) - 1)


@pytest.mark.parametrize("line", EQUAL)
def test_versions_that_debian_holds_equal_are_equal(line: str) -> None:
    first, *rest = line.split()
    assert [compare(first, other) for other in rest] == [0] * len(rest)


@given(st.one_of(version, hard), st.one_of(version, hard))
def test_the_order_is_the_one_that_the_manual_tells(one: str, other: str) -> None:
    try:
        first, second = split(one), split(other)
    except ValueError:
        assert compare(one, other) == -compare(other, one)
        return
    expected = sign(first[0] - second[0]) or sign(slow_compare(first[1], second[1]))
    assert compare(one, other) == (expected or sign(slow_compare(first[2], second[2])))


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="there is no dpkg here")
@settings(max_examples=30, deadline=None)
@given(version, version)
def test_dpkg_agrees(one: str, other: str) -> None:
    operator = {-1: "lt", 0: "eq", 1: "gt"}[compare(one, other)]
    assert subprocess.run(["dpkg", "--compare-versions", one, operator, other], check=False).returncode == 0


@given(st.lists(st.text(max_size=20), min_size=3, max_size=3))
def test_any_text_has_its_place(texts: list[str]) -> None:
    keys = sorted(debian_version.key(text) for text in texts)
    assert keys[0] <= keys[1] <= keys[2]
    assert keys[0] <= keys[2]
    for text in texts:
        assert debian_version.upstream(text)[:1].isdigit()


def test_a_very_long_number_is_no_trouble() -> None:
    assert compare(f"1.{'9' * 10_000}", f"1.1{'0' * 10_000}") == -1
    assert compare(f"{'9' * 30}:1", "1") != 0


@pytest.mark.parametrize(
    ("release", "plain"),
    [
        ("5:8.0.2-3+deb13u1", "8.0.2"),
        ("21.0.8+9-1", "21.0.8"),
        ("3.5a-3", "3.5a"),
        ("1:10.0p1-7", "10.0p1"),
        ("2026c-0+deb13u1", "2026c"),
        ("8:7.1.1.43+dfsg1-1", "7.1.1.43"),
        ("1:1.3.dfsg+really1.3.1-1+b1", "1.3.1"),
        ("16.02+really26.01+dfsg-0+deb12u1", "26.01"),
        ("0.27+really.0.26-1", "0.26"),
        ("2.0.16.1~really2.0.2-0.2", "2.0.2"),
        ("8.4.11-1~deb13u1", "8.4.11"),
        ("9.0~rc1-1", "9.0"),
        ("1.0beta3.1+dfsg-7.1", "1.0"),
        ("1.2b3-1", "1.2"),
        ("2.0.11d.a1-3+b4", "2.0.11d"),
        ("0~20230101-1", "0"),
        ("7.0-1+dfsg-1", "7.0"),
        ("r21-1", "21"),
        ("none", "0"),
        ("", "0"),
    ],
)
def test_the_tools_own_version(release: str, plain: str) -> None:
    assert debian_version.upstream(release) == plain


@pytest.mark.parametrize(
    ("release", "plain"),
    [
        ("5:8.0.2-3+deb13u1", "8.0.2-3+deb13u1"),
        ("1.0", "1.0"),
        ("1:2-0", "2-0"),
        ("1-2-3", "1-2-3"),
        ("0:0.1:2-1", "0.1:2-1"),
    ],
)
def test_a_file_is_named_without_the_epoch(release: str, plain: str) -> None:
    assert debian_version.in_file_name(release) == plain


def test_a_letter_behind_the_numbers_is_a_later_patch() -> None:
    listed = ["3.4", "3.5", "3.5a", "3.5b", "3.6rc1", "10.0p1", "10.0p2"]
    assert parse("3.5").newest(listed) == ["3.5b", "3.5a", "3.5"]
    assert parse("3.5a").newest(listed) == ["3.5a"]
    assert parse("=3.5a").newest(listed) == ["3.5a"]
    assert parse("10").newest(listed) == ["10.0p2", "10.0p1"]
    assert parse("<3.6").newest(listed)[0] == "3.5b"
    assert sorted(set(listed), key=sort_key) == listed
    assert parse("3.6").newest(listed) == []
