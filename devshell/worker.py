"""A process that builds trees, for one that downloads.

Unpacking makes thousands of small system calls. Threads of one interpreter would spend more time
handing it to each other than working, so trees of some size are built in processes beside it. One
job is a line of JSON on stdin, its answer a line on stdout; the end of stdin ends the process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

from devshell import archive
from devshell.errors import DevshellError, Place
from devshell.lock import from_table
from devshell.sources import Site, catalogue
from devshell.store import fixups
from devshell.store.content import seal

if TYPE_CHECKING:
    from devshell.lock import Block


def main() -> None:
    """Do the jobs that come on stdin."""
    work(sys.stdin.buffer, sys.stdout.buffer)


def work(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Do jobs until there are no more."""
    # Ctrl-C reaches every process of the terminal; the one that gives the jobs decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    for line in jobs:
        answers.write(json.dumps(_answer(json.loads(line))).encode() + b"\n")
        answers.flush()


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"done": do(job)}
    except DevshellError as error:
        place = [error.place.file, error.place.line, error.place.key] if error.place else None
        return {"error": type(error).__name__, "message": error.message, "place": place, "hint": error.hint}
    except OSError as error:
        where = [os.fsdecode(error.filename), None, None] if error.filename else None
        return {"error": "StoreError", "message": error.strerror or str(error), "place": where, "hint": None}


def do(job: dict[str, Any]) -> str:
    """Do one job.

    `unpack` (file, name, into, strip), `arrange` (block, tree, final, needs), or `seal` (tree, root),
    which answers with the content hash.
    """
    if job["do"] == "unpack":
        archive.unpack(Path(job["file"]), job["name"], Path(job["into"]), strip=job["strip"])
        return ""
    if job["do"] == "arrange":
        needs = MappingProxyType({name: Path(tree) for name, tree in job["needs"].items()})
        arrange(from_table(job["block"]), Site(Path(job["tree"]), Path(job["final"]), needs))
        return ""
    return seal(Path(job["tree"]), Path(job["root"]))


def arrange(block: Block, site: Site) -> None:
    """Bring an unpacked tree into the shape its source gives it, then apply the block's fix-ups."""
    catalogue.get(block.source).arrange(site, block)
    fixups.apply(site.tree, block.fixups, site.final)


def raised(answer: dict[str, Any]) -> DevshellError:
    """Return the error that a worker answered with, of the type it had there."""
    from devshell import errors

    kind = getattr(errors, answer["error"])
    place = Place(*answer["place"]) if answer["place"] else None
    error: DevshellError = kind(answer["message"], place=place, hint=answer["hint"])
    return error


def _die_with_parent() -> None:
    if sys.platform != "linux":
        return
    import ctypes

    # prctl(PR_SET_PDEATHSIG): were the parent killed, nobody would remove what is written here.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
