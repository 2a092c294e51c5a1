"""Control fields: what a package says of others in Depends, Pre-Depends and Provides.

The grammar is Debian Policy's, 7.1: groups parted by commas must all be met, the alternatives of a
group are parted by bars: `libc6 (>= 2.38), default-mta | mail-transport-agent, python3:any`. Lists of
architectures (`[amd64]`, `[!arm64]`) are honoured; build profiles (`<!nocheck>`) say nothing of an
installed package and are passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from devshell.errors import ResolveError
from devshell.sources.deb import debian_version

#: In characters. The longest of Debian is an eighth of it; one list of Provides is longer.
LONGEST = 1 << 17
NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{1,99}")
_RELATION = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]{1,99})(?::(?P<qualifier>[a-z0-9-]{1,40}))?"
    r" ?(?:\( ?(?P<operator><<|<=|=|>=|>>|<|>) ?(?P<version>[A-Za-z0-9.+~:-]{1,200}) ?\))?"
    r" ?(?:\[(?P<architectures>[^\]\[]{1,400})\])?"
    r"(?: ?<[^<>]{1,200}>)*"
)
#: Long ago `<` and `>` were written for these, and dpkg still reads them so.
_OPERATORS = {"<": "<=", ">": ">="}
#: Qualifiers that mean no architecture in particular.
_ANY = (None, "any", "native", "all")


@dataclass(frozen=True, slots=True)
class Relation:
    """One alternative: a package's name and, with an operator, which of its versions are meant.

    `qualifier` is the architecture after the colon, None where there is none.
    """

    name: str
    operator: str = ""
    version: str = ""
    qualifier: str | None = None

    def __str__(self) -> str:
        """Render as Debian writes it, without the qualifier."""
        return f"{self.name} ({self.operator} {self.version})" if self.operator else self.name

    def is_for(self, architecture: str) -> bool:
        """Return whether a package of an architecture, or of all of them, can be meant."""
        return self.qualifier in (*_ANY, architecture)

    def accepts(self, version: str) -> bool:
        """Return whether a version is one that is meant."""
        if not self.operator:
            return True
        mine, other = debian_version.key(self.version), debian_version.key(version)
        match self.operator:
            case "<<":
                return other < mine
            case "<=":
                return other <= mine
            case "=":
                return other == mine
            case ">=":
                return other >= mine
            case _:
                return other > mine


#: Alternatives, in the order in which they are preferred; one is enough.
Group = tuple[Relation, ...]


@lru_cache(maxsize=16384)
def parse(field: str, architecture: str) -> tuple[Group, ...]:
    """Return the groups of a field that hold for an architecture.

    Raises ResolveError where the field is not in the grammar, or longer than any real one.
    """
    if len(field) > LONGEST:
        raise _unreadable(field)
    groups = (_group(part, architecture) for part in field.split(",") if part.strip())
    return tuple(group for group in groups if group)


@lru_cache(maxsize=4096)
def provided(field: str, name: str) -> tuple[Relation, ...]:
    """Return what a Provides field says of `name`, with `=` and a version, or neither.

    Raises ResolveError where the field is not in the grammar.
    """
    if len(field) > LONGEST:
        raise _unreadable(field)
    # Some fields name thousands, and only those of one name are of interest.
    found = (_relation(part) for part in field.split(",") if part.strip().startswith(name))
    return tuple(relation for relation, _ in found if relation.name == name)


def _group(text: str, architecture: str) -> Group:
    found = (_relation(part) for part in text.split("|"))
    return tuple(relation for relation, architectures in found if _holds(architectures, architecture))


def _relation(text: str) -> tuple[Relation, str | None]:
    match = _RELATION.fullmatch(" ".join(text.split()))
    if match is None:
        raise _unreadable(text)
    operator = match["operator"] or ""
    relation = Relation(match["name"], _OPERATORS.get(operator, operator), match["version"] or "", match["qualifier"])
    return relation, match["architectures"]


def _holds(architectures: str | None, architecture: str) -> bool:
    """Return whether a list such as `amd64 arm64` or `!arm64` has an architecture among it."""
    if architectures is None:
        return True
    words = architectures.split()
    if words and words[0].startswith("!"):
        return f"!{architecture}" not in words
    return not {architecture, "any", "linux-any", f"any-{architecture}"}.isdisjoint(words)


def _unreadable(text: str) -> ResolveError:
    shown = text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004  (what a line has room for)
    return ResolveError(
        f"Debian's index holds {shown!r} as a dependency, which cannot be read",
        hint="the index may be damaged; lock again, or use another mirror",
    )
