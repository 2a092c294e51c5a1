"""One request at a time: redirects by our own rules, logins for their own host, proxies, and what was counted."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from devshell import __version__
from devshell.errors import ConfigError, FetchError
from devshell.fetch.address import is_loopback
from devshell.fetch.retry import TRANSIENT, Transient, retry_after

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

    import httpcore

    from devshell.fetch.address import Address, Logins, Policy

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_CONNECTIONS = 64
_CONNECT_TIMEOUT = 10.0
_OK = 200
_PARTIAL = 206
_SMALL = 64 * 1024


class MissingError(FetchError):
    """The place answered, and has no such page or file."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body is still to come; `address` is where it came from in the end."""

    address: Address
    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]

    @property
    def length(self) -> int | None:
        """Return the body's size in bytes as announced."""
        value = self.headers.get("content-length", "")
        return int(value) if value.isascii() and value.isdigit() else None

    def check(self, *accepted: int) -> None:
        """Raise what the status means, unless it is 2xx or one of `accepted`.

        Raises Transient, MissingError, or FetchError.
        """
        place, status = self.address.place, self.status
        if status in {_OK, _PARTIAL, *accepted}:
            return
        if status in TRANSIENT:
            raise Transient(f"is busy or broken ({status})", wait=retry_after(self.headers.get("retry-after")))
        if status in {404, 410}:
            raise MissingError(f"{place} has no {self.address.file!r} ({status})")
        if status in {401, 403}:
            raise FetchError(
                f"{place} does not let you have {self.address.file!r} ({status})",
                hint=f"put a login for {self.address.host} into ~/.netrc, or into the configured address",
            )
        raise FetchError(f"{place} answered {status} for {self.address.file!r}")


class Client:
    """Sends requests; may be used from many threads."""

    def __init__(self, policy: Policy, logins: Logins, cancelled: Callable[[], bool], timeout: float) -> None:
        """Open nothing yet; `timeout` is the longest silence, in seconds."""
        self._policy = policy
        self._logins = logins
        self._cancelled = cancelled
        self._timeout = timeout
        self._pools: dict[str | None, httpcore.ConnectionPool] = {}
        self._lock = threading.Lock()
        self.requests = 0
        self.received = 0

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()

    @contextlib.contextmanager
    def open(self, method: str, address: Address, headers: Mapping[str, str]) -> Iterator[Reply]:
        """Send one request, following redirects, and give its answer.

        The login for `address` goes to its origin alone, and is not sent any more once a redirect
        has left it. Raises Transient for what another attempt may mend, FetchError for what no
        attempt will.
        """
        self._policy.check(address)
        # netrc names hosts, not schemes: over plain http that nobody called safe, its passwords stay here.
        login = self._logins.header(address, ask_netrc=not self._policy.is_only_proven(address))
        here = address
        for _hop in range(_MOST_REDIRECTS + 1):
            full = {
                "Host": here.place,
                "User-Agent": f"devshell/{__version__}",
                **headers,
            }
            if login is not None:
                full["Authorization"] = login
            with self._send(method, here, full) as reply:
                location = reply.headers.get("location")
                if reply.status not in _REDIRECTS or location is None:
                    yield reply
                    return
                if (reply.length or _SMALL) < _SMALL:
                    # Read to its end, the connection can serve again.
                    for _chunk in reply.chunks:
                        pass
            there = self._policy.redirect(here, location)
            if there.origin != address.origin:
                login = None
            here = there
        raise FetchError(f"{address.place} redirects more than {_MOST_REDIRECTS} times", hint="check the address")

    @contextlib.contextmanager
    def _send(self, method: str, address: Address, headers: Mapping[str, str]) -> Iterator[Reply]:
        import httpcore

        url = httpcore.URL(
            scheme=address.scheme.encode(),
            host=address.host.encode(),
            # As a proxy is told it: without the port that goes without saying.
            port=None if address.is_usual_port else address.port,
            target=address.target.encode(),
        )
        timeouts = {
            "connect": min(self._timeout, _CONNECT_TIMEOUT),
            "read": self._timeout,
            "write": self._timeout,
        }
        with self._lock:
            self.requests += 1
        with (
            _translated(address),
            self._pool(address).stream(
                method, url, headers=list(headers.items()), extensions={"timeout": timeouts}
            ) as response,
        ):
            received = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers}
            yield Reply(address, response.status, received, self._counted(response))

    def _counted(self, response: httpcore.Response) -> Iterator[bytes]:
        for chunk in response.iter_stream():
            with self._lock:
                self.received += len(chunk)
            yield chunk

    def _pool(self, address: Address) -> httpcore.ConnectionPool:
        proxy = _proxy(address)
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = self._new_pool(proxy)
            return self._pools[proxy]

    def _new_pool(self, proxy: str | None) -> httpcore.ConnectionPool:
        import httpcore

        from devshell.fetch.network import Backend

        backend = Backend(self._cancelled)
        if proxy is None:
            return httpcore.ConnectionPool(_no_trust(), max_connections=_CONNECTIONS, network_backend=backend)
        parts = urlsplit(proxy)
        auth = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
        return httpcore.HTTPProxy(
            httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=b"/"),
            proxy_auth=auth and (auth[0].encode(), auth[1].encode()),
            ssl_context=_no_trust(),
            proxy_ssl_context=_no_trust() if parts.scheme == "https" else None,
            max_connections=_CONNECTIONS,
            network_backend=backend,
        )


def _no_trust() -> ssl.SSLContext:
    # httpcore wants a context; the one that is used is made in devshell.fetch.network. Should
    # httpcore ever use this one, it trusts nobody.
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _proxy(address: Address) -> str | None:
    """Return the proxy that the environment, or macOS, names for an address; never one for this machine itself.

    Raises ConfigError for a kind of proxy that is not supported; the message does not repeat its address.
    """
    import urllib.request

    if is_loopback(address.host) or urllib.request.proxy_bypass(f"{address.host}:{address.port}"):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all")
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(
            f"the proxy configured for {address.scheme} cannot be used",
            hint=f"set {address.scheme.upper()}_PROXY to http://host:port or https://host:port, or unset it",
        )
    return proxy


@contextlib.contextmanager
def _translated(address: Address) -> Iterator[None]:
    """Turn httpcore's exceptions into Transient and FetchError."""
    import httpcore

    from devshell.fetch.network import CertificateError, UnknownNameError

    try:
        yield
    except CertificateError as problem:
        raise FetchError(
            f"{address.place} cannot be trusted: {problem}",
            hint="behind a company's proxy, set SSL_CERT_FILE to the company's certificates",
        ) from problem
    except UnknownNameError as problem:
        raise Transient(f"cannot be reached: {problem}", connected=False, final=True) from problem
    except httpcore.ProxyError as problem:
        raise Transient(f"cannot be reached through the proxy ({problem})", connected=False) from problem
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as problem:
        raise Transient(f"cannot be reached: {problem}", connected=False) from problem
    except httpcore.TimeoutException as problem:
        raise Transient("stopped answering") from problem
    except (httpcore.NetworkError, httpcore.RemoteProtocolError) as problem:
        raise Transient("broke the connection") from problem
    except httpcore.LocalProtocolError as problem:
        raise FetchError(f"{address.place} cannot be asked: the request is not proper HTTP") from problem
