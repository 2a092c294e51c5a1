"""Closures from Debian: locking next to the plain download of the indexes, installing next to download and `tar`.

    python -m benchmarks.closures [--rounds N] [--json FILE]

Four tools (postgresql, redis, git, python) are locked for two platforms, from nothing and again with
the index at hand; then postgresql alone is installed from nothing. The plain sides are given the
addresses, and verify nothing.
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
from benchmarks.sync import addresses_of_lock, answer, download_all, put_aside

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
#: The bars of issue "Closures": times the plain side, times `python -c pass`, and bytes.
LOCK_LIMIT, AGAIN_LIMIT, SYNC_LIMIT, MEMORY_LIMIT = 3.0, 10.0, 1.5, 300e6
_FOUR = {"deb:git": "*", "deb:postgresql-17": "*", "deb:python3.13": "*", "deb:redis-server": "*"}
_ONE = {"postgresql": "17"}
_PLATFORMS = ["linux-x86_64", "linux-aarch64"]


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and return 1 where a bar is missed."""
    match arguments:
        case ["--download", addresses, into]:
            download_all(json.loads(Path(addresses).read_text()), Path(into))
            return 0
        case ["--unpack", addresses, into]:
            return unpack(json.loads(Path(addresses).read_text()), Path(into))
        case ["--indexes"]:
            return indexes()
        case ["--lock-files"]:
            return addresses_of_lock()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="devshell-closures-"))
    try:
        locked = locking(folder / "lock", asked.rounds, asked.json)
        return max(locked, syncing(folder / "sync", asked.rounds))
    finally:
        # Trees in a store are read-only.
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
        shutil.rmtree(folder)


def locking(base: Path, rounds: int, into: Path | None) -> int:
    """Lock four tools for two platforms, from nothing and again."""
    project, fresh, env = begun(base, _FOUR)
    here = (sys.executable, "-m", "benchmarks.closures")
    addresses = base / "indexes.json"
    addresses.write_text(answer((*here, "--indexes"), project, env))
    downloads = base / "downloads"
    plain = harness.Command(
        "plain download of the indexes",
        (*here, "--download", str(addresses), str(downloads)),
        base,
        env,
        partial(put_aside, downloads),
    )
    lock = harness.Command(
        "lock from nothing", (*program(), "lock", "--update"), project, env, partial(put_aside, fresh)
    )
    cold = harness.interleave((plain, lock), rounds)
    empty = harness.Command("python -c pass", (sys.executable, "-c", "pass"), project, env)
    again = harness.Command("lock again", (*program(), "lock", "--update"), project, env)
    warm = harness.interleave((empty, again), 4 * rounds)
    bars = [
        harness.Bar("lock / plain", cold[1].median / cold[0].median, LOCK_LIMIT),
        harness.Bar("lock again / baseline", warm[1].median / warm[0].median, AGAIN_LIMIT),
        harness.Bar("peak memory, MB", max(cold[1].peak, warm[1].peak) / 1e6, MEMORY_LIMIT / 1e6),
    ]
    size = sum(file["size"] for file in json.loads(addresses.read_text())) / 1e6
    return harness.report("lock four tools", (*cold, *warm), bars, into, [f"indexes: {size:.0f} MB"])


def syncing(base: Path, rounds: int) -> int:
    """Install postgresql from nothing."""
    project, fresh, env = begun(base, _ONE)
    here = (sys.executable, "-m", "benchmarks.closures")
    harness.once(harness.Command("lock", (*program(), "lock"), project, env))
    addresses = base / "files.json"
    addresses.write_text(answer((*here, "--lock-files"), project, env))
    unpacked = base / "unpacked"
    plain = harness.Command(
        "plain download, then tar",
        (*here, "--unpack", str(addresses), str(unpacked)),
        base,
        env,
        partial(put_aside, unpacked),
    )
    sync = harness.Command("sync from nothing", (*program(), "sync"), project, env, partial(put_aside, fresh))
    measured = harness.interleave((plain, sync), rounds)
    bars = [
        harness.Bar("sync / plain", measured[1].median / measured[0].median, SYNC_LIMIT),
        harness.Bar("peak memory, MB", measured[1].peak / 1e6, MEMORY_LIMIT / 1e6),
    ]
    files = json.loads(addresses.read_text())
    size = sum(file["size"] for file in files) / 1e6
    return harness.report("sync postgresql", measured, bars, None, [f"{len(files)} files, {size:.0f} MB"])


def begun(base: Path, tools: dict[str, str]) -> tuple[Path, Path, dict[str, str]]:
    """Write a project; return its folder, the folder of all that devshell keeps, and the environment."""
    project = base / "project"
    project.mkdir(parents=True)
    lines = [f'"{name}" = "{version}"\n' for name, version in tools.items()]
    (project / "devshell.toml").write_text(
        f"[tools]\n{''.join(lines)}[settings]\nplatforms = {json.dumps(_PLATFORMS)}\n"
    )
    fresh = base / "fresh"
    return project, fresh, environment(fresh) | {"DEVSHELL_TRUST": str(project), "PYTHONPATH": str(ROOT)}


def unpack(files: list[dict[str, str | int]], into: Path) -> int:
    """Download all packages at once, then unpack one after the other with tar."""
    tree = into / "tree"
    for path in download_all(files, into):
        tree.mkdir(exist_ok=True)
        with path.open("rb") as deb:
            deb.seek(8)
            while header := deb.read(60):
                name, size = header[:16].decode().strip(), int(header[48:58])
                if name.startswith("data.tar"):
                    break
                deb.seek(size + size % 2, 1)
            # tar knows the compression by the first bytes only of a file, so it is said.
            option = {"xz": "-xJf", "zst": "-x --zstd -f", "gz": "-xzf"}[name.rpartition(".")[2]].split()
            with subprocess.Popen(["tar", *option, "-", "-C", str(tree)], stdin=subprocess.PIPE) as tar:
                assert tar.stdin is not None  # noqa: S101 - it is a pipe
                shutil.copyfileobj(_Limited(deb, size), tar.stdin)
    return 0


class _Limited:
    def __init__(self, file: object, size: int) -> None:
        self._file, self._left = file, size

    def read(self, count: int = 1 << 20) -> bytes:
        piece: bytes = self._file.read(min(count, self._left))  # type: ignore[attr-defined]
        self._left -= len(piece)
        return piece


def indexes() -> int:
    """Print the addresses and sizes of the lists of packages that locking fetches."""
    from devshell.cli import terminal
    from devshell.sources.deb import packages
    from devshell.sources.deb.suites import suites

    with terminal.session(terminal.begin(None, quiet=True)) as session:
        files = [
            {
                "name": f"{suite.name}-{n}",
                "size": suite.files[listed[0]].size,
                "address": next(packages.addresses_of_list(session.world, suite, listed[0])),
            }
            for suite in suites(session.world, "trixie")
            for n, architecture in enumerate(("amd64", "arm64"))
            if (listed := packages.listed(suite, architecture)) is not None
        ]
    print(json.dumps(files))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
