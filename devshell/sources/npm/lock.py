"""npm's own lock, version 3, and which of its packages a platform gets; pure functions.

The format is npm's "package-lock.json" page; what fits a platform is as `npm-install-checks` has it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from devshell.errors import ResolveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_NAME = r"(?:@[A-Za-z0-9~-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~_-][A-Za-z0-9._~-]*"
#: The name of a package, alone, and as part of a place.
NAME = re.compile(_NAME)
PLACE = re.compile(rf"node_modules/{_NAME}(?:/node_modules/{_NAME})*")
VERSION = re.compile(r"\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?")
#: The file of a package, as registries call it.
FILE = re.compile(rf"(?P<name>{_NAME})/-/(?P<file>[A-Za-z0-9._~-][A-Za-z0-9._~+-]*\.tgz)")

_FOLDER = "node_modules/"
_SYSTEMS = {"linux": "linux", "darwin": "darwin"}
_PROCESSORS = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}
_LIBC = "glibc"
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Package:
    """One package at its place, a path such as `node_modules/a/node_modules/b`.

    `needs` are names that must be there, `likes` those that may be. `refused` says why it cannot be
    taken at all, `bundled` that it comes inside another one's file.
    """

    place: str
    name: str
    version: str
    integrity: str = ""
    os: tuple[str, ...] = ()
    cpu: tuple[str, ...] = ()
    libc: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    likes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    has_script: bool = False
    bundled: bool = False
    refused: str | None = None

    @property
    def file(self) -> str:
        """Return the name of its file on a registry."""
        return f"{self.name}/-/{self.name.rpartition('/')[2]}-{self.version}.tgz"

    @property
    def is_top(self) -> bool:
        """Whether it stands in the tree's own `node_modules`, where its commands count."""
        return self.place.count(_FOLDER) == 1

    @property
    def title(self) -> str:
        """Return what a person calls it."""
        return f"{self.name} {self.version}"


def place_of(name: str) -> str:
    """Return the place of a package that stands at the top."""
    return f"{_FOLDER}{name}"


def parse(content: bytes) -> Mapping[str, Package]:
    """Return the packages of npm's lock by place. Raises ResolveError where it is none that is known."""
    try:
        lock = json.loads(content)
        entries = lock["packages"] if lock["lockfileVersion"] == 3 else None  # noqa: PLR2004  its one version
    except (ValueError, KeyError, TypeError, RecursionError):
        entries = None
    if not isinstance(entries, dict) or len(entries) > _MOST:
        raise ResolveError("npm gave a lock that devshell does not understand")
    return MappingProxyType({place: of_manifest(place, entries[place]) for place in sorted(entries) if place})


def of_manifest(place: str, entry: object) -> Package:
    """Return the package that stands at a place: `entry` is what the lock, or the registry, says of it.

    Raises ResolveError where its name, place or version is none.
    """
    known = PLACE.fullmatch(place)
    if not isinstance(entry, dict) or not known or any(part in {".", ".."} for part in place.split("/")):
        raise ResolveError(f"npm's lock has something that is no package: {place!r:.200}")
    name = _text(entry.get("name")) or place.rpartition(_FOLDER)[2]
    version = _text(entry.get("version"))
    refused = _refusal(entry, name, version)
    if refused is None and not (NAME.fullmatch(name) and VERSION.fullmatch(version)):
        raise ResolveError(f"npm's lock has a package without a proper name and version: {place!r:.200}")
    needs, likes = _edges(entry)
    return Package(
        place=place,
        name=name,
        version=version,
        integrity=_text(entry.get("integrity")),
        os=_texts(entry.get("os")),
        cpu=_texts(entry.get("cpu")),
        libc=_texts(entry.get("libc")),
        needs=needs,
        likes=likes,
        commands=commands(entry.get("bin"), name),
        has_script=entry.get("hasInstallScript") is True,
        bundled=entry.get("inBundle") is True,
        refused=refused,
    )


def commands(said: object, name: str) -> tuple[str, ...]:
    """Return the names of the commands that a package's `bin` gives, sorted."""
    return tuple(sorted(bins(said, name)))


def bins(said: object, name: str) -> dict[str, str]:
    """Return the commands that a package's `bin` gives, and their files in it.

    A plain text is the command that is named as the package. What is no proper name or leads out of
    the package is left out.
    """
    table = {name.rpartition("/")[2]: said} if isinstance(said, str) else said
    if not isinstance(table, dict):
        return {}
    found = {}
    for command, target in table.items():
        # npm, too, takes only the last part of a name with slashes.
        short = command.rpartition("/")[2]
        path = _inside(target)
        if _COMMAND.fullmatch(short) and path is not None:
            found[short] = path
    return found


_COMMAND = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")


def closure(packages: Mapping[str, Package], roots: Sequence[str], platform: str) -> tuple[Package, ...] | str:
    """Return what a platform gets of the packages, sorted by place, or why it gets nothing.

    What does not fit is left out where it is optional, and so is what only that needed. `roots` are
    places.
    """
    unfit = _unfit(packages, platform)
    for root in roots:
        if root in unfit:
            return unfit[root]
    seen = dict.fromkeys(roots)
    todo = list(roots)
    while todo:
        package = packages[todo.pop()]
        for name in (*package.needs, *package.likes):
            place = _found(packages, package.place, name)
            if place is not None and place not in unfit and place not in seen:
                seen[place] = None
                todo.append(place)
    return tuple(packages[place] for place in sorted(seen))


def sha512(package: Package) -> str:
    """Return a package's hash in hex digits.

    Raises ResolveError where there is none that is strong enough.
    """
    for one in package.integrity.split():
        algorithm, _, encoded = one.partition("-")
        if algorithm != "sha512":
            continue
        try:
            digest = base64.b64decode(encoded.partition("?")[0], validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(digest) == 64:  # noqa: PLR2004  (bytes of a sha512)
            return digest.hex()
    known = package.integrity.partition("-")[0] or "no hash"
    raise ResolveError(
        f"the npm registry gives {known[:20]!r} for {package.title}, where sha512 is needed",
        hint="choose another version; weaker hashes are not accepted",
    )


def fits(package: Package, platform: str) -> bool:
    """Return whether a package is for a platform: `linux-*` is glibc."""
    system, _, processor = platform.partition("-")
    libc = not package.libc or (system == "linux" and _listed(_LIBC, package.libc))
    return _listed(_SYSTEMS[system], package.os) and _listed(_PROCESSORS[processor], package.cpu) and libc


def _listed(value: str, listed: Sequence[str]) -> bool:
    """Return whether a value is in a list whose entries may say `any`, or `!value`."""
    if not listed or list(listed) == ["any"]:
        return True
    denied = {entry[1:] for entry in listed if entry.startswith("!")}
    allowed = [entry for entry in listed if not entry.startswith("!")]
    return value not in denied and (value in allowed or not allowed)


def _unfit(packages: Mapping[str, Package], platform: str) -> dict[str, str]:
    """Return the places that cannot be used on a platform, and why: in themselves, or for what they need."""
    needed_by: dict[str, list[str]] = {}
    for package in packages.values():
        for name in package.needs:
            place = _found(packages, package.place, name)
            if place is not None:
                needed_by.setdefault(place, []).append(package.place)
    unfit = {
        package.place: f"{package.title} is not made for it"
        for package in packages.values()
        if not package.bundled and not fits(package, platform)
    }
    todo = list(unfit)
    while todo:
        place = todo.pop()
        for above in needed_by.get(place, ()):
            if above not in unfit:
                unfit[above] = unfit[place]
                todo.append(above)
    return unfit


def _found(packages: Mapping[str, Package], place: str, name: str) -> str | None:
    """Return the place that node finds a package at, asked from another place: the nearest `node_modules` above."""
    above = place
    while True:
        candidate = f"{above}/{_FOLDER}{name}" if above else f"{_FOLDER}{name}"
        if candidate in packages:
            return candidate
        if not above:
            return None
        above = above.rpartition(_FOLDER)[0].rstrip("/")


def _edges(entry: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    optional = set(_names(entry.get("optionalDependencies")))
    peers = set(_names(entry.get("peerDependencies")))
    meta = entry.get("peerDependenciesMeta")
    said = meta if isinstance(meta, dict) else {}
    optional |= {name for name in peers if isinstance(said.get(name), dict) and said[name].get("optional") is True}
    needs = (set(_names(entry.get("dependencies"))) | peers) - optional
    return tuple(sorted(needs)), tuple(sorted(optional))


def _refusal(entry: Mapping[str, Any], name: str, version: str) -> str | None:
    if entry.get("inBundle") is True:
        return None
    shown = f"{name} {version}".strip()
    if entry.get("link") is True:
        return f"{shown[:200]!r} is a link to a folder"
    # With the option that leaves addresses out, only what is not from the registry has one.
    resolved = _text(entry.get("resolved"))
    if resolved:
        kind = "a git repository" if resolved.startswith("git") else "an address or a folder of its own"
        return f"{shown[:200]!r} comes from {kind}"
    return None


def _names(table: object) -> Iterator[str]:
    return (name for name in table if isinstance(name, str)) if isinstance(table, dict) else iter(())


def _inside(target: object) -> str | None:
    if not isinstance(target, str) or not target.isprintable() or "\\" in target:
        return None
    parts = [part for part in target.split("/") if part not in {"", "."}]
    return "/".join(parts) if parts and ".." not in parts else None


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else ""


def _texts(value: object) -> tuple[str, ...]:
    listed: Iterable[object] = [value] if isinstance(value, str) else value if isinstance(value, list) else ()
    return tuple(each for each in listed if isinstance(each, str))
