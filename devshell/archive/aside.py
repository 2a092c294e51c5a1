"""Work that goes on beside the reading of an archive, in one thread."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

#: A member of at least so many bytes is worth a hand-over. Decompressing, checking and writing it
#: happens outside of the interpreter, so both halves gain.
LARGE = 4 << 20


class Aside:
    """One thread for large members; leaving it waits, so that nothing is written any more."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._begun: list[Future[None]] = []

    def __enter__(self) -> Self:
        """Return itself; the thread starts with the first piece of work."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait, and raise what went wrong there, unless something did here."""
        self._thread.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for one in self._begun:
                one.result()

    def do(self, work: Callable[[], None]) -> None:
        """Have a piece of work done, in the order it came."""
        self._begun.append(self._thread.submit(work))
