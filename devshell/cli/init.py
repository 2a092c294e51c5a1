"""`devshell init`: write a manifest, from what the folder already says or from a template."""

from __future__ import annotations

from typing import Annotated

import typer

from devshell.cli import options, terminal


def init(
    template: Annotated[
        str | None, typer.Option("--template", metavar="T", help="Start from a template.", show_default=False)
    ] = None,
    direnv: Annotated[bool, typer.Option("--direnv", help="Write an .envrc for direnv too, or alone.")] = False,
    directory: options.Directory = None,
    quiet: options.Quiet = False,
) -> None:
    """Write devshell.toml, taking over versions from .tool-versions, .nvmrc, package.json, mise.toml and the like."""
    from devshell import beginning

    here = terminal.begin(directory, quiet=quiet)
    made = (beginning.begin_with_direnv if direnv else beginning.begin)(here.folder, template)
    for line in made.taken:
        here.note(line)
    for line in made.left:
        here.note(f"left alone: {line}")
    following = "`devshell add TOOL` or `devshell sync`"
    if made.before:
        here.note(f"was here before: {', '.join(made.before)}")
        following = "look at that, then `devshell allow`"
    if made.path:
        here.done("written", f"{made.path}; next: {following}")
    if made.envrc:
        here.done("written", f"{made.envrc}; next: look at it, then `direnv allow`")
