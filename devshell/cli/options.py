"""Options that every command takes, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Directory = Annotated[Path | None, typer.Option("-C", "--directory", metavar="DIR", help="Act as if started in DIR.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say what is done, step by step.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Offline = Annotated[bool, typer.Option("--offline", help="Use only what is on this machine.")]
Frozen = Annotated[bool, typer.Option("--locked", help="Fail where the lock would have to change.")]
ShellName = Annotated[
    str | None, typer.Argument(metavar="[SHELL-NAME]", help="A named shell of the manifest.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
