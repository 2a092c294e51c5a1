"""Servers of installed tools: started, asked and stopped by a script, all of it under strace.

The script runs in the dash that wrappers run in, and has its builtins and the tools, no other command.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.installed import Installed

#: `mapped PID` says what a process has mapped of files.
_WORDS = """
mapped() { while read -r _ _ _ _ _ path; do case $path in /*) echo "mapped $path";; esac; done <"/proc/$1/maps"; }
"""


def story(tools: Installed, cwd: Path, script: str, **env: str) -> str:
    """Run a script as somebody who is not root, with root's files still in reach; return what it said.

    Fails where a command does, where one takes from the host what docs/isolation.md does not state, or where
    a process that `mapped` was called for has mapped a file that is not in the store.
    """
    shell = min(tools.store.glob("*/usr/bin/dash"))
    said = tools.run([str(shell), "-eu", "-c", _WORDS + script], cwd, before=_somebody(), **env)
    mapped = {line.removeprefix("mapped ") for line in said.splitlines() if line.startswith("mapped ")}
    foreign = sorted(path for path in mapped if not path.startswith((f"{tools.store}/", f"{cwd}/", "/dev/", "/SYSV")))
    assert not foreign, f"mapped from the host: {foreign}"
    return "".join(f"{line}\n" for line in said.splitlines() if not line.startswith("mapped "))


def asked(tools: Installed, cwd: Path, script: str, ask: Callable[[], str], **env: str) -> str:
    """Run a script, and `ask` while it stands at its line `pause`; return what was answered."""
    stop = cwd / "stop"
    os.mkfifo(stop)
    pause = f"pause() {{ read -r _ <'{stop}'; }}\n"
    # Open for both, so that nobody waits for the other side.
    with ThreadPoolExecutor(1) as pool, open(stop, "r+b", buffering=0) as fifo:
        running = pool.submit(story, tools, cwd, pause + script, **env)
        try:
            return ask()
        finally:
            fifo.write(b"\n")
            running.result()


def through(path: Path, request: bytes) -> str:
    """Send a request through a socket that will be at a path; return the answer, after which the server hangs up."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        _connect(connection, path)
        connection.sendall(request)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    return answer.decode()


def _connect(connection: socket.socket, path: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            # Its own path may be longer than a socket's may be.
            folder = os.open(path.parent, os.O_PATH)
            try:
                return connection.connect(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _somebody() -> tuple[str, ...]:
    """Return what starts a command as somebody who is not root, to whom root's files are open all the same."""
    if os.geteuid() != 0:
        return ()
    words = (shutil.which("unshare") or "unshare", "--user", "--map-user=65534", "--map-group=65534")
    subprocess.run([*words, "true"], check=True)
    return words
