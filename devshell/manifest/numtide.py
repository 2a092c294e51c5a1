"""The other devshell: numtide's, whose file has the same name and another shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devshell.manifest.shape import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devshell.manifest.lines import KeyPath

_FAULT = Fault(
    "this is a file of numtide/devshell, another program that uses this name; "
    "devshell expects tables such as [tools], [env] and [tasks]",
    "move it aside for Nix, or convert it: packages go to [tools], each [[env]] to [env], each [[commands]] to [tasks]",
)


def recognise(tree: Mapping[str, Any]) -> tuple[KeyPath, Fault] | None:
    """Return what to say, and of which key, of a document that has numtide's shape; None for any other."""
    if "tools" in tree:
        return None
    for key in ("devshell", "commands", "env", "imports", "packages"):
        kind = dict if key == "devshell" else list
        if isinstance(tree.get(key), kind):
            return (key,), _FAULT
    return None
