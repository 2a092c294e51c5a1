"""`devshell self`: devshell's own presence on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from devshell.cli import options, render, terminal

if TYPE_CHECKING:
    from devshell.uninstall import Inventory

app = typer.Typer(help="devshell itself, on this machine.", no_args_is_help=True)

_MOST = 20


@app.command()
def uninstall(
    config: Annotated[bool, typer.Option("--config", help="Take your configuration away as well.")] = False,
    yes: options.Yes = False,
    quiet: options.Quiet = False,
) -> None:
    """Take away the hook lines, the store, the cache and the state, after showing them with their sizes."""
    from devshell import installed
    from devshell import uninstall as use

    here = terminal.begin(None, quiet=quiet)
    env = terminal.step_outside()
    use.refuse_busy()
    found = use.inventory(env, config=config)
    _show(found, here)
    if found.changes or found.parts:
        again = f"devshell self uninstall {'--config ' if config else ''}--yes"
        if not terminal.agreed("Take all of this away?", yes=yes, instead=again):
            here.note("nothing was taken away")
            return
        for path in use.remove(found):
            here.done("taken away", path)
    else:
        here.note("there is nothing of devshell's to take away")
    here.note(f"to remove the program itself: {installed.removal()}")
    checkout = installed.checkout()
    if checkout:
        here.note(f"it runs from the folder {checkout}, which stays")


def _show(found: Inventory, here: terminal.Terminal) -> None:
    for change in found.changes:
        here.note(f"  hook line in {change.path}")
    for part in found.parts:
        link = f" (a link; what it leads to, {part.leads_to}, stays)" if part.leads_to else ""
        here.note(f"  {render.size(part.size):>8}  {part.path}{link}")
    if found.parts:
        here.note(f"  {render.size(found.size):>8}  in all")
    for line in found.by_hand:
        here.note(f"stays: line {line.number} of {line.path}, which you wrote; take it out yourself")
    for problem in found.problems:
        render.error(problem)
    _few("stays, as it is not devshell's", found.strange, here)
    _few("stays: `.devshell` in the project", found.projects, here)
    for folder in found.extensions:
        here.note(f"stays: the extension in {folder}; `devshell vscode install --uninstall` takes it out")
    for user in found.users[:_MOST]:
        render.line(f"{render.paint('in use', 'error')}: {render.inert(user)}")
    if len(found.users) > _MOST:
        render.line(f"and {len(found.users) - _MOST} more")


def _few(label: str, paths: tuple[str, ...], here: terminal.Terminal) -> None:
    for path in paths[:_MOST]:
        here.note(f"{label}: {path}")
    if len(paths) > _MOST:
        here.note(f"{label}: {len(paths) - _MOST} more")
