"""Store names: pure functions of the lock, equal on every machine."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devshell.errors import LockError
from devshell.lock.model import BUILD, Block, Lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HASH_LENGTH = 32
#: A dependency of a dependency of …: no real one is as deep.
_DEEPEST = 100
_MEND = "run `devshell lock --resolve`"


def _plain(text: str) -> str:
    # Store names are file names on every system, and stand in shebangs, so: no '/', ':', '@', space.
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text).strip("-.") or "x"


def _name(identity: Mapping[str, Any], name: str, version: str) -> str:
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    digest = hashlib.sha256(canonical.encode("ascii")).digest()
    return f"{base64.b32encode(digest).decode('ascii').lower()[:HASH_LENGTH]}-{_plain(name)}-{_plain(version)}"


def store_name(name: str, platform: str, block: Block, dependencies: Iterable[str]) -> str:
    """Return `<32 base32 characters>-<name>-<version>` for a block.

    `dependencies` are the store names of what the block depends on. Only what decides the tree is
    hashed (DESIGN.md, "Store"): no machine path, address or time. `strip` counts as part of the
    artifacts' places; the further packages whose commands a Debian tool has count too.
    """
    identity = {
        "artifacts": [{"hash": a.hash, "place": a.place, "strip": block.strip} for a in block.artifacts],
        "build": block.build,
        "dependencies": sorted(dependencies),
        "fixups": [dict(fixup) for fixup in block.fixups],
        "name": name,
        "platform": platform,
        "source": block.source,
        "version": block.version,
    }
    if "also" in block.origin:
        # The same files make another tree where the commands of other packages are the tool's.
        identity["also"] = block.origin["also"]
    return _name(identity, name.partition(":")[2] or name, block.version)


def environment_name(platform: str, links: Mapping[str, str]) -> str:
    """Return the store name of an environment.

    `links` maps a path in the environment (`bin/node`) to `<store name>/<path>`.
    """
    identity = {
        "artifacts": [],
        "build": BUILD,
        "dependencies": sorted({target.partition("/")[0] for target in links.values()}),
        "fixups": [{"kind": "link", "path": path, "target": links[path]} for path in sorted(links)],
        "name": "environment",
        "platform": platform,
        "source": "environment",
        "version": "1",
    }
    return _name(identity, "environment", "1")


@dataclass(frozen=True, slots=True)
class Part:
    """One block to have in the store: its name there, and the parts it needs first."""

    name: str
    block: Block
    store_name: str
    needs: tuple[Part, ...] = ()


def parts(lock: Lock, shell: str | None, platform: str) -> dict[str, Part]:
    """Return the parts of a shell by tool, for the tools that exist on `platform`.

    Raises LockError where dependencies are missing or go round in a circle.
    """
    known: dict[str, Part] = {}
    found = {}
    for tool, entry in lock.shell_tools(shell).items():
        block = entry.platforms.get(platform)
        if isinstance(block, Block):
            found[tool] = _part(lock, tool, block, platform, (), known)
    return found


def _part(  # noqa: PLR0913, PLR0917  (a walk carries where it is and what it has seen)
    lock: Lock, name: str, block: Block, platform: str, above: tuple[str, ...], known: dict[str, Part]
) -> Part:
    needs = []
    for other in block.dependencies:
        if other in above:
            raise LockError(f"the dependency {other!r} depends on itself", hint=_MEND)
        if len(above) >= _DEEPEST:
            raise LockError(f"the dependency {other!r} lies deeper than {_DEEPEST} others", hint=_MEND)
        # Each is named but once, or a small lock could ask for more names than there is time for.
        if other not in known:
            entry = lock.dependencies.get(other)
            other_block = entry.platforms.get(platform) if entry else None
            if not isinstance(other_block, Block):
                raise LockError(f"{name!r} depends on {other!r}, which has no {platform} block in the lock", hint=_MEND)
            known[other] = _part(lock, other, other_block, platform, (*above, other), known)
        needs.append(known[other])
    return Part(name, block, store_name(name, platform, block, [n.store_name for n in needs]), tuple(needs))
