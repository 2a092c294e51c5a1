"""Where tools would be fetched from, as devshell and the ecosystems' clients are configured; logins are never shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import config, paths
from devshell.doctor.finding import Level, failure, note, ok, problem
from devshell.errors import ConfigError, DevshellError, ResolveError, UnreachableError
from devshell.fetch import Fetcher
from devshell.fetch.address import parse
from devshell.sources import World
from devshell.sources.deb import addresses as deb
from devshell.sources.npm import registry as npm
from devshell.sources.pypi import indexes as pypi
from devshell.sources.python import builds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devshell.config import Config
    from devshell.doctor.finding import Finding, Surroundings

_CONCEPT = "index"
_MOST = 8
#: Seconds: long enough for a host far away.
_PATIENCE = 10


def check(here: Surroundings) -> Iterator[Finding]:
    """Say whom devshell would ask, without asking."""
    del here
    settings = config.load(config.config_file())
    with _fetcher(settings, offline=True) as fetcher:
        for source, addresses in _each(World(fetcher, settings)):
            if isinstance(addresses, DevshellError):
                yield _unknown(source, addresses)
            else:
                said = ", ".join(dict.fromkeys(parse(address)[0].place for address in addresses[:_MOST]))
                yield ok(_CONCEPT, f"{source}: {said}")


def reach(here: Surroundings) -> Iterator[Finding]:
    """Ask each configured index, once, whether it answers at all."""
    del here
    settings = config.load(config.config_file())
    with _fetcher(settings, offline=False) as fetcher:
        for source, addresses in _each(World(fetcher, settings)):
            for address in () if isinstance(addresses, DevshellError) else addresses[:_MOST]:
                yield _reached(source, address, fetcher)


def _reached(source: str, address: str, fetcher: Fetcher) -> Finding:
    place = parse(address)[0].place
    try:
        # Whether there is such a page does not matter: a host that says no has answered.
        fetcher.exists(f"{address.rstrip('/')}/{_PAGE[source]}")
    except UnreachableError as error:
        mend = error.hint or f"look at the network, at https_proxy, and at `devshell config get {_KEY[source]}`"
        return problem("network", f"{source}: {error.message}", mend)
    except DevshellError as error:
        return problem("network", f"{source}: {error.message}", error.hint)
    return ok("network", f"{source}: {place} answers")


def _fetcher(settings: Config, *, offline: bool) -> Fetcher:
    return Fetcher(
        Path(paths.cache_folder()),
        offline=offline,
        timeout=min(settings.timeout, _PATIENCE),
        attempts=1,
        insecure=settings.insecure,
    )


def _each(world: World) -> Iterator[tuple[str, tuple[str, ...] | DevshellError]]:
    for source in world.config.sources or config.SOURCES:
        if source in _ASKED:
            try:
                yield source, _ASKED[source](world)
            except DevshellError as error:
                yield source, error
    if world.config.mirrors:
        yield "mirrors", world.config.mirrors


def _unknown(source: str, error: DevshellError) -> Finding:
    if isinstance(error, ResolveError) and source == "npm":
        # npm comes with the first tool that needs it, and can be asked only then.
        text = "npm: there is no npm on this machine yet; devshell's own will say which registry it is set up with"
        return note(_CONCEPT, text, "name one yourself: `devshell config set index.npm ADDRESS`")
    if source == "deb" and isinstance(error, ConfigError) and error.place is None:
        return replace(failure(_CONCEPT, error, Level.NOTE), text=f"deb: {error.message}")
    return replace(failure(_CONCEPT, error), text=f"{source}: {failure(_CONCEPT, error).text}")


def _pypi(world: World) -> tuple[str, ...]:
    return pypi.pypi_indexes(world.config)


def _npm(world: World) -> tuple[str, ...]:
    return npm.registries("", world)


def _deb(world: World) -> tuple[str, ...]:
    return tuple(root.address for root in deb.roots(world))


def _python(world: World) -> tuple[str, ...]:
    return tuple(dict.fromkeys(builds.roots(world.config)))


_ASKED: dict[str, Callable[[World], tuple[str, ...]]] = {"pypi": _pypi, "npm": _npm, "deb": _deb, "python": _python}
_KEY = {"pypi": "index.pypi", "npm": "index.npm", "deb": "index.deb", "python": "index.python", "mirrors": "mirrors"}
#: A small page below each kind of index.
_PAGE = {
    "pypi": "pip/",
    "npm": "-/ping",
    "deb": "dists/stable/InRelease",
    "python": "",
    "mirrors": "devshell-mirror.json",
}
