"""Tar archives, honest and hostile."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from devshell.archive import Limits
from devshell.errors import ArchiveError
from support.archives import (
    END,
    SECRET,
    beside,
    block,
    compressed,
    header,
    long_name,
    member,
    mode,
    pax,
    picture,
    repaired,
    tree,
    unpacked,
)

if TYPE_CHECKING:
    from pathlib import Path


def folder(name: str) -> bytes:
    return header(name, kind=b"5", mode=0o755)


def symlink(name: str, target: str) -> bytes:
    return header(name, kind=b"2", link=target)


def hard(name: str, target: str) -> bytes:
    return header(name, kind=b"1", link=target)


def test_root_and_folders_in_any_form(tmp_path: Path) -> None:
    data = folder("./") + folder("./a/") + folder("a") + member("./a/x", b"x") + folder("./a/") + folder(".") + END
    assert tree(unpacked(tmp_path, data, "a.tar")) == {"a": None, "a/x": b"x"}


def test_folder_modes_are_ignored(tmp_path: Path) -> None:
    data = header("a/", kind=b"5", mode=0o000) + member("a/x", b"x") + header("b/", kind=b"5", mode=0o1777) + END
    into = unpacked(tmp_path, data, "a.tar")
    assert (mode(into / "a"), mode(into / "b")) == (0o755, 0o755)


def test_no_owner_time_or_attribute_is_taken_over(tmp_path: Path) -> None:
    data = pax({"mtime": "86400", "SCHILY.xattr.user.x": "y", "uid": "12345"}) + member("a", b"x") + END
    about = (unpacked(tmp_path, data, "a.tar") / "a").stat()
    assert about.st_uid == os.geteuid()
    assert about.st_mtime > 10**9


def test_empty_archive(tmp_path: Path) -> None:
    assert tree(unpacked(tmp_path, END, "a.tar")) == {}
    assert tree(unpacked(tmp_path, compressed(END, "gz"), "a.tgz")) == {}


@pytest.mark.parametrize("data", [b"", b"\x7fELF" * 300, b"x", bytes(100), bytes(511) + b"x"])
def test_no_tar_at_all(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ArchiveError, match="not a tar archive"):
        unpacked(tmp_path, data, "a.tar")


class TestLinks:
    @pytest.mark.parametrize("target", ["x", "../../../..", "/etc/passwd", "/nonexistent", "loop", "..", ".", "a b"])
    def test_symbolic_links_may_say_anything(self, tmp_path: Path, target: str) -> None:
        into = unpacked(tmp_path, symlink("loop", target) + END, "a.tar")
        assert os.readlink(into / "loop") == target

    @pytest.mark.parametrize("target", ["", "x" * 1024])
    def test_targets_that_are_none(self, tmp_path: Path, target: str) -> None:
        with pytest.raises(ArchiveError, match="target"):
            unpacked(tmp_path, long_name(target, b"K") + header("a", kind=b"2") + END, "a.tar")

    @pytest.mark.parametrize("target", [b"a\0b", b"\xff"])
    def test_targets_no_file_system_takes(self, tmp_path: Path, target: bytes) -> None:
        with pytest.raises(ArchiveError, match="target"):
            unpacked(tmp_path, pax({"linkpath": target}) + header("a", kind=b"2") + END, "a.tar")

    @pytest.mark.parametrize(
        "then",
        [
            member("l/new", b"mine"),
            member("l/secret", b"mine"),
            member("l/inner/new", b"mine"),
            folder("l/inner"),
            folder("l/new"),
            folder("l"),
            symlink("l/new", "x"),
            member("l", b"mine"),
            symlink("l", "elsewhere"),
            member("x", b"mine") + hard("l/new", "x"),
            hard("new", "l/secret"),
            hard("new", "l"),
        ],
    )
    @pytest.mark.parametrize("relative", [True, False])
    def test_nothing_goes_through_a_link(self, tmp_path: Path, then: bytes, relative: bool) -> None:  # noqa: FBT001
        outside = beside(tmp_path)
        before = picture(outside)
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, symlink("l", "../outside" if relative else str(outside)) + then + END, "a.tar")
        assert picture(outside) == before
        assert SECRET not in tree(tmp_path / "into").values()

    def test_nothing_goes_through_a_chain_of_links(self, tmp_path: Path) -> None:
        outside = beside(tmp_path)
        before = picture(outside)
        data = folder("d") + symlink("d/up", "..") + symlink("l", "d/up/../outside") + member("d/up/l/new", b"x") + END
        with pytest.raises(ArchiveError, match=r"through the link 'd/up'"):
            unpacked(tmp_path, data, "a.tar")
        assert picture(outside) == before

    def test_a_dangling_link_is_no_way_to_make_a_file(self, tmp_path: Path) -> None:
        outside = beside(tmp_path)
        with pytest.raises(ArchiveError, match="differs"):
            unpacked(tmp_path, symlink("l", str(outside / "new")) + member("l", b"x") + END, "a.tar")
        assert not (outside / "new").exists()

    def test_hard_links(self, tmp_path: Path) -> None:
        data = member("p/d/x", b"x", mode=0o755) + hard("p/y", "p/d/x") + hard("./p/z", "p//y") + END
        into = unpacked(tmp_path, data, "a.tar", strip=1)
        assert tree(into) == {"d": None, "d/x": b"x", "y": b"x", "z": b"x"}
        assert mode(into / "z") == 0o755

    @pytest.mark.parametrize(
        "data",
        [
            hard("a", "../outside/secret"),
            hard("a", "/etc/hostname"),
            hard("a", "missing"),
            hard("a", ""),
            hard("a", "x") + member("x", b"x"),
            folder("d") + hard("a", "d"),
            folder("d") + hard("a", "."),
            symlink("s", "../outside/secret") + hard("a", "s"),
            symlink("s", "../outside") + hard("a", "s/secret"),
            folder("d") + symlink("s", "d") + member("d/x", b"x") + hard("a", "s/x"),
            hard("a", "a"),
        ],
    )
    def test_hard_links_to_what_is_no_file_before_them(self, tmp_path: Path, data: bytes) -> None:
        outside = beside(tmp_path)
        before = picture(outside)
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, data + END, "a.tar")
        assert picture(outside) == before

    def test_hard_links_do_not_reach_what_another_archive_put_there(self, tmp_path: Path) -> None:
        unpacked(tmp_path, member("x", b"x") + END, "a.tar")
        with pytest.raises(ArchiveError, match="not a file before it"):
            unpacked(tmp_path, hard("y", "x") + END, "a.tar")

    def test_the_same_links_twice(self, tmp_path: Path) -> None:
        data = member("x", b"x") + hard("y", "x") + symlink("l", "x")
        assert tree(unpacked(tmp_path, data + data + END, "a.tar")) == {"x": b"x", "y": b"x", "l": "-> x"}
        assert tree(unpacked(tmp_path, data + END, "a.tar")) == {"x": b"x", "y": b"x", "l": "-> x"}

    def test_a_hard_link_where_another_file_is(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="differs"):
            unpacked(tmp_path, member("x", b"x") + member("y", b"y") + hard("y", "x") + END, "a.tar")


def test_members_twice(tmp_path: Path) -> None:
    assert tree(unpacked(tmp_path, member("a", b"x") + member("./a", b"x") + END, "a.tar")) == {"a": b"x"}
    for number, other in enumerate((member("a", b"y"), member("a", b"x", mode=0o755), symlink("a", "b"), folder("a"))):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(ArchiveError):
            unpacked(tmp_path / str(number), member("a", b"x") + other + END, "a.tar")


@pytest.mark.parametrize(
    ("kind", "why"), [(b"3", "device"), (b"4", "device"), (b"6", "pipe"), (b"M", "unknown"), (b"s", "unknown")]
)
def test_what_is_no_file(tmp_path: Path, kind: bytes, why: str) -> None:
    with pytest.raises(ArchiveError, match=why):
        unpacked(tmp_path, header("dev/null", kind=kind) + END, "a.tar")
    assert not (tmp_path / "into" / "dev").exists()


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"5"])
def test_content_where_none_can_be(tmp_path: Path, kind: bytes) -> None:
    hidden = member("hidden", b"x")
    data = member("x") + header("a", kind=kind, link="x", size=len(hidden)) + hidden + END
    with pytest.raises(ArchiveError, match="content without being a file"):
        unpacked(tmp_path, data, "a.tar")


@pytest.mark.parametrize(
    "data", [member("a/", b"x"), pax({"path": "a/"}) + member("b", b"x"), member("./", b"x", kind=b"7")]
)
def test_a_file_called_a_folder(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ArchiveError, match="called a folder"):
        unpacked(tmp_path, data + END, "a.tar")


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    for data in (member(b"caf\xe9"), pax({"path": b"caf\xe9", "hdrcharset": "BINARY"}) + member("x")):
        with pytest.raises(ArchiveError, match="UTF-8"):
            unpacked(tmp_path, data + END, "a.tar")


def test_a_backslash_is_a_letter(tmp_path: Path) -> None:
    assert tree(unpacked(tmp_path, member("a\\x2db", b"x") + END, "a.tar")) == {"a\\x2db": b"x"}


def test_nul_in_a_pax_name(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="NUL"):
        unpacked(tmp_path, pax({"path": b"a\0/../../b"}) + member("x") + END, "a.tar")


class TestHeadersThatDisagree:
    def test_overrides(self, tmp_path: Path) -> None:
        data = (
            pax({"path": "from-pax", "linkpath": "unused"}) + member("a", b"1")
            + long_name("from-gnu") + member("b", b"2")
            + long_name("target", b"K") + long_name("link") + symlink("c", "d")
            + pax({"comment": "0123456789abcdef"}, b"g") + member("e", b"3", mode=0o600)
        )  # fmt: skip
        expected = {"from-pax": b"1", "from-gnu": b"2", "link": "-> target", "e": b"3"}
        assert tree(unpacked(tmp_path, data + END, "a.tar")) == expected

    @pytest.mark.parametrize(
        "data",
        [
            pax({"path": "a"}) + long_name("b") + member("c"),
            long_name("b") + pax({"path": "a"}) + member("c"),
            long_name("a") + long_name("b") + member("c"),
            pax({"path": "a"}) + pax({"path": "b"}) + member("c"),
            pax({"linkpath": "a"}) + long_name("b", b"K") + symlink("c", "d"),
        ],
    )
    def test_two_names(self, tmp_path: Path, data: bytes) -> None:
        with pytest.raises(ArchiveError, match="two headers"):
            unpacked(tmp_path, data + END, "a.tar")

    @pytest.mark.parametrize("records", [{"path": "a"}, {"linkpath": "a"}, {"size": "0"}])
    def test_a_name_or_size_for_all(self, tmp_path: Path, records: dict[str, str]) -> None:
        with pytest.raises(ArchiveError, match="for all members"):
            unpacked(tmp_path, pax(records, b"g") + member("b") + END, "a.tar")

    def test_a_size_said_twice_alike(self, tmp_path: Path) -> None:
        data = pax({"size": "5"}) + member("a", b"hello") + member("b", b"x") + END
        assert tree(unpacked(tmp_path, data, "a.tar")) == {"a": b"hello", "b": b"x"}

    def test_members_hidden_by_two_sizes(self, tmp_path: Path) -> None:
        hidden = member("hidden", b"x")
        for data in (
            pax({"size": str(len(hidden))}) + header("a") + hidden,
            pax({"size": "0"}) + header("a", size=len(hidden)) + hidden,
        ):
            with pytest.raises(ArchiveError, match="two sizes"):
                unpacked(tmp_path, data + END, "a.tar")

    @pytest.mark.parametrize("size", ["", "-1", "1e3", "0x10", "\u0661", "9" * 5000])
    def test_sizes_that_are_no_numbers(self, tmp_path: Path, size: str) -> None:
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, pax({"size": size}) + member("a", b"x") + END, "a.tar")

    @pytest.mark.parametrize("size", [-1, -512, -1024, -(2**62)])
    def test_sizes_below_zero(self, tmp_path: Path, size: int) -> None:
        for data in (
            header("a", size=size),
            pax({"comment": "x"}) + header("a", size=size),
            header("a", size=size, kind=b"L"),
        ):
            with pytest.raises(ArchiveError):
                unpacked(tmp_path, data + END, "a.tar")

    def test_a_real_size_without_a_map(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="contradicts itself"):
            unpacked(tmp_path, pax({"GNU.sparse.realsize": "512"}) + member("a") + member("b") + END, "a.tar")


class TestSparse:
    def sparse(self, holes: str, size: int, stored: bytes) -> bytes:
        return pax({"GNU.sparse.map": holes, "GNU.sparse.size": str(size), "GNU.sparse.name": "a"}) + member(
            "b", stored
        )

    def test_holes(self, tmp_path: Path) -> None:
        into = unpacked(tmp_path, self.sparse("3,2,7,1", 10, b"xyz") + member("c") + END, "a.tar")
        assert tree(into) == {"a": b"\0\0\0xy\0\0z\0\0", "c": b""}

    @pytest.mark.parametrize("holes", ["3,2,2,1", "3,9", "0,-1", "-1,1", "9,2", "3", "x,1", "0,1,0,1"])
    def test_maps_that_cannot_be(self, tmp_path: Path, holes: str) -> None:
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, self.sparse(holes, 10, b"xyz") + END, "a.tar")

    def test_a_map_of_more_than_is_stored(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, self.sparse("0,2000", 2000, b"xyz") + member("c", bytes(3000)) + END, "a.tar")

    def test_a_map_of_less_than_is_stored(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="contradict its content"):
            unpacked(tmp_path, self.sparse("0,2", 10, b"xy" + bytes(510) + member("hidden")) + END, "a.tar")

    def test_a_length_below_zero(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="contradict its size"):
            unpacked(tmp_path, self.sparse("0,-1", 10, b"") + END, "a.tar")

    def test_holes_count_as_output(self, tmp_path: Path) -> None:
        one = self.sparse("0,1", 600_000, b"x")
        assert (
            unpacked(tmp_path, one + END, "a.tar", limits=Limits(max_bytes=1 << 20)) / "a"
        ).stat().st_size == 600_000
        with pytest.raises(ArchiveError, match="unpacks to more"):
            unpacked(tmp_path, one + one + END, "a.tar", limits=Limits(max_bytes=1 << 20))

    def test_a_bomb_of_holes_is_refused_before_it_is_written(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="times its size"):
            unpacked(tmp_path, self.sparse("0,1", 300 << 20, b"x") + END, "a.tar")
        assert tree(tmp_path / "into") == {}


class TestHeaderBombs:
    @pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
    def test_a_header_too_large_for_memory(self, tmp_path: Path, kind: bytes) -> None:
        data = header("h", kind=kind, size=64 << 20) + bytes(64 << 20)
        with pytest.raises(ArchiveError, match="bytes of headers"):
            unpacked(tmp_path, compressed(data, "gz"), "a.tgz")

    def test_many_headers_for_one_member(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, long_name("x") * 5000 + member("a") + END, "a.tar")

    def test_a_sparse_map_without_end(self, tmp_path: Path) -> None:
        # Old GNU form: the first block says that another follows, and so does each of those.
        fields = bytearray(header("a", kind=b"S", magic=b"ustar  \0"))
        fields[482] = 1
        more = (b"%011o\0" % 1) * 42 + b"\1" + bytes(7)
        with pytest.raises(ArchiveError, match="bytes of headers"):
            unpacked(tmp_path, repaired(bytes(fields)) + more * 2000 + END, "a.tar")


class TestEnds:
    DATA = member("a", b"x" * 700) + member("b", b"y" * 700)

    def test_truncated_anywhere(self, tmp_path: Path) -> None:
        for cut in (*range(1, len(self.DATA), 201), 512, 1536, len(self.DATA)):
            folder = tmp_path / str(cut)
            folder.mkdir(exist_ok=True)
            with pytest.raises(ArchiveError):
                unpacked(folder, self.DATA[:cut], "a.tar")
            if cut not in (1536, len(self.DATA)):
                # At a member's end only the compression can tell, and it does.
                with pytest.raises(ArchiveError):
                    unpacked(folder / "into", compressed(self.DATA[:cut], "gz"), "a.tgz")

    def test_the_end_mark_may_be_missing_where_the_compression_has_one(self, tmp_path: Path) -> None:
        assert set(tree(unpacked(tmp_path, compressed(self.DATA, "xz"), "a.txz"))) == {"a", "b"}

    def test_one_block_of_zeros_is_an_end(self, tmp_path: Path) -> None:
        assert set(tree(unpacked(tmp_path, self.DATA + bytes(512), "a.tar"))) == {"a", "b"}

    def test_zeros_behind_the_end(self, tmp_path: Path) -> None:
        assert set(tree(unpacked(tmp_path, self.DATA + bytes(3 << 20), "a.tar"))) == {"a", "b"}

    def test_members_behind_the_end(self, tmp_path: Path) -> None:
        with pytest.raises(ArchiveError, match="behind its end"):
            unpacked(tmp_path, self.DATA + END + bytes(2 << 20) + member("c") + END, "a.tar")

    def test_a_damaged_header_is_no_end(self, tmp_path: Path) -> None:
        broken = bytearray(self.DATA)
        broken[1536 + 3] ^= 1
        with pytest.raises(ArchiveError, match="damaged header"):
            unpacked(tmp_path, bytes(broken) + END, "a.tar")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_forms_that_python_writes(tmp_path: Path, form: int) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name in ("a", "d/" * 40 + "x", "l" * 90 + "/" + "m" * 90):
            info = tarfile.TarInfo(name)
            info.size = 3
            info.mode = 0o755
            info.mtime = 1
            archive.addfile(info, io.BytesIO(b"abc"))
    into = unpacked(tmp_path, file.getvalue(), "a.tar")
    assert (into / ("d/" * 40 + "x")).read_bytes() == b"abc"
    assert (into / ("l" * 90) / ("m" * 90)).read_bytes() == b"abc"


def test_old_headers_without_a_magic(tmp_path: Path) -> None:
    data = header("a/", kind=b"\0", magic=b"") + header("a/b", kind=b"\0", size=1, magic=b"") + block(b"x") + END
    assert tree(unpacked(tmp_path, data, "a.tar")) == {"a": None, "a/b": b"x"}
