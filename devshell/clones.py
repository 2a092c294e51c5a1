"""Copies of an allowed project: its git worktrees and second clones, for the setting `trust_clones`.

A copy counts only if all of its files that matter are, byte by byte, those of a project that is allowed now, in the
same places, and if git's own files say that the two belong together. git is not started, and what a repository says
is read as data: a stranger may bring a `.git` too. That a worktree is one of the original's is written in the
original, where no stranger writes; that a clone has the same remote is only its own word.

To find the original without a walk over all projects, each project that is allowed leaves an entry in the state
folder, named by its content and by its own path. An entry is a hint, never a trust.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import paths, project
from devshell.errors import DevshellError
from devshell.files import make_private, read_regular, write_atomically
from devshell.system import own_uids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devshell.snapshot import Snapshot

_NAME = 32
#: Of all copies that are allowed one is enough, and the first ones are as good as any.
_MOST_CANDIDATES = 16
_LARGEST = 256 << 10
_LONGEST_ADDRESS = 4096
_QUOTED = r'"(?:[^"\\\n]|\\["\\ntb\n])*"'
#: A line of a git configuration as `git config` writes it and people do: nothing, a section, or an assignment.
_LINE = re.compile(
    r"""
    [ \t]*
    (?: \[ (?P<section> [A-Za-z0-9.-]+ ) (?: [ \t]+ "(?P<name> (?: [^"\\\n] | \\[^\n] )* )" )? \] [ \t]*
      | (?P<key> [A-Za-z][A-Za-z0-9-]* ) [ \t]* = [ \t]* (?P<value> (?: [^"\\\#;\n] | \\["\\ntb\n] | QUOTED )* )
      | [A-Za-z][A-Za-z0-9-]* [ \t]* (?=\n)
    )?
    (?: [\#;][^\n]* )? \n
    """.replace("QUOTED", _QUOTED),
    re.VERBOSE,
)
#: Quotes, escapes and comments in an address: git has rules for them, and no address that people write needs them.
_ODD = re.compile(r'[\s"\\#;\x00-\x1f\x7f]')
#: An address that means the same wherever the clone stands.
_ABSOLUTE = re.compile(r"/|[A-Za-z][A-Za-z0-9+.-]*:|[^/:\s]+:")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A working tree of git: its top folder, and the real folder of the repository behind it."""

    top: str
    repository: str


def remember(snapshot: Snapshot) -> None:
    """Leave the entry of a project that is being allowed, in place of its earlier one."""
    folder = _folder()
    make_private(folder)
    name = f"{_content(snapshot)}-{_id(snapshot.root)}"
    forget(snapshot.root, but=name)
    write_atomically(folder / name, os.fsencode(snapshot.root), 0o600)


def forget(root: str, *, but: str = "") -> None:
    """Take away the entries of a project, all but the one named."""
    ending = f"-{_id(root)}"
    for name in _entries():
        if name.endswith(ending) and name != but:
            (_folder() / name).unlink(missing_ok=True)


def original(snapshot: Snapshot, kind: str, allowed: Callable[[Snapshot], bool]) -> str | None:
    """Return the folder of an allowed project that this one is a copy of, or None.

    `kind` is "worktrees" or "clones" (which counts worktrees too); `allowed` says whether the user's word holds for
    a project as it stands on the disk now.
    """
    mine = checkout(snapshot.root)
    if mine is None:
        return None
    for root in _candidates(snapshot):
        try:
            found = project.read(project.find(Path(root)))
        except DevshellError:
            continue
        theirs = checkout(found.root)
        if found.root != root or theirs is None or not allowed(found):
            continue
        if _shape(found, theirs.top) == _shape(snapshot, mine.top) and _together(mine, theirs, kind):
            return root
    return None


def checkout(root: str) -> Checkout | None:
    """Return the working tree that `root` is in, where git's files are plain and whole; else None."""
    top = root
    while not os.path.lexists(os.path.join(top, ".git")):
        above = os.path.dirname(top)
        if above == top:
            return None
        top = above
    try:
        return _checkout(top)
    except (OSError, DevshellError):
        return None


def remote(repository: str) -> str | None:
    """Return where a repository comes from: the one address of `origin`, or of its only remote; else None.

    None as well for an address that depends on where the clone stands, and for one written in an odd way.
    """
    try:
        found: dict[str, list[str]] = {}
        for name, address in _addresses(_text(Path(repository) / "config", _LARGEST)):
            found.setdefault(name, []).append(address)
    except (OSError, DevshellError):
        return None
    addresses = found.get("origin") or (next(iter(found.values())) if len(found) == 1 else [])
    if len(addresses) != 1:
        return None
    (address,) = addresses
    fits = 0 < len(address) <= _LONGEST_ADDRESS and _ABSOLUTE.match(address) and not _ODD.search(address)
    return address if fits else None


def _together(mine: Checkout, theirs: Checkout, kind: str) -> bool:
    if mine.repository == theirs.repository:
        return True
    if kind != "clones":
        return False
    address = remote(mine.repository)
    return address is not None and address == remote(theirs.repository)


def _shape(snapshot: Snapshot, top: str) -> list[tuple[str, str, str]]:
    # A file of the working tree has the same place in both; one outside of it is the very same file.
    inside = top.rstrip("/") + "/"
    return [
        (
            file.role.value,
            f"./{file.path.removeprefix(inside)}" if file.path.startswith(inside) else file.path,
            file.digest,
        )
        for file in snapshot.files
    ]


def _checkout(top: str) -> Checkout | None:
    git = os.path.join(top, ".git")
    status = os.lstat(git)
    if status.st_uid not in own_uids():
        return None
    if stat.S_ISDIR(status.st_mode):
        return Checkout(top, os.path.realpath(git))
    pointer = _line(Path(git))
    if not pointer.startswith("gitdir: "):
        return None
    private = os.path.realpath(os.path.join(top, pointer.removeprefix("gitdir: ")))
    # What makes it a worktree stands in the repository: it names the very `.git` that names it.
    back = os.path.join(private, _line(Path(private) / "gitdir"))
    repository = os.path.realpath(os.path.join(private, _line(Path(private) / "commondir")))
    theirs = os.path.dirname(private) == os.path.join(repository, "worktrees")
    if not theirs or os.path.realpath(back) != git or os.lstat(repository).st_uid not in own_uids():
        return None
    return Checkout(top, repository)


def _line(path: Path) -> str:
    return _text(path, _LONGEST_ADDRESS).removesuffix("\n").removesuffix("\r")


def _text(path: Path, limit: int) -> str:
    found = read_regular(path, limit)
    if found is None:
        raise FileNotFoundError(str(path))
    text = os.fsdecode(found[0])
    if "\0" in text:
        raise OSError(0, "not a text")
    return text


def _addresses(text: str) -> Iterator[tuple[str, str]]:
    """Yield each remote with an address, from the text of a git configuration; includes are not followed.

    Raises OSError for what git does not read, and for rare ways of writing that it does.
    """
    text = text.replace("\r\n", "\n") + "\n"
    remote_name = None
    position = 0
    while position < len(text):
        line = _LINE.match(text, position)
        # `[remote.origin]` is an old way to say the same.
        if line is None or (line["section"] or "").lower().startswith("remote."):
            raise OSError(0, "not a plain configuration")
        position = line.end()
        if line["section"] is not None:
            remote_name = line["name"] if line["section"].lower() == "remote" else None
        elif remote_name is not None and line["key"] is not None and line["key"].lower() == "url":
            yield re.sub(r"\\(.)", r"\1", remote_name), line["value"].rstrip(" \t")


def _candidates(snapshot: Snapshot) -> Iterator[str]:
    beginning = f"{_content(snapshot)}-"
    names = sorted(name for name in _entries() if name.startswith(beginning))
    for name in names[:_MOST_CANDIDATES]:
        try:
            root = _text(_folder() / name, _LARGEST)
        except (OSError, DevshellError):
            continue
        if os.path.isabs(root) and root != snapshot.root:
            yield root


def _content(snapshot: Snapshot) -> str:
    # Without paths: those differ between copies, and are compared when a candidate is found.
    value = [[file.role.value, file.digest] for file in snapshot.files]
    return hashlib.sha256(json.dumps(value).encode("ascii")).hexdigest()[:_NAME]


def _id(root: str) -> str:
    return hashlib.sha256(os.fsencode(root)).hexdigest()[:_NAME]


def _folder() -> Path:
    return Path(paths.state_folder()) / "clones"


def _entries() -> list[str]:
    try:
        return os.listdir(_folder())
    except FileNotFoundError:
        return []
