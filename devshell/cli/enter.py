"""`devshell enter`: a shell inside the environment."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from devshell.cli import options, terminal
from devshell.quick import become, count


def enter(
    name: options.ShellName = None,
    shell: Annotated[
        str | None, typer.Option("--shell", metavar="bash|zsh|fish", help="Which shell to start.", show_default=False)
    ] = None,
    pure: Annotated[bool, typer.Option("--pure", help="Without your rc files and variables.")] = False,
    directory: options.Directory = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Open a shell with the project's tools, installing them first if need be; `exit` leaves."""
    from devshell import activation, environ, opening
    from devshell import enter as entering

    here = terminal.begin(directory, quiet=quiet, verbose=verbose)
    kind = entering.choose(shell, os.environ)
    with terminal.session(here) as session:
        found = opening.trusted_project(here.folder, session)
        record = activation.ready_or_prepare(found, name, session)
    base = environ.pure(os.environ) if pure else dict(os.environ)
    env = environ.enter(record.plan, base, record.root, record.environment)
    # The hook, which an rc file may load, is to stay in this project then.
    env["DEVSHELL_ENTERED"] = name or ""
    command, env = entering.command(kind, env, pure=pure)
    here.note(f"entering {os.path.basename(found.root)} ({count(record.tools, 'tool')}); `exit` leaves")
    return become(command, env)
