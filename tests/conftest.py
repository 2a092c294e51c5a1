"""What every test may use: a place of its own, and the real command line in it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from support.powers import given_up

# CI judges a change, not its luck: there the examples are always the same. Elsewhere they differ each time.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("default", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "default")

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Result:
    """What a command gave back."""

    code: int
    out: str
    err: str

    def ok(self) -> Result:
        assert self.code == 0, f"exit {self.code}\n{self.out}\n{self.err}"
        return self

    def failed(self, code: int = 1) -> Result:
        assert self.code == code, f"exit {self.code}, not {code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.err
        return self


@dataclass
class Place:
    """A user of their own: home, devshell's folders, and a project folder, all temporary."""

    base: Path
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.home, self.project):
            folder.mkdir(parents=True, exist_ok=True)
            # Whatever the umask: a project that others may write is refused.
            folder.chmod(0o755)

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def project(self) -> Path:
        return self.base / "project"

    @property
    def store(self) -> Path:
        return self.base / "data" / "store"

    @property
    def state(self) -> Path:
        return self.base / "state" / "projects" / str(self.project.resolve()).lstrip("/") / ".state"

    @property
    def env(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DEVSHELL_", "XDG_", "UV_", "CI"))
            and name not in {"HOME", "PWD", "OLDPWD", "PYTHONDONTWRITEBYTECODE"}
        }
        own = {
            "HOME": str(self.home),
            "DEVSHELL_DATA_DIR": str(self.base / "data"),
            "DEVSHELL_CACHE_DIR": str(self.base / "cache"),
            "DEVSHELL_STATE_DIR": str(self.base / "state"),
            "DEVSHELL_CONFIG_DIR": str(self.base / "config"),
        }
        return kept | own | self.extra

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(0o644)
        return path

    def run(self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "devshell", *arguments],
            cwd=cwd or self.project,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=300,
        )
        return Result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


@pytest.fixture
def powerless() -> Iterator[None]:
    """Let the modes of files hold, also where the tests run as root."""
    with given_up():
        yield


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place whose folders this very process uses, for tests that call use cases directly."""
    here = Place(tmp_path)
    for name in ("DATA", "CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"DEVSHELL_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(here.home))
    monkeypatch.delenv("DEVSHELL_TRUST", raising=False)
    return here
