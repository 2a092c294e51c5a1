"""`devshell self uninstall`: all that is devshell's goes, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devshell import installed, rcfiles
from devshell.files import locked
from support.ptys import Terminal

if TYPE_CHECKING:
    from conftest import Place

NAME = "a" * 32 + "-tool-1.0"


def fill(place: Place) -> None:
    """Make one of everything, the store read-only and with links out of it."""
    tree = place.store / NAME
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "tool").write_bytes(b"x" * 20_000)
    (tree / "out").symlink_to(place.project)
    for path in (tree / "bin" / "tool", tree / "bin", tree):
        path.chmod(0o555)
    (place.store / f"{NAME}.hash").write_text("sha256:00\n")
    (place.store / ".locks").mkdir()
    state = place.state
    state.mkdir(parents=True)
    (state / "denied").write_bytes(b"")
    for name in ("cache/artifacts/sha256-00", "cache/uv/wheel", "config/config.toml"):
        path = place.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (place.home / ".bashrc").write_bytes(rcfiles.with_line(b"mine", b"eval"))
    place.write("mine.txt", "mine")


def folder(path: Path) -> list[str]:
    return sorted(os.listdir(path)) if path.is_dir() else []


@pytest.mark.usefixtures("powerless")
def test_everything_goes_and_the_configuration_stays(place: Place) -> None:
    fill(place)
    said = place.run("self", "uninstall", "--yes").ok().err
    assert folder(place.base / "data") == folder(place.base / "cache") == folder(place.base / "state") == []
    assert folder(place.base / "config") == ["config.toml"]
    assert (place.home / ".bashrc").read_bytes() == b"mine"
    assert folder(place.project) == ["mine.txt"]
    assert f"{place.base}/data/store" in said
    assert "kB" in said
    assert "to remove the program itself: " in said
    assert "nothing of devshell's" in place.run("self", "uninstall").ok().err


def test_the_configuration_goes_when_asked(place: Place) -> None:
    fill(place)
    place.run("self", "uninstall", "--config", "--yes").ok()
    assert folder(place.base / "config") == []


def test_folders_of_its_own_name_go_and_their_parents_stay(place: Place) -> None:
    env = {f"DEVSHELL_{kind}_DIR": "" for kind in ("DATA", "CACHE", "STATE", "CONFIG")}
    for name in (".local/share/devshell/store", ".cache/devshell/pages", ".local/state/devshell/projects"):
        (place.home / name).mkdir(parents=True)
    # A stray file in a folder that nobody else uses keeps nothing but itself.
    (place.home / ".cache/devshell/mine").write_text("mine")
    said = place.run("self", "uninstall", "--yes", env=env).ok().err
    assert folder(place.home / ".local/share") == folder(place.home / ".local/state") == []
    assert folder(place.home / ".cache/devshell") == ["mine"]
    assert f"{place.home}/.cache/devshell/mine" in said


def test_a_folder_that_is_not_devshells_alone_keeps_what_may_be_anybodys(place: Place) -> None:
    """As with DEVSHELL_DATA_DIR=~ and the like, where names of ours are the user's own folders."""
    home = place.home
    mine = (
        "store/letter",
        "projects/code/main.py",
        "npm/mine",
        "uv/mine",
        "deb/mine",
        "pages/mine",
        "config.toml",
        ".profile",
    )
    for name in mine:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("mine")
    (home / "store" / NAME).mkdir()
    (home / "projects/code/.state").mkdir()
    env = {f"DEVSHELL_{kind}_DIR": str(home) for kind in ("DATA", "CACHE", "STATE", "CONFIG")}
    said = place.run("self", "uninstall", "--config", "--yes", env=env).ok().err
    for name in mine:
        assert (home / name).read_text() == "mine"
    assert (home / "projects/code/.state").is_dir()
    assert not (home / "store" / NAME).exists()
    assert f"{home}/projects" in said
    assert f"{home}/store/letter" in said


def test_the_users_own_projects_stay_also_where_nothing_else_is(place: Place) -> None:
    code = place.base / "state" / "projects" / "code" / "main.py"
    code.parent.mkdir(parents=True)
    code.write_text("mine")
    assert str(code.parent.parent) in place.run("self", "uninstall", "--yes").ok().err
    assert code.read_text() == "mine"


def test_shims_are_known_by_their_mark(place: Place) -> None:
    shims = place.base / "data" / "shims"
    shims.mkdir(parents=True)
    (shims / "node").symlink_to("/bin/true")
    place.run("self", "uninstall", "--yes").ok()
    assert folder(shims) == ["node"]
    (shims / ".devshell-shims").write_text("")
    place.run("self", "uninstall", "--yes").ok()
    assert not shims.exists()


def test_state_is_known_by_its_shape_in_a_shared_folder(place: Place) -> None:
    fill(place)
    (place.base / "state" / "mine").write_text("mine")
    place.run("self", "uninstall", "--yes").ok()
    assert folder(place.base / "state") == ["mine"]


@pytest.mark.parametrize("name", ["data/store", "cache/artifacts", "state/projects"])
def test_a_link_is_taken_away_and_what_it_leads_to_stays(place: Place, name: str) -> None:
    fill(place)
    elsewhere = place.base / "elsewhere"
    link = place.base / name
    link.rename(elsewhere)
    link.symlink_to(elsewhere)
    before = folder(elsewhere)
    said = place.run("self", "uninstall", "--yes").ok().err
    assert not os.path.lexists(link)
    assert folder(elsewhere) == before
    assert before
    assert f"{elsewhere}, stays" in said


def test_it_refuses_while_another_devshell_adds_to_the_store(place: Place) -> None:
    fill(place)
    with locked(place.store / ".locks" / NAME, cancelled=lambda: False):
        assert "another devshell" in place.run("self", "uninstall", "--yes").failed().err
    assert (place.store / NAME).is_dir()
    assert rcfiles.lines_in((place.home / ".bashrc").read_bytes(), "bash", Path())


def test_it_says_who_uses_the_store(place: Place) -> None:
    (place.store / NAME / "bin").mkdir(parents=True)
    program = place.store / NAME / "bin" / "server"
    shutil.copy(shutil.which("sleep") or "sleep", program)
    with subprocess.Popen([program, "600"]) as running:
        try:
            said = place.run("self", "uninstall", env={"DEVSHELL_ROOT": "/some/project"}).failed().err
        finally:
            running.kill()
    assert "the environment of /some/project is active in this shell" in said
    if sys.platform == "linux":
        assert f"(process {running.pid}) runs from the store" in said


def test_without_a_terminal_nothing_goes(place: Place) -> None:
    fill(place)
    said = place.run("self", "uninstall", "--config").failed().err
    assert "devshell self uninstall --config --yes" in said
    assert (place.store / NAME).is_dir()


def test_on_a_terminal_it_asks(place: Place) -> None:
    fill(place)
    command = [sys.executable, "-m", "devshell", "self", "uninstall"]
    for answer, stays in (("no", True), ("yes", False)):
        with Terminal(command, {**place.env, "TERM": "xterm"}, place.project) as terminal:
            terminal.expect("[y/N]")
            assert terminal.exit(answer) == 0
        assert place.store.exists() is stays


def test_a_line_that_cannot_be_taken_out_keeps_nothing_else(place: Place) -> None:
    fill(place)
    (place.home / ".bashrc").chmod(0o444)
    said = place.run("self", "uninstall", "--yes").ok().err
    assert "take the line out of it yourself" in said
    assert not place.store.exists()


@pytest.mark.parametrize(
    ("file", "says"),
    [("uv-receipt.toml", "uv tool uninstall devshell-cli"), ("pipx_metadata.json", "pipx uninstall my-venv")],
)
def test_the_program_goes_as_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, says: str) -> None:
    prefix = tmp_path / "my-venv"
    prefix.mkdir()
    (prefix / file).write_text("")
    monkeypatch.setattr(sys, "prefix", str(prefix))
    assert installed.removal() == says


def test_the_program_of_this_checkout_is_named() -> None:
    assert "uninstall" in installed.removal()
    assert installed.checkout() == str(Path(__file__).resolve().parent.parent)
