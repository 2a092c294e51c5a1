"""The machine: its clock, the room on its disks, and who may look into devshell's folders."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import tempfile
import time
from typing import TYPE_CHECKING

from devshell import paths
from devshell.doctor.finding import note, ok, problem
from devshell.system import own_uids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devshell.doctor.finding import Finding, Surroundings

_CLOCK, _DISK, _STATE = "clock", "disk", "state"
#: Certificates and signatures hold for some years around the present.
_SANE_YEARS = range(2025, 2100)
#: Seconds: a file system's times may be coarse, and have been taken a moment before.
_SKEW = 2.0
_MIB = 1 << 20
_FULL, _SCARCE = 200 * _MIB, 2048 * _MIB
_FEW_FILES = 10_000


def check(here: Surroundings) -> Iterator[Finding]:
    """Look at clock, disks and the state's permissions."""
    del here
    yield from _clock()
    yield from _disks()
    yield from _private()


def _clock() -> Iterator[Finding]:
    year = time.gmtime().tm_year
    if year not in _SANE_YEARS:
        yield problem(
            _CLOCK,
            f"the clock says the year {year}, in which no certificate or index holds",
            "set the clock of this machine",
        )
        return
    for folder in {_existing(paths.state_folder()), _existing(paths.data_folder())}:
        skew = _skew(folder)
        if skew is not None and abs(skew) > _SKEW:
            side = "ahead of" if skew > 0 else "behind"
            yield problem(
                _CLOCK,
                f"the file system of {folder} is {abs(skew):.0f} s {side} this machine's clock",
                "set both clocks by the network (NTP)",
            )
            return
    yield ok(_CLOCK, f"the clock is sane ({time.strftime('%Y-%m-%d %H:%M:%S %z')}), and so are the file systems' times")


def _skew(folder: str) -> float | None:
    """Return how many seconds a file system is ahead, None where nothing may be written; leaves nothing there."""
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x")
        file.flush()
        return os.fstat(file.fileno()).st_mtime - time.time()
    return None


def _disks() -> Iterator[Finding]:
    found = []
    seen = set()
    folders = {"data": paths.data_folder(), "cache": paths.cache_folder(), "state": paths.state_folder()}
    for kind, folder in folders.items():
        place = _existing(folder)
        disk = os.statvfs(place)
        if kind == "data" and disk.f_flag & getattr(os, "ST_NOEXEC", 0):
            found.append(
                problem(
                    _DISK,
                    f"programs may not be started from the disk of {folder} (noexec)",
                    "set DEVSHELL_DATA_DIR to a folder on another disk",
                )
            )
        device = os.stat(place).st_dev
        if device not in seen:
            seen.add(device)
            found += _room(folder, disk)
    yield from found or [
        ok(_DISK, f"there is room enough: {_free(os.statvfs(_existing(folders['data'])))} for the store")
    ]


def _room(folder: str, disk: os.statvfs_result) -> Iterator[Finding]:
    free = disk.f_bavail * disk.f_frsize
    mend = "free some space, or set DEVSHELL_DATA_DIR and DEVSHELL_CACHE_DIR to folders on another disk"
    if free < _FULL:
        yield problem(_DISK, f"only {_free(disk)} are free for {folder}", mend)
    elif free < _SCARCE:
        yield note(_DISK, f"{_free(disk)} are free for {folder}; a larger project takes more", mend)
    # Some file systems have no fixed number of files, and say 0 of 0.
    if disk.f_files and disk.f_favail < _FEW_FILES:
        yield problem(_DISK, f"the disk of {folder} can take only {disk.f_favail} more files", mend)


def _free(disk: os.statvfs_result) -> str:
    return f"{disk.f_bavail * disk.f_frsize / 1e9:.1f} GB"


def _private() -> Iterator[Finding]:
    state = paths.state_folder()
    found = []
    for folder in (state, os.path.join(state, "projects")):
        try:
            status = os.stat(folder)
        except FileNotFoundError:
            continue
        named = shlex.quote(folder)
        if status.st_uid not in own_uids():
            found.append(
                problem(_STATE, f"{folder} belongs to another user", f"chown -R {os.geteuid()} {named}, or remove it")
            )
        elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            found.append(problem(_STATE, f"others may write {folder}, which says what you trust", f"chmod 700 {named}"))
        elif folder != state and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            found.append(note(_STATE, f"others may look into {folder}, which holds variables", f"chmod 700 {named}"))
        elif not os.access(folder, os.W_OK | os.X_OK):
            found.append(problem(_STATE, f"you may not write {folder}", f"chmod 700 {named}"))
    yield from found or [ok(_STATE, f"the state is yours alone ({state})")]


def _existing(folder: str) -> str:
    """Return the folder, or the nearest one above it that is there."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder
