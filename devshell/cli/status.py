"""`devshell status`: where the project stands. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devshell.cli import options, render, terminal

if TYPE_CHECKING:
    from devshell.opening import Project
    from devshell.snapshot import Snapshot
    from devshell.trust import Settled, Standing


def status(
    directory: options.Directory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say which project this is, whether it is allowed, locked and installed, and what to type next."""
    from devshell import project, trust
    from devshell.errors import DevshellError
    from devshell.opening import checked

    here = terminal.begin(directory, quiet=quiet)
    snapshot = project.read(project.find(here.folder))
    standing = trust.standing(snapshot)
    settled = trust.Settled() if standing is trust.Standing.ALLOWED else _settled(snapshot)
    facts: dict[str, Any] = {
        "project": snapshot.root,
        "trust": standing.value,
        "trusted_by": settled.setting,
        "trust_objection": settled.objection,
    }
    try:
        facts |= _facts(checked(snapshot))
    except DevshellError as problem:
        render.error(problem)
        facts |= {"manifest": "broken", "lock": "unknown", "environment": None, "installed": False}
    facts["next"] = _next(facts, allowed=standing is trust.Standing.ALLOWED or bool(settled))
    if json:
        render.as_json(facts)
        return
    facts["trust"] = _trust(standing, settled)
    for key in ("project", "trust", "manifest", "lock", "environment", "next"):
        # A line break in a path would make a line that nobody wrote.
        value = render.inert(str(facts[key] or "not installed")).replace("\n", "\\n")
        render.data(f"{key:<12} {value}")


def _settled(snapshot: Snapshot) -> Settled:
    from devshell import config, trust
    from devshell.errors import DevshellError

    try:
        return trust.by_settings(snapshot, config.load(config.config_file()))
    except DevshellError as problem:
        # What cannot be read allows nothing.
        render.error(problem)
        return trust.Settled()


def _trust(standing: Standing, settled: Settled) -> str:
    if settled:
        return f"{standing.value}, but your `{settled.setting}` allows it: the next command that acts will go on"
    return standing.value if settled.objection is None else f"{standing.value}; {settled.objection}"


def _facts(found: Project) -> dict[str, Any]:
    from devshell import ready, resolve
    from devshell.errors import DevshellError, NewerLockError
    from devshell.quick import count

    facts: dict[str, Any] = {"manifest": count(len(found.manifest.base.tools), "tool")}
    try:
        lock = found.lock()
        reasons = ["there is none yet"] if lock is None else resolve.stale(found.manifest, lock)
        facts["lock"] = "current" if not reasons else "; ".join(reasons)
    except NewerLockError as problem:
        render.error(problem)
        facts["lock"] = "from a newer devshell"
    except DevshellError as problem:
        render.error(problem)
        facts["lock"] = "broken"
    record = ready.load(found.root)
    return facts | {"environment": record.environment if record else None, "installed": record is not None}


def _next(facts: dict[str, Any], *, allowed: bool) -> str:
    if facts["manifest"] == "broken":
        return "mend devshell.toml"
    if not allowed:
        return "devshell allow"
    if facts["lock"] == "broken":
        return "devshell lock --resolve"
    if facts["lock"] == "from a newer devshell":
        return "upgrade devshell"
    return "nothing to do" if facts["installed"] else "devshell sync"
