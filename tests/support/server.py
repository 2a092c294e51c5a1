"""A loopback HTTP server that lies on command, and keeps a log of what it was asked.

    with LyingServer() as server:
        server.serve("/tool.tar.gz", content)                          # honest: ranges, ETag, HEAD
        server.serve("/tool.tar.gz", content, Behaviour(reset_at=100), HONEST)   # then honest
        fetch(server.address + "/tool.tar.gz")
        assert [seen.method for seen in server.seen] == ["GET", "GET"]

Each request to a path takes the next of its behaviours; the last one stays.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Behaviour:
    """How one request is answered; all off means honestly.

    Counts are bytes of the body as sent in that one answer.
    """

    status: int | None = None  # answer with this status and nothing else
    headers: Mapping[str, str] = field(default_factory=dict)  # on top of the honest ones
    content: bytes | None = None  # send these bytes as if they were the file
    short_at: int | None = None  # promise all, close after so much
    reset_at: int | None = None  # promise all, send RST after so much
    stall_at: int | None = None  # promise all, fall silent after so much, until the server stops
    cut_length: int | None = None  # promise and send only so much, as if that were all
    endless: bool = False  # no length, and bytes without end
    chunked: bool = False  # no length, chunked
    closing: bool = False  # no length, ended by closing the connection
    ignore_range: bool = False  # 200 and the whole file, whatever was asked
    wrong_range: bool = False  # 206 with a Content-Range that was not asked for
    login: str | None = None  # "user:password" that must come, else 401
    authorization: str | None = None  # the very header that must come, else 401
    etag: str | None = ""  # "" makes an honest one, None sends none
    encoding: str | None = None  # say this Content-Encoding of the bytes


HONEST = Behaviour()


def redirect(location: str, status: int = 302) -> Behaviour:
    """Send the client elsewhere."""
    return Behaviour(status=status, headers={"Location": location})


@dataclass(frozen=True)
class Seen:
    """One request as it came; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


class LyingServer:
    """Serves in threads of its own while used in `with`."""

    def __init__(self, certificate: Path | None = None) -> None:
        """With `certificate`, a PEM file of key and certificate, it speaks TLS."""
        self._scheme = "https" if certificate else "http"
        self.seen: list[Seen] = []
        self.stalled = threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._files: dict[str, bytes] = {}
        self._behaviours: dict[str, list[Behaviour]] = {}
        owner = self

        class Handler(_Handler):
            server_owner = owner

        self._server = _Server(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake comes with the first read, in the thread of the connection.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port, chosen by the kernel."""
        return int(self._server.server_address[1])

    @property
    def host(self) -> str:
        """`127.0.0.1:port`, as messages name it."""
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """`http://127.0.0.1:port`, or https."""
        return f"{self._scheme}://{self.host}"

    def serve(self, path: str, content: bytes, *behaviours: Behaviour) -> str:
        """Put a file at `path` and return its address."""
        with self._lock:
            self._files[path] = content
            self._behaviours[path] = list(behaviours) or [HONEST]
        return self.address + path

    def requests(self, path: str, method: str | None = None) -> list[Seen]:
        """The log of one path."""
        return [seen for seen in self.seen if seen.path == path and method in {None, seen.method}]

    def note(self, seen: Seen) -> tuple[bytes | None, Behaviour]:
        """Log a request; return the file and how to answer."""
        with self._lock:
            self.seen.append(seen)
            path = seen.path.partition("?")[0]
            left = self._behaviours.get(path, [HONEST])
            return self._files.get(path), left.pop(0) if len(left) > 1 else left[0]

    def stall(self) -> None:
        """Be silent until the server stops."""
        self.stalled.set()
        self._stop.wait()

    @property
    def stopping(self) -> bool:
        """Whether the test is over."""
        return self._stop.is_set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away are what this server is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_owner: LyingServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Keep the terminal clean."""

    def do_GET(self) -> None:
        """Answer."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer without body."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        content, how = self.server_owner.note(Seen(self.command, self.path, headers))
        if how.login is not None and headers.get("authorization") != _basic(how.login):
            self._plain(401, {"WWW-Authenticate": "Basic"})
        elif how.authorization is not None and headers.get("authorization") != how.authorization:
            self._plain(401, {"WWW-Authenticate": "Bearer"})
        elif how.status is not None:
            self._plain(how.status, how.headers)
        elif content is None:
            self._plain(404, {})
        else:
            self._file(how.content if how.content is not None else content, headers, how, body=body)

    def _plain(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _file(self, content: bytes, headers: Mapping[str, str], how: Behaviour, *, body: bool) -> None:
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"' if how.etag == "" else how.etag
        if etag is not None and headers.get("if-none-match") == etag:
            self._plain(304, {"ETag": etag})
            return
        start = self._start(content, headers, etag, how)
        if start is not None and start >= len(content):
            self._plain(416, {"Content-Range": f"bytes */{len(content)}"})
            return
        rest = content[start or 0 :]
        rest = rest if how.cut_length is None else rest[: how.cut_length]
        self.send_response(200 if start is None else 206)
        if start is not None:
            first = start + 1 if how.wrong_range else start
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if etag is not None:
            self.send_header("ETag", etag)
        if how.encoding is not None:
            self.send_header("Content-Encoding", how.encoding)
        for name, value in how.headers.items():
            self.send_header(name, value)
        self._length(rest, how)
        self.end_headers()
        if body:
            self._body(rest, how)

    def _start(self, content: bytes, headers: Mapping[str, str], etag: str | None, how: Behaviour) -> int | None:
        asked = re.fullmatch(r"bytes=(\d+)-\d*", headers.get("range", ""))
        condition = headers.get("if-range")
        if not asked or how.ignore_range or (condition is not None and condition != etag):
            return None
        return int(asked[1]) if content else None

    def _length(self, rest: bytes, how: Behaviour) -> None:
        if how.endless or how.closing:
            self.send_header("Connection", "close")
            self.close_connection = True
        elif how.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(rest)))

    def _body(self, rest: bytes, how: Behaviour) -> None:
        if how.endless:
            while not self.server_owner.stopping:
                self.wfile.write(b"\0" * _CHUNK)
        elif how.chunked:
            for at in range(0, len(rest), _CHUNK):
                piece = rest[at : at + _CHUNK]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        else:
            self._until_break(rest, how)

    def _until_break(self, rest: bytes, how: Behaviour) -> None:
        stops = [stop for stop in (how.short_at, how.reset_at, how.stall_at) if stop is not None]
        self.wfile.write(rest[: stops[0]] if stops else rest)
        if how.stall_at is not None:
            self.server_owner.stall()
        if how.reset_at is not None:
            # Lingering for no time makes close() send RST.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        if stops:
            self.close_connection = True

    def finish(self) -> None:
        """Close, which a reset connection has done already."""
        with contextlib.suppress(OSError, ValueError):
            super().finish()


def _basic(login: str) -> str:
    import base64

    return "Basic " + base64.b64encode(login.encode()).decode()
