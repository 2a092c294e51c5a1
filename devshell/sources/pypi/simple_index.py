"""A package's page on a Python package index: PEP 691 JSON or PEP 503 HTML, understood alike.

The page is somebody else's word: a file on it counts only with a sha256, and what cannot be
understood is left out rather than trusted.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from devshell.errors import FetchError

#: What to ask an index for, in order of preference.
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: Bytes; a size beyond it is a lie.
_LARGEST = 1 << 40


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a page; `sha256` is None where the page gives none, `size` (bytes) likewise.

    `python` is the request that a Python must answer to run it (PEP 345), empty for any.
    """

    file: str
    address: str
    sha256: str | None
    size: int | None
    yanked: bool
    python: str = ""


def page_address(index: str, package: str) -> str:
    """Return the address of a package's page on an index."""
    return f"{index.rstrip('/')}/{package}/"


def parse(content: bytes, content_type: str, address: str) -> tuple[Listed, ...]:
    """Return the files of a page in its order; `address` is the page's own, for relative links.

    Raises FetchError on a page that is neither JSON nor HTML.
    """
    # A folder of files has no content types.
    is_json = "json" in content_type.lower() or (not content_type and content.lstrip().startswith(b"{"))
    listed = _json(content, address) if is_json else _html(content, address)
    return tuple(item for item in listed if item is not None)


def _json(content: bytes, address: str) -> list[Listed | None]:
    try:
        page = json.loads(content)
    except (ValueError, RecursionError):
        raise _broken(address) from None
    files = page.get("files") if isinstance(page, dict) else None
    if not isinstance(files, list):
        raise _broken(address)
    return [_json_file(item, address) for item in files if isinstance(item, dict)]


def _json_file(item: dict[str, Any], address: str) -> Listed | None:
    hashes = item.get("hashes")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    size = item.get("size")
    good_size = isinstance(size, int) and not isinstance(size, bool) and 0 < size < _LARGEST
    known = size if good_size else None
    python = item.get("requires-python")
    return _listed(item.get("filename"), item.get("url"), address, sha256, known, bool(item.get("yanked")), python)


def _html(content: bytes, address: str) -> list[Listed | None]:
    reader = _Anchors(address)
    reader.feed(content.decode("utf-8", errors="replace"))
    reader.close()
    return reader.found


class _Anchors(HTMLParser):
    """Collects the links of a page; PEP 503 puts the hash in the fragment, PEP 592 says yanked."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.base = address
        self.found: list[Listed | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        target = said.get("href")
        if target is None:
            return
        if tag == "base":
            self.base = _joined(self.base, target) or self.base
        elif tag == "a":
            link, fragment = urldefrag(target)
            sha256 = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else None
            file = unquote(link.partition("?")[0].rpartition("/")[2])
            python = said.get("data-requires-python")
            self.found.append(_listed(file, link, self.base, sha256, None, "data-yanked" in said, python))


def _listed(  # noqa: PLR0913, PLR0917  (the fields of one line of a page)
    file: object,
    link: object,
    base: str,
    sha256: object,
    size: int | None,
    yanked: bool,  # noqa: FBT001
    python: object,
) -> Listed | None:
    if not isinstance(file, str) or not isinstance(link, str) or not file or "/" in file or not file.isprintable():
        return None
    address = _joined(base, link)
    if address is None:
        return None
    digest = sha256.lower() if isinstance(sha256, str) and _SHA256.fullmatch(sha256.lower()) else None
    return Listed(file, address, digest, size, yanked, python if isinstance(python, str) else "")


def _joined(base: str, link: str) -> str | None:
    """Return a link's address, or None for one that leads from the web into this machine's own files."""
    try:
        address = urldefrag(urljoin(base, link)).url
        scheme = urlsplit(address).scheme
    except ValueError:
        return None
    return address if scheme in ("http", "https") or scheme == urlsplit(base).scheme else None


def _broken(address: str) -> FetchError:
    return FetchError(
        f"the package index answered with a page that is not an index page ({_shown(address)})",
        hint="see `devshell config get index.pypi`; a login page or a proxy may have answered in its place",
    )


def _shown(address: str) -> str:
    # Without a login that the address may carry.
    parts = urlsplit(address)
    return repr(f"{parts.scheme}://{parts.hostname or ''}{parts.path}")
