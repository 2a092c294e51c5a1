"""Addresses of Debian archives: what the user configured, for devshell or for apt.

None is written in this project; DESIGN.md, "Registry and sources", gives the order.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from weakref import WeakKeyDictionary

from devshell import config
from devshell.errors import ConfigError
from devshell.fetch import address as addresses
from devshell.sources.deb import apt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devshell.config import Config
    from devshell.fetch import Fetcher
    from devshell.sources import World

APT = Path("/etc/apt")

_KEY = "index.deb"
_QUESTION = "The address of a Debian archive (the folder that holds `dists`), or of a mirror near you: "
# `security.…` as a host, `…/debian-security` in a path.
_SECURITY = re.compile(r"[/.@-]security(?=[/.]|\Z)")
# Where Debian keeps the files of security updates.
_SECURITY_POOL = "pool/updates/"


@dataclass(frozen=True, slots=True)
class Root:
    """The root of an archive: the address that `dists/…` and `pool/…` are below, without a slash at its end.

    It may hold a login. `security` says that it is the archive of security updates, as far as its
    name tells; `snapshot` that it is old on purpose.
    """

    address: str
    security: bool = False
    snapshot: bool = False

    @property
    def identity(self) -> str:
        """Return the address without login: what is remembered of a root is remembered under this."""
        return addresses.parse(self.address)[0].text

    @property
    def place(self) -> str:
        """Return how messages name it."""
        return addresses.parse(self.address)[0].place

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return self.address.startswith("file:")


# A command has one fetcher, and its settings do not change under it.
_known: WeakKeyDictionary[Fetcher, dict[Config, tuple[Root, ...]]] = WeakKeyDictionary()
_lock = threading.Lock()


def roots(world: World, apt_folder: Path = APT) -> tuple[Root, ...]:
    """Return the roots of Debian archives, in the order to ask them.

    devshell's own `index.deb` stands alone; else those of apt's archives that are Debian's; else
    what the user answers, where there is somebody to ask, which is kept. Raises ConfigError where
    none is known, and FetchError for what is no address.

    They are asked over plain http too where their addresses say so, as apt does: indexes are
    signed, and every other file has its hash there or in the lock. Nothing else of their hosts is.
    """
    with _lock:
        known = _known.setdefault(world.fetcher, {})
        if world.config not in known:
            found = _configured(world.config) or _of_apt(world, apt_folder) or _asked(world)
            for root in found:
                for folder in ("dists", "pool"):
                    world.fetcher.prove(f"{root.address}/{folder}")
            known[world.config] = found
        return known[world.config]


def addresses_of(filename: str, codename: str, world: World) -> Iterator[str]:  # noqa: ARG001  a root has all of them
    """Yield the addresses of a package's file, named as the index names it, on every root."""
    found = roots(world)
    if filename.startswith(_SECURITY_POOL):
        found = security_first(found)
    for root in found:
        yield address(root, filename)


def security_first(found: tuple[Root, ...]) -> tuple[Root, ...]:
    """Return the roots in another order: where security updates are most likely found."""
    return tuple(sorted(found, key=lambda root: not root.security))


def address(root: Root, path: str) -> str:
    """Return the address of a file below a root."""
    return f"{root.address}/{quote(path, safe='/+~=@,')}"


def _configured(settings: Config) -> tuple[Root, ...]:
    return tuple(_root(each, snapshot=settings.deb_snapshot) for each in settings.index_deb)


def _root(text: str, *, snapshot: bool = False) -> Root:
    stripped = text.rstrip("/")
    return Root(stripped, _SECURITY.search(stripped) is not None, snapshot)


def _of_apt(world: World, folder: Path) -> tuple[Root, ...]:
    found = []
    for archive in apt.archives(folder):
        found.append(Root(archive.address, archive.security, archive.snapshot))
        login = apt.login(folder, archive.address)
        if login is not None:
            world.fetcher.authorize(archive.address, login)
    return tuple(found)


def _asked(world: World) -> tuple[Root, ...]:
    answer = world.ask(_QUESTION) if world.ask else None
    if not answer:
        raise ConfigError(
            "no Debian archive is configured on this machine",
            hint=f"name one, or a mirror of it: `devshell config set {_KEY} ADDRESS`",
        )
    path = config.config_file()
    config.set_value(path, _KEY, answer)
    return _configured(config.load(path))
