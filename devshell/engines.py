"""Engines: the programs devshell itself works with, pinned by its own lock, never the host's or a project's.

uv comes with devshell as an exact dependency; what does not exist as one, such as npm with its node,
stands in `engines.lock` beside this module, which is a lock like a project's.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from devshell import realize
from devshell.lock import Lock, loads
from devshell.system import host_platform

if TYPE_CHECKING:
    from pathlib import Path

    from devshell.session import Session

_FILE = "engines.lock"


def folder(name: str, session: Session) -> Path:
    """Bring an engine into the store, if it is not there, and return the folder of its commands.

    Raises what `realize.realize` raises.
    """
    locked = lock()
    only = Lock(tools={name: locked.tools[name]}, dependencies=locked.dependencies)
    return realize.realize(only, None, {}, session, host_platform()).environment / "bin"


@cache
def lock() -> Lock:
    """Return devshell's own engine lock."""
    content = (resources.files("devshell") / _FILE).read_bytes()
    return loads(content, _FILE)
