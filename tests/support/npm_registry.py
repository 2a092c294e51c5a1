"""A small npm registry on this machine, with real packages; `seen` tells what it was asked."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.server import HONEST, Behaviour, LyingServer

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A script that says how it was started.
SCRIPT = '#!/usr/bin/env node\nconsole.log("ran", ...process.argv.slice(2));\n'


def tarball(
    files: Mapping[str, str | bytes], *, folder: str = "package", links: Mapping[str, str] | None = None
) -> bytes:
    """Return a package's file, the same bytes each time."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(content.getvalue(), mtime=0)


def sri(content: bytes, algorithm: str = "sha512") -> str:
    """Return a hash as npm writes it."""
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


@dataclass
class Registry:
    """A registry below `path` of a server that the test has started."""

    server: LyingServer
    path: str = "/npm/"
    behaviour: Behaviour = HONEST
    pages: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Its address, as npm is told it."""
        return self.server.address + self.path

    def add(  # noqa: PLR0913  (what a version may have, by name)
        self,
        name: str,
        version: str,
        files: Mapping[str, str | bytes] | None = None,
        *,
        content: bytes | None = None,
        integrity: str | None = "",
        latest: bool = True,
        file: str | None = None,
        **said: Any,  # noqa: ANN401  (whatever a package.json holds)
    ) -> bytes:
        """Publish a version and return its file; `file` is where it lies, if not where registries have it."""
        manifest = {"name": name, "version": version, **said}
        content = content or tarball({"package.json": json.dumps(manifest), **(files or {})})
        place = file or f"{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        dist = {"tarball": self.address + place, "shasum": hashlib.sha1(content).hexdigest()}  # noqa: S324  (npm's own)
        if integrity is not None:
            dist["integrity"] = integrity or sri(content)
        page = self.pages.setdefault(name, {"name": name, "dist-tags": {}, "versions": {}})
        page["versions"][version] = {**manifest, "dist": dist}
        if latest:
            page["dist-tags"]["latest"] = version
        self.server.serve(self.path + place, content, self.behaviour)
        self.publish(name)
        return content

    def publish(self, name: str) -> None:
        """Serve a package's page as `pages` has it now."""
        for escaped in {name, name.replace("/", "%2f"), name.replace("/", "%2F")}:
            self.server.serve(self.path + escaped, json.dumps(self.pages[name]).encode(), self.behaviour)
            for version, manifest in self.pages[name]["versions"].items():
                self.server.serve(f"{self.path}{escaped}/{version}", json.dumps(manifest).encode(), self.behaviour)

    def asked(self, ending: str = "") -> list[str]:
        """What it was asked, as `GET name`."""
        return [
            f"{seen.method} {seen.path.removeprefix(self.path)}"
            for seen in self.server.seen
            if seen.path.startswith(self.path) and seen.path.endswith(ending)
        ]

    def tool(self, name: str = "tool", version: str = "1.0.0", **said: Any) -> bytes:  # noqa: ANN401
        """Publish a package with a command of its own name that is a script of node's."""
        short = name.rpartition("/")[2]
        return self.add(name, version, {"bin/cli.js": SCRIPT}, bin={short: "bin/cli.js"}, **said)
