"""What `allow` shows of what it is about to trust: enough to judge it, and nothing that acts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from devshell.cli.showing import dangerous

if TYPE_CHECKING:
    from conftest import Place

HOOKED = "[hooks]\nenv = '. ./env.sh'\n[settings]\nwatch = ['env.sh']\n"


def shown(place: Place) -> str:
    return place.run("allow").ok().err


def test_a_watched_script_is_shown_and_then_what_changed_in_it(place: Place) -> None:
    place.write("devshell.toml", HOOKED)
    place.write("env.sh", "export ONE=1\nexport TWO=2\n")
    assert "    export ONE=1\n    export TWO=2\n" in shown(place)
    place.write("env.sh", "export ONE=1\nexport TWO=evil\n")
    text = shown(place)
    assert "env.sh (watch, changed)" in text
    assert "    -export TWO=2\n    +export TWO=evil\n" in text
    (place.project / "env.sh").unlink()
    text = shown(place)
    assert "env.sh (watch, gone)" in text
    assert "    -export TWO=evil\n" in text


def test_a_long_file_is_cut_and_says_so(place: Place) -> None:
    place.write("devshell.toml", HOOKED)
    place.write("env.sh", "".join(f"# {n}\n" for n in range(1000)) + "last\n")
    text = shown(place)
    assert "# 399" in text
    assert "# 400" not in text
    assert "… and more; look at env.sh itself" in text
    place.run("deny").ok()
    place.write("env.sh", "x" * 100_000 + "\n")
    text = shown(place)
    assert "… and 99500 characters more" in text
    assert len(text) < 20_000


def test_many_files_are_cut_together(place: Place) -> None:
    names = [f"w{n}" for n in range(20)]
    place.write("devshell.toml", f"settings.watch = {names}")
    for name in names:
        place.write(name, "".join(f"# {n}\n" for n in range(390)))
    text = shown(place)
    assert text.count("# 389") == 10
    assert all(f"{name} (watch, new)" in text for name in names)
    assert text.count("… and more; look at") == 10


def test_what_is_no_text_is_only_counted(place: Place) -> None:
    place.write("devshell.toml", HOOKED)
    place.write("env.sh", b"\x7fELF\0\x1b[31m")
    text = shown(place)
    assert "10 bytes that are no text" in text
    assert "ELF" not in text


def test_nothing_in_a_watched_file_or_its_name_acts(place: Place) -> None:
    place.write(
        "devshell.toml", "settings.watch = ['env.sh', \"x\\n  y (watch, new)\", \"\\u001b[2J\"]\n[hooks]\nenv='1'\n"
    )
    place.write("env.sh", "\x1b]0;title\x07\n\u202eevil\n")
    place.write("x\n  y (watch, new)", "")
    text = shown(place)
    assert not set("\x1b\x07\u202e") & set(text)
    assert r"\u202eevil" in text
    assert "\n  y (watch, new)" not in text, "a name makes no line of its own"


def test_a_project_whose_path_has_a_line_break_makes_one_line(place: Place) -> None:
    root = place.project / "x\ndevshell: allowed: everything"
    root.mkdir(mode=0o755)
    (root / "devshell.toml").write_text("")
    (root / "devshell.toml").chmod(0o644)
    assert "\ndevshell: allowed: everything is" not in place.run("allow", cwd=root).ok().err
    assert len(place.run("status", cwd=root).ok().out.splitlines()) == 6


def test_values_of_dotenv_files_are_not_shown_and_no_run_of_blanks_stops_it(place: Place) -> None:
    place.write("devshell.toml", "[dotenv]\nfiles = ['.env']\n")
    place.write(".env", "TOKEN=s3cret\nOTHER=1" + " " * 1_000_000 + "x\n")
    text = shown(place)
    assert "+ TOKEN" in text
    assert "s3cret" not in text


def test_code_aliases_and_what_is_not_covered_are_pointed_out(place: Place) -> None:
    place.write(
        "devshell.toml",
        "[aliases]\nls = 'evil'\n[path]\nprepend = ['bin']\n"
        "[hooks]\nactivate.fish = 'true'\ndeactivate.zsh = 'true'\n[env]\nPS4 = 'x'\n"
        "GIT_CONFIG_COUNT = '1'\nFINE = '1'\n",
    )
    text = shown(place)
    assert "on entering and leaving: fish, zsh\n" in text
    assert "another meaning in your shell: ls\n" in text
    assert "not covered: code that its tasks run, and programs in the folders of [path]\n" in text
    assert "not covered: files that its hooks run or read, unless `settings.watch` names them\n" in text
    assert "run code: GIT_CONFIG_COUNT, PS4\n" in text


def test_a_plain_project_has_nothing_pointed_out(place: Place) -> None:
    place.write("devshell.toml", "[env]\nRUST_LOG = 'info'\nDATABASE_URL = 'x'\n")
    text = shown(place)
    assert "not covered" not in text
    assert "run code" not in text


@pytest.mark.parametrize(
    "name",
    [
        *("LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "BASH_ENV", "ENV", "PROMPT_COMMAND", "PS4", "ZDOTDIR"),
        *("IFS", "GIT_SSH_COMMAND", "PYTHONPATH", "PATH", "GIT_CONFIG_KEY_0", "npm_config_script_shell"),
        *("NODE_OPTIONS", "EDITOR", "XDG_STATE_HOME"),
    ],
)
def test_these_are_dangerous(name: str) -> None:
    assert dangerous(name)


@pytest.mark.parametrize("name", ["LDFLAGS", "DATABASE_URL", "PYTHONUNBUFFERED", "GIT_AUTHOR_NAME", "NODE_ENV", "path"])
def test_these_are_not(name: str) -> None:
    assert not dangerous(name)


def test_a_very_long_path_is_refused_in_words(place: Place) -> None:
    # The state of a project repeats its path: there is none for a path that only just fits.
    deep = place.project
    while len(os.fsencode(deep)) < 4050:
        deep /= "d" * 20
    deep.mkdir(parents=True)
    place.write(str(deep.relative_to(place.project) / "devshell.toml"), "")
    for command in ("allow", "status"):
        done = place.run(command, cwd=deep).failed()
        assert "too long" in done.err
