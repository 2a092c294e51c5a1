"""The scene: one project, said in devshell's, direnv's, mise's and nix's words, and a home for the user of each.

Everybody gets the same variables, and the same tools from the same local archives. Where the peers' words differ, the
cheaper form is theirs: direnv puts one folder of links in front of PATH, as an environment is, rather than a folder a
tool; mise watches its one file alone; nix evaluates one derivation that needs no nixpkgs.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHELLS = ("bash", "zsh", "fish")
#: Without manifest, lock and local file, which devshell watches too.
_WATCHED_BESIDE = 3
_OLD = 3600.0

_PROMPT = {
    "bash": "PS1='$ '\n",
    "zsh": "PS1='%# '\n",
    "fish": "function fish_prompt\n    echo -n '> '\nend\n",
}
#: The least that anything in a prompt can cost.
_FLOOR = {
    "bash": "__floor() { :; }\nPROMPT_COMMAND=__floor\n",
    "zsh": "__floor() { :; }\nprecmd_functions=(__floor)\nchpwd_functions=(__floor)\n",
    "fish": "function __floor --on-event fish_prompt\nend\nfunction __floor_cd --on-variable PWD\nend\n",
}
_RC = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}
_WORDS = {"devshell": "devshell hook", "direnv": "direnv hook", "mise": "mise activate"}


@dataclass(frozen=True, slots=True)
class Size:
    """How large a scene is: folders below the project, watched files, variables, tools, projects known beside it."""

    levels: int = 8
    watched: int = 6
    variables: int = 10
    tools: int = 10
    known: int = 0

    def __str__(self) -> str:
        return (
            f"{self.levels} levels of folders, {self.watched} watched files, {self.variables} variables, "
            f"{self.tools} tools, {self.known + 1:,} known project{'s' if self.known else ''}"
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene on disk, in a folder of its own.

    Paths have about as many parts as in a real home: each costs time whenever a file is looked at.
    """

    base: Path
    size: Size
    path: str = field(repr=False)

    @property
    def project(self) -> Path:
        """The project's folder."""
        return self.base / "work" / "project"

    @property
    def inside(self) -> Path:
        """The deepest folder of the project."""
        return _deep(self.project, self.size.levels)

    @property
    def outside(self) -> Path:
        """A folder as deep, in no project."""
        return _deep(self.base / "work" / "elsewhere", self.size.levels)

    @property
    def flake(self) -> Path:
        """The folder of the same project for nix."""
        return self.base / "work" / "flake"

    def home(self, user: str) -> Path:
        """Return the home of the one who uses `user`: a peer, devshell or the floor."""
        return self.base / user

    def env(self, user: str) -> dict[str, str]:
        """Return all variables that a shell or a command of this user starts with."""
        return {
            "HOME": str(self.home(user)),
            "PATH": self.path,
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "USER": "somebody",
        }


def _deep(folder: Path, levels: int) -> Path:
    return folder.joinpath(*(f"level{number}" for number in range(1, levels + 1)))


def create(scene: Scene, server: str) -> None:
    """Write the scene, whose tools are archives at the address `server`."""
    scene.inside.mkdir(parents=True)
    scene.outside.mkdir(parents=True)
    scene.flake.mkdir()
    for user in ("floor", *_WORDS, "nix"):
        scene.home(user).mkdir(parents=True)
        # As after the first day: without it, fish reads all man pages in the background when it first starts.
        (scene.home(user) / ".local/share/fish/generated_completions").mkdir(parents=True)
        for shell in SHELLS:
            _rc(scene.home(user) / _RC[shell], shell, user)
    extra = [f"watched{number}.txt" for number in range(scene.size.watched - _WATCHED_BESIDE)]
    for name in extra:
        (scene.project / name).write_text("one line\n")
    (scene.project / "devshell.toml").write_text(_manifest(scene.size, server, extra))
    (scene.project / "mise.toml").write_text(_mise(scene.size, server))
    (scene.project / ".envrc").write_text(_envrc(scene, ["devshell.toml", "devshell.lock", *extra]))
    (scene.flake / "flake.nix").write_text(_flake(scene.size))
    _links(scene)
    age(scene)


def age(scene: Scene) -> None:
    """Make the project's files an hour old: what changed a moment ago is a case of its own."""
    then = time.time() - _OLD
    for path in scene.project.iterdir():
        if path.is_file():
            os.utime(path, (then, then))


def _rc(path: Path, shell: str, user: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    hook = ""
    if user == "floor":
        hook = _FLOOR[shell]
    elif user in _WORDS:
        words = f"{_WORDS[user]} {shell}"
        hook = f"{words} | source\n" if shell == "fish" else f'eval "$({words})"\n'
    path.write_text(_PROMPT[shell] + hook)


def _manifest(size: Size, server: str, watch: list[str]) -> str:
    lines = ["[tools]"]
    for number in range(size.tools):
        place = f'url = "{server}/scenetool{number}.tar.gz", strip = 1'
        lines.append(f'scenetool{number} = {{ source = "http", version = "1.0", {place} }}')
    lines += ["", "[env]", *(f'SCENE_{number} = "value {number}"' for number in range(size.variables))]
    lines += ["", "[settings]", f"watch = {watch!r}".replace("'", '"')]
    return "\n".join(lines) + "\n"


def _mise(size: Size, server: str) -> str:
    lines = ["[tools]"]
    lines += [
        f'"http:scenetool{number}" = {{ version = "1.0", url = "{server}/scenetool{number}.tar.gz" }}'
        for number in range(size.tools)
    ]
    lines += ["", "[env]", *(f'SCENE_{number} = "value {number}"' for number in range(size.variables))]
    return "\n".join(lines) + "\n"


def _envrc(scene: Scene, watch: list[str]) -> str:
    # direnv watches the file itself too.
    lines = [f'export SCENE_{number}="value {number}"' for number in range(scene.size.variables)]
    lines += [f"watch_file {name}" for name in watch[: scene.size.watched - 1]]
    return "\n".join([*lines, f"PATH_add {scene.base / 'links'}"]) + "\n"


def _flake(size: Size) -> str:
    variables = " ".join(f'SCENE_{number} = "value {number}";' for number in range(size.variables))
    return (
        "{ outputs = { self }: let shell = system: derivation {\n"
        # nix asks for a builder of this name; `outputs` is what its own mkShell would add.
        f'  name = "scene"; inherit system; builder = "{shutil.which("bash")}"; outputs = [ "out" ];\n'
        f"  {variables}\n"
        "}; in {\n"
        '  devShells.x86_64-linux.default = shell "x86_64-linux";\n'
        '  devShells.aarch64-linux.default = shell "aarch64-linux";\n'
        "}; }\n"
    )


def _links(scene: Scene) -> None:
    for number in range(scene.size.tools):
        tool = scene.base / "by-hand" / f"scenetool{number}" / "bin" / f"scenetool{number}"
        tool.parent.mkdir(parents=True)
        tool.write_bytes(_program(number))
        tool.chmod(0o755)
        link = scene.base / "links" / tool.name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(tool)


def _program(number: int) -> bytes:
    return f"#!/bin/sh\necho scenetool{number}\n".encode()


@contextmanager
def archives(folder: Path, tools: int) -> Iterator[str]:
    """Serve an archive of each tool on this machine alone, out of a new `folder`; gives the address."""
    folder.mkdir(parents=True)
    for number in range(tools):
        with tarfile.open(folder / f"scenetool{number}.tar.gz", "w:gz") as tar:
            member = tarfile.TarInfo(f"scenetool{number}/bin/scenetool{number}")
            data = _program(number)
            member.size, member.mode = len(data), 0o755
            tar.addfile(member, io.BytesIO(data))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: the table is what is to be read."""
