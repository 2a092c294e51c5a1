"""Small tools to install: real archives, served by a loopback server, and a manifest that names them."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conftest import Place
    from support.server import LyingServer

PLATFORMS = ("linux-x86_64", "linux-aarch64", "darwin-arm64")


def archive(files: Mapping[str, str | bytes], *, folder: str = "tool") -> bytes:
    """Return a tar.gz with programs under one top folder, the same bytes each time."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mode = len(data), 0o755
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(content.getvalue(), mtime=0)


def program(says: str) -> str:
    """Return a shell script that says a line and its arguments."""
    return f'#!/bin/sh\necho "{says}" "$@"\n'


def serve(server: LyingServer, name: str, version: str, files: Mapping[str, str | bytes] | None = None) -> str:
    """Serve one archive for every platform; return the manifest's line for the tool."""
    content = archive(files or {f"bin/{name}": program(f"{name} {version}")})
    for platform in PLATFORMS:
        system, _, processor = platform.partition("-")
        server.serve(f"/{name}/{version}/{name}-{system}-{processor}.tar.gz", content)
    url = f"{server.address}/{name}/{{version}}/{name}-{{os}}-{{arch}}.tar.gz"
    return f'{name} = {{ source = "http", version = "{version}", url = "{url}", strip = 1 }}\n'


def project(place: Place, server: LyingServer, *tools: tuple[str, str], rest: str = "") -> None:
    """Write a manifest with tools, by name and version, and allow it."""
    place.write("devshell.toml", "[tools]\n" + "".join(serve(server, *tool) for tool in tools) + rest)
    place.run("allow").ok()
