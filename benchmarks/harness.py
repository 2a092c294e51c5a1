"""A small harness: commands in turn, medians and ratios, peak memory, and what strace counts.

Figures of one machine mean little, so each benchmark measures what it compares with in the same run,
turn by turn (A B A B), and judges the ratio of the medians.

Imports stay few: on Linux a child's peak memory is at least what its parent used when it started it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# ru_maxrss is in bytes on macOS and in KiB elsewhere (getrusage(2)).
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
# What makes or changes a file, or its name; opening for writing is told apart by its flags.
_OPENING = ("open", "openat", "openat2", "creat")
_CHANGING = (
    *("mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat"),
    *("symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "utimensat", "truncate", "ftruncate"),
)
#: The system calls that `written` judges.
CHANGES = (*_OPENING, *_CHANGING)
# Not files: a terminal, the null device and what the kernel tells of a process.
_DEVICES = re.compile(r'"/(?:dev|proc)/')
_FOR_WRITING = re.compile(r"O_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND)")
_CALL = re.compile(r"^\d+\s+(?:\d+\.\d+\s+)?(\w+)\((.*)")


@dataclass(frozen=True, slots=True)
class Command:
    """Something to measure: `before` runs untimed in front of each run; output is thrown away."""

    label: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    before: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run: wall time in seconds, and the peak memory in bytes of the largest process it started."""

    seconds: float
    peak: int


@dataclass(frozen=True, slots=True)
class Measured:
    """All runs of one command, in the order they were made."""

    label: str
    runs: tuple[Run, ...]

    @property
    def median(self) -> float:
        """Return the median of the wall times, in seconds."""
        return statistics.median(run.seconds for run in self.runs)

    @property
    def minimum(self) -> float:
        """Return the shortest wall time, in seconds."""
        return min(run.seconds for run in self.runs)

    @property
    def peak(self) -> int:
        """Return the largest peak of all runs, in bytes."""
        return max(run.peak for run in self.runs)


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise: `value` is at most `limit`, or with `least` at least that."""

    label: str
    value: float
    limit: float
    least: bool = False

    @property
    def passed(self) -> bool:
        """Whether the promise is kept."""
        return self.value >= self.limit if self.least else self.value <= self.limit

    def __str__(self) -> str:
        return (
            f"{_plain(self.value)}, at {'least' if self.least else 'most'} {_plain(self.limit)}: "
            f"{'pass' if self.passed else 'FAIL'}"
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """What a command and its children did, as strace saw it.

    `files` are the calls that opened a file for writing, made one, or changed one.
    """

    processes: int
    sockets: int
    files: tuple[str, ...] = field(default=())


def interleave(commands: Sequence[Command], rounds: int, warmups: int = 1) -> list[Measured]:
    """Run the commands in turn, `rounds` times each after `warmups` that do not count.

    Raises RuntimeError, with what the command said, where one fails.
    """
    runs: list[list[Run]] = [[] for _ in commands]
    for number in range(warmups + rounds):
        for command, own in zip(commands, runs, strict=True):
            run = once(command)
            if number >= warmups:
                own.append(run)
    return [Measured(command.label, tuple(own)) for command, own in zip(commands, runs, strict=True)]


def once(command: Command) -> Run:
    """Run a command once; raises RuntimeError, with what it said, where it fails."""
    if command.before is not None:
        command.before()
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=command.env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        # Not Popen.wait: only wait4 tells the usage of this one child.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            text = said.read().decode("utf-8", "replace")
            raise RuntimeError(f"{command.label} ended with {process.returncode}: {text}")
    return Run(seconds, usage.ru_maxrss * _RSS_UNIT)


def count(command: Command) -> Counts | None:
    """Run a command once under strace and return what it did, or None where there is no strace."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    if command.before is not None:
        command.before()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "calls")
        wanted = ",".join(f"?{call}" for call in ("execve", "socket", *CHANGES))
        done = subprocess.run(
            [strace, "-f", "-qq", "-o", str(log), "-e", f"trace={wanted}", "-e", "signal=none", *command.argv],
            cwd=command.cwd,
            env=command.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command.label} ended with {done.returncode}: {done.stderr.decode()}")
        return _counted(log.read_text(errors="replace"))


def _counted(log: str) -> Counts:
    calls: Counter[str] = Counter()
    files = []
    processes = set()
    for line in log.splitlines():
        found = _CALL.match(line)
        # A call that failed changed nothing; one that was interrupted in the log counts once, at its begin.
        if found is None or " = -1 " in line:
            continue
        name = found[1]
        processes.add(line.split(maxsplit=1)[0])
        calls[name] += 1
        if (file := written(line)) is not None:
            files.append(file)
    return Counts(len(processes), calls["socket"], tuple(files))


def written(line: str) -> str | None:
    """Return the call of a line of strace's if it opened a file for writing, made one or changed one."""
    found = _CALL.match(line)
    if found is None or " = -1 " in line or _DEVICES.search(line):
        return None
    name, rest = found.groups()
    writes = name in _CHANGING or name == "creat" or (name in _OPENING and _FOR_WRITING.search(rest) is not None)
    return f"{name}({rest}" if writes else None


def report(
    title: str, measured: Sequence[Measured], bars: Sequence[Bar], into: Path | None = None, notes: Sequence[str] = ()
) -> int:
    """Print the table and the bars, write them as JSON where asked to; return 1 if a bar is missed, else 0.

    The ratios in the table are to the first command.
    """
    print(title)
    width = max((len(label) for label in (*(m.label for m in measured), *(b.label for b in bars))), default=0)
    print(f"  {'':{width}}  {'median':>10}  {'minimum':>10}  {'ratio':>6}  {'peak':>8}  runs")
    for one in measured:
        print(
            f"  {one.label:{width}}  {_time(one.median):>10}  {_time(one.minimum):>10}  "
            f"{one.median / measured[0].median:6.2f}  {one.peak / 1e6:5.0f} MB  {len(one.runs):4}"
        )
    for bar in bars:
        print(f"  {bar.label:{width}}  {bar}")
    for note in notes:
        print(f"  {note}")
    if into is not None:
        into.parent.mkdir(parents=True, exist_ok=True)
        into.write_text(json.dumps(_document(title, measured, bars, notes), indent=1) + "\n")
    return 0 if all(bar.passed for bar in bars) else 1


def _document(title: str, measured: Sequence[Measured], bars: Sequence[Bar], notes: Sequence[str]) -> dict[str, object]:
    return {
        "title": title,
        "machine": {"system": sys.platform, "cores": os.cpu_count(), "python": sys.version.split()[0]},
        "commands": [
            {
                "label": m.label,
                "median": m.median,
                "minimum": m.minimum,
                "peak": m.peak,
                "runs": [asdict(r) for r in m.runs],
            }
            for m in measured
        ],
        "bars": [{"label": b.label, "value": b.value, "limit": b.limit, "passed": b.passed} for b in bars],
        "notes": list(notes),
    }


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def _plain(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
