"""How long other extensions of VS Code wait for ours: its question at the start, next to `dash -c true`.

python -m benchmarks.vscode [--rounds N] [--json FILE]

Both are started by the same node, in turn, by `execFileSync`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import harness
from benchmarks.startup import EXAMPLE, environment, program

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPT = Path(__file__).with_suffix(".js")
#: Times the baseline (issue: "VS Code and the other editors"); processes are counted, not timed.
LIMIT = 3.0
VARIABLES = 10
#: How often Python may answer first, which writes down what the launcher then says.
TRIES = 100


def main() -> int:
    """Measure, print, and return 1 where a bar is missed, or where there is no node."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args()
    node = shutil.which("node")
    if node is None:
        print('vscode: there is no node on PATH; try: PATH="$(scripts/tools):$PATH"', file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="benchmark-vscode-") as folder:
        return measure(Path(folder), node, asked.rounds, asked.json)


def measure(base: Path, node: str, rounds: int, into: Path | None) -> int:
    """Prepare a project in `base`, then measure it."""
    project = base / "project"
    shutil.copytree(EXAMPLE, project)
    with (project / "devshell.toml").open("a") as manifest:
        manifest.writelines(["\n[env]\n", *(f'NAME_{number} = "value {number}"\n' for number in range(VARIABLES))])
    env = environment(base)
    devshell = program()
    for word in ("allow", "sync"):
        harness.once(harness.Command(word, (*devshell, word), project, env))
    question = (*devshell, "-C", str(project), "export", "json", "--full")
    asked = harness.Command("question", question, Path("/"), env)
    counts = settled(asked)
    bars = []
    notes = ["no strace here: processes, sockets and files were not counted"]
    if counts is not None:
        notes = [f"the question wrote: {call}" for call in counts.files]
        bars = [
            harness.Bar("question: processes", counts.processes, 1),
            harness.Bar("question: sockets", counts.sockets, 0),
            harness.Bar("question: files written", len(counts.files), 0),
        ]
    baseline, measured = times((node, str(SCRIPT), devshell[0], str(project), str(rounds)), env)
    ratio = measured.median / baseline.median
    return harness.report(
        "start of VS Code",
        (baseline, measured),
        [harness.Bar("question / baseline", ratio, LIMIT), *bars],
        into,
        [*notes, "peaks are not measured"],
    )


def settled(asked: harness.Command) -> harness.Counts | None:
    """Ask until the launcher answers alone, and return what that did; None where there is no strace."""
    counts = None
    for _ in range(TRIES):
        counts = harness.count(asked)
        if counts is None:
            harness.once(asked)
        elif not counts.files:
            break
    return counts


def times(argv: tuple[str, ...], env: Mapping[str, str]) -> tuple[harness.Measured, harness.Measured]:
    """Run the script; return the baseline and the question."""
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{argv[0]} ended with {done.returncode}: {done.stderr.decode()}")
    said = json.loads(done.stdout)
    labels = {"process": "dash -c true", "question": "question at the start"}
    baseline, question = (
        harness.Measured(label, tuple(harness.Run(each / 1000, 0) for each in said[name]))
        for name, label in labels.items()
    )
    return baseline, question


if __name__ == "__main__":
    sys.exit(main())
