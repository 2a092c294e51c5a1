"""How long `sync` with nothing to do, and `exec` of a ready project, take next to an empty Python.

python -m benchmarks.startup [--rounds N] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import harness

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "minimal"
#: Times the baseline (issue: "The core"); sockets and files are counted, not timed.
SYNC_LIMIT, EXEC_LIMIT = 3.0, 2.0


def main() -> int:
    """Measure, print, and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="devshell-startup-") as folder:
        return measure(Path(folder), asked.rounds, asked.json)


def measure(base: Path, rounds: int, into: Path | None) -> int:
    """Prepare a project in `base`, then measure it."""
    project = base / "project"
    shutil.copytree(EXAMPLE, project)
    env = environment(base)
    devshell = program()
    for words in (("allow",), ("sync",)):
        harness.once(harness.Command(" ".join(words), (*devshell, *words), project, env))
    baseline = harness.Command("python -c pass", (sys.executable, "-c", "pass"), project, env)
    sync = harness.Command("sync, nothing to do", (*devshell, "sync"), project, env)
    execute = harness.Command("exec true, ready", (*devshell, "exec", "--", "true"), project, env)
    measured = harness.interleave((baseline, sync, execute), rounds, warmups=3)
    empty, synced, executed = (one.median for one in measured)
    bars = [
        harness.Bar("sync / baseline", synced / empty, SYNC_LIMIT),
        harness.Bar("exec / baseline", executed / empty, EXEC_LIMIT),
    ]
    notes = []
    for command in (sync, execute):
        counts = harness.count(command)
        if counts is None:
            notes.append("no strace here: sockets and files were not counted")
            break
        bars.append(harness.Bar(f"{command.label}: sockets", counts.sockets, 0))
        bars.append(harness.Bar(f"{command.label}: files written", len(counts.files), 0))
        notes += [f"{command.label} wrote: {call}" for call in counts.files]
    return harness.report("start-up", measured, bars, into, notes)


def environment(base: Path) -> dict[str, str]:
    """Return this process's variables with devshell's folders in `base`."""
    own = {f"DEVSHELL_{name}_DIR": str(base / name.lower()) for name in ("DATA", "CACHE", "STATE", "CONFIG")}
    return {name: value for name, value in os.environ.items() if not name.startswith("DEVSHELL_")} | own


def program() -> tuple[str, ...]:
    """Return the `devshell` command of the environment this Python is of."""
    installed = Path(sys.executable).with_name("devshell")
    return (str(installed),) if installed.exists() else (sys.executable, "-m", "devshell")


if __name__ == "__main__":
    sys.exit(main())
