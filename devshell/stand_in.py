"""A shim's slow half: being a program by the project of the current folder where the launcher alone cannot tell how."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from devshell import activation, environ, opening, ready
from devshell.errors import DevshellError, TrustError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from devshell.session import Session


def project_of(command: str, start: Path, session: Session, env: Mapping[str, str]) -> ready.Ready | None:
    """Return the ready project whose environment has `command`, preparing it first where it is allowed and not ready.

    None where there is none: no project, one that the user has not allowed, which is said in a line, or one without
    that command. Raises what preparing raises.
    """
    root = ready.find(os.path.realpath(start))
    if root is None:
        return None
    try:
        # Whoever calls a shim asked for that program, not for a question.
        found = opening.trusted_project(start, dataclasses.replace(session, confirm=None))
    except TrustError as refused:
        session.note(f"{_name(root)}: {refused.message}, so this is {command} from outside; {refused.hint}")
        return None
    except DevshellError:
        session.note(f"{_name(root)} is broken, so this is {command} from outside; run `devshell status`")
        return None
    record = activation.ready_or_prepare(found, None, session)
    return record if brings(record, command, env) else None


def brings(record: ready.Ready, command: str, env: Mapping[str, str]) -> bool:
    """Return whether a folder that the project puts into PATH has the command."""
    entries = environ.enter(record.plan, env, record.root, record.environment).get("DEVSHELL_PATH", "")
    found = (os.path.join(entry, command) for entry in entries.split(":"))
    return any(os.path.isfile(path) and os.access(path, os.X_OK) for path in found)


def _name(root: str) -> str:
    return environ.prompt(root) or "/"
