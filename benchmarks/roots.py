"""One lock on several systems: equal trees, programs that run there, and a store that is whole afterwards.

    python -m benchmarks.roots PROJECT [--root FOLDER]… [--user NAME]…

PROJECT has a manifest and its lock; its tools' own `test` commands of the registry are run. The systems are
this one; each FOLDER, a system of its own to `chroot` into, with Python 3.11 or newer and its `venv`
(such as `debootstrap --include=python3,python3-venv,ca-certificates`); and this one again as each user
NAME, from a home with a much longer path. Needs root. What all of them print is compared word for word.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Where things are, below a system's root.
_PLACE = "var/tmp/devshell-roots"
_LONG = "a-home-with-a-path-that-is-much-longer-than-those-of-the-others" + "/and-deeper" * 4
_KEPT = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "LANG")


@dataclass(frozen=True, slots=True)
class System:
    """One system: its name, the folder that is its `/`, who works there, and the home below `place`."""

    name: str
    root: Path
    user: str | None
    home: str

    @property
    def place(self) -> Path:
        """Return the folder of all that is made here, as seen from outside."""
        return self.root / _PLACE / self.name

    def run(self, script: str, *words: str) -> str:
        """Run an sh script inside, with the place as its folder, and return what it says."""
        inside = Path("/", _PLACE, self.name)
        env = {name: os.environ[name] for name in _KEPT if name in os.environ}
        env |= {"HOME": str(inside / self.home), "DEVSHELL_TRUST": str(inside / "project"), "CI": "1"}
        account = pwd.getpwnam(self.user) if self.user else None

        def enter() -> None:
            os.chroot(self.root)
            os.chdir(inside)
            if account is not None:
                os.setgroups([])
                os.setgid(account.pw_gid)
                os.setuid(account.pw_uid)

        done = subprocess.run(
            ["/bin/sh", "-euc", script, "sh", *words],
            env=env,
            preexec_fn=enter,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.name}: exit {done.returncode}\n{done.stdout}")
        return done.stdout


_DEVSHELL = '"$PWD/devshell/.venv/bin/devshell" -C project'


def main() -> int:
    """Compare, print, and return 1 where the systems differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--root", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--user", action="append", default=[], metavar="NAME")
    asked = parser.parse_args()
    systems = [System("here", Path("/"), None, "home")]
    systems += [System(folder.name, folder.resolve(), None, "home") for folder in asked.root]
    systems += [System(user, Path("/"), user, f"home/{_LONG}") for user in asked.user]
    mirror = Path(tempfile.mkdtemp(prefix="devshell-roots-"))
    try:
        said = {system.name: look(system, asked.project, mirror) for system in systems}
    finally:
        shutil.rmtree(mirror)
    first = said[systems[0].name]
    for name, other in said.items():
        print(f"{name}: {'the same' if other == first else 'DIFFERS'}")
        for key in sorted(first.keys() | other.keys()):
            if first.get(key) != other.get(key):
                print(f"  {key}: {first.get(key)} here, {other.get(key)} there")
    print(f"{len(first)} store paths and answers compared")
    return 0 if all(other == first for other in said.values()) else 1


def look(system: System, project: Path, mirror: Path) -> dict[str, str]:
    """Install the project there, run its tools, verify the store; return content hashes and answers."""
    print(f"{system.name}: installing", flush=True)
    prepare(system, project, mirror)
    setup = "cd devshell && scripts/setup >&2"
    system.run(setup)
    system.run(f'{_DEVSHELL} config set mirrors "$PWD/mirror" && {_DEVSHELL} sync --locked >&2')
    if not any(mirror.iterdir()):
        # The others take from here what was fetched once.
        system.run(f'{_DEVSHELL} mirror "$PWD/mirror" --platform linux-x86_64 >&2')
        shutil.copytree(system.place / "mirror", mirror, dirs_exist_ok=True)
    found: dict[str, str] = {}
    for line in system.run('for t in $(cat commands); do printf "%s\\n" "$t"; done').splitlines():
        words = json.loads(line)
        quoted = " ".join(f"'{word}'" for word in words)
        # Some say where they are.
        home = str(Path("/", _PLACE, system.name, system.home))
        found[" ".join(words)] = system.run(f"{_DEVSHELL} exec -- {quoted} 2>&1").replace(home, "~")
    found["store verify"] = system.run(f"{_DEVSHELL} store verify --quiet && echo whole").strip()
    store = next((system.place / system.home).glob("**/devshell/store"))
    found |= {path.name: path.read_text().strip() for path in sorted(store.glob("*.hash"))}
    return found


def prepare(system: System, project: Path, mirror: Path) -> None:
    """Copy devshell, the project and the mirror in."""
    subprocess.run(["chmod", "-R", "u+w", str(system.place)], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(system.place, ignore_errors=True)
    (system.place / system.home).mkdir(parents=True)
    shutil.copytree(ROOT, system.place / "devshell", ignore=shutil.ignore_patterns(".*", "__pycache__"))
    shutil.copytree(project, system.place / "project", ignore=shutil.ignore_patterns(".*"))
    shutil.copytree(mirror, system.place / "mirror")
    (system.place / "commands").write_text("\n".join(json.dumps(c, separators=(",", ":")) for c in commands(project)))
    if system.user is not None:
        owner = pwd.getpwnam(system.user)
        for folder, _, files in os.walk(system.place):
            for path in (folder, *(os.path.join(folder, name) for name in files)):
                os.chown(path, owner.pw_uid, owner.pw_gid)


def commands(project: Path) -> list[tuple[str, ...]]:
    """Return the command that each tool of the project says its version with."""
    import tomllib

    from devshell import registry

    tools = tomllib.loads((project / "devshell.toml").read_text())["tools"]
    return [tool.test for name in sorted(tools) if (tool := registry.load(name)) is not None]


if __name__ == "__main__":
    sys.exit(main())
