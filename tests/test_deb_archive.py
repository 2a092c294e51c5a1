"""Debian packages, honest and hostile."""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.archive.deb import merged
from devshell.errors import ArchiveError
from support.archives import compressed, tree, unpacked
from support.deb_archive import Deb, Link, ar, tar

if TYPE_CHECKING:
    from pathlib import Path

CONTROL = tar({"control": b"Package: tool\nVersion: 1:2.0-1\nArchitecture: amd64\n"})
EMPTY = tar({})


def placed(folder: Path, *debs: Deb) -> dict[str, object]:
    for deb in debs:
        unpacked(folder, deb.build(), f"{deb.name}_{deb.version}_amd64.deb")
    return tree(folder / "into")


def files(found: dict[str, object]) -> dict[str, object]:
    return {path: content for path, content in found.items() if content is not None and not path.startswith(".debs")}


def member(name: str, content: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:  # noqa: ANN401
    about = tarfile.TarInfo(name)
    about.size = len(content)
    for key, value in fields.items():
        setattr(about, key, value)
    return about, content


def raw(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return a tar archive of members that dpkg-deb would not write."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for about, content in members:
            archive.addfile(about, io.BytesIO(content))
    return made.getvalue()


def packed(data: bytes, control: bytes = CONTROL) -> bytes:
    return ar({"debian-binary": b"2.0\n", "control.tar": control, "data.tar": data})


@pytest.mark.parametrize("compression", ["", "gz", "xz", "zst"])
def test_every_compression_gives_the_same_tree(tmp_path: Path, compression: str) -> None:
    deb = Deb("tool", files={"usr/bin/tool": (0o755, b"\x7fELF"), "etc/tool.conf": b"x = 1\n"}, compression=compression)
    assert files(placed(tmp_path, deb)) == {"usr/bin/tool": b"\x7fELF", "etc/tool.conf": b"x = 1\n"}


def test_old_packages_have_bzip2_data(tmp_path: Path) -> None:
    data = compressed(tar({"usr/bin/tool": (0o755, b"x")}), "bz2")
    deb = ar({"debian-binary": b"2.0\n", "control.tar.gz": compressed(CONTROL, "gz"), "data.tar.bz2": data})
    assert files(tree(unpacked(tmp_path, deb, "tool.deb"))) == {"usr/bin/tool": b"x"}


def test_a_merged_usr_however_the_package_was_built(tmp_path: Path) -> None:
    deb = Deb(
        "tool",
        files={
            "bin/sh": (0o755, b"shell"),
            "sbin/tool": (0o755, b"tool"),
            "lib/x86_64-linux-gnu/libz.so.1": b"z",
            "lib64/ld.so": Link("/lib/x86_64-linux-gnu/ld.so"),
            "usr/lib/x86_64-linux-gnu/libz.so": Link("/lib/x86_64-linux-gnu/libz.so.1"),
            "lib/x86_64-linux-gnu/up": Link("../../usr/share/x"),
            "usr/bin/beside": Link("../../bin/sh"),
        },
    )
    assert files(placed(tmp_path, deb)) == {
        "usr/bin/sh": b"shell",
        "usr/sbin/tool": b"tool",
        "usr/lib/x86_64-linux-gnu/libz.so.1": b"z",
        "usr/lib64/ld.so": "-> ../lib/x86_64-linux-gnu/ld.so",
        "usr/lib/x86_64-linux-gnu/libz.so": "-> libz.so.1",
        "usr/lib/x86_64-linux-gnu/up": "-> ../../share/x",
        "usr/bin/beside": "-> sh",
    }


@pytest.mark.parametrize(
    ("path", "target", "link"),
    [
        ("usr/share/x", "/etc/x.conf", "../../etc/x.conf"),
        ("usr/share/x", "../../../../../../etc/passwd", "../../etc/passwd"),
        ("etc/x", "/", ".."),
        ("usr/lib/x", "./y//z", "y/z"),
        ("etc/mtab", "../proc/self/mounts", "/proc/self/mounts"),
        ("usr/lib/x", "/dev/null", "/dev/null"),
        ("var/run", "/run", "/run"),
    ],
)
def test_no_link_leaves_the_tree_but_for_the_kernel(tmp_path: Path, path: str, target: str, link: str) -> None:
    assert files(placed(tmp_path, Deb("tool", files={path: Link(target)}))) == {path: f"-> {link}"}


def test_what_nobody_needs_is_left_out(tmp_path: Path) -> None:
    kept: dict[str, bytes | tuple[int, bytes] | Link] = {
        "usr/share/doc/tool/copyright": b"MIT",
        "usr/share/man/man1/tool.1.gz": b"manual",
        "usr/share/zsh/vendor-completions/_tool": b"completion",
        "usr/lib/systemd/libsystemd-shared.so": b"library",
    }
    left: dict[str, bytes | tuple[int, bytes] | Link] = {
        "usr/share/doc/tool/changelog.gz": b"x",
        "usr/share/doc/tool/examples/copyright": b"x",
        "usr/share/doc/other": Link("tool"),
        "usr/share/info/tool.info.gz": b"x",
        "usr/share/lintian/overrides/tool": b"x",
        "usr/share/locale/de/LC_MESSAGES/tool.mo": b"x",
        "usr/share/man/de/man1/tool.1.gz": b"x",
        "etc/init.d/tool": (0o755, b"x"),
        "usr/lib/systemd/system/tool.service": b"x",
        "lib/udev/rules.d/tool.rules": b"x",
        "run/tool/x": b"x",
        "tmp/x": b"x",
        "bin": Link("usr/bin"),
    }
    found = placed(tmp_path, Deb("tool", files={**kept, **left}))
    assert files(found) == kept
    assert {path for path in found if found[path] is None and path.startswith("usr/share/doc")} == {
        "usr/share/doc",
        "usr/share/doc/tool",
    }


def test_a_package_of_nothing_but_documentation(tmp_path: Path) -> None:
    assert files(placed(tmp_path, Deb("tool", files={"usr/share/doc/tool/changelog.gz": b"x"}))) == {}


def test_the_record_says_what_a_package_brought(tmp_path: Path) -> None:
    deb = Deb(
        "tool",
        "1:2.0-1",
        files={"bin/tool": (0o755, b"x"), "usr/bin/t": Link("tool"), "usr/share/doc/x": b""},
        scripts={"postinst": "#!/bin/sh\necho grüß\n".encode(), "prerm": b"#!/bin/sh\nrm -rf /\n"},
    )
    placed(tmp_path, deb)
    assert json.loads((tmp_path / "into" / ".debs" / "tool").read_text()) == {
        "package": "tool",
        "version": "1:2.0-1",
        "files": ["usr/bin/t", "usr/bin/tool"],
        "postinst": "#!/bin/sh\necho grüß\n",
    }
    placed(tmp_path, deb)


def test_rights_are_dropped_but_for_running(tmp_path: Path) -> None:
    placed(tmp_path, Deb("tool", files={"usr/bin/su": (0o4755, b"x"), "usr/share/x": (0o2664, b"y")}))
    assert stat.S_IMODE(os.stat(tmp_path / "into/usr/bin/su").st_mode) == 0o755
    assert stat.S_IMODE(os.stat(tmp_path / "into/usr/share/x").st_mode) == 0o644


def test_names_that_differ_in_case_alone_are_fine_here(tmp_path: Path) -> None:
    found = placed(tmp_path, Deb("tool", files={"usr/include/xt_MARK.h": b"1", "usr/include/xt_mark.h": b"2"}))
    assert files(found) == {"usr/include/xt_MARK.h": b"1", "usr/include/xt_mark.h": b"2"}


def test_hard_links_follow_the_merge(tmp_path: Path) -> None:
    data = raw(
        member("./bin/perl", b"x", mode=0o755),
        member("./usr/bin/perl5", type=tarfile.LNKTYPE, linkname="./bin/perl"),
    )
    into = unpacked(tmp_path, packed(data), "tool.deb")
    assert os.path.samefile(into / "usr/bin/perl", into / "usr/bin/perl5")


def test_two_packages_may_bring_the_same_and_nothing_else(tmp_path: Path) -> None:
    one, same, other = (Deb(f"p{n}", files={"usr/share/x": content}) for n, content in enumerate((b"1", b"1", b"2")))
    placed(tmp_path, one, same)
    with pytest.raises(ArchiveError, match="would replace 'usr/share/x'"):
        placed(tmp_path, other)


@pytest.mark.parametrize(
    "hostile",
    [
        member("./usr/null", type=tarfile.CHRTYPE),
        member("./usr/x", type=tarfile.BLKTYPE),
        member("./usr/x", type=tarfile.FIFOTYPE),
        member("./usr/../../x", b"x"),
        member("/etc/x", b"x"),
        member("./usr/x", type=tarfile.LNKTYPE, linkname="../../etc/passwd"),
        member("./usr/x", type=tarfile.LNKTYPE, linkname="./etc/passwd"),
        member("./usr/x", type=tarfile.LNKTYPE, linkname="./usr/share/doc/x"),
        member("./usr/x", type=tarfile.SYMTYPE, linkname=""),
        member("./usr/in/passwd", b"x"),
        member("./lib/in/passwd", b"x"),
    ],
)
def test_hostile_members_are_refused(tmp_path: Path, hostile: tuple[tarfile.TarInfo, bytes]) -> None:
    links = [member(f"./usr/{path}", type=tarfile.SYMTYPE, linkname="/etc") for path in ("in", "lib/in")]
    with pytest.raises(ArchiveError):
        unpacked(tmp_path, packed(raw(*links, hostile)), "tool.deb")
    assert not (tmp_path / "into" / "etc").exists()


@pytest.mark.parametrize(
    "control",
    [
        EMPTY,
        tar({"control": b"Version: 1\n"}),
        tar({"control": b"Package: ../x\nVersion: 1\n"}),
        tar({"control": b"Package: x/y\nVersion: 1\n"}),
        tar({"control": b"Package: tool\nVersion: a b\n"}),
        tar({"control": b"x" * (1 << 19)}),
        tar({"control": Link("/etc/passwd")}),
        raw(*[member("./control", b"Package: tool\nVersion: 1\n")] * 2),
        tar({"control": b"Package: tool\nVersion: 1\n", "postinst": b"x" * (2 << 20)}),
        b"junk",
    ],
)
def test_a_control_that_is_none_is_refused(tmp_path: Path, control: bytes) -> None:
    with pytest.raises(ArchiveError):
        unpacked(tmp_path, packed(EMPTY, control), "tool.deb")


GOOD = packed(tar({"usr/bin/tool": (0o755, b"x")}))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"!<arch>\n",
        b"\x7fELF" * 100,
        GOOD[:-1000],
        GOOD[:70],
        GOOD.replace(b"`\n", b"``", 1),
        GOOD.replace(b"2.0\n", b"3.0\n"),
        GOOD.replace(b"2.0\n", b"2.0 "),
        GOOD.replace(b"debian-binary", b"debian-babies"),
        GOOD.replace(b"control.tar ", b"control.zip "),
        GOOD.replace(b"data.tar ", b"date.tar "),
        GOOD + b"trailing",
        GOOD.replace(b"4         `", b"-4        `", 1),
        GOOD.replace(b"4         `", b"0x4       `", 1),
        ar({"debian-binary": b"2.0\n", "data.tar": EMPTY, "control.tar": CONTROL}),
        ar({"debian-binary": b"2.0\n", "control.tar": CONTROL}),
        ar({"debian-binary": b"2.0\n" + b"x" * 5000, "control.tar": CONTROL, "data.tar": EMPTY}),
        ar({"debian-binary": b"2.0\n", "control.tar.xz": b"junk", "data.tar": EMPTY}),
        ar({"debian-binary": b"2.0\n", "control.tar": CONTROL, "data.tar.gz": compressed(EMPTY, "gz")[:-4]}),
        ar({"debian-binary": b"2.0\n", "control.tar": CONTROL, "data.tar.xz": compressed(EMPTY, "xz") + b"more"}),
        ar({"debian-binary": b"2.0\n", "control.tar": CONTROL, "data.tar.lzma": EMPTY}),
    ],
)
def test_what_is_no_package_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ArchiveError):
        unpacked(tmp_path, content, "tool.deb")


def test_later_additions_to_the_format_are_passed_over(tmp_path: Path) -> None:
    parts = {"debian-binary": b"2.1\nmore", "_gpg": b"x", "control.tar/": CONTROL, "data.tar": EMPTY, "new": b"y"}
    assert files(tree(unpacked(tmp_path, ar(parts), "tool.deb"))) == {}


def test_no_folders_are_stripped(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError):
        unpacked(tmp_path, GOOD, "tool.deb", strip=1)


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=12))
def test_damage_never_gives_anything_but_an_archive_error(
    tmp_path_factory: pytest.TempPathFactory, at: int, junk: bytes
) -> None:
    damaged = GOOD[:at] + junk + GOOD[at + len(junk) :]
    with contextlib.suppress(ArchiveError):
        unpacked(tmp_path_factory.mktemp("deb"), damaged, "tool.deb")


@given(st.lists(st.sampled_from(["usr", "lib", "bin", "lib64", "x", "sbin"]), min_size=1, max_size=5))
def test_merging_twice_changes_nothing(parts: list[str]) -> None:
    path = "/".join(parts)
    assert merged(merged(path)) == merged(path)
    assert merged(path).partition("/")[0] not in {"lib", "bin", "lib64", "sbin"}
