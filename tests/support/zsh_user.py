"""A person who uses zsh with the hook, and projects whose state is laid out as `devshell` does it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import environ, rendered
from devshell.shells import zsh
from devshell.shells.rendering import Completion, Entering, Waiting
from support.ptys import Terminal
from support.watched import as_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devshell.environ import Plan
    from devshell.shells.rendering import Watched

HOOK = Path(__file__).parents[2] / "shell-hooks" / "hook.zsh"
#: A time long enough ago for no file to be young.
LONG_AGO = 1_000_000_000
SYSTEM = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class User:
    """`home` is the person's; `command` is what stands in for the launcher: a program that fails, unless it is real."""

    home: Path
    command: str = "/usr/bin/false"
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        own = {"HOME": str(self.home), "PATH": SYSTEM, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        return own | {"DEVSHELL_STATE_DIR": str(self.home / "state")} | self.variables

    def writes(self, name: str, text: str) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def hook(self) -> str:
        """The line an rc file has, with what the launcher would print."""
        printed = self.writes("printed.zsh", f"__devshell_command={zsh.quote(self.command)}\n{HOOK.read_text()}")
        return f'\\eval "$(<{zsh.quote(str(printed))})"\n'

    def rc(self, before: str = "", after: str = "", *, hooked: bool = True) -> None:
        self.writes(".zshrc", f"PS1='mine> '\n{before}\n{self.hook() if hooked else ''}{after}\n")

    def shell(self, folder: Path | None = None, env: dict[str, str] | None = None) -> Terminal:
        terminal = Terminal(["/usr/bin/zsh", "-d"], self.env if env is None else env, folder or self.home)
        terminal.run("true")
        return terminal

    def script(self, code: str, env: dict[str, str] | None = None) -> bytes:
        """What an interactive zsh without a terminal says, which has read the rc file and then does `code`."""
        argv = ["/usr/bin/zsh", "-dic", code]
        env = self.env if env is None else env
        return subprocess.run(argv, env=env, cwd=self.home, capture_output=True, check=True, timeout=60).stdout

    def state(self, root: Path) -> Path:
        state = Path(f"{self.home}/state/projects{root}/.state")
        state.mkdir(parents=True, exist_ok=True)
        return state

    def project(  # noqa: PLR0913 - what a project may say
        self,
        root: Path,
        plan: Plan = (),
        watched: Sequence[str] = (),
        *,
        aliases: tuple[tuple[str, str], ...] = (),
        completions: tuple[Completion, ...] = (),
        greeting: str = "",
        activate: str = "",
        deactivate: str = "",
    ) -> Path:
        """A project that may be entered; files that are watched and missing are watched for their absence."""
        root.mkdir(parents=True, exist_ok=True)
        manifest = root / "devshell.toml"
        if not manifest.exists():
            manifest.write_text("")
            os.utime(manifest, (LONG_AGO, LONG_AGO))

        def make(folder: Path, files: tuple[Watched, ...]) -> dict[str, bytes]:
            own, name = str(folder / "zsh"), environ.prompt(str(root))
            found = Entering(own, files, str(root), "/store/env", name, plan, aliases, completions, greeting)
            return {"zsh": zsh.entering(replace(found, activate=activate, deactivate=deactivate)).encode()}

        rendered.put(self.state(root), "ready", [as_now(root / name) for name in ("devshell.toml", *watched)], make)
        return root

    def waits(self, root: Path, message: str, *, keep: bool) -> None:
        rendered.drop(self.state(root), "ready")
        files = [as_now(root / "devshell.toml")]
        rendered.put(
            self.state(root),
            "waiting",
            files,
            lambda folder, watched: {"zsh": zsh.waiting(Waiting(str(folder / "zsh"), watched, message, keep)).encode()},
        )


def completion(folder: Path, command: str, says: str) -> Completion:
    file = folder / f"_{command}"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#compdef {command}\ncompadd {says}\n")
    return Completion(str(file), (command,))
