from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.errors import StoreError
from devshell.files import remove_tree
from devshell.store import Store, fixups
from devshell.store.content import FIXED_TIME_NS, TOKEN, tokenised

if TYPE_CHECKING:
    from pathlib import Path

NAME = "a" * 32 + "-tool-1.0"
OTHER = "b" * 32 + "-tool-2.0"


def fill(tree: Path) -> None:
    (tree / "bin").mkdir()
    (tree / "bin" / "tool").write_text(f"#!{tree.parent / NAME}/bin/sh\n")
    (tree / "bin" / "tool").chmod(0o700)
    (tree / "data").write_bytes(b"\x00" * 3_000_000)
    (tree / "empty").mkdir(mode=0o700)
    (tree / "link").symlink_to("bin/tool")
    (tree / "folder-link").symlink_to("bin")
    (tree / "dangling").symlink_to("../nowhere")


def test_a_tree_is_added_once_and_sealed(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    calls = []

    def counted(tree: Path) -> None:
        calls.append(tree)
        fill(tree)

    for _ in range(2):
        path = store.add(NAME, counted)
    assert len(calls) == 1
    assert stat.S_IMODE((path / "bin" / "tool").stat().st_mode) == 0o555
    assert stat.S_IMODE((path / "data").stat().st_mode) == 0o444
    for folder, folders, files in os.walk(path):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o555
        for name in (*folders, *files):
            assert os.lstat(os.path.join(folder, name)).st_mtime_ns == FIXED_TIME_NS
    assert store.names() == [NAME]
    assert [damage for _, damage in store.verify()] == [None]


def test_the_content_hash_is_stable(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.add(NAME, fill)
    assert store.content_hash(NAME) == "sha256:3972468037fdb024598d712639e395fec2d80d8a8cd0535ee117870564c80cd5"


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_content_hash_is_the_same_in_another_place_under_another_umask(tmp_path: Path, umask: int) -> None:
    here, there = Store(tmp_path / "s"), Store(tmp_path / "a much longer path" / "with" / "folders")
    here.add(NAME, fill)
    before = os.umask(umask)
    try:
        there.add(NAME, fill)
    finally:
        os.umask(before)
    assert here.content_hash(NAME) == there.content_hash(NAME)


def test_nothing_is_left_of_a_tree_that_failed(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")

    def broken(tree: Path) -> None:
        fill(tree)
        raise StoreError("no")

    with pytest.raises(StoreError):
        store.add(NAME, broken)
    assert store.names() == []
    assert sorted(p.name for p in store.root.iterdir()) == [".locks"]


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    left = store.root / f".adding-{NAME}-12345"
    (left / "junk").mkdir(parents=True)
    (left / "junk").chmod(0o555)
    store.add(NAME, fill)
    assert not (store.path(NAME) / "junk").exists()
    assert not left.exists()


def test_many_processes_add_one_path_once(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from devshell.store import Store\n"
        "store, log = Store(pathlib.Path(sys.argv[1])), sys.argv[2]\n"
        "def fill(tree):\n"
        "    open(log, 'a').write('x')\n"
        "    (tree / 'f').write_text('x' * 100000)\n"
        f"store.add({NAME!r}, fill)\n"
    )
    log = tmp_path / "log"
    command = [sys.executable, "-c", code, str(tmp_path / "store"), str(log)]
    started = [subprocess.Popen(command) for _ in range(20)]
    assert [process.wait() for process in started] == [0] * 20
    assert log.read_text() == "x"


@pytest.mark.parametrize("name", ["x", "../x", NAME + "/..", "A" * 32 + "-x-1", "a" * 31 + "-x-1", NAME + "\n"])
def test_only_store_names_are_taken(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError):
        Store(tmp_path).path(name)


def tamper_content(path: Path) -> None:
    (path / "data").chmod(0o644)
    (path / "data").write_bytes(b"evil")


def tamper_mode(path: Path) -> None:
    (path / "data").chmod(0o755)


def tamper_link(path: Path) -> None:
    path.chmod(0o755)
    (path / "link").unlink()
    (path / "link").symlink_to("data")


def tamper_added(path: Path) -> None:
    (path / "bin").chmod(0o755)
    (path / "bin" / "more").write_text("")


def tamper_removed(path: Path) -> None:
    path.chmod(0o755)
    (path / "empty").rmdir()


@pytest.mark.parametrize("tamper", [tamper_content, tamper_mode, tamper_link, tamper_added, tamper_removed])
def test_verify_finds_every_kind_of_tampering(tmp_path: Path, tamper: object) -> None:
    store = Store(tmp_path / "store")
    store.add(NAME, fill)
    store.add(OTHER, fill)
    tamper(store.path(NAME))  # type: ignore[operator]
    found = dict(store.verify())
    assert found[OTHER] is None
    damage = found[NAME]
    assert damage is not None
    assert damage.reason


def test_verify_misses_neither_a_lost_hash_nor_a_replaced_folder(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.add(NAME, fill)
    (store.root / f"{NAME}.hash").unlink()
    assert dict(store.verify())[NAME] is not None
    remove_tree(store.path(NAME))
    store.path(NAME).symlink_to(tmp_path)
    assert dict(store.verify())[NAME] is not None
    assert not store.has(NAME)


@given(
    st.lists(st.sampled_from([b"/nix", b"/a/store", b"/", b"//", b"x", b"/a/stor", b"e", b"/" * 300])).map(b"".join),
    st.lists(st.integers(1, 400), max_size=6),
)
def test_cutting_a_file_into_chunks_does_not_change_its_hash(data: bytes, cuts: list[int]) -> None:
    root = b"/a/store"
    whole = b"".join(tokenised([data], root))
    chunks, rest = [], data
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]
    assert b"".join(tokenised([*chunks, rest], root)) == whole
    assert root not in whole


def test_padding_before_the_root_does_not_count() -> None:
    def hashed(root: bytes) -> bytes:
        return b"".join(tokenised([b"interp\0" + root.rjust(60, b"/") + b"/ld.so\0"], root))

    assert hashed(b"/a/store") == hashed(b"/a/much/longer/store") == b"interp\0" + TOKEN + b"/ld.so\0"


def test_fixups_link_and_make_executable(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "npm.js").write_text("x")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "npm").write_text("a copy")
    fixups.apply(
        tmp_path,
        [
            {"kind": "link", "path": "bin/npm", "target": "lib/npm.js"},
            {"kind": "executable", "path": "lib/npm.js"},
        ],
        tmp_path,
    )
    assert os.readlink(tmp_path / "bin" / "npm") == "../lib/npm.js"
    assert os.stat(tmp_path / "bin" / "npm").st_mode & 0o111


@pytest.mark.parametrize(
    "fixup",
    [
        {"kind": "link", "path": "../x", "target": "f"},
        {"kind": "link", "path": "/x", "target": "f"},
        {"kind": "link", "path": "x", "target": "missing"},
        {"kind": "link", "path": "x", "target": "../f"},
        {"kind": "link", "path": "out/x", "target": "f"},
        {"kind": "link", "target": "f"},
        {"kind": "executable", "path": "out/x"},
        {"kind": "executable", "path": "missing"},
        {"kind": "executable", "path": "folder"},
        {"kind": "run", "path": "f"},
    ],
)
def test_a_fixup_never_leaves_its_tree(tmp_path: Path, fixup: dict[str, str]) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    outside.mkdir()
    (outside / "x").write_text("mine")
    (tree / "folder").mkdir(parents=True)
    (tree / "f").write_text("")
    (tree / "out").symlink_to(outside)
    with pytest.raises(StoreError):
        fixups.apply(tree, [fixup], tree)
    assert [p.name for p in outside.iterdir()] == ["x"]
    assert (outside / "x").read_text() == "mine"
    assert not os.stat(outside / "x").st_mode & 0o111
