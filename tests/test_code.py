"""`devshell code`: the user's editor, inside the project's environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devshell import environ
from support.editors import stand_in
from support.server import LyingServer
from support.tools import project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Place

_SYSTEM = "/usr/bin:/bin"


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


@pytest.fixture
def ready(place: Place, server: LyingServer) -> Place:
    """A project with a tool `hello`, and one that brings a `code` of its own."""
    project(place, server, ("hello", "1.0"), ("code", "6.6"), rest='[env]\nGREETING = "hi"\n')
    return place


def path(*folders: Path) -> dict[str, str]:
    return {"PATH": ":".join([*map(str, folders), _SYSTEM])}


def test_the_editor_opens_the_project_inside_its_environment(ready: Place) -> None:
    editor = stand_in(ready.base / "bin", "code")
    ready.run("code", env=path(ready.base / "bin")).ok()
    (call,) = editor.calls
    assert call.words == [str(ready.project.resolve())]
    assert call.env["GREETING"] == "hi"
    assert call.env["DEVSHELL_ROOT"] == str(ready.project.resolve())
    assert call.env["VSCODE_CLI"] == "1"
    tool = f"{call.env['DEVSHELL_ENV']}/bin"
    assert call.env["PATH"].split(":") == [tool, str(ready.base / "bin"), *_SYSTEM.split(":")]
    # Leaving takes it all out again, also in a terminal of the editor.
    assert "GREETING" not in environ.leave(call.env)


def test_arguments_are_passed_as_they_are(ready: Place) -> None:
    editor = stand_in(ready.base / "bin", "codium")
    env = path(ready.base / "bin")
    ready.run("code", "--new-window", "a b", "$HOME", "--editor", env=env).ok()
    ready.run("code", "--", "--editor", "x", "-C", "y", env=env).ok()
    assert [call.words for call in editor.calls] == [
        ["--new-window", "a b", "$HOME", "--editor"],
        ["--editor", "x", "-C", "y"],
    ]


def test_its_exit_code_is_ours(ready: Place) -> None:
    stand_in(ready.base / "bin", "code", "exit 7")
    ready.run("code", env=path(ready.base / "bin")).failed(7)


def test_the_option_comes_before_the_configuration_and_that_before_the_known_ones(ready: Place) -> None:
    code, mine, other = (stand_in(ready.base / "bin", name) for name in ("code", "mine", "other"))
    elsewhere = stand_in(ready.base / "elsewhere", "hidden")
    env = path(ready.base / "bin")
    ready.run("code", env=env).ok()
    ready.run("config", "set", "editor", "mine").ok()
    ready.run("code", env=env).ok()
    ready.run("code", "--editor", "other", env=env).ok()
    ready.run("code", "--editor", str(elsewhere.command), env=env).ok()
    assert [len(each.calls) for each in (code, mine, other, elsewhere)] == [1, 1, 1, 1]
    ready.run("config", "set", "editor", str(elsewhere.command)).ok()
    ready.run("code", env=env).ok()
    assert len(elsewhere.calls) == 2
    assert "'gone'" in ready.run("code", "--editor", "gone", env=env).failed(2).err


def test_a_relative_path_is_no_editor_to_the_configuration(place: Place) -> None:
    for value in ("./mine", "tools/mine", "-x"):
        said = place.run("config", "set", "editor", "--", value).failed()
        assert "a command's name or an absolute path" in said.err


def test_without_an_editor_it_says_how_to_name_one(ready: Place) -> None:
    said = ready.run("code", env=path()).failed()
    assert "no editor was found" in said.err
    assert "--editor" in said.err
    assert "devshell config set editor" in said.err


def test_a_project_that_is_not_allowed_starts_nothing(ready: Place) -> None:
    editor = stand_in(ready.base / "bin", "code")
    ready.run("deny").ok()
    assert "devshell allow" in ready.run("code", env=path(ready.base / "bin")).failed().err
    assert not editor.calls


def test_outside_of_a_project_it_is_an_error(place: Place) -> None:
    editor = stand_in(place.base / "bin", "code")
    assert "devshell.toml" in place.run("code", env=path(place.base / "bin")).failed().err
    assert not editor.calls


def test_another_folder_may_be_named(ready: Place) -> None:
    editor = stand_in(ready.base / "bin", "code")
    (ready.project / "src").mkdir()
    ready.run("code", "-C", str(ready.project / "src"), cwd=ready.home, env=path(ready.base / "bin")).ok()
    ready.run("-C", str(ready.project / "src"), "code", ".", cwd=ready.home, env=path(ready.base / "bin")).ok()
    first, second = editor.calls
    assert first.words == [str(ready.project.resolve())]
    assert (second.words, second.cwd) == (["."], str(ready.project / "src"))
    assert second.env["PWD"] == str(ready.project / "src")


def test_another_projects_environment_is_left_and_chooses_no_editor(ready: Place) -> None:
    editor = stand_in(ready.base / "bin", "code")
    theirs = stand_in(ready.base / "theirs", "code")
    plan: environ.Plan = (("path", str(ready.base / "theirs")), ("set", "THEIRS", "1"))
    inside = environ.enter(plan, {**ready.env, **path(ready.base / "bin")}, "/other", "/store/other")
    ready.run("code", env=inside).ok()
    (call,) = editor.calls
    assert not theirs.calls
    assert "THEIRS" not in call.env
    assert str(ready.base / "theirs") not in call.env["PATH"]


@pytest.mark.parametrize("variable", [{"TERM_PROGRAM": "vscode"}, {"VSCODE_IPC_HOOK_CLI": "/run/x"}])
def test_in_an_editors_own_terminal_it_says_what_brings_the_environment(ready: Place, variable: dict[str, str]) -> None:
    editor = stand_in(ready.base / "bin", "code")
    env = {**path(ready.base / "bin"), "TERM_PROGRAM": "", "VSCODE_IPC_HOOK_CLI": ""}
    said = ready.run("code", env={**env, **variable}).ok()
    assert "devshell vscode install" in said.err
    assert "devshell vscode install" not in ready.run("code", env=env).ok().err
    assert ready.run("code", "--quiet", env={**env, **variable}).ok().err == ""
    assert len(editor.calls) == 3
