"""uv as devshell starts it: the pinned program, in an empty folder, told nothing by a project.

Index addresses can hold logins, so they are given in the environment, never as arguments, which
everybody on a machine can read.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.errors import CancelledError
from devshell.files import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: How often the user's word to stop is looked for, in seconds.
_HEARTBEAT = 0.1
_FILE = "requirements.in"
_COMMON = ("--quiet", "--color", "never", "--no-header", "--no-python-downloads", "--python", sys.executable)
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Answer:
    """What uv said: its exit status, what it wrote, and its complaints."""

    status: int
    output: str
    errors: str


def program() -> str:
    """Return the path of the pinned uv."""
    import uv

    # It asks how Python was built, which in two threads at once can fail.
    with _lock:
        return str(uv.find_uv_bin())


def empty_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder, to be used in `with`, in and above which uv finds no project."""
    with explained(tempfile.gettempdir()):
        folder = tempfile.TemporaryDirectory(prefix="devshell-")
        # uv searches upwards for a project. This file ends the search, also where somebody has put
        # one into the folder of temporary files.
        Path(folder.name, "uv.toml").touch()
    return folder


def start_compile(folder: str, variables: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start `uv pip compile` in a folder; `arguments` end with the file of requirements there."""
    import uv

    return subprocess.Popen(  # noqa: S603  our own pinned program, and no words of anybody else
        [uv.find_uv_bin(), "pip", "compile", *_COMMON, *arguments],
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def compile_requirements(
    requirements: str, variables: Mapping[str, str], cancelled: Callable[[], bool], *options: str
) -> Answer:
    """Run `uv pip compile` on a text of requirements; raises CancelledError at the user's word."""
    with empty_folder() as folder:
        with explained(folder):
            Path(folder, _FILE).write_text(requirements, "utf-8")
        process = start_compile(folder, variables, *options, _FILE)
        try:
            output, errors = _waited(process, cancelled)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
    return Answer(process.returncode, output, errors)


def _waited(process: subprocess.Popen[str], cancelled: Callable[[], bool]) -> tuple[str, str]:
    while True:
        try:
            said = process.communicate(timeout=_HEARTBEAT)
        except subprocess.TimeoutExpired:
            said = None
        # On Ctrl-C uv gets the signal too, and may be gone already.
        if cancelled():
            raise CancelledError("cancelled")
        if said is not None:
            return said
