"""Run a command as somebody who is not root, since PostgreSQL's programs refuse root, also in a container.

    python3.13 tasks/unprivileged.py --own FOLDER [--own FOLDER…] COMMAND [ARGUMENT…]

Each FOLDER is made where it is missing, open to its owner alone, and becomes that somebody's. Who is not root runs the
command as they are. For root, the first of these that works here:

1. a user namespace in which root has another name, `nobody`. Outside of it all files stay root's, and what root alone
   may reach (a store in root's home) stays in reach.
2. the user `nobody`, where everything needed is open to everybody.
3. the user `nobody` with one of root's powers left, to pass closed folders: containers often forbid the first.
"""

import ctypes
import os
import pwd
import shutil
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, NoReturn

#: capabilities(7)
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
#: capset(2)
CAPABILITY_VERSION_3 = 0x20080522
#: prctl(2)
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 4


class Way(NamedTuple):
    """A way not to be root: what changes this process, and the user and group its folders need, as seen from here."""

    become: Callable[[], None]
    owner: tuple[int, int]


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Powers(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def refuse(message: str) -> NoReturn:
    """End with a message."""
    sys.exit(f"unprivileged: {message}")


def nobody() -> pwd.struct_passwd:
    """Return the user that owns nothing; PostgreSQL wants one with a name."""
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        refuse("PostgreSQL refuses root, and there is no user `nobody` in /etc/passwd to run it as")


def in_namespace() -> None:
    """Be nobody in a user namespace of our own, and root still where files are concerned."""
    user = nobody()
    os.unshare(os.CLONE_NEWUSER)
    # The kernel lets a group be mapped only once other groups can no longer be taken on: user_namespaces(7).
    for name, line in (
        ("setgroups", "deny"),
        ("gid_map", f"{user.pw_gid} 0 1"),
        ("uid_map", f"{user.pw_uid} 0 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(line)


def as_nobody() -> None:
    """Be nobody, with none of root's powers."""
    user = nobody()
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def as_nobody_who_passes() -> None:
    """Be nobody who may pass folders that are closed to others, also after the command has begun."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(answer: int) -> None:
        if answer != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    # Powers outlive the change of the user, and access(2), by which initdb finds its programs, counts them.
    call(libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    as_nobody()
    header, powers = _Header(CAPABILITY_VERSION_3, 0), (_Powers * 2)()
    call(libc.capget(ctypes.byref(header), powers))
    # The lesser one suffices, but containers are seldom given it.
    lesser = powers[0].permitted & 1 << CAP_DAC_READ_SEARCH
    power = CAP_DAC_READ_SEARCH if lesser else CAP_DAC_OVERRIDE
    powers[0], powers[1] = _Powers(1 << power, 1 << power, 1 << power), _Powers(0, 0, 0)
    call(libc.capset(ctypes.byref(header), powers))
    call(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, power, 0, 0))


def works(way: Way, program: str, folders: list[str]) -> bool:
    """Say whether a process that goes this way reaches the program and the folders; tried in one that ends."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            way.become()
            reached = os.access(program, os.X_OK) and all(os.access(folder, os.R_OK | os.X_OK) for folder in folders)
            os._exit(os.geteuid() == 0 or not reached)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def make(folder: str) -> None:
    """Make a folder that nobody else may look into; one that is there must be ours."""
    with suppress(FileExistsError):
        os.makedirs(folder, 0o700)
    found = os.lstat(folder)
    ours = {os.geteuid()} | ({nobody().pw_uid} if os.geteuid() == 0 else set())
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
        refuse(f"{folder} is somebody else's, or no folder; remove it")


def give(folder: str, owner: tuple[int, int]) -> None:
    """Make a folder with all in it the owner's."""
    if os.stat(folder).st_uid == owner[0]:
        return
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            os.chown(os.path.join(place, name), *owner, follow_symlinks=False)
        os.chown(place, *owner)


def not_root(program: str, folders: list[str]) -> None:
    """Stop being root, in the first way that works here."""
    user = nobody()
    other = (user.pw_uid, user.pw_gid)
    for way in (Way(in_namespace, (0, 0)), Way(as_nobody, other), Way(as_nobody_who_passes, other)):
        # Folders are given back and forth while looking: what is reached depends on whose they are.
        for folder in folders:
            give(folder, way.owner)
        if works(way, program, folders):
            way.become()
            return
    refuse(
        f"PostgreSQL refuses root, and nobody else can reach {program} and {', '.join(folders)}.\n"
        "Run this as a user, or put the project and devshell's store (DEVSHELL_DATA_DIR) where everybody may read"
    )


def main(words: list[str]) -> None:
    """Run the command in place of this process."""
    folders = []
    while words[:1] == ["--own"]:
        folders.append(os.path.abspath(words[1]))
        words = words[2:]
    found = shutil.which(words[0])
    if found is None:
        refuse(f"there is no {words[0]} on PATH")
    program = os.path.abspath(found)
    for folder in folders:
        make(folder)
    if os.geteuid() == 0:
        not_root(os.path.realpath(program), folders)
    # Where root was when it called this may be closed to others.
    os.chdir(folders[0])
    os.execv(program, words)


if __name__ == "__main__":
    main(sys.argv[1:])
