"""The newest release files seen so far, in the state folder: no archive leads back behind them.

Remembered for a suite at one address: another mirror may lag, and a snapshot that the user names is
old on purpose, but one place does not grow younger.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import paths
from devshell.errors import Place, StateError
from devshell.files import locked, make_private, read_regular, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

_LIMIT = 1 << 20
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def last(suite: str, address: str) -> str:
    """Return the date of the newest one seen, as `2026-11-20T08:12:33Z`, or "" where none was.

    `address` must hold no login. Raises StateError where the file cannot be understood: believing
    that nothing was seen would let an archive lead back.
    """
    return _read(_file()).get(_name(suite, address), "")


def remember(suite: str, address: str, date: str, *, cancelled: Callable[[], bool]) -> None:
    """Keep a date, unless a newer one is kept already; two processes at once lose nothing."""
    path = _file()
    make_private(path.parent)
    with locked(path.with_suffix(".lock"), cancelled=cancelled):
        known = _read(path)
        name = _name(suite, address)
        if date > known.get(name, ""):
            known[name] = date
            write_atomically(path, json.dumps(known, indent=1, sort_keys=True).encode(), 0o600)


def _file() -> Path:
    return Path(paths.state_folder()) / "deb" / "seen.json"


def _name(suite: str, address: str) -> str:
    # An address's path may hold tokens.
    return f"{suite} {hashlib.sha256(address.encode()).hexdigest()[:32]}"


def _read(path: Path) -> dict[str, str]:
    found = read_regular(path, _LIMIT)
    if found is None:
        return {}
    try:
        known = json.loads(found[0])
        if all(_DATE.fullmatch(date) for date in known.values()):
            return dict(known)
    except (ValueError, AttributeError, TypeError, RecursionError):
        pass
    raise StateError(
        f"{str(path)!r}, which holds what was seen of Debian's archives, is damaged",
        place=Place(str(path)),
        hint="remove it; it is written anew",
    )
