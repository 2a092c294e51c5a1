"""The extension of VS Code: its own tests, which need node alone, and what its package.json promises."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

EXTENSION = Path(__file__).resolve().parents[1] / "editors" / "vscode"
TESTS = sorted(path.name for path in (EXTENSION / "test").glob("*.test.js"))


def node() -> str:
    """Return node of this machine. It is one of devshell's own tools, and to be without it is no reason to pass."""
    found = shutil.which("node") or shutil.which("node", path=EXTENSION.parents[1] / ".devshell" / "env" / "bin")
    assert found, "node is not on PATH: scripts/test brings it"
    return found


@pytest.mark.parametrize("name", TESTS)
def test_it_does_what_its_own_tests_say(name: str) -> None:
    launcher = Path(sys.executable).parent / "devshell"
    assert launcher.exists(), "scripts/setup puts it there"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DEVSHELL_", "NODE_"))}
    done = subprocess.run(
        [node(), "--test", "--test-reporter=tap", "--test-timeout=120000", f"test/{name}"],
        cwd=EXTENSION,
        env={**env, "TESTED_DEVSHELL": str(launcher)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A file that holds no test passes as well.
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed, done.stdout
    assert int(passed[1]) > 1


def test_there_are_tests_of_every_part() -> None:
    assert len(TESTS) > 5


def test_it_starts_first_and_where_the_files_are() -> None:
    package = json.loads((EXTENSION / "package.json").read_text())
    # What is asked for while the window opens, such as the language of a file in it, begins before "*".
    assert package["activationEvents"] == ["*", "onLanguage", "onLanguage:plaintext"]
    assert package["extensionKind"] == ["workspace"]
    assert (EXTENSION / package["main"]).is_file()
    assert "dependencies" not in package


def test_no_repository_can_name_the_command() -> None:
    package = json.loads((EXTENSION / "package.json").read_text())
    settings = package["contributes"]["configuration"]["properties"]
    assert settings["devshell.executable"]["scope"] == "machine"
    assert package["capabilities"]["untrustedWorkspaces"]["supported"] == "limited"
    assert "devshell.executable" in package["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]


def test_nothing_goes_through_a_shell() -> None:
    for path in EXTENSION.glob("*.js"):
        text = path.read_text()
        assert not re.search(r"\bshell: *[^ ]|\bexec\(|\bexecSync\(|\beval\(|new Function", text), path.name


def test_its_icon_is_an_image_of_the_size_that_galleries_want() -> None:
    package = json.loads((EXTENSION / "package.json").read_text())
    data = (EXTENSION / package["icon"]).read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (128, 128)
