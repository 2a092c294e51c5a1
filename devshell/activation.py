"""Activation: from a project to a record that says it is ready, and to a changed environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import dotenv, entering, envhook, environ, generations, locking, ready, realize, shims, trust
from devshell.errors import DevshellError, Place, StateError
from devshell.files import explained, locked, make_private
from devshell.paths import project_state
from devshell.snapshot import Role
from devshell.system import host_platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devshell.environ import Plan
    from devshell.manifest import Shell, Variable
    from devshell.opening import Project
    from devshell.realize import Realized
    from devshell.session import Session
    from devshell.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Prepared:
    """A project that can be entered, and what it took to get there."""

    ready: ready.Ready
    added: int
    added_bytes: int
    absent: tuple[str, ...]


def ready_or_prepare(found: Project, shell: str | None, session: Session) -> ready.Ready:
    """Return the record of a trusted project that is ready, preparing it first where it is not."""
    found.shell(shell)
    return ready.load(found.root, shell) or prepare(found, shell, session).ready


def prepare(found: Project, shell: str | None, session: Session, *, frozen: bool = False) -> Prepared:
    """Lock what is not locked, install what is not installed, and render the record.

    `frozen` refuses to change the lock. Raises what these steps raise; whatever was ready before and
    has not changed stays ready.
    """
    if os.environ.get(envhook.RUNNING) == found.root:
        raise StateError(
            "`hooks.env` calls devshell for its own project, which is being prepared",
            hint="call the tool itself: it is on PATH there",
        )
    state = Path(project_state(found.root))
    with explained(state):
        make_private(state)
    with locked(state / ".preparing", cancelled=session.cancelled):
        found, lock = locking.current(found, session, frozen=frozen)
        wanted = found.shell(shell)
        done = realize.realize(lock, shell, wanted.tools, session, host_platform())
        if shell is None:
            generations.link_environment(found.root, done.environment, session.store.root)
            generations.record(found.snapshot, done.environment)
        plan = activation_plan(found, wanted, done)
        record = entering.render(found, shell, str(done.environment), plan)
    try:
        shims.refresh()
    except DevshellError as problem:
        session.note(f"the shims are as they were: {problem.message}")
    return Prepared(record, done.added, done.added_bytes, done.absent)


def activation_plan(found: Project, shell: Shell, done: Realized) -> Plan:
    """Return what activation does: the tools' variables, PATH, dotenv files, `[env]`, then `hooks.env`."""
    plan: list[tuple[str, ...]] = []
    store = done.environment.parent
    for part in done.parts.values():
        tree = _literal(str(store / part.store_name))
        plan += [("set", name, text.replace("${tool}", tree)) for name, text in sorted(part.block.variables.items())]
    manuals = done.environment / "share" / "man"
    if manuals.is_dir():
        # Where MANPATH is not set, `man` finds them by PATH.
        plan.append(("extend", "MANPATH", _literal(str(manuals))))
    folders = [os.path.join(found.root, entry) for entry in shell.path.prepend]
    plan.append(("path", *folders, str(done.environment / "bin")))
    plan += [("set", name, template) for name, template in dotenv.values(found.snapshot, shell.dotenv.files)]
    plan += [_operation(variable) for variable in shell.env]
    if shell.hooks.env is not None:
        place = Place(found.snapshot.one(Role.MANIFEST).path, key="hooks.env")
        inside = environ.enter(tuple(plan), os.environ, found.root, str(done.environment))
        plan += envhook.run(shell.hooks.env, inside, found.root, place)
    return tuple(plan)


def leave_or_enter(snapshot: Snapshot, shell: str | None, env: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    """Return what `env` becomes in this project, and why it is not entered if it is not.

    Only a project that is trusted and ready is entered; else what is active is left.
    """
    standing = trust.standing(snapshot)
    if standing is not trust.Standing.ALLOWED:
        refused = trust.refusal(snapshot.root, standing)
        return environ.leave(env), f"{refused.message}: {snapshot.root}; {refused.hint}"
    record = ready.load(snapshot.root, shell)
    if record is None:
        return environ.leave(env), f"{snapshot.root} is not installed; run `devshell sync`"
    return environ.enter(record.plan, env, record.root, record.environment), None


def _operation(variable: Variable) -> tuple[str, ...]:
    if variable.unset:
        return ("unset", variable.name)
    if variable.prepend is not None:
        return ("prepend", variable.name, *variable.prepend)
    if variable.default is not None:
        return ("default", variable.name, variable.default)
    return ("set", variable.name, variable.value or "")


def _literal(text: str) -> str:
    return text.replace("${", "$${")
