"""What the configured Python package indexes say of one package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from devshell import registry
from devshell.errors import FetchError, HashMismatchError, ResolveError
from devshell.fetch import MissingError
from devshell.sources.pypi import simple_index
from devshell.sources.pypi.indexes import pypi_indexes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devshell.lock import Artifact
    from devshell.manifest import Request
    from devshell.registry import Offer
    from devshell.sources import World
    from devshell.sources.pypi.simple_index import Listed


def package_name(request: Request, offer: Offer | None) -> str:
    """Return the package's normal name; one that is none could lead elsewhere on the server.

    Raises ResolveError for what is no name.
    """
    from packaging.utils import InvalidName, canonicalize_name

    asked = request.name if offer is None else offer.package
    try:
        return str(canonicalize_name(asked, validate=True))
    except InvalidName:
        raise ResolveError(
            f"{asked!r} is no name of a Python package",
            place=request.place,
            hint="a name has letters, digits, and . _ - between them",
        ) from None


def listed(package: str, world: World, *, joined: bool) -> tuple[Listed, ...]:
    """Return a package's files, asked anew.

    A package that the manifest names is taken from the first index that has it: were the lists
    joined, whoever takes a private package's name on a public index could slip in a newer version. The
    registry's packages are public ones, and an index before the main one is often a folder with a few
    files for this machine alone: there the lists are `joined`. A silent index is never passed over.
    Raises ResolveError where no index has the package.
    """
    found: list[Listed] = []
    there = False
    for index in pypi_indexes(world.config):
        page = _page(index, package, world, fresh=True)
        if page is not None:
            there = True
            found += page
            if not joined:
                break
    if there:
        return tuple(found)
    nearest = registry.nearest(package)
    raise ResolveError(
        f"there is no package {package!r} on the configured package index",
        hint=f"did you mean the tool {nearest!r}?" if nearest else f"try `devshell search {package}`",
    )


@dataclass(frozen=True, slots=True)
class Shelf:
    """What there is of a package; `public` where its name, and so all that it requires, is the main index's."""

    listed: tuple[Listed, ...]
    public: bool


def shelf(package: str, offer: Offer | None, world: World) -> Shelf:
    """Return what there is of a package whose requirements are to be looked for too.

    What a public package requires is public as well, so all indexes may be asked for it. A package is
    public if it is the registry's, if the main index alone has it, or if a folder of this machine, which
    often holds but a few files of many packages, has copies of the main index's own files. Raises what
    `listed` raises.
    """
    if offer is not None:
        return Shelf(listed(package, world, joined=True), public=True)
    *extra, main = pypi_indexes(world.config)
    found = listed(package, world, joined=False)
    before = [index for index in extra if _page(index, package, world, fresh=True)]
    if before and (before[0].startswith("file://") and _copies(found, _page(main, package, world, fresh=True))):
        return Shelf(listed(package, world, joined=True), public=True)
    return Shelf(found, public=not before)


def _copies(found: tuple[Listed, ...], other: tuple[Listed, ...] | None) -> bool:
    known = {(one.file, one.sha256) for one in found if one.sha256 is not None}
    return any((one.file, one.sha256) in known for one in other or ())


def addresses(artifact: Artifact, package: str, world: World) -> Iterator[str]:
    """Yield the addresses of a package's file on all configured indexes, as their pages give them.

    Kept pages are looked at first; an index is asked anew only if those addresses did not do. An
    index that fails is passed over, since the hash decides, and raised once all were asked.
    """
    given: set[str] = set()
    failed: dict[str, FetchError] = {}
    for fresh in (False, True):
        for index in pypi_indexes(world.config):
            if index in failed:
                continue
            try:
                page = _page(index, package, world, fresh=fresh)
            except FetchError as error:
                failed[index] = error
                continue
            for one in page or ():
                same = one.file == artifact.file and one.sha256 == artifact.digest
                if same and one.address not in given:
                    given.add(one.address)
                    yield one.address
    for problem in failed.values():
        raise problem


def size(file: str, sha256: str, address: str, world: World) -> int:
    """Return the size in bytes of a file whose page does not tell: as the server says, else by fetching the file.

    Raises FetchError, and HashMismatchError for a file that is another than the page says.
    """
    told = world.fetcher.size(address)
    if told:
        return told
    learned = world.fetcher.learn(address)
    if learned.sha256 != sha256:
        raise HashMismatchError(f"{file!r} is not the file that the package index speaks of")
    return learned.size


def no_hash(file: str) -> ResolveError:
    """Return the error for a file that an index gives no sha256 for."""
    return ResolveError(
        f"the package index gives no sha256 for {file!r}, so it cannot be locked",
        hint="use an index that does; weaker hashes are not accepted",
    )


def _page(index: str, package: str, world: World, *, fresh: bool) -> tuple[Listed, ...] | None:
    """Return an index's page of a package, or None where it has none."""
    address = simple_index.page_address(index, package)
    try:
        page = world.fetcher.page(address, accept=simple_index.ACCEPT, fresh=fresh)
    except MissingError:
        return None
    return simple_index.parse(page.content, page.type, page.address)
