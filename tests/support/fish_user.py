"""Someone who uses fish with the hook, and projects whose state is laid out as devshell lays it out."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypedDict, Unpack

from devshell import environ, rendered
from devshell.enter import hook
from devshell.shells import fish
from devshell.shells.rendering import Completion, Entering, Waiting
from support.ptys import Terminal
from support.watched import as_now

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from devshell.environ import Plan
    from devshell.shells.rendering import Watched
    from devshell.snapshot import File

SYSTEM = "/usr/local/bin:/usr/bin:/bin"
PROMPT = "function fish_prompt; echo -n '> '; end; function fish_greeting; end; function fish_title; end\n"
LONG_AGO = 1_600_000_000_123_456_789


class More(TypedDict, total=False):
    """What a project may have beside variables: fields of `Entering`."""

    aliases: tuple[tuple[str, str], ...]
    completions: tuple[Completion, ...]
    activate: str
    deactivate: str


@dataclass
class Project:
    """A folder with a `devshell.toml`, and its private state."""

    root: Path
    state: Path

    def write(self, name: str, text: str, *, at: int | None = LONG_AGO) -> Path:
        """Write a file; `at` is the time of its last change in nanoseconds, None for now."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if at is not None:
            os.utime(path, ns=(at, at))
        return path

    def files(self, names: Iterable[str]) -> list[File]:
        """Return what is watched: files as they are now."""
        return [as_now(self.root / name) for name in names]

    def allow(
        self, *plan: tuple[str, ...], watch: Iterable[str] = ("devshell.toml",), named: str = "", **more: Unpack[More]
    ) -> None:
        """Make it ready to be entered; `named` is a shell of its own."""

        def make(folder: Path, watched: tuple[Watched, ...]) -> Mapping[str, bytes]:
            return {"fish": self.script(str(folder / "fish"), watched, plan, **more).encode()}

        self.state.mkdir(parents=True, exist_ok=True)
        rendered.drop(self.state, "waiting")
        rendered.put(self.state, f"ready.{named}" if named else "ready", self.files(watch), make)

    def script(self, own: str, watched: tuple[Watched, ...], plan: Plan, **more: Unpack[More]) -> str:
        root = str(self.root)
        name = environ.prompt(root)
        base = Entering(own, watched, root, f"/store/{name}", name, plan, greeting=f"devshell: {name} (tools)")
        return fish.entering(replace(base, **more))

    def wait(self, message: str, *, keep: bool = False, watch: Iterable[str] = ("devshell.toml",)) -> None:
        """Let it not be entered, for the reason given."""

        def make(folder: Path, watched: tuple[Watched, ...]) -> Mapping[str, bytes]:
            return {"fish": fish.waiting(Waiting(str(folder / "fish"), watched, message, keep)).encode()}

        self.state.mkdir(parents=True, exist_ok=True)
        rendered.drop(self.state, "ready")
        rendered.put(self.state, "waiting", self.files(watch), make)

    def deny(self) -> None:
        (self.state / "denied").touch()
        rendered.drop(self.state, "ready", "waiting")


@dataclass
class FishUser:
    """A home with the hook in fish's configuration, and shells started there.

    What the hook asks devshell is noted, and answered with nothing: these are the tests of the hook alone.
    """

    base: Path
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Where it is missing, fish reads all man pages of the machine, in the background.
        (self.home / ".local" / "share" / "fish" / "generated_completions").mkdir(parents=True, exist_ok=True)
        self.command.write_text('#!/bin/sh\necho "$PWD $* ${DEVSHELL_QUIET-}" >>"$0.log"\n')
        self.command.chmod(0o755)
        code = f"set -g __devshell_command {fish.quote(str(self.command))}\n"
        with open(hook("hook.fish"), encoding="utf-8") as opened:
            (self.home / "hook.fish").write_text(code + opened.read())
        self.configure("source ~/hook.fish\n")

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def command(self) -> Path:
        """What the hook calls for all that it cannot do itself."""
        return self.base / "asked devshell"

    @property
    def env(self) -> dict[str, str]:
        own = {"HOME": str(self.home), "PATH": SYSTEM, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        return own | {"DEVSHELL_STATE_DIR": str(self.base / "state")} | self.extra

    def asked(self) -> list[str]:
        """Return what the hook has asked devshell so far: each time the folder and the arguments."""
        log = self.base / "asked devshell.log"
        return log.read_text().splitlines() if log.exists() else []

    def configure(self, text: str) -> None:
        folder = self.home / ".config" / "fish"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.fish").write_text(PROMPT + text)

    def project(self, name: str = "proj") -> Project:
        root = self.base.resolve() / name
        root.mkdir(parents=True, exist_ok=True)
        state = self.base / "state" / "projects" / str(root).lstrip("/") / ".state"
        made = Project(root, state)
        made.write("devshell.toml", "")
        return made

    def shell(self, folder: Path | None = None, /, **env: str) -> Terminal:
        return Terminal(["fish"], self.env | env, folder or self.home)


def completion(folder: Path, command: str, words: str) -> Completion:
    """Write a completion as packages bring it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{command}.fish"
    path.write_text(f"complete -c {command} -f -a '{words}'\n")
    return Completion(str(path), (command,))


def value(shell: Terminal, name: str) -> str | None:
    """Return what a program sees that is started at a new prompt."""
    shell.run("true")
    return shell.environment().get(name)


def said(shell: Terminal, line: str) -> str:
    return shell.run(f"begin; {line}; end").decode()


# Everything a shell is made of; less what commands change, our own variables, and where a copy was made.
STATE = (
    "set --show; functions -n -a | string split ', '; complete; bind; abbr; trap -l; "
    "for f in (functions -n | string split ', '); functions $f; end"
)
PASSING = re.compile(
    r"^\$(__devshell_|_:|_\[|COLUMNS|LINES|CMD_DURATION|PWD|dirprev|dirnext|__fish_cd|history|status|pipestatus|"
    r"fish_kill|__fish_active|__fish_last|fish_pid|status_generation|f:|f\[|_OLD|DEVSHELL_STATE_DIR|__fish_added)"
)


def state(shell: Terminal) -> list[str]:
    """Return all that a shell is made of."""
    # The first time, fish reads all functions there are, and some set variables then.
    said(shell, STATE)
    return passing(said(shell, STATE))


def passing(text: str) -> list[str]:
    """Return the lines of what `STATE` says, sorted, less those that pass."""
    # The dots stand where a list of ours was cut short.
    ours = ("# Defined", "__devshell_", "⋯")
    return sorted(line for line in text.splitlines() if not PASSING.match(line) and not line.startswith(ours))


def shown(shell: Terminal) -> str:
    """Return what the terminal showed before what was last waited for."""
    assert isinstance(shell._child.before, bytes)
    return shell._child.before.decode()
