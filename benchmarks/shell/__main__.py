"""Prompts, `cd`, `exec` and new shells with devshell's hook, next to direnv, mise, nix and an empty hook.

python -m benchmarks.shell [--quick] [--shells bash,zsh,fish] [--peers FOLDER] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import Bar
from benchmarks.shell import loops, peers, scene, starts
from benchmarks.shell.loops import PARTS, Counts
from benchmarks.shell.scene import SHELLS, Scene, Size
from benchmarks.shell.starts import Start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: How many times faster than the better of direnv and mise (issue: "The hook").
FASTER = {"bash": 50.0, "zsh": 50.0, "fish": 15.0}
#: `exec`: at least so much faster than mise's, and at most so many times `dash -c true`.
EXEC_FASTER, EXEC_LIMIT = 4.0, 2.5
#: Milliseconds that the hook may add to a new shell.
NEW_SHELL = 3.0
#: Times the base scene, at the same depth: nothing at a prompt depends on what else has grown.
FLAT = 1.5
GROWN = Size(levels=30, variables=200, tools=100, known=999)

USERS = ("floor", "devshell", "direnv", "mise")
_TITLES = {"inside": "prompt, inside", "outside": "prompt, outside", "cycle": "enter + leave"}
#: Rounds in one shell: many where a round takes microseconds, in blocks short enough to miss what else runs.
_OFTEN = {"bash": Counts(20, 4, 40), "zsh": Counts(20, 4, 40), "fish": Counts(20, 4, 20)}
_SELDOM = Counts(1, 1, 8)
_FEW = Counts(3, 3, 1)

_MILLI = 0.001

Times = dict[str, dict[str, float]]
#: Which one of many times stands for all.
Pick = Callable[[list[float]], float]


def main() -> int:
    """Measure, print, and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and no growth")
    parser.add_argument("--shells", default=",".join(SHELLS), metavar="LIST", help="some of bash,zsh,fish")
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="where peers are installed, kept for the next run")
    parser.add_argument(
        "--minimum", action="store_true", help="judge the shortest runs, not the medians: on a busy machine"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args()
    shells = tuple(shell for shell in SHELLS if shell in asked.shells.split(","))
    base = Path(tempfile.mkdtemp(prefix="devshell-shell-")).resolve()
    try:
        path = peers.install(asked.peers.resolve() if asked.peers else _beside(base, "peers"))
        pick = min if asked.minimum else statistics.median
        return Run(base, path, shells, pick, quick=asked.quick).all(asked.json)
    finally:
        os.chdir("/")
        for folder in (base, *(_beside(base, name) for name in ("peers", "grown"))):
            if folder.exists():
                # Trees in a store are read-only.
                subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
                shutil.rmtree(folder)


def _beside(base: Path, name: str) -> Path:
    return base.with_name(f"{base.name}-{name}")


class Run:
    """One run of the whole benchmark: what was measured, and what was promised of it."""

    def __init__(self, base: Path, path: str, shells: Sequence[str], pick: Pick, *, quick: bool) -> None:
        self._base, self._path, self._shells, self._pick, self._quick = base, path, shells, pick, quick
        self._bars: list[Bar] = []
        self._figures: dict[str, Mapping[str, object]] = {}
        # Those whose hook is of no use for lack of the shell, or because it is not there at all.
        self._failed: set[tuple[str, str]] = set()

    def all(self, into: Path | None) -> int:
        """Measure everything, print it, write it where asked to; return 1 where a bar is missed, else 0."""
        here = self._scene(self._base, Size())
        print(f"shell, with {'; '.join(peers.versions(here))}")
        print(f"  {here.size}")
        times = {shell: self._loops(here, shell, 5 if self._quick else 11) for shell in self._shells}
        for shell, one in times.items():
            self._show_loops(shell, one)
        executed = self._exec(here)
        self._new_shells(here)
        self._acts(here)
        if not self._quick:
            self._growth(times, executed)
        for bar in self._bars:
            print(f"  {bar.label:58}  {bar}")
        if into is not None:
            into.parent.mkdir(parents=True, exist_ok=True)
            bars = [{"label": b.label, "value": b.value, "limit": b.limit, "passed": b.passed} for b in self._bars]
            into.write_text(json.dumps({"figures": self._figures, "bars": bars}, indent=1) + "\n")
        return 0 if all(bar.passed for bar in self._bars) else 1

    def _scene(self, folder: Path, size: Size) -> Scene:
        made = Scene(folder, size, self._path)
        with scene.archives(folder / "archives", size.tools) as server:
            scene.create(made, server)
            peers.prepare(made)
        return made

    def _loops(self, here: Scene, shell: str, rounds: int, users: Sequence[str] = USERS) -> Times:
        """Return the time of each part for each user; infinite where the hook does not work."""
        all_of: dict[str, dict[str, list[float]]] = {user: {part: [] for part in PARTS} for user in users}
        for _ in range(rounds):
            for user in users:
                if (user, shell) in self._failed:
                    continue
                try:
                    one = loops.timed(here, user, shell, _OFTEN[shell] if user in {"floor", "devshell"} else _SELDOM)
                except RuntimeError as problem:
                    print(f"  {problem}")
                    self._failed.add((user, shell))
                    continue
                for part, seconds in one.items():
                    all_of[user][part] += seconds
        return {
            user: {part: self._pick(seconds) if seconds else math.inf for part, seconds in parts.items()}
            for user, parts in all_of.items()
        }

    def _show_loops(self, shell: str, times: Times) -> None:
        self._figures[shell] = times
        _table(shell, times, _TITLES)
        best = {part: min(times["direnv"][part], times["mise"][part]) for part in PARTS}
        for part in PARTS:
            self._bars.append(
                Bar(
                    f"{shell}: {_TITLES[part]}, times faster",
                    best[part] / times["devshell"][part],
                    FASTER[shell],
                    least=True,
                )
            )

    def _exec(self, here: Scene) -> float:
        times = self._starts(_commands(here), 20 if self._quick else 60)
        nix = Start(
            "nix develop -c true",
            ("nix", "develop", "--offline", f"path:{here.flake}", "-c", "true"),
            here.flake,
            peers.nix_env(here),
        )
        try:
            times |= self._starts([nix], 10)
        except RuntimeError as problem:
            print(f"  {problem}: it is left out")
        self._figures["exec"] = times
        _table("exec", {label: {"exec": seconds} for label, seconds in times.items()}, {"exec": "time"})
        own = times["devshell exec -- true"]
        self._bars += [
            Bar("exec: times faster than mise exec", times["mise exec -- true"] / own, EXEC_FASTER, least=True),
            Bar("exec: times dash -c true", own / times["dash -c true"], EXEC_LIMIT),
        ]
        return own

    def _new_shells(self, here: Scene) -> None:
        rounds = 15 if self._quick else 40
        rows: Times = {}
        for shell in self._shells:
            plain = {user: self._new(here, user, shell, "-i", "-c", "exit") for user in USERS}
            typed = {user: self._new(here, user, shell, "-i") for user in USERS}
            inside = [Start(one.label, one.argv, here.inside, one.env) for one in typed.values()]
            try:
                measured = {
                    "start": self._starts(list(plain.values()), rounds),
                    "outside": self._starts(list(typed.values()), rounds // 2, starts.on_a_terminal),
                    "inside": self._starts(inside, rounds // 2, starts.on_a_terminal),
                }
            except RuntimeError as problem:
                print(f"  {problem}")
                self._bars.append(Bar(f"new {shell}: ms more", math.inf, NEW_SHELL))
                continue
            for user in USERS:
                rows[f"{shell}, {user}"] = {column: times[user] for column, times in measured.items()}
            for column, title in (("start", "-i -c exit"), ("outside", "to its first prompt")):
                more = (measured[column]["devshell"] - measured[column]["floor"]) * 1000
                self._bars.append(Bar(f"new {shell}, {title}: ms more", more, NEW_SHELL))
        self._figures["new shell"] = rows
        _table(
            "a new shell",
            rows,
            {"start": "-i -c exit", "outside": "with a prompt", "inside": "in the project"},
        )

    def _starts(
        self, commands: Sequence[Start], rounds: int, once: Callable[[Start], float] = starts.spawned
    ) -> dict[str, float]:
        return {label: self._pick(times) for label, times in starts.interleave(commands, rounds, once).items()}

    def _new(self, here: Scene, user: str, shell: str, *arguments: str) -> Start:
        return Start(user, (shell, *arguments), here.outside, here.env(user))

    def _acts(self, here: Scene) -> None:
        print(f"\n  {'processes and files written, over the floor':30}")
        for shell in self._shells:
            floor = loops.acts(here, "floor", shell, _FEW)
            if floor is None:
                print("  no strace here: nothing was counted")
                return
            for user in USERS[1:]:
                if (user, shell) in self._failed:
                    continue
                own = loops.acts(here, user, shell, _FEW) or {}
                said = []
                for part in PARTS:
                    processes = (own[part].processes - floor[part].processes) / _FEW.of(part)
                    files = (len(own[part].files) - len(floor[part].files)) / _FEW.of(part)
                    said.append(f"{_TITLES[part]}: {processes:g} and {files:g}")
                    if user == "devshell":
                        self._bars += [
                            Bar(f"{shell}: {_TITLES[part]}, processes", processes, 0),
                            Bar(f"{shell}: {_TITLES[part]}, files written", files, 0),
                        ]
                        for file in own[part].files:
                            print(f"  wrote {file}")
                print(f"  {shell + ', ' + user:16} {'; '.join(said)}")

    def _growth(self, before: Mapping[str, Times], executed: float) -> None:
        """Measure the grown scene: as deep as the base, where it should cost the same, then in its depth."""
        deep = self._scene(_beside(self._base, "grown"), GROWN)
        level = replace(deep, size=replace(GROWN, levels=Size().levels))
        flat: Times = {}
        for shell in self._shells:
            times = self._loops(level, shell, 3, USERS[:2])
            flat |= {f"{shell}, {user}": one for user, one in times.items()}
            for part in ("inside", "outside"):
                ratio = times["devshell"][part] / before[shell]["devshell"][part]
                self._bars.append(Bar(f"{shell}: {_TITLES[part]}, grown / base", ratio, FLAT))
        rows = {f"{shell}, {user}": one for shell in self._shells for user, one in self._loops(deep, shell, 3).items()}
        self._figures |= {"grown": flat, "grown, deep": rows}
        for size, measured in ((level.size, flat), (deep.size, rows)):
            print(f"\n  grown: {size}", end="")
            _table("", measured, _TITLES)
        after = self._starts(_commands(deep), 20)
        _table("exec, grown", {label: {"exec": seconds} for label, seconds in after.items()}, {"exec": "time"})
        print(f"  devshell exec, grown / base: {after['devshell exec -- true'] / executed:.2f}\n")


def _commands(here: Scene) -> list[Start]:
    return [
        Start("dash -c true", ("dash", "-c", "true"), here.inside, here.env("floor")),
        Start("devshell exec -- true", ("devshell", "exec", "--", "true"), here.inside, here.env("devshell")),
        Start("mise exec -- true", ("mise", "exec", "--", "true"), here.inside, here.env("mise")),
        Start("direnv exec . true", ("direnv", "exec", ".", "true"), here.inside, here.env("direnv")),
    ]


def _table(title: str, rows: Times, columns: Mapping[str, str]) -> None:
    width = max(30, *map(len, rows))
    print(f"\n  {title:{width}}" + "".join(f"  {name:>16}" for name in columns.values()))
    for label, figures in rows.items():
        print(f"  {label:{width}}" + "".join(f"  {_time(figures[column]):>16}" for column in columns))


def _time(seconds: float) -> str:
    if math.isinf(seconds):
        return "-"
    return f"{seconds * 1000:.2f} ms" if seconds >= _MILLI else f"{seconds * 1e6:.1f} µs"


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
