"""The peers, and how each user makes the scene their own: installed, trusted and ready."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from benchmarks.shell import scene as scenes
from benchmarks.startup import program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.shell.scene import Scene

#: Installed by devshell itself, so that a machine needs nothing by hand.
_MANIFEST = """[tools]
"deb:direnv" = "*"
"npm:@jdxcode/mise-linux-x64" = "*"
"deb:nix-bin" = "*"
"""
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_NIX = """build-users-group =
sandbox = false
filter-syscalls = false
substituters =
flake-registry =
experimental-features = nix-command flakes
"""


def install(cache: Path) -> str:
    """Install the peers into `cache` where they are not yet; return a PATH with them, devshell and the system.

    The folder keeps its lock, so that a second run installs what the first one did.
    """
    project = cache / "project"
    project.mkdir(parents=True, exist_ok=True)
    (project / "devshell.toml").write_text(_MANIFEST)
    own = {f"DEVSHELL_{name}_DIR": str(cache / name.lower()) for name in ("DATA", "CACHE", "STATE")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DEVSHELL_")}
    env = kept | own | {"DEVSHELL_TRUST": str(project)}
    do((*program(), "sync"), project, env)
    (answer,) = do((*program(), "exec", "--", "sh", "-c", "command -v direnv"), project, env).splitlines()
    return os.pathsep.join((os.path.dirname(answer), os.path.dirname(program()[0]), "/usr/bin", "/bin"))


def versions(scene: Scene) -> list[str]:
    """Return who is compared, each with its version."""
    names = ("direnv", "mise", "nix", "devshell", *scenes.SHELLS)
    first = {name: do((name, "--version"), scene.base, scene.env("floor")).partition("\n")[0] for name in names}
    return [f"{name} {found[0]}" for name, line in first.items() if (found := _VERSION.search(line))]


def prepare(scene: Scene) -> None:
    """Trust and install the scene for everybody. Raises RuntimeError with what one of them said."""
    direnv, mise, own = (scene.env(user) for user in ("direnv", "mise", "devshell"))
    do(("direnv", "allow", "."), scene.project, direnv)
    do(("mise", "trust", "--quiet"), scene.project, mise)
    do(("mise", "install", "--quiet"), scene.project, mise)
    do(("devshell", "allow"), scene.project, own)
    do(("devshell", "sync"), scene.project, own)
    # The lock is new, and so would be what is made of it.
    scenes.age(scene)
    do(("devshell", "allow"), scene.project, own)
    do(("devshell", "sync"), scene.project, own)
    _know(scene)


def nix_env(scene: Scene) -> dict[str, str]:
    """Return the variables with which nix works in a folder of its own, without root and without a network."""
    base = scene.home("nix") / "nix"
    conf = base / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    (conf / "nix.conf").write_text(_NIX)
    own = {f"NIX_{name}_DIR": str(base / name.lower()) for name in ("STORE", "STATE", "LOG", "CONF")}
    return scene.env("nix") | own | {"NIX_REMOTE": "local"}


def _know(scene: Scene) -> None:
    """Give devshell's user more projects: copies of the state of this one, as of clones of it."""
    states = scene.home("devshell") / ".local/state/devshell/projects"
    one = states / str(scene.project.resolve()).lstrip("/")
    for number in range(scene.size.known):
        shutil.copytree(one, one.with_name(f"clone{number}"), symlinks=True, copy_function=_link)


def _link(source: str, target: str, *, follow_symlinks: bool = True) -> str:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
    else:
        os.link(source, target, follow_symlinks=follow_symlinks)
    return target


def do(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> str:
    """Run a command and return what it prints. Raises RuntimeError with what it said where it fails."""
    # Looked up on the PATH of `env`: subprocess would take this process's own.
    found = shutil.which(argv[0], path=env["PATH"]) or argv[0]
    done = subprocess.run(
        [found, *argv[1:]], cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode()
