"""A user whose shells have the hook, with the real launcher, the real commands and real projects."""

from __future__ import annotations

import io
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.shells import bash, fish
from support.ptys import Terminal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conftest import Place

SHELLS = ("bash", "zsh", "fish")
RC = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}
LINE = {
    "bash": 'eval "$(devshell hook bash)"',
    "zsh": 'eval "$(devshell hook zsh)"',
    "fish": "devshell hook fish | source",
}
PROMPT = {
    "bash": "PS1='mine> '\n",
    "zsh": "PS1='mine> '\nunsetopt prompt_sp\n",
    "fish": "function fish_prompt; echo -n 'mine> '; end; function fish_greeting; end; function fish_title; end\n",
}
SYSTEM = "/usr/local/bin:/usr/bin:/bin"
_HOOKS = Path(__file__).resolve().parents[2] / "shell-hooks"
#: What moves a terminal's cursor, sets its colours or its title.
_ESCAPES = re.compile(r"\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)|\[[0-9;?<>=]*[ -/]*[@-~]|[()][A-Z0-9]|[=>78])")


class Session(Terminal):
    """A shell on a terminal, with all that the terminal has shown."""

    def __init__(self, shell: str, argv: list[str], env: Mapping[str, str], folder: Path) -> None:
        super().__init__(argv, env, folder)
        self.shell = shell
        self._log = io.BytesIO()
        self._child.logfile_read = self._log

    def run(self, line: str) -> bytes:
        """Run a simple command or a pipeline, wait for the prompt after it, and return what it says on both outputs."""
        output = super().run(line)
        # Whatever happens to files from now on, that prompt has not seen it.
        self.expect("mine> ")
        return output

    def do(self, line: str = "true") -> str:
        """Type a line, wait until the prompt after it has come, and return what the terminal has shown since."""
        start = len(self._log.getvalue())
        self.type(line)
        self.run("true")
        return _plain(self._log.getvalue()[start:])

    def said(self, line: str = "true") -> list[str]:
        """Do a line, and return what devshell has said until the prompt after it has come."""
        return messages(self.do(line))

    @property
    def raw(self) -> bytes:
        """All that the terminal has got so far."""
        return self._log.getvalue()

    @property
    def shown(self) -> str:
        """All that the terminal has shown so far."""
        return _plain(self._log.getvalue())

    def value(self, name: str) -> str | None:
        """Return the value of a variable that a program started now sees."""
        return self.environment().get(name)

    def cd(self, folder: Path) -> list[str]:
        """Go to a folder; return what devshell has said."""
        return self.said(f"cd {self.quote(folder)}")

    def quote(self, word: object) -> str:
        return fish.quote(str(word)) if self.shell == "fish" else bash.quote(str(word))

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.send("\x03")


@dataclass
class Hooked:
    """A user with one kind of shell; `command` is what they type for devshell, found on their PATH."""

    place: Place
    shell: str
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        install(self.place.base / "prefix")
        # Where it is missing, fish reads all man pages of the machine, in the background.
        (self.place.home / ".local" / "share" / "fish" / "generated_completions").mkdir(parents=True, exist_ok=True)
        for shell in SHELLS:
            self.rc(shell=shell)

    @property
    def command(self) -> Path:
        return self.place.base / "prefix" / "bin" / "devshell"

    @property
    def env(self) -> dict[str, str]:
        own = {"HOME": str(self.place.home), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        path = {"PATH": f"{self.command.parent}:{SYSTEM}"}
        devshell = {name: value for name, value in self.place.env.items() if name.startswith("DEVSHELL_")}
        return own | path | devshell | self.variables

    def rc(self, before: str = "", after: str = "", *, shell: str | None = None, hooked: bool = True) -> None:
        """Write the file that a shell reads first: the user's own lines around the one of the hook."""
        kind = shell or self.shell
        path = self.place.home / RC[kind]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{PROMPT[kind]}{before}\n{LINE[kind] if hooked else ''}\n{after}\n")

    def open(
        self, folder: Path | None = None, *, shell: str | None = None, env: Mapping[str, str] | None = None
    ) -> Session:
        """Open a shell in a folder, the user's home unless said otherwise, and wait for its first prompt."""
        kind = shell or self.shell
        argv = {"bash": ["bash"], "zsh": ["zsh", "-d"], "fish": ["fish"]}[kind]
        session = Session(kind, argv, self.env if env is None else env, folder or self.place.home)
        session.run("true")
        return session

    def project(self, name: str, manifest: str, *, ready: bool = True) -> Path:
        """Make a project; one that is `ready` is allowed and installed."""
        root = self.place.base.resolve() / name
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(0o755)
        write(root / "devshell.toml", manifest)
        if ready:
            self.place.run("allow", "--quiet", cwd=root).ok()
            self.place.run("sync", "--quiet", cwd=root).ok()
        return root

    def state(self, root: Path) -> Path:
        return self.place.base / "state" / "projects" / str(root).lstrip("/") / ".state"


def install(prefix: Path) -> None:
    """Lay devshell out as a package is laid out, with the launcher and the hooks of this tree."""
    for folder in ("bin", "share/devshell"):
        (prefix / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy(_HOOKS / "devshell", prefix / "bin" / "devshell")
    for shell in SHELLS:
        shutil.copy(_HOOKS / f"hook.{shell}", prefix / "share" / "devshell" / f"hook.{shell}")
    python = prefix / "bin" / "python"
    # A link would be a Python without our modules. Each start is noted.
    python.write_text(f"#!/bin/sh\necho \"$*\" >>'{prefix}/started'\nexec '{sys.executable}' \"$@\"\n")
    for program in (python, prefix / "bin" / "devshell"):
        program.chmod(0o755)


def started(user: Hooked) -> list[str]:
    """Return the arguments of each start of Python by the launcher so far."""
    log = user.place.base / "prefix" / "started"
    return log.read_text().splitlines() if log.exists() else []


def write(path: Path, text: str) -> Path:
    """Write a file that only its owner may change, whatever the umask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
    return path


def messages(shown: str) -> list[str]:
    """Return what devshell has said, of all that a terminal has shown."""
    return [line for line in shown.splitlines() if line.startswith("devshell: ")]


def _plain(raw: bytes) -> str:
    text = _ESCAPES.sub("", raw.decode("utf-8", "surrogateescape"))
    # A carriage return alone begins the line anew, as prompts do.
    return text.replace("\r\n", "\n").replace("\r", "\n")
