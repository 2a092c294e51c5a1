from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devshell.errors import StoreError
from devshell.store import bytecode

MODULE = """
"A module with what marshal could write in two ways."
KINDS = {"a", "b", "c", "d"}
def is_one(text, *, kinds=frozenset(("x", "y", "z"))):
    'Say whether it is one.'
    return text in {"one", "two", "three", "four", "five"} or text in kinds
class Thing:
    name: str = "one"
"""
TAG = sys.implementation.cache_tag


def make(tree: Path, count: int = 12) -> Path:
    for number in range(count):
        path = tree / "lib" / f"package{number % 3}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{MODULE}\nNUMBER = {number}\nimport os.path\n")
    return tree


def compiled(tree: Path) -> dict[str, bytes]:
    return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*.pyc")}


def write(tree: Path) -> None:
    bytecode.write([sys.executable], tree, "lib")


def test_every_module_is_compiled_and_never_looked_at_again(tmp_path: Path) -> None:
    tree = make(tmp_path / "tree")
    write(tree)
    found = compiled(tree)
    assert len(found) == 12
    assert all(content[4:8] == b"\x01\0\0\0" for content in found.values()), "unchecked, by PEP 552"
    for source in tree.rglob("*.py"):
        source.write_text("raise SystemExit('compiled anew')")
    env = {**os.environ, "PYTHONPATH": str(tree / "lib" / "package1")}
    script = "import module1; print(module1.NUMBER, module1.is_one.__code__.co_filename)"
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == f"1 {tree}/lib/package1/module1.py\n", "and tracebacks still name the file"
    assert compiled(tree) == found


def test_the_same_bits_in_another_folder_under_other_names_and_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make(tmp_path / "tree")
    other = make(tmp_path / "somewhere" / "with a much longer name" / "and deeper" / "tree")
    write(one)
    for name, value in (("PYTHONHASHSEED", "7"), ("PYTHONPATH", str(other / "lib")), ("PYTHONOPTIMIZE", "2")):
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(other / "lib")
    (other / "lib" / "py_compile.py").write_text("raise SystemExit('of the tree')")
    write(other)
    extra = os.path.join("lib", "__pycache__", f"py_compile.{TAG}.pyc")
    assert (other / extra).exists()
    found = compiled(other)
    del found[extra]
    # One more name moves modules among the processes; what each is compiled to must not depend on that.
    assert found == compiled(one)


def test_the_standard_library_twice(tmp_path: Path) -> None:
    library = Path(os.__file__).parent
    hashes = []
    for name in ("a", "a longer one"):
        tree = tmp_path / name
        for package in ("json", "email", "asyncio", "importlib", "collections"):
            shutil.copytree(library / package, tree / "lib" / package, ignore=shutil.ignore_patterns("__pycache__"))
        write(tree)
        hashes.append(compiled(tree))
    assert len(hashes[0]) > 50
    assert hashes[0] == hashes[1]


def test_what_is_no_python_is_passed_over(tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", 1)
    for name, content in (
        ("bad.py", b"def ("),
        ("nul.py", b"x = 1\0"),
        ("latin.py", b"x = '\xe9'"),
        ("deep.py", b"x = " + b"(" * 5000),
        ("not.txt", b"x"),
        ("odd \n name.py", b"x = 1"),
        ("é.py", b"x = 1"),
    ):
        (tree / "lib" / name).write_bytes(content)
    write(tree)
    names = {Path(name).name for name in compiled(tree)}
    assert names == {f"module0.{TAG}.pyc", f"odd \n name.{TAG}.pyc", f"é.{TAG}.pyc"}


def test_links_are_not_followed_out_of_the_tree(tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", 1)
    outside = make(tmp_path / "outside", 1)
    (tree / "lib" / "folder").symlink_to(outside / "lib")
    (tree / "lib" / "link.py").symlink_to(outside / "lib" / "package0" / "module0.py")
    # Python keeps the byte code of a module that is a link beside the link.
    (tree / "lib" / "within.py").symlink_to("package0/module0.py")
    write(tree)
    assert {Path(name).name for name in compiled(tree)} == {f"module0.{TAG}.pyc", f"within.{TAG}.pyc"}
    assert not compiled(outside)
    (tree / "lib" / "more").mkdir()
    (tree / "lib" / "more" / "__pycache__").symlink_to(outside)
    (tree / "lib" / "more" / "more.py").write_text("x = 1")
    with pytest.raises(StoreError, match="link"):
        write(tree)
    assert not compiled(outside)


def test_an_old_one_that_came_with_the_package_is_replaced(tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", 1)
    (source,) = tree.rglob("*.py")
    old = Path(importlib.util.cache_from_source(str(source)))
    old.parent.mkdir()
    old.write_bytes(b"not byte code")
    write(tree)
    assert old.read_bytes()[:4] == importlib.util.MAGIC_NUMBER


def test_a_python_that_does_not_run_is_said(tmp_path: Path) -> None:
    tree = make(tmp_path / "tree", 1)
    with pytest.raises(StoreError, match="cannot be started"):
        bytecode.write([tmp_path / "no-python"], tree, "lib")
    bad = tmp_path / "python"
    bad.write_text("#!/bin/sh\necho 'needs a newer library' >&2\nexit 3\n")
    bad.chmod(0o755)
    with pytest.raises(StoreError, match="needs a newer library"):
        bytecode.write([bad], tree, "lib")
    bytecode.write([tmp_path / "no-python"], tree, "nowhere")


def test_byte_code_depends_on_its_source_alone(tmp_path: Path) -> None:
    trees = []
    sources = {f"m{n}.py": f"def f{n}(a, b=({n}, 'x')):\n    return {{1, 'two', a, f'{{b}}'}}\n" for n in range(450)}
    for name in ("one", "two"):
        tree = tmp_path / name
        (tree / "lib").mkdir(parents=True)
        for file in sorted(sources, reverse=name == "two"):
            (tree / "lib" / file).write_text(sources[file])
        if name == "two":
            (tree / "lib" / "m0.py").unlink()
        bytecode.write([sys.executable], tree, "lib")
        trees.append({path.name: path.read_bytes() for path in tree.rglob("*.pyc")})
    assert len(trees[0]) == 450
    assert {name: trees[0][name] for name in trees[1]} == trees[1]
