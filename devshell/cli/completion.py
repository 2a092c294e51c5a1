"""`devshell completion`: completion scripts for shells."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from devshell.cli import render


class Kind(StrEnum):
    """The shells that have completions."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Kind, typer.Argument(help="The shell.")]) -> None:
    """Print the completion script of a shell, to be sourced by its rc file."""
    from typer._completion_shared import get_completion_script

    from devshell.cli.app import COMPLETE_VARIABLE

    render.data(get_completion_script(prog_name="devshell", complete_var=COMPLETE_VARIABLE, shell=shell.value))
