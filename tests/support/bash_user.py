"""A person who uses bash with the hook, and projects whose state is laid out as `devshell` does it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devshell import environ, rendered
from devshell.enter import hook
from devshell.shells import bash
from devshell.shells.rendering import Completion, Entering, Waiting
from support import zsh_user
from support.ptys import Terminal
from support.watched import as_now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from devshell.environ import Plan
    from devshell.shells.rendering import Watched

#: Another bash to try, such as an old one.
BASH = os.environ.get("DEVSHELL_TEST_BASH", "/bin/bash")


@dataclass
class User(zsh_user.User):
    """As the one of zsh, with bash's files."""

    def hook(self) -> str:
        """The line an rc file has, with what the launcher would print."""
        with open(hook("hook.bash"), encoding="utf-8") as opened:
            printed = self.writes("printed.bash", f"__devshell_command={bash.quote(self.command)}\n{opened.read()}")
        return f'\\eval "$(<{bash.quote(str(printed))})"\n'

    def rc(self, before: str = "", after: str = "", *, hooked: bool = True) -> None:
        self.writes(".bashrc", f"PS1='mine> '\n{before}\n{self.hook() if hooked else ''}{after}\n")

    def argv(self, *more: str) -> list[str]:
        return [BASH, "--rcfile", f"{self.home}/.bashrc", *more]

    def shell(self, folder: Path | None = None, env: dict[str, str] | None = None) -> Terminal:
        terminal = Terminal(self.argv("-i"), self.env if env is None else env, folder or self.home)
        terminal.run("true")
        return terminal

    def script(self, code: str, env: dict[str, str] | None = None) -> bytes:
        """What an interactive bash without a terminal says, which has read the rc file and then does `code`."""
        env = self.env if env is None else env
        ran = subprocess.run(
            self.argv("-ic", code), env=env, cwd=self.home, capture_output=True, check=True, timeout=60
        )
        return ran.stdout

    def project(self, root: Path, plan: Plan = (), watched: Sequence[str] = (), **more: Any) -> Path:  # noqa: ANN401 - the fields of `Entering`
        """A project that may be entered; files that are watched and missing are watched for their absence."""
        named = more.pop("named", "")
        root.mkdir(parents=True, exist_ok=True)
        manifest = root / "devshell.toml"
        if not manifest.exists():
            manifest.write_text("")
            os.utime(manifest, (zsh_user.LONG_AGO, zsh_user.LONG_AGO))

        def make(folder: Path, files: tuple[Watched, ...]) -> dict[str, bytes]:
            own, name = str(folder / "bash"), environ.prompt(str(root))
            found = Entering(own, files, str(root), f"/store/{name}", name, plan, **more)
            return {"bash": os.fsencode(bash.entering(found))}

        kind = f"ready.{named}" if named else "ready"
        rendered.put(self.state(root), kind, [as_now(root / name) for name in ("devshell.toml", *watched)], make)
        return root

    def waits(self, root: Path, message: str, *, keep: bool) -> None:
        rendered.drop(self.state(root), "ready")
        files = [as_now(root / "devshell.toml")]

        def make(folder: Path, watched: tuple[Watched, ...]) -> dict[str, bytes]:
            return {"bash": os.fsencode(bash.waiting(Waiting(str(folder / "bash"), watched, message, keep)))}

        rendered.put(self.state(root), "waiting", files, make)


def completion(folder: Path, command: str, says: str) -> Completion:
    """Write a completion as packages bring it."""
    file = folder / command
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(f"_{command}() {{ COMPREPLY=({says}); }}\ncomplete -F _{command} {command}\n")
    return Completion(str(file), (command,))
