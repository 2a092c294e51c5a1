"""The processes that build trees, and who gets which job."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from devshell import archive
from devshell.errors import CancelledError, StoreError
from devshell.lock import to_table
from devshell.store.content import seal
from devshell.worker import arrange, raised, work

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from devshell.lock import Block
    from devshell.sources import Site

#: A file smaller than this is unpacked here, in less time than a process takes to start; in bytes.
SMALL = 4 << 20
_MOST = 4
_START = "import sys; sys.path.insert(0, sys.argv[1]); from devshell.worker import main; main()"


class Turn:
    """A place in the queue of downloads: the one before has a head start, unless it is done sooner.

    The largest goes first, and where the network is fast, having it early is what counts: it takes
    longest to unpack. Where the network is slow, a head start costs nothing that one would notice.
    """

    HEAD_START = 0.25
    """In seconds."""

    def __init__(self, before: Turn | None = None) -> None:
        """Stand behind another, or first."""
        self._before = before
        self._begun, self._done = threading.Event(), threading.Event()

    def next(self) -> Turn:
        """Return the place behind this one."""
        return Turn(self)

    def __enter__(self) -> None:
        """Wait until it is this one's turn."""
        if self._before is not None:
            self._before._begun.wait()  # noqa: SLF001  (another of its kind)
            self._before._done.wait(self.HEAD_START)  # noqa: SLF001
        self._begun.set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the next one begin."""
        self._done.set()


class Workers:
    """Builds trees, in processes of its own for large files; may be used from many threads.

    Make it, and leave it, in the main thread: the processes end with the thread that started them.
    """

    def __init__(self, sizes: list[int], cancelled: Callable[[], bool]) -> None:
        """Start as many processes as help with jobs on so many bytes each."""
        self._cancelled = cancelled
        large = sum(size >= SMALL for size in sizes)
        # One more than there are processors, so that the largest file, which comes last, need not wait.
        count = min(large, (os.cpu_count() or 1) + 1, _MOST) if large > 1 else 0
        self._all = [_start() for _ in range(count)]
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        for process in self._all:
            self._idle.put(process)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes, whatever they are at: whoever waits for one gets a CancelledError."""
        for process in self._all:
            process.end()

    @property
    def count(self) -> int:
        """Return how many jobs are done at once."""
        return max(1, len(self._all))

    def unpack(self, file: Path, name: str, into: Path, strip: int, size: int | None = None) -> None:
        """Unpack a file as `archive.unpack` does; raises what that raises.

        `size` is what the whole tree is made of, in bytes, where that is more than this one file.
        """
        if self._all and (file.stat().st_size if size is None else size) >= SMALL:
            self._send({"do": "unpack", "file": str(file), "name": name, "into": str(into), "strip": strip})
        else:
            archive.unpack(file, name, into, strip=strip, cancelled=self._cancelled)

    def arrange(self, block: Block, site: Site, size: int) -> None:
        """Bring an unpacked tree that was made of `size` bytes into shape; raises what its source and fix-ups raise."""
        if self._all and size >= SMALL:
            needs = {name: str(tree) for name, tree in site.needs.items()}
            where = {"tree": str(site.tree), "final": str(site.final), "needs": needs}
            self._send({"do": "arrange", "block": to_table(block), **where})
        else:
            arrange(block, site)

    def seal(self, tree: Path, root: Path, size: int) -> str:
        """Seal a tree that was made of `size` bytes, and return its content hash."""
        if self._all and size >= SMALL:
            return self._send({"do": "seal", "tree": str(tree), "root": str(root)})
        return seal(tree, root)

    def _send(self, job: dict[str, Any]) -> str:
        process = self._idle.get()
        try:
            answer = _exchange(process, job)
        finally:
            self._idle.put(process)
        if answer is None:
            if self._cancelled():
                raise CancelledError("stopped")
            raise StoreError(
                "the process that unpacks ended by itself", hint="see that there is memory left, then try again"
            )
        if "error" in answer:
            raise raised(answer)
        done: str = answer["done"]
        return done


def _exchange(process: _Process, job: dict[str, Any]) -> dict[str, Any] | None:
    try:
        process.jobs.write(json.dumps(job).encode() + b"\n")
        process.jobs.flush()
        answer = json.loads(process.answers.readline() or b"null")
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


class _Process:
    """A worker: where it takes jobs, where it answers, and how it ends."""

    def __init__(
        self, process: int, jobs: BinaryIO, answers: BinaryIO, started: subprocess.Popen[bytes] | None = None
    ) -> None:
        self._process, self.jobs, self.answers = process, jobs, answers
        # Python reaps what it started by itself, and only it knows whether it did.
        self._started = started

    def end(self) -> None:
        if self._started is not None:
            self._started.kill()
            self._started.wait()
        else:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        for stream in (self.jobs, self.answers):
            with contextlib.suppress(OSError):
                stream.close()


def _start() -> _Process:
    # A fork is ready at once, and safe as long as there is but one thread. On macOS it never is.
    if sys.platform == "linux" and threading.active_count() == 1:
        return _forked()
    package = str(Path(__file__).resolve().parent.parent)
    # Isolated: nothing of the folder or the environment it is started in may be imported.
    command = [sys.executable, "-I", "-c", _START, package]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  (our own)
    return _Process(started.pid, cast("BinaryIO", started.stdin), cast("BinaryIO", started.stdout), started)


def _forked() -> _Process:
    jobs_out, jobs_in = os.pipe()
    answers_out, answers_in = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process == 0:
        try:
            os.close(jobs_in)
            os.close(answers_out)
            work(os.fdopen(jobs_out, "rb"), os.fdopen(answers_in, "wb"))
        finally:
            # Whatever the parent would do at its end is the parent's to do.
            os._exit(0)
    os.close(jobs_out)
    os.close(answers_in)
    return _Process(process, os.fdopen(jobs_in, "wb"), os.fdopen(answers_out, "rb"))
