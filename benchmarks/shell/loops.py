"""The loops in real shells: how long a prompt and entering plus leaving take, and what they start and write."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import harness
from benchmarks.shell import terminal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.shell.scene import Scene

#: What a loop measures: a prompt with nothing changed in the project and outside, and entering plus leaving.
PARTS = ("inside", "outside", "cycle")
_FOLDER = Path(__file__).resolve().parent
_TIME = re.compile(r"Executed in +([\d.]+) (micros|millis|secs)")
_UNITS = {"micros": 1e-6, "millis": 1e-3, "secs": 1.0}
# mise leaves shims on PATH outside of projects too.
_CHECKS = {"floor": "", "mise": "variables"}
_MARK = re.compile(r'write\(\d+, "(inside|outside|cycle)[ \d.]*\\n"')
_STARTING = re.compile(r"^(?:\d+ +)?(?:clone3?|v?fork)\(")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rounds a block has, of prompts and of entering plus leaving, and how many blocks a loop has."""

    prompts: int
    cycles: int
    blocks: int

    def of(self, part: str) -> int:
        """Return how many rounds of the part a block has."""
        return self.cycles if part == "cycle" else self.prompts


@dataclass(frozen=True, slots=True)
class Acts:
    """What one part of a loop did: processes started (threads apart), and calls that wrote files."""

    processes: int
    files: tuple[str, ...]


def timed(scene: Scene, user: str, shell: str, counts: Counts) -> dict[str, list[float]]:
    """Return the seconds that one round of each part takes, block by block.

    Raises RuntimeError where the hook does not do its work.
    """
    ended = terminal.run(_argv(shell), _env(scene, user, counts), scene.outside)
    _judge(ended, f"{user} in {shell}")
    blocks = _shown(ended.shown, counts.blocks) if shell == "fish" else _said(ended.marks)
    return {part: [seconds / counts.of(part) for seconds in all_of] for part, all_of in blocks.items()}


def _said(marks: Iterable[str]) -> dict[str, list[float]]:
    """Return the seconds of each block from marks that say the time."""
    times: dict[str, list[float]] = {part: [] for part in PARTS}
    for mark in marks:
        part, _, clock = mark.partition(" ")
        if part in times:
            times[part].append(float(clock))
    return {part: [end - begin for begin, end in pairwise(at)] for part, at in times.items()}


def _shown(terminal: str, blocks: int) -> dict[str, list[float]]:
    """Return the seconds of each block from what fish's `time` showed."""
    times = [float(number) * _UNITS[unit] for number, unit in _TIME.findall(terminal)]
    if len(times) != blocks * len(PARTS):
        raise RuntimeError(f"fish showed {len(times)} times instead of {blocks * len(PARTS)}")
    return {part: times[number * blocks : (number + 1) * blocks] for number, part in enumerate(PARTS)}


def acts(scene: Scene, user: str, shell: str, counts: Counts) -> dict[str, Acts] | None:
    """Return what each part did in all its rounds, or None where there is no strace."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    wanted = ",".join(f"?{call}" for call in ("clone", "clone3", "fork", "vfork", "write", *harness.CHANGES))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "calls")
        argv = (strace, "-f", "-qq", "-o", str(log), "-e", f"trace={wanted}", "-e", "signal=none", *_argv(shell))
        _judge(terminal.run(argv, _env(scene, user, counts), scene.outside), f"{user} in {shell} under strace")
        return read(log.read_text(errors="replace").splitlines())


def read(log: Iterable[str]) -> dict[str, Acts]:
    """Read strace's lines: what was done in the blocks of each part."""
    processes: Counter[str] = Counter()
    files: dict[str, list[str]] = {part: [] for part in PARTS}
    part, started = "", 0
    written: list[str] = []
    for line in log:
        if mark := _MARK.search(line):
            if mark[1] == part:
                processes[part] += started
                files[part] += written
            part, started, written = mark[1], 0, []
        elif " = -1 " in line:
            continue
        elif _STARTING.match(line):
            started += "CLONE_THREAD" not in line
        elif (call := harness.written(line)) is not None:
            written.append(call)
    return {part: Acts(processes[part], tuple(files[part])) for part in PARTS}


def _argv(shell: str) -> tuple[str, ...]:
    return (shell, "-i", "-c", f". '{_FOLDER / f'loop.{shell}'}'")


def _env(scene: Scene, user: str, counts: Counts) -> dict[str, str]:
    return scene.env(user) | {
        "BENCH_INSIDE": str(scene.inside),
        "BENCH_OUTSIDE": str(scene.outside),
        "BENCH_BLOCKS": str(counts.blocks),
        "BENCH_PROMPTS": str(counts.prompts),
        "BENCH_CYCLES": str(counts.cycles),
        "BENCH_CHECK": _CHECKS.get(user, "tools"),
    }


def _judge(ended: terminal.Ended, who: str) -> None:
    wrong = [mark for mark in ended.marks if mark.startswith("wrong")]
    if wrong or "done" not in ended.marks:
        raise RuntimeError(f"{who}: " + ("; ".join(wrong) or f"it stopped after {ended.marks[-1:]}"))
