"""Ctrl-C: everything stops within a second, and nothing half-done stays.

Downloads run in threads that cannot be woken while they wait for a server. They are told, given a
moment to tidy up, and then left behind: what they were writing is a part file that resumes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_GRACE = 0.7

_pressed = threading.Event()
_signals: list[int] = []


def cancelled() -> bool:
    """Return whether the user pressed Ctrl-C."""
    return _pressed.is_set()


@contextmanager
def watched() -> Iterator[None]:
    """Notice Ctrl-C, and a request to end, while a command runs."""

    def notice(number: int, _frame: FrameType | None) -> None:
        _signals.append(number)
        _pressed.set()
        raise KeyboardInterrupt

    # What the caller ignores, as nohup does, stays ignored.
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, notice) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            if not _pressed.is_set():
                signal.signal(number, handler)


def leave() -> int:
    """Wait a moment for the other threads to tidy up, then end the process: with 130 after Ctrl-C."""
    _pressed.set()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    until = time.monotonic() + _GRACE
    others = [t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    for thread in others:
        thread.join(max(0.0, until - time.monotonic()))
    sys.stderr.write("devshell: stopped\n")
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: the interpreter would wait for threads that wait for a server.
    os._exit(128 + (_signals[0] if _signals else signal.SIGINT))
