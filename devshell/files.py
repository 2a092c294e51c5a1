"""Reading, writing, locking and removing files so that nothing is ever half done.

Every OSError that a user can meet here becomes a DevshellError with a place and a hint.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
import time
from typing import TYPE_CHECKING

from devshell.errors import CancelledError, DevshellError, Place, ProjectError, StateError
from devshell.system import own_uids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: How long, in seconds, waiting goes on before it looks whether the user has cancelled.
POLL = 0.1

_READINGS = 3
_PRIVATE = 0o700
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISLNK, "a symbolic link that leads nowhere"),
)
_EXPLANATIONS = {
    errno.ENOSPC: ("the disk is full", "free some space, then try again"),
    errno.EDQUOT: ("your disk quota is used up", "free some space, then try again"),
    errno.EROFS: ("it lies on a read-only file system", "make it writable, or choose another place"),
    errno.EACCES: ("permission denied", "look at its owner and mode, and those of its folder, with `ls -ld`"),
    errno.EPERM: ("operation not permitted", "look at its owner and mode, and those of its folder, with `ls -ld`"),
    errno.ENOENT: ("there is no such file or folder", "look whether something else removed it, then try again"),
    errno.ENOTDIR: ("a file stands where a folder should be", "move that file out of the way"),
    errno.EISDIR: ("a folder stands where a file should be", "move that folder out of the way"),
    errno.ELOOP: ("its symbolic links go round in a circle", "remove one of them"),
    errno.ENAMETOOLONG: ("the name is too long for this file system", "choose a shorter path"),
    errno.EMFILE: ("too many files are open", "raise the limit with `ulimit -n 4096`"),
    errno.ENOLCK: ("this file system cannot lock files", "choose a place on a local disk"),
    errno.EIO: ("the disk reports an error", "check the disk, and `dmesg`"),
}


@contextlib.contextmanager
def explained(path: Path | str, doing: str = "write", error: type[DevshellError] = DevshellError) -> Iterator[None]:
    """Turn an OSError inside the block into `error`, which says what could not be done to `path`.

    `doing` is the verb of that sentence: read, write, remove. A DevshellError passes unchanged.
    """
    try:
        yield
    except OSError as problem:
        what, hint = _EXPLANATIONS.get(problem.errno or 0, ((problem.strerror or "it failed").lower(), None))
        raise error(f"cannot {doing} {str(path)!r}: {what}", place=Place(str(path)), hint=hint) from problem


def _kind(mode: int) -> str:
    return next((words for check, words in _KINDS if check(mode)), "not a regular file")


def _not_regular(path: Path, mode: int) -> ProjectError:
    return ProjectError(
        f"{str(path)!r} is {_kind(mode)}, where a regular file belongs",
        place=Place(str(path)),
        hint="move it out of the way",
    )


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put `content` at `path` so that at any moment the old or the new file is there, whole and on the disk.

    `mode` is exact, whatever the umask; yet a file that is there keeps its own mode, unless `mode`
    is a private one (nothing for group and others). A symbolic link is written through to the
    regular file it leads to. Raises ProjectError where `path` is anything but a regular file, and
    DevshellError where the disk refuses; then nothing new remains.
    """
    target = os.path.realpath(path)
    with explained(path):
        try:
            there = os.lstat(target)
        except FileNotFoundError:
            if os.path.islink(path):
                raise _not_regular(path, stat.S_IFLNK) from None
        else:
            if not stat.S_ISREG(there.st_mode):
                raise _not_regular(path, there.st_mode)
            mode = stat.S_IMODE(there.st_mode) if mode & 0o077 else mode
        _replace(target, content, mode)


def _replace(target: str, content: bytes, mode: int) -> None:
    folder = os.path.dirname(target)
    descriptor, temporary = tempfile.mkstemp(prefix=".devshell-", suffix=".tmp", dir=folder)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    # A rename survives a power cut once its folder is on the disk; where a folder cannot be
    # opened or synced, the file is whole all the same.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def shipped(name: str) -> str | None:
    """Return the path of a file that comes with devshell, None where it is missing.

    It lies inside of the package once installed, and beside it in a checkout.
    """
    package = os.path.dirname(os.path.abspath(__file__))
    paths = (os.path.join(folder, name) for folder in (package, os.path.dirname(package)))
    return next(filter(os.path.isfile, paths), None)


def read_regular(path: Path, limit: int) -> tuple[bytes, os.stat_result] | None:
    """Return a file's bytes and its stat, both of one descriptor, or None where it is missing.

    Never waits and never touches what is not a regular file. Raises ProjectError for a folder, a
    pipe or a device, a file over `limit` bytes, one that may not be read, and one that keeps
    changing while it is read.
    """
    with explained(path, "read", ProjectError):
        for _ in range(_READINGS):
            try:
                before = os.stat(path)
                if not stat.S_ISREG(before.st_mode):
                    # Looked at before it is opened: opening a device can already do something.
                    raise _not_regular(path, before.st_mode)
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                return None
            try:
                found = _read_whole(path, descriptor, limit)
            finally:
                os.close(descriptor)
            if found is not None:
                return found
    raise ProjectError(
        f"{str(path)!r} keeps changing while it is read",
        place=Place(str(path)),
        hint="wait until whatever writes it is done, then try again",
    )


def _read_whole(path: Path, descriptor: int, limit: int) -> tuple[bytes, os.stat_result] | None:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        raise _not_regular(path, before.st_mode)
    if before.st_size > limit:
        raise ProjectError(
            f"{str(path)!r} is too big: {before.st_size} bytes, where {limit} are the most",
            place=Place(str(path)),
            hint="make it smaller",
        )
    parts: list[bytes] = []
    # Bounded by the size seen first: a file that grows meanwhile is caught by the second look.
    left = before.st_size + 1
    while left > 0 and (part := os.read(descriptor, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    after = os.fstat(descriptor)
    content = b"".join(parts)
    unchanged = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    return (content, after) if unchanged and len(content) == after.st_size else None


@contextlib.contextmanager
def locked(path: Path, *, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Hold the lock file `path` for the length of the block, alone among all threads and processes.

    The file and its folder are made on demand, and the file goes when the block ends; the kernel
    drops the lock of a process that dies. Raises CancelledError once `cancelled()` says so while
    waiting, and DevshellError where the lock file cannot be made.
    """
    with explained(path, "lock"):
        descriptor = _acquire(path, cancelled)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def _acquire(path: Path, cancelled: Callable[[], bool]) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        try:
            descriptor = os.open(path, flags, 0o600)
        except FileNotFoundError:
            os.makedirs(path.parent, exist_ok=True)
            continue
        try:
            _wait_for(descriptor, cancelled)
        except BaseException:
            os.close(descriptor)
            raise
        if _is_at(descriptor, path):
            return descriptor
        # The one before us removed the file after we opened it: our lock is on a file that has
        # no name, and guards nothing.
        os.close(descriptor)


def _wait_for(descriptor: int, cancelled: Callable[[], bool]) -> None:
    pause = 0.005
    while not _try_lock(descriptor):
        if cancelled():
            raise CancelledError("cancelled while waiting for another devshell")
        time.sleep(pause)
        pause = min(pause * 2, POLL)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def remove_tree(path: Path) -> None:
    """Remove a tree with all its read-only folders; a link, or any other file, is only unlinked.

    Never follows a link, and does not mind what is gone already. Raises DevshellError where
    something cannot be removed.
    """
    with explained(path, "remove"):
        parent = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _remove(os.path.basename(os.path.abspath(path)), parent)
        finally:
            os.close(parent)


def _remove(name: str, parent: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=parent)
            return
        descriptor = _open_folder(name, parent)
        try:
            os.fchmod(descriptor, _PRIVATE)
            with os.scandir(descriptor) as entries:
                names = [entry.name for entry in entries]
            for child in names:
                _remove(child, descriptor)
        finally:
            os.close(descriptor)
        os.rmdir(name, dir_fd=parent)


def _open_folder(name: str, parent: int) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=parent)
    except PermissionError:
        os.chmod(name, _PRIVATE, dir_fd=parent)
        return os.open(name, flags, dir_fd=parent)


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, that only the user may enter, whatever the umask.

    Raises StateError where it belongs to somebody else, or is no folder.
    """
    with explained(folder, "make", StateError):
        missing = []
        above = folder
        while not os.path.lexists(above):
            missing.append(above)
            above = above.parent
        for each in reversed(missing):
            with contextlib.suppress(FileExistsError):
                os.mkdir(each, _PRIVATE)
                os.chmod(each, _PRIVATE)
        _claim(folder)


def _claim(folder: Path) -> None:
    there = os.stat(folder)
    if not stat.S_ISDIR(there.st_mode):
        raise StateError(
            f"{str(folder)!r} is {_kind(there.st_mode)}, where a folder belongs",
            place=Place(str(folder)),
            hint="move it out of the way",
        )
    # The link counts too: whoever owns it decides where it leads tomorrow.
    if not {there.st_uid, os.lstat(folder).st_uid} <= own_uids():
        raise StateError(
            f"{str(folder)!r} belongs to another user",
            place=Place(str(folder)),
            hint="remove it, or choose another folder with DEVSHELL_STATE_DIR, DEVSHELL_CACHE_DIR or DEVSHELL_DATA_DIR",
        )
    if stat.S_IMODE(there.st_mode) != _PRIVATE:
        os.chmod(folder, _PRIVATE)
