"""Merge conflicts in a lock: finding the markers, and taking the two sides apart."""

from __future__ import annotations

_OURS, _BASE, _MIDDLE, _THEIRS = b"<<<<<<< ", b"||||||| ", b"=======", b">>>>>>> "


def first_marker(content: bytes) -> int | None:
    """Return the line (from 1) of the first conflict marker, or None."""
    for number, line in enumerate(content.splitlines(), 1):
        if line.startswith((_OURS, _THEIRS)):
            return number
    return None


def has_conflict(content: bytes) -> bool:
    """Return whether git (or a tool like it) left conflict markers."""
    return first_marker(content) is not None


def sides(content: bytes) -> tuple[bytes, bytes]:
    """Return the file as it stands on our side and on theirs.

    Lines outside conflicts belong to both; the common ancestor that diff3 style adds, to neither.
    """
    ours, theirs = [], []
    state = "both"
    for line in content.splitlines(keepends=True):
        bare = line.rstrip(b"\r\n")
        if bare.startswith(_OURS):
            state = "ours"
        elif bare.startswith(_BASE) and state == "ours":
            state = "base"
        elif bare == _MIDDLE and state in ("ours", "base"):
            state = "theirs"
        elif bare.startswith(_THEIRS) and state == "theirs":
            state = "both"
        else:
            if state in ("both", "ours"):
                ours.append(line)
            if state in ("both", "theirs"):
                theirs.append(line)
    return b"".join(ours), b"".join(theirs)
