"""Java's file of certificates, which an installed Debian has made by a maintainer script.

Java reads no folder of certificates and no PEM, only key stores. Of their formats JKS is the one that is
fully determined by what is in it: sun.security.provider.JavaKeyStore in OpenJDK says how. Java opens it
whatever format it expects, and needs no password to read certificates.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING

from devshell.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
#: The password that every Java's own file has, for programs that ask for one: it hides nothing.
_PASSWORD = "changeit"  # noqa: S105  (see above)
_SALT = b"Mighty Aphrodite"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


def keystore(certificates: Mapping[str, bytes]) -> bytes:
    """Return the key store of certificates, each a PEM text under its name, in the order of names.

    Raises StoreError where one is no certificate.
    """
    entries: dict[str, bytes] = {}
    for name in sorted(certificates):
        found = _PEM.findall(certificates[name])
        if not found:
            raise StoreError(f"the package's certificate {name!r} is none")
        for number, text in enumerate(found):
            # Java looks names up in lower case.
            alias = name.lower() + (f"-{number}" if number else "")
            entries[alias] = _entry(alias, _decoded(name, text))
    head = b"".join(number.to_bytes(4, "big") for number in (_MAGIC, _VERSION, len(entries)))
    content = head + b"".join(entries.values())
    seal = hashlib.sha1(_PASSWORD.encode("utf-16-be") + _SALT + content, usedforsecurity=False)
    return content + seal.digest()


def _decoded(name: str, text: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise StoreError(f"the package's certificate {name!r} is none") from None


def _entry(alias: str, certificate: bytes) -> bytes:
    # It would be the time it was added, which must be the same everywhere.
    time = bytes(8)
    length = len(certificate).to_bytes(4, "big")
    return _TRUSTED.to_bytes(4, "big") + _text(alias) + time + _text("X.509") + length + certificate


def _text(text: str) -> bytes:
    content = text.encode()
    return len(content).to_bytes(2, "big") + content
