"""What a tool shows of its tree: `bin` and `share`, with links to what its primary packages brought.

What they depend on stays out of sight, or git would bring a perl that hides the user's own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devshell.sources.deb import inside, scripts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: Folders of commands; the first that has a name gives it.
_COMMANDS = ("usr/bin", "usr/sbin", "usr/games")
#: Debian's folders of what shells and `man` read, and where an environment looks for it.
_SHARED = {
    "usr/share/man": "share/man",
    "usr/share/bash-completion/completions": "share/bash-completion/completions",
    "usr/share/fish/completions": "share/fish/vendor_completions.d",
    "usr/share/fish/vendor_completions.d": "share/fish/vendor_completions.d",
    "usr/share/zsh/site-functions": "share/zsh/site-functions",
    "usr/share/zsh/vendor-completions": "share/zsh/site-functions",
}


def show(tree: Path, files: Iterable[str], fixups: Iterable[Mapping[str, str]]) -> None:
    """Make the links to those `files` of the primary packages that are commands, manuals or completions."""
    ordered = sorted(files)
    fixups = tuple(fixups)
    for folder in _COMMANDS:
        for path in ordered:
            above, _, name = path.rpartition("/")
            target = scripts.start(tree, path, fixups) if above == folder else None
            if target is not None:
                _link(tree, f"bin/{name}", target)
    for folder, shown in _SHARED.items():
        for path in ordered:
            if path.startswith(f"{folder}/") and _leads_to_a_file(tree, path):
                _link(tree, shown + path.removeprefix(folder), path)


def _leads_to_a_file(tree: Path, path: str) -> bool:
    *_, last = ["", *inside.steps(tree, path)]
    return bool(last) and os.path.isfile(tree / last) and not os.path.islink(tree / last)


def _link(tree: Path, path: str, target: str) -> None:
    place = tree / path
    if not os.path.lexists(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(os.path.relpath(f"/{target}", f"/{os.path.dirname(path)}"))
