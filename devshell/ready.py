"""The record that a project is ready: allowed, installed, unchanged since.

It is rendered from the very bytes that were trusted, so its existence is the trust, and reading it
is all that `exec` does when nothing has changed. Hence no imports beyond `os`: start-up is the
feature here.

Fresh means: every watched file exists or is absent as recorded, and is neither newer nor older than
its reference file, which carries its exact time. One that is young (see `devshell.rendered`) is
compared by content too, since a second change may have left no trace in the time.
"""

from __future__ import annotations

import os

from devshell import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devshell.environ import Plan

_HEADER = "devshell ready 2"
_LARGEST = 64 << 20


class Ready:
    """A project that can be entered at once.

    `watched` is each file with its reference, empty where the file was absent, and `young` if it is
    that, else nothing. `environment` is the environment's store path, `plan` what activation does
    (see `devshell.environ`), `tools` how many tools there are.
    """

    __slots__ = ("environment", "plan", "root", "tools", "watched")

    def __init__(
        self, root: str, environment: str, tools: int, watched: tuple[tuple[str, str, str], ...], plan: Plan
    ) -> None:
        """Hold the record; see the class for what each part means."""
        self.root = root
        self.environment = environment
        self.tools = tools
        self.watched = watched
        self.plan = plan


def file(root: str, shell: str | None) -> str:
    """Return where the record of a project's shell lies; `shell` is None for the project's own."""
    return os.path.join(folder(root, shell), "record")


def folder(root: str, shell: str | None) -> str:
    """Return the folder of all that is rendered for entering a project's shell."""
    return os.path.join(paths.project_state(root), "ready" if shell is None else f"ready.{shell}")


def encode(ready: Ready) -> bytes:
    """Return the record as bytes: fields ended by NUL, lists opened by their length."""
    fields = [_HEADER, ready.root, ready.environment, str(ready.tools), str(len(ready.watched))]
    for file in ready.watched:
        fields += file
    fields.append(str(len(ready.plan)))
    for operation in ready.plan:
        fields += [str(len(operation)), *operation]
    return b"".join(os.fsencode(field) + b"\0" for field in fields)


def decode(content: bytes) -> Ready | None:
    """Return the record, or None where the bytes are not one: another release's, or damaged."""
    fields = iter([os.fsdecode(field) for field in content.split(b"\0")])
    try:
        if next(fields) != _HEADER:
            return None
        root, environment, tools = next(fields), next(fields), int(next(fields))
        watched = tuple((next(fields), next(fields), next(fields)) for _ in range(int(next(fields))))
        plan = tuple(tuple(next(fields) for _ in range(int(next(fields)))) for _ in range(int(next(fields))))
    except (StopIteration, RuntimeError, ValueError):
        return None
    # What stands after the last NUL: nothing, or the record was cut or is no record.
    if list(fields) != [""]:
        return None
    return Ready(root, environment, tools, watched, plan)


def find(start: str) -> str | None:
    """Return the nearest folder at or above `start`, a real path, that holds a manifest."""
    folder = start
    while True:
        if os.path.lexists(os.path.join(folder, paths.MANIFEST)):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def load(root: str, shell: str | None = None) -> Ready | None:
    """Return the record of a project if it is there, fresh, and its environment exists."""
    ready = kept(root, shell)
    return ready if ready is not None and all(unchanged(*file) for file in ready.watched) else None


def kept(root: str, shell: str | None = None) -> Ready | None:
    """Return the record of a project if it is there and its environment exists, whatever has changed since."""
    try:
        with open(file(root, shell), "rb") as opened:
            ready = decode(opened.read(_LARGEST))
    except OSError:
        return None
    if ready is None or ready.root != root or os.path.dirname(ready.environment) != paths.store_folder():
        return None
    return ready if os.path.isdir(ready.environment) and _users(root) else None


def _users(root: str) -> bool:
    # In a folder such as /tmp, somebody else may have put a project of theirs where the user's was. Whose files count
    # is as `system.own_uids` has it, which would cost more to import than all of this.
    try:
        owner = os.stat(os.path.join(root, paths.MANIFEST)).st_uid
    except OSError:
        return False
    return owner == os.geteuid() or (os.geteuid() == 0 and str(owner) == os.environ.get("SUDO_UID"))


def unchanged(path: str, reference: str, young: str) -> bool:
    """Return whether a watched file is as it was when its reference was written."""
    try:
        now = os.stat(path)
    except OSError:
        return not reference
    if not reference:
        return False
    try:
        then = os.stat(reference)
    except OSError:
        return False
    return now.st_mtime_ns == then.st_mtime_ns and (not young or _same_content(path, reference))


def _same_content(path: str, reference: str) -> bool:
    try:
        with open(path, "rb") as one, open(reference, "rb") as other:
            return one.read(_LARGEST) == other.read(_LARGEST)
    except OSError:
        return False
