"""npm registries: which one has a package, its page there, its files, and the login it wants."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from devshell.errors import FetchError, HashMismatchError, Place, ResolveError, UnreachableError
from devshell.fetch import MissingError
from devshell.sources.npm import engine as npm_engine
from devshell.sources.npm import package as npm_package
from devshell.sources.npm import settings as npm_settings
from devshell.sources.npm.lock import sha512

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from devshell.sources import World
    from devshell.sources.npm.lock import Package
    from devshell.sources.npm.package import Page

_LOCAL = "file:"


def registries(name: str, world: World) -> tuple[str, ...]:
    """Return the addresses to ask for a package, in order, and see that their logins are sent.

    A scope that npm's settings give a registry of its own has that one alone. Else: devshell's
    `index.npm`, or what npm is set up with. Raises ConfigError where npm's settings are wrong.
    """
    found = npm_engine.settings(world)
    scope = name.partition("/")[0]
    if scope in found.scopes:
        addresses: tuple[str, ...] = (found.scopes[scope],)
    elif world.config.index_npm:
        addresses = tuple(address.rstrip("/") + "/" for address in world.config.index_npm)
    else:
        addresses = (found.registry,) if found.registry else ()
    for address in addresses:
        if address.startswith(_LOCAL):
            continue
        bare, login = npm_settings.split_login(address)
        login = login or found.login(bare)
        if login is not None:
            world.fetcher.authorize(bare, login)
    return addresses


def main(preferred: str, world: World) -> str:
    """Return the registry that npm is to take whatever has no scope from: `preferred` if it is one for that."""
    addresses = [a for a in registries("", world) if not a.startswith(_LOCAL)]
    return preferred if preferred in addresses or not addresses else addresses[0]


def page(name: str, world: World, *, fresh: bool = True) -> tuple[str, Page]:
    """Return a package's page and the registry that has it, the first one that answers.

    Raises ResolveError where none has the package, UnreachableError where none answers, ConfigError
    where only folders are configured: they hold files, and no lists of them.
    """
    problem: FetchError | None = None
    addresses = [a for a in registries(name, world) if not a.startswith(_LOCAL)]
    if not addresses:
        raise UnreachableError(
            "`index.npm` names only folders, which hold packages and no lists of them",
            hint="add a registry's address behind the folder with `devshell config set index.npm`",
        )
    for address in addresses:
        try:
            found = world.fetcher.page(_page(address, name), accept=npm_package.ACCEPT, fresh=fresh)
        except UnreachableError as error:
            problem = error
            continue
        except MissingError:
            continue
        return address, npm_package.parse(found.content)
    if problem is not None:
        raise problem
    raise ResolveError(f"there is no package {name!r} on the npm registry", hint="see `devshell search`")


def files(name: str, file: str, world: World) -> Iterator[str]:
    """Yield the addresses of a package's file: where registries have it, then where its page says it is.

    A page is asked for only when the plain addresses did not do. A registry that fails is passed
    over, since the hash decides, and raised once all were asked.
    """
    addresses = registries(name, world)
    for address in addresses:
        yield address + quote(file, safe="/@+~")
    problem: FetchError | None = None
    for address in addresses:
        if address.startswith(_LOCAL):
            continue
        try:
            found = world.fetcher.page(_page(address, name), accept=npm_package.ACCEPT, fresh=False)
            listed = npm_package.parse(found.content)
        except FetchError as error:
            problem = error
            continue
        version = file.rpartition("/")[2].removesuffix(".tgz")[len(name.rpartition("/")[2]) + 1 :]
        told = npm_package.tarball(listed.releases.get(version, {}))
        if told is not None:
            yield told
    if problem is not None:
        raise problem


def sizes(packages: Iterable[Package], world: World) -> dict[str, int]:
    """Return the size in bytes of each package's file, by hash; asked of the registry, many at once.

    Raises FetchError or UnreachableError where a file cannot be had.
    """
    hashes = {sha512(package): package for package in packages}
    with ThreadPoolExecutor(2 * world.config.downloads) as pool:
        return dict(zip(hashes, pool.map(lambda digest: _size(digest, hashes[digest], world), hashes), strict=True))


def _size(digest: str, package: Package, world: World) -> int:
    problem: FetchError | None = None
    for address in files(package.name, package.file, world):
        try:
            size = world.fetcher.size(address)
            if not size:
                # A registry may not say: then the file itself does.
                learned = world.fetcher.learn(address)
                with learned.path.open("rb") as file:
                    if hashlib.file_digest(file, "sha512").hexdigest() != digest:
                        raise HashMismatchError(f"{package.file!r} is not the file that the registry speaks of")
                size = learned.size
        except FetchError as error:
            # What one that answers says of the file tells more than another's silence.
            problem = error if problem is None or isinstance(problem, UnreachableError) else problem
        else:
            return size
    raise problem or FetchError(f"no place is known to fetch {package.file!r} from", place=Place(package.title))


def with_libc(packages: Mapping[str, Package], world: World) -> Mapping[str, Package]:
    """Return packages with the C library that each is made for, where npm's lock does not tell.

    npm before version 11 leaves it out, and without it a platform would get the files of both.
    """
    unclear = [p for p in packages.values() if "linux" in p.os and not p.libc and not p.refused and not p.bundled]

    def told(package: Package) -> Package:
        try:
            _, found = page(package.name, world, fresh=False)
        except ResolveError:
            return package
        libc = found.releases.get(package.version, {}).get("libc")
        return replace(package, libc=tuple(each for each in libc if isinstance(each, str))) if libc else package

    with ThreadPoolExecutor(world.config.downloads) as pool:
        return {**packages, **{package.place: package for package in pool.map(told, unclear)}}


def scripts(package: Package, world: World) -> str | None:
    """Return the install script of a package as one line, or None where the registry does not tell."""
    import json

    for address in registries(package.name, world):
        try:
            found = world.fetcher.page(
                f"{_page(address, package.name)}/{quote(package.version)}", accept="application/json", fresh=False
            )
            said = json.loads(found.content)["scripts"]
            told = [said[key] for key in ("preinstall", "install", "postinstall") if isinstance(said.get(key), str)]
        except (FetchError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        return "; ".join(told) or None
    return None


def _page(address: str, name: str) -> str:
    return address + quote(name, safe="@")
