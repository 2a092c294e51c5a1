"""`devshell run`: a task of the manifest."""

from __future__ import annotations

import os
import subprocess
from typing import Annotated

import typer

from devshell.cli import options, render, terminal


def run(
    task: Annotated[str | None, typer.Argument(metavar="TASK", help="The task.", show_default=False)] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]…", help="Passed on.", show_default=False)
    ] = None,
    shell: Annotated[
        str | None, typer.Option("--in", metavar="SHELL-NAME", help="A named shell.", show_default=False)
    ] = None,
    directory: options.Directory = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Run a task, and first the tasks it depends on; without a name, list the tasks."""
    from devshell import activation, environ, opening, tasks
    from devshell.quick import become

    here = terminal.begin(directory, quiet=quiet, verbose=verbose)
    if task is None:
        known = opening.open_project(here.folder).shell(shell).tasks
        render.table(
            [[t.name, t.description or t.run.partition("\n")[0]] for _, t in sorted(known.items())], ["task", ""]
        )
        return 0
    with terminal.session(here) as session:
        found = opening.trusted_project(here.folder, session)
        order = tasks.order(found.shell(shell).tasks, task)
        record = activation.ready_or_prepare(found, shell, session)
    env = environ.enter(record.plan, os.environ, record.root, record.environment)
    env["PWD"] = found.root
    os.chdir(found.root)
    for needed in order[:-1]:
        here.detail(f"task {needed.name}: {needed.run}")
        code = _finished(subprocess.Popen(tasks.command(needed, []), env=env))  # noqa: S603  (allowed)
        if code:
            here.note(f"task {needed.name!r} failed with exit code {code}; {task!r} was not run")
            return code if code > 0 else 128 - code
    here.detail(f"task {task}: {order[-1].run}")
    return become(tasks.command(order[-1], arguments or []), env)


def _finished(task: subprocess.Popen[bytes]) -> int:
    """Wait for a task to end by itself, also after Ctrl-C: it heard that as well, and may have to tidy up."""
    stopped: KeyboardInterrupt | None = None
    while True:
        try:
            code = task.wait()
        except KeyboardInterrupt as interrupt:
            stopped = interrupt
        else:
            break
    if stopped is not None:
        raise stopped
    return code
