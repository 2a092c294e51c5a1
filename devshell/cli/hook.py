"""`devshell hook`: the code that a shell loads, and the line in the user's rc file that loads it."""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devshell.cli import options, render, terminal
from devshell.errors import UsageError

if TYPE_CHECKING:
    from devshell.rcfiles import Change


def hook(
    shell: Annotated[
        str | None, typer.Argument(metavar="[bash|zsh|fish]", help="The shell.", show_default=False)
    ] = None,
    install: Annotated[bool, typer.Option("--install", help="Write the line into your shell's rc file.")] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Take that line out again.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", hidden=True)] = False,
    yes: options.Yes = False,
    quiet: options.Quiet = False,
) -> None:
    """Print the code with which a shell follows projects on `cd`; or have your shell load it from now on."""
    from devshell.shells import SHELLS

    if install + uninstall + refresh > 1:
        raise UsageError("--install, --uninstall and --refresh exclude one another")
    if shell is not None and shell not in SHELLS:
        raise UsageError(f"devshell does not know the shell {shell!r}", hint=f"choose one of {', '.join(SHELLS)}")
    here = terminal.begin(None, quiet=quiet)
    if install or uninstall:
        terminal.step_outside()
    if install:
        _install(shell or _own(), here, yes=yes)
    elif uninstall:
        _uninstall([shell] if shell else list(SHELLS), here, yes=yes)
    elif shell is None:
        raise UsageError("name the shell that is to load the hook", hint="such as `devshell hook bash`")
    elif refresh:
        from devshell.cli import refreshing

        refreshing.refresh(here)
    else:
        _print(shell)


def _print(shell: str) -> None:
    from devshell import enter, installed, rcfiles
    from devshell.files import explained

    path = enter.hook(f"hook.{shell}")
    with explained(path, "read"):
        text = Path(path).read_text("utf-8")
    quoted = rcfiles.quote(shell, installed.command())
    render.data(
        (f"set -g __devshell_command {quoted}\n" if shell == "fish" else f"__devshell_command={quoted}\n") + text
    )


def _own() -> str:
    from devshell.shells import SHELLS

    own = os.path.basename(os.environ.get("SHELL", ""))
    if own not in SHELLS:
        said = (
            f"your shell is {own!r}, for which there is no hook" if own else "SHELL does not say which shell is yours"
        )
        raise UsageError(said, hint=f"name one of {', '.join(SHELLS)}, such as `devshell hook --install bash`")
    return own


def _install(shell: str, here: terminal.Terminal, *, yes: bool) -> None:
    from devshell import enter, installed, rcfiles

    env = dict(os.environ)
    launcher = installed.command()
    program = enter.find(shell, env)
    found = rcfiles.installing(shell, rcfiles.called(launcher, program, env), env)
    if isinstance(found, rcfiles.Line):
        here.note(f"{shell} loads the hook already: {found.path}, line {found.number}")
        return
    _show(found, here)
    again = f"devshell hook --install {shell} --yes"
    if not terminal.agreed(f"Write this into {found.path}?", yes=yes, instead=again):
        here.note("nothing was written")
        return
    rcfiles.write(found)
    here.done("written", f"{found.path}; open a new {shell}, or type `exec {shell}`")
    advice = rcfiles.login_advice(env) if shell == "bash" else None
    if advice:
        here.note(advice)


def _uninstall(names: list[str], here: terminal.Terminal, *, yes: bool) -> None:
    from devshell import rcfiles

    env = dict(os.environ)
    changes = {change.path: change for name in names for change in rcfiles.uninstalling(name, env)}
    for change in changes.values():
        _show(change, here)
    for name in names:
        for line in rcfiles.lines(name, env):
            if not line.ours:
                here.note(f"{line.path}, line {line.number}, was written by you, and stays: take it out yourself")
    if not changes:
        here.note("there is no line of `devshell hook --install` to take out")
        return
    again = " ".join(["devshell hook --uninstall", *(names if len(names) == 1 else []), "--yes"])
    if not terminal.agreed("Take this out?", yes=yes, instead=again):
        here.note("nothing was written")
        return
    for change in changes.values():
        rcfiles.write(change)
        here.done("taken out", f"{change.path}")


def _show(change: Change, here: terminal.Terminal) -> None:
    if here.quiet:
        return
    name = str(change.path)
    for part in difflib.unified_diff(_lines(change.old), _lines(change.new), name, name, n=2, lineterm=""):
        sys.stderr.write(render.inert(part.rstrip("\r")) + "\n")


def _lines(content: bytes | None) -> list[str]:
    # Split at line feeds alone, as shells do: a stray form feed is no new line.
    lines = (content or b"").decode("utf-8", "surrogateescape").split("\n")
    return lines if lines[-1] else lines[:-1]
