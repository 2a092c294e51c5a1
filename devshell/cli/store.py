"""`devshell store`: looking after the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from devshell.cli import options, render, terminal
from devshell.quick import count

app = typer.Typer(help="Look after the store.", no_args_is_help=True)


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]…", help="Store paths; all by default.", show_default=False)
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Hash every store path again, and name those that are not what was added."""
    from devshell import paths
    from devshell.store import Store

    here = terminal.begin(None, quiet=quiet)
    store = Store(Path(paths.store_folder()))
    found = list(store.verify([Path(name).name for name in names] if names else None))
    damaged = [damage for _, damage in found if damage is not None]
    if json:
        render.as_json({"verified": len(found), "damaged": [{"name": d.name, "reason": d.reason} for d in damaged]})
    for damage in damaged:
        render.line(f"{render.paint('damaged', 'error')}: {store.path(damage.name)}: {damage.reason}")
    here.note(f"{count(len(found), 'store path')} verified, {len(damaged)} damaged")
    return 1 if damaged else 0


@app.command()
def path() -> None:
    """Print the store's folder."""
    from devshell import paths

    render.data(paths.store_folder())
