from __future__ import annotations

import re
import tomllib
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.errors import DevshellError, LockError
from devshell.lock import Absent, Artifact, Block, Entry, Lock, changes, dumps, loads, parts, sides, store_name
from devshell.system import PLATFORMS

# One artifact stands on one line, however long.
GOLDEN = """\
# Written by `devshell lock`. Commit it; after a merge conflict, run `devshell lock --resolve`.
version = 1

[dependencies."python@3.13.5"]
request = "3.13.5"

[dependencies."python@3.13.5".linux-x86_64]
artifacts = [
    { file = "python.tar.gz", place = "", sha256 = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", size = 7 },
]
build = 1
source = "python"
strip = 1
version = "3.13.5"

[shells.ci.hyperfine]
request = "*"

[shells.ci.hyperfine.linux-x86_64]
absent = "no file for this platform"

[tools.node]
request = "22"

[tools.node.darwin-arm64]
absent = "no file for this platform"

[tools.node.linux-x86_64]
artifacts = [
    { file = "node-22.4.1-py3-none-any.whl", place = "", sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", size = 61000000 },
]
bin = { node = "x/bin/node" }
build = 1
dependencies = ["python@3.13.5"]
fixups = [
    { kind = "link", path = "bin/npm", target = "lib/npm.js" },
]
origin = { package = "node" }
source = "pypi"
strip = 0
variables = { NODE_HOME = "${tool}/x" }
version = "22.4.1"
"""  # noqa: E501


def golden() -> Lock:
    python = Block("python", "3.13.5", (Artifact("python.tar.gz", "sha256", "b" * 64, 7),), strip=1)
    node = Block(
        "pypi",
        "22.4.1",
        (Artifact("node-22.4.1-py3-none-any.whl", "sha256", "a" * 64, 61_000_000),),
        origin={"package": "node"},
        bin={"node": "x/bin/node"},
        variables={"NODE_HOME": "${tool}/x"},
        fixups=({"kind": "link", "path": "bin/npm", "target": "lib/npm.js"},),
        dependencies=("python@3.13.5",),
    )
    absent = Absent("no file for this platform")
    return Lock(
        tools={"node": Entry("node", "22", {"linux-x86_64": node, "darwin-arm64": absent})},
        shells={"ci": {"hyperfine": Entry("hyperfine", "*", {"linux-x86_64": absent})}},
        dependencies={"python@3.13.5": Entry("python@3.13.5", "3.13.5", {"linux-x86_64": python})},
    )


def test_the_lock_format_is_stable() -> None:
    assert dumps(golden()) == GOLDEN
    assert loads(GOLDEN.encode(), "devshell.lock") == golden()


def test_store_names_are_stable() -> None:
    found = parts(golden(), None, "linux-x86_64")
    assert {name: part.store_name for name, part in found.items()} == {
        "node": "rygi2kxutvz5x72xmikzz3hkymhd7hsa-node-22.4.1"
    }


def test_a_store_name_follows_what_decides_the_tree_and_nothing_else() -> None:
    block = golden().tools["node"].platforms["linux-x86_64"]
    assert isinstance(block, Block)
    base = store_name("node", "linux-x86_64", block, [])
    assert re.fullmatch(r"[a-z2-7]{32}-node-22\.4\.1", base)
    assert store_name("node", "linux-aarch64", block, []) != base
    assert store_name("node", "linux-x86_64", block, ["x"]) != base
    from dataclasses import replace

    for other in (
        replace(block, strip=1),
        replace(block, source="http"),
        replace(block, fixups=()),
        replace(block, artifacts=(replace(block.artifacts[0], digest="c" * 64),)),
        replace(block, artifacts=(replace(block.artifacts[0], place="x"),)),
    ):
        assert store_name("node", "linux-x86_64", other, []) != base
    for same in (replace(block, origin={}), replace(block, bin={}), replace(block, variables={})):
        assert store_name("node", "linux-x86_64", same, []) == base


def test_a_hostile_name_makes_a_plain_store_name() -> None:
    block = golden().tools["node"].platforms["linux-x86_64"]
    assert isinstance(block, Block)
    assert re.fullmatch(r"[a-z2-7]{32}-[A-Za-z0-9._+-]+", store_name("npm:@a/../b c", "linux-x86_64", block, []))


def broken(old: str, new: str) -> bytes:
    assert old in GOLDEN
    return GOLDEN.replace(old, new, 1).encode()


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        (broken("version = 1\n", "version = 2\nnew = 1\n"), "version", "format 2"),
        (broken("version = 1\n", 'version = "1"\n'), "version", "version = N"),
        (broken("version = 1\n", ""), "version", "version = N"),
        (broken("version = 1\n", "version = 0\n"), "version", "no such lock format"),
        (broken("version = 1\n", "version = true\n"), "version", "version = N"),
        (broken("build = 1", "build = 99"), "build", "unpack rules 99"),
        (broken("build = 1\n", ""), "build", "missing"),
        (broken(f'sha256 = "{"a" * 64}"', 'sha1 = "abc"'), "artifacts[0].sha1", "too weak"),
        (broken(f'sha256 = "{"a" * 64}"', f'md5 = "{"a" * 32}"'), "artifacts[0].md5", "too weak"),
        (broken(f', sha256 = "{"a" * 64}"', ""), "artifacts[0]", "exactly one hash"),
        (broken(f'sha256 = "{"a" * 64}"', f'sha256 = "{"A" * 64}"'), "artifacts[0].sha256", "hex digits"),
        (broken(f'sha256 = "{"a" * 64}"', f'sha256 = "{"a" * 63}"'), "artifacts[0].sha256", "hex digits"),
        (broken("tools.node.linux-x86_64", "tools.node.amiga-m68k"), "tools.node.amiga-m68k", "neither a platform"),
        (broken("size = 61000000", "size = -1"), "artifacts[0].size", "number"),
        (broken("size = 61000000", 'size = "big"'), "artifacts[0].size", "number"),
        (broken('file = "node-', 'file = "https://example.com/node-'), "artifacts[0].file", "without an address"),
        (broken('file = "node-', 'file = "../node-'), "artifacts[0].file", "without an address"),
        (broken('place = "", sha256 = "aaaa', 'place = "../x", sha256 = "aaaa'), "artifacts[0].place", "inside"),
        (broken("bin = { node =", 'bin = { "../node" ='), "bin", "no name of a command"),
        (broken('"x/bin/node"', '"/bin/sh"'), "bin.node", "inside its tree"),
        (broken('"x/bin/node"', '"x/../../sh"'), "bin.node", "inside its tree"),
        (broken("NODE_HOME", "PATH"), "variables.PATH", "no variable"),
        (broken("NODE_HOME", "DEVSHELL_ROOT"), "variables.DEVSHELL_ROOT", "no variable"),
        (broken('request = "22"', "request = 22"), "tools.node.request", "text"),
        (broken('request = "22"\n', ""), "tools.node.request", "missing"),
        (broken('dependencies = ["python@3.13.5"]', 'dependencies = ["ruby"]'), "dependencies", "not in the lock"),
        (broken('kind = "link", ', ""), "fixups[0]", "kind"),
        (
            broken("[tools.node]\n", '[tools."\\u001b[31m"]\nrequest = "1"\n[tools.node]\n'),
            "tools",
            "no name of a tool",
        ),
        (b"version = 1\n[tools.node]\nrequest = '22'\n", "tools.node", "no platform"),
        (b"\xff\xfe", None, "UTF-8"),
        (b"version = 1\n[[[", None, "damaged"),
        (b"", "version", "version = N"),
        (b"version = 1\nsurprise = 2\n", "surprise", "not known"),
        (b"version = 1\n<<<<<<< HEAD\nx = 1\n=======\ny = 1\n>>>>>>> other\n", None, "conflict"),
    ],
)
def test_a_bad_lock_is_an_error_that_names_the_key(content: bytes, where: str | None, what: str) -> None:
    with pytest.raises(LockError) as caught:
        loads(content, "devshell.lock")
    assert what in caught.value.message
    assert caught.value.place
    assert caught.value.place.file == "devshell.lock"
    assert caught.value.hint
    if where is not None:
        assert where in (caught.value.place.key or "")
    assert "\x1b" not in str(caught.value.place)


def test_a_newer_format_is_said_before_anything_else_is_judged() -> None:
    with pytest.raises(LockError, match="format 7"):
        loads(b'version = 7\ntools = "a new way"\n', "devshell.lock")


@pytest.mark.parametrize("cut", range(0, len(GOLDEN), 37))
def test_a_truncated_lock_never_becomes_another_lock(cut: int) -> None:
    try:
        found = loads(GOLDEN.encode()[:cut], "devshell.lock")
    except LockError:
        return
    whole = golden()
    for name, entry in found.tools.items():
        assert all(whole.tools[name].platforms[p] == block for p, block in entry.platforms.items())


names = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12)
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, [*range(32), 127]))), max_size=20
)
words = texts.filter(bool)
variables = st.from_regex(r"[A-Z]{1,8}", fullmatch=True).filter(lambda name: name != "PATH")
files = st.from_regex(r"[A-Za-z0-9_.-]{0,9}[A-Za-z0-9_]", fullmatch=True)
artifacts = st.builds(
    Artifact, files, st.just("sha256"), st.from_regex(r"[0-9a-f]{64}", fullmatch=True), st.integers(0, 2**40), files
)
blocks = st.builds(
    Block,
    source=words,
    version=words,
    artifacts=st.lists(artifacts, max_size=2).map(tuple),
    origin=st.dictionaries(words, texts, max_size=2).map(MappingProxyType),
    strip=st.integers(0, 5),
    bin=st.none()
    | st.dictionaries(files.filter(lambda name: not name.startswith("-")), files, max_size=2).map(MappingProxyType),
    variables=st.dictionaries(variables, texts, max_size=2).map(MappingProxyType),
    fixups=st.lists(st.dictionaries(files, texts, max_size=2).map(lambda d: d | {"kind": "link"}), max_size=2).map(
        tuple
    ),
)


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    def entry(name: str) -> Entry:
        platforms = st.dictionaries(st.sampled_from(PLATFORMS), blocks | st.builds(Absent, words), min_size=1)
        return Entry(name, draw(words), draw(platforms), draw(st.none() | words))

    tools = {name: entry(name) for name in draw(st.sets(names, max_size=3))}
    return Lock(
        tools=tools, shells={s: {t: entry(t)} for s, t in draw(st.dictionaries(names, names, max_size=2)).items()}
    )


@given(locks())
def test_what_is_written_reads_back_and_writes_the_same(lock: Lock) -> None:
    text = dumps(lock)
    tomllib.loads(text)
    assert loads(text.encode(), "devshell.lock") == lock
    assert dumps(loads(text.encode(), "devshell.lock")) == text


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: ("version = 1\n" + t).encode("utf-8", "replace")))
def test_any_bytes_are_a_lock_or_an_error_with_a_place(content: bytes) -> None:
    try:
        loads(content, "devshell.lock")
    except DevshellError as error:
        assert error.place  # noqa: PT017  (either outcome is right)


def test_both_sides_of_a_conflict_are_taken_apart() -> None:
    merged = b"a\n<<<<<<< HEAD\nours\n||||||| base\nold\n=======\ntheirs\n>>>>>>> branch\nz\n"
    assert sides(merged) == (b"a\nours\nz\n", b"a\ntheirs\nz\n")


def test_changes_read_tool_by_tool() -> None:
    from dataclasses import replace

    old = golden()
    block = old.tools["node"].platforms["linux-x86_64"]
    assert isinstance(block, Block)
    newer = replace(old.tools["node"], platforms={"linux-x86_64": replace(block, version="22.5.0")})
    new = Lock(tools={"node": newer, "zig": old.tools["node"]})
    told = [(c.shell, c.name, c.old, c.new) for c in changes(old, new)]
    assert told == [
        (None, "node", "22.4.1", "22.5.0"),
        (None, "zig", None, "22.4.1"),
        ("ci", "hyperfine", "absent", None),
        ("(dependency)", "python@3.13.5", "3.13.5", None),
    ]
    quiet = replace(block, artifacts=(replace(block.artifacts[0], digest="d" * 64),))
    swapped = Lock(
        tools={"node": replace(old.tools["node"], platforms={**old.tools["node"].platforms, "linux-x86_64": quiet})}
    )
    (change,) = changes(Lock(tools=old.tools), swapped)
    assert change.detail == "other files of the same version"
