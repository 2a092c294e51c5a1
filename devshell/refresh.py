"""What a hook asks for when something has changed: why, and what a shell may do about it.

Afterwards the project's state holds what was rendered for entering, or what says in fixed words why it is not entered.
Nothing of a project's own acts or is honoured here unless the user's word covers it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import (
    activation,
    config,
    entering,
    obstacles,
    opening,
    project,
    ready,
    rendered,
    shells,
    trust,
)
from devshell.errors import DevshellError
from devshell.files import read_regular
from devshell.paths import LOCAL_MANIFEST, LOCK, MANIFEST
from devshell.shells.rendering import Waiting
from devshell.snapshot import File, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from devshell.obstacles import Obstacle
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
    obstacle = obstacles.of_standing(snapshot, standing)
    if obstacle is None:
        _enter_or_wait(snapshot, auto_sync=settings.auto_sync, session=session)
    elif standing is trust.Standing.UNKNOWN:
        say(obstacle.message)
    else:
        _wait(snapshot, standing, obstacle)


def settle(root: str, session: Callable[[], AbstractContextManager[Session]] | None = None) -> None:
    """Render what there is to know of an allowed project, as far as nothing is to be fetched; what fails is left.

    For after `allow`, and, without a `session`, for when files of a project that is ready are young no longer.
    """
    with contextlib.suppress(DevshellError, OSError):
        snapshot = project.read(Path(root))
        if trust.standing(snapshot) is trust.Standing.ALLOWED:
            _enter_or_wait(snapshot, auto_sync=False, session=session)


def settle_young(found: ready.Ready) -> None:
    """Render once more a project whose files were young when that was done, and are no longer.

    What is young keeps the launcher from serving a project.
    """
    now = time.time_ns()
    with contextlib.suppress(OSError):
        young = [path for path, _, young in found.watched if young]
        if young and not any(rendered.young(os.stat(path).st_mtime_ns, now) for path in young):
            settle(found.root)


def _enter_or_wait(
    snapshot: Snapshot, *, auto_sync: bool, session: Callable[[], AbstractContextManager[Session]] | None
) -> None:
    allowed = trust.Standing.ALLOWED
    installing = False
    try:
        found = opening.checked(snapshot)
        if _again(found) or session is None:
            return
        obstacle = obstacles.of_installation(found)
        if obstacle is not None and not auto_sync:
            _wait(snapshot, allowed, obstacle)
            return
        installing = obstacle is not None
        with session() as opened:
            activation.prepare(found, None, opened, frozen=not auto_sync)
    except (DevshellError, KeyboardInterrupt) as problem:
        # First what the shell is to know, so that it does not try again at each prompt.
        if installing or not isinstance(problem, DevshellError):
            _wait(snapshot, allowed, obstacles.uninstalled(snapshot.root))
        else:
            _wait(snapshot, allowed, obstacles.broken(snapshot.root, problem))
        if installing:
            raise


def _again(found: Project) -> bool:
    """Render once more what is ready but for the files' times, as after a `touch`; return whether it was."""
    record = ready.kept(found.root)
    if record is None:
        return False
    entering.render(found, None, record.environment, record.plan)
    return True


def _refused(start: Path) -> bool:
    """Keep that the project at `start` cannot be read, as where others may write it; return whether it is known."""
    root = ready.find(os.path.realpath(start))
    if root is None or (word := trust.last_word(root)) is trust.Standing.UNKNOWN:
        return False
    files = {os.path.join(root, name): role for role, name in _OWN.items()} | dict(trust.known_files(root))
    obstacle = obstacles.refused(root)
    _postpone(
        root,
        lambda: trust.last_word(root) is word,
        [_seen(path, role) for path, role in files.items()],
        _said(obstacle, word),
        keep=obstacle.keep,
    )
    return True


def _wait(snapshot: Snapshot, standing: trust.Standing, obstacle: Obstacle) -> None:
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
        _said(obstacle, standing),
        keep=obstacle.keep,
    )


def _said(obstacle: Obstacle, standing: trust.Standing) -> str:
    # Who denied a project knows, and is not told at each prompt.
    return "" if standing is trust.Standing.DENIED else f"devshell: {obstacle.message}"


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
