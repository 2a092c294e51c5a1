"""`devshell search`: look through the registry. Reads only."""

from __future__ import annotations

from typing import Annotated

import typer

from devshell.cli import options, render


def search(
    word: Annotated[str, typer.Argument(metavar="WORD", help="Part of a name or a description.")],
    json: options.Json = False,
) -> None:
    """Search the registry of short names."""
    from devshell import registry
    from devshell.errors import RegistryError

    found = registry.search(word)
    if json:
        render.as_json(
            [
                {"name": t.name, "description": t.description, "sources": [f"{o.source}:{o.package}" for o in t.offers]}
                for t in found
            ]
        )
    else:
        render.table(
            [[t.name, t.description, ", ".join(f"{o.source}:{o.package}" for o in t.offers)] for t in found],
            ["tool", "description", "from"],
        )
    if not found:
        near = registry.nearest(word)
        raise RegistryError(
            f"no tool of the registry has {word!r} in its name or description",
            hint=f"did you mean {near!r}?" if near else f"a package can be named with its source, as in pypi:{word}",
        )
