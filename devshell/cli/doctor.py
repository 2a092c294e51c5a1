"""`devshell doctor`: what stands in the way on this machine, and how to mend it. Reads only."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from devshell.cli import options, render, terminal
from devshell.quick import count

if TYPE_CHECKING:
    from devshell.doctor import Finding

_MARKS = {"ok": "good", "note": "hint", "problem": "error"}


def doctor(
    network: Annotated[bool, typer.Option("--network", help="Also try to reach the configured indexes.")] = False,
    directory: options.Directory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Look at shells, PATH, store, indexes, clock and disk; exit 1 where something is wrong."""
    from devshell.doctor import Level, Surroundings, examine

    here = terminal.begin(directory, quiet=quiet)
    env = terminal.step_outside()
    findings = []
    for finding in examine(Surroundings(str(here.folder), env), network=network):
        findings.append(finding)
        if not json:
            _print(finding, here)
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    if json:
        render.as_json({"findings": [_plain(finding) for finding in findings], "problems": problems})
    else:
        here.note(count(problems, "problem") if problems else "no problems")
    return 1 if problems else 0


def _print(finding: Finding, here: terminal.Terminal) -> None:
    if here.quiet and finding.level != "problem":
        return
    level = render.paint(f"{finding.level.value:<8}", _MARKS[finding.level.value], stream=sys.stdout)
    render.data(f"{level} {finding.concept:<8} {_line(finding.text)}")
    if finding.mend:
        render.data(f"{'':<17} → {_line(finding.mend)}")


def _line(text: str) -> str:
    return render.inert(text).replace("\n", "\\n")


def _plain(finding: Finding) -> dict[str, str | None]:
    return {
        "concept": finding.concept,
        "level": finding.level.value,
        "text": _line(finding.text),
        "mend": finding.mend and _line(finding.mend),
    }
