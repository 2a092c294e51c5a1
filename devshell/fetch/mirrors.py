"""Mirrors: copies of artifacts, each at a place that its hash alone names, asked before the artifact's own source.

Such a tree is a folder of files that any web server can serve, or that is read where it lies:
`<algorithm>/<first two digits>/<digest>`, as in `sha256/ab/abcdef…`. Nothing in it is believed; the
hash in the lock decides.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import threading
from typing import TYPE_CHECKING

from devshell.errors import FetchError, HashMismatchError, Place, UnreachableError
from devshell.fetch.address import parse
from devshell.fetch.client import MissingError
from devshell.files import explained, locked, read_regular, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from devshell.lock.model import Artifact

#: The layout that this release writes.
FORMAT = 1
MARK = "devshell-mirror.json"

_LIMIT = 1 << 16


def place(artifact: Artifact) -> str:
    """Return where in a mirror an artifact lies, with slashes."""
    return f"{artifact.algorithm}/{artifact.digest[:2]}/{artifact.digest}"


class Mirrors:
    """The configured mirrors, in their order; may be used from many threads.

    One that does not answer is asked no more, and said once.
    """

    def __init__(self, addresses: Sequence[str], note: Callable[[str], None], *, offline: bool) -> None:
        """Ask nothing yet; `offline` leaves only folders of this machine."""
        self._addresses = [each.rstrip("/") for each in addresses if not offline or each.startswith("file:")]
        self._note = note
        self._given_up: set[str] = set()
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def places(self, artifact: Artifact) -> Iterator[tuple[str, str]]:
        """Yield each mirror that is to be asked, and the artifact's address there."""
        for mirror in self._addresses:
            if mirror not in self._given_up:
                yield mirror, f"{mirror}/{place(artifact)}"

    def failed(self, mirror: str, problem: FetchError) -> None:
        """Take in that an artifact did not come from a mirror, and say what the user should know of it.

        That a file is lacking is nothing to speak of; that it is wrong is said each time.
        """
        if isinstance(problem, HashMismatchError):
            self._note(f"WARNING: a mirror holds a wrong file, which is not used: {problem.message}")
        elif isinstance(problem, MissingError):
            folder = parse(mirror)[0]
            if folder.scheme == "file" and not os.path.isdir(folder.target):
                self._give_up(mirror, f"the mirror {folder.place} is not there; going on without it")
        elif isinstance(problem, UnreachableError):
            self._give_up(mirror, f"a mirror does not answer: {problem.message}; going on without it")
        else:
            hint = f" ({problem.hint})" if problem.hint else ""
            self._once(f"a mirror refuses: {problem.message}{hint}; going on without it")

    def _give_up(self, mirror: str, text: str) -> None:
        self._given_up.add(mirror)
        self._once(text)

    def _once(self, text: str) -> None:
        with self._lock:
            new = text not in self._said
            self._said.add(text)
        if new:
            self._note(text)


def begin(folder: Path) -> None:
    """Make a folder a mirror, or go on with one that is.

    Raises FetchError where it cannot be written, or holds a mirror whose layout this release does not know.
    """
    mark = folder / MARK
    with explained(folder, "write", FetchError):
        folder.mkdir(parents=True, exist_ok=True)
    found = read_regular(mark, _LIMIT)
    if found is None:
        write_atomically(mark, json.dumps({"format": FORMAT}).encode() + b"\n")
        return
    try:
        known = json.loads(found[0])["format"] == FORMAT
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise FetchError(
            "this mirror's layout is not one that this devshell knows",
            place=Place(str(mark)),
            hint="use the devshell that made it, or another folder",
        )


def holds(folder: Path, artifact: Artifact) -> bool:
    """Whether a mirror has an artifact, with the right bytes, which are all read."""
    path = folder / place(artifact)
    with explained(path, "read", FetchError):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return False
        with open(descriptor, "rb", buffering=0) as file:
            seen = os.fstat(descriptor)
            if not stat.S_ISREG(seen.st_mode) or seen.st_size != artifact.size:
                return False
            return hashlib.file_digest(file, artifact.algorithm).hexdigest() == artifact.digest


def put(folder: Path, artifact: Artifact, file: Path) -> None:
    """Copy an artifact's file, which was verified, into a mirror; it is there whole or not at all.

    Everybody may read it then, whatever the umask, since a web server often is somebody else.
    """
    path = folder / place(artifact)
    temporary = path.with_name(f".{artifact.digest}.part")
    with explained(path, "write", FetchError):
        for each in (path.parent.parent, path.parent):
            with contextlib.suppress(FileExistsError):
                each.mkdir()
                each.chmod(0o755)
        # Another process may be at the same file, and what a killed one left is written over.
        with locked(path.with_name(f".{artifact.digest}.lock"), cancelled=lambda: False):
            try:
                shutil.copyfile(file, temporary)
                temporary.chmod(0o644)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
