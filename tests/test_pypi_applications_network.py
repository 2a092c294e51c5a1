"""Real applications, from the real index, on the registry's own Python, as a user gets them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devshell import system

if TYPE_CHECKING:
    from conftest import Place

pytestmark = pytest.mark.network

MANIFEST = """
[tools]
ansible-core = "2"
black = "*"
httpie = "3"
mypy = "*"
"pypi:pre-commit" = "latest"
"""
COMMANDS = {
    "ansible": ("--version",),
    "ansible-playbook": ("--version",),
    "black": ("--version",),
    "http": ("--version",),
    "mypy": ("--version",),
    "pre-commit": ("--version",),
}


def test_applications_run_alone_write_nothing_and_survive_a_move(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    for command in (("allow",), ("sync",)):
        done = place.run(*command)
        assert done.code == 0, done.err
    lock = (place.project / "devshell.lock").read_text()
    for platform in system.DEFAULT_PLATFORMS:
        assert f"[tools.black.{platform}]" in lock
    assert "://" not in lock

    environment = Path(os.path.realpath(place.project / ".devshell" / "env"))
    assert set(COMMANDS) <= set(os.listdir(environment / "bin"))
    assert "python" not in os.listdir(environment / "bin")
    run_all(environment, place)
    code = place.write("a.py", "x = {  'a':1 }\n")
    run(environment, place, "black", "--quiet", str(code))
    assert code.read_text() == 'x = {"a": 1}\n'
    verified = place.run("store", "verify")
    assert verified.code == 0, verified.err

    moved = place.base / "moved elsewhere"
    (place.base / "data").rename(moved)
    run_all(moved / "store" / environment.name, place)


def run_all(environment: Path, place: Place) -> None:
    for command, arguments in COMMANDS.items():
        assert run(environment, place, command, *arguments)


def run(environment: Path, place: Place, command: str, *arguments: str) -> str:
    done = subprocess.run(
        [environment / "bin" / command, *arguments],
        cwd=place.project,
        env={"PATH": str(environment / "bin"), "HOME": str(place.home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
