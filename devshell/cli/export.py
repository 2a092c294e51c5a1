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
    JSON = "json"
    VIM = "vim"


def export(
    form: Annotated[Form, typer.Argument(help="What to write.")],
    shell: Annotated[
        str | None, typer.Option("--in", metavar="SHELL-NAME", help="A named shell.", show_default=False)
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="With json: where the folder stands, and every variable, changed or not.")
    ] = False,
    directory: options.Directory = None,
) -> None:
    """Print what entering would change; in a project that is not allowed or not ready, what leaving would."""
    from devshell import activation, direnv, entering, environ, project, ready, refresh, shells
    from devshell.errors import DevshellError, UsageError

    here = terminal.begin(directory)
    if full:
        if form is not Form.JSON:
            raise UsageError("`--full` is for json alone", hint="run `devshell export json --full`")
        from devshell.cli import answering

        answering.answer(here, shell)
        return
    before = dict(os.environ)
    root = ready.find(os.path.realpath(here.folder))
    watched: tuple[str, ...] = ()
    try:
        snapshot = project.read(project.find(here.folder))
    except DevshellError as problem:
        if root is not None:
            render.error(problem)
        after = environ.leave(before)
    else:
        watched = (*(file.path for file in snapshot.files), *entering.links(snapshot.root, shell))
        after, why_not = activation.leave_or_enter(snapshot, shell, before)
        if why_not:
            # A file that was only touched, as by a checkout, keeps nobody out.
            refresh.settle(snapshot.root)
            after, why_not = activation.leave_or_enter(snapshot, shell, before)
        if why_not:
            here.note(why_not)
    script = shells.get(form.value).script(environ.difference(before, after))
    if form is Form.BASH and direnv.asks(before):
        script += direnv.watching(watched)
    if script:
        render.data(script.rstrip("\n"))
