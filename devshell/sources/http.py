"""The http source: an archive or a file by URL template, its hash learnt while locking."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from devshell import archive
from devshell.errors import LockError, ResolveError
from devshell.fetch import MissingError
from devshell.lock import Absent, Artifact, Block
from devshell.sources import Locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from devshell.manifest import Request
    from devshell.registry import Offer
    from devshell.sources import Site, World


#: A single file in one of these is unpacked under its name without the ending.
_COMPRESSIONS = ("gz", "xz", "bz2", "zst")


class Http:
    """Tools that the manifest itself says where to find."""

    name = "http"

    def versions(self, request: Request, offer: Offer | None, world: World) -> Sequence[str]:  # noqa: ARG002
        """Return the one version the manifest names: an address does not tell which others there are."""
        return [_version(request)]

    def lock(
        self,
        request: Request,
        offer: Offer | None,  # noqa: ARG002  (the registry has no addresses)
        platforms: Sequence[str],
        world: World,
    ) -> Locked:
        """Download the file of each platform and learn its size and hash.

        A platform whose file is refused (such as a 404) is locked as absent. Raises UnreachableError
        where no server answers, ResolveError where no platform has a file.
        """
        version = _version(request)

        def learn(platform: str) -> Block | Absent:
            address = _address(request, platform)
            if address is None:
                return Absent("the manifest gives no url for this platform")
            try:
                learned = world.fetcher.learn(address)
            except MissingError:
                # Said without the server's name: a lock names none.
                return Absent("its server has no file for this platform")
            artifact = Artifact(_file_name(address), "sha256", learned.sha256, learned.size)
            return _block(request, version, artifact, platform)

        with ThreadPoolExecutor(max(1, len(platforms))) as pool:
            found = dict(zip(platforms, pool.map(learn, platforms), strict=True))
        if not any(isinstance(block, Block) for block in found.values()):
            reasons = sorted({block.reason for block in found.values() if isinstance(block, Absent)})
            raise ResolveError(f"no platform has a file of {request.key}", place=request.place, hint="; ".join(reasons))
        return Locked(MappingProxyType(found))

    def locate(
        self,
        artifact: Artifact,
        block: Block,
        request: Request | None,
        world: World,  # noqa: ARG002  (the manifest says it all)
    ) -> Iterator[str]:
        """Yield the address that the manifest's template gives for the locked version."""
        if request is None:
            return
        address = _address(request, block.origin["platform"])
        if address is not None and _file_name(address) == artifact.file:
            yield address

    def arrange(self, site: Site, block: Block) -> None:
        """Leave the tree as the archive has it: the manifest's `strip` and `bin` say what matters."""

    def check(self, name: str, platform: str, block: Block) -> None:
        """Raise LockError where the block is for another platform than the one it stands under."""
        if block.origin.get("platform") != platform:
            raise LockError(
                f"the lock's {platform} block of {name!r} is for {block.origin.get('platform')!r}",
                hint=f"lock it again with `devshell lock --update {name}`",
            )


def _version(request: Request) -> str:
    return request.version.removeprefix("=").strip()


def _address(request: Request, platform: str) -> str | None:
    template = request.url.get(platform) or request.url.get("*")
    if template is None:
        return None
    return _filled(template, request, platform)


def _filled(template: str, request: Request, platform: str) -> str:
    system, _, processor = platform.partition("-")
    values = {
        "version": _version(request),
        "os": request.os_names.get(system, system),
        "arch": request.arch_names.get(processor, processor),
    }
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def _file_name(address: str) -> str:
    name = unquote(urlsplit(address).path).rpartition("/")[2]
    return name if name not in ("", ".", "..") and not any(ord(c) < 32 for c in name) else "file"  # noqa: PLR2004


def _block(request: Request, version: str, artifact: Artifact, platform: str) -> Block:
    commands = _commands(request, artifact.file, platform)
    # Zip files made on Windows carry no modes, so the manifest's word makes a program of a file.
    programs = sorted(set((commands or {}).values()))
    return Block(
        source="http",
        version=version,
        artifacts=(artifact,),
        origin=MappingProxyType({"platform": platform}),
        strip=request.strip or 0,
        bin=commands,
        fixups=tuple(MappingProxyType({"kind": "executable", "path": path}) for path in programs),
    )


def _commands(request: Request, file: str, platform: str) -> Mapping[str, str] | None:
    if request.bin is not None:
        return MappingProxyType({name: _filled(path, request, platform) for name, path in request.bin.items()})
    kind = archive.kind(file)
    if kind == "file" or kind in _COMPRESSIONS:
        return MappingProxyType({request.name: file.removesuffix(f".{kind}")})
    return None
