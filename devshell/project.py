"""The project on disk: where it is, and all of its files that matter, read once."""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.errors import DevshellError, ManifestError, Place, ProjectError, raise_together
from devshell.files import explained, read_regular, write_atomically
from devshell.manifest import links, located
from devshell.paths import LOCAL_MANIFEST, LOCK, MANIFEST, STATE_FOLDER
from devshell.snapshot import File, Role, Snapshot
from devshell.system import own_uids

if TYPE_CHECKING:
    from devshell.manifest import Link

_MIB = 1024 * 1024
#: A manifest is written by hand. TOML of the worst kind takes tomllib seconds for each of these.
_MANIFEST_LIMIT = _MIB // 4
#: The most bytes of one file, by what it is for. Of variables Linux takes about 2 MiB in all.
_LIMITS = {
    Role.MANIFEST: _MANIFEST_LIMIT,
    Role.INCLUDE: _MANIFEST_LIMIT,
    Role.LOCAL: _MANIFEST_LIMIT,
    Role.LOCK: 16 * _MIB,
    Role.DOTENV: _MIB,
    Role.WATCH: 16 * _MIB,
}
_MOST_BYTES = 64 * _MIB
_MOST_FILES = 1000
_MOST_INCLUDES = 64
_DEEPEST_INCLUDE = 16
#: Root can change every file anyway, so what is root's is no danger that was not there before.
_ROOT = 0


def find(start: Path) -> Path:
    """Return the real path of the nearest folder at or above `start` that holds a manifest.

    Raises ProjectError where there is none, where someone else owns or may write the nearest one or
    its folder (it is refused, not skipped), and where the path has a part that state folders use.
    """
    folder = _real_folder(start)
    while not os.path.lexists(os.path.join(folder, MANIFEST)):
        above = os.path.dirname(folder)
        if above == folder:
            raise ProjectError(
                f"there is no {MANIFEST} in {str(start)!r} or above", hint="run `devshell init` to begin a project"
            )
        folder = above
    if STATE_FOLDER in folder.split("/"):
        raise ProjectError(
            f"a project cannot be in {folder!r}: devshell keeps its own state in folders named {STATE_FOLDER!r}",
            hint="move the project, or rename that folder",
        )
    manifest = os.path.join(folder, MANIFEST)
    with explained(manifest, "read", ProjectError):
        _judge_link(manifest, own_uids())
        _judge(manifest, _stat(manifest), own_uids())
        _judge(folder, os.stat(folder), own_uids() | {_ROOT})
    return Path(folder)


def read(root: Path) -> Snapshot:
    """Return all files of the project at `root`: manifest, includes, local file, lock, dotenv, watched files.

    What is named but missing is there with no content. Content is not judged: a broken file names
    nothing more, and `manifest.parse` says what is wrong with it, as it does of an include that is
    missing, in a circle, or beyond what is followed. Raises ProjectError, or ManifestError with the
    place that names the file, for one that is no regular file, too big, unreadable, or that others
    than the user and root may have written; ManyErrors for several.
    """
    reader = _Reader(str(root))
    reader.own(Role.MANIFEST, MANIFEST)
    reader.own(Role.LOCAL, LOCAL_MANIFEST)
    reader.own(Role.LOCK, LOCK)
    for link in reader.dotenv:
        reader.named(Role.DOTENV, link)
    for link in reader.watch:
        reader.named(Role.WATCH, link)
    raise_together(reader.errors)
    return Snapshot(reader.root, tuple(reader.files.values()))


def write(snapshot: Snapshot, role: Role, content: bytes) -> Snapshot:
    """Write the one file of `role` and return the snapshot with it as it then stands.

    Where somebody else writes at the same time, the snapshot has the content asked for and no time,
    so that the file counts as changed. Raises DevshellError where it cannot be written.
    """
    old = snapshot.one(role)
    path = Path(old.path)
    refuse_changed(snapshot, role)
    write_atomically(path, content, old.mode if old.exists else 0o644)
    now = read_regular(path, len(content))
    new = File(old.path, role, content)
    if now is not None and now[0] == content:
        new = _file(old.path, role, now)
    return Snapshot(snapshot.root, tuple(new if file is old else file for file in snapshot.files))


def refuse_changed(snapshot: Snapshot, role: Role) -> None:
    """Raise ProjectError where the one file of `role` is no longer as it was read, or is a link out of the project."""
    old = snapshot.one(role)
    path = Path(old.path)
    _refuse_link_out(path, snapshot.root)
    now = read_regular(path, _LIMITS[role])
    if (now[0] if now else None) != old.content:
        raise ProjectError(
            f"{path.name} was changed while devshell worked; nothing was written",
            place=Place(str(path)),
            hint="run the command again",
        )


def _refuse_link_out(path: Path, root: str) -> None:
    # A repository may bring its lock as a link to somebody's .bashrc.
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
        raise ProjectError(
            f"{path.name} is a link that leaves the project, so devshell does not write it",
            place=Place(str(path)),
            hint="replace the link by a file",
        )


class _Reader:
    """One reading of a project, with what it may still read."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.files: dict[str, File] = {}
        self.errors: list[DevshellError] = []
        self.dotenv: list[Link] = []
        self.watch: list[Link] = []
        self._uids = own_uids()
        self._bytes = 0
        self._includes = 0

    def own(self, role: Role, name: str) -> None:
        """Read one of the files that every project may have."""
        path = os.path.join(self.root, name)
        if path in self.files:
            # Somebody included the local file by name; it is still the local file.
            self.files[path] = _as(self.files[path], role)
            return
        file = self._read(path, role)
        if file.exists and role is not Role.LOCK:
            _judge_mode(path, file.owner, file.mode, self._uids)
        if role is not Role.LOCK:
            self._follow(file, 0)

    def named(self, role: Role, link: Link) -> None:
        """Read a file that a manifest names, relative to the project."""
        path = located(self.root, link.name)
        if path in self.files:
            return
        self._room()
        try:
            file = self._read(path, role)
            real = os.path.realpath(path)
            if file.exists and not real.startswith(self.root.rstrip("/") + "/"):
                self._judge_foreign(path, file)
        except ProjectError as error:
            self.errors.append(ManifestError(error.message, place=link.place, hint=error.hint))

    def _follow(self, file: File, depth: int) -> None:
        if file.content is None:
            return
        found = links(file.content, file.path)
        self.dotenv += found.dotenv
        self.watch += found.watch
        if depth < _DEEPEST_INCLUDE:
            for link in found.include:
                self._include(link, os.path.dirname(file.path), depth + 1)

    def _include(self, link: Link, folder: str, depth: int) -> None:
        path = located(folder, link.name)
        if path in self.files or self._includes >= _MOST_INCLUDES:
            return
        self._includes += 1
        self._room()
        try:
            file = self._read(path, Role.INCLUDE)
            if file.exists:
                self._judge_foreign(path, file)
        except ProjectError as error:
            self.errors.append(ManifestError(error.message, place=link.place, hint=error.hint))
            return
        self._follow(file, depth)

    def _room(self) -> None:
        if len(self.files) >= _MOST_FILES or self._bytes > _MOST_BYTES:
            raise ProjectError(
                f"the project names more than {_MOST_FILES} files, or {_MOST_BYTES} bytes of them",
                place=Place(os.path.join(self.root, MANIFEST)),
                hint="name fewer under `watch` and `files`",
            )

    def _read(self, path: str, role: Role) -> File:
        found = read_regular(Path(path), _LIMITS[role])
        file = File(path, role, None) if found is None else _file(path, role, found)
        self._bytes += len(file.content or b"")
        self.files[path] = file
        return file

    def _judge_foreign(self, path: str, file: File) -> None:
        # In reach of the user and root alone: nobody else wrote the file, or can put another in its place.
        uids = self._uids | {_ROOT}
        folder = os.path.dirname(os.path.realpath(path))
        with explained(path, "read", ProjectError):
            _judge_link(path, uids)
            _judge_mode(path, file.owner, file.mode, uids)
            _judge(folder, os.stat(folder), uids)


def _real_folder(start: Path) -> str:
    try:
        folder = os.path.realpath(start)
    except FileNotFoundError:
        folder = ""
    if not os.path.lexists(folder):
        raise ProjectError(f"there is no folder {str(start)!r}", hint="go to one that exists")
    return folder if os.path.isdir(folder) else os.path.dirname(folder)


def _stat(manifest: str) -> os.stat_result:
    try:
        return os.stat(manifest)
    except FileNotFoundError:
        raise ProjectError(
            f"{manifest!r} is a link that leads nowhere", place=Place(manifest), hint="mend the link, or remove it"
        ) from None


def _file(path: str, role: Role, found: tuple[bytes, os.stat_result]) -> File:
    content, status = found
    return File(path, role, content, status.st_uid, stat.S_IMODE(status.st_mode), status.st_mtime_ns)


def _as(file: File, role: Role) -> File:
    return File(file.path, role, file.content, file.owner, file.mode, file.mtime_ns)


def _judge_link(path: str, uids: frozenset[int]) -> None:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode) and status.st_uid not in uids:
        raise _foreign(path, status.st_uid)


def _judge(path: str, status: os.stat_result, uids: frozenset[int]) -> None:
    _judge_mode(path, status.st_uid, status.st_mode, uids)


def _judge_mode(path: str, owner: int, mode: int, uids: frozenset[int]) -> None:
    if owner not in uids:
        raise _foreign(path, owner)
    # In a folder with the sticky bit, such as /tmp, nobody replaces another's files.
    if mode & stat.S_IWOTH and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
        raise ProjectError(
            f"everybody on this machine may write {path!r}, so devshell does not use what is there",
            place=Place(path),
            hint=f"look at it, then run `chmod o-w {shlex.quote(path)}`"
            if path.isprintable()
            else "take that right away",
        )


def _foreign(path: str, owner: int) -> ProjectError:
    try:
        name = f"the user {pwd.getpwuid(owner).pw_name!r}"
    except KeyError:
        name = f"user number {owner}"
    return ProjectError(
        f"{path!r} belongs to {name}, not to you, so devshell does not use what is there",
        place=Place(path),
        hint="look at it; if you want it, make a copy of the project, or have its owner changed with `chown`",
    )
