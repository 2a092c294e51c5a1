"""How a download tells how far it is. The command line renders it; here it is silent."""

from __future__ import annotations

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
