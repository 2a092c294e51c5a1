"""The scripts on a machine that has little, and on one that has all they need."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PROJECT = """\
[project]
name = "x"
version = "1"
dependencies = [
    "uv=={}",
]

[dependency-groups]
dev = []
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the scripts in a project of its own, with an empty home and an empty folder of programs."""
    root = tmp_path / "a project"
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "pyproject.toml").write_text(
        '[project]\nname = "x"\nversion = "1"\ndependencies = [\n    "uv==0.0.1",\n]\n'
    )
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").mkdir()
    return root


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def run(tree: Path, *words: str, path: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script with nothing of this machine but a home and, unless told otherwise, the system's programs."""
    own = {"HOME": str(tree.parent / "home"), "PATH": path or "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [f"scripts/{words[0]}", *words[1:]],
        cwd=tree,
        env=own | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def only(tree: Path, *names: str) -> str:
    """Return a PATH with these programs of the system alone."""
    for name in names:
        found = shutil.which(name, path="/usr/bin:/bin")
        assert found is not None, name
        (tree.parent / "bin" / name).symlink_to(found)
    return str(tree.parent / "bin")


def prepared(tree: Path, text: str) -> None:
    """Give the tree an environment that is up to date, whose `python` is a script."""
    program(tree / ".venv" / "bin" / "python", text)
    with (tree / "pyproject.toml").open("rb") as file:
        checksum = subprocess.run(["cksum"], stdin=file, capture_output=True, text=True, check=True).stdout.strip()
    (tree / ".venv" / ".setup").write_text(f"{checksum} {tree}\n")


def test_without_python_setup_says_what_to_install(tree: Path) -> None:
    done = run(tree, "setup", path=only(tree, "dirname", "cksum", "cat", "sh"))
    assert done.returncode == 1
    assert "no Python 3.11 or newer" in done.stderr
    assert "apt-get install python3" in done.stderr
    assert not (tree / ".venv").exists()


def test_an_old_python_is_passed_over_for_a_newer_one(tree: Path) -> None:
    path = only(tree, "dirname", "cksum", "cat", "sh", "sed", "rm", "mkdir", "grep", "cut")
    program(tree.parent / "bin" / "python3", "exit 1")
    newer = f"""\
[ "$1" != -V ] || {{ printf 'Python 3.12.0\\n'; exit; }}
case "$2" in *ensurepip*) exit 1 ;; esac
exec {sys.executable} "$@\""""
    program(tree.parent / "bin" / "python3.12", newer)
    done = run(tree, "setup", path=path)
    assert done.returncode == 1
    # As Debian's python3 has it: a Python without venv and pip.
    assert "Python 3.12.0 comes without venv and pip" in done.stderr
    assert "apt-get install python3-venv" in done.stderr


def test_setup_does_nothing_when_nothing_changed(tree: Path) -> None:
    prepared(tree, "exit 0")
    done = run(tree, "setup", path=only(tree, "dirname", "cksum", "cat", "sh"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tree / ".cache").exists()
    # A changed pyproject.toml, or a moved folder, asks for a Python again.
    with (tree / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert run(tree, "setup", path=str(tree.parent / "bin")).returncode == 1
    prepared(tree, "exit 0")
    moved = tree.rename(tree.parent / "moved")
    assert run(moved, "setup", path=str(tree.parent / "bin")).returncode == 1


@pytest.fixture
def index() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A package index that has nothing; yields its address and what was asked: path, client."""
    asked: list[tuple[str, str]] = []

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("User-Agent", "").partition("/")[0]))
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple", asked
        server.shutdown()


@pytest.mark.parametrize("how", ["environment", "file"])
def test_an_index_that_is_set_up_for_pip_alone_reaches_uv(
    tree: Path, index: tuple[str, list[tuple[str, str]]], how: str
) -> None:
    address, asked = index
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert uv is not None
    version = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    (tree / "pyproject.toml").write_text(PROJECT.format(version))
    subprocess.run([sys.executable, "-m", "venv", str(tree / ".venv")], check=True)
    (tree / ".venv" / "bin" / "uv").symlink_to(uv)
    env = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    if how == "environment":
        env["PIP_INDEX_URL"] = address
    else:
        (tree.parent / "home" / ".pip").mkdir()
        (tree.parent / "home" / ".pip" / "pip.conf").write_text(f"[global]\nindex-url = {address}\n")
    done = run(tree, "setup", **env)
    assert done.returncode != 0
    assert any(path.startswith("/simple/") and client == "uv" for path, client in asked), done.stderr
    assert not (tree / ".venv" / ".setup").exists()
    kept = [p for p in tree.rglob("*") if p.is_file() and ".venv" not in p.parts and address.encode() in p.read_bytes()]
    assert kept == []


def test_arguments_reach_pytest_as_they_are(tree: Path) -> None:
    prepared(tree, '[ "$1" = -c ] || printf "[%s]" "$@"')
    for shell in ("bash", "zsh", "fish", "strace"):
        program(tree.parent / "bin" / shell, "exit 0")
    done = run(tree, "test", "-m", "not network", "tests/test_x.py", path=f"{tree.parent / 'bin'}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[-m][pytest][-n][auto][-m][not network][tests/test_x.py]"


@pytest.mark.parametrize("ci", ["", "true"])
def test_missing_shells_are_named_and_fail_in_ci(tree: Path, ci: str) -> None:
    prepared(tree, "exit 0")
    path = only(tree, "dirname", "cksum", "cat", "sh", "uname", "id", "bash")
    done = run(tree, "test", path=path, CI=ci)
    assert "zsh fish" in done.stderr
    assert done.returncode == (1 if ci else 0)


def test_the_demo_refuses_what_it_does_not_know(tree: Path) -> None:
    done = run(tree, "demo", "--kepe")
    assert done.returncode == 2
    assert "usage: scripts/demo" in done.stderr
    assert run(tree, "demo", "--help").returncode == 0


@pytest.fixture
def addresses(tree: Path) -> Path:
    """A tree whose machine has one index, of which the tests know the address."""
    subprocess.run(["git", "init", "-q", str(tree)], check=True)
    (tree / ".gitignore").write_text("ignored/\n")
    return tree


def look(tree: Path) -> subprocess.CompletedProcess[str]:
    bin_folder = Path(sys.executable).parent
    return subprocess.run(
        [sys.executable, "scripts/addresses.py"],
        cwd=tree,
        env={
            **os.environ,
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "UV_DEFAULT_INDEX": "https://wheels.corp.dev/simple",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_index_address_in_the_tree_is_found(addresses: Path) -> None:
    (addresses / "ignored").mkdir()
    (addresses / "ignored" / "notes").write_text("https://wheels.corp.dev/simple\n")
    (addresses / "fine.md").write_text("https://example.com/ and http://127.0.0.1:8080/\n")
    assert look(addresses).returncode == 0
    (addresses / "notes.md").write_text("one\nsee HTTPS://Wheels.Corp.Dev/simple/ruff\n")
    found = look(addresses)
    assert found.returncode == 1
    assert found.stderr == "notes.md:2: the address of a package index\n"


def test_an_address_is_found_without_git_too(tree: Path) -> None:
    (tree / "notes.md").write_text("wheels.corp.dev")
    assert "notes.md:1" in look(tree).stderr


def test_every_script_can_be_run() -> None:
    scripts = [ROOT / ".ci" / "run", *(path for path in (ROOT / "scripts").iterdir() if path.suffix != ".py")]
    for script in scripts:
        if script.is_file():
            assert os.access(script, os.X_OK), script
            assert script.read_bytes().startswith((b"#!/bin/sh\n", b"#!/usr/bin/env bash\n")), script


def test_ci_runs_the_checks_and_then_the_tests(tree: Path) -> None:
    shutil.copytree(ROOT / ".ci", tree / ".ci")
    program(tree / "scripts" / "check", "echo checked")
    program(tree / "scripts" / "test", "echo 1 passed; exit 3")
    command = ["bash", ".ci/run"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 3
    assert done.stdout.splitlines() == ["== checks", "checked", "== tests", "1 passed"]
    program(tree / "scripts" / "check", "exit 1")
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "== tests" not in done.stdout


@pytest.mark.network
def test_from_nothing_two_setups_at_once(tmp_path: Path) -> None:
    tree = tmp_path / "clone"
    skipped = shutil.ignore_patterns(".venv", ".git", ".cache", "__pycache__", ".*_cache", ".hypothesis", "results")
    shutil.copytree(ROOT, tree, ignore=skipped)
    home = tmp_path / "home"
    home.mkdir()
    # The machine's own settings of its clients stay; what this test runs in does not.
    env = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    env["HOME"] = str(home)
    running = [
        subprocess.Popen(
            ["scripts/setup"],
            cwd=tree,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=600)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert sum("making .venv" in text for text in said) == 1
    assert sum("waiting for another setup" in text for text in said) == 1
    done = subprocess.run(
        [tree / ".venv/bin/devshell", "--version"], capture_output=True, text=True, check=True, env=env
    )
    assert re.search(r"\d+\.\d+", done.stdout)
    again = subprocess.run(["scripts/setup"], cwd=tree, env=env, capture_output=True, text=True, check=True)
    assert again.stderr == ""


@pytest.mark.network
def test_the_demo_from_nothing(tree: Path) -> None:
    shutil.copytree(ROOT / "examples", tree / "examples", ignore=shutil.ignore_patterns(".devshell"))
    # What somebody who works in the example has there stays out of it.
    (tree / "examples" / "django" / ".services").mkdir()
    (tree / "examples" / "django" / ".services" / "mine").touch()
    prepared(tree, "exit 0")
    program(tree / ".venv" / "bin" / "devshell", f'exec {sys.executable} -m devshell "$@"')
    temporary = tree.parent / "tmp"
    temporary.mkdir()
    env = {n: v for n, v in os.environ.items() if not n.startswith(("DEVSHELL_", "XDG_"))}
    env |= {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT), "HOME": str(tree.parent / "home")}
    done = subprocess.run(
        ["scripts/demo"], cwd=tree, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for tool in ("python3.13", "uv", "postgres", "redis-server", "node", "git", "pre-commit", "ruff"):
        assert re.search(rf"^{tool} +data/store/[a-z2-7]{{32}}-", done.stdout, re.MULTILINE), tool
    assert "check: PostgreSQL has that row, Redis that count" in done.stdout
    assert re.search(r"^Done, \d+ seconds after an empty store\.$", done.stdout, re.MULTILINE)
    assert list(temporary.iterdir()) == []
    assert [path.name for path in (tree / "examples" / "django" / ".services").iterdir()] == ["mine"]
    assert not (tree / "examples" / "django" / ".venv").exists()
