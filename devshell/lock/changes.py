"""What changed between two locks, tool by tool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from devshell.lock.model import Absent, Entry, Lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


#: Stands for a shell's name where the change is in what tools depend on; no shell can be called so.
DEPENDENCY = "(dependency)"


@dataclass(frozen=True, slots=True)
class Change:
    """One tool's change; `old` or `new` is None where it was added or removed.

    `detail` says what changed where the versions did not: the source, the files, the platforms.
    """

    shell: str | None
    name: str
    old: str | None
    new: str | None
    detail: str = ""


def changes(old: Lock, new: Lock) -> list[Change]:
    """Return every tool that differs, the project's own shell first, each sorted by name."""
    found = list(_group(None, old.tools, new.tools))
    for shell in sorted({*old.shells, *new.shells}):
        found += _group(shell, old.shells.get(shell, {}), new.shells.get(shell, {}))
    return found + list(_group(DEPENDENCY, old.dependencies, new.dependencies))


def _group(shell: str | None, old: Mapping[str, Entry], new: Mapping[str, Entry]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        old_text, new_text = _text(before), _text(after)
        detail = _detail(before, after) if before and after and old_text == new_text else ""
        yield Change(shell, name, old_text, new_text, detail)


def _text(entry: Entry | None) -> str | None:
    return None if entry is None else ", ".join(entry.versions) or "absent"


def _detail(old: Entry, new: Entry) -> str:
    if set(old.platforms) != set(new.platforms):
        added = sorted(set(new.platforms) - set(old.platforms))
        removed = sorted(set(old.platforms) - set(new.platforms))
        return "platforms " + " ".join([f"+{p}" for p in added] + [f"-{p}" for p in removed])
    if old.platforms == new.platforms:
        return f"request {old.request} → {new.request}" if old.request != new.request else "options"
    sources = [{b.source for b in e.platforms.values() if not isinstance(b, Absent)} for e in (old, new)]
    if sources[0] != sources[1]:
        return f"source {', '.join(sorted(sources[0]))} → {', '.join(sorted(sources[1]))}"
    return _parts_that_differ(old, new)


def _parts_that_differ(old: Entry, new: Entry) -> str:
    words = {
        "artifacts": "other files of the same version",
        "origin": "another package",
        "strip": "strip",
        "bin": "commands",
        "variables": "variables",
        "fixups": "fix-ups",
        "dependencies": "dependencies",
        "build": "build",
    }
    differing = [
        word
        for field, word in words.items()
        if any(getattr(old.platforms[p], field, None) != getattr(new.platforms[p], field, None) for p in old.platforms)
    ]
    return ", ".join(differing) or "platforms"
