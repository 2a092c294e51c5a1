"""What this machine is: platform, C library, terminal."""

from __future__ import annotations

import os
import platform as _platform
import sys

from devshell.errors import DevshellError

#: Every platform a lock may speak of.
PLATFORMS = ("darwin-arm64", "darwin-x86_64", "linux-aarch64", "linux-x86_64")
#: What is locked when the manifest does not say.
DEFAULT_PLATFORMS = ("linux-x86_64", "linux-aarch64", "darwin-arm64")
#: `linux-*` promises no more than this glibc, `darwin-*` no more than this macOS (DESIGN.md, "Lock").
GLIBC_FLOOR = (2, 28)
MACOS_FLOOR = (12, 0)


def host_platform() -> str:
    """Return this machine's platform, such as `linux-x86_64`.

    Raises DevshellError on a machine for which there are no tools: another system, another
    processor, or a Linux whose C library is not glibc.
    """
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    machine = _platform.machine().lower()
    names = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
    processor = names.get(machine)
    if system == "darwin" and processor == "aarch64":
        processor = "arm64"
    if system is None or processor is None:
        raise DevshellError(
            f"devshell has no tools for {sys.platform} on {machine}",
            hint="it runs on Linux (x86_64, aarch64) and macOS (arm64, x86_64)",
        )
    if system == "linux" and glibc_version() is None:
        raise DevshellError(
            "this Linux does not use glibc (musl?), and the tools devshell installs need it",
            hint=f"use a glibc distribution, {'.'.join(map(str, GLIBC_FLOOR))} or newer; a Debian container will do",
        )
    return f"{system}-{processor}"


def glibc_version() -> tuple[int, int] | None:
    """Return the running glibc's version, or None where the C library is another."""
    try:
        words = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (AttributeError, OSError, ValueError):
        return None
    if words[:1] != ["glibc"] or not words[1:]:
        return None
    major, _, rest = words[1].partition(".")
    minor = rest.partition(".")[0]
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def own_uids() -> frozenset[int]:
    """Return the user ids whose files count as the user's own.

    As git's `safe.directory` has it: one's own, and under sudo the user who called it.
    """
    uids = {os.geteuid()}
    sudo = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and sudo.isascii() and sudo.isdigit():
        uids.add(int(sudo))
    return frozenset(uids)
