"""Addresses: what may be asked, with which login, and how an address is named in messages.

A login never becomes part of a text: an :class:`Address` keeps none, and :class:`Logins` gives one
out only for the origin it was meant for.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urljoin, urlsplit

from devshell.errors import ConfigError, FetchError, Place

if TYPE_CHECKING:
    import netrc
    from collections.abc import Collection

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9_])?\.?\Z")
# RFC 3986: what may stand unescaped in a path and a query, and the escapes themselves.
_SAFE = "/%:@!$&'()*+,;=~-._?[]"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Address:
    """One checked address without login and fragment; `target` is path and query, escaped.

    For `file`, `host` is empty, and `target` is the path, unescaped.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return what a login belongs to."""
        return (self.scheme, self.host, self.port)

    @property
    def text(self) -> str:
        """Return the address as a text that parses again."""
        if self.scheme == "file":
            return Path(self.target).as_uri()
        return f"{self.scheme}://{self.place}{self.target}"

    @property
    def place(self) -> str:
        """Return how messages name it: the host and an unusual port, or the local file.

        The path of a host's address is left out, since it may hold tokens.
        """
        if self.scheme == "file":
            return repr(self.target)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.is_usual_port else f"{host}:{self.port}"

    @property
    def is_usual_port(self) -> bool:
        """Whether the port is the one that the scheme implies."""
        return self.port == _PORTS.get(self.scheme)

    @property
    def file(self) -> str:
        """Return the last part of the path: what a person calls the file."""
        return unquote(self.target.partition("?")[0].rstrip("/").rpartition("/")[2]) or self.host


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine, by name or by number."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Policy:
    """What may be asked at all: `https`, `file`, and `http` from this machine or from hosts the user named."""

    def __init__(self, insecure: Collection[str] = ()) -> None:
        """`insecure` are the hosts, with or without a port, that the user lets answer over plain http."""
        self._insecure = frozenset(host.lower() for host in insecure)
        self._proven: frozenset[Address] = frozenset()

    def prove(self, folder: Address) -> None:
        """Let what lies below `folder` come over plain http, since whoever asks judges it by signature or hash.

        Only what is below: another source that uses the same host stays refused.
        """
        self._proven |= {folder}

    def is_only_proven(self, address: Address) -> bool:
        """Whether plain http is allowed for the content's sake alone, so that no secret may be sent with it."""
        return (
            address.scheme == "http"
            and not is_loopback(address.host)
            and not self._is_named(address)
            and self._is_proven(address)
        )

    def _is_proven(self, address: Address) -> bool:
        return any(_lies_below(address, folder) for folder in self._proven)

    def _is_named(self, address: Address) -> bool:
        return bool(self._insecure & {address.host, address.place, f"{address.host}:{address.port}"})

    def check(self, address: Address) -> None:
        """Raise FetchError for plain http that nobody allowed."""
        if address.scheme != "http" or is_loopback(address.host):
            return
        if not self._is_named(address) and not self._is_proven(address):
            raise FetchError(
                f"{address.place} is to be asked over plain http, where anyone on the way can read and change",
                hint=f"use https, or allow it with `devshell config set http.insecure {address.host}`",
            )

    def redirect(self, address: Address, location: str) -> Address:
        """Return where a redirect from `address` leads.

        Raises FetchError where it leads from https to http, to plain http that nobody allowed, or to
        anything but http and https, such as a file of this machine.
        """
        try:
            target, _ = parse(urljoin(address.text, location))
        except ValueError:
            raise FetchError(f"{address.place} redirects to something that is no address") from None
        if target.scheme == "file":
            raise FetchError(f"{address.place} redirects to a local file, which no server may ask for")
        if target.scheme == "http" and address.scheme == "https":
            raise FetchError(f"{address.place} redirects from https to plain http at {target.place}, which is refused")
        # Whatever comes from there is judged like what would have come from here.
        if not self.is_only_proven(address):
            self.check(target)
        return target


def parse(text: str) -> tuple[Address, str | None]:
    """Check an address and take its login off: `(address, "user:password" or None)`.

    Raises FetchError for what is no address and for schemes other than https, http and file. The
    message does not repeat the address: it may hold a password.
    """
    stripped = text.strip()
    try:
        parts = urlsplit(stripped)
        port = parts.port
        host = (parts.hostname or "").lower()
    except ValueError:
        raise FetchError("an address cannot be understood", hint=_shape()) from None
    if _CONTROL.search(stripped):
        raise FetchError("an address holds control characters", hint=_shape())
    if parts.scheme == "file":
        return _local(host, parts.path), None
    if parts.scheme not in _PORTS:
        raise FetchError(f"addresses of the kind {parts.scheme!r} are not supported", hint=_shape())
    path = quote(parts.path or "/", safe=_SAFE)
    query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    address = Address(parts.scheme, _checked_host(host), port or _PORTS[parts.scheme], path + query)
    if parts.username is None:
        return address, None
    return address, f"{unquote(parts.username)}:{unquote(parts.password or '')}"


def _shape() -> str:
    return "an address looks like https://host/path, http://host/path or file:///path"


def _local(host: str, path: str) -> Address:
    if host not in {"", "localhost"} or not path.startswith("/"):
        raise FetchError("a file address must name a file of this machine", hint="it looks like file:///path")
    local = unquote(path)
    if "\0" in local:
        raise FetchError("an address holds control characters", hint=_shape())
    return Address("file", "", 0, local)


def _checked_host(host: str) -> str:
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            host = ""
    try:
        plain = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        plain = ""
    if not _HOST.match(plain):
        raise FetchError("an address has no proper host", hint=_shape())
    return plain


class Logins:
    """Logins: those that a source gave for a folder of a host, those that stood in addresses, then netrc's.

    netrc's `default` entry is left out on purpose: it would send one password to every host that a
    project or a redirect names.
    """

    def __init__(self) -> None:
        """Start with none; netrc is read when first needed."""
        self._known: dict[tuple[str, str, int], str] = {}
        self._below: dict[Address, str] = {}
        self._lock = threading.Lock()
        self._netrc: netrc.netrc | None = None
        self._read = False

    def remember(self, address: Address, login: str | None) -> None:
        """Keep the login that stood in an address, so that files beside an index page get it too."""
        if login is not None:
            with self._lock:
                self._known[address.origin] = login

    def give(self, folder: Address, header: str) -> None:
        """Keep a value of `Authorization` for all that lies below a folder of a host.

        Over plain http, where anyone on the way could read it, it is given to this machine itself alone.
        """
        if folder.scheme == "https" or (folder.scheme == "http" and is_loopback(folder.host)):
            with self._lock:
                self._below[folder] = header

    def header(self, address: Address, *, ask_netrc: bool = True) -> str | None:
        """Return the value of `Authorization` for an address, or None; without netrc, only what stood in one.

        Raises ConfigError where netrc cannot be read.
        """
        with self._lock:
            given = [folder for folder in self._below if _lies_below(address, folder)]
            if given:
                # The nearest folder knows best.
                return self._below[max(given, key=lambda folder: len(folder.target))]
            login = self._known.get(address.origin) or (self._from_netrc(address.host) if ask_netrc else None)
        if login is None:
            return None
        return "Basic " + base64.b64encode(login.encode()).decode("ascii")

    def _from_netrc(self, host: str) -> str | None:
        if not self._read:
            self._netrc = _read_netrc()
            self._read = True
        entry = self._netrc.hosts.get(host) if self._netrc else None
        return f"{entry[0]}:{entry[2]}" if entry else None


def _lies_below(address: Address, folder: Address) -> bool:
    # A path with `..`, also an escaped one, may lie anywhere on the host once the server has read it.
    inside = address.target.startswith(folder.target.rstrip("/") + "/") and ".." not in unquote(address.target)
    return address.origin == folder.origin and inside


def _read_netrc() -> netrc.netrc | None:
    import netrc

    path = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
    try:
        return netrc.netrc(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except netrc.NetrcParseError as problem:
        # Its own message can quote a password.
        raise ConfigError(
            "netrc cannot be understood",
            place=Place(path, problem.lineno),
            hint="mend that line, or name another file with NETRC",
        ) from None
    except (OSError, UnicodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not UTF-8"
        raise ConfigError(f"netrc cannot be read: {reason}", place=Place(path)) from None
