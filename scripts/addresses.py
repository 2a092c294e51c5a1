"""Fail where the address of a package index stands in the project.

Which addresses those are is asked of this machine's clients (pip, uv, npm, apt) each time, so that
this file names none either.
"""
# ruff: noqa: INP001 - a script, not part of a package

from __future__ import annotations

import contextlib
import importlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

_ROOT = Path(__file__).resolve().parent.parent
# Names that documentation and tests may use (RFC 2606), and this machine itself.
_HARMLESS = re.compile(r"(?:.*\.)?(?:localhost|local|invalid|test|example|example\.(?:com|net|org))|[\d.]+")
_MADE = {".git", ".venv", ".cache", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}


def _ask(*command: str, stdin: str = "") -> str:
    """Return what a client prints when asked outside the project; nothing where it is missing or fails."""
    try:
        done = subprocess.run(  # noqa: S603 - the clients of this machine, with fixed words
            command,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=tempfile.gettempdir(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _said() -> str:
    uv = ("uv", "pip", "compile", "--no-header", "--emit-index-url", "--quiet", "-")
    answers = [
        _ask(sys.executable, "-m", "pip", "config", "list"),
        _ask(*uv, stdin="\n"),
        _ask("npm", "config", "get", "registry"),
        _ask("apt-get", "indextargets", "--format", "$(REPO_URI)"),
    ]
    # Where pip is told nothing it uses what is built into it.
    with contextlib.suppress(ImportError, AttributeError):
        index = importlib.import_module("pip._internal.models.index").PyPI
        answers += [index.url, f"https://{index.file_storage_domain}/"]
    return "\n".join(answers)


def _hosts(text: str) -> set[str]:
    found = set()
    for address in re.findall(r"[a-z+]+://[^\s'\"]+", text):
        with contextlib.suppress(ValueError):
            host = urlsplit(address).hostname
            if host and "." in host and not _HARMLESS.fullmatch(host):
                found.add(host.lower())
    return found


def _files() -> list[Path]:
    listed = subprocess.run(  # noqa: S603 - fixed words
        ["git", "-C", str(_ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        files = [_ROOT / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    else:
        files = [path for path in _ROOT.rglob("*") if not _MADE.intersection(path.relative_to(_ROOT).parts)]
    return [path for path in files if path.is_file() and not path.is_symlink()]


def main() -> int:
    """Print each place where an index's address stands; return 1 if there is one."""
    hosts = _hosts(_said())
    if not hosts:
        sys.stderr.write("no client on this machine says where its index is, so nothing could be looked for\n")
        return 1
    wanted = re.compile(b"|".join(re.escape(host.encode()) for host in sorted(hosts)), re.IGNORECASE)
    found = [
        f"{path.relative_to(_ROOT)}:{number}: the address of a package index\n"
        for path in _files()
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if wanted.search(line)
    ]
    sys.stderr.writelines(found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
