"""Shims: programs of projects by the folder one stands in, and by PATH outside of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conftest import Result
from support.launched import SYSTEM, Launched, Ran
from support.server import LyingServer
from support.tools import project, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Place

COMMAND = Path(sys.executable).with_name("devshell")
if not COMMAND.exists() or COMMAND.read_bytes()[:9] != b"#!/bin/sh":
    pytest.skip("devshell is not installed here: run scripts/setup", allow_module_level=True)


# --- the launcher under another name ----------------------------------------------------------------------------------


class Desk:
    """A project that has `hello`, a folder of shims, and a `hello` of the system's."""

    def __init__(self, base: Path) -> None:
        self.launched = Launched(base)
        self.shims = base / "shims"
        self.shims.mkdir()
        (self.shims / ".devshell-shims").touch()
        self.link("hello")
        self.system = base / "system"
        self.system.mkdir()
        self.program(self.system, "hello", "system")
        self.launched.tool("hello", 'echo "project $DEVSHELL_ROOT $*"')
        self.launched.render()
        self.path = f"{self.shims}:{self.system}:{SYSTEM}"

    def link(self, name: str) -> None:
        (self.shims / name).symlink_to(self.launched.program)

    def program(self, folder: Path, name: str, says: str) -> None:
        (folder / name).write_text(f'#!/bin/sh\necho "{says} $*"\n')
        (folder / name).chmod(0o755)

    def run(self, *words: str, cwd: Path | None = None, path: str | None = None) -> Ran:
        name, *arguments = words
        return self.launched.run(
            *arguments, program=self.shims / name, cwd=cwd, also={"PATH": self.path if path is None else path}
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "a desk")


def test_in_a_ready_project_a_shim_is_the_projects_program(desk: Desk) -> None:
    sub = desk.launched.project / "sub"
    sub.mkdir()
    for folder in (desk.launched.project, sub):
        said = desk.run("hello", "a b", "-C", cwd=folder)
        assert said.out.decode() == f"project {desk.launched.root} a b -C\n"


def test_outside_of_projects_it_is_the_next_on_path(desk: Desk) -> None:
    assert desk.run("hello", "exec", "--", cwd=desk.launched.base).out == b"system exec --\n"


def test_a_command_that_the_project_lacks_is_the_next_on_path_and_nothing_is_entered(desk: Desk) -> None:
    desk.link("env")
    found = desk.run("env", "-0")
    assert "DEVSHELL_ROOT" not in found.environment
    assert found.environment["PATH"] == desk.path


def test_a_folder_that_the_project_puts_into_path_counts_as_its_own(desk: Desk) -> None:
    scripts = desk.launched.project / "scripts"
    scripts.mkdir()
    desk.program(scripts, "hello", "script")
    desk.launched.render((("path", str(scripts), str(desk.launched.environment / "bin")),))
    assert desk.run("hello").out == b"script \n"


def test_no_shim_finds_itself_or_another(desk: Desk) -> None:
    outside = desk.launched.base
    linked = outside / "linked"
    linked.symlink_to(desk.shims)
    stray = outside / "stray"
    stray.mkdir()
    (stray / "hello").symlink_to(desk.shims / "hello")
    # Of another installation: another launcher, which would find this one next.
    other = Desk(outside / "other")
    path = f"{linked}:{desk.shims}/.:{stray}:{other.shims}:{desk.shims}"
    for one in (desk, other):
        assert one.run("hello", cwd=outside, path=f"{path}:{desk.system}").out == b"system \n"
        missing = one.run("hello", cwd=outside, path=path)
        assert (missing.code, missing.err) == (127, "devshell: 'hello': command not found\n")


def test_the_current_folder_is_searched_where_path_says_so(desk: Desk) -> None:
    here = desk.launched.base / "here"
    here.mkdir()
    desk.program(here, "hello", "here")
    assert desk.run("hello", cwd=here, path=f"{desk.shims}:").out == b"here \n"
    # A shim that is called from within its own folder is no program either.
    assert desk.run("hello", cwd=desk.shims, path="").code == 127


def test_what_is_not_fresh_is_left_to_python_with_the_words_as_they_came(desk: Desk) -> None:
    (desk.launched.ready_folder / "sh").unlink()
    found = desk.run("hello", "-C", "a b")
    assert found.words == ["-EP", "-m", "devshell", "shim", "hello", "-C", "a b"]
    assert "DEVSHELL_ROOT" not in found.environment


def test_a_program_started_inside_finds_the_projects_other_programs_first(desk: Desk) -> None:
    desk.link("greet")
    desk.launched.tool("greet", "hello you")
    assert desk.run("greet").out.decode() == f"project {desk.launched.root} you\n"


def test_a_shim_named_like_what_the_launcher_needs_does_not_call_itself(desk: Desk) -> None:
    desk.link("readlink")
    desk.link("cat")
    (desk.launched.ready_folder / "sh").unlink()
    assert desk.run("readlink", path=str(desk.shims)).words[3:] == ["shim", "readlink"]


def test_make_uses_the_projects_program(desk: Desk) -> None:
    if not shutil.which("make"):
        pytest.skip("no make here")
    for folder, says in ((desk.launched.project, f"project {desk.launched.root} made"), (desk.system, "system made")):
        (folder / "Makefile").write_text("all:\n\t@hello made\n")
        done = subprocess.run(
            ["make", "-s", "-C", str(folder)],
            env={**desk.launched.env, "PATH": desk.path},
            capture_output=True,
            check=True,
        )
        assert done.stdout.decode() == f"{says}\n"


# --- the folder, and what Python does ---------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


@pytest.fixture
def shims(place: Place) -> Path:
    return place.base / "data" / "shims"


def names(shims: Path) -> list[str]:
    return sorted(name for name in os.listdir(shims) if not name.startswith("."))


def call(place: Place, name: str, *words: str, cwd: Path | None = None) -> Result:
    """Call a shim as an editor would: it is first on PATH, and nothing of devshell else is."""
    folder = place.base / "data" / "shims"
    system = place.base / "system"
    done = subprocess.run(
        [folder / name, *words],
        cwd=cwd or place.project,
        env={**place.env, "PATH": f"{folder}:{system}:{SYSTEM}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def system_hello(place: Place) -> None:
    (place.base / "system").mkdir()
    (place.base / "system" / "hello").write_text('#!/bin/sh\necho "system $*"\n')
    (place.base / "system" / "hello").chmod(0o755)


def test_the_folder_has_a_shim_for_each_command_of_ready_projects(
    place: Place, server: LyingServer, shims: Path
) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("sync").ok()
    made = place.run("shims").ok()
    assert made.out == f"{shims}\n"
    assert str(shims) in made.err
    assert names(shims) == ["hello"]
    assert call(place, "hello", "a b").ok().out == "hello 1.0 a b\n"
    again = json.loads(place.run("shims", "--json").ok().out)
    assert again == {"folder": str(shims), "commands": ["hello"], "added": [], "removed": []}


def test_what_no_project_has_any_more_goes_and_what_others_put_there_stays(
    place: Place, server: LyingServer, shims: Path
) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("sync").ok()
    place.run("shims").ok()
    (shims / "old").symlink_to(COMMAND)
    (shims / "hello").unlink()
    (shims / "hello").symlink_to("/an/older/devshell")
    (shims / "mine").write_text("mine")
    said = json.loads(place.run("shims", "--json").ok().out)
    assert (said["added"], said["removed"], said["commands"]) == ([], ["old"], ["hello"])
    assert os.readlink(shims / "hello") == str(COMMAND)
    assert names(shims) == ["hello", "mine"]
    place.run("deny").ok()
    assert json.loads(place.run("shims", "--json").ok().out)["removed"] == ["hello"]


def test_a_project_that_changed_keeps_its_shims(place: Place, server: LyingServer, shims: Path) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("sync").ok()
    os.utime(place.project / "devshell.toml", ns=(1, 1))
    place.run("shims").ok()
    assert names(shims) == ["hello"]


def test_without_a_ready_project_the_folder_is_empty_and_that_is_said(place: Place, shims: Path) -> None:
    said = place.run("shims").ok()
    assert names(shims) == []
    assert "no project is ready" in said.err
    assert place.run("shims", "--quiet").ok().err == ""


def test_a_folder_of_somebody_elses_is_not_touched(place: Place, shims: Path) -> None:
    shims.mkdir(parents=True)
    (shims / "hello").symlink_to("/bin/true")
    assert "not made by `devshell shims`" in place.run("shims").failed().err
    assert names(shims) == ["hello"]


def test_refreshing_makes_no_folder_that_nobody_asked_for(own_folders: Place) -> None:
    from devshell import shims as use_case

    use_case.refresh()
    assert not (own_folders.base / "data" / "shims").exists()
    use_case.make()
    (own_folders.base / "data" / "shims" / "old").symlink_to(COMMAND)
    use_case.refresh()
    assert names(own_folders.base / "data" / "shims") == []


def test_an_allowed_project_that_is_not_installed_is_installed_first(
    place: Place, server: LyingServer, shims: Path
) -> None:
    project(place, server, ("hello", "1.0"))
    system_hello(place)
    place.run("shims").ok()
    (shims / "hello").symlink_to(COMMAND)
    assert call(place, "hello", "x").ok().out == "hello 1.0 x\n"
    assert call(place, "hello", cwd=place.base).ok().out == "system \n"


def test_a_strangers_project_is_passed_by_with_one_line(place: Place, server: LyingServer, shims: Path) -> None:
    serve(server, "hello", "1.0")
    system_hello(place)
    place.run("shims").ok()
    (shims / "hello").symlink_to(COMMAND)
    stranger = place.base / "stranger"
    stranger.mkdir(mode=0o755)
    for text in ('[tools]\nhello = "1"\n[hooks]\nenv = "touch ran"\n', "broken ["):
        (stranger / "devshell.toml").write_text(text)
        said = call(place, "hello", "-x", cwd=stranger).ok()
        assert said.out == "system -x\n"
        assert said.err.count("\n") == 1
        assert said.err.startswith("devshell: stranger")
        place.extra["DEVSHELL_QUIET"] = "1"
        assert call(place, "hello", cwd=stranger).ok().err == ""
        del place.extra["DEVSHELL_QUIET"]
    assert not (stranger / "ran").exists()
    assert server.seen == []
    (shims / "gone").symlink_to(COMMAND)
    assert call(place, "gone", cwd=stranger).code == 127


def test_a_project_that_changed_since_it_was_allowed_is_a_strangers(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    system_hello(place)
    place.run("sync").ok()
    place.run("shims").ok()
    manifest = place.project / "devshell.toml"
    manifest.write_text(manifest.read_text() + '\n[env]\nA = "b"\n')
    said = call(place, "hello").ok()
    assert said.out == "system \n"
    assert "changed" in said.err
    place.run("allow").ok()
    assert call(place, "hello").ok().out == "hello 1.0\n"


def test_a_command_that_the_project_lacks_comes_from_outside_by_python_too(
    place: Place, server: LyingServer, shims: Path
) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("shims").ok()
    (shims / "env").symlink_to(COMMAND)
    assert "DEVSHELL_ROOT" not in call(place, "env").ok().out
    os.utime(place.project / "devshell.toml", ns=(1, 1))
    # What no project has is taken away when one is prepared.
    (shims / "env").unlink(missing_ok=True)
    (shims / "env").symlink_to(COMMAND)
    assert "DEVSHELL_ROOT" not in call(place, "env").ok().out
