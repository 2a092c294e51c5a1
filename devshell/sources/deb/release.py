"""Release files: what a Debian suite holds, signed. Nothing but what is signed is ever looked at.

The format is that of Debian's repository documentation: deb822 fields, then sections of hashes; `InRelease` is
that text clear-signed (RFC 9580, section 7).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from devshell.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pysequoia import Cert

#: The most a release file may hold, in bytes; Debian's are a fiftieth of it.
LIMIT = 8 << 20

_HEAD = b"-----BEGIN PGP SIGNED MESSAGE-----\n"
_SIGNATURE = b"\n-----BEGIN PGP SIGNATURE-----\n"
_END = b"\n-----END PGP SIGNATURE-----"
# The two heads and the end.
_MARKS = 3
# How far a clock may be wrong.
_SLACK = timedelta(days=1)
_FILE = re.compile(r" ([0-9a-f]{64}) +([0-9]{1,12}) +([A-Za-z0-9][A-Za-z0-9+._/-]{0,299})")
_FIELD = re.compile(r"([A-Za-z0-9-]+):[ \t]*(.*)")


class ReleaseError(FetchError):
    """A release file that must not be believed: unsigned, changed, of another suite, or too old."""


@dataclass(frozen=True, slots=True)
class File:
    """One file that a release file vouches for; `size` is in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Release:
    """A verified release file. `files` are named by their paths below the suite's folder."""

    date: datetime
    until: datetime | None
    by_hash: bool
    architectures: frozenset[str]
    files: Mapping[str, File]


def read(content: bytes, codename: str, keys: Sequence[Cert], what: str) -> Release:
    """Return what an InRelease of the suite `codename` says.

    Raises ReleaseError, about `what` ("the index of … at …"), where it is not signed by one of
    `keys`, holds anything beside the signed text, is not Debian's, is of another suite, or dates from
    the future.
    """
    text = _signed_text(content, keys, what)
    fields, files = _parsed(text)
    origin = fields.get("origin", "")
    if origin != "Debian":
        raise ReleaseError(
            f"{what} is of {origin!r:.80}, not of Debian", hint="see `devshell config get index.deb`, and apt's sources"
        )
    said = fields.get("codename", "")
    if said != codename:
        raise ReleaseError(f"{what} is of the suite {said!r:.80}, not of {codename!r}", hint=_elsewhere())
    date = _moment(fields.get("date"))
    if date is None:
        raise ReleaseError(f"{what} does not say from when it is", hint=_elsewhere())
    if date > datetime.now(UTC) + _SLACK:
        raise ReleaseError(f"{what} is from the future, {iso(date)}", hint="look whether this machine's clock is right")
    until = _moment(fields.get("valid-until"))
    if until is None and "valid-until" in fields:
        raise ReleaseError(f"{what} says in no understandable way how long it holds", hint=_elsewhere())
    architectures = frozenset(fields.get("architectures", "").split())
    return Release(date, until, fields.get("acquire-by-hash", "").lower() == "yes", architectures, files)


def check_validity(until: str | None, what: str) -> None:
    """Raise ReleaseError where the time, as :func:`iso` writes it, is over."""
    if until is not None and until < iso(datetime.now(UTC)):
        raise ReleaseError(
            f"{what} was to be used until {until}, and not any longer",
            hint="the mirror stands still, or somebody holds back what is newer; where `index.deb` is a snapshot, "
            "say so: `devshell config set deb.snapshot true`",
        )


def iso(moment: datetime) -> str:
    """Return a time as locks hold it, such as `2026-11-20T08:12:33Z`; such texts sort as the times do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _elsewhere() -> str:
    return "the mirror is broken, or is none of Debian; another one may be set: `devshell config set index.deb ADDRESS`"


def _signed_text(content: bytes, keys: Sequence[Cert], what: str) -> str:
    from pysequoia import verify

    _check_frame(content, what)
    signers: list[str] = []

    def known(identifiers: list[str]) -> list[Cert]:
        signers.extend(identifiers)
        return list(keys)

    try:
        verified = verify(bytes=content, store=known)
    except RuntimeError:
        raise _unproven(signers, keys, what) from None
    if not verified.valid_sigs or verified.bytes is None:
        raise _unproven(signers, keys, what)
    return verified.bytes.decode("utf-8", "replace")


def _check_frame(content: bytes, what: str) -> None:
    """Refuse what is not one clear-signed text and nothing else; the library passes over what stands around it."""
    if len(content) > LIMIT:
        raise ReleaseError(f"{what} has more than {LIMIT} bytes", hint=_elsewhere())
    if _HEAD not in content or _SIGNATURE not in content:
        raise ReleaseError(f"{what} is not signed", hint=_elsewhere())
    # A line of the signed text that begins with a dash is escaped, so that these are the only ones.
    marks = re.findall(rb"^-----(?:BEGIN|END) PGP [^\n]*$", content, re.MULTILINE)
    if not content.startswith(_HEAD) or not content.rstrip(b"\n").endswith(_END) or len(marks) != _MARKS:
        raise ReleaseError(f"{what} holds text that is not part of what is signed", hint=_elsewhere())


def _unproven(signers: Sequence[str], keys: Sequence[Cert], what: str) -> ReleaseError:
    """Say why no signature holds: nobody known made one, the key had expired, or the text was changed."""
    mine = {name: key for key in keys for name in _names(key)}
    known = [mine[signer.lower()] for signer in signers if signer.lower() in mine]
    if not known:
        return ReleaseError(
            f"{what} is signed by no key that devshell knows, but by {', '.join(signers) or 'an unnamed one'}",
            hint="a company's own archive needs `devshell config set deb.keys FILE`, a newer Debian a newer devshell",
        )
    expired = [key.expiration for key in known if key.expiration and key.expiration < datetime.now(UTC)]
    if len(expired) == len(known):
        return ReleaseError(
            f"{what} has no signature that holds, and its key expired on {max(expired):%Y-%m-%d}",
            hint="a newer Debian needs a newer devshell",
        )
    return ReleaseError(f"{what} was changed after it was signed, or its signature is damaged", hint=_elsewhere())


def _names(key: Cert) -> list[str]:
    """Return the fingerprints and key ids of a key and its subkeys: what signatures name it by."""
    from pysequoia.packet import PacketPile

    packets = list(PacketPile.from_bytes(bytes(key)))
    return [name for packet in packets for name in (packet.fingerprint, packet.key_id) if name]


def _parsed(text: str) -> tuple[dict[str, str], dict[str, File]]:
    """Return the fields, names in lower case, and the files of the section SHA256."""
    fields: dict[str, str] = {}
    files: dict[str, File] = {}
    section = ""
    for line in text.split("\n"):
        if line.startswith(" "):
            if section == "sha256" and (listed := _FILE.fullmatch(line)):
                files[listed[3]] = File(listed[1], int(listed[2]))
        elif found := _FIELD.fullmatch(line):
            section = found[1].lower()
            # The first one counts, as for apt; a second must not undo it.
            fields.setdefault(section, found[2].strip())
    return fields, files


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
