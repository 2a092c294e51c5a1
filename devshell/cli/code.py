"""`devshell code`: VS Code, or a relative of it, started inside the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from devshell.cli import options, terminal
from devshell.quick import become

if TYPE_CHECKING:
    from devshell.vscode.editors import Editor

#: Makes an editor keep the environment that it is started in, instead of asking a login shell for another.
_KEEP = "VSCODE_CLI"


def code(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[--] [ARGS]…", help="What the editor is given; the project's folder if nothing is."),
    ] = None,
    editor: Annotated[
        str | None, typer.Option("--editor", metavar="NAME-OR-PATH", help="Which editor.", show_default=False)
    ] = None,
    directory: options.Directory = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Start your editor with the project's tools, installing them first if need be."""
    from devshell import activation, environ, opening
    from devshell.vscode import editors

    # Looked for where the project has no say: neither its tools nor its variables choose the program.
    users = environ.leave(os.environ)
    here = terminal.begin(directory, quiet=quiet, verbose=verbose)
    with terminal.session(here) as session:
        wanted = editor or session.world.config.editor
        found = editors.named(wanted, users) if wanted else _first(users)
        project = opening.trusted_project(here.folder, session)
        record = activation.ready_or_prepare(project, None, session)
    if _inside(users):
        here.note(
            "this terminal belongs to an editor that is running already and keeps its own environment; in its windows"
            " the extension brings the project's (`devshell vscode install`)"
        )
    env = environ.enter(record.plan, os.environ, record.root, record.environment)
    env[_KEEP] = "1"
    here.detail(f"starting {found.command}")
    return become([found.command, *(arguments or [record.root])], env)


def _first(env: dict[str, str]) -> Editor:
    from devshell.vscode import editors

    found = editors.here(env)
    if not found:
        raise editors.none_found(
            "name yours with --editor, or once for all with `devshell config set editor NAME-OR-PATH`"
        )
    return found[0]


def _inside(env: dict[str, str]) -> bool:
    return env.get("TERM_PROGRAM") == "vscode" or bool(env.get("VSCODE_IPC_HOOK_CLI"))
