"""What each key of the user's configuration may hold: one check a kind of value.

Each takes what stands in the file, and returns the value or raises ValueError with what is wrong, in words that go on
after the key's name.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

#: Every source a user may restrict devshell to, in the order that DESIGN.md names them.
SOURCES = ("pypi", "npm", "deb", "http", "python")
#: What may be said on entering a project: its tools, its name alone, nothing.
GREETINGS = ("tools", "name", "off")
#: Which copies of an allowed project may be allowed by themselves; each includes the one before it.
CLONES = ("off", "worktrees", "clones")

_ADDRESS = re.compile(r"(https?|file)://\S+\Z")
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+\Z")
_MOST_DOWNLOADS = 64
_LONGEST_TIMEOUT = 3600


def addresses(value: object) -> tuple[str, ...]:
    """Return addresses; a folder becomes a `file://` address."""
    return tuple(_address(each) for each in _strings(value))


def _address(text: str) -> str:
    if _ADDRESS.match(text):
        return text
    folder = _path(text)
    if folder.is_absolute() and "://" not in text:
        return folder.as_uri()
    raise ValueError("must be addresses (https://…) or absolute folders")


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"names a user's home that is not known: {text.partition('/')[0]!r}") from None


def _strings(value: object) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(each, str) and each.strip() for each in listed):
        raise ValueError("must be a text or a list of texts")
    return tuple(dict.fromkeys(each.strip() for each in listed))


def sources(value: object) -> tuple[str, ...]:
    """Return names of sources, in the order given."""
    names = _strings(value)
    for name in names:
        if name not in SOURCES:
            raise ValueError(f"must be a list of {', '.join(SOURCES)}, not {name!r}{nearest(name, SOURCES)}")
    return names


def hosts(value: object) -> tuple[str, ...]:
    """Return names of hosts, in lower case, each with a port where it has one."""
    found = tuple(host.lower() for host in _strings(value))
    if not all(_HOST.match(host) for host in found):
        raise ValueError("must be host names, without http:// and path")
    return found


def paths(value: object) -> tuple[str, ...]:
    """Return absolute paths; `~` is the user's home."""
    # A relative one would be looked for where the user stands, which is in a project.
    found = tuple(map(_path, _strings(value)))
    if not all(path.is_absolute() for path in found):
        raise ValueError("must be absolute files or folders")
    return tuple(map(str, found))


def trusted(value: object) -> tuple[str, ...]:
    """Return absolute folders, none of them the root of the disk."""
    folders = paths(value)
    if not all(folder.strip("/") and "\0" not in folder for folder in folders):
        raise ValueError("must be absolute folders, narrower than the whole disk")
    return folders


def clones(value: object) -> str:
    """Return one of `CLONES`; true is the widest, false the narrowest."""
    if isinstance(value, bool):
        return CLONES[-1] if value else CLONES[0]
    return _one_of(CLONES, value)


def greeting(value: object) -> str:
    """Return one of `GREETINGS`."""
    return _one_of(GREETINGS, value)


def program(value: object) -> str:
    """Return the name of a command, or an absolute path to one; `~` is the user's home."""
    # A relative path would be looked for where the user stands, which is in a project.
    if not isinstance(value, str) or not value.strip() or "\0" in value or value.startswith("-"):
        raise ValueError("must be a command's name or an absolute path")
    found = _path(value.strip()) if "/" in value else Path(value.strip())
    if "/" in value and not found.is_absolute():
        raise ValueError("must be a command's name or an absolute path")
    return str(found)


def _one_of(words: tuple[str, ...], value: object) -> str:
    if not isinstance(value, str) or value not in words:
        near = nearest(value, words) if isinstance(value, str) else ""
        raise ValueError(f"must be one of {', '.join(words)}{near}")
    return value


def truth(value: object) -> bool:
    """Return a truth value."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004  callers catch one kind
    return value


def count(value: object) -> int:
    """Return a number of downloads at once."""
    if type(value) is not int or not 1 <= value <= _MOST_DOWNLOADS:
        raise ValueError(f"must be a whole number from 1 to {_MOST_DOWNLOADS}")
    return value


def seconds(value: object) -> float:
    """Return a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _LONGEST_TIMEOUT:
        raise ValueError(f"must be a number of seconds, above 0 and up to {_LONGEST_TIMEOUT}")
    return float(value)


def nearest(name: str, names: tuple[str, ...]) -> str:
    """Return a question that names the nearest of `names`, or nothing where none is near."""
    near = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
