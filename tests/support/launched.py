"""The launcher in a folder of its own, beside a stand-in for Python that tells what it got, and a ready project."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import answer, environ, ready
from devshell.shells import posix
from devshell.shells.rendering import Entering, Watched

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LAUNCHER = Path(__file__).resolve().parents[2] / "shell-hooks" / "devshell"
ANSWER = LAUNCHER.with_name("answer.sh")
#: What the stand-in leaves with, which nothing else does.
HANDED_ON = 97
SYSTEM = "/usr/local/bin:/usr/bin:/bin"
#: What a shell itself keeps up to date in its environment.
OWN = ("PWD", "OLDPWD", "_", "SHLVL")


def same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    # As bytes: some that are no UTF-8 apart are UTF-8 in a row.
    first, second = ({n: os.fsencode(v) for n, v in env.items() if n not in OWN} for env in (one, other))
    return first == second


@dataclass(frozen=True)
class Ran:
    """What the launcher did: what it printed, or the arguments and the environment that Python got."""

    code: int
    out: bytes
    err: str

    @property
    def handed_on(self) -> bool:
        return self.code == HANDED_ON

    @property
    def words(self) -> list[str]:
        """Return Python's arguments."""
        assert self.handed_on, self
        return [os.fsdecode(word) for word in self.out.partition(b"\0\0")[0].split(b"\0")]

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment that `env -0` printed, or that Python got."""
        text = self.out.partition(b"\0\0")[2] if self.handed_on else self.out
        assert self.handed_on or self.code == 0, self
        return {os.fsdecode(n): os.fsdecode(v) for n, _, v in (line.partition(b"=") for line in text.split(b"\0")) if n}


@dataclass
class Launched:
    """A place with the launcher, run by `sh`, and one project that is laid out by `ready`."""

    base: Path
    sh: tuple[str, ...] = ()
    watched: list[Watched] = field(default_factory=list)
    #: Whether what was rendered last is the launcher's to serve.
    served: bool = False

    def __post_init__(self) -> None:
        self.program = self.base / "bin" / "devshell"
        self.program.parent.mkdir(parents=True)
        self.program.write_bytes(LAUNCHER.read_bytes())
        self.program.chmod(0o755)
        stand_in = self.program.with_name("python")
        # Two NULs in a row end the arguments, which are never empty here.
        stand_in.write_text(f"#!/bin/dash\nprintf '%s\\0' \"$@\"\nprintf '\\0'\n/usr/bin/env -0\nexit {HANDED_ON}\n")
        stand_in.chmod(0o755)
        self.project = self.base / "project"
        self.project.mkdir()
        (self.project / "devshell.toml").write_text("")
        self.environment = self.base / "data" / "store" / "aaaa-environment"
        (self.environment / "bin").mkdir(parents=True)

    @property
    def root(self) -> str:
        return str(self.project.resolve())

    @property
    def state(self) -> Path:
        return self.base / "state" / "projects" / self.root.lstrip("/") / ".state"

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": SYSTEM,
            "HOME": str(self.base),
            "PWD": str(self.project),
            "DEVSHELL_DATA_DIR": str(self.base / "data"),
            "DEVSHELL_STATE_DIR": str(self.base / "state"),
        }

    def tool(self, name: str, text: str) -> Path:
        """Put a script into the environment."""
        path = self.environment / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def watch(self, path: Path, *, young: bool = False) -> None:
        """Watch a file as it is now."""
        reference = ""
        if path.exists():
            file = self.ready_folder / str(len(self.watched))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"")
            when = path.stat().st_mtime_ns
            os.utime(file, ns=(when, when))
            reference = str(file)
        self.watched.append(Watched(str(path), reference, young))

    @property
    def ready_folder(self) -> Path:
        return self.state / ".ready~0123"

    def entering(self, plan: environ.Plan | None = None, **more: object) -> Entering:
        if plan is None:
            plan = (("path", str(self.environment / "bin")),)
        return Entering(
            own=str(self.ready_folder / "sh"),
            watched=tuple(self.watched),
            root=self.root,
            environment=str(self.environment),
            prompt=environ.prompt(self.root),
            plan=plan,
            **more,  # type: ignore[arg-type]  # the fields that a test is about
        )

    def render(self, plan: environ.Plan | None = None, **more: object) -> str:
        """Make the project ready; returns what the launcher will read."""
        found = self.entering(plan, **more)
        text = posix.entering(found)
        self.served = text != posix.UNSERVED
        self.ready_folder.mkdir(parents=True, exist_ok=True)
        (self.ready_folder / "sh").write_bytes(os.fsencode(text))
        told = answer.Answer(
            answer.State.READY, found.root, found.prompt, environment=found.environment, tools={"a": "1"}
        )
        (self.ready_folder / "answer").write_bytes(
            os.fsencode(posix.answering(answer.opened(told), ANSWER.read_text()))
        )
        watched = tuple((w.path, w.reference, "young" if w.young else "") for w in self.watched)
        record = ready.Ready(found.root, found.environment, 1, watched, found.plan)
        (self.ready_folder / "record").write_bytes(ready.encode(record))
        link = self.state / "ready"
        link.unlink(missing_ok=True)
        link.symlink_to(self.ready_folder.name)
        return text

    def run(
        self,
        *words: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        program: str | Path | None = None,
        also: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> Ran:
        """Run the launcher; `env` is all of its environment, `also` what is added to ours."""
        folder = cwd or self.project
        given = dict(env if env is not None else {**self.env, "PWD": str(folder), **(also or {})})
        done = subprocess.run(
            [*before, *self.sh, str(program or self.program), *words],
            cwd=folder,
            env=given,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
        return Ran(done.returncode, done.stdout, done.stderr.decode("utf-8", "surrogateescape"))
