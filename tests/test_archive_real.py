"""Archives as this machine's own tools write them."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from devshell.archive import unpack
from support.archives import mode, tree

if TYPE_CHECKING:
    from pathlib import Path


def gnu_tar() -> str | None:
    for name in ("gtar", "tar"):
        path = shutil.which(name)
        if path and "GNU" in subprocess.run([path, "--version"], check=True, capture_output=True, text=True).stdout:
            return path
    return None


TAR = gnu_tar()
needs_tar = pytest.mark.skipif(TAR is None, reason="no GNU tar here")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a folder as npm packs it, with all that a tool's release may hold."""
    root = tmp_path / "source" / "package"
    (root / "bin").mkdir(parents=True)
    (root / "lib" / "empty").mkdir(parents=True)
    (root / "package.json").write_text("{}")
    (root / "bin" / "tool").write_bytes(os.urandom(300_000) * 4)
    (root / "bin" / "tool").chmod(0o755)
    (root / "bin" / "alias").symlink_to("tool")
    (root / "bin" / "same").hardlink_to(root / "bin" / "tool")
    (root / "lib" / "dangling").symlink_to("../../nowhere")
    (root / "lib" / "host").symlink_to("/usr/share/zoneinfo")
    (root / "lib" / "naïve").write_text("é")
    deep = root / "lib" / ("d" * 90) / ("e" * 90)
    deep.mkdir(parents=True)
    (deep / ("f" * 200)).write_text("deep")
    (deep / "link").symlink_to("g" * 180)
    return root


def holed(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"start" * 1000)
        file.seek(1 << 20)
        file.write(b"middle")
        file.seek(3 << 20)
        file.write(b"x" * 5000)
        file.truncate(5 << 20)


def check(root: Path, archive: Path, into: Path) -> None:
    into.mkdir()
    unpack(archive, archive.name, into, strip=1)
    assert tree(into) == tree(root)
    assert mode(into / "bin" / "tool") == 0o755
    assert mode(into / "package.json") == 0o644


@needs_tar
@pytest.mark.parametrize("form", ["gnu", "oldgnu", "pax", "posix"])
@pytest.mark.parametrize("ending", ["tar", "tgz", "tar.xz", "tar.bz2", "tar.zst"])
def test_gnu_tar(tmp_path: Path, package: Path, form: str, ending: str) -> None:
    compressor = {"tar.zst": "zstd", "tar.xz": "xz", "tar.bz2": "bzip2"}.get(ending)
    if compressor and not shutil.which(compressor):
        pytest.skip(f"no {compressor} here")
    archive = tmp_path / f"tool.{ending}"
    subprocess.run([str(TAR), "-C", package.parent, "-caf", archive, f"--format={form}", "package"], check=True)
    check(package, archive, tmp_path / "into")


@needs_tar
@pytest.mark.parametrize("form", ["ustar", "v7"])
def test_gnu_tar_in_older_forms(tmp_path: Path, package: Path, form: str) -> None:
    # They have no room for such names.
    shutil.rmtree(package / "lib" / ("d" * 90))
    archive = tmp_path / "tool.tar"
    subprocess.run([str(TAR), "-C", package.parent, "-cf", archive, f"--format={form}", "package"], check=True)
    check(package, archive, tmp_path / "into")


@needs_tar
@pytest.mark.parametrize("prefix", ["./package", ".//package"])
def test_gnu_tar_with_a_dot(tmp_path: Path, package: Path, prefix: str) -> None:
    archive = tmp_path / "tool.tgz"
    subprocess.run([str(TAR), "-C", package.parent, "-czf", archive, prefix], check=True)
    check(package, archive, tmp_path / "into")


@needs_tar
@pytest.mark.parametrize(
    "options", [["--format=gnu"], *(["--format=pax", f"--sparse-version={v}"] for v in ("0.0", "0.1", "1.0"))]
)
@pytest.mark.parametrize("name", ["holes", "h" * 150])
def test_gnu_tar_with_holes(tmp_path: Path, package: Path, options: list[str], name: str) -> None:
    holed(package / name)
    holed(package / "package2.json")
    with (package / "nothing").open("wb") as file:
        file.truncate(1 << 20)
    # Many holes, so that the map goes on into further blocks.
    with (package / "many").open("wb") as file:
        for number in range(60):
            file.seek(number * 32768)
            file.write(b"%d" % number)
    archive = tmp_path / "tool.tar"
    subprocess.run([str(TAR), "-C", package.parent, "-cSf", archive, *options, "package"], check=True)
    check(package, archive, tmp_path / "into")


@needs_tar
def test_gnu_tar_that_added_a_file_again(tmp_path: Path, package: Path) -> None:
    archive = tmp_path / "tool.tar"
    for action in ("-cf", "-rf"):
        subprocess.run([str(TAR), "-C", package.parent, action, archive, "package"], check=True)
    check(package, archive, tmp_path / "into")


@pytest.mark.skipif(shutil.which("zip") is None, reason="no zip here")
@pytest.mark.parametrize("options", [[], ["-0"], ["-X"], ["-D"]])
def test_info_zip(tmp_path: Path, package: Path, options: list[str]) -> None:
    if options == ["-D"]:
        (package / "lib" / "empty").rmdir()
    archive = tmp_path / "tool.zip"
    subprocess.run(["zip", "-qry", *options, archive, "package"], cwd=package.parent, check=True)
    check(package, archive, tmp_path / "into")


@pytest.mark.skipif(shutil.which("zip") is None, reason="no zip here")
def test_info_zip_to_a_pipe(tmp_path: Path, package: Path) -> None:
    for path in list(package.rglob("*")):
        # It stores links whole, which it cannot do to a pipe.
        if path.is_symlink():
            path.unlink()
    archive = tmp_path / "tool.zip"
    with archive.open("wb") as file:
        subprocess.run(["sh", "-c", "zip -qr - package | cat"], cwd=package.parent, check=True, stdout=file)
    check(package, archive, tmp_path / "into")


@needs_tar
def test_hard_links_take_their_space_once(tmp_path: Path, package: Path) -> None:
    archive = tmp_path / "tool.tar"
    subprocess.run([str(TAR), "-C", package.parent, "-cf", archive, "package"], check=True)
    check(package, archive, tmp_path / "into")
    assert (tmp_path / "into" / "bin" / "same").samefile(tmp_path / "into" / "bin" / "tool")
