from __future__ import annotations

import os
import subprocess
from io import StringIO
from typing import TYPE_CHECKING

import dotenv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devshell import shells
from devshell.environ import difference, enter, leave
from devshell.errors import ShellError, UsageError
from devshell.shells import bash, fish, zsh

if TYPE_CHECKING:
    from pathlib import Path

# How a user takes the script in, under options that change how code is read.
EVAL = 'eval "$(cat "$1")"; exec env -0'
ODD = "ksh_arrays sh_word_split rc_quotes csh_junkie_quotes csh_junkie_history no_clobber null_glob extended_glob"
TAKES = {
    "bash": ["bash", "--norc", "--noprofile", "-c", EVAL, "bash"],
    "bash-strict": ["bash", "--norc", "-euc", f"set -CH; shopt -s extglob nullglob; {EVAL}", "bash"],
    "bash-posix": ["bash", "--posix", "-c", '. "$1"; exec env -0', "bash"],
    "zsh": ["zsh", "-fc", EVAL, "zsh"],
    "zsh-odd": ["zsh", "-fuec", f"setopt {ODD} glob_assign magic_equal_subst; {EVAL}", "zsh"],
    "zsh-sh": ["zsh", "-fc", f"emulate sh; {EVAL}", "zsh"],
    "fish": ["fish", "--no-config", "-c", "source $argv[1]; exec env -0"],
}
# Not `/bin:/usr/bin`, which some systems' zshenv replaces.
SYSTEM = "/usr/bin:/bin"
LOCALES = ["C", "C.UTF-8"]


def take(how: str, changes: list[tuple[str, str | None]], env: dict[str, str], folder: Path) -> dict[str, str]:
    """Let a real shell make the changes, and return what a program it starts then has."""
    code = folder / "changes"
    code.write_bytes(shells.get(how.partition("-")[0]).script(changes).encode())
    env = {"PATH": SYSTEM, "HOME": str(folder), "LC_ALL": "C"} | env
    ran = subprocess.run([*TAKES[how], str(code)], env=env, capture_output=True, check=True)
    assert ran.stderr == b""
    pairs = (line.partition(b"=") for line in ran.stdout.split(b"\0") if line)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def decoded(raw: bytes) -> str:
    return raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")


HARD = [
    *(
        "",
        " ",
        "'",
        "''",
        "'''",
        '"',
        "\\",
        "\\\\",
        "\\'",
        "'\\''",
        "a'",
        "'a",
        "a''b",
        "$'\\x41'",
        "\n",
        "\n\n",
        "a\n",
    ),
    *(
        "\r\n",
        "$HOME",
        "${HOME}",
        "$(id)",
        "`id`",
        "!!",
        "!-1",
        "^a^b",
        "%",
        "%s",
        "~",
        "~root",
        "*",
        "?",
        "[a]",
        "{a,b}",
    ),
    *(
        "#",
        "# a",
        "a=b",
        "-n",
        "--",
        ";",
        "&",
        "|",
        "<",
        ">",
        "(",
        ")",
        "a:b",
        ":",
        "::",
        "\t",
        "\x01",
        "\x7f",
        "\x1b[31m",
    ),
    *("\x01\x01\x7f", "é", "日本", "\u0085", "\u009b31m", "\u00a0", "\u200e", "\u202e", "\u2028", "\ufdd0", "\uf600"),
    *("\uf6ff", "\ufffd", "\ufffe", "\U0001f600", "\U0010ffff", "\udc80", "\udcff", "\udcc3", "\udcc3x", "é\udc80\n'"),
    *("\udc83 \udc84", "x" * 100_000),
]
EVERY_BYTE = [
    decoded(form % bytes([byte])) for byte in range(1, 256) for form in (b"%s", b"a%sb", b"'%s\\", b"\xc3%s1")
]
values = st.one_of(
    st.sampled_from(HARD[:-1]),
    st.binary(max_size=30).map(decoded),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30),
    st.lists(st.sampled_from(["'", "\\", "\n", "$", '"', "!", "\udc80", "a", "0"]), max_size=12).map("".join),
)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("how", TAKES)
def test_every_value_comes_through(how: str, locale: str, tmp_path: Path) -> None:
    wanted = {f"V{number}": value for number, value in enumerate(HARD + EVERY_BYTE)}
    got = take(how, [*wanted.items()], {"LC_ALL": locale}, tmp_path)
    assert {name: got.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("how", TAKES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some=st.lists(values, min_size=40, max_size=80))
def test_any_value_comes_through(how: str, locale: str, tmp_path: Path, some: list[str]) -> None:
    wanted = {f"V{number}": value for number, value in enumerate(some)}
    got = take(how, [*wanted.items()], {"LC_ALL": locale}, tmp_path)
    assert {name: got.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("how", TAKES)
def test_variables_are_unset(how: str, tmp_path: Path) -> None:
    got = take(how, [("GONE", None), ("EMPTY", ""), ("NEVER", None)], {"GONE": "x", "EMPTY": "x"}, tmp_path)
    assert "GONE" not in got
    assert got["EMPTY"] == ""


@pytest.mark.parametrize("how", TAKES)
@pytest.mark.parametrize("name", ["PATH", "MANPATH", "LD_LIBRARY_PATH", "CDPATH", "NODE_PATH", "DEVSHELL_PATH"])
def test_lists_of_folders_come_through(how: str, name: str, tmp_path: Path) -> None:
    value = "/a b:/it's:/$HOME:/usr/bin:/bin:/usr/bin:/\udcff"
    assert take(how, [(name, value)], {}, tmp_path)[name] == value


@pytest.mark.parametrize("how", TAKES)
def test_empty_entries_of_path_stay_empty_or_become_the_folder_they_mean(how: str, tmp_path: Path) -> None:
    got = take(how, [("PATH", ":/usr/bin::/bin:")], {}, tmp_path)["PATH"]
    assert got in {":/usr/bin::/bin:", ".:/usr/bin:.:/bin:."}


@pytest.mark.parametrize("how", TAKES)
def test_entering_and_leaving_by_script(how: str, tmp_path: Path) -> None:
    plan = (("set", "A", "it's\n${A}"), ("unset", "B"), ("prepend", "LD_LIBRARY_PATH", "/l"), ("path", "/our bin"))
    outside = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LC_ALL": "C",
        "A": "old",
        "B": "",
        "LD_LIBRARY_PATH": "/x",
    }
    inside = enter(plan, outside, "/a project", "/store/env")
    entered = take(how, difference(outside, inside), outside, tmp_path)
    assert {name: entered.get(name) for name in inside | {"B": ""}} == inside | {"B": None}
    left = take(how, difference(inside, leave(inside)), inside, tmp_path)
    assert {name: left.get(name) for name in inside | {"B": ""}} == dict.fromkeys(inside) | outside


OWN = "UID EUID PPID RANDOM SECONDS path fpath status prompt history version hostname USERNAME options SHELLOPTS argv _"


@pytest.mark.parametrize("how", TAKES)
def test_what_the_shell_keeps_for_itself_is_left_alone(how: str, tmp_path: Path) -> None:
    # As arithmetic, which is what a number is set to, this value would run a command.
    spark = f"a[$(touch {tmp_path}/ran)]"
    got = take(how, [*((name, spark) for name in OWN.split()), ("LAST", "x")], {}, tmp_path)
    assert got["LAST"] == "x"
    assert got["PATH"] == SYSTEM
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("language", ["bash", "zsh", "fish", "dotenv"])
@pytest.mark.parametrize("name", ["", "1A", "A B", "A;id", "A=B", "é", "A\n", "$(id)", "-A"])
def test_no_code_is_made_of_names(language: str, name: str) -> None:
    for value in ("x", None):
        with pytest.raises(ShellError):
            shells.get(language).script([(name, value)])


@pytest.mark.parametrize("language", ["bash", "zsh", "fish", "dotenv"])
@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_what_no_variable_holds_is_refused(language: str, value: str) -> None:
    with pytest.raises(ShellError):
        shells.get(language).script([("A", value)])


def test_unsetting_a_variable_keeps_the_function_of_that_name() -> None:
    code = f"GONE() {{ echo kept; }}; {bash.script([('GONE', None)])}GONE"
    for shell in ("bash", "zsh"):
        assert subprocess.run([shell, "-c", code], capture_output=True, text=True, check=True).stdout == "kept\n"


@given(values)
def test_scripts_are_safe_to_look_at(value: str) -> None:
    for quote in (bash.quote, zsh.quote, fish.quote):
        assert quote(value).isprintable()


def test_plain_values_read_plainly() -> None:
    changes = [("A", "it's é"), ("B", None), ("PATH", "/a:/b c")]
    assert bash.script(changes) == "export A='it'\\''s é'\nunset -v B\nexport PATH='/a:/b c'\n"
    assert zsh.script(changes) == bash.script(changes)
    assert fish.script(changes) == "set -gx A 'it\\'s é'\nset -eg B\nset -gx PATH '/a' '/b c'\n"
    assert shells.get("dotenv").script(changes) == 'A="it\'s é"\nPATH="/a:/b c"\n'


@given(some=st.lists(values, max_size=8))
@pytest.mark.parametrize("interpolate", [True, False])
def test_dotenv_gives_back_or_refuses(*, interpolate: bool, some: list[str]) -> None:
    lines, wanted = "", {}
    for number, value in enumerate(some):
        if not _refused(value):
            lines += shells.get("dotenv").script([(f"V{number}", value)])
            wanted[f"V{number}"] = value
    # Through a text file, as readers do it: line ends are translated.
    text = lines.replace("\r\n", "\n").replace("\r", "\n")
    assert dotenv.dotenv_values(stream=StringIO(text), interpolate=interpolate) == wanted


def test_dotenv_says_nearly_everything() -> None:
    refused = [value for value in HARD if _refused(value)]
    assert refused == ["${HOME}", *(value for value in HARD if any("\udc80" <= c <= "\udcff" for c in value))]


def _refused(value: str) -> bool:
    try:
        shells.get("dotenv").script([("SECRET", value)])
    except ShellError as error:
        return "SECRET" in error.message and bool(error.hint)
    return False


@pytest.mark.parametrize("value", ["$(touch ran)'", "`touch ran`'", "'$(touch ran)\\\\"])
def test_dotenv_does_not_hand_commands_to_readers_that_run_them(value: str) -> None:
    assert _refused(value)


def test_dotenv_read_by_a_shell_runs_nothing_and_gives_back(tmp_path: Path) -> None:
    wanted = {"A": "$(touch ran)", "B": "`touch ran`", "C": "a\nb $x", "D": "plain", "E": 'say "x"', "F": "C:\\new"}
    (tmp_path / ".env").write_text(shells.get("dotenv").script(wanted.items()))
    argv = ["sh", "-c", "set -a; . ./.env; exec env -0"]
    ran = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True, env={"PATH": SYSTEM})
    got = dict(line.partition("=")[::2] for line in ran.stdout.split("\0"))
    assert {name: got[name] for name in wanted} == wanted
    assert not (tmp_path / "ran").exists()


def test_dotenv_leaves_out_what_is_for_leaving() -> None:
    inside = enter((("set", "A", "x"), ("path", "/e")), {"A": "${old}", "PATH": "/bin"}, "/p", "/s")
    text = shells.get("dotenv").script(inside.items())
    assert text == 'A="x"\nPATH="/e:/bin"\nDEVSHELL_ROOT="/p"\nDEVSHELL_ENV="/s"\nDEVSHELL_PROMPT="p"\n'


def test_unknown_languages_are_wrong_usage() -> None:
    with pytest.raises(UsageError) as caught:
        shells.get("csh\x1b[31m")
    assert "\x1b" not in caught.value.message
    assert caught.value.hint
