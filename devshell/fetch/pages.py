"""Pages: small documents such as the lists of an index, kept with what is needed to ask whether they changed."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devshell.errors import CancelledError, DevshellError, FetchError, ProjectError
from devshell.fetch.client import MissingError
from devshell.fetch.download import copied
from devshell.files import locked, make_private, read_regular, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from devshell.fetch.address import Address
    from devshell.fetch.client import Client, Reply
    from devshell.fetch.retry import Retry

#: The most a page may hold, in bytes, also once it is unpacked.
LIMIT = 100 * 1000 * 1000

_NOT_MODIFIED = 304
_TYPES = {"html": "text/html", "json": "application/json", "txt": "text/plain", "toml": "application/toml"}
# One page's own facts stand on its first line.
_HEAD_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """A document: its bytes, its media type without parameters, and where it came from in the end.

    Relative links in it count from `address`, which holds no login.
    """

    content: bytes
    type: str
    address: str


@dataclass(frozen=True, slots=True)
class _Kept:
    page: Page
    etag: str | None
    modified: str | None


class Pages:
    """`<cache>/pages`: one file a page, written whole; a damaged one counts as absent."""

    def __init__(  # noqa: PLR0913  built in one place
        self,
        cache: Path,
        client: Client,
        retry: Retry,
        cancelled: Callable[[], bool],
        note: Callable[[str], None],
        *,
        offline: bool,
    ) -> None:
        """Touch nothing yet."""
        self._folder = cache / "pages"
        self._client = client
        self._retry = retry
        self._cancelled = cancelled
        self._note = note
        self._offline = offline
        # What was asked in this process; what was missing then need not be asked for again.
        self._asked: dict[Path, MissingError | None] = {}
        self._lock = threading.Lock()

    def get(self, address: Address, accept: str, *, fresh: bool) -> Page:
        """Return a page; with `fresh`, the host is asked at most once a process whether a kept one still holds.

        Raises MissingError where the host has none, UnreachableError where it does not answer, and
        FetchError where it refuses or where offline forbids asking.
        """
        if address.scheme == "file":
            return _local(address)
        path = self._folder / hashlib.sha256(f"{address.text}\n{accept}".encode()).hexdigest()
        if not fresh and (kept := _read(path)) is not None:
            return kept.page
        if self._offline:
            return self._without_network(path, address)
        make_private(self._folder)
        with locked(path.with_suffix(".lock"), cancelled=self._cancelled):
            return self._ask_once(path, address, accept, fresh=fresh)

    def _without_network(self, path: Path, address: Address) -> Page:
        kept = _read(path)
        if kept is None:
            raise FetchError(
                f"the page {address.file!r} of {address.place} is not in the cache, and --offline forbids fetching it",
                hint="run the same command once without --offline",
            )
        return kept.page

    def _ask_once(self, path: Path, address: Address, accept: str, *, fresh: bool) -> Page:
        kept = _read(path)
        with self._lock:
            asked, missing = path in self._asked, self._asked.get(path)
        if missing is not None:
            raise missing
        if kept is not None and (asked or not fresh):
            return kept.page
        try:
            page = self._retry.run(address, lambda: self._ask(path, address, accept, kept))
        except MissingError as problem:
            with self._lock:
                self._asked[path] = problem
            raise
        with self._lock:
            self._asked[path] = None
        return page

    def _ask(self, path: Path, address: Address, accept: str, kept: _Kept | None) -> Page:
        headers = {"Accept": accept, "Accept-Encoding": "gzip", **_conditions(kept)}
        with self._client.open("GET", address, headers) as reply:
            if kept is not None and reply.status == _NOT_MODIFIED:
                return kept.page
            reply.check()
            content = self._body(reply)
        kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        page = Page(content, kind, reply.address.text)
        try:
            _write(path, page, reply.headers)
        except DevshellError as problem:
            # The page is here; only the next run has to ask again.
            self._note(problem.message)
        return page

    def _body(self, reply: Reply) -> bytes:
        place = reply.address.place
        encoding = reply.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"gzip", "x-gzip", "identity", ""}:
            raise FetchError(f"{place} sent a page in the encoding {encoding!r:.40}, which was not asked for")
        try:
            content = _bounded(reply.chunks, self._cancelled, gzipped=encoding.endswith("gzip"))
        except zlib.error:
            raise FetchError(f"{place} sent a page that cannot be unpacked") from None
        if content is None:
            raise FetchError(f"{place} sent a page of more than {LIMIT} bytes")
        return content


def _conditions(kept: _Kept | None) -> dict[str, str]:
    if kept is None:
        return {}
    if kept.etag is not None:
        return {"If-None-Match": kept.etag}
    return {} if kept.modified is None else {"If-Modified-Since": kept.modified}


def _bounded(chunks: Iterable[bytes], cancelled: Callable[[], bool], *, gzipped: bool) -> bytes | None:
    """Join chunks, unpacked if need be; None where that would be more than LIMIT."""
    unpacker = zlib.decompressobj(wbits=31) if gzipped else None
    content = bytearray()
    for chunk in chunks:
        if cancelled():
            raise CancelledError("cancelled")
        # Unpacking stops one byte past the limit, however well the chunk was packed.
        content += unpacker.decompress(chunk, LIMIT + 1 - len(content)) if unpacker else chunk
        if len(content) > LIMIT:
            return None
    if unpacker is not None and content and not unpacker.eof:
        raise zlib.error("cut short")
    return bytes(content)


def _write(path: Path, page: Page, headers: Mapping[str, str]) -> None:
    facts = {
        "address": page.address,
        "etag": headers.get("etag"),
        "modified": headers.get("last-modified"),
        "sha256": hashlib.sha256(page.content).hexdigest(),
        "type": page.type,
    }
    head = json.dumps(facts).encode()
    if len(head) < _HEAD_LIMIT:
        write_atomically(path, head + b"\n" + page.content, 0o600)


def _read(path: Path) -> _Kept | None:
    try:
        found = read_regular(path, LIMIT + _HEAD_LIMIT)
    except ProjectError:
        return None
    if found is None:
        return None
    head, _, content = found[0].partition(b"\n")
    try:
        facts: dict[str, Any] = json.loads(head)
        if hashlib.sha256(content).hexdigest() != facts["sha256"]:
            return None
        page = Page(content, str(facts["type"]), str(facts["address"]))
        return _Kept(page, _sendable(facts["etag"]), _sendable(facts["modified"]))
    except (ValueError, KeyError, TypeError):
        return None


def _sendable(value: object) -> str | None:
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else None


def _local(address: Address) -> Page:
    path = address.target
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            path = os.path.join(path, "index.html")
    except OSError:
        pass  # reading it says what is wrong
    content = _bounded(copied(type(address)("file", "", 0, path)), lambda: False, gzipped=False)
    if content is None:
        raise FetchError(f"{path!r} holds more than {LIMIT} bytes")
    # The address stays the folder's, with a slash, so that relative links count from inside it.
    text = address.text if path == address.target else address.text.rstrip("/") + "/"
    return Page(content, _TYPES.get(path.rpartition(".")[2].lower(), ""), text)
