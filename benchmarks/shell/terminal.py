"""A real shell on a terminal of its own that runs one of the loops, and what it says there and beside it."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: The descriptor on which a loop says its marks.
MARKS = 3
#: Seconds after which a shell counts as stuck.
PATIENCE = 120.0
_CHUNK = 65536
_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program said: its marks, line by line, and all that it showed on the terminal."""

    marks: tuple[str, ...]
    shown: str


def run(argv: Sequence[str], env: Mapping[str, str], folder: Path, typed: bytes = b"") -> Ended:
    """Run a program on a terminal until it ends, with `typed` waiting there for it; return what it said.

    Raises RuntimeError, with the end of what it showed, where it fails or takes longer than `PATIENCE`.
    """
    reading, writing = os.pipe()
    child, terminal = pty.fork()
    if child == 0:
        _become(argv, env, folder, writing)
    os.close(writing)
    os.set_blocking(reading, False)
    try:
        if typed:
            os.write(terminal, typed)
        marks, shown = _listen(reading, terminal)
    except TimeoutError:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise RuntimeError(f"{argv[0]} takes longer than {PATIENCE:.0f} s") from None
    finally:
        os.close(reading)
        os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise RuntimeError(f"{argv[0]} ended with {code}: {shown[-_TAIL:].decode(errors='replace')}")
    return Ended(tuple(marks.decode(errors="replace").splitlines()), shown.decode(errors="replace"))


def _become(argv: Sequence[str], env: Mapping[str, str], folder: Path, writing: int) -> None:
    # In the child of a fork: whatever happens, nothing of the parent may run on.
    try:
        os.dup2(writing, MARKS)
        # Said apart: where both are one number already, dup2 changes nothing.
        os.set_inheritable(MARKS, True)  # noqa: FBT003 - the only way to say it
        os.chdir(folder)
        os.execvpe(argv[0], list(argv), dict(env))  # noqa: S606 - a shell is what is started
    finally:
        os._exit(127)


def _listen(marks: int, terminal: int) -> tuple[bytes, bytes]:
    """Read both until the terminal is gone; what is shown there must be taken, or the shell would wait."""
    said, shown = bytearray(), bytearray()
    until = time.monotonic() + PATIENCE
    waiting = [marks, terminal]
    while terminal in waiting:
        ready, _, _ = select.select(waiting, [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise TimeoutError
        for source in ready:
            data = _read(source)
            (shown if source == terminal else said).extend(data)
            if not data:
                waiting.remove(source)
    # The last words may have come while select looked at the terminal.
    while data := _read(marks):
        said += data
    return bytes(said), bytes(shown)


def _read(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK)
    except OSError:
        # Nothing there, or Linux's way to say that nobody holds the other end of the terminal any more.
        return b""
