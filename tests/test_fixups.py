"""Fix-ups: what each kind does, and that none leaves its tree."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.errors import RegistryError, StoreError
from devshell.registry import parse
from devshell.store import fixups, places
from devshell.store.shebang import MOST, shebang
from devshell.store.wrapper import wrapper
from support import relocated
from support.relocated import TRIPLET, arranged, libc, program

FINAL = Path("/store/tool")


def mended(tree: Path, *wanted: dict[str, str], final: Path = FINAL) -> Path:
    fixups.apply(tree, wanted, final)
    return tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    (made / "usr/lib/x86_64-linux-gnu/Magick-7.1").mkdir(parents=True)
    (made / "usr/lib/aarch64-none").mkdir()
    (made / "etc").mkdir()
    (made / "etc/conf").write_text("dir = /usr/share\ndir = /usr/share\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").write_text("mine")
    (made / "out").symlink_to("../outside")
    (made / "leaf").symlink_to("../outside/x")
    return made


def test_a_file_of_lines(tree: Path) -> None:
    mended(tree, {"kind": "file", "path": "etc/git/config", "text": r"[http]\nca = ${tool}/etc/ca"})
    assert (tree / "etc/git/config").read_text() == "[http]\nca = /store/tool/etc/ca\n"


def test_a_file_takes_a_links_place_and_is_not_written_through_it(tree: Path) -> None:
    mended(tree, {"kind": "file", "path": "leaf", "text": "new"})
    assert (tree / "leaf").read_text() == "new\n"
    assert (tree.parent / "outside/x").read_text() == "mine"


def test_removing(tree: Path) -> None:
    (tree / "usr/lib/python3.13").mkdir()
    (tree / "usr/lib/python3.13/EXTERNALLY-MANAGED").touch()
    mended(
        tree,
        {"kind": "remove", "path": "usr/lib/python3.*/EXTERNALLY-MANAGED"},
        {"kind": "remove", "path": "out"},
        {"kind": "remove", "path": "usr/lib/x86_64-linux-gnu"},
    )
    assert sorted(os.listdir(tree / "usr/lib")) == ["aarch64-none", "python3.13"]
    assert os.listdir(tree / "usr/lib/python3.13") == []
    assert (tree.parent / "outside/x").exists()


def test_replacing_in_text(tree: Path) -> None:
    mended(tree, {"kind": "replace", "path": "etc/c*", "old": "/usr/share", "new": "${tool}/share"})
    assert (tree / "etc/conf").read_text() == "dir = /store/tool/share\ndir = /store/tool/share\n"


def test_replacing_in_a_program_moves_nothing(tree: Path) -> None:
    (tree / "p").write_bytes(b"\x7fELF\0/usr/lib/ssl\0rest")
    mended(tree, {"kind": "replace", "path": "p", "old": "/usr/lib/ssl", "new": "/dev/null/no"})
    assert (tree / "p").read_bytes() == b"\x7fELF\0/dev/null/no\0rest"
    with pytest.raises(StoreError, match="would move"):
        mended(tree, {"kind": "replace", "path": "p", "old": "/dev/null/no", "new": "${tool}/longer"})
    mended(tree, {"kind": "replace", "path": "p", "old": "/dev/null/no", "new": "/run"})
    assert (tree / "p").read_bytes() == b"\x7fELF\0/run\0null/no\0rest"


def test_a_bundle_has_one_order(tree: Path) -> None:
    for name, text in {"z/1.crt": "one\n\n", "a/2.crt": "two", "a/3.txt": "three", "b.crt": "four\n"}.items():
        (tree / "ca" / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / "ca" / name).write_text(text)
    (tree / "ca/link.crt").symlink_to("../../outside/x")
    mended(tree, {"kind": "bundle", "path": "etc/ssl/ca.crt", "folder": "ca"})
    assert (tree / "etc/ssl/ca.crt").read_text() == "two\nfour\none\n"


@pytest.mark.parametrize(
    "fixup",
    [
        {"kind": "file", "path": "../x", "text": "t"},
        {"kind": "file", "path": "out/x", "text": "t"},
        {"kind": "file", "path": "/x", "text": "t"},
        {"kind": "file", "text": "t"},
        {"kind": "remove", "path": "out/x"},
        {"kind": "remove", "path": "missing"},
        {"kind": "remove", "path": "missing*"},
        {"kind": "remove", "path": "."},
        {"kind": "remove", "path": ""},
        {"kind": "replace", "path": "leaf", "old": "mine", "new": "yours"},
        {"kind": "replace", "path": "out/x", "old": "mine", "new": "yours"},
        {"kind": "replace", "path": "etc/conf", "old": "missing", "new": ""},
        {"kind": "replace", "path": "etc/conf", "old": "", "new": "x"},
        {"kind": "replace", "path": "etc", "old": "a", "new": "x"},
        {"kind": "replace", "path": "etc/conf"},
        {"kind": "bundle", "path": "ca.crt", "folder": "out"},
        {"kind": "bundle", "path": "ca.crt", "folder": "etc"},
        {"kind": "bundle", "path": "ca.crt", "folder": "missing"},
        {"kind": "bundle", "path": "out/ca.crt", "folder": "etc"},
        {"kind": "link", "path": "a", "target": "usr/lib/*"},
        {"kind": "link", "path": "*/a", "target": "etc/conf"},
        {"kind": "executable", "path": "leaf"},
        {"kind": "executable", "path": "o*t/x"},
        {"kind": "wrapper", "path": "etc/conf"},
        {"kind": "wrapper", "path": "usr/bin/*"},
        {"kind": "wrapper", "path": "out/x"},
        {"kind": "bytecode", "path": "usr/lib", "python": "usr/bin/python3"},
        {"kind": "bytecode", "path": "out", "python": "leaf"},
    ],
)
def test_a_fixup_that_does_not_fit_is_refused_and_leaves_what_is_outside(tree: Path, fixup: dict[str, str]) -> None:
    with pytest.raises(StoreError):
        mended(tree, fixup)
    assert os.listdir(tree.parent / "outside") == ["x"]
    assert (tree.parent / "outside/x").read_text() == "mine"
    assert not os.stat(tree.parent / "outside/x").st_mode & 0o111


def test_wrappers_are_not_written_through_a_link(tree: Path) -> None:
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/dash").touch(0o755)
    (tree / ".wrappers").symlink_to("../outside")
    with pytest.raises(StoreError, match="through a link"):
        mended(tree, {"kind": "wrapper", "path": "usr/bin/dash"})
    assert os.listdir(tree.parent / "outside") == ["x"]


def test_patterns(tree: Path) -> None:
    assert places.one(tree, "usr/lib/*-linux-gnu/Magick-[0-9].*", "path") == "usr/lib/x86_64-linux-gnu/Magick-7.1"
    assert places.one(tree, "usr/new/x", "path") == "usr/new/x"
    assert places.each(tree, "usr/lib/*", "path") == ["usr/lib/aarch64-none", "usr/lib/x86_64-linux-gnu"]
    with pytest.raises(StoreError, match="several"):
        places.one(tree, "usr/lib/*", "path")


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("usr/bin/git", "usr/bin/git*", True),
        ("usr/bin/git-shell", "usr/bin/git*", True),
        ("usr/bin/git/x", "usr/bin/git*", False),
        ("usr/bin/python3.13", "usr/bin/python3.*[0-9]", True),
        ("usr/bin/python3.13-config", "usr/bin/python3.*[0-9]", False),
        ("usr/bin/axb", "usr/bin/a.b", False),
        ("usr/bin/[", "usr/bin/[", True),
    ],
)
def test_what_a_pattern_means(path: str, pattern: str, fits: bool) -> None:  # noqa: FBT001  (a column of the table)
    assert places.fits(path, pattern) == fits
    own = [{"kind": "wrapper", "path": pattern}, {"kind": "remove", "path": path}]
    assert fixups.wrapped(own, path) == (f".wrappers/{path}" if fits else path)


def wrapped(tree: Path, **fixup: str) -> list[str]:
    (tree / "usr/bin").mkdir(exist_ok=True)
    (tree / "usr/bin/dash").touch(0o755)
    return wrapper(tree, "usr/bin/p", fixup, Path("/it's/here")).decode().splitlines()


def test_what_a_wrapper_says(tree: Path) -> None:
    home = "'/it'\"'\"'s/here"
    assert wrapped(
        tree,
        variables="A=${tool} B?=${tool}/usr/lib/x86*/Magick-*:/b C+=c D=",
        opens="8=${tool}/etc",
        arguments="-I${tool}/x $HOME",
    ) == [
        "#!/it's/here/usr/bin/dash",
        f"export A={home}'",
        f'[ "${{B+set}}" ] || export B={home}/usr/lib/x86_64-linux-gnu/Magick-7.1:/b\'',
        "export C='c'\"${C:+:$C}\"",
        "export D=''",
        f"exec 8<{home}/etc'",
        f"exec {home}/usr/bin/p' '-I/it'\"'\"'s/here/x' '$HOME' \"$@\"",
    ]


@pytest.mark.parametrize(
    "fixup",
    [
        {"variables": "A"},
        {"variables": "=x"},
        {"variables": "A-B=x"},
        {"variables": "A;rm=x"},
        {"variables": "A=${tool}/missing*"},
        {"variables": "A=${tool}/usr/lib/*"},
        {"variables": "A=${tool}/out/*"},
        {"opens": "1=${tool}/etc"},
        {"opens": "8=/etc"},
        {"opens": "88=${tool}/etc"},
        {"arguments": "${tool}/missing*"},
    ],
)
def test_what_a_wrapper_cannot_say(tree: Path, fixup: dict[str, str]) -> None:
    with pytest.raises(StoreError):
        wrapped(tree, **fixup)


@relocated.needed
def test_a_wrapper_runs_its_program_with_nothing_of_the_machine(tmp_path: Path) -> None:
    mend = [
        {"kind": "file", "path": "data/x", "text": "of the tree"},
        {
            "kind": "wrapper",
            "path": "usr/bin/tool",
            "variables": "SET=${tool}/a UNSET?=default KEPT?=default LIST+=first NEW+=only",
            "opens": "8=${tool}/data",
            "arguments": "-c",
        },
    ]
    debs = [libc(), program("dash", "sh"), program("tool", "sh")]
    made = arranged(tmp_path / "store", debs, "tool", mend=mend)
    code = 'echo "$SET|$UNSET|$KEPT|$LIST|$NEW|$1"; read line </dev/fd/8/x; echo "$line"'
    said = made.run("bin/tool", code, "name", "a  b", SET="x", KEPT="", LIST="rest")
    assert said == f"{made.tree}/a|default||first:rest|only|a  b\nof the tree\n"
    maps = made.run("bin/tool", "while read -r _ _ _ _ _ path; do echo $path; done </proc/$$/maps")
    mapped = {line for line in maps.splitlines() if line.startswith("/")}
    assert mapped
    assert all(path.startswith(f"{made.tree}/") for path in mapped)
    assert (made.tree / f"usr/lib/{TRIPLET}").is_dir()


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), min_size=1))
def test_what_a_wrapper_quotes_reaches_the_program(
    tmp_path_factory: pytest.TempPathFactory, arguments: list[str]
) -> None:
    words = [word for argument in arguments for word in argument.split()]
    folder = tmp_path_factory.getbasetemp() / "quoted"
    (folder / "usr/bin").mkdir(parents=True, exist_ok=True)
    (folder / "usr/bin/dash").touch(0o755)
    if any("${tool}" in word for word in words):
        return
    script = wrapper(folder, "bin/echo", {"arguments": " ".join(words)}, Path("/")).partition(b"\n")[2]
    shown = script.replace(b"exec '/bin/echo'", b"exec printf '%s\\0'")
    said = subprocess.run(["sh", "-c", shown], capture_output=True, check=True).stdout
    assert said == b"".join(word.encode() + b"\0" for word in (words or [""]))


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300), st.text(max_size=20))
def test_a_first_line_is_one_that_the_kernel_takes(name: str, argument: str) -> None:
    line = None
    with contextlib.suppress(StoreError):
        line = shebang(f"/{name}", argument)
    if line is not None:
        assert len(line) <= MOST + 1
        assert line.startswith(f"#!/{name}".encode())
        assert not set(" \t\n") & set(name)


TOOL = """
description = "x"
[[sources]]
source = "deb"
package = "x"
publisher = "x"
trust = "x"
fixups = [{{ {} }}]
"""


@pytest.mark.parametrize(
    "fixup",
    [
        'kind = "file", path = "etc/x", text = "a ${tool}"',
        'kind = "remove", path = "usr/lib/python3.*/X"',
        'kind = "replace", path = "x", old = "/a", new = "/b"',
        'kind = "builtin", path = "x", old = "/a", new = "${tool}/b"',
        'kind = "bundle", path = "x", folder = "y"',
        'kind = "wrapper", path = "usr/bin/x"',
        'kind = "wrapper", path = "usr/bin/x", variables = "A=/b", arguments = "-x", opens = "8=${tool}/x"',
        'kind = "bytecode", path = "usr/lib", python = "usr/bin/python3"',
    ],
)
def test_the_registry_may_ask_for_each(fixup: str) -> None:
    (layout,) = parse("x", TOOL.format(fixup).encode(), "x").offers[0].layouts
    (found,) = layout.fixups
    assert found["kind"] in fixup


@pytest.mark.parametrize(
    "fixup",
    [
        'kind = "file", path = "etc/x"',
        'kind = "file", path = "/etc/x", text = "x"',
        'kind = "remove", path = "../x"',
        'kind = "remove", path = "x", text = "y"',
        'kind = "wrapper", path = "x", variables = ""',
        'kind = "wrapper", variables = "A=b"',
        'kind = "bytecode", path = "x", python = "../y"',
    ],
)
def test_the_registry_says_what_is_wrong_with_one(fixup: str) -> None:
    with pytest.raises(RegistryError):
        parse("x", TOOL.format(fixup).encode(), "x")
