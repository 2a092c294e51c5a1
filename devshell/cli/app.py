"""The table of commands."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from typer._click.exceptions import NoArgsIsHelpError
from typer._completion_classes import completion_init

from devshell import __version__
from devshell.cli import (
    add,
    allow,
    code,
    completion,
    config,
    deny,
    doctor,
    enter,
    exec_,
    export,
    hook,
    init,
    list_,
    lock,
    mirror,
    outdated,
    remove,
    render,
    schema,
    search,
    self_,
    shims,
    status,
    store,
    sync,
    vscode,
    which,
)
from devshell.cli import run as run_
from devshell.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="devshell",
    help="Every project its own tools: named in devshell.toml, pinned in devshell.lock.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: Set by the completion scripts when they ask which words could come next.
COMPLETE_VARIABLE = "_DEVSHELL_COMPLETE"

#: A command line that belongs to somebody else: options stop at its first word.
_PASS_ON = {"allow_interspersed_args": False, "ignore_unknown_options": True}

app.command()(init.init)
app.command()(add.add)
app.command()(remove.remove)
app.command()(search.search)
app.command()(outdated.outdated)
app.command()(lock.lock)
app.command()(sync.sync)
app.command()(mirror.mirror)
app.command()(enter.enter)
app.command()(hook.hook)
app.command("exec", context_settings=_PASS_ON)(exec_.exec_)
app.command("run", context_settings=_PASS_ON)(run_.run)
app.command()(allow.allow)
app.command()(deny.deny)
app.command()(status.status)
app.command("list")(list_.list_)
app.command()(which.which)
app.command()(export.export)
app.command()(completion.completion)
app.command()(schema.schema)
app.command()(shims.shims)
app.command("shim", hidden=True, context_settings=_PASS_ON)(shims.shim)
app.command()(doctor.doctor)
app.command("code", context_settings=_PASS_ON)(code.code)
app.add_typer(vscode.app, name="vscode")
app.add_typer(config.app, name="config")
app.add_typer(store.app, name="store")
app.add_typer(self_.app, name="self")


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"devshell {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    directory: Annotated[str | None, typer.Option("-C", "--directory", metavar="DIR", help="Act in DIR.")] = None,
    version: Annotated[  # noqa: ARG001  (acts by its callback)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    from pathlib import Path

    from devshell.cli import terminal

    if directory is not None:
        terminal.begin(Path(directory))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. Raises what use cases raise."""
    if COMPLETE_VARIABLE in os.environ:
        completion_init()
    try:
        code = app(list(arguments), prog_name="devshell", standalone_mode=False)
    except typer.Exit as leaving:
        return leaving.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except typer.TyperException as wrong:
        return _wrong_usage(wrong)
    return code if isinstance(code, int) else 0


def _wrong_usage(wrong: typer.TyperException) -> int:
    if isinstance(wrong, NoArgsIsHelpError):
        render.data(wrong.format_message())
        return wrong.exit_code
    command = getattr(getattr(wrong, "ctx", None), "command_path", "devshell")
    render.error(UsageError(wrong.format_message(), hint=f"see `{command} --help`"))
    return wrong.exit_code
