"""The wheels that one release of a Python package needs on one platform, as uv resolves them.

Wheels only: nothing is built, so nothing of a package runs. uv gets the addresses that devshell asks
itself, and nothing else of uv's own settings, so that equal indexes give equal closures.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from devshell.config import hide_logins
from devshell.errors import FetchError, ResolveError, UnreachableError
from devshell.lock import Artifact
from devshell.sources import uv_engine
from devshell.sources.pypi import pages as package_pages
from devshell.sources.pypi import tags as python_tags
from devshell.sources.pypi import wheels
from devshell.sources.pypi.indexes import pypi_indexes
from devshell.system import GLIBC_FLOOR, MACOS_FLOOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devshell.sources import World

#: Of uv's own variables, those that say how to reach an index, not what to take from it.
_KEPT = frozenset(
    {
        "UV_CREDENTIALS_DIR",
        "UV_HTTP_RETRIES",
        "UV_KEYRING_PROVIDER",
        "UV_NATIVE_TLS",
        "UV_SYSTEM_CERTS",
    }
)
_LONGEST_REASON = 300
#: What a package has too little of, in uv's words; both name it first.
_NO_WHEELS = re.compile(r"(?:all versions of )?(\S+) (?:has|have) no usable wheels")
_NO_MATCH = re.compile(r"(\S+) has no wheels with a matching ([\w ]+) tag")
_CONCLUSION = re.compile(r",? (?:and you require \S+, )?we can conclude that .*", re.DOTALL)


def folder(python: str) -> str:
    """Return where in a tree the packages of a Python's minor version lie, as in a virtual environment."""
    return f"lib/python{python}/site-packages"


@dataclass(frozen=True, slots=True)
class Target:
    """One release of a package, and what it is for; `public` as `package_pages.Shelf` has it."""

    package: str
    release: str
    python: str
    public: bool


def resolve(target: Target, platform: str, world: World) -> tuple[Artifact, ...]:
    """Return the wheels of a release and of all it needs, sorted by file name.

    Raises ResolveError where there is no such set of wheels, UnreachableError where an index does not
    answer, FetchError where it refuses, CancelledError at the user's word.
    """
    answer = uv_engine.compile_requirements(
        f"{target.package}=={target.release}\n",
        _variables(target, world),
        lambda: world.fetcher.cancelled,
        *_options(target, platform, world),
    )
    if answer.status:
        raise _failure(answer.errors, platform, target.python)
    return tuple(sorted(_artifacts(answer.output, platform, target.python, world), key=lambda a: a.file))


def _options(target: Target, platform: str, world: World) -> Iterator[str]:
    system, _, processor = platform.partition("-")
    yield from ("--format", "pylock.toml", "--no-build", "--no-config", "--python-version", target.python)
    if system == "linux":
        system_name = f"{processor}-manylinux_{GLIBC_FLOOR[0]}_{GLIBC_FLOOR[1]}"
    else:
        system_name = f"{'aarch64' if processor == 'arm64' else processor}-apple-darwin"
    yield from ("--python-platform", system_name, "--cache-dir", str(world.fetcher.cache / "uv"))
    if world.fetcher.offline:
        yield "--offline"
    else:
        # Nobody waits ten minutes for a release that was just made.
        yield from ("--refresh-package", target.package)


def _variables(target: Target, world: World) -> Mapping[str, str]:
    *extra, main = pypi_indexes(world.config)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("UV_") or name in _KEPT}
    # The certificates that the rest of devshell goes by.
    variables.setdefault("UV_SYSTEM_CERTS", "true")
    return variables | {
        "MACOSX_DEPLOYMENT_TARGET": ".".join(map(str, MACOS_FLOOR)),
        "UV_DEFAULT_INDEX": main,
        "UV_HTTP_TIMEOUT": str(max(1, round(world.config.timeout))),
        "UV_INDEX": " ".join(extra),
        # Else the first index that has a package is the one to take it from, as for a package of its own.
        "UV_INDEX_STRATEGY": "unsafe-best-match" if target.public else "first-index",
    }


def _artifacts(output: str, platform: str, python: str, world: World) -> Iterator[Artifact]:
    for entry in tomllib.loads(output).get("packages", []):
        name, release = entry["name"], entry.get("version", "")
        listed = {_file(wheel): wheel for wheel in entry.get("wheels", [])}
        fitting = {file: key for file in listed if (key := python_tags.preference(file, platform, python)) is not None}
        if not fitting:
            raise ResolveError(_wheels_only(f"{name} {release}".strip(), platform, python))
        file = min(fitting, key=fitting.__getitem__)
        yield _artifact(file, listed[file], python, world)


def _artifact(file: str, wheel: Mapping[str, Any], python: str, world: World) -> Artifact:
    sha256 = wheel.get("hashes", {}).get("sha256")
    if sha256 is None:
        raise package_pages.no_hash(file)
    artifact = Artifact(file, "sha256", sha256, wheel.get("size", 0), folder(python))
    return artifact if artifact.size else _measured(artifact, world)


def _measured(artifact: Artifact, world: World) -> Artifact:
    wheel = wheels.parse(artifact.file)
    package = wheel.package if wheel else ""
    for address in package_pages.addresses(artifact, package, world):
        return replace(artifact, size=package_pages.size(artifact.file, artifact.digest, address, world))
    raise FetchError(f"no index has {artifact.file!r} any more", hint="run the same command again")


def _file(wheel: Mapping[str, Any]) -> str:
    if "name" in wheel:
        return str(wheel["name"])
    return unquote(urlsplit(wheel.get("url") or wheel.get("path") or "").path.rpartition("/")[2])


def _failure(errors: str, platform: str, python: str) -> ResolveError | FetchError:
    """Return uv's complaint as one of ours: `error: …`, its causes line by line, then hints."""
    text = hide_logins(errors).partition("\nhint:")[0]
    pieces = re.split(r"\n\s*cause: ", text.removeprefix("error: "))
    first, *causes = (" ".join(piece.split()) for piece in pieces)
    if first.startswith("No solution"):
        return ResolveError(_unsolvable(" ".join(causes), platform, python))
    reason = _short("; ".join([first, *causes]))
    if any("error sending request" in cause or "timed out" in cause for cause in causes):
        return UnreachableError(f"uv cannot reach the package index: {reason}")
    if "ailed to fetch" in reason:
        return FetchError(f"uv cannot read the package index: {reason}", hint="see `devshell config get index.pypi`")
    return ResolveError(f"uv does not take it: {_without_addresses(reason)}")


def _unsolvable(cause: str, platform: str, python: str) -> str:
    for pattern in (_NO_WHEELS, _NO_MATCH):
        if found := pattern.search(cause):
            return _wheels_only(found[1].replace("==", " "), platform, python)
    return f"uv finds no set of wheels for it: {_short(_without_addresses(_CONCLUSION.sub('', cause)))}"


def _without_addresses(text: str) -> str:
    """Return a reason as it may stand in a lock, which names no server."""
    return re.sub(r"[A-Za-z][\w+.-]*://[^\s`'\"]+", "(an address)", text)


def _wheels_only(subject: str, platform: str, python: str) -> str:
    return f"only wheels are taken, and {subject} has none for {platform} and Python {python}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"
