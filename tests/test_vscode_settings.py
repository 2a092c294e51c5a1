"""`devshell vscode settings`: what no environment can tell an extension, and nothing of the person's is changed."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import pytest

from devshell import jsonc
from devshell.vscode import settings
from support.server import LyingServer
from support.tools import program, project, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Place

_BIN = "${workspaceFolder}/.devshell/env/bin"
_RUFF = {"ruff.path": [f"{_BIN}/ruff"]}
_SHELLCHECK = {"shellcheck.executablePath": f"{_BIN}/shellcheck"}


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


@pytest.fixture
def ready(place: Place, server: LyingServer) -> Place:
    """A project with ruff and shellcheck, as small scripts."""
    project(place, server, ("ruff", "1.0"), ("shellcheck", "2.0"), ("hello", "1.0"))
    return place


def file(place: Place) -> Path:
    return place.project / ".vscode" / "settings.json"


def test_it_sets_what_the_projects_tools_need_and_no_more(ready: Place) -> None:
    said = ready.run("vscode", "settings").ok()
    assert json.loads(file(ready).read_text()) == {**_RUFF, **_SHELLCHECK}
    assert said.out == ""
    assert "set: ruff.path: charliermarsh.ruff asks" in said.err
    assert "set: shellcheck.executablePath: timonwong.shellcheck brings" in said.err
    for value in (*_RUFF["ruff.path"], *_SHELLCHECK.values()):
        tool = value.replace("${workspaceFolder}", str(ready.project))
        assert os.access(tool, os.X_OK)
    assert "nothing to change" in ready.run("vscode", "settings").ok().err


def test_comments_order_and_other_settings_stay_and_removing_gives_the_bytes_back(ready: Place) -> None:
    text = '// ours\n{\n  "editor.rulers": [120], // wide\n  // last\n  "files.eol": "\\n",\n}\n'
    ready.write(".vscode/settings.json", text)
    ready.run("vscode", "settings").ok()
    changed = file(ready).read_text()
    assert changed.startswith(text.removesuffix("}\n"))
    assert jsonc.members(changed) == {"editor.rulers": [120], "files.eol": "\n", **_RUFF, **_SHELLCHECK}
    said = ready.run("vscode", "settings", "--remove").ok()
    assert file(ready).read_text() == text
    assert "taken out: ruff.path" in said.err


def test_what_it_made_it_takes_away_again(ready: Place) -> None:
    ready.run("vscode", "settings").ok()
    ready.run("vscode", "settings", "--remove").ok()
    assert not (ready.project / ".vscode").exists()
    assert "nothing to set or take out" in ready.run("vscode", "settings", "--remove").ok().err
    ready.run("vscode", "settings").ok()
    ready.write(".vscode/tasks.json", "{}")
    ready.run("vscode", "settings", "--remove").ok()
    assert os.listdir(ready.project / ".vscode") == ["tasks.json"]


def test_a_value_of_the_users_own_stays_and_is_said(ready: Place) -> None:
    text = '{"ruff.path": ["/opt/ruff"]}'
    ready.write(".vscode/settings.json", text)
    said = ready.run("vscode", "settings").ok()
    assert json.loads(file(ready).read_text()) == {"ruff.path": ["/opt/ruff"], **_SHELLCHECK}
    assert 'ruff.path is ["/opt/ruff"], and stays as you have it' in said.err
    ready.run("vscode", "settings", "--remove").ok()
    assert file(ready).read_text() == text


def test_a_setting_goes_with_its_tool(ready: Place, server: LyingServer) -> None:
    ready.run("vscode", "settings").ok()
    ready.write("devshell.toml", "[tools]\n" + serve(server, "ruff", "1.0"))
    ready.run("allow").ok()
    said = ready.run("vscode", "settings").ok()
    assert json.loads(file(ready).read_text()) == _RUFF
    assert "taken out: shellcheck.executablePath" in said.err


def test_a_dry_run_shows_the_change_and_writes_nothing(ready: Place) -> None:
    ready.write(".vscode/settings.json", '{\n  "files.eol": "\\n"\n}\n')
    said = ready.run("vscode", "settings", "--dry-run").ok()
    assert f'+  "ruff.path": ["{_BIN}/ruff"],' in said.out
    assert "would set: ruff.path" in said.err
    assert file(ready).read_text() == '{\n  "files.eol": "\\n"\n}\n'
    said = ready.run("vscode", "settings", "--dry-run", "--quiet").ok()
    assert said.err == ""


def test_a_virtual_environment_of_the_project_keeps_its_interpreter(place: Place, server: LyingServer) -> None:
    lines = serve(server, "python3x", "3.0", {"bin/python": program("python")})
    place.write("devshell.toml", "[tools]\n" + lines)
    place.run("allow").ok()
    place.run("vscode", "settings").ok()
    assert json.loads(file(place).read_text()) == {"python.defaultInterpreterPath": f"{_BIN}/python"}
    (place.project / ".venv").mkdir()
    said = place.run("vscode", "settings").ok()
    assert not file(place).exists()
    assert "taken out: python.defaultInterpreterPath" in said.err
    assert "finds .venv by itself" in place.run("vscode", "settings").ok().err


def test_a_file_that_is_not_json_is_named_with_its_line_and_left(ready: Place) -> None:
    text = '{\n  "a": 1\n  "b": 2\n}\n'
    ready.write(".vscode/settings.json", text)
    said = ready.run("vscode", "settings").failed()
    assert re.search(r"settings\.json:3: .*comma", said.err)
    assert file(ready).read_text() == text
    ready.write(".vscode/settings.json", b'{\n"a": "\xff"}')
    assert re.search(r"settings\.json:2: .*UTF-8", ready.run("vscode", "settings").failed().err)


@pytest.mark.parametrize("which", ["folder", "file", "nowhere"])
def test_a_link_out_of_the_project_is_refused(ready: Place, which: str) -> None:
    theirs = ready.home / "Code"
    theirs.mkdir()
    (theirs / "settings.json").write_text("{}")
    if which == "folder":
        (ready.project / ".vscode").symlink_to(theirs)
    else:
        (ready.project / ".vscode").mkdir()
        file(ready).symlink_to(theirs / ("settings.json" if which == "file" else "missing.json"))
    said = ready.run("vscode", "settings").failed()
    assert "leaves the project" in said.err
    assert "leaves the project" in ready.run("vscode", "settings", "--remove").failed().err
    assert (theirs / "settings.json").read_text() == "{}"
    assert os.listdir(theirs) == ["settings.json"]


def test_a_link_within_the_project_is_followed(ready: Place) -> None:
    (ready.project / "shared").mkdir()
    (ready.project / ".vscode").symlink_to("shared")
    ready.run("vscode", "settings").ok()
    assert (ready.project / "shared" / "settings.json").exists()


@pytest.mark.parametrize("where", [".vscode", ".vscode/settings.json"])
def test_what_is_of_another_kind_is_refused(ready: Place, where: str) -> None:
    if where == ".vscode":
        ready.write(".vscode", "")
    else:
        (ready.project / where).mkdir(parents=True)
    said = ready.run("vscode", "settings").failed()
    assert "folder" in said.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("where", [".vscode", ".vscode/settings.json"])
def test_somebody_elses_settings_are_not_written(ready: Place, where: str) -> None:
    ready.write(".vscode/settings.json", "{}")
    os.chown(ready.project / where, 12345, 12345)
    assert "belongs to another user" in ready.run("vscode", "settings").failed().err
    assert file(ready).read_text() == "{}"


def test_a_project_that_is_not_allowed_is_not_written_to(ready: Place) -> None:
    ready.run("deny").ok()
    said = ready.run("vscode", "settings").failed()
    assert "devshell allow" in said.err
    assert not (ready.project / ".vscode").exists()


def test_it_works_from_a_folder_below_and_with_directory(ready: Place) -> None:
    (ready.project / "src").mkdir()
    ready.run("vscode", "settings", "-C", str(ready.project / "src"), cwd=ready.home).ok()
    assert file(ready).exists()
    assert not (ready.project / "src" / ".vscode").exists()


def test_every_entry_leads_into_the_environment_and_is_complete() -> None:
    entries = settings.known()
    assert len({each.setting for each in entries}) == len(entries)
    for each in entries:
        assert f".devshell/env/bin/{each.command}" in json.dumps(each.value)
        assert each.scope in {"machine-overridable", "resource", "window"}
        assert re.fullmatch(r"[A-Za-z0-9-]+\.[a-z0-9-]+", each.extension)
        assert each.reason
        assert not each.reason.endswith(".")
