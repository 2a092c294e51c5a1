"""Locking: from what the manifest asks to what the lock pins."""

from __future__ import annotations

import hashlib
import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from devshell import registry, versions
from devshell.errors import DevshellError, NewerLockError, Place, ResolveError, UnreachableError, raise_together
from devshell.lock import Absent, Block, Entry, Lock, has_conflict, loads, sides
from devshell.manifest import WITH_SOURCES, Request
from devshell.sources import Needed, catalogue, deb

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from devshell.manifest import Manifest
    from devshell.registry import Offer
    from devshell.session import Session
    from devshell.sources import World

#: Index pages asked for at once.
_PARALLEL = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """One tool to lock, for the project's own shell or a named one."""

    shell: str | None
    request: Request

    @property
    def name(self) -> str:
        """Return the tool's key in the manifest and in the lock."""
        return self.request.key


def wishes(manifest: Manifest) -> list[Wish]:
    """Return every tool the manifest names, sorted."""
    found = [Wish(None, manifest.base.tools[name]) for name in sorted(manifest.base.tools)]
    for shell in sorted(manifest.extra_tools):
        tools = manifest.extra_tools[shell]
        found += [Wish(shell, tools[name]) for name in sorted(tools)]
    return found


def options(request: Request) -> str | None:
    """Return a digest of what a manifest says of a tool beyond its version, or None if nothing.

    The lock holds no address, yet must notice when one changed.
    """
    said: dict[str, Any] = {
        "arch": dict(request.arch_names),
        "bin": None if request.bin is None else dict(request.bin),
        "os": dict(request.os_names),
        "strip": request.strip,
        "url": dict(request.url),
    }
    if request.extra:
        # Only then, so that locks from before this key stay current.
        said["with"] = list(request.extra)
    if request.suite is not None:
        said["suite"] = request.suite
    if not any(value for value in said.values()) and request.strip is None:
        return None
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def is_current(entry: Entry | None, wish: Wish, platforms: Sequence[str]) -> bool:
    """Return whether a locked tool still answers the manifest, so that it need not be resolved."""
    return (
        entry is not None
        and entry.request == wish.request.version
        and entry.options == options(wish.request)
        and set(entry.platforms) == set(platforms)
        and _same_source(entry, wish.request)
        and all(_answers(b, wish.request, platform) for platform, b in entry.platforms.items() if isinstance(b, Block))
    )


def stale(manifest: Manifest, lock: Lock) -> list[str]:
    """Return a line for each way in which the lock no longer answers the manifest; no network."""
    found = []
    wanted = {(w.shell, w.name): w for w in wishes(manifest)}
    locked = {(shell, name): entry for shell, name, entry in _entries(lock)}
    for key, wish in wanted.items():
        if not is_current(locked.get(key), wish, manifest.settings.platforms):
            found.append(f"{wish.name} {'has changed' if key in locked else 'is not locked'}")
    found += [f"{name} is locked but no longer asked for" for shell, name in locked if (shell, name) not in wanted]
    return found


def resolve(manifest: Manifest, old: Lock, session: Session, *, update: Collection[str] | None = ()) -> Lock:
    """Return the lock that answers the manifest.

    What is current in `old` stays as it is, but for the tools named in `update`; None updates all.
    Raises ManyErrors with one error for each tool that could not be locked.
    """
    platforms = manifest.settings.platforms
    before = {(shell, name): entry for shell, name, entry in _entries(old)}
    wanted = wishes(manifest)
    todo = [
        wish
        for wish in wanted
        if update is None or wish.name in update or not is_current(before.get((wish.shell, wish.name)), wish, platforms)
    ]
    fresh = _lock_all(todo, platforms, session)
    tools: dict[str | None, dict[str, Entry]] = {None: {}}
    dependencies: dict[str, Entry] = {}
    for wish in wanted:
        key = (wish.shell, wish.name)
        entry, needed = fresh[key] if key in fresh else (before[key], {})
        tools.setdefault(wish.shell, {})[wish.name] = entry
        dependencies.update(needed)
    _keep_needed(tools, dependencies, old)
    return _lock(tools, dependencies)


def merge(content: bytes, file: str, manifest: Manifest) -> Lock:
    """Return what two sides of a conflicted lock agree on, or the newer of what both may have.

    A tool that neither side locks as the manifest now asks is left out, to be resolved anew. A side
    that cannot be read counts as empty; raises NewerLockError for one from a newer release.
    """
    ours, theirs = (
        (_read_or_empty(side, file) for side in sides(content))
        if has_conflict(content)
        else (
            _read_or_empty(content, file),
            Lock(),
        )
    )
    mine = {(shell, name): entry for shell, name, entry in _entries(ours)}
    other = {(shell, name): entry for shell, name, entry in _entries(theirs)}
    tools: dict[str | None, dict[str, Entry]] = {None: {}}
    for wish in wishes(manifest):
        key = (wish.shell, wish.name)
        fitting = [
            entry
            for entry in (mine.get(key), other.get(key))
            if entry is not None and is_current(entry, wish, manifest.settings.platforms)
        ]
        if fitting:
            tools.setdefault(wish.shell, {})[wish.name] = max(fitting, key=_age)
    dependencies: dict[str, Entry] = {}
    both = Lock(dependencies=MappingProxyType({**theirs.dependencies, **ours.dependencies}))
    _keep_needed(tools, dependencies, both)
    return _lock(tools, dependencies)


def offers(request: Request, session: Session) -> list[tuple[str, Offer | None]]:
    """Return the sources to try for a tool, in order: the one it names, or the registry's.

    The user's configuration restricts and orders them. Raises ResolveError where none is left.
    """
    allowed = session.world.config.sources
    if request.source is not None:
        found: list[tuple[str, Offer | None]] = [(request.source, None)]
    else:
        tool = registry.load(request.name)
        if tool is None:
            nearest = registry.nearest(request.name)
            hint = f"did you mean {nearest!r}?" if nearest else f"try `devshell search {request.name}`"
            raise ResolveError(f"{request.name!r} is not in the registry", place=request.place, hint=hint)
        found = [(offer.source, offer) for offer in tool.offers]
    if request.extra:
        found = [one for one in found if one[0] in WITH_SOURCES]
        if not found:
            raise ResolveError(
                f"{request.key!r} comes from no source that can put `with` beside it",
                place=request.place,
                hint=f"`with` works for tools from {', '.join(WITH_SOURCES)}",
            )
    if request.suite is not None:
        found = [one for one in found if one[0] == "deb"]
        if not found:
            raise ResolveError(
                f"{request.key!r} does not come from Debian, so no `suite` has it",
                place=request.place,
                hint="remove `suite`",
            )
    if allowed:
        found = sorted((f for f in found if f[0] in allowed), key=lambda f: allowed.index(f[0]))
    if not found:
        raise ResolveError(
            f"{request.key!r} comes only from sources that your configuration excludes",
            place=request.place,
            hint="see `devshell config get sources`",
        )
    return found


def _lock(tools: dict[str | None, dict[str, Entry]], dependencies: Mapping[str, Entry]) -> Lock:
    return Lock(
        tools=MappingProxyType(tools.pop(None)),
        shells=MappingProxyType({str(shell): MappingProxyType(entries) for shell, entries in tools.items()}),
        dependencies=MappingProxyType(dict(sorted(dependencies.items()))),
    )


class _Needs:
    """Locks what closures stand on, each once for all the tools that are locked together.

    Always for all of the project's platforms: two tools that serve different ones share the entry.
    """

    def __init__(self, session: Session, platforms: Sequence[str]) -> None:
        self._session, self._platforms = session, platforms
        self._known: dict[tuple[str, str], Future[Needed]] = {}
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def need(self, name: str, version: str, platforms: Sequence[str]) -> Needed:
        del platforms
        key = (name, version)
        with self._lock:
            future = self._known.get(key)
            mine = future is None
            if future is None:
                future = self._known[key] = Future()
        if mine:
            try:
                future.set_result(self._needed(name, version))
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def _needed(self, name: str, version: str) -> Needed:
        request = Request(name, name, None, version, Place("what other tools stand on", key=name))
        entry, dependencies = _lock_one(request, self._platforms, self._session, self)
        return Needed(entry, dependencies)

    def note(self, text: str) -> None:
        """Say a line once, however many tools it is true of."""
        with self._lock:
            new = text not in self._said
            self._said.add(text)
        if new:
            self._session.note(text)

    def world(self) -> World:
        """Return the session's world, with somebody to lock and to install what a source needs."""
        return replace(self._session.world, need=self.need, engine=self._engine, note=self._session.note)

    def _engine(self, name: str) -> Path:
        # Most locks need none, and what installs one is much to import.
        from devshell import engines

        return engines.folder(name, self._session)


def _lock_all(
    todo: Sequence[Wish], platforms: Sequence[str], session: Session
) -> dict[tuple[str | None, str], tuple[Entry, Mapping[str, Entry]]]:
    errors: list[DevshellError] = []
    needs = _Needs(session, platforms)
    done: dict[tuple[str | None, str], tuple[Entry, Mapping[str, Entry]]] = {}
    with ThreadPoolExecutor(_PARALLEL) as pool:
        futures = [(wish, pool.submit(_lock_one, wish.request, platforms, session, needs)) for wish in todo]
        for wish, future in futures:
            try:
                done[wish.shell, wish.name] = future.result()
            except DevshellError as error:
                if session.cancelled():
                    raise
                errors.append(error)
    raise_together(errors)
    return done


def _lock_one(
    request: Request, platforms: Sequence[str], session: Session, needs: _Needs
) -> tuple[Entry, Mapping[str, Entry]]:
    found: dict[str, Block | Absent] = {}
    dependencies: dict[str, Entry] = {}
    failures: list[DevshellError] = []
    surprises: list[DevshellError] = []
    silent: dict[str, str] = {}
    for source, offer in offers(request, session):
        todo = [p for p in platforms if not isinstance(found.get(p), Block) and (offer is None or offer.serves(p))]
        if not todo:
            continue
        try:
            answer = catalogue.get(source).lock(request, offer, todo, needs.world())
        except (UnreachableError, ResolveError) as error:
            failures.append(error)
            if isinstance(error, UnreachableError):
                silent |= {p: source for p in todo if p not in silent}
            # An offer for some versions alone lacks the others, which is nothing to speak of.
            if isinstance(error, UnreachableError) or offer is None or offer.when == "*":
                surprises.append(error)
            continue
        if surprises:
            needs.note(f"{request.key}: {_gravest(surprises).message}; taking it from {source}")
        found.update({p: block for p, block in answer.platforms.items() if p in todo})
        dependencies.update(answer.dependencies)
    if not any(isinstance(block, Block) for block in found.values()):
        raise _with_place(failures, found, request)
    for platform in platforms:
        found.setdefault(platform, Absent(_why_nothing(silent.get(platform))))
    entry = Entry(request.key, request.version, MappingProxyType(found), options(request))
    return entry, dependencies


def _why_nothing(silent: str | None) -> str:
    # Without the server's name: a lock names none.
    if silent is None:
        return "the registry knows no source of it for this platform"
    return f"its source {silent!r} could not be reached when this was locked"


def _with_place(failures: list[DevshellError], found: Mapping[str, Block | Absent], request: Request) -> DevshellError:
    if not failures:
        reasons = sorted({f"{p}: {b.reason}" for p, b in found.items() if isinstance(b, Absent)})
        return ResolveError(
            f"{request.key} {request.version} exists for none of the platforms asked for",
            place=request.place,
            hint="; ".join(reasons) or "see settings.platforms",
        )
    error = _gravest(failures)
    others = [other.message for other in failures if other is not error]
    if others:
        error = type(error)("; ".join(dict.fromkeys([error.message, *others])), place=error.place, hint=error.hint)
    error.place = error.place or request.place
    return error


def _gravest(failures: Sequence[DevshellError]) -> DevshellError:
    """Return the failure to speak of: a source that cannot be asked comes before those that answered."""
    return next((error for error in failures if isinstance(error, UnreachableError)), failures[0])


def _same_source(entry: Entry, request: Request) -> bool:
    if request.source is None:
        return True
    return all(b.source == request.source for b in entry.platforms.values() if isinstance(b, Block))


def _answers(block: Block, request: Request, platform: str) -> bool:
    """Return whether a block is one that locking could have written: a lock may have been edited by hand."""
    if block.source == "http":
        return block.version == request.version
    if not versions.parse(request.version).matches(block.version):
        return False
    tool = registry.load(request.name) if request.source is None else None
    if block.source == "deb":
        offered = [o for o in tool.offers if o.source == "deb"] if tool else [None]
        return any(deb.answers(block, request, offer) for offer in offered)
    package = block.origin.get("package")
    return tool is None or any((o.source, o.package_for(platform)) == (block.source, package) for o in tool.offers)


def _entries(lock: Lock) -> Iterator[tuple[str | None, str, Entry]]:
    for name, entry in lock.tools.items():
        yield None, name, entry
    for shell, entries in lock.shells.items():
        for name, entry in entries.items():
            yield shell, name, entry


def _keep_needed(tools: Mapping[str | None, Mapping[str, Entry]], into: dict[str, Entry], old: Lock) -> None:
    """Bring over from `old` the dependencies that kept tools name, and those that these name."""
    todo = [entry for entries in tools.values() for entry in entries.values()] + list(into.values())
    while todo:
        for block in todo.pop().platforms.values():
            for name in block.dependencies if isinstance(block, Block) else ():
                if name not in into and name in old.dependencies:
                    into[name] = old.dependencies[name]
                    todo.append(into[name])


def _read_or_empty(content: bytes, file: str) -> Lock:
    try:
        return loads(content, file)
    except NewerLockError:
        raise
    except DevshellError:
        return Lock()


def _age(entry: Entry) -> versions.Key:
    return max((versions.sort_key(version) for version in entry.versions), default=(0, ()))
