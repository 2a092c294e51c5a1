"""Showing what is about to be trusted: a project's content, or what changed in it since.

Every text comes from a stranger, so nothing in it acts on the terminal; values of dotenv files are
never shown.
"""

from __future__ import annotations

import difflib
import io
import os
from typing import TYPE_CHECKING

from devshell import dotenv, trust
from devshell.cli import render
from devshell.errors import DevshellError
from devshell.lock import DEPENDENCY, Block, Lock, changes, loads
from devshell.snapshot import Role
from devshell.trust import FileChange, Standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devshell.lock import Change
    from devshell.snapshot import Snapshot

#: Variables with which a project can make other programs run its code or trust its files.
DANGEROUS = frozenset(
    (
        "BASH_ENV", "CDPATH", "CLASSPATH", "DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH", "EDITOR", "ENV",
        "GCONV_PATH", "GIT_CONFIG", "GIT_CONFIG_GLOBAL", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_SSH",
        "GIT_SSH_COMMAND", "HOME", "IFS", "JAVA_TOOL_OPTIONS", "LD_AUDIT", "LD_LIBRARY_PATH", "LD_PRELOAD",
        "LESSOPEN", "NODE_EXTRA_CA_CERTS", "NODE_OPTIONS", "PAGER", "PERL5LIB", "PERL5OPT", "PROMPT_COMMAND",
        "PS1", "PS4", "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "RUBYLIB", "RUBYOPT", "SHELL", "SSH_ASKPASS",
        "SSL_CERT_DIR", "SSL_CERT_FILE", "VISUAL", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "ZDOTDIR",
    )
)  # fmt: skip
_LONGEST = 400
#: Comparing takes the square of this.
_MOST_LINES = 3000


def content(snapshot: Snapshot, standing: Standing) -> None:
    """Print what is about to be trusted; where something was trusted before, the difference."""
    render.line(f"{render.paint(render.inert(snapshot.root), 'bold')} is {standing.value}")
    for change in trust.differences(snapshot):
        _print_change(change, snapshot.root)
    _print_warnings(snapshot)


def lock_changes(found: list[Change]) -> None:
    """Print what changed in a lock, tool by tool, old → new."""
    for change in found:
        groups = {None: "", DEPENDENCY: f" {DEPENDENCY}"}
        name = change.name + groups.get(change.shell, f" (shell {change.shell})")
        old, new = change.old or "—", change.new or "—"
        text = f"{old} → {new}" if old != new else f"{new} ({change.detail})"
        render.data(f"{render.inert(name)} {render.inert(text)}")


def _print_change(change: FileChange, root: str) -> None:
    name = os.path.relpath(change.path, root) if change.path.startswith(root + "/") else change.path
    state = "new" if change.old is None else "gone" if change.new is None else "changed"
    _say(f"  {render.paint(f'{render.inert(name)} ({change.role.value}, {state})', 'bold')}")
    lines = _lines(change)
    for number, text in enumerate(lines):
        if number == _LONGEST:
            _say(f"    … and more; look at {render.inert(name)} itself")
            break
        _say(f"    {render.inert(text)}")


def _lines(change: FileChange) -> Iterator[str]:
    if change.role is Role.DOTENV:
        yield from _dotenv_names(change)
    elif change.role is Role.LOCK:
        yield from _lock_lines(change)
    elif change.role is Role.WATCH:
        # Any file can be watched, one with secrets too.
        yield f"{len(change.new or b'')} bytes"
    else:
        yield from _diff(change)


def _diff(change: FileChange) -> Iterator[str]:
    old, new = ((text or b"").decode("utf-8", "replace").splitlines() for text in (change.old, change.new))
    if change.old is None:
        yield from new
        return
    if max(len(old), len(new)) > _MOST_LINES:
        yield "too many lines to compare; look at the file itself"
        return
    yield from list(difflib.unified_diff(list(old), list(new), lineterm="", n=1))[2:]


def _dotenv_names(change: FileChange) -> Iterator[str]:
    from dotenv import dotenv_values

    old, new = (
        dotenv_values(stream=io.StringIO((text or b"").decode("utf-8", "replace")), interpolate=False)
        for text in (change.old, change.new)
    )
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name) or (name in old) != (name in new):
            yield f"{'+' if name not in old else '-' if name not in new else '~'} {name}"


def _lock_lines(change: FileChange) -> Iterator[str]:
    try:
        old, new = (Lock() if text is None else loads(text, change.path) for text in (change.old, change.new))
    except DevshellError:
        yield from _diff(change)
        return
    packages = {one.name: _packages(one, new) for one in changes(old, new)}
    for one in changes(old, new):
        origin = f" from {packages[one.name]}" if packages[one.name] else ""
        yield f"{one.name} {one.old or '—'} → {one.new or '—'}{origin}" + (f" ({one.detail})" if one.detail else "")


def _packages(change: Change, lock: Lock) -> str:
    entry = lock.tools.get(change.name) or lock.dependencies.get(change.name)
    if change.shell in lock.shells:
        entry = lock.shells[str(change.shell)].get(change.name)
    blocks = [block for block in entry.platforms.values() if isinstance(block, Block)] if entry else []
    return ", ".join(sorted({":".join(filter(None, (b.source, b.origin.get("package")))) for b in blocks}))


def _lock_variables(snapshot: Snapshot) -> set[str]:
    file = snapshot.one(Role.LOCK)
    try:
        lock = Lock() if file.content is None else loads(file.content, file.path)
    except DevshellError:
        return set()
    groups = (lock.tools, lock.dependencies, *lock.shells.values())
    blocks = (block for entries in groups for entry in entries.values() for block in entry.platforms.values())
    return {name for block in blocks if isinstance(block, Block) for name in block.variables}


def _dotenv_variables(snapshot: Snapshot) -> set[str]:
    try:
        return {name for name, _ in dotenv.values(snapshot, [file.path for file in snapshot.all(Role.DOTENV)])}
    except DevshellError:
        return set()


def _print_warnings(snapshot: Snapshot) -> None:
    from devshell import manifest

    try:
        found = manifest.parse(snapshot)
    except DevshellError:
        return
    shells = [found.base, *found.shells.values()]
    variables = (
        {v.name for shell in shells for v in shell.env} | _lock_variables(snapshot) | _dotenv_variables(snapshot)
    )
    risky = sorted(variables & DANGEROUS)
    if risky:
        _say(f"  {render.paint('it sets variables that make other programs run code', 'error')}: {', '.join(risky)}")
    if any(shell.hooks.env for shell in shells):
        _say(f"  {render.paint('its `hooks.env` runs in bash as soon as it is installed', 'error')}")
    if any(shell.hooks.activate.scripts or shell.hooks.deactivate.scripts for shell in shells):
        _say(f"  {render.paint('it brings code for your shell to run on entering and leaving', 'error')}")
    if any(shell.tasks or shell.path.prepend for shell in shells):
        _say("  not covered: code that its tasks run, and programs in the folders of [path]")


def _say(text: str) -> None:
    import sys

    sys.stderr.write(text + "\n")
