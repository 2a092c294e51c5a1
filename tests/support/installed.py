"""Real tools from the real registries, installed once for all tests that use them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conftest import Place
from support import isolation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest


@dataclass(frozen=True)
class Installed:
    """A project whose tools are in the store, and what its activation sets."""

    place: Place
    bin: Path
    store: Path
    variables: Mapping[str, str]

    def env(self, home: Path, **more: str) -> dict[str, str]:
        """Return an environment that has the tools and nothing else."""
        return {"PATH": str(self.bin), "HOME": str(home), **self.variables, **more}

    def run(self, argv: Sequence[str], cwd: Path, *, text: str = "", before: Sequence[str] = (), **env: str) -> str:
        """Run a command under strace with the tools alone; return what it said. `before` starts strace.

        Fails where the command does, or where it or a child opened or started a file of the host
        that docs/isolation.md does not state.
        """
        program = self.bin / argv[0] if "/" not in argv[0] else Path(argv[0])
        said, paths = isolation.opened([str(program), *argv[1:]], self.env(cwd, **env), cwd, text=text, before=before)
        foreign = isolation.foreign(paths, [self.store, cwd])
        assert not foreign, f"{argv} took from the host: {foreign}"
        return said


def install(tools: Mapping[str, str], factory: pytest.TempPathFactory) -> Installed:
    """Lock and install tools, given as name → version, for this machine's platform.

    All test processes share one store and one cache: devshell's own locks keep them apart.
    """
    base = factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    shared = base / "installed"
    manifest = "[tools]\n" + "".join(f'"{name}" = "{version}"\n' for name, version in sorted(tools.items()))
    manifest += f'[settings]\nplatforms = ["{_platform()}"]\n'
    place = Place(factory.mktemp("project-" + hashlib.sha256(manifest.encode()).hexdigest()[:8]))
    place.extra.update(
        DEVSHELL_DATA_DIR=str(shared / "data"),
        DEVSHELL_CACHE_DIR=str(shared / "cache"),
        DEVSHELL_TRUST=str(place.project),
    )
    place.write("devshell.toml", manifest)
    place.run("sync").ok()
    before = place.env
    said = place.run("exec", "--", "env", "-0").ok().out.split("\0")
    now = dict(line.split("=", 1) for line in said if "=" in line)
    kept = {
        name: value
        for name, value in now.items()
        if before.get(name) != value and name not in {"PATH", "PWD", "_"} and not name.startswith("DEVSHELL_")
    }
    return Installed(place, (place.project / ".devshell" / "env" / "bin").resolve(), shared / "data" / "store", kept)


def _platform() -> str:
    from devshell.system import host_platform

    return host_platform()
