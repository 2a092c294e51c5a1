"""apt's own settings: which of the archives it is set up for are Debian's, and its logins.

The formats are those of `man sources.list` and `man apt_auth.conf`. What cannot be understood or used is
passed over: mending apt's files is apt's business.
"""

from __future__ import annotations

import base64
import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.errors import DevshellError
from devshell.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LIMIT = 1 << 20
_MOST_FILES = 1000
_CODENAMES = frozenset({"buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid"})
_NICKNAMES = frozenset({"oldoldstable", "oldstable", "stable", "testing", "unstable"})
_SUFFIXES = frozenset({"", "-updates", "-security", "/updates", "-backports", "-proposed-updates"})
_SECURITY = ("-security", "/updates")
_ONE_LINE = re.compile(r"deb[ \t]+(?:\[([^\]]*)\][ \t]+)?([^\s\[\]]+)[ \t]+(\S+)[ \t]*(.*)")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*):[ \t]*(.*)")
_USABLE = ("http://", "https://", "file:/")
_MIRROR_FILE = "mirror+file:"
_NO = frozenset({"no", "false", "without", "off", "disable"})
_SUITE = re.compile(r"([a-z]+)(.*)")
# A keyring of Debian's own package, or one that is named after Debian.
_KEYRING = re.compile(r"(?:^|[\s,])/\S*/debian[^/\s,]*")
_NAMED = re.compile(r"(?:^|[/.])debian")


@dataclass(frozen=True, slots=True)
class Entry:
    """One archive as apt is told of it; `options` have their names in lower case."""

    address: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Archive:
    """One of Debian's archives.

    `security` is the one of security updates. `snapshot` is one that apt is told not to mind the age of.
    """

    address: str
    security: bool
    snapshot: bool


def archives(folder: Path) -> tuple[Archive, ...]:
    """Return Debian's archives as the settings in `folder` (`/etc/apt`) name them, in their order.

    A repository of somebody else is never among them: it must not be asked. Its suites may have
    Debian's names all the same, so those are Debian's that are checked with Debian's keyring, or
    that carry Debian's updates; where there is none, those with Debian in their address.
    """
    known = [entry for entry in entries(folder) if "main" in entry.components and any(map(_is_suite, entry.suites))]
    sure = {entry.address for entry in known if _is_surely_debian(entry)}
    maybe = {entry.address for entry in known if not _keyring(entry) and _NAMED.search(entry.address)}
    found = {}
    for address in dict.fromkeys(entry.address for entry in known):
        if address in (sure or maybe):
            told = [entry for entry in known if entry.address == address]
            suites = [suite for entry in told for suite in entry.suites if _is_suite(suite)]
            security = all(suite.endswith(_SECURITY) for suite in suites)
            snapshot = all(entry.options.get("check-valid-until", "").lower() in _NO for entry in told)
            found[address] = Archive(address, security, snapshot)
    return tuple(found.values())


def _is_suite(name: str) -> bool:
    found = _SUITE.fullmatch(name)
    return found is not None and found[1] in _CODENAMES | _NICKNAMES and found[2] in _SUFFIXES


def _keyring(entry: Entry) -> str:
    """Return the files of keys that an entry is checked with, if it names files."""
    said = entry.options.get("signed-by", "")
    return said if "/" in said and "BEGIN PGP" not in said else ""


def _is_surely_debian(entry: Entry) -> bool:
    if _keyring(entry):
        return _KEYRING.search(_keyring(entry)) is not None
    return any(suite.endswith(("-updates", "-security")) for suite in entry.suites if _is_suite(suite))


def entries(folder: Path) -> Iterator[Entry]:
    """Yield what apt is told of every archive that is not switched off."""
    for text in _texts([folder / "sources.list", *_listed(folder / "sources.list.d", ".list")]):
        yield from _usable(one_line(text))
    for text in _texts(_listed(folder / "sources.list.d", ".sources")):
        yield from _usable(deb822(text))


def one_line(text: str) -> Iterator[Entry]:
    """Yield the entries of a list in the format of one line each."""
    for line in text.splitlines():
        if found := _ONE_LINE.fullmatch(line.partition("#")[0].strip()):
            options, address, suite, components = found.groups("")
            pairs = (option.partition("=") for option in options.split())
            named = {name.rstrip("+-").lower(): value for name, _, value in pairs}
            yield Entry(address, (suite,), tuple(components.split()), named)


def deb822(text: str) -> Iterator[Entry]:
    """Yield the entries of a list in the format of paragraphs."""
    for fields in _paragraphs(text):
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "").lower() in _NO:
            continue
        suites, components = (tuple(fields.get(name, "").split()) for name in ("suites", "components"))
        for address in fields.get("uris", "").split():
            yield Entry(address, suites, components, fields)


def _paragraphs(text: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        if not line.strip():
            yield fields
            fields, last = {}, ""
        elif line.startswith("#"):
            continue
        elif line[0] in " \t":
            if last:
                fields[last] += f"\n{line.strip()}"
        else:
            found = _FIELD.fullmatch(line)
            last = found[1].lower() if found else ""
            if found:
                fields[last] = found[2].strip()
    yield fields


def _usable(found: Iterator[Entry]) -> Iterator[Entry]:
    """Pass over what no fetcher can ask, such as a disc, and look into files that list mirrors."""
    for entry in found:
        addresses = [entry.address]
        if entry.address.startswith(_MIRROR_FILE):
            path = Path("/" + entry.address.removeprefix(_MIRROR_FILE).lstrip("/"))
            lines = [line.split() for text in _texts([path]) for line in text.splitlines()]
            addresses = [words[0] for words in lines if words and not words[0].startswith("#")]
        for address in addresses:
            if address.startswith(_USABLE):
                yield Entry(_plain(address), entry.suites, entry.components, entry.options)


def _plain(address: str) -> str:
    if address.startswith("file:/"):
        return "file:///" + address.removeprefix("file:").strip("/")
    return address.rstrip("/")


def _listed(folder: Path, suffix: str) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == suffix)[:_MOST_FILES]
    except OSError:
        return []


def _texts(files: list[Path]) -> Iterator[str]:
    for file in files:
        # One that only root may read holds what only root may use.
        with contextlib.suppress(DevshellError):
            if found := read_regular(file, _LIMIT):
                yield found[0].decode("utf-8", "replace")


def login(folder: Path, address: str) -> str | None:
    """Return the value of `Authorization` for an https address, as `auth.conf` and `auth.conf.d` have it, or None."""
    scheme, _, rest = address.partition("://")
    if scheme != "https":
        return None
    for text in _texts([folder / "auth.conf", *_listed(folder / "auth.conf.d", ".conf")]):
        for machine, user, password in _logins(text):
            if (rest + "/").startswith(machine.rstrip("/") + "/"):
                return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    return None


def _logins(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield host with path, user and password, as netrc has them."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    words = " ".join(lines).split()
    known: dict[str, str] = {}
    for name, value in zip(words[::2], words[1::2], strict=False):
        if name == "machine":
            known = {}
        known[name] = value
        if {"machine", "login", "password"} <= known.keys():
            machine = known["machine"].removeprefix("https://")
            if "://" not in machine:
                yield machine, known["login"], known["password"]
