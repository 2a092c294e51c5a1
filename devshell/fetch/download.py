"""One file from one address into its part: resumed, bounded, and judged by its hash."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devshell.errors import FetchError, HashMismatchError
from devshell.fetch.cache import PIECE, strong_validator
from devshell.fetch.client import MissingError
from devshell.fetch.retry import Transient
from devshell.files import explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devshell.fetch.address import Address
    from devshell.fetch.cache import Part
    from devshell.fetch.client import Client, Reply
    from devshell.fetch.progress import Bar
    from devshell.fetch.retry import Retry

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z", re.ASCII)
_PARTIAL = 206
_BAD_RANGE = 416


@dataclass(frozen=True, slots=True)
class Want:
    """What a file must be: its size in bytes and its hash, both None while they are to be learnt.

    `limit` is the most bytes it may hold.
    """

    file: str
    algorithm: str
    digest: str | None
    size: int | None
    limit: int


class _Wrong(Exception):  # noqa: N818  does not leave this module
    """The bytes are not those wanted; the text says what came instead."""


class Download:
    """Brings one file into a part; one address after the other may be tried with it."""

    def __init__(self, client: Client, retry: Retry, part: Part, want: Want, bar: Bar) -> None:
        """Go on with what `part` holds."""
        self._client = client
        self._retry = retry
        self._part = part
        self._want = want
        self._bar = bar
        # Whether the part holds bytes of more than one connection: then a wrong hash may only mean
        # that the file changed in between.
        self._pieced = part.size > 0
        bar.restart(part.size)

    def run(self, address: Address) -> None:
        """Fill the part from an address, until it has the hash that is wanted.

        Raises HashMismatchError where the whole file came and is another, UnreachableError where the
        host did not bring it in spite of all attempts, FetchError where the host refuses.
        """
        try:
            self._fill(address)
        except _Wrong as wrong:
            pieced = self._pieced
            self._restart()
            if not pieced:
                raise self._mismatch(address, wrong) from None
        else:
            return
        # The pieces may be of two versions of the file: once more, from the start.
        try:
            self._fill(address)
        except _Wrong as wrong:
            self._restart()
            raise self._mismatch(address, wrong) from None

    def _fill(self, address: Address) -> None:
        if not self._complete():
            self._retry.run(address, lambda: self._attempt(address))
        got = self._part.digest()
        if self._want.digest is not None and got != self._want.digest:
            raise _Wrong(f"{self._want.algorithm}:{got}")

    def _mismatch(self, address: Address, wrong: _Wrong) -> FetchError:
        want = self._want
        if want.digest is None:
            return FetchError(f"{address.place} sends more than {want.limit} bytes for {want.file!r}")
        return HashMismatchError(
            f"{address.place} sent another {want.file!r} than the lock names: "
            f"expected {want.algorithm}:{want.digest} ({want.size} bytes), got {wrong}",
            hint="do not use it; if its publisher replaced it on purpose, run `devshell lock --update`",
        )

    def _complete(self) -> bool:
        return self._want.size is not None and self._part.size == self._want.size

    def _restart(self) -> None:
        self._part.reset()
        self._pieced = False
        self._bar.restart(0)

    def _attempt(self, address: Address) -> None:
        if self._part.size > self._want.limit:
            self._restart()
        before = self._part.size
        try:
            if address.scheme == "file":
                self._restart()
                self._take(copied(address))
            else:
                self._ask(address)
        except Transient as problem:
            # All bytes are there; that the connection broke after the last one does not matter.
            if not self._complete():
                problem.received = max(0, self._part.size - before)
                raise

    def _ask(self, address: Address) -> None:
        headers = {"Accept-Encoding": "identity", "Accept": "*/*", **self._range(address)}
        at = self._part.size
        with self._client.open("GET", address, headers) as reply:
            if at and (reply.status == _BAD_RANGE or (reply.status == _PARTIAL and not self._fits(reply))):
                self._restart()
                raise Transient("could not continue the file", wait=0.0)
            if reply.status == _PARTIAL and not at:
                raise FetchError(f"{address.place} sent a part of {self._want.file!r} where all of it was asked for")
            reply.check()
            if reply.status == _PARTIAL:
                self._pieced = True
            elif at:
                self._restart()
            headers_of = reply.headers.get
            validator = strong_validator(headers_of("etag"), headers_of("last-modified"), headers_of("date"))
            self._part.remember(address, validator)
            self._check_announced(reply)
            if self._want.size is None and reply.length is not None:
                self._bar.expect(self._part.size + reply.length)
            self._take(reply.chunks)
        if self._want.size is not None and self._part.size < self._want.size:
            # Of a file of this machine there is no more to come: there, the hash says what is wrong.
            raise Transient(f"ended {self._want.file!r} after {self._part.size} of {self._want.size} bytes")

    def _range(self, address: Address) -> dict[str, str]:
        if not self._part.size:
            return {}
        validator = self._part.validator(address)
        if validator is not None:
            return {"Range": f"bytes={self._part.size}-", "If-Range": validator}
        if self._want.digest is not None:
            # The file may be another one by now, or this another host: the hash will tell.
            return {"Range": f"bytes={self._part.size}-"}
        self._restart()
        return {}

    def _fits(self, reply: Reply) -> bool:
        found = _RANGE.match(reply.headers.get("content-range", ""))
        if not found or int(found[1]) != self._part.size:
            return False
        return self._want.size is None or found[3] == "*" or int(found[3]) == self._want.size

    def _check_announced(self, reply: Reply) -> None:
        if reply.length is None:
            return
        end = self._part.size + reply.length
        # A host may send less of a range than was asked, but not less of the whole.
        short = reply.status != _PARTIAL and self._want.size is not None and end < self._want.size
        if short or end > self._want.limit:
            raise _Wrong(f"{end} bytes")

    def _take(self, chunks: Iterator[bytes]) -> None:
        want = self._want
        for chunk in chunks:
            if self._part.size + len(chunk) > want.limit:
                # Not one byte more is kept: an endless body would fill the disk.
                raise _Wrong(f"more than {want.limit} bytes")
            self._part.append(chunk)
            self._bar.advance(len(chunk))


def copied(address: Address) -> Iterator[bytes]:
    """Yield the bytes of a local file.

    Raises MissingError where it is not there, FetchError where it is no regular file or cannot be read.
    """
    path = address.target
    with explained(path, "read", FetchError):
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise FetchError(f"{path!r} is no regular file")
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except (FileNotFoundError, NotADirectoryError):
            raise MissingError(f"there is no {path!r}") from None
        with open(descriptor, "rb", buffering=0) as file:
            while chunk := file.read(PIECE):
                yield chunk
