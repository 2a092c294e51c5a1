"""A small Python package index on this machine, with real wheels; counts what it is asked."""

from __future__ import annotations

import hashlib
import html
import io
import json
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

JSON = "application/vnd.pypi.simple.v1+json"
PROGRAM = b"#!/bin/sh\necho 'tool 1.0'\n"


def wheel(files: Mapping[str, bytes | tuple[int, bytes]]) -> bytes:
    """Return a wheel that holds files; a pair has the mode, else it is 0644."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, told in files.items():
            mode, data = told if isinstance(told, tuple) else (0o644, told)
            member = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            member.external_attr = (mode or 0o644) << 16
            archive.writestr(member, data)
    return content.getvalue()


def program_wheel(package: str, release: str) -> bytes:
    """Return a wheel with one script, named as the package."""
    stem = f"{package.replace('-', '_')}-{release}"
    return wheel(
        {
            f"{stem}.data/scripts/{package}": (0o755, PROGRAM),
            f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {release}\n".encode(),
        }
    )


def python_wheel(
    package: str,
    release: str,
    *,
    requires: Sequence[str] = (),
    commands: Mapping[str, str] | None = None,
    files: Mapping[str, bytes | tuple[int, bytes]] | None = None,
) -> bytes:
    """Return a wheel of Python code: a module that prints where it is, unless `files` say otherwise."""
    module = package.replace("-", "_")
    stem = f"{module}-{release}"
    metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: {release}\n"
    metadata += "".join(f"Requires-Dist: {one}\n" for one in requires)
    held: dict[str, bytes | tuple[int, bytes]] = {
        f"{module}.py": f"def main():\n    print('{package} {release}')\n".encode(),
        **(files or {}),
        f"{stem}.dist-info/METADATA": f"{metadata}\n".encode(),
        f"{stem}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if commands:
        lines = "".join(f"{name} = {target}\n" for name, target in commands.items())
        held[f"{stem}.dist-info/entry_points.txt"] = f"[console_scripts]\n{lines}".encode()
    return wheel(held)


@dataclass
class File:
    """One file of the index, and what the page says of it."""

    name: str
    content: bytes
    yanked: bool | str = False
    hashes: dict[str, str] | None = None
    size: int | None = -1
    url: str | None = None
    python: str | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def json(self) -> dict[str, Any]:
        hashes = {"sha256": self.sha256} if self.hashes is None else self.hashes
        said: dict[str, Any] = {"filename": self.name, "url": self.url or f"../../files/{self.name}", "hashes": hashes}
        if self.yanked:
            said["yanked"] = self.yanked
        if self.python is not None:
            said["requires-python"] = self.python
        if self.size is not None:
            said["size"] = len(self.content) if self.size == -1 else self.size
        return said

    def html(self) -> str:
        hashes = {"sha256": self.sha256} if self.hashes is None else self.hashes
        fragment = "".join(f"#{kind}={digest}" for kind, digest in hashes.items())
        yanked = f' data-yanked="{html.escape(str(self.yanked))}"' if self.yanked else ""
        link = html.escape((self.url or f"../../files/{self.name}") + fragment)
        python = html.escape(self.python or ">=3.8")
        return f'<a href="{link}" data-requires-python="{python}"{yanked}>{html.escape(self.name)}</a><br/>'


@dataclass
class Index:
    """The index; use it in `with`."""

    style: str = "json"
    packages: dict[str, list[File]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    raw: bytes | None = None

    def add(self, package: str, *files: File | str) -> None:
        """Add files to a package; a text is the name of a wheel or a source package."""
        listed = self.packages.setdefault(package, [])
        for file in files:
            release = file.split("-")[1] if isinstance(file, str) else ""
            listed.append(File(file, program_wheel(package, release)) if isinstance(file, str) else file)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple"

    def __enter__(self) -> Self:
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                index.asked.append(f"{self.command} {self.path}")
                content, kind = index.answer(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content or b"")

            do_HEAD = do_GET  # noqa: N815  (the base class's name)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str) -> tuple[bytes | None, str]:
        parts = path.strip("/").split("/")
        if parts[0] == "simple" and len(parts) == 2:
            files = self.packages.get(parts[1])
            return (None, "text/plain") if files is None else self.page(parts[1], files)
        if parts[0] == "files":
            found = [file for files in self.packages.values() for file in files if file.name == parts[-1]]
            return (found[0].content, "application/octet-stream") if found else (None, "text/plain")
        return None, "text/plain"

    def page(self, package: str, files: list[File]) -> tuple[bytes, str]:
        if self.raw is not None:
            return self.raw, JSON if self.style == "json" else "text/html"
        if self.style == "json":
            said = {"meta": {"api-version": "1.0"}, "name": package, "files": [file.json() for file in files]}
            return json.dumps(said).encode(), JSON
        lines = "\n".join(file.html() for file in files)
        return f"<!DOCTYPE html><html><body>\n{lines}\n</body></html>".encode(), "text/html; charset=utf-8"
