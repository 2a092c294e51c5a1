"""`sync` from nothing next to a plain parallel download of the same files and the unpacking of the largest.

    python -m benchmarks.sync [--rounds N] [--json FILE] [--project FOLDER]

Both begin with an empty disk and the lock. The plain side is given the addresses; devshell has to
find them, and to check, unpack, arrange and record all of the files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import harness
from benchmarks.startup import environment, program

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "web"
#: The bars of issue "The core": times the plain download, and bytes.
TIME_LIMIT, MEMORY_LIMIT = 1.3, 200e6
_CHUNK = 1 << 20


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and return 1 where a bar is missed."""
    # The other side of the comparison, and the look inside, run in processes of their own.
    match arguments:
        case ["--plain", addresses, into]:
            return plain(json.loads(Path(addresses).read_text()), Path(into))
        case ["--inside", "addresses"]:
            return addresses_of_lock()
        case ["--inside", "requests"]:
            return requests()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--project", type=Path, default=EXAMPLE, metavar="FOLDER")
    asked = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="devshell-sync-"))
    try:
        return measure(folder, asked.project, asked.rounds, asked.json)
    finally:
        # Trees in a store are read-only.
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
        shutil.rmtree(folder)


def measure(base: Path, project: Path, rounds: int, into: Path | None) -> int:
    """Copy the project to `base`, lock it if it is not, and measure both sides."""
    copy = base / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("build", ".devshell"))
    fresh = base / "fresh"
    env = environment(fresh) | {"DEVSHELL_TRUST": str(copy)}
    if not (copy / "devshell.lock").exists():
        harness.once(harness.Command("lock", (*program(), "lock"), copy, env))
    here = (sys.executable, "-m", "benchmarks.sync")
    here_env = env | {"PYTHONPATH": str(ROOT)}
    files = json.loads(answer((*here, "--inside", "addresses"), copy, here_env))
    addresses = base / "addresses.json"
    addresses.write_text(json.dumps(files))
    downloads = base / "downloads"
    baseline = harness.Command(
        "plain download, largest unpacked",
        (*here, "--plain", str(addresses), str(downloads)),
        base,
        here_env,
        partial(put_aside, downloads),
    )
    sync = harness.Command("sync from nothing", (*program(), "sync"), copy, env, partial(put_aside, fresh))
    measured = harness.interleave((baseline, sync), rounds)
    put_aside(fresh)
    requests = int(answer((*here, "--inside", "requests"), copy, here_env))
    bars = [
        harness.Bar("sync / plain", measured[1].median / measured[0].median, TIME_LIMIT),
        harness.Bar("peak memory, MB", measured[1].peak / 1e6, MEMORY_LIMIT / 1e6),
        # One for each file, and one for the index page that says where it is.
        harness.Bar("requests", requests, 2 * len(files)),
    ]
    size = sum(file["size"] for file in files) / 1e6
    return harness.report("sync", measured, bars, into, [f"{len(files)} files, {size:.0f} MB"])


def put_aside(folder: Path) -> None:
    """Give a command an empty disk."""
    # Not removed before the end: for minutes after many files were deleted, ext4 takes ten times as
    # long to create one, since it passes over every inode that was freed lately.
    if folder.exists():
        folder.rename(tempfile.mkdtemp(prefix="aside-", dir=folder.parent))


def answer(argv: tuple[str, ...], cwd: Path, env: dict[str, str]) -> str:
    """Return what a command prints."""
    return subprocess.run(argv, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout


def plain(files: list[dict[str, str | int]], into: Path) -> int:
    """Download all files at once, then unpack the largest: what any script would do."""
    from zipfile import ZipFile

    largest = max(download_all(files, into), key=lambda path: path.stat().st_size)
    with ZipFile(largest) as archive:
        archive.extractall(into / "unpacked")
    return 0


def download_all(files: list[dict[str, str | int]], into: Path) -> list[Path]:
    """Download files into a new folder, as many at once as devshell does."""
    from concurrent.futures import ThreadPoolExecutor
    from urllib.request import urlopen

    into.mkdir()

    def download(file: dict[str, str | int]) -> Path:
        path = into / str(file["name"])
        with urlopen(str(file["address"]), timeout=60) as reply, path.open("wb") as out:  # noqa: S310 - as devshell found it
            while chunk := reply.read(_CHUNK):
                out.write(chunk)
        return path

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(download, files))


def requests() -> int:
    """Print how many requests a sync of the project here takes, with devshell's own code."""
    from devshell import activation, opening
    from devshell.cli import terminal

    here = terminal.begin(None, quiet=True)
    with terminal.session(here) as session:
        found = opening.trusted_project(Path.cwd(), session)
        activation.prepare(found, None, session, frozen=True)
        print(session.world.fetcher.requests)
    return 0


def addresses_of_lock() -> int:
    """Print what the lock of the project here wants for this machine: names, sizes, addresses."""
    from devshell import opening
    from devshell.cli import terminal
    from devshell.lock import parts
    from devshell.sources import catalogue
    from devshell.system import host_platform

    here = terminal.begin(None, quiet=True)
    with terminal.session(here) as session:
        found = opening.trusted_project(Path.cwd(), session)
        lock = found.lock()
        if lock is None:
            raise SystemExit("the project has no lock")
        shell = found.shell(None)
        files = [
            {
                "name": artifact.file.rpartition("/")[2],
                "size": artifact.size,
                "address": next(
                    iter(
                        catalogue.get(part.block.source).locate(
                            artifact, part.block, shell.tools.get(part.name), session.world
                        )
                    )
                ),
            }
            for part in parts(lock, None, host_platform()).values()
            for artifact in part.block.artifacts
        ]
    print(json.dumps(files))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
