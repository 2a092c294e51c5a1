"""What is worth trying again, after how long, and when to give up."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from devshell.errors import CancelledError, UnreachableError
from devshell.files import POLL

if TYPE_CHECKING:
    from collections.abc import Callable

    from devshell.fetch.address import Address

T = TypeVar("T")

#: The longest Retry-After, in seconds, that is waited for.
PATIENCE = 60.0
#: Answers that say "not now" rather than "no".
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})

_LONGEST_PAUSE = 10.0
# A host that nothing connects to is most often down or mistyped, and the user waits for the word.
_CONNECT_ATTEMPTS = 2
# A connection that brought this much counts as a good one: a big file over a bad line may take many.
_GOOD = 1 << 20


class Transient(Exception):  # noqa: N818  not an error that leaves this package
    """One attempt failed in a way that another may not."""

    def __init__(self, reason: str, *, wait: float | None = None, connected: bool = True, final: bool = False) -> None:
        """`reason` completes "<host> …"; `wait` is what the host asked for, in seconds, 0 for at once.

        `final` says that another attempt may help, but not in this process's time.
        """
        super().__init__(reason)
        self.reason = reason
        self.wait = wait
        self.connected = connected
        self.final = final
        self.received = 0


def retry_after(value: str | None) -> float | None:
    """Read a Retry-After header, in seconds or as an HTTP date; None where it says nothing sensible."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


class Retry:
    """Tries again, a little later each time."""

    def __init__(self, attempts: int, pause: float, cancelled: Callable[[], bool], note: Callable[[str], None]) -> None:
        """Allow `attempts` in a row that bring nothing; each pause is twice the last, the first about `pause` s."""
        self._attempts = attempts
        self._pause = pause
        self._cancelled = cancelled
        self._note = note
        # Hosts that nothing could connect to, and why. A process is short; one word on each is enough.
        self._down: dict[tuple[str, str, int], Transient] = {}

    def run(self, address: Address, attempt: Callable[[], T]) -> T:
        """Return what `attempt` returns, trying again where it raises Transient.

        Raises UnreachableError when it has failed often enough, or where nothing could connect to
        that host before, and CancelledError within a moment of the user's word.
        """
        if (known := self._down.get(address.origin)) is not None:
            raise _given_up(address, known)
        failures = 0
        while True:
            try:
                return attempt()
            except Transient as problem:
                failures = 1 if problem.received >= _GOOD else failures + 1
                most = self._attempts if problem.connected else min(self._attempts, _CONNECT_ATTEMPTS)
                if problem.final or failures >= most or (problem.wait or 0) > PATIENCE:
                    if not problem.connected:
                        self._down[address.origin] = problem
                    raise _given_up(address, problem) from problem
                self._rest(address, problem, failures)

    def _rest(self, address: Address, problem: Transient, failures: int) -> None:
        seconds = problem.wait
        if seconds is None:
            # Apart by chance, so that many machines that failed together do not return together.
            spread = random.uniform(0.5, 1.5)  # noqa: S311  no secret
            seconds = min(self._pause * 2 ** (failures - 1) * spread, _LONGEST_PAUSE)
        self._note(f"{address.place} {problem.reason}; trying again in {seconds:.0f} s")
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._cancelled():
                raise CancelledError("cancelled")
            time.sleep(min(left, POLL))


def _given_up(address: Address, problem: Transient) -> UnreachableError:
    if (problem.wait or 0) > PATIENCE:
        return UnreachableError(
            f"{address.place} {problem.reason}, and asks to wait {problem.wait:.0f} s", hint="try again later"
        )
    hint = "try again later" if problem.connected else "check the network, the address, and the proxy variables"
    return UnreachableError(f"{address.place} {problem.reason}", hint=hint)
