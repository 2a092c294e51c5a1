"""Archives made by chance: honest trees come back whole, hostile and damaged ones do no harm."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devshell.archive import Limits
from devshell.archive.policy import flaw, fold, split
from devshell.errors import ArchiveError
from support.archives import (
    END,
    SECRET,
    Entry,
    beside,
    compressed,
    header,
    long_name,
    member,
    pax,
    picture,
    repaired,
    tree,
    unpacked,
    zipped,
)

QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
#: Where a damaged size would have us write for long.
SMALL = Limits(max_bytes=1 << 20, max_members=1000)

PART = st.text(st.characters(codec="utf-8", exclude_characters="/\0\\"), min_size=1, max_size=12).filter(
    lambda part: part not in (".", "..")
)
#: Content, or where a link leads; a path's folders are implied.
TREES = st.dictionaries(
    st.lists(PART, min_size=1, max_size=4).map("/".join), st.binary(max_size=3000) | PART.map(str), max_size=8
)


def consistent(files: dict[str, bytes | str]) -> dict[str, bytes | str]:
    """Leave out what could not stand in one tree, by case, by Unicode form, or as file and folder."""
    kept: dict[str, bytes | str] = {}
    names: dict[str, str] = {}
    for path, content in files.items():
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts))]
        fits = all(names.get(fold(name), name) == name for name in (*above, path))
        if fits and path not in names.values() and not any(name in kept for name in above):
            kept[path] = content
            names.update({fold(name): name for name in (*above, path)})
    return kept


def tarred(files: dict[str, bytes | str], form: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form, encoding="utf-8") as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            if isinstance(content, str):
                info.type = tarfile.SYMTYPE
                info.linkname = content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def zip_of(files: dict[str, bytes | str], method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for path, content in files.items():
            info = zipfile.ZipInfo(path)
            info.compress_type = method
            info.external_attr = (stat.S_IFLNK if isinstance(content, str) else stat.S_IFREG) << 16
            archive.writestr(info, content)
    return file.getvalue()


FORMATS = [
    *((f"a.tar.{ending}", tarfile.PAX_FORMAT) for ending in ("gz", "xz", "bz2", "zst")),
    ("a.tar", tarfile.PAX_FORMAT),
    ("a.tar", tarfile.GNU_FORMAT),
    ("a.whl", zipfile.ZIP_STORED),
    ("a.whl", zipfile.ZIP_DEFLATED),
]


@pytest.mark.parametrize(("name", "form"), FORMATS)
@given(files=TREES)
@settings(max_examples=25, deadline=None)
def test_a_tree_comes_back_whole(name: str, form: int, files: dict[str, bytes | str]) -> None:
    files = consistent(files)
    data = zip_of(files, form) if name == "a.whl" else compressed(tarred(files, form), name.rpartition(".")[2])
    with tempfile.TemporaryDirectory() as folder:
        into = unpacked(Path(folder), data, name)
        found = {path: content for path, content in tree(into).items() if content is not None}
    assert found == {path: f"-> {content}" if isinstance(content, str) else content for path, content in files.items()}


#: Names of which every few meet each other, `@` being the folder outside.
PIECES = st.sampled_from(["..", ".", "", "a", "b", "A", "l", "@", "inner", "secret", "new", "é"])
NAMES = st.builds(
    lambda absolute, parts: ("/" if absolute else "") + "/".join(parts),
    st.sampled_from([False, False, False, True]),
    st.lists(PIECES, max_size=4),
)
TARGETS = NAMES | st.sampled_from(["../outside", "../outside/secret", "@", "@/secret", "@/inner", "..", "."])
KINDS = st.sampled_from([b"0", b"0", b"5", b"1", b"1", b"2", b"2", b"2", b"3", b"6"])


def in_tar(name: str, kind: bytes, target: str, form: int) -> bytes:
    content = b"mine" if kind == b"0" else b""
    if form == 0:
        return member(name.encode()[:100], content, kind=kind, link=target.encode()[:100])
    extra = long_name(name) + long_name(target, b"K") if form == 1 else pax({"path": name, "linkpath": target})
    return extra + member("short", content, kind=kind, link="short")


@given(st.lists(st.tuples(NAMES, KINDS, TARGETS, st.integers(0, 2)), max_size=8), st.integers(0, 2), st.booleans())
@settings(max_examples=400, deadline=None)
def test_nothing_outside_is_touched(
    members: list[tuple[str, bytes, str, int]],
    strip: int,
    as_zip: bool,  # noqa: FBT001  (hypothesis passes it by place)
) -> None:
    modes = {b"0": 0o100644, b"5": 0o040755, b"2": 0o120777, b"1": 0o100755, b"3": 0o020644, b"6": 0o010644}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        outside = beside(folder)
        before = picture(outside)
        real = [
            (path.replace("@", str(outside)), kind, to.replace("@", str(outside)), form)
            for path, kind, to, form in members
        ]
        if as_zip:
            data = zipped(
                Entry(path, to.encode() if kind == b"2" else b"mine" * (kind == b"0"), modes[kind])
                for path, kind, to, _ in real
            )
        else:
            data = b"".join(in_tar(*one) for one in real) + END
        with suppress(ArchiveError):
            unpacked(folder, data, "a.zip" if as_zip else "a.tar", strip=strip)
        assert picture(outside) == before
        assert {path.name for path in folder.iterdir() if len(path.name) < 64} == {"into", "outside"}
        for content in tree_without_following(folder / "into"):
            assert content in (b"", b"mine")


def tree_without_following(folder: Path) -> list[bytes]:
    found = []
    for here, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(here, name)
            if not os.path.islink(path):
                found.append(Path(path).read_bytes())
    return found


SAMPLES = {
    "a.tar": (
        member("d/a", b"x" * 600)
        + long_name("d/" + "n" * 120) + member("b", b"y")
        + pax({"path": "d/p", "size": "3"}) + member("c", b"zzz")
        + pax({"GNU.sparse.map": "3,2,7,1", "GNU.sparse.size": "10", "GNU.sparse.name": "s"}) + member("s", b"xyz")
        + header("l", kind=b"2", link="d/a") + header("h", kind=b"1", link="d/a") + header("d", kind=b"5")
        + END
    ),
    "a.zip": zipped(
        [
            Entry("d/a", b"x" * 600),
            Entry("d/b", b"y", method=0),
            Entry("d/", b"", 0o040755),
            Entry("l", b"d/a", 0o120777),
        ],
        comment=b"a comment",
    ),
}  # fmt: skip
SAMPLES |= {f"a.tar.{ending}": compressed(SAMPLES["a.tar"], ending) for ending in ("gz", "xz", "bz2", "zst")}
SAMPLES |= {f"a.{ending}": compressed(b"hello" * 50, ending) for ending in ("gz", "xz", "bz2", "zst")}
SAMPLES |= {"a.whl": SAMPLES["a.zip"]}


def survives(data: bytes, name: str) -> None:
    """Unpack, where ArchiveError is the only error there may be."""
    with tempfile.TemporaryDirectory() as folder:
        outside = beside(Path(folder))
        before = picture(outside)
        with suppress(ArchiveError):
            unpacked(Path(folder), data, name, limits=SMALL)
        assert picture(outside) == before
        assert SECRET not in tree_without_following(Path(folder) / "into")


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_are_good(tmp_path: Path, name: str) -> None:
    assert tree(unpacked(tmp_path, SAMPLES[name], name))


@pytest.mark.parametrize("name", SAMPLES)
@given(data=st.binary(max_size=2000))
@settings(QUICK, max_examples=30)
def test_any_bytes(name: str, data: bytes) -> None:
    survives(data, name)


@pytest.mark.parametrize("name", SAMPLES)
@given(flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), min_size=1, max_size=6))
@QUICK
def test_any_damage(name: str, flips: list[tuple[int, int]]) -> None:
    data = bytearray(SAMPLES[name])
    for at, change in flips:
        data[at % len(data)] ^= change
    survives(bytes(data), name)


@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.integers(0, 511), st.binary(min_size=1, max_size=12)), min_size=1, max_size=5
    )
)
@settings(QUICK, max_examples=300)
def test_any_tar_header_with_a_right_checksum(changes: list[tuple[int, int, bytes]]) -> None:
    data = bytearray(SAMPLES["a.tar"])
    for number, at, text in changes:
        start = number * 512 % len(data)
        data[start + at : start + at + len(text)] = text[: 512 - at]
        block = bytes(data[start : start + 512])
        if block[257:262] == b"ustar":
            data[start : start + 512] = repaired(block)
    survives(bytes(data), "a.tar")


KEYS = st.sampled_from(
    ["path", "linkpath", "size", "mode", "uid", "mtime", "hdrcharset"]
    + ["GNU.sparse." + key for key in ("map", "size", "realsize", "major", "minor", "name", "offset", "numbytes")]
)
VALUES = (
    st.binary(max_size=20)
    | st.integers(-5, 10**21).map(lambda number: str(number).encode())
    | st.sampled_from([b"1", b"0", b"0,1,5,1"])
)


@given(st.dictionaries(KEYS, VALUES), KINDS, st.sampled_from([b"x", b"g", b"X"]))
@settings(QUICK, max_examples=300)
def test_any_pax_record(records: dict[str, str | bytes], kind: bytes, of: bytes) -> None:
    survives(pax(records, of) + member("a", b"1\n0\n1\n" + bytes(506) + b"x", kind=kind, link="b") + END, "a.tar")


@given(st.text(max_size=300))
def test_a_name_without_flaw_stays_inside(name: str) -> None:
    parts = split(name)
    if flaw(name, parts, 64) is None:
        path = os.path.normpath(os.path.join("/tree", *parts))
        assert path == "/tree" or path.startswith("/tree/")
        assert "\0" not in path
