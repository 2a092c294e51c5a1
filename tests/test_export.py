"""`devshell export json` and `devshell export vim`: what editors take the environment from."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devshell import shells
from devshell.errors import ShellError
from support.installed import Installed, install

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conftest import Place

MANIFEST = """
[env]
ODD = '''it's "$HOME" `x` \\\\ % é'''
GONE = { unset = true }
LIST = { prepend = ["${project}/lib"] }
PWD = "/elsewhere"
[path]
prepend = ["bin"]
"""
SHELLS_OWN = {"PWD", "OLDPWD", "SHLVL", "_", "PS1", "SHELLOPTS", "COMP_WORDBREAKS"}
HARD = (
    *("", " ", "'", "''", '"', "\\", "\\\\", "\\'", '\\"', "\n", "a\n", "\r\n", "\t", "|", "a | call system('id')"),
    *("<CR>", "\\<CR>", "\\<Esc>:q!\\<CR>", "\\x41", "\\u00e9", '" comment', "' | qa! | '", "%", "#", "$HOME", "`id`"),
    *("${HOME}", "{a}", "=system('id')", "\x01", "\x1b[31m", "\x7f", "é", "日本", "\u202e", "\u2028", "\U0001f600"),
    *("x" * 30_000, "é" * 9_000),
)
BYTES = ("\udc80", "\udcff", "\udcc3", "é\udc80\n'", "\udce3\udc81'")


def decoded(raw: bytes) -> str:
    return raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")


anything = st.one_of(
    st.sampled_from((*HARD, *BYTES)),
    st.binary(max_size=30).map(decoded),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30),
    st.lists(st.sampled_from(["'", '"', "\\", "\n", "|", "<", "CR>", "x41", "\udc80", "é"]), max_size=12).map("".join),
)
texts = anything.filter(lambda value: not any("\udc80" <= c <= "\udcff" for c in value))


@pytest.fixture
def ready(place: Place) -> Place:
    place.write("devshell.toml", MANIFEST.replace('PWD = "/elsewhere"\n', ""))
    place.run("allow", "--quiet").ok()
    place.run("sync", "--quiet").ok()
    return place


def applied(env: Mapping[str, str], text: str) -> dict[str, str]:
    """Take a difference in as an editor does."""
    changes = json.loads(text or "{}")
    return {name: value for name, value in {**env, **changes}.items() if value is not None}


# --- json ------------------------------------------------------------------------------------------------------------


def test_json_reads_as_direnv_writes_it() -> None:
    text = shells.get("json").script([("B", None), ("A", 'it\'s "é"\n\x9b\U000e0001'), ("PATH", "/a:/b")])
    assert text == ('{\n  "A": "it\'s \\"é\\"\\n\\u009b\\udb40\\udc01",\n  "B": null,\n  "PATH": "/a:/b"\n}\n')


def test_nothing_is_written_where_nothing_changes() -> None:
    assert shells.get("json").script([]) == ""
    assert shells.get("vim").script([]) == ""


@given(st.lists(texts, max_size=8))
def test_any_text_comes_through_json(some: list[str]) -> None:
    wanted = {f"V{number}": value for number, value in enumerate(some)}
    text = shells.get("json").script(wanted.items())
    assert json.loads(text or "{}") == wanted
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize("value", BYTES)
def test_json_refuses_bytes_that_are_no_text_and_names_the_variable(value: str) -> None:
    with pytest.raises(ShellError) as caught:
        shells.get("json").script([("FINE", "x"), ("SECRET", value)])
    assert "SECRET" in caught.value.message
    assert "export bash" in (caught.value.hint or "")


def test_an_editor_that_takes_json_has_what_exec_gives_and_leaves_without_a_trace(ready: Place) -> None:
    before = {**ready.env, "GONE": "", "LIST": "/theirs"}
    entered = applied(before, ready.run("export", "json", env=before).ok().out)
    lines = ready.run("exec", "--", "env", "-0", env=before).ok().out.split("\0")
    inside = dict(line.split("=", 1) for line in lines if line)
    names = (inside.keys() | entered.keys()) - SHELLS_OWN
    assert {name: entered.get(name) for name in names} == {name: inside.get(name) for name in names}
    assert entered["ODD"] == 'it\'s "$HOME" `x` \\\\ % é'
    assert entered["LIST"] == f"{ready.project.resolve()}/lib:/theirs"
    assert "GONE" not in entered
    # Asked again with what it answered, it has nothing more to say, also in a folder below.
    below = ready.project / "deep"
    below.mkdir()
    assert ready.run("export", "json", env=gone(entered)).ok().out == ""
    assert ready.run("export", "json", cwd=below, env=gone(entered)).ok().out == ""
    left = ready.run("export", "json", cwd=ready.home, env=gone(entered)).ok().out
    assert applied(entered, left) == before
    assert list(json.loads(left)) == sorted(json.loads(left))
    assert ready.run("export", "json", cwd=ready.home).ok().out == ""


def gone(env: dict[str, str]) -> dict[str, str]:
    # `Place.run` adds to the user's variables; none of them is one that was unset here.
    assert "GONE" not in env
    return env


@pytest.mark.parametrize("form", ["json", "vim"])
def test_what_a_shell_keeps_for_itself_is_never_exported(ready: Place, form: str) -> None:
    env = {"OLDPWD": "/", "SHLVL": "7", "_": "/bin/x", "PS1": "$ "}
    out = ready.run("-C", str(ready.project), "export", form, cwd=ready.home, env=env).ok().out
    names = set(re.findall(r'^(?:  "|call setenv\(\')(\w+)', out, re.MULTILINE))
    assert "ODD" in names
    assert not names & SHELLS_OWN


def test_a_manifest_cannot_set_what_a_shell_keeps_for_itself(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    place.run("allow", "--quiet")
    place.run("sync", "--quiet")
    assert '"PWD"' not in place.run("export", "json").out


@pytest.mark.parametrize("form", ["json", "vim"])
def test_a_project_that_is_not_allowed_changes_nothing_and_is_told_on_the_other_output(place: Place, form: str) -> None:
    place.write("devshell.toml", MANIFEST)
    said = place.run("export", form).ok()
    assert said.out == ""
    assert "`devshell allow`" in said.err


def test_a_project_that_is_denied_is_left(ready: Place) -> None:
    before = dict(ready.env)
    entered = applied(before, ready.run("export", "json").ok().out)
    ready.run("deny", "--quiet").ok()
    said = ready.run("export", "json", env=entered).ok()
    assert applied(entered, said.out) == before


def test_bytes_that_are_no_text_are_an_error_of_json_alone(ready: Place) -> None:
    env = dict(ready.env) | {"LIST": os.fsdecode(b"/\xff")}
    refused = ready.run("export", "json", env=env).failed()
    assert refused.out == ""
    assert "LIST" in refused.err
    assert "\\xff" in ready.run("export", "vim", env=env).ok().out


def test_a_project_whose_files_were_only_touched_stays_entered(ready: Place) -> None:
    before = ready.run("export", "json").ok().out
    os.utime(ready.project / "devshell.toml", (1_000_000_000, 1_000_000_000))
    assert ready.run("export", "json").ok().out == before


@pytest.mark.usefixtures("powerless")
def test_a_project_that_others_may_write_says_so(ready: Place) -> None:
    (ready.project / "devshell.toml").chmod(0o666)
    said = ready.run("export", "json").ok()
    assert said.out == ""
    assert "others" in said.err


# --- vim -------------------------------------------------------------------------------------------------------------


def test_plain_values_read_plainly_in_vim() -> None:
    text = shells.get("vim").script([("A", "it's a|b <CR> \\n"), ("B", None), ("C", 'é"\n\\<CR>')])
    assert text == (
        "call setenv('A', 'it''s a|b <CR> \\n')\n"
        "call setenv('B', v:null)\n"
        'call setenv(\'C\', "\\xc3\\xa9\\"\\x0a\\\\<CR>")\n'
    )


@given(anything)
def test_vims_commands_are_lines_of_printable_ascii(value: str) -> None:
    text = shells.get("vim").script([("A", value)])
    assert text.isascii()
    assert text[:-1].isprintable()
    assert text.endswith("\n")


@pytest.mark.parametrize("form", ["json", "vim"])
@pytest.mark.parametrize("name", ["", "1A", "A B", "A'", "A|q", "é", "A\n"])
def test_no_code_is_made_of_names(form: str, name: str) -> None:
    for value in ("x", None):
        with pytest.raises(ShellError):
            shells.get(form).script([(name, value)])


@pytest.fixture(scope="module")
def editors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Installed]:
    both = {"vim": "deb:vim", "nvim": "deb:neovim"}
    return {command: install({tool: "*"}, tmp_path_factory) for command, tool in both.items()}


#: As direnv.vim does it, as a script, and line by line.
TAKEN = ("execute join(readfile($CHANGES), '\\n')", "source $CHANGES", "call execute(readfile($CHANGES))")


def take(editor: Path, how: str, changes: dict[str, str | None], folder: Path, locale: str) -> dict[str, str]:
    """Let a real editor make the changes; return what a program it starts has then."""
    code = folder / "changes"
    code.write_text(shells.get("vim").script(sorted(changes.items())), encoding="ascii")
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": locale, "CHANGES": str(code), "GONE": "x"}
    how = how.replace("'\\n'", '"\\n"')
    commands = ["-c", how, "-c", f"call system('env -0 >{folder}/seen')", "-c", "qa!"]
    argv = [str(editor), "-u", "NONE", "-i", "NONE", "-n", "-es", *commands]
    ran = subprocess.run(argv, env=env, cwd=folder, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert (ran.returncode, ran.stdout) == (0, b""), ran
    pairs = (pair.partition(b"=") for pair in (folder / "seen").read_bytes().split(b"\0") if pair)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


@pytest.mark.network
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("how", TAKEN)
@pytest.mark.parametrize("editor", ["vim", "nvim"])
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some=st.lists(anything, min_size=20, max_size=60))
def test_any_value_comes_through_a_real_editor(  # noqa: PLR0913 - what is tried, in all combinations
    *, editor: str, how: str, locale: str, editors: dict[str, Installed], tmp_path: Path, some: list[str]
) -> None:
    every = [*HARD, *BYTES, *(chr(byte) for byte in range(1, 128)), *(chr(0xDC00 + byte) for byte in range(128, 256))]
    wanted: dict[str, str | None] = {f"V{number}": value for number, value in enumerate((*every, *some))}
    got = take(editors[editor].bin / editor, how, wanted | {"GONE": None}, tmp_path, locale)
    assert {name: got.get(name) for name in wanted} == wanted
    assert "GONE" not in got
