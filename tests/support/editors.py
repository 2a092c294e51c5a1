"""A stand-in for an editor's command line: it tells what it got, keeps the file that it is to install, and obeys."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_RECORD = """\
import json, os, shutil, sys
words = sys.argv[2:]
told = {
    "words": words,
    "env": dict(os.environ),
    "cwd": os.getcwd(),
    "stdin": os.fstat(0).st_rdev == os.stat(os.devnull).st_rdev,
}
if "--install-extension" in words:
    shutil.copy(words[words.index("--install-extension") + 1], sys.argv[1] + ".vsix")
with open(sys.argv[1], "a") as file:
    file.write(json.dumps(told) + "\\n")
"""


@dataclass(frozen=True)
class Call:
    """One call of the stand-in."""

    words: list[str]
    env: dict[str, str]
    cwd: str
    stdin_is_empty: bool


@dataclass(frozen=True)
class StandIn:
    """One editor's command, and what it was told."""

    command: Path

    @property
    def calls(self) -> list[Call]:
        if not self._record.exists():
            return []
        told = map(json.loads, self._record.read_text().splitlines())
        return [Call(each["words"], each["env"], each["cwd"], each["stdin"]) for each in told]

    @property
    def vsix(self) -> Path:
        return self._record.with_name(self._record.name + ".vsix")

    @property
    def _record(self) -> Path:
        return self.command.with_name(f".{self.command.name}.told")


def stand_in(folder: Path, name: str, then: str = "") -> StandIn:
    """Make one in a folder; `then` is what its sh does after it has told."""
    folder.mkdir(parents=True, exist_ok=True)
    editor = StandIn(folder / name)
    # By the path of this Python: what a project puts into PATH must not change the stand-in.
    record = shlex.join([sys.executable, "-I", "-c", _RECORD, str(editor._record)])
    editor.command.write_text(f'#!/bin/sh\n{record} "$@"\n{then}\n')
    editor.command.chmod(0o755)
    return editor
