"""VS Code and its relatives: whether each that is here has the extension, and this devshell's one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devshell import __version__
from devshell.doctor.finding import note, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devshell.doctor.finding import Finding, Surroundings

_CONCEPT = "editor"


def check(here: Surroundings) -> Iterator[Finding]:
    """Look at the lists that editors keep of their extensions; none is started."""
    from devshell.vscode import editors

    found = editors.installed(here.users)
    home = here.users.get("HOME", "").rstrip("/") + "/"
    for folder, version in found:
        place = os.path.join("~", folder.removeprefix(home))
        if version is None:
            yield note(_CONCEPT, f"the extension is not in {place}", "devshell vscode install")
        elif version != __version__:
            yield note(
                _CONCEPT,
                f"the extension in {place} is of devshell {version}, and this is {__version__}",
                "devshell vscode install",
            )
        else:
            yield ok(_CONCEPT, f"the extension in {place} is of this devshell")
    if not found:
        yield ok(_CONCEPT, "no VS Code, nor a relative of it, has extensions here")
