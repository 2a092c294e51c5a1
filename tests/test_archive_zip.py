"""Zip archives and wheels, honest and hostile."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from devshell.archive import Limits
from devshell.errors import ArchiveError
from support.archives import SECRET, Entry, beside, picture, tree, unpacked, zipped

if TYPE_CHECKING:
    from pathlib import Path

LINK = 0o120777
FOLDER = 0o040755


def link(name: str, target: str | bytes) -> Entry:
    return Entry(name, target.encode() if isinstance(target, str) else target, LINK, method=0)


def test_folders_named_and_implied(tmp_path: Path) -> None:
    entries = [Entry("a/", b"", FOLDER, method=0), Entry("a/x", b"x"), Entry("b/c/", b"", 0), Entry("d/e/f", b"f", 0)]
    # As some packers have it: twice, or with any mode.
    entries += [Entry("a/", b"", FOLDER), Entry("g/", b"", 0o177777)]
    expected = {"a": None, "a/x": b"x", "b": None, "b/c": None, "d": None, "d/e": None, "d/e/f": b"f", "g": None}
    assert tree(unpacked(tmp_path, zipped(entries), "a.zip")) == expected


def test_empty_archive(tmp_path: Path) -> None:
    assert tree(unpacked(tmp_path, zipped([]), "a.zip")) == {}
    assert tree(unpacked(tmp_path, zipped([]), "a.whl")) == {}


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\5\6", bytes(5000), b"PK\3\4" + bytes(100)])
def test_no_zip_at_all(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ArchiveError):
        unpacked(tmp_path, data, "a.zip")


def test_empty_files_of_every_writer(tmp_path: Path) -> None:
    nothing = {"packed": 0}
    entries = [Entry("a"), Entry("b", method=0), Entry("c", local=nothing, central=nothing)]
    data = zipped(entries[:2])
    assert tree(unpacked(tmp_path, data, "a.whl")) == {"a": b"", "b": b""}
    assert tree(unpacked(tmp_path, zipped(entries), "a.zip")) == {"a": b"", "b": b"", "c": b""}


class TestNames:
    def test_backslash(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="backslash"):
            unpacked(tmp_path, zipped([Entry("..\\..\\a")]), "a.zip")

    def test_nul(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="NUL"):
            unpacked(tmp_path, zipped([Entry("a\0/../../b")]), "a.zip")

    def test_utf_8_with_and_without_its_flag(self, tmp_path: Path) -> None:
        into = unpacked(tmp_path, zipped([Entry("é", b"1"), Entry("ü".encode(), b"2")]), "a.zip")
        assert tree(into) == {"é": b"1", "ü": b"2"}

    def test_anything_else(self, tmp_path: Path) -> None:
        for flags in (0, 0x800):
            with pytest.raises(ArchiveError):
                unpacked(tmp_path, zipped([Entry(b"caf\xe9", flags=flags)]), "a.zip")

    @pytest.mark.parametrize("other", ["a", "./a", ".//a"])
    def test_twice(self, tmp_path: Path, other: str) -> None:
        with pytest.raises(ArchiveError, match="twice"):
            unpacked(tmp_path, zipped([Entry("a", b"x"), Entry(other, b"x")]), "a.zip")

    @pytest.mark.parametrize(
        "entry",
        [Entry("a/", b"x"), Entry("a/", b"", LINK), Entry("a", b"", FOLDER), Entry("./", b"x"), Entry(".", b"")],
    )
    def test_folder_and_file_at_once(self, tmp_path: Path, entry: Entry) -> None:
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, zipped([entry]), "a.zip")

    @pytest.mark.parametrize("kind", [0o020000, 0o060000, 0o010000, 0o140000])
    def test_devices_pipes_and_sockets(self, tmp_path: Path, kind: int) -> None:
        with pytest.raises(ArchiveError, match="neither file"):
            unpacked(tmp_path, zipped([Entry("a", b"", kind | 0o644)]), "a.zip")


class TestLinks:
    @pytest.mark.parametrize("target", ["x", "/etc/passwd", "../../..", "/nonexistent"])
    def test_may_say_anything(self, tmp_path: Path, target: str) -> None:
        assert os.readlink(unpacked(tmp_path, zipped([link("l", target)]), "a.zip") / "l") == target

    @pytest.mark.parametrize("target", ["", "x" * 1024, "a\0b", b"\xff"])
    def test_but_what_no_link_can(self, tmp_path: Path, target: str | bytes) -> None:
        with pytest.raises(ArchiveError, match="target"):
            unpacked(tmp_path, zipped([link("l", target)]), "a.zip")

    def test_a_huge_one_is_not_read(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="longer than 1023"):
            unpacked(tmp_path, zipped([Entry("l", bytes(64 << 20), LINK)]), "a.zip")

    @pytest.mark.parametrize(
        "then",
        [
            Entry("l/new", b"mine"),
            Entry("l/secret", b"mine"),
            Entry("l/inner/", b"", FOLDER),
            Entry("l/", b"", FOLDER),
            link("l/new", "x"),
            Entry("L/new", b"mine"),
        ],
    )
    def test_nothing_goes_through_one(self, tmp_path: Path, then: Entry) -> None:
        outside = beside(tmp_path)
        before = picture(outside)
        for target in ("../outside", str(outside)):
            with pytest.raises(ArchiveError):
                unpacked(tmp_path, zipped([link("l", target), then]), "a.zip")
            (tmp_path / "into" / "l").unlink()
        assert picture(outside) == before


class TestTwoDescriptions:
    @pytest.mark.parametrize(
        "local",
        [
            {"name": b"b"},
            {"name": b"../a"},
            {"name": b""},
            {"size": 4},
            {"packed": 4},
            {"crc": 1},
            {"method": 0},
            {"flags": 1},
            {"flags": 0x800},
            {"flags": 8},
        ],
    )
    def test_that_disagree(self, tmp_path: Path, local: dict[str, Any]) -> None:
        with pytest.raises(ArchiveError, match="content than in the directory"):
            unpacked(tmp_path, zipped([Entry("a", b"hello", local=local)]), "a.zip")

    def test_remarks_of_the_compressor_may_differ(self, tmp_path: Path) -> None:
        assert tree(unpacked(tmp_path, zipped([Entry("a", b"x", local={"flags": 2}, central={"flags": 0})]), "a.whl"))

    @pytest.mark.parametrize("marked", [True, False])
    @pytest.mark.parametrize("told", [{"crc": 0, "packed": 0, "size": 0}, {}])
    def test_descriptors(self, tmp_path: Path, marked: bool, told: dict[str, int]) -> None:  # noqa: FBT001
        entries = [described(name, b"hello" * 99, told, marked=marked) for name in "abc"]
        assert set(tree(unpacked(tmp_path, zipped(entries), "a.whl"))) == {"a", "b", "c"}

    @pytest.mark.parametrize("field", [0, 1, 2])
    def test_descriptors_that_disagree(self, tmp_path: Path, field: int) -> None:
        entry = described("a", b"hello", {"crc": 0, "packed": 0, "size": 0}, marked=True, wrong=field)
        with pytest.raises(ArchiveError, match="behind its content"):
            unpacked(tmp_path, zipped([entry]), "a.zip")

    def test_sizes_in_zip64_fields(self, tmp_path: Path) -> None:
        extra = struct.pack("<2H2Q", 1, 16, 5, 5)
        wide = {"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF, "extra": extra}
        assert tree(unpacked(tmp_path, zipped([Entry("a", b"hello", method=0, local=wide)]), "a.whl")) == {
            "a": b"hello"
        }
        lie = wide | {"extra": struct.pack("<2H2Q", 1, 16, 6, 5)}
        (tmp_path / "into" / "a").unlink()
        with pytest.raises(ArchiveError, match="another size"):
            unpacked(tmp_path, zipped([Entry("a", b"hello", method=0, local=lie)]), "a.whl")


def described(name: str, data: bytes, told: dict[str, int], *, marked: bool, wrong: int | None = None) -> Entry:
    """Return an entry with a descriptor behind its content, of which one field may be wrong."""
    entry = Entry(name, data, flags=8, local=told)
    fields = [zlib.crc32(data), len(entry.body()), len(data)]
    if wrong is not None:
        fields[wrong] ^= 1
    entry.descriptor = (b"PK\7\x08" if marked else b"") + struct.pack("<3L", *fields)
    return entry


class TestContent:
    @pytest.mark.parametrize("flags", [1, 0x41, 0x2001])
    def test_encrypted(self, tmp_path: Path, flags: int) -> None:
        with pytest.raises(ArchiveError, match="encrypted"):
            unpacked(tmp_path, zipped([Entry("a", b"x", flags=flags)]), "a.zip")

    @pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 99])
    def test_unknown_method(self, tmp_path: Path, method: int) -> None:
        with pytest.raises(ArchiveError, match="does not know"):
            unpacked(tmp_path, zipped([Entry("a", b"x", method=method)]), "a.zip")

    @pytest.mark.parametrize("method", [0, 8])
    def test_wrong_checksum(self, tmp_path: Path, method: int) -> None:
        wrong = {"crc": 1}
        with pytest.raises(ArchiveError, match="checksum"):
            unpacked(tmp_path, zipped([Entry("a", b"hello", method=method, local=wrong, central=wrong)]), "a.zip")

    @pytest.mark.parametrize(("size", "why"), [(3, "longer"), (7, "shorter"), (0, "longer"), (1 << 30, "shorter")])
    def test_wrong_size(self, tmp_path: Path, size: int, why: str) -> None:
        wrong = {"size": size}
        with pytest.raises(ArchiveError, match=why):
            unpacked(
                tmp_path,
                zipped([Entry("a", b"hello", local=wrong, central=wrong)]),
                "a.zip",
                limits=Limits(max_ratio=1 << 40),
            )

    @pytest.mark.parametrize("size", [3, 7])
    def test_wrong_size_of_what_is_stored(self, tmp_path: Path, size: int) -> None:
        wrong = {"size": size}
        with pytest.raises(ArchiveError, match="two sizes"):
            unpacked(tmp_path, zipped([Entry("a", b"hello", method=0, local=wrong, central=wrong)]), "a.zip")

    def test_packed_size_too_small_or_too_large(self, tmp_path: Path) -> None:
        entry = Entry("a", b"hello" * 100)
        for packed in (len(entry.body()) - 1, len(entry.body()) + 4):
            entry.local = entry.central = {"packed": packed}
            entry.descriptor = b"more"
            with pytest.raises(ArchiveError):
                unpacked(tmp_path, zipped([entry]), "a.zip")
            (tmp_path / "into" / "a").unlink()

    def test_damaged(self, tmp_path: Path) -> None:
        data = bytearray(zipped([Entry("a", b"hello" * 100)]))
        data[31] = 0xFF
        with pytest.raises(ArchiveError, match="damaged"):
            unpacked(tmp_path, bytes(data), "a.zip")

    @pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1, (5 << 20) + 77])
    @pytest.mark.parametrize("pattern", [b"\0", b"abc", bytes(range(256))])
    @pytest.mark.parametrize("method", [0, 8])
    def test_content_of_several_chunks(self, tmp_path: Path, size: int, pattern: bytes, method: int) -> None:
        content = (pattern * (size // len(pattern) + 1))[:size]
        assert (unpacked(tmp_path, zipped([Entry("a", content, method=method)]), "a.zip") / "a").read_bytes() == content

    def test_a_bomb_that_says_so_leaves_nothing(self, tmp_path: Path) -> None:
        entries = [Entry("small", b"x"), Entry("bomb", bytes(30 << 20))]
        with pytest.raises(ArchiveError, match="more than 1048576 bytes"):
            unpacked(tmp_path, zipped(entries), "a.zip", limits=Limits(max_bytes=1 << 20))
        assert tree(tmp_path / "into") == {}

    def test_a_bomb_by_ratio(self, tmp_path: Path) -> None:
        huge = {"size": 300 << 20}
        with pytest.raises(ArchiveError, match="200 times"):
            unpacked(tmp_path, zipped([Entry("a", b"x", local=huge, central=huge)]), "a.zip")


class TestWhere:
    def test_two_entries_of_one_content(self, tmp_path: Path) -> None:
        entries = [Entry("a", b"x" * 50), Entry("b", b"x" * 50, central={"offset": 0})]
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, zipped(entries), "a.zip")

    def test_an_entry_inside_another(self, tmp_path: Path) -> None:
        inner = zipped([Entry("b", b"secret")])
        data = zipped([Entry("a", inner, method=0), Entry("b", b"secret", central={"offset": 31})])
        with pytest.raises(ArchiveError, match="overlaps"):
            unpacked(tmp_path, data, "a.zip")

    def test_an_entry_that_goes_on_into_the_directory(self, tmp_path: Path) -> None:
        more = b"PK\1\2" + struct.pack("<3H", 0x314, 20, 0)
        longer = {"size": 5 + len(more), "packed": 5 + len(more), "crc": zlib.crc32(b"hello" + more)}
        with pytest.raises(ArchiveError, match="directory begins"):
            unpacked(tmp_path, zipped([Entry("a", b"hello", method=0, local=longer, central=longer)]), "a.zip")

    def test_an_entry_nowhere(self, tmp_path: Path) -> None:
        for offset in (1, 1 << 20, 0xFFFFFFFE):
            with pytest.raises(ArchiveError):
                unpacked(tmp_path, zipped([Entry("a", b"x", central={"offset": offset})]), "a.zip")

    def test_order_of_the_directory_does_not_matter(self, tmp_path: Path) -> None:
        one, two = Entry("a", b"1"), Entry("b", b"2")
        straight = zipped([one, two])
        start = struct.unpack_from("<L", straight, len(straight) - 6)[0]
        half = (len(straight) - 22 - start) // 2
        turned = straight[:start] + straight[start + half : -22] + straight[start : start + half] + straight[-22:]
        assert tree(unpacked(tmp_path, turned, "a.whl")) == {"a": b"1", "b": b"2"}

    def test_a_program_in_front(self, tmp_path: Path) -> None:
        moved = b"#!/bin/sh\n" + zipped([Entry("a", b"x")])
        mended = zipped([Entry("a", b"x")], front=b"#!/bin/sh\n")
        for data in (moved, mended):
            assert tree(unpacked(tmp_path, data, "a.zip")) == {"a": b"x"}
            with pytest.raises(ArchiveError, match="in front"):
                unpacked(tmp_path, data, "a.whl")

    def test_a_program_in_front_of_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, zipped([], front=b"#!/bin/sh\n"), "a.whl")

    def test_something_between(self, tmp_path: Path) -> None:
        data = zipped([Entry("a", b"x"), Entry("b", b"x", before=b"hidden")])
        assert set(tree(unpacked(tmp_path, data, "a.zip"))) == {"a", "b"}
        with pytest.raises(ArchiveError, match="in front"):
            unpacked(tmp_path, data, "a.whl")

    def test_something_in_front_of_the_directory(self, tmp_path: Path) -> None:
        data = zipped([Entry("a", b"x", descriptor=b"hidden")])
        assert set(tree(unpacked(tmp_path, data, "a.zip"))) == {"a"}
        with pytest.raises(ArchiveError, match="directory begins"):
            unpacked(tmp_path, data, "a.whl")

    @pytest.mark.parametrize("behind", [b"\0", b"\n", b"garbage", bytes(70000)])
    def test_something_behind(self, tmp_path: Path, behind: bytes) -> None:
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, zipped([Entry("a", b"x")]) + behind, "a.zip")

    def test_comments(self, tmp_path: Path) -> None:
        for comment in (b"made by hand", bytes(65535)):
            assert tree(unpacked(tmp_path, zipped([Entry("a", b"x")], comment=comment), "a.whl")) == {"a": b"x"}

    def test_a_comment_that_is_another_archive(self, tmp_path: Path) -> None:
        for other in (zipped([Entry("b", b"y")]), b"PK\5\6" + bytes(18), b"PK\5\6"):
            with pytest.raises(ArchiveError, match="comment that could be taken"):
                unpacked(tmp_path, zipped([Entry("a", b"x")], comment=other), "a.zip")

    @pytest.mark.parametrize("end", [{"members": 0}, {"members": 2}, {"size": 0}, {"size": 10**6}, {"offset": 10**6}])
    def test_an_end_that_lies(self, tmp_path: Path, end: dict[str, int]) -> None:
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, zipped([Entry("a", b"x")], end=end), "a.zip")

    def test_a_part_of_several(self, tmp_path: Path) -> None:
        data = bytearray(zipped([Entry("a", b"x")]))
        data[-18] = 1
        with pytest.raises(ArchiveError, match="part of several"):
            unpacked(tmp_path, bytes(data), "a.zip")

    def test_truncated_anywhere(self, tmp_path: Path) -> None:
        data = zipped([Entry("a", b"x" * 100), Entry("b", b"y")])
        for cut in range(len(data)):
            with pytest.raises(ArchiveError):
                unpacked(tmp_path, data[:cut], "a.zip")
        assert tree(tmp_path / "into") == {}


def test_a_directory_too_large_for_memory(tmp_path: Path) -> None:
    data = zipped([], front=bytes(33 << 20), end={"size": 33 << 20, "offset": 0, "members": 1000})
    with pytest.raises(ArchiveError, match="directory of more than"):
        unpacked(tmp_path, data, "a.zip")


class TestWhatPythonWrites:
    @pytest.mark.parametrize("streamed", [True, False])
    def test_zip64(self, tmp_path: Path, streamed: bool) -> None:  # noqa: FBT001
        class Pipe(io.BytesIO):
            def seekable(self) -> bool:
                return not streamed

            def tell(self) -> int:
                if streamed:
                    raise io.UnsupportedOperation
                return super().tell()

        file = Pipe()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in "abc":
                with archive.open(name, "w", force_zip64=True) as entry:
                    entry.write(b"hello" * 100)
        into = unpacked(tmp_path, file.getvalue(), "a.whl")
        assert tree(into) == dict.fromkeys("abc", b"hello" * 100)


def test_a_zip64_end(tmp_path: Path) -> None:
    entries = [Entry("a", b"x"), Entry("b", b"y")]
    assert tree(unpacked(tmp_path, zipped(entries, zip64=True), "a.whl")) == {"a": b"x", "b": b"y"}
    with pytest.raises(ArchiveError, match="in front"):
        unpacked(tmp_path, b"#!" + zipped(entries, zip64=True), "a.whl")
    for lie in ({"members": 3}, {"size": 1 << 40}, {"offset": 1 << 40}):
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, zipped(entries, zip64=True, end=lie), "a.zip")
    with pytest.raises(ArchiveError):
        unpacked(tmp_path, zipped(entries, zip64=True, locator=b"none"), "a.zip")
    for lied in (b"none" + bytes([44]), b"PK\6\6" + bytes([45])):
        with pytest.raises(ArchiveError, match="zip64 end"):
            unpacked(tmp_path, zipped(entries, zip64=True).replace(b"PK\6\6" + bytes([44]), lied), "a.zip")


def test_a_secret_is_never_in_the_tree(tmp_path: Path) -> None:
    beside(tmp_path)
    into = unpacked(tmp_path, zipped([link("l", "../outside/secret"), Entry("x", b"x")]), "a.zip")
    assert (into / "l").is_symlink()
    assert (into / "l").read_bytes() == SECRET
