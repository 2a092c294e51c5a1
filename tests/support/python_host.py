"""A copy of the layout in which standalone builds of Python are served, on this machine."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import tarfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from devshell.sources.python import builds as python_builds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devshell.sources.python.builds import Build
    from support.server import Behaviour, LyingServer

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
PYTHON = f"python{MINOR}"
#: What is not needed to start, to compile, to make a virtual environment, and to ask how Python was built.
_LEFT_OUT = {
    "__pycache__",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
}
_SYSCONFIG = """\
# system configuration generated and used by the sysconfig module
build_time_vars = {
 'AR': '/tools/llvm/bin/llvm-ar',
 'CC': 'clang -pthread',
 'CFLAGS': '-Wno-unused -isysroot /sdk -O2 -I/install/include/x',
 'CXX': '/usr/bin/aarch64-linux-gnu-g++ -pthread',
 'EXT_SUFFIX': '.cpython-x.so',
 'LIBDIR': '/install/lib',
 'Py_DEBUG': 0,
 'installed': '/installed/elsewhere',
 'prefix': '/install',
}
"""


def builds(minor: str = MINOR) -> dict[str, dict[str, Build]]:
    """The builds that uv knows of a minor version: version → platform → build."""
    found: dict[str, dict[str, Build]] = {}
    for build in python_builds.known():
        if build.version.startswith(f"{minor}."):
            found.setdefault(build.version, {})[build.platform] = build
    return found


@cache
def real_build() -> bytes:
    """An archive with the running Python, as a build has it: it runs from any folder, and has no byte code."""
    files: dict[str, bytes | Path] = {f"bin/{PYTHON}": Path(os.path.realpath(sys.executable))}
    library = Path(os.__file__).parent
    for here, folders, names in os.walk(library):
        folders[:] = sorted(set(folders) - _LEFT_OUT)
        for name in names:
            path = Path(here, name)
            if name.endswith((".py", ".so", ".whl", ".txt")) and not name.startswith("_sysconfigdata"):
                files[f"lib/{PYTHON}/{path.relative_to(library)}"] = path
    name = os.environ.get("_PYTHON_SYSCONFIGDATA_NAME") or _sysconfigdata()
    files[f"lib/{PYTHON}/{name}.py"] = _SYSCONFIG.encode()
    files[f"lib/{PYTHON}/config-x/Makefile"] = (
        b"prefix=\t/install\nLIB=/install/lib\nX=/reinstall/install\nY=/installed\n"
    )
    files["lib/pkgconfig/python3.pc"] = b"# see below\nprefix=/install\nexec_prefix=${prefix}\n"
    files["share/man/man1/python3.1"] = b".TH PYTHON\n"
    # As ncurses has it, and no file system of macOS.
    files["share/terminfo/E/Eterm"] = b"E"
    files["share/terminfo/e/eterm"] = b"e"
    for name in ("pip3", f"pydoc{MINOR}", "idle3", "2to3"):
        files[f"bin/{name}"] = b"#!/bin/sh\nexit 9\n"
    main = b"def main():\n    import sys\n    print('pip of', sys.prefix, sys.argv[1:])\n    return 3\n"
    for name, content in (
        ("__init__", b""),
        ("_internal/__init__", b""),
        ("_internal/cli/__init__", b""),
        ("_internal/cli/main", main),
    ):
        # The tests may run on Debian's Python, which looks elsewhere.
        for packages in (f"lib/{PYTHON}/site-packages", "lib/python3/dist-packages"):
            files[f"{packages}/pip/{name}.py"] = content
    files[f"bin/{PYTHON}-config"] = b"#!/bin/sh\necho config\n"
    links = {
        "bin/python3": PYTHON,
        "bin/python": PYTHON,
        "bin/pydoc3": f"pydoc{MINOR}",
        "bin/python3-config": f"{PYTHON}-config",
    }
    return packed(files, links)


def _sysconfigdata() -> str:
    import sysconfig

    return str(sysconfig._get_sysconfigdata_name())  # type: ignore[attr-defined]


def packed(files: Mapping[str, bytes | Path], links: Mapping[str, str]) -> bytes:
    """Return a tar.gz of `python/…`, with everything in `bin` executable."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name in sorted(files):
            given = files[name]
            data = given.read_bytes() if isinstance(given, Path) else given
            member = tarfile.TarInfo(f"python/{name}")
            member.size, member.mode = len(data), 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(member, io.BytesIO(data))
        for name, target in links.items():
            member = tarfile.TarInfo(f"python/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return gzip.compress(content.getvalue(), 1, mtime=0)


@dataclass
class Host:
    """The host; `lists` says whether it serves the lists of hashes."""

    server: LyingServer
    path: str = "/builds"
    lists: bool = True
    _days: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def root(self) -> str:
        return f"{self.server.address}{self.path}"

    def address(self, build: Build) -> str:
        """The path on the server, as it comes in a request."""
        return f"{self.path}/{build.date}/{quote(build.file)}"

    def add(self, build: Build, content: bytes, *behaviours: Behaviour, digest: str | None = None) -> None:
        """Serve a build, and name its hash, or another, in the list of its day."""
        self.server.serve(self.address(build), content, *behaviours)
        day = self._days.setdefault(build.date, {})
        day[build.file] = digest or hashlib.sha256(content).hexdigest()
        if self.lists:
            text = "".join(f"{digest}  {file}\n" for file, digest in sorted(day.items()))
            self.server.serve(f"{self.path}/{build.date}/SHA256SUMS", text.encode())
