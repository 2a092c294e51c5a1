"""How a download tells how far it is. The command line renders it; here it is silent."""

from __future__ import annotations

import threading
from typing import Protocol


class Bar(Protocol):
    """One download's progress, in bytes; called from the thread that downloads."""

    def advance(self, count: int) -> None:
        """Say that `count` more bytes have come."""
        ...

    def expect(self, total: int) -> None:
        """Say how many bytes it will be, once the host has said so."""
        ...

    def restart(self, at: int) -> None:
        """Say that so many bytes are there now: those of an earlier run, or fewer than before."""
        ...

    def done(self) -> None:
        """Say that it is over, well or not."""
        ...


class Progress(Protocol):
    """Where downloads report; `begin` may be called from several threads at once."""

    def begin(self, label: str, total: int | None) -> Bar:
        """Open a bar for a file of `total` bytes, None where that is not known."""
        ...


class Together:
    """Several files as one bar, which opens with the first that is really fetched."""

    def __init__(self, progress: Progress, label: str, total: int) -> None:
        """Say nothing yet; `total` is all the files' bytes."""
        self._progress, self._label, self._total = progress, label, total
        self._bar: Bar | None = None
        self._lock = threading.Lock()
        self._at: dict[_Share, int] = {}

    def begin(self) -> Bar:
        """Open one file's share of the bar."""
        with self._lock:
            if self._bar is None:
                self._bar = self._progress.begin(self._label, self._total)
        return _Share(self)

    def move(self, share: _Share, at: int) -> None:
        """Say how many bytes of one file there are."""
        with self._lock:
            self._at[share] = at
            if self._bar is not None:
                self._bar.restart(sum(self._at.values()))

    def done(self) -> None:
        """Say that all is over, well or not."""
        if self._bar is not None:
            self._bar.done()


class _Share:
    """One file's part of a bar that it shares with others."""

    def __init__(self, whole: Together) -> None:
        self._whole, self._at = whole, 0

    def advance(self, count: int) -> None:
        self.restart(self._at + count)

    def expect(self, total: int) -> None:
        """Pass over it: the lock has told."""

    def restart(self, at: int) -> None:
        self._at = at
        self._whole.move(self, at)

    def done(self) -> None:
        """Pass over it: the whole is done when all are."""


class _Silent:
    def begin(self, label: str, total: int | None) -> Bar:
        del label, total
        return self

    def advance(self, count: int) -> None:
        pass

    def expect(self, total: int) -> None:
        pass

    def restart(self, at: int) -> None:
        pass

    def done(self) -> None:
        pass


#: Shows nothing.
SILENT: Progress = _Silent()
