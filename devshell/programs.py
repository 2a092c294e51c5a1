"""Running a program that is not ours to its end: within a time, without the terminal, and with nothing left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The most bytes of what a program prints that anybody reads.
_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code, negative for a signal, and what it printed."""

    code: int
    output: bytes


def run(words: Sequence[str], env: Mapping[str, str], seconds: float, *, errors: bool) -> Ended:
    """Run a program in `/`, where no project is, with nothing to read; `errors` counts what it says on stderr in.

    Raises OSError where it cannot be started, and TimeoutError where it takes longer than `seconds`.
    """
    # Into a file, not a pipe: what the program leaves running would keep a pipe open.
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603  what to run, the caller answers for
            list(words),
            cwd="/",
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output if errors else subprocess.DEVNULL,
            # Without the terminal an interactive shell cannot take it from us.
            start_new_session=True,
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        return Ended(code, output.read(_MOST))
