from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devshell import dotenv
from devshell.errors import DevshellError, ManifestError, ProjectError
from devshell.manifest.template import malformed
from devshell.snapshot import File, Role, Snapshot

SECRET = "hunter2"  # noqa: S105 - the word that must never be seen again


def snapshot(**contents: bytes | None) -> Snapshot:
    return Snapshot("/p", tuple(File(f"/p/{name}", Role.DOTENV, content) for name, content in contents.items()))


def values(content: bytes) -> list[tuple[str, str]]:
    return dotenv.values(snapshot(env=content), ["env"])


def test_files_are_read_as_everybody_reads_them() -> None:
    found = values(
        b"# comment\nA=1\nexport B = two words # comment\n\nC='sin gle' # c\nD=\"a\\nb\"\nE=\nF\n"
        b"G=\"many\nlines\"\r\nH=a#b\nI=${A} ${B:-x}\nJ='${A}'\n"
    )
    assert found == [
        ("A", "1"),
        ("B", "two words"),
        ("C", "sin gle"),
        ("D", "a\nb"),
        ("E", ""),
        ("G", "many\nlines"),
        ("H", "a#b"),
        ("I", "${A} ${B:-x}"),
        ("J", "${A}"),
    ]


def test_files_come_in_order_and_a_missing_one_gives_nothing() -> None:
    files = snapshot(one=b"A=1\nA=2", two=None, three=b"\xef\xbb\xbfA=3")
    assert dotenv.values(files, ["three", "./two", "x/../one"]) == [("A", "3"), ("A", "1"), ("A", "2")]
    assert dotenv.values(files, []) == []


def test_only_what_was_read_is_used() -> None:
    with pytest.raises(ProjectError):
        dotenv.values(snapshot(env=b""), ["other"])


def test_a_dollar_that_refers_to_nothing_is_a_dollar() -> None:
    assert values(b"A=pa$$w${o}rd${\nB='${1}${x'") == [("A", "pa$$w${o}rd$${"), ("B", "$${1}$${x")]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"A=1\n\n\nB='hunter2\n", 4, "no `NAME=value`"),
        (b"A=1\nB='x' hunter2\n", 2, "no `NAME=value`"),
        (b"A=1\r\n\r\nhunter2/+=\r\n", 3, "cannot be a variable's name"),
        (b"A=1\nhunter2-", 2, "cannot be a variable's name"),
        (b"\n'hunter2 x'=3", 2, "cannot be a variable's name"),
        (b"A='x\ny'\nPATH=hunter2", 3, "PATH is not set this way"),
        (b"DEVSHELL_ROOT=hunter2", 1, "'DEVSHELL_ROOT' belongs to devshell itself"),
        (b"UID=hunter2", 1, "'UID' is a variable that shells keep"),
        (b"A=1\nB=hunter2\0", 2, "NUL"),
        (b"A=1\nB=hunter2\xff", 2, "not UTF-8"),
        ("A=hunter2".encode("utf-16"), 1, "not UTF-8"),
        (b"A=1\nB=hunter2" + b"x" * 102_400, 2, "102407 bytes long"),
        (b"A=1\nB=hunter2" + b" " * 500_000 + b"x", 2, "blanks in a row"),
    ],
)
def test_what_is_wrong_is_said_without_a_word_of_the_file(content: bytes, line: int, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        values(content)
    error = caught.value
    assert words in error.message
    assert str(error.place) == f"/p/env:{line}"
    assert error.hint
    seen: BaseException | None = error
    while seen is not None:
        assert SECRET not in f"{seen!r}{seen.__dict__}"
        seen = None if seen.__suppress_context__ else seen.__context__


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=80), st.text(alphabet="A1=${}:-'\"\\# \n\r\t_x\x00é", max_size=40).map(str.encode)))
def test_any_bytes_give_variables_or_an_error(content: bytes) -> None:
    try:
        found = values(content)
    except DevshellError as error:
        assert isinstance(error, ManifestError)  # noqa: PT017 - either way out is right
        return
    for name, template in found:
        assert name.isidentifier()
        assert malformed(template) is None
