"""What a program takes from the host: every file it opened or started, as strace saw it, held against a stated list."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "isolation.md"
_ROW = re.compile(r"^\| `(/[^`]*)`", re.MULTILINE)
_CALL = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(open|openat|execve|execveat)\((.*)$")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FOLDER = re.compile(r"^(?:AT_FDCWD|\d+)<([^>]*)>")


def stated() -> tuple[str, ...]:
    """Return the paths that docs/isolation.md allows; one that ends with a slash allows what is below."""
    return tuple(_ROW.findall(_DOCUMENT.read_text()))


def opened(
    argv: Sequence[str], env: Mapping[str, str], cwd: Path, *, text: str = "", before: Sequence[str] = ()
) -> tuple[str, set[str]]:
    """Run a command under strace; return what it said, and every path that it or a child opened or started.

    What stands in `before` starts strace, and is not looked at.
    """
    strace = shutil.which("strace")
    assert strace, "strace is needed to see what is opened"
    log = cwd / f".strace-{os.getpid()}"
    look = [strace, "-f", "-y", "-s", "4096", "-o", str(log), "-e", "trace=open,openat,execve,execveat"]
    done = subprocess.run(
        [*before, *look, *argv],
        cwd=cwd,
        env=dict(env),
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    calls = log.read_text(errors="surrogateescape")
    log.unlink()
    assert done.returncode == 0, f"{argv}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr, set(_paths(calls, cwd))


def foreign(paths: Iterable[str], own: Iterable[Path]) -> list[str]:
    """Return the paths that lie neither in folders of the user's own nor on the stated list."""
    mine = tuple(f"{os.path.realpath(folder)}/" for folder in own)
    allowed = stated()
    folders = tuple(one for one in allowed if one.endswith("/"))
    # /etc/localtime, for one, is a link to wherever this machine has its time zones.
    files = {place for one in allowed for place in (one.rstrip("/"), os.path.realpath(one))}

    def is_allowed(path: str) -> bool:
        return path in files or path.startswith(folders)

    return sorted(path for path in paths if not f"{path}/".startswith(mine) and not is_allowed(path))


def _paths(calls: str, cwd: Path) -> Iterable[str]:
    for line in calls.splitlines():
        found = _CALL.match(line)
        # A look for what is not there takes nothing from the host.
        if found is None or " = -1 " in line:
            continue
        path = _PATH.search(found[2])
        if path is None:
            continue
        folder = _FOLDER.match(found[2])
        name = path[1].encode("latin-1", "backslashreplace").decode("unicode_escape", "replace")
        full = os.path.join(folder[1] if folder else str(cwd), name)
        yield os.path.realpath(os.path.normpath(full)) if not full.startswith(("/proc/", "/dev/")) else full
