"""`devshell list`: the project's tools. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devshell.cli import options, render, terminal

if TYPE_CHECKING:
    from devshell.lock import Absent, Block
    from devshell.opening import Project


def list_(
    directory: options.Directory = None,
    json: options.Json = False,
) -> None:
    """List the project's tools: what is asked for, what is locked, from where, and whether it is installed."""
    from devshell.opening import open_project

    here = terminal.begin(directory)
    tools = rows(open_project(here.folder))
    if json:
        render.as_json(tools)
        return
    render.table(
        [
            [r["name"], r["request"], r["version"] or "—", r["source"] or "—", "installed" if r["installed"] else "—"]
            + ([f"shell {r['shell']}"] if r["shell"] else [""])
            for r in tools
        ],
        ["tool", "request", "locked", "source", "store", ""],
    )


def rows(found: Project) -> list[dict[str, Any]]:
    """Return a row of facts for each tool that the manifest names, as `--json` prints them."""
    from pathlib import Path

    from devshell import paths, resolve
    from devshell.lock import Block, Lock, parts
    from devshell.store import Store
    from devshell.system import host_platform

    lock = found.lock() or Lock()
    platform = host_platform()
    store = Store(Path(paths.store_folder()))
    facts = []
    for wish in resolve.wishes(found.manifest):
        entry = lock.shell_tools(wish.shell).get(wish.name)
        block: Block | Absent | None = entry.platforms.get(platform) if entry else None
        locked = block if isinstance(block, Block) else None
        part = parts(lock, wish.shell, platform).get(wish.name)
        facts.append(
            {
                "name": wish.name,
                "shell": wish.shell,
                "request": wish.request.version,
                "version": locked.version if locked else None,
                "source": locked.source if locked else None,
                "package": locked.origin.get("package") if locked else None,
                "store_path": str(store.path(part.store_name)) if part else None,
                "installed": bool(part and store.has(part.store_name)),
            }
        )
    return facts
