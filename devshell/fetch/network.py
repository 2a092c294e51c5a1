"""Sockets for httpcore that can be cancelled and are read in large pieces.

httpcore's own stream waits in the kernel for as long as the timeout says, and hands TLS records on
one by one: 16 kB each time through its whole stack, which halves the speed of parallel downloads.
This one never blocks for longer than :data:`devshell.files.POLL`, and empties the socket before it
hands anything on.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import httpcore

from devshell.errors import CancelledError, ConfigError
from devshell.files import POLL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

_PIECE = 256 * 1024
# Python sets this where OpenSSL is 3 or newer, which makes a cut connection look like a clean end.
_IGNORE_BREAKS = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
_WANTS_MORE = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Stream(httpcore.NetworkStream):
    """One connection."""

    def __init__(self, connection: socket.socket, backend: Backend) -> None:
        """Take over a connected socket."""
        connection.settimeout(0)
        self._socket = connection
        self._backend = backend
        self._broken: OSError | None = None
        self._buffer = memoryview(bytearray(0))

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has arrived, up to 256 kB whatever `max_bytes` says, and nothing at the end."""
        del max_bytes
        if not self._buffer:
            self._buffer = memoryview(bytearray(_PIECE))
        deadline = _deadline(timeout)
        while True:
            count, ended = self._drain()
            if count or ended:
                return bytes(self._buffer[:count])
            if time.monotonic() > deadline:
                raise httpcore.ReadTimeout("nothing came in time")
            self._backend.wait(self._socket, select.POLLIN)

    def _drain(self) -> tuple[int, bool]:
        count = 0
        try:
            while count < _PIECE and not self._broken:
                more = self._socket.recv_into(self._buffer[count:])
                if not more:
                    return count, True
                count += more
        except _WANTS_MORE:
            pass
        except OSError as problem:
            # What came before the break is handed on first. The kernel tells of a break only once,
            # and of a clean end after that, so that it has to be remembered.
            self._broken = problem
        if self._broken and not count:
            raise httpcore.ReadError(_reason(self._broken)) from self._broken
        return count, False

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`."""
        deadline = _deadline(timeout)
        left = memoryview(buffer)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except _WANTS_MORE:
                if time.monotonic() > deadline:
                    raise httpcore.WriteTimeout("nothing could be sent in time") from None
                self._backend.wait(self._socket, select.POLLOUT | select.POLLIN)
            except OSError as problem:
                raise httpcore.WriteError(_reason(problem)) from problem

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Shake hands, with the machine's certificates rather than `ssl_context`."""
        del ssl_context
        context = tls_context()
        context.set_alpn_protocols(["http/1.1"])
        context.options &= ~_IGNORE_BREAKS
        self._socket.settimeout(timeout)

        def shake() -> socket.socket:
            # A connection cut without TLS's farewell is a break: without it, a body that says no
            # length could be cut short by anyone on the way.
            return context.wrap_socket(self._socket, server_hostname=server_hostname, suppress_ragged_eofs=False)

        try:
            return Stream(self._backend.abandonable(shake, timeout), self._backend)
        except BaseException:
            self.close()
            raise

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  httpcore's own signature
        """Answer httpcore's one question: whether an idle connection has been closed by the other side."""
        if info != "is_readable":
            return None
        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLIN)
            return bool(poll.poll(0))
        except (OSError, ValueError):
            return True


class Backend(httpcore.NetworkBackend):
    """Opens connections; everything it does ends soon after `cancelled()` says so."""

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        """Keep `cancelled`, which is asked at every wait."""
        self._cancelled = cancelled

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Look the host up and connect."""
        del local_address, socket_options
        connection = self.abandonable(lambda: socket.create_connection((host, port), timeout), timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Stream(connection, self)

    def check(self) -> None:
        """Raise CancelledError once the user has cancelled."""
        if self._cancelled():
            raise CancelledError("cancelled")

    def wait(self, connection: socket.socket, events: int) -> None:
        """Wait a moment for a socket."""
        self.check()
        poll = select.poll()
        poll.register(connection, events)
        poll.poll(POLL * 1000)
        self.check()

    def abandonable(self, call: Callable[[], socket.socket], timeout: float | None) -> socket.socket:
        """Run a call that nothing can interrupt (a name look-up, a handshake) where it can be left behind."""
        done: list[socket.socket] = []
        failed: list[Exception] = []

        def run() -> None:
            try:
                done.append(call())
            except Exception as problem:  # noqa: BLE001  carried over to the thread that waits
                failed.append(problem)

        worker = threading.Thread(target=run, daemon=True)
        worker.start()
        # A look-up has no timeout of its own, so that one is granted on top.
        deadline = _deadline(None if timeout is None else 2 * timeout)
        while worker.is_alive():
            worker.join(POLL)
            self.check()
            if time.monotonic() > deadline:
                raise httpcore.ConnectTimeout("no answer in time")
        if failed:
            raise _connect_error(failed[0]) from failed[0]
        return done[0]


def _deadline(timeout: float | None) -> float:
    return float("inf") if timeout is None else time.monotonic() + timeout


def _reason(problem: Exception) -> str:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({problem.verify_message})"
    return str(getattr(problem, "strerror", None) or problem).lower() or type(problem).__name__


class CertificateError(httpcore.ConnectError):
    """The host's certificate is not one this machine trusts; asking again does not help."""


class UnknownNameError(httpcore.ConnectError):
    """There is no host of that name; asking again does not help."""


def _connect_error(problem: Exception) -> Exception:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return CertificateError(_reason(problem))
    if isinstance(problem, TimeoutError):
        return httpcore.ConnectTimeout("no answer in time")
    if isinstance(problem, socket.gaierror):
        # Whoever looks names up may be busy; that there is no such name is an answer.
        kind = httpcore.ConnectError if problem.errno == socket.EAI_AGAIN else UnknownNameError
        return kind("its name is not known")
    if isinstance(problem, (OSError, UnicodeError)):
        return httpcore.ConnectError(_reason(problem))
    return problem


_context_lock = threading.Lock()
_shared: dict[tuple[str | None, str | None], ssl.SSLContext | None] = {}


def tls_context() -> ssl.SSLContext:
    """Return a context that trusts what this machine trusts.

    SSL_CERT_FILE and SSL_CERT_DIR count, and raise ConfigError where they name nothing.
    """
    named = (os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None)
    with _context_lock:
        if named not in _shared:
            _check_certificates(*named)
            _shared[named] = _openssl_context()
    return _shared[named] or _truststore_context(*named)


def _openssl_context() -> ssl.SSLContext | None:
    # Where OpenSSL itself finds the system's certificates, one context serves all connections.
    # truststore would read the whole bundle again for each (20 ms), holding a lock meanwhile.
    if sys.platform != "linux":
        return None
    context = ssl.create_default_context()
    return context if context.cert_store_stats()["x509_ca"] else None


def _truststore_context(file: str | None, folder: str | None) -> ssl.SSLContext:
    import truststore

    # One for each connection: it holds a lock during the handshake, so that with a shared one a
    # host that stalls there would stop all others.
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if file or folder:
        context.load_verify_locations(file, folder)
    return context


def _check_certificates(file: str | None, folder: str | None) -> None:
    for name, path in (("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folder)):
        # OpenSSL takes several folders, with colons between them.
        if path and not any(os.access(part, os.R_OK) for part in path.split(":")):
            raise ConfigError(f"{name} names {path!r}, which cannot be read", hint=f"mend or unset {name}")
    try:
        if file:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except (ssl.SSLError, OSError):
        raise ConfigError(
            f"SSL_CERT_FILE names {file!r}, which holds no certificates", hint="mend or unset SSL_CERT_FILE"
        ) from None
