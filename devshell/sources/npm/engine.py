"""npm at work: asked how it is set up, and told to resolve. It runs nothing of a package.

It works in an empty folder of its own, with the user's and the system's settings and never a
project's, and keeps what it fetched in devshell's cache.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devshell.errors import CancelledError, ConfigError, DevshellError, FetchError, ResolveError, UnreachableError
from devshell.files import POLL, explained, read_regular
from devshell.sources.npm import settings as npm_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from devshell.sources import World
    from devshell.sources.npm.settings import Settings

#: The most memory npm's own objects may take, in MB; with node itself it stays below 300.
_HEAP = 112
_LARGEST_LOCK = 64 << 20
_TIMEOUT = 60
_SHOWN = 300
# Nothing here depends on the user's settings of how npm installs or speaks.
_QUIET = ("--no-update-notifier", "--logs-max=0", "--loglevel=silent", "--no-workspaces", "--no-global")
_RESOLVE = (
    "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", "--json",
    "--omit-lockfile-registry-resolved", "--lockfile-version=3", "--package-lock", "--save", "--no-dry-run",
    "--install-strategy=hoisted", "--include=optional", "--include=peer", "--omit=dev", "--no-legacy-peer-deps",
    "--no-strict-peer-deps", "--no-force", "--no-engine-strict", "--no-progress", "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    # A package may name a repository as its dependency; no git is to be started for it.
    "--git=devshell-takes-no-git-repositories",
)  # fmt: skip
# npm is to trust whom this machine trusts, as devshell's own downloads do.
_NODE = {"NODE_USE_SYSTEM_CA": "1"}
_SILENT_HOST = re.compile(
    r"ECONN\w+|ENOTFOUND|EAI_\w+|ETIMEDOUT|E\w+UNREACH|EPIPE|E5\d\d|E429|\w*TIMEOUT\w*|FETCH_ERROR|UND_ERR\w*"
)
_CERTIFICATE = re.compile(r"\w*CERT\w*|UNABLE_TO_\w+|DEPTH_ZERO\w+|ERR_TLS\w*|ERR_SSL\w*")
_CLASH = re.compile(r"(?:Could not resolve dependency|Conflicting peer dependency):\n(.+)")
_ADDRESS = re.compile(r"\w+://\S+")

_one_at_a_time = threading.Lock()
_asking = threading.Lock()
_answers: dict[tuple[object, ...], Settings] = {}


@dataclass(frozen=True, slots=True)
class _Done:
    code: int
    output: bytes


def settings(world: World) -> Settings:
    """Return what npm is set up with on this machine, asked once a process.

    The host's npm answers where there is one, since it knows the system's own file; else devshell's.
    Raises ConfigError where the settings cannot be understood.
    """
    variables = npm_settings.environment()
    key = (tuple(sorted(variables.items())), world.config.index_npm)
    # Of several threads that ask, one starts npm.
    with _asking:
        if key not in _answers:
            _answers[key] = _asked(world, variables)
        return _answers[key]


def resolve(wanted: Mapping[str, str], registry: str, found: Settings, world: World) -> bytes:
    """Return npm's lock (version 3) for packages and their versions, with all that they need on any system.

    Raises ResolveError where npm finds no answer, UnreachableError where the registry is silent,
    FetchError where it refuses, CancelledError at the user's word.
    """
    address, login = npm_settings.split_login(registry)
    variables = npm_settings.environment() | _NODE | {"NODE_COMPILE_CACHE": str(_cache(world) / "code")}
    if login is not None:
        name, secret = npm_settings.variable_for(address, login)
        variables[name] = secret
    options = [*_RESOLVE, f"--registry={address}", f"--cache={_cache(world) / 'npm'}"]
    options += [f"--fetch-timeout={int(world.config.timeout * 1000)}", f"--maxsockets={2 * world.config.downloads}"]
    options += [f"--globalconfig={found.system_file or os.devnull}"]
    options += ["--offline"] if world.fetcher.offline else []
    command = own_npm(world)
    # Several at once would take several times the memory.
    with _turn(world), _folder({"private": True, "dependencies": dict(wanted)}) as folder:
        done = _run([*command, *options, *_QUIET], folder, variables, world)
        if done.code:
            raise _failure(done, sorted(wanted), address)
        content = read_regular(folder / "package-lock.json", _LARGEST_LOCK)
    if content is None:
        raise ResolveError(f"npm gave no lock for {', '.join(sorted(wanted))}")
    return content[0]


def own_npm(world: World) -> list[str]:
    """Return the command line of the npm of devshell's engine lock, installing it if it is not in the store."""
    folder = world.engine("node")
    script = os.path.realpath(folder / "npm")
    return [str(folder / "node"), f"--max-old-space-size={_HEAP}", script]


def _cache(world: World) -> Path:
    return world.fetcher.cache / "npm"


def _asked(world: World, variables: dict[str, str]) -> Settings:
    host = _host_npm(variables)
    answer = None if host is None else _configuration([host], variables, world)
    if answer is None and world.config.index_npm:
        # The registry is known already, and no npm need be brought here for the rest.
        return npm_settings.gathered(None, _user_file(variables), None, variables)
    if answer is None:
        answer = _configuration(own_npm(world), variables, world) or {}
    registry, user_file, system_file = (
        value if isinstance(value := answer.get(key), str) else None
        for key in ("registry", "userconfig", "globalconfig")
    )
    if world.config.index_npm:
        registry = None
    elif registry is None:
        raise ConfigError(
            "npm does not say which registry it is set up with", hint="run `devshell config set index.npm ADDRESS`"
        )
    return npm_settings.gathered(registry, user_file, system_file, variables)


def _user_file(variables: Mapping[str, str]) -> str:
    named = {name.lower(): value for name, value in variables.items()}.get("npm_config_userconfig")
    return named or str(Path(variables.get("HOME") or os.path.expanduser("~"), ".npmrc"))


def _host_npm(variables: Mapping[str, str]) -> str | None:
    for folder in variables.get("PATH", "").split(":"):
        # What stands relative in PATH is a project's.
        path = os.path.join(folder, "npm")
        if os.path.isabs(folder) and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def _configuration(command: Sequence[str], variables: Mapping[str, str], world: World) -> dict[str, Any] | None:
    """Return what an npm says of its settings, None where it does not work."""
    with _folder({}) as folder:
        plain = {**variables, "NODE_DISABLE_COMPILE_CACHE": "1"}
        try:
            words = ["config", "list", "--long", "--json", f"--cache={_cache(world) / 'npm'}", *_QUIET]
            done = _run([*command, *words], folder, plain, world, _TIMEOUT)
            answer = json.loads(done.output)
        except (OSError, ValueError, RecursionError):
            return None
    return answer if isinstance(answer, dict) and not done.code else None


@contextmanager
def _turn(world: World) -> Iterator[None]:
    while not _one_at_a_time.acquire(timeout=POLL):
        if world.fetcher.cancelled:
            raise CancelledError("cancelled")
    try:
        yield
    finally:
        _one_at_a_time.release()


@contextmanager
def _folder(package: Mapping[str, Any]) -> Iterator[Path]:
    """Make an empty folder that npm takes for a project, so that it looks for none above it."""
    with explained(tempfile.gettempdir()), tempfile.TemporaryDirectory(prefix="devshell-npm-") as folder:
        Path(folder, "package.json").write_text(json.dumps(package), "utf-8")
        yield Path(folder)


def _run(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], world: World, timeout: float | None = None
) -> _Done:
    """Run npm to its end; end it on Ctrl-C, and after `timeout` seconds as if it had failed."""
    deadline = None if timeout is None else time.monotonic() + timeout
    with subprocess.Popen(  # noqa: S603  npm, with words of ours and names that were checked
        list(command),
        cwd=folder,
        env={**variables, "PWD": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Ctrl-C is for devshell, which ends npm and all that it started.
        process_group=0,
    ) as process:
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    output, _ = process.communicate(timeout=POLL)
                    return _Done(process.returncode, output)
                if world.fetcher.cancelled:
                    raise CancelledError("cancelled")
                if deadline is not None and time.monotonic() > deadline:
                    return _Done(1, b"")
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _failure(done: _Done, wanted: Sequence[str], registry: str) -> DevshellError:
    """Return what npm's failure means; addresses are cut from its words, since they may hold secrets."""
    code, summary, detail = _reported(done)
    what = ", ".join(wanted)
    refused = _of_registry(code, what, npm_settings.host(registry))
    if refused is not None:
        return refused
    if code in {"ENOGIT", "EALLOWGIT"}:
        return ResolveError(
            f"something that {what} needs comes from a git repository, which devshell does not take",
            hint="choose another version, or ask its publisher for a release on the registry",
        )
    if code == "ERESOLVE":
        return ResolveError(
            f"npm cannot make {what} fit together: {detail or summary}", hint="ask for other versions of them"
        )
    if not code and not summary:
        ending = f"signal {-done.code}" if done.code < 0 else f"exit code {done.code}"
        return ResolveError(
            f"npm ended by itself while resolving {what} ({ending})", hint="see that there is memory left"
        )
    said = detail if code == "E404" else summary
    return ResolveError(f"npm finds no answer for {what}: {said or code}")


def _of_registry(code: str, what: str, host: str) -> FetchError | None:
    """Return what a failure says of the registry and the way to it, None where it says nothing of them."""
    if _SILENT_HOST.fullmatch(code):
        return UnreachableError(f"npm cannot reach the registry at {host} ({code})")
    if _CERTIFICATE.fullmatch(code):
        return FetchError(
            f"npm does not trust the registry at {host} ({code})",
            hint="behind a company's proxy, set NODE_EXTRA_CA_CERTS, or npm's `cafile`, to the company's certificates",
        )
    if code in {"E401", "E403", "ENEEDAUTH", "EOTP"}:
        return FetchError(f"the registry at {host} does not let npm have what {what} needs ({code})", hint=LOG_IN)
    if code == "ENOTCACHED":
        return FetchError(
            f"npm has not fetched all that {what} needs before, and --offline forbids fetching it",
            hint="run the same command once without --offline",
        )
    return None


#: What to do where a registry wants a login.
LOG_IN = "log in with `npm login`, or put a token into ~/.npmrc"


def _reported(done: _Done) -> tuple[str, str, str]:
    try:
        error = json.loads(done.output)["error"]
        code, summary, detail = (str(error.get(key) or "") for key in ("code", "summary", "detail"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", "", ""
    # The rest of `detail` is advice on npm's own options, and where npm stood when it found out.
    clash = _CLASH.search(detail)
    return code, _sentence(summary), _sentence(clash[1] if clash else detail.partition("\n\n")[0])


def _sentence(text: str) -> str:
    words = " ".join(_ADDRESS.sub("…", text).split())
    inert = "".join(character if character.isprintable() else "?" for character in words)
    return inert if len(inert) <= _SHOWN else inert[:_SHOWN] + "…"
