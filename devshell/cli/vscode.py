"""`devshell vscode`: the extension for VS Code and its relatives, and what a project's settings tell others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devshell.cli import options, render, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devshell.vscode import settings as entries
    from devshell.vscode.editors import Editor

    #: What is done with one editor: returns a word for it, and what it was done to.
    Work = Callable[[Editor, Mapping[str, str]], tuple[str, str]]

app = typer.Typer(help="VS Code and its relatives: the extension, and a project's settings.", no_args_is_help=True)


@app.command()
def install(
    editor: Annotated[
        list[str] | None,
        typer.Option("--editor", metavar="NAME-OR-PATH", help="Only this editor; may be given several times."),
    ] = None,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Take the extension out instead.")] = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Install the extension into every editor on this machine, or over an older one."""
    from devshell.errors import DevshellError, raise_together
    from devshell.vscode import editors

    here = terminal.begin(None, quiet=quiet, verbose=verbose)
    env = _users()
    found = tuple(editors.named(name, env) for name in editor) if editor else editors.here(env)
    if not found:
        raise editors.none_found(
            "name yours with --editor, or run `devshell vscode package -o devshell.vsix` and choose"
            " “Install from VSIX…” in the editor's list of extensions"
        )
    failed: list[DevshellError] = []
    work: Work = _taking_out if uninstall else _installing(here, env)
    for each in dict.fromkeys(found):
        here.detail(f"asking {each.command}")
        try:
            word, text = work(each, env)
        except DevshellError as problem:
            failed.append(problem)
        else:
            here.done(word, text)
    raise_together(failed)


@app.command()
def package(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.")],
    quiet: options.Quiet = False,
) -> None:
    """Write the extension as a VSIX file, for “Install from VSIX…” of an editor."""
    from devshell.files import write_atomically
    from devshell.vscode import package as packaging

    here = terminal.begin(None, quiet=quiet)
    made = packaging.make()
    write_atomically(output, made.content)
    here.done("written", f"{output} ({render.size(len(made.content))})")


@app.command()
def settings(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take out what this command has written.")] = False,
    directory: options.Directory = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Point extensions that bring tools of their own to the project's, in .vscode/settings.json."""
    from devshell import activation, opening
    from devshell.vscode import settings as entries

    here = terminal.begin(directory, quiet=quiet, verbose=verbose)
    with terminal.session(here) as session:
        found = opening.trusted_project(here.folder, session)
        if remove:
            there: frozenset[str] = frozenset()
        else:
            there = entries.commands(activation.ready_or_prepare(found, None, session).environment)
    change = entries.plan(found.root, there)
    if dry_run:
        _print_diff(change)
    else:
        entries.write(change, found.root)
    _tell(change, here, dry_run=dry_run)


def _users() -> Mapping[str, str]:
    terminal.step_outside()
    return dict(os.environ)


def _installing(here: terminal.Terminal, env: Mapping[str, str]) -> Work:
    from devshell.vscode import install as use
    from devshell.vscode import package as packaging

    command = use.launcher(env)
    if command is None:
        here.note(
            "this devshell runs from a place that will not last, so the extension is going to look for one on PATH;"
            " install devshell for good, then run this again"
        )
    made = packaging.make(command)

    def work(editor: Editor, env: Mapping[str, str]) -> tuple[str, str]:
        use.put(editor, made, env)
        return "installed", f"the extension {made.version}, in {editor.name} ({editor.command})"

    return work


def _taking_out(editor: Editor, env: Mapping[str, str]) -> tuple[str, str]:
    from devshell.vscode import install as use

    if use.take_out(editor, env):
        return "taken out", f"of {editor.name} ({editor.command})"
    return "not there", f"in {editor.name} ({editor.command})"


def _print_diff(change: entries.Change) -> None:
    import difflib

    old, new = ((text or "").splitlines() for text in (change.before, change.after))
    for line in list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]:
        render.data(render.inert(line))


def _tell(change: entries.Change, here: terminal.Terminal, *, dry_run: bool) -> None:
    import json

    from devshell.vscode.settings import NEEDS_TRUST

    for each in change.added:
        here.done("would set" if dry_run else "set", f"{each.setting}: {each.extension} {each.reason}")
    for each in change.removed:
        here.done("would take out" if dry_run else "taken out", each.setting)
    for each, value in change.others:
        here.note(f"{each.setting} is {json.dumps(value, ensure_ascii=False)}, and stays as you have it")
    for each, folder in change.passed:
        here.note(f"{each.setting} is not set: {each.extension} finds {folder} by itself")
    if not change.added and not change.removed:
        here.note(
            "nothing to change" if change.same or change.others or change.passed else "nothing to set or take out"
        )
    elif any(each.scope == NEEDS_TRUST for each in change.added):
        here.note("an editor reads settings that name programs only in a folder that it trusts")
