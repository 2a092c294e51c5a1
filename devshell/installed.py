"""How this devshell came to the machine: the command that starts it, and what would take it away again."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from importlib import metadata

from devshell.errors import ShellError

#: The name of the distribution, as `pyproject.toml` has it.
NAME = "devshell-cli"
_COMMAND = "devshell"


def command() -> str:
    """Return the absolute path of the command `devshell` that is running; links in it stay.

    Raises ShellError where there is none, as in `python -m devshell` of a bare checkout.
    """
    started = sys.argv[0]
    candidates = [started] if os.path.basename(started) == _COMMAND else []
    candidates += [os.path.join(os.path.dirname(sys.executable), _COMMAND), shutil.which(_COMMAND) or ""]
    for candidate in candidates:
        if candidate and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return os.path.abspath(candidate)
    raise ShellError("there is no command `devshell` beside this Python or on PATH", hint="install devshell again")


def removal() -> str:
    """Return how the program itself is removed, as far as it can be told: a command, or a sentence."""
    prefix, python = sys.prefix, shlex.quote(sys.executable)
    if os.path.isfile(os.path.join(prefix, "uv-receipt.toml")):
        return f"uv tool uninstall {NAME}"
    if os.path.isfile(os.path.join(prefix, "pipx_metadata.json")):
        return f"pipx uninstall {os.path.basename(prefix)}"
    try:
        found = metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        return f"remove the folder {os.path.dirname(os.path.dirname(os.path.abspath(__file__)))!r}"
    installer = (found.read_text("INSTALLER") or "").strip()
    if installer == "uv":
        return f"uv pip uninstall --python {python} {NAME}"
    if installer == "pip":
        return f"{python} -m pip uninstall {NAME}"
    return f"use {installer!r}, which installed it" if installer else "use the package manager that installed it"


def checkout() -> str | None:
    """Return the folder that devshell runs from where it was installed as editable, else None."""
    try:
        told = json.loads(metadata.distribution(NAME).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return None
    editable = isinstance(told, dict) and isinstance(told.get("dir_info"), dict) and told["dir_info"].get("editable")
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__))) if editable else None
