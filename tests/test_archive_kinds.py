"""Which format a name means, single files, merging, limits: what holds for every kind of archive."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import pytest

from devshell.archive import Limits, kind, unpack
from devshell.archive.policy import FREE_BYTES, Guard, fold
from devshell.errors import ArchiveError, CancelledError, StoreError
from support.archives import END, Entry, beside, compressed, member, mode, pax, picture, tree, unpacked, zipped

ENDINGS = ("gz", "xz", "bz2", "zst")
TARS = ("tar", "tar.gz", "tgz", "tar.xz", "txz", "tar.bz2", "tbz2", "tar.zst", "tzst")


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("a-1.0-py3-none-any.whl", "zip"),
        ("a.zip", "zip"),
        ("A.ZIP", "zip"),
        ("a.tar", "tar"),
        ("a.tar.gz", "tar.gz"),
        ("a.tgz", "tar.gz"),
        ("a.tar.xz", "tar.xz"),
        ("a.txz", "tar.xz"),
        ("a.tar.bz2", "tar.bz2"),
        ("a.tbz2", "tar.bz2"),
        ("a.tar.zst", "tar.zst"),
        ("a.tzst", "tar.zst"),
        ("a.gz", "gz"),
        ("a.xz", "xz"),
        ("a.bz2", "bz2"),
        ("a.zst", "zst"),
        ("tool", "file"),
        ("tool-linux-amd64", "file"),
        ("a.jar", "file"),
        ("a.tar.lz", "file"),
        (".gz", "file"),
        ("", "file"),
    ],
)
def test_kind_is_the_longest_ending(name: str, meaning: str) -> None:
    assert kind(name) == meaning


@pytest.mark.parametrize("ending", TARS)
def test_every_tar_compression(tmp_path: Path, ending: str) -> None:
    data = compressed(member("bin/tool", b"#!" * 5000, mode=0o755) + END, ending.removeprefix("tar."))
    into = unpacked(tmp_path, data, f"tool.{ending}")
    assert tree(into) == {"bin": None, "bin/tool": b"#!" * 5000}


@pytest.mark.parametrize("ending", ENDINGS)
def test_single_compressed_file_is_executable_under_its_name(tmp_path: Path, ending: str) -> None:
    into = unpacked(tmp_path, compressed(b"\x7fELF" * 9000, ending), f"tool-1.2.{ending}", strip=1)
    assert tree(into) == {"tool-1.2": b"\x7fELF" * 9000}
    assert mode(into / "tool-1.2") == 0o755


@pytest.mark.parametrize("data", [b"", b"\x7fELF" * 500_000])
def test_plain_file(tmp_path: Path, data: bytes) -> None:
    into = unpacked(tmp_path, data, "tool-linux-amd64")
    assert tree(into) == {"tool-linux-amd64": data}
    assert mode(into / "tool-linux-amd64") == 0o755


@pytest.mark.parametrize(
    "name", ["..", ".", "", "a/b", "/a", "../a", "a\0b", "a/", "./a", "..gz.gz/", "\udcff", "x" * 256]
)
def test_an_artifact_name_that_is_no_file_name(tmp_path: Path, name: str) -> None:
    outside = beside(tmp_path)
    before = picture(outside)
    with pytest.raises(ArchiveError):
        unpacked(tmp_path, b"data", name)
    assert picture(outside) == before
    assert tree(tmp_path / "into") == {}


@pytest.mark.parametrize("name", ["..gz", "...gz", "a/b.gz"])
def test_an_artifact_name_that_is_none_without_its_ending(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArchiveError):
        unpacked(tmp_path, compressed(b"x", "gz"), name)


@pytest.mark.parametrize("ending", ENDINGS)
class TestCompressedData:
    def test_streams_in_a_row_are_one_and_zeros_pad(self, tmp_path: Path, ending: str) -> None:
        data = compressed(b"one", ending) + bytes(300) + compressed(b"two", ending) + bytes(200_000)
        assert tree(unpacked(tmp_path, data, f"a.{ending}")) == {"a": b"onetwo"}

    def test_truncated(self, tmp_path: Path, ending: str) -> None:
        whole = compressed(os.urandom(3000), ending)
        for cut in (0, 1, 10, len(whole) // 2, len(whole) - 1):
            folder = tmp_path / str(cut)
            folder.mkdir()
            with pytest.raises(ArchiveError, match="ends before"):
                unpacked(folder, whole[:cut], f"a.{ending}")

    def test_something_behind_the_end(self, tmp_path: Path, ending: str) -> None:
        with pytest.raises(ArchiveError, match="behind its end"):
            unpacked(tmp_path, compressed(b"one", ending) + b"garbage", f"a.{ending}")

    def test_wrong_format(self, tmp_path: Path, ending: str) -> None:
        with pytest.raises(ArchiveError, match="damaged"):
            unpacked(tmp_path, b"this is no such thing at all, whatever its name", f"a.{ending}")

    def test_bomb_by_total_size(self, tmp_path: Path, ending: str) -> None:
        with pytest.raises(ArchiveError, match="more than 1048576 bytes"):
            unpacked(tmp_path, compressed(bytes(3 << 20), ending), f"a.{ending}", limits=Limits(max_bytes=1 << 20))
        assert sum(path.stat().st_size for path in (tmp_path / "into").iterdir()) <= 1 << 20


def test_ratio_only_counts_past_some_output() -> None:
    guard = Guard("a", 1000, Limits(), lambda: False)
    guard.spend(FREE_BYTES // 2)
    guard.spend(FREE_BYTES // 2)
    with pytest.raises(ArchiveError, match="200 times its size"):
        guard.spend(1)
    large = Guard("a", FREE_BYTES, Limits(), lambda: False)
    large.spend(10 * FREE_BYTES)


def archive(name: str, *files: tuple[str, bytes, int]) -> bytes:
    """Return an archive of files: name, content, permission bits."""
    if name == "a.zip":
        return zipped(Entry(path, data, stat.S_IFREG | bits) for path, data, bits in files)
    return b"".join(pax({"path": path}) + member("short", data, mode=bits) for path, data, bits in files) + END


@pytest.mark.parametrize("name", ["a.tar", "a.zip"])
class TestEveryArchive:
    def test_modes_are_ours_whatever_the_umask(self, tmp_path: Path, name: str) -> None:
        data = archive(name, ("d/a", b"", 0o4755), ("d/b", b"", 0o2640), ("d/c", b"", 0o1001), ("d/e", b"", 0o000))
        for umask in (0o000, 0o022, 0o077, 0o777):
            folder = tmp_path / str(umask)
            folder.mkdir()
            (folder / "into").mkdir()
            (folder / "file").write_bytes(data)
            old = os.umask(umask)
            try:
                unpack(folder / "file", name, folder / "into")
            finally:
                os.umask(old)
            into = folder / "into"
            assert [mode(into / "d" / one) for one in "abce"] == [0o755, 0o644, 0o755, 0o644]
            assert mode(into / "d") == 0o755

    @pytest.mark.parametrize(
        ("member_name", "why"),
        [
            ("../a", r"'\.\.'"),
            ("a/../b", r"'\.\.'"),
            ("a/..", r"'\.\.'"),
            ("..", r"'\.\.'"),
            ("/etc/a", "absolute"),
            ("//a", "absolute"),
            ("", "no name"),
            ("x" * 256, "longer than 255"),
            ("é" * 128, "longer than 255"),
            ("/".join(["x" * 20] * 50), "longer than 768"),
            ("/".join("x" * 65), "deeper than 64"),
        ],
    )
    def test_names_that_are_refused(self, tmp_path: Path, name: str, member_name: str, why: str) -> None:
        outside = beside(tmp_path)
        before = picture(outside)
        with pytest.raises(ArchiveError, match=why) as error:
            unpacked(tmp_path, archive(name, ("ok", b"", 0o644), (member_name, b"x", 0o644)), name)
        assert error.value.place is not None
        assert error.value.place.file == name
        assert error.value.hint
        assert picture(outside) == before

    def test_strip_does_not_hide_a_bad_name(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ArchiveError):
            unpacked(tmp_path, archive(name, ("../a", b"x", 0o644)), name, strip=1)

    def test_names_as_long_as_allowed(self, tmp_path: Path, name: str) -> None:
        long = "/".join(["y" * 255, "z" * 255, "w" * 255])
        assert (unpacked(tmp_path, archive(name, (long, b"x", 0o644)), name) / long).read_bytes() == b"x"

    @pytest.mark.parametrize(
        ("one", "other"),
        [("A", "a"), ("d/A", "d/a"), ("D/x", "d/y"), ("é", "e\u0301"), ("É", "e\u0301"), ("ß", "SS"), ("A/x", "a")],
    )
    def test_names_that_are_one_on_macos(self, tmp_path: Path, name: str, one: str, other: str) -> None:
        with pytest.raises(ArchiveError, match="macOS"):
            unpacked(tmp_path, archive(name, (one, b"", 0o644), (other, b"", 0o644)), name)

    def test_names_with_spaces_and_letters_of_all_kinds(self, tmp_path: Path, name: str) -> None:
        names = ["-rf", "a b", "naïve/ünï", "日本", "~", "$(id)", "a\nb", "Icon\r", "...", "..a", "a.."]
        into = unpacked(tmp_path, archive(name, *((one, one.encode(), 0o644) for one in names)), name)
        assert all((into / one).read_bytes() == one.encode() for one in names)

    def test_control_characters_are_inert_in_messages(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ArchiveError) as error:
            unpacked(tmp_path, archive(name, ("../\x1b[31m\n", b"", 0o644)), name)
        assert "\x1b" not in str(error.value.place) + error.value.message
        assert "\n" not in str(error.value.place) + error.value.message

    def test_dot_and_empty_components_say_nothing(self, tmp_path: Path, name: str) -> None:
        into = unpacked(tmp_path, archive(name, ("./a//b/./c", b"x", 0o644)), name)
        assert tree(into) == {"a": None, "a/b": None, "a/b/c": b"x"}

    def test_file_where_a_folder_is_needed(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ArchiveError, match="needs a folder"):
            unpacked(tmp_path, archive(name, ("a", b"", 0o644), ("a/b", b"", 0o644)), name)
        with pytest.raises(ArchiveError, match="differs"):
            unpacked(tmp_path, archive(name, ("c/b", b"", 0o644), ("c", b"", 0o644)), name)

    def test_strip(self, tmp_path: Path, name: str) -> None:
        data = archive(name, ("README", b"", 0o644), ("./p-1/bin/x", b"x", 0o755), ("p-1/y", b"y", 0o644))
        assert tree(unpacked(tmp_path, data, name, strip=1)) == {"bin": None, "bin/x": b"x", "y": b"y"}

    def test_strip_that_leaves_nothing_is_told(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ArchiveError, match="nothing below its first 2"):
            unpacked(tmp_path, archive(name, ("a/b", b"", 0o644)), name, strip=2)

    def test_too_many_members(self, tmp_path: Path, name: str) -> None:
        files = [(str(number), b"", 0o644) for number in range(5)]
        unpacked(tmp_path, archive(name, *files), name, limits=Limits(max_members=5))
        (tmp_path / "more").mkdir()
        with pytest.raises(ArchiveError, match="more than 4 members"):
            unpacked(tmp_path / "more", archive(name, *files), name, limits=Limits(max_members=4))

    def test_too_much_in_all(self, tmp_path: Path, name: str) -> None:
        files = [(str(number), bytes(10_000), 0o644) for number in range(5)]
        with pytest.raises(ArchiveError, match="more than 45000 bytes"):
            unpacked(tmp_path, archive(name, *files), name, limits=Limits(max_bytes=45_000))

    def test_several_archives_merge_into_one_tree(self, tmp_path: Path, name: str) -> None:
        unpacked(tmp_path, archive(name, ("d/a", b"a" * 9, 0o644), ("d/x", b"x", 0o755)), name)
        into = unpacked(tmp_path, archive(name, ("d/b", b"b", 0o644), ("d/x", b"x", 0o755)), name)
        assert tree(into) == {"d": None, "d/a": b"a" * 9, "d/b": b"b", "d/x": b"x"}
        clashes = [
            ("x", b"y", 0o755),
            ("x", b"x", 0o644),
            ("x", b"", 0o755),
            ("x", b"xx", 0o755),
            ("a/b", b"", 0o644),
            ("X", b"x", 0o755),
        ]
        for path, data, bits in clashes:
            with pytest.raises(ArchiveError):
                unpacked(tmp_path, archive(name, ("d/" + path, data, bits)), name)
            assert tree(into) == {"d": None, "d/a": b"a" * 9, "d/b": b"b", "d/x": b"x"}

    def test_nothing_is_written_through_a_link_of_another_archive(self, tmp_path: Path, name: str) -> None:
        outside = beside(tmp_path)
        before = picture(outside)
        (tmp_path / "into").mkdir()
        (tmp_path / "into" / "d").symlink_to(outside)
        (tmp_path / "into" / "f").symlink_to(outside / "secret")
        for path in ("d/new", "d/secret", "d/inner/new", "f", "d"):
            with pytest.raises(ArchiveError):
                unpacked(tmp_path, archive(name, (path, b"mine", 0o644)), name)
        assert picture(outside) == before

    def test_cancel_between_members_and_within_one(self, tmp_path: Path, name: str) -> None:
        for files in ([(str(n), b"", 0o644) for n in range(50)], [("big", bytes(8 << 20), 0o644)]):
            calls = iter(range(1000))
            with pytest.raises(CancelledError):
                unpacked(tmp_path, archive(name, *files), name, cancelled=lambda calls=calls: next(calls) > 4)
        assert next(calls) < 8

    def test_a_folder_that_is_not_there_is_no_fault_of_the_archive(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "file").write_bytes(archive(name, ("a", b"", 0o644)))
        with pytest.raises(StoreError):
            unpack(tmp_path / "file", name, tmp_path / "missing")

    def test_missing_download(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(StoreError, match=os.strerror(errno.ENOENT)):
            unpack(tmp_path / "file", name, tmp_path)


# getrusage() would give the peak of the process that started this one, where that is higher.
PEAK = """
import sys
from pathlib import Path
from devshell.archive import unpack
unpack(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
if sys.platform == "linux":
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(int(line.split()[1]) * 1024)
else:
    import resource
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("name", ["a.tar.zst", "a.zip", "a.xz", "a.gz", "a.bz2"])
def test_memory_does_not_grow_with_a_member(name: str) -> None:
    content = b"0123456789abcdef" * (10 << 20)
    if name == "a.zip":
        data = zipped([Entry("big", content)])
    elif name == "a.tar.zst":
        data = compressed(member("big", content) + END, "zst")
    else:
        data = compressed(content, name.partition(".")[2])
    # Not pytest's folder, which would keep so much for days.
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "file").write_bytes(data)
        (Path(folder) / "into").mkdir()
        command = [sys.executable, "-c", PEAK, f"{folder}/file", name, f"{folder}/into"]
        peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert peak < 100 << 20


def test_fold_takes_one_name_for_itself_in_every_form() -> None:
    assert fold("ABC") == fold("abc")
    assert fold("\u00c5") == fold("a\u030a") == fold("\u212b")
    assert fold("\u1f80\u0301") == fold(unicodedata.normalize("NFD", "\u1f80\u0301"))
    assert fold("a") != fold("b")
