"""The keys that may sign an archive: Debian's, which ship with devshell, and those the user adds."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.errors import ConfigError, DevshellError, Place
from devshell.files import explained, read_regular

if TYPE_CHECKING:
    from pysequoia import Cert

_LIMIT = 1 << 20
_SUFFIXES = (".asc", ".gpg", ".pgp")
_LIST = "fingerprints.txt"


@lru_cache(maxsize=4)
def load(extra: tuple[str, ...] = ()) -> tuple[Cert, ...]:
    """Return Debian's keys and those in the files and folders `extra`, the user's own `deb.keys`.

    Raises ConfigError for a file there that holds no keys, DevshellError where devshell's own are damaged.
    """
    found = list(debian())
    for name in extra:
        for path in _files(Path(name)):
            found += _added(path)
    return tuple(found)


def fingerprints() -> dict[str, str]:
    """Return the fingerprint that each of Debian's keys must have, by the name of its file without `.asc`."""
    lines = (resources.files(__package__) / "keys" / _LIST).read_text("utf-8").splitlines()
    names = (line.split() for line in lines if line and not line.startswith("#"))
    return {name: fingerprint for name, fingerprint in names}  # noqa: C416  says what the two words are


def debian() -> list[Cert]:
    """Return Debian's own keys; DevshellError for one that is not the one the list names."""
    from pysequoia import Cert

    keys = []
    for name, fingerprint in fingerprints().items():
        key = Cert.from_bytes((resources.files(__package__) / "keys" / f"{name}.asc").read_bytes())
        if key.fingerprint != fingerprint:
            raise DevshellError(f"devshell's copy of Debian's key {name!r} is damaged", hint="install devshell again")
        keys.append(key)
    return keys


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    with explained(path, "read", ConfigError):
        return sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES)


def _added(path: Path) -> list[Cert]:
    from pysequoia import Cert

    found = read_regular(path, _LIMIT)
    try:
        keys = Cert.split_bytes(found[0]) if found else []
    except RuntimeError:
        keys = []
    if not keys:
        what = "holds no keys" if found else "is not there"
        raise ConfigError(
            f"{str(path)!r}, which `deb.keys` names, {what}",
            place=Place(str(path)),
            hint="it takes files as `gpg --export` writes them, or folders of such files",
        )
    return keys
