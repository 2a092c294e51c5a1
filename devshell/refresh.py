"""What a hook asks for when something has changed: why, and what a shell may do about it.

Afterwards the project's state holds what was rendered for entering, or what says in fixed words why it is not entered.
Nothing of a project's own acts or is honoured here unless the user's word covers it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import (
    activation,
    config,
    entering,
    environ,
    lock,
    opening,
    paths,
    project,
    ready,
    resolve,
    shells,
    trust,
)
from devshell.errors import DevshellError, ManyErrors
from devshell.files import read_regular
from devshell.paths import LOCAL_MANIFEST, LOCK, MANIFEST
from devshell.shells.rendering import Waiting
from devshell.snapshot import File, Role
from devshell.system import host_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from devshell.opening import Project
    from devshell.session import Session
    from devshell.shells.rendering import Watched
    from devshell.snapshot import Snapshot

#: What can be told of any project without reading what it says: these are watched while it is not allowed.
_OWN = {Role.MANIFEST: MANIFEST, Role.LOCAL: LOCAL_MANIFEST, Role.LOCK: LOCK}
_LARGEST = 16 << 20


def refresh(start: Path, say: Callable[[str], None], session: Callable[[], AbstractContextManager[Session]]) -> None:
    """Bring what shells act on up to date with the project at `start`.

    `session` opens the means to install, where the user's configuration asks for that. `say` is for a project that
    was never allowed: of that nothing is kept. Raises ProjectError for one that is refused and was never allowed.
    """
    try:
        snapshot = project.read(project.find(start))
    except DevshellError:
        if not _refused(start):
            raise
        return
    settings = config.load(config.config_file())
    standing = trust.standing(snapshot)
    if standing in {trust.Standing.UNKNOWN, trust.Standing.CHANGED} and trust.admit(snapshot, settings):
        standing = trust.Standing.ALLOWED
    name = environ.prompt(snapshot.root) or "/"
    if standing is trust.Standing.UNKNOWN:
        say(f"{name} is not allowed to act; look at its devshell.toml, then run `devshell allow`")
    elif standing is trust.Standing.DENIED:
        _wait(snapshot, standing, "", keep=False)
    elif standing is trust.Standing.CHANGED:
        broken = _broken(snapshot)
        if broken is None:
            _wait(
                snapshot,
                standing,
                f"devshell: {name} has changed since it was allowed; run `devshell allow`",
                keep=False,
            )
        else:
            _wait(snapshot, standing, f"devshell: {name} is broken: {broken}; run `devshell status`", keep=True)
    else:
        _enter_or_wait(snapshot, name, auto_sync=settings.auto_sync, session=session)


def settle(root: str, session: Callable[[], AbstractContextManager[Session]] | None = None) -> None:
    """Render what there is to know of an allowed project, as far as nothing is to be fetched; what fails is left.

    For after `allow`, and, without a `session`, for when files of a project that is ready are young no longer.
    """
    with contextlib.suppress(DevshellError, OSError):
        snapshot = project.read(Path(root))
        if trust.standing(snapshot) is trust.Standing.ALLOWED:
            _enter_or_wait(snapshot, environ.prompt(root) or "/", auto_sync=False, session=session)


def _enter_or_wait(
    snapshot: Snapshot,
    name: str,
    *,
    auto_sync: bool,
    session: Callable[[], AbstractContextManager[Session]] | None,
) -> None:
    installing = False
    try:
        found = opening.checked(snapshot)
        if _again(found) or session is None:
            return
        why, command = _missing(found)
        if why and not auto_sync:
            _wait(snapshot, trust.Standing.ALLOWED, f"devshell: {name}: {why}; run `{command}`", keep=True)
            return
        installing = bool(why)
        with session() as opened:
            activation.prepare(found, None, opened, frozen=not auto_sync)
    except (DevshellError, KeyboardInterrupt) as problem:
        # First what the shell is to know, so that it does not try again at each prompt.
        if installing or not isinstance(problem, DevshellError):
            message = f"devshell: {name} is not installed; run `devshell sync`"
        else:
            message = f"devshell: {name} is broken: {_where(problem)}; run `devshell status`"
        _wait(snapshot, trust.Standing.ALLOWED, message, keep=True)
        if installing:
            raise


def _again(found: Project) -> bool:
    """Render once more what is ready but for the files' times, as after a `touch`; return whether it was."""
    record = ready.kept(found.root)
    if record is None:
        return False
    entering.render(found, None, record.environment, record.plan)
    return True


def _missing(found: Project) -> tuple[str, str]:
    """Return what stands between an allowed project and its environment, and the command to type; empty for nothing."""
    locked = found.lock()
    if locked is None:
        return "it has no lock yet", "devshell sync"
    if resolve.stale(found.manifest, locked):
        return "its lock is out of date", "devshell sync"
    store = Path(paths.store_folder())
    parts = lock.parts(locked, None, host_platform())
    if not all((store / part.store_name).is_dir() for part in parts.values()):
        return "it is not installed", "devshell sync"
    return "", ""


def _broken(snapshot: Snapshot) -> str | None:
    """Return where a project's files are wrong, in no words of theirs, or None where they can be read."""
    try:
        opening.checked(snapshot).lock()
    except DevshellError as problem:
        return _where(problem)
    return None


def _where(problem: DevshellError) -> str:
    errors = problem.errors if isinstance(problem, ManyErrors) else (problem,)
    place = next((error.place for error in errors if error.place), None)
    if place is None or os.path.basename(place.file) not in {MANIFEST, LOCAL_MANIFEST, LOCK}:
        return "it cannot be read"
    return os.path.basename(place.file) + (f", line {place.line}" if place.line else "")


def _refused(start: Path) -> bool:
    """Keep that the project at `start` cannot be read, as where others may write it; return whether it is known."""
    root = ready.find(os.path.realpath(start))
    if root is None or (word := trust.last_word(root)) is trust.Standing.UNKNOWN:
        return False
    files = {os.path.join(root, name): role for role, name in _OWN.items()} | dict(trust.known_files(root))
    name = environ.prompt(root) or "/"
    message = f"devshell: {name} cannot be used as it is; run `devshell status`"
    _postpone(
        root,
        lambda: trust.last_word(root) is word,
        [_seen(path, role) for path, role in files.items()],
        "" if word is trust.Standing.DENIED else message,
        keep=False,
    )
    return True


def _wait(snapshot: Snapshot, standing: trust.Standing, message: str, *, keep: bool) -> None:
    """Keep why a project of this standing is not entered, until one of its files changes.

    Of content that is not allowed no file name is taken over: watched are the names every project has, and what the
    user's last word was about.
    """
    known = dict(trust.known_files(snapshot.root))
    every = standing is trust.Standing.ALLOWED
    files = {file.path: file for file in snapshot.files if every or file.role in _OWN or file.path in known}
    for path, role in known.items():
        if path not in files:
            files[path] = _seen(path, role)
    _postpone(
        snapshot.root,
        lambda: trust.standing(snapshot) is standing,
        files.values(),
        message,
        keep=keep,
    )


def _postpone(root: str, still: Callable[[], bool], files: Iterable[File], message: str, *, keep: bool) -> None:
    def make(folder: Path, watched: tuple[Watched, ...]) -> dict[str, bytes]:
        return {
            kind: os.fsencode(shells.hooked(kind).waiting(Waiting(str(folder / kind), watched, message, keep)))
            for kind in shells.SHELLS
        }

    trust.postpone(root, still, (*files, *entering.settings_files()), make)


def _seen(path: str, role: Role) -> File:
    """Return a file as it is now, with its content where that can be read: it tells a second change from the first."""
    try:
        read = read_regular(Path(path), _LARGEST)
        status = os.stat(path) if read is None else read[1]
    except (OSError, DevshellError):
        try:
            read, status = None, os.stat(path)
        except OSError:
            return File(path, role, None)
    content = b"" if read is None else read[0]
    return File(path, role, content, status.st_uid, stat.S_IMODE(status.st_mode), status.st_mtime_ns)
