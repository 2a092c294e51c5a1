"""Progress: bars with bytes, speed and time left on a terminal, plain lines off it."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from devshell.cli import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from devshell.fetch import Progress


class _RichBar:
    def __init__(self, bars: RichProgress, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, count: int) -> None:
        self._bars.advance(self._task, count)

    def expect(self, total: int) -> None:
        self._bars.update(self._task, total=total)

    def restart(self, at: int) -> None:
        self._bars.update(self._task, completed=at)

    def done(self) -> None:
        # A finished bar goes, so that the bars on screen are what is still awaited.
        self._bars.remove_task(self._task)


class _RichProgress:
    """Starts drawing at the first download, so that a command that needs none draws nothing."""

    def __init__(self) -> None:
        self._bars: RichProgress | None = None
        self._starting = threading.Lock()

    def begin(self, label: str, total: int | None) -> _RichBar:
        with self._starting:
            if self._bars is None:
                self._bars = _bars()
                self._bars.start()
        return _RichBar(self._bars, self._bars.add_task(render.inert(label), total=total))

    def stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()


class _LineBar:
    def advance(self, count: int) -> None: ...

    def expect(self, total: int) -> None: ...

    def restart(self, at: int) -> None: ...

    def done(self) -> None: ...


class _LineProgress:
    def begin(self, label: str, total: int | None) -> _LineBar:
        render.line(f"downloading {render.inert(label)}" + ("" if total is None else f" ({render.size(total)})"))
        return _LineBar()


@contextmanager
def shown(*, quiet: bool) -> Iterator[Progress]:
    """Show downloads while a command runs: bars on a terminal, lines off it, nothing when quiet."""
    from devshell.fetch import SILENT

    if quiet:
        yield SILENT
    elif not sys.stderr.isatty():
        yield _LineProgress()
    else:
        bars = _RichProgress()
        try:
            yield bars
        finally:
            bars.stop()


def _bars() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
