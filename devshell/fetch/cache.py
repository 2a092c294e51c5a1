"""The folder of downloads: verified files under their hashes, and parts under way beside them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
from typing import TYPE_CHECKING, Protocol

from devshell.errors import CancelledError, FetchError
from devshell.files import explained, make_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from devshell.fetch.address import Address

#: How much is read, hashed and written at a time, in bytes: what memory a file costs, however big it is.
PIECE = 1 << 20

_DIGESTS = {"sha256": 64, "sha512": 128}
_HEX = re.compile(r"[0-9a-f]+\Z")
# A strong entity tag; a weak one (W/"…") promises no equal bytes.
_STRONG = re.compile(r'"[\x21\x23-\x7e]*"\Z')


class Hash(Protocol):
    """What hashlib makes."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take in more bytes."""
        ...

    def hexdigest(self) -> str:
        """Return the digest so far, in lower-case hex."""
        ...


class Downloads:
    """`<cache>/artifacts`: a file is there under `<algorithm>-<digest>` only once its bytes have that digest."""

    def __init__(self, cache: Path, cancelled: Callable[[], bool]) -> None:
        """Touch nothing yet."""
        self._folder = cache / "artifacts"
        self._cancelled = cancelled

    def place(self, algorithm: str, digest: str) -> Path:
        """Return where a file of this hash belongs; FetchError for what is no such hash."""
        if _DIGESTS.get(algorithm) != len(digest) or not _HEX.match(digest):
            raise FetchError(f"{algorithm}:{digest!r:.80} is no hash of a file", hint="run `devshell lock --resolve`")
        return self._folder / f"{algorithm}-{digest}"

    def temporary(self, address: Address) -> Path:
        """Return where a file of unknown hash is gathered."""
        return self._folder / f"learn-{hashlib.sha256(address.text.encode()).hexdigest()}"

    def prepare(self) -> None:
        """Make the folder."""
        make_private(self._folder)

    def verified(self, path: Path, algorithm: str, digest: str, size: int) -> bool:
        """Whether the file is there with the right bytes, which are hashed again; a wrong one is removed."""
        with explained(path, "read", FetchError):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            except FileNotFoundError:
                return False
            with open(descriptor, "rb", buffering=0) as file:
                seen = os.fstat(descriptor)
                if stat.S_ISREG(seen.st_mode) and seen.st_size == size:
                    hashed = hashlib.new(algorithm)
                    self._hash(file.readinto, hashed, size)
                    if hashed.hexdigest() == digest:
                        return True
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return False

    def _hash(self, readinto: Callable[[memoryview], int | None], hashed: Hash, size: int) -> None:
        buffer = memoryview(bytearray(min(PIECE, size) or 1))
        left = size
        while left > 0 and (count := readinto(buffer[:left])):
            if self._cancelled():
                raise CancelledError("cancelled")
            hashed.update(buffer[:count])
            left -= count

    @contextlib.contextmanager
    def part(self, path: Path, algorithm: str, *, keep: bool) -> Iterator[Part]:
        """Open the part of the file `path`, with what an earlier run left of it if `keep` says so."""
        part = Part(path, algorithm, self._cancelled)
        try:
            if keep:
                part.take_up(self._hash)
            else:
                part.reset()
            yield part
        finally:
            part.close()


class Part:
    """A file under way: what has come so far, hashed as it comes.

    Whoever holds it holds the lock of the finished file. No fsync on the way: after a power cut the
    hash judges what is there.
    """

    def __init__(self, path: Path, algorithm: str, cancelled: Callable[[], bool]) -> None:
        """Open the part of the file that will be `path`."""
        self._final = path
        self._path = path.with_name(path.name + ".part")
        self._facts = path.with_name(path.name + ".part.json")
        self._algorithm = algorithm
        self._cancelled = cancelled
        self._hash: Hash = hashlib.new(algorithm)
        self.size = 0
        with self._explained():
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            self._descriptor = os.open(self._path, flags, 0o600)

    def _explained(self) -> contextlib.AbstractContextManager[None]:
        return explained(self._path, "write", FetchError)

    def take_up(self, hasher: Callable[[Callable[[memoryview], int | None], Hash, int], None]) -> None:
        """Go on with what an earlier run left."""
        with self._explained():
            size = os.fstat(self._descriptor).st_size
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            hasher(lambda buffer: os.readv(self._descriptor, [buffer]), self._hash, size)
            self.size = os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def reset(self) -> None:
        """Throw away what is there."""
        with self._explained():
            # The validator goes first: it must never stand beside bytes it does not speak of.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._facts)
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._hash = hashlib.new(self._algorithm)
        self.size = 0

    def append(self, chunk: bytes) -> None:
        """Add bytes; raises CancelledError when the user has cancelled, FetchError where the disk refuses."""
        if self._cancelled():
            raise CancelledError("cancelled")
        self._hash.update(chunk)
        with self._explained():
            left = memoryview(chunk)
            while left:
                left = left[os.write(self._descriptor, left) :]
        self.size += len(chunk)

    def digest(self) -> str:
        """Return the hash of all that is there."""
        return self._hash.hexdigest()

    def remember(self, address: Address, validator: str | None) -> None:
        """Keep beside the part which version of which address it is."""
        facts = {"address": address.text, "validator": validator}
        with self._explained():
            descriptor = os.open(self._facts, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(facts, file)

    def validator(self, address: Address) -> str | None:
        """Return what `remember` was told for this address, if it is still legible."""
        try:
            facts = json.loads(self._facts.read_bytes())
            known = facts["validator"] if facts["address"] == address.text else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return known if isinstance(known, str) and known.isascii() and known.isprintable() else None

    def finish(self, path: Path | None = None) -> Path:
        """Put the whole file in its place, and return that."""
        target = path or self._final
        with self._explained():
            os.replace(self._path, target)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._facts)
        return target

    def close(self) -> None:
        """Close the file; what is there stays for the next run, unless it is nothing."""
        with contextlib.suppress(OSError):
            if not self.size:
                os.unlink(self._path)
                os.unlink(self._facts)
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def strong_validator(etag: str | None, modified: str | None, date: str | None) -> str | None:
    """Return what If-Range may be asked with (RFC 9110, section 8.8), or None.

    A strong entity tag, else a Last-Modified that lies at least a second before the answer's Date.
    """
    from email.utils import parsedate_to_datetime

    if etag is not None:
        return etag if _STRONG.match(etag) else None
    try:
        seconds = (parsedate_to_datetime(date or "") - parsedate_to_datetime(modified or "")).total_seconds()
    except (ValueError, TypeError):
        return None
    return modified if seconds >= 1 else None
