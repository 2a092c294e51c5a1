"""What a shell with the hook should hold, worked out by `devshell.environ`: the model that real shells are held to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from devshell import environ, ready

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Shell:
    """The variables of one shell, and the rendering that is active in it.

    `env` is exported, `own` is set and not exported; `kept` is what was that before the project took its name.
    """

    env: Mapping[str, str]
    own: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    active: str | None = None
    cwd: str = ""

    def child(self) -> Shell:
        """Return what a shell started here begins with."""
        return Shell(self.env, cwd=self.cwd)

    def sets(self, name: str, value: str) -> Shell:
        own = {n: v for n, v in self.own.items() if n != name}
        return replace(self, env={**self.env, name: value}, own=own)

    def sets_own(self, name: str, value: str) -> Shell:
        return replace(self, own={**self.own, name: value})

    def unsets(self, name: str) -> Shell:
        env, own = ({n: v for n, v in values.items() if n != name} for values in (self.env, self.own))
        return replace(self, env=env, own=own)

    def left(self) -> Shell:
        env = environ.leave(self.env)
        back = {
            name: value
            for name, value in self.kept.items()
            # The user's own change stays, also where it was to take the variable away.
            if self.env.get(name) == self.env.get(f"DEVSHELL_NEW_{name}") and name not in env
        }
        return replace(self, env=env, own={**self.own, **back}, kept={}, active=None)

    def entered(self, plan: environ.Plan, root: str, environment: str, token: str) -> Shell:
        before = self.left()
        env = environ.enter(plan, before.env, root, environment)
        names = env["DEVSHELL_NAMES"].split()
        kept = {name: value for name, value in before.own.items() if name in names}
        own = {name: value for name, value in before.own.items() if name not in names}
        return replace(before, env=env, own=own, kept=kept, active=token)

    def at_prompt(self, state: Path, root: str | None) -> Shell:
        """Return what it is after a prompt in the project at `root`, whose `state` the hook has brought up to date."""
        if root is None:
            return self.left()
        record, token = state / "ready", _token(state / "ready")
        if token is not None and not (state / "waiting").exists():
            if token == self.active:
                return self
            found = ready.decode((record / "record").read_bytes())
            assert found is not None
            return self.entered(found.plan, found.root, found.environment, token)
        return self.left()


def _token(link: Path) -> str | None:
    try:
        return os.readlink(link)
    except OSError:
        return None
