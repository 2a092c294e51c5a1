"""The order of PATH: the project's tools first, one devshell, no folder that moves with the user."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from devshell import paths, shims
from devshell.doctor.finding import note, ok, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devshell.doctor.finding import Finding, Surroundings

_CONCEPT = "path"
_SHOWN = 3


def check(here: Surroundings) -> Iterator[Finding]:
    """Look at PATH as the calling shell has it."""
    entries = here.env.get("PATH", "").split(":")
    found = [*_relative(entries), *_ours_first(entries, here), *_shims(entries), *_twice(entries)]
    yield from found or [ok(_CONCEPT, f"PATH is in order ({len(entries)} folders)")]


def _relative(entries: list[str]) -> Iterator[Finding]:
    wrong = [entry for entry in entries if not os.path.isabs(entry)]
    if wrong:
        yield note(
            _CONCEPT,
            f"PATH has the entry {wrong[0]!r}, which means another folder wherever you are",
            "take it out where your shell's rc file sets PATH",
        )


def _ours_first(entries: list[str], here: Surroundings) -> Iterator[Finding]:
    ours = [entry for entry in here.env.get("DEVSHELL_PATH", "").split(":") if entry]
    missing = [entry for entry in ours if entry not in entries]
    if missing:
        yield problem(
            _CONCEPT, f"{missing[0]!r} of the active environment is not in PATH any more", "open a new shell, or `cd .`"
        )
    if not ours or missing:
        return
    last = max(entries.index(entry) for entry in ours)
    before = [entry for entry in entries[:last] if entry not in ours]
    hidden = _hidden(before, ours)
    if hidden:
        more = f" and {len(hidden) - _SHOWN} more" if len(hidden) > _SHOWN else ""
        yield problem(
            _CONCEPT,
            f"{before[0]!r} stands before the project's folders in PATH and hides {', '.join(hidden[:_SHOWN])}{more}",
            "see which prompt hook or rc line puts it there; load devshell's hook after it",
        )
    elif before:
        yield note(_CONCEPT, f"{before[0]!r} stands before the project's folders in PATH, hiding none of its tools")


def _hidden(before: list[str], ours: list[str]) -> list[str]:
    tools = {name for entry in ours for name in _programs(entry)}
    return sorted(tools.intersection(*[{name for entry in before for name in _programs(entry)}]))


def _programs(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _shims(entries: list[str]) -> Iterator[Finding]:
    place = str(shims.folder())
    if place not in entries:
        return
    tools = set(_programs(place))
    before = [entry for entry in entries[: entries.index(place)] if tools.intersection(_programs(entry))]
    # The active environment's own folders come before: these are the tools that the shims would find.
    store = paths.store_folder()
    before = [entry for entry in before if not entry.startswith(store + os.sep)]
    if before:
        name = min(tools.intersection(_programs(before[0])))
        yield note(
            _CONCEPT,
            f"{before[0]!r} stands before the folder of shims in PATH and hides its {name}",
            f'put the shims first: PATH={shlex.quote(place)}:"$PATH"',
        )


def _twice(entries: list[str]) -> Iterator[Finding]:
    found: dict[str, str] = {}
    for entry in entries:
        file = os.path.join(entry, "devshell")
        if os.path.isabs(entry) and os.path.isfile(file) and os.access(file, os.X_OK):
            found.setdefault(os.path.realpath(file), file)
    if len(found) > 1:
        first, second, *_ = found.values()
        yield note(
            _CONCEPT,
            f"there are {len(found)} different programs `devshell` in PATH; {first!r} is used, {second!r} is not",
            "remove the ones you do not use",
        )
