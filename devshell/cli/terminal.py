"""A command's surroundings: where it acts, how much it says, and the session it works with."""

from __future__ import annotations

import os
import select
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.cli import interrupt, progress, render
from devshell.errors import CancelledError, DevshellError, ProjectError, UsageError
from devshell.files import POLL
from devshell.quick import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devshell.session import Session
    from devshell.snapshot import Snapshot
    from devshell.trust import Standing


@dataclass(frozen=True, slots=True)
class Terminal:
    """How one command speaks, and when it began."""

    quiet: bool
    verbose: bool
    began: float = field(default_factory=time.monotonic)

    @property
    def folder(self) -> Path:
        """Return the folder the command acts in."""
        try:
            return Path.cwd()
        except OSError:
            raise ProjectError("the folder you are in was removed", hint="cd to one that exists") from None

    def note(self, text: str) -> None:
        """Say one line, unless quiet."""
        if not self.quiet:
            render.line(render.inert(text))

    def done(self, word: str, text: str) -> None:
        """Say that something was done, unless quiet: what, and to what."""
        if not self.quiet:
            render.line(f"{render.paint(word, 'good')}: {render.inert(text)}")

    def detail(self, text: str) -> None:
        """Say one line, if asked to be verbose."""
        if self.verbose:
            render.line(render.inert(text))

    def summary(self, tools: int, size: int) -> None:
        """Say the one line at the end: `5 tools, 212 MB, 9.1 s`."""
        self.note(f"{count(tools, 'tool')}, {render.size(size)}, {time.monotonic() - self.began:.1f} s")


def begin(directory: Path | None, *, quiet: bool = False, verbose: bool = False) -> Terminal:
    """Go to the folder named by `-C` and return the surroundings; raises UsageError if it is not there."""
    if directory is not None:
        try:
            os.chdir(directory)
        except OSError as error:
            raise UsageError(f"cannot go to {str(directory)!r}: {error.strerror}") from None
        os.environ["PWD"] = os.getcwd()
    return Terminal(quiet, verbose)


@contextmanager
def session(terminal: Terminal, *, offline: bool = False) -> Iterator[Session]:
    """Open what use cases work with, and close it at the end."""
    from devshell import config, paths
    from devshell.fetch import Fetcher
    from devshell.session import Session
    from devshell.sources import World
    from devshell.store import Store

    settings = config.load(config.config_file())
    with progress.shown(quiet=terminal.quiet) as bars:
        fetcher = Fetcher(
            Path(paths.cache_folder()),
            progress=bars,
            cancelled=interrupt.cancelled,
            offline=offline,
            timeout=settings.timeout,
            insecure=settings.insecure,
            mirrors=settings.mirrors,
            note=terminal.note,
        )
        try:
            store = Store(Path(paths.store_folder()), cancelled=interrupt.cancelled)
            ask = _answer if _somebody_is_there() else None

            def engine(name: str) -> Path:
                # It comes into the store as any tool does, which takes a session.
                from devshell import engines

                return engines.folder(name, opened)

            world = World(fetcher, settings, engine=engine, note=terminal.note, ask=ask)
            opened = Session(world, store, terminal.note, interrupt.cancelled, _confirm())
            yield opened
        finally:
            if not interrupt.cancelled():
                fetcher.close()


def step_outside() -> dict[str, str]:
    """Forget for good what an active project has set, so that it decides nothing; return the variables as they were."""
    from devshell import environ

    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ.leave(before))
    return before


def agreed(question: str, *, yes: bool, instead: str) -> bool:
    """Return whether the user wants what `question` says; `yes` is the answer given on the command line.

    Raises DevshellError, with the command `instead` that needs no answer, where there is nobody to ask.
    """
    if yes:
        return True
    if not _somebody_is_there():
        raise DevshellError("there is no terminal to ask on", hint=f"run `{instead}`")
    return _answer(f"{render.inert(question)} [y/N] ").lower() in {"y", "yes"}


def _somebody_is_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")


def _answer(question: str) -> str:
    """Put a question, also from a thread that Ctrl-C does not reach by itself."""
    sys.stderr.write(question)
    sys.stderr.flush()
    while not select.select([sys.stdin], [], [], POLL)[0]:
        if interrupt.cancelled():
            raise CancelledError("cancelled")
    return sys.stdin.readline().strip()


def _confirm() -> Callable[[Snapshot, Standing], bool] | None:
    return _ask if _somebody_is_there() else None


def _ask(snapshot: Snapshot, standing: Standing) -> bool:
    from devshell.cli import showing

    showing.content(snapshot, standing)
    sys.stderr.write("Allow this project to act? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
