"""How long commands take from nothing to their end: what `exec` costs, and a new shell."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.shell import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Start:
    """A command to time, and where."""

    label: str
    argv: tuple[str, ...]
    folder: Path
    env: Mapping[str, str]


def interleave(starts: Sequence[Start], rounds: int, once: Callable[[Start], float]) -> dict[str, list[float]]:
    """Run all in turn by `once`, after a round that fills caches; return the seconds of each run by label.

    Raises RuntimeError where one fails.
    """
    times: dict[str, list[float]] = {start.label: [] for start in starts}
    for number in range(rounds + 1):
        for start in starts:
            taken = once(start)
            if number:
                times[start.label].append(taken)
    return times


def spawned(start: Start) -> float:
    """Return the seconds that a command takes from its start to its end."""
    # Not subprocess: what it adds, a third of what `dash -c true` takes, would flatter every ratio.
    program = shutil.which(start.argv[0], path=start.env["PATH"]) or start.argv[0]
    nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    os.chdir(start.folder)
    began = time.perf_counter()
    child = os.posix_spawn(program, start.argv, start.env, file_actions=nothing)
    _, status = os.waitpid(child, 0)
    taken = time.perf_counter() - began
    if code := os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{start.label} ended with {code}")
    return taken


def on_a_terminal(start: Start) -> float:
    """Return the seconds that a shell takes from its start to its end where `exit` is typed already."""
    began = time.perf_counter()
    terminal.run(start.argv, start.env, start.folder, typed=b"exit\n")
    return time.perf_counter() - began
