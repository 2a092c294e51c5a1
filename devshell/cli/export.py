"""`devshell export`: the environment as text for a shell to evaluate, or for a program to read. Reads only."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from devshell.cli import options, render, terminal


class Form(StrEnum):
    """What the environment can be written as."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    DOTENV = "dotenv"


def export(
    form: Annotated[Form, typer.Argument(help="What to write.")],
    shell: Annotated[
        str | None, typer.Option("--in", metavar="SHELL-NAME", help="A named shell.", show_default=False)
    ] = None,
    directory: options.Directory = None,
) -> None:
    """Print what entering would change; in a project that is not allowed or not ready, what leaving would."""
    from devshell import activation, environ, project, shells
    from devshell.errors import DevshellError, ProjectError

    here = terminal.begin(directory)
    before = dict(os.environ)
    try:
        snapshot = project.read(project.find(here.folder))
    except DevshellError as problem:
        if not isinstance(problem, ProjectError):
            render.error(problem)
        after = environ.leave(before)
    else:
        after, why_not = activation.leave_or_enter(snapshot, shell, before)
        if why_not:
            here.note(why_not)
    script = shells.get(form.value).script(environ.difference(before, after))
    if script:
        render.data(script.rstrip("\n"))
