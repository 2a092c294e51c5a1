"""Standalone builds of CPython: which there are, as the pinned uv knows them, and where they lie.

uv brings the list with it and needs no network for it. It names the addresses that the user's and
the system's uv settings ask for (`python-install-mirror`, UV_PYTHON_INSTALL_MIRROR, a list of one's
own). A build lies at `<root>/<date>/<file>`, in uv's default place as on every mirror of it.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from devshell.config import hide_logins
from devshell.errors import ConfigError, UnreachableError
from devshell.sources import uv_engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devshell.config import Config

_TIMEOUT = 120
_LONGEST = 200
_SET = "devshell config set index.python ADDRESS"
#: The triple in a build's name, by platform: plain x86_64, which every such processor runs, and glibc.
TRIPLES = {
    "linux-x86_64": "x86_64-unknown-linux-gnu",
    "linux-aarch64": "aarch64-unknown-linux-gnu",
    "darwin-arm64": "aarch64-apple-darwin",
    "darwin-x86_64": "x86_64-apple-darwin",
}
_PLATFORMS = {triple: platform for platform, triple in TRIPLES.items()}
# Neither freethreaded nor debug builds have such a name, nor do those from before 2022, which hold a whole build.
_FILE = re.compile(
    r"cpython-(?P<version>\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)\+(?P<date>\d{8})-"
    r"(?P<triple>[a-z0-9_]+(?:-[a-z0-9_]+)+)-install_only(?P<stripped>_stripped)?\.tar\.gz"
)
# What makes uv look elsewhere than at the user's settings, or not name builds at all.
_UV_ELSEWHERE = (
    "UV_ENV_FILE",
    "UV_MANAGED_PYTHON",
    "UV_NO_MANAGED_PYTHON",
    "UV_PROJECT",
    "UV_PYTHON",
    "UV_PYTHON_PREFERENCE",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
)
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Build:
    """One archive: the version of Python in it, the platform it is for, the day of its release, its name."""

    version: str
    platform: str
    date: str
    file: str

    def address(self, root: str) -> str:
        """Return where it lies below a root."""
        return f"{root}/{self.date}/{quote(self.file)}"

    def hashes(self, root: str) -> str:
        """Return where below a root the list of its release's sha256 lies."""
        return f"{root}/{self.date}/SHA256SUMS"


def parse(file: str) -> Build | None:
    """Return what an archive's name says, or None for any other file."""
    found = _FILE.fullmatch(file) if len(file) <= _LONGEST else None
    platform = _PLATFORMS.get(found["triple"]) if found else None
    return None if found is None or platform is None else Build(found["version"], platform, found["date"], file)


def known() -> tuple[Build, ...]:
    """Return every build that uv knows, in no order; raises as :func:`roots` does."""
    return _answer()[0]


def roots(config: Config) -> Iterator[str]:
    """Yield the places to look for builds in: devshell's own configuration, or what uv is set up for.

    uv is asked only when iterated. Raises ConfigError where uv's settings cannot be understood,
    UnreachableError where a list of builds that they name does not answer.
    """
    if config.index_python:
        yield from (root.rstrip("/") for root in config.index_python)
    else:
        yield from _answer()[1]


def digests(page: bytes) -> dict[str, str]:
    """Return the sha256 of each file that a release's list names, passing over all else in it."""
    found = {}
    for line in page.decode("utf-8", "replace").splitlines():
        digest, _, file = line.strip().partition(" ")
        if re.fullmatch(r"[0-9a-f]{64}", digest):
            found[file.strip().removeprefix("*")] = digest
    return found


def _answer() -> tuple[tuple[Build, ...], tuple[str, ...]]:
    # Two threads that ask at once start uv but once.
    with _lock:
        return _of_uv(tuple(sorted(os.environ.items())))


@functools.lru_cache(maxsize=8)
def _of_uv(environment: tuple[tuple[str, str], ...]) -> tuple[tuple[Build, ...], tuple[str, ...]]:
    listed = _parsed(_ask_uv(dict(environment)))
    return tuple(dict.fromkeys(build for build, _ in listed)), tuple(dict.fromkeys(root for _, root in listed))


def _ask_uv(environment: Mapping[str, str]) -> bytes:
    variables = {name: value for name, value in environment.items() if name not in _UV_ELSEWHERE}
    if not os.path.isabs(variables.get("UV_CONFIG_FILE", "/")):
        # It would be looked for in the empty folder; where the user stands, it would be a project's.
        del variables["UV_CONFIG_FILE"]
    command = [uv_engine.program(), "python", "list", "--all-versions", "--all-platforms", "--all-arches"]
    # Builds to download, and nothing else: to look for others, uv would start every python of the machine.
    command += ["--only-downloads", "--managed-python", "--no-cache", "--color", "never", "--output-format", "json"]
    with uv_engine.empty_folder() as folder:
        try:
            done = subprocess.run(  # noqa: S603  our own pinned program, and no words of anybody else
                command,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UnreachableError("uv does not say which builds of Python there are", hint=f"run `{_SET}`") from None
    if done.returncode:
        reason = " ".join(done.stderr.decode("utf-8", "replace").split()).removeprefix("error: ")
        said = f"uv does not say which builds of Python there are: {hide_logins(reason)!r:.500}"
        if "remote python downloads" in reason:
            raise UnreachableError(said, hint="see `python-downloads-json-url` in uv's settings")
        raise ConfigError(said, hint="mend uv's settings")
    return done.stdout


def _parsed(output: bytes) -> list[tuple[Build, str]]:
    """Return builds with the root of each; what is no standalone build is passed over."""
    try:
        entries = json.loads(output)
    except (ValueError, RecursionError):
        entries = None
    found = []
    for entry in entries if isinstance(entries, list) else []:
        url = entry.get("url") if isinstance(entry, dict) else None
        root, date, file = ("//" + url).rsplit("/", 2) if isinstance(url, str) else ("", "", "")
        build = parse(unquote(file))
        if build is not None and date == build.date:
            found.append((build, root[2:]))
    return found
