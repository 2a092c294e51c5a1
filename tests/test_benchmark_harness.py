"""The harness measures what it says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import harness

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")


def python(folder: Path, label: str, code: str) -> harness.Command:
    return harness.Command(label, (sys.executable, "-I", "-S", "-c", code), folder, dict(os.environ))


def test_commands_run_in_turn_and_warm_ups_do_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    commands = [python(tmp_path, name, f"open('log', 'a').write('{name}')") for name in ("a", "b")]
    measured = harness.interleave(commands, rounds=3, warmups=1)
    assert log.read_text() == "abababab"
    assert [(one.label, len(one.runs)) for one in measured] == [("a", 3), ("b", 3)]
    assert all(0 < one.minimum <= one.median for one in measured)


def test_before_runs_in_front_of_every_run(tmp_path: Path) -> None:
    command = harness.Command(
        "a",
        (sys.executable, "-c", "import os; os.mkdir('x')"),
        tmp_path,
        dict(os.environ),
        lambda: drop(tmp_path / "x"),
    )
    assert len(harness.interleave([command], 2)[0].runs) == 2


def drop(folder: Path) -> None:
    if folder.exists():
        folder.rmdir()


PEAKS = """
import json, os, sys
from pathlib import Path
from benchmarks import harness

def python(label, code):
    return harness.Command(label, (sys.executable, "-c", code), Path(sys.argv[1]), os.environ)

large = f"x = b'x' * {sys.argv[2]}"
nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {large!r}])"
commands = [python("small", "pass"), python("direct", large), python("nested", nested)]
print(json.dumps([one.peak for one in harness.interleave(commands, rounds=1, warmups=0)]))
"""


def test_the_peak_is_the_childs_own_and_its_childrens(tmp_path: Path) -> None:
    size = 300_000_000
    # In a process of its own: a child's peak is at least what its parent used, and a worker of the tests may use much.
    root = Path(harness.__file__).parent.parent
    said = subprocess.run(
        [sys.executable, "-c", PEAKS, tmp_path, str(size)],
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
        capture_output=True,
    )
    small, direct, nested = json.loads(said.stdout)
    assert direct > size
    assert nested > size
    assert small < size


def test_a_command_that_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"broken ended with 3: why\b"):
        harness.once(python(tmp_path, "broken", "import sys; print('why'); sys.exit(3)"))


@needs_strace
def test_strace_counts_processes_sockets_and_files(tmp_path: Path) -> None:
    quiet = harness.count(python(tmp_path, "quiet", "open('/dev/null', 'w'); open('/proc/self/stat')"))
    assert quiet == harness.Counts(1, 0, ())
    busy = harness.count(
        python(
            tmp_path,
            "busy",
            "import os, socket; socket.socket(); open('made', 'w'); os.mkdir('folder'); os.rename('made', 'moved');"
            "os.access('no', 0); os.waitpid(os.posix_spawn('/bin/sh', ['sh', '-c', ':'], {}), 0)",
        )
    )
    assert busy is not None
    assert (busy.processes, busy.sockets) == (2, 1)
    assert len(busy.files) == 3
    assert all(name in call for name, call in zip(("made", "folder", "moved"), busy.files, strict=True))


def test_without_strace_nothing_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert harness.count(python(tmp_path, "any", "pass")) is None


def test_the_report_judges_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tuple(harness.Run(seconds, 20_000_000) for seconds in (0.010, 0.030, 0.020))
    slow = tuple(harness.Run(run.seconds * 200, 50_000_000) for run in runs)
    measured = [harness.Measured("empty", runs), harness.Measured("slow", slow)]
    bars = [harness.Bar("ratio", 200.0, 200.0), harness.Bar("sockets", 1, 0)]
    into = tmp_path / "deep" / "report.json"
    assert harness.report("title", measured, bars, into, ["a note"]) == 1
    printed = capsys.readouterr().out
    assert "20.0 ms" in printed
    assert "4.00 s" in printed
    assert "200.00" in printed
    assert "ratio    200, at most 200: pass" in printed
    assert "sockets  1, at most 0: FAIL" in printed
    written = json.loads(into.read_text())
    assert written["commands"][1]["median"] == 4.0
    assert [len(command["runs"]) for command in written["commands"]] == [3, 3]
    assert [bar["passed"] for bar in written["bars"]] == [True, False]
    assert harness.report("title", measured, bars[:1]) == 0
