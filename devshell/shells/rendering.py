"""What a rendered script says, before it is said in one shell's language.

A rendered script only defines things, out of literals: the code that acts stands in `shell-hooks/`. It exists only for
what is trusted (`Entering`), or says in fixed words why a project is not entered (`Waiting`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devshell.environ import Plan


@dataclass(frozen=True, slots=True)
class Watched:
    """A file to be found as it was: `reference` carries its exact time, and is empty where the file was absent.

    A `young` file changed so shortly before its reference was written that a second change may have left no trace in
    its time: its content is compared too, with that of the reference. `earlier` carries the last time before the exact
    one, for a shell that cannot ask whether a file is neither newer nor older, nor missing, in fewer looks.
    """

    path: str
    reference: str
    young: bool = False
    earlier: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """Where the environment keeps the completion of a command: `file` for `commands`."""

    file: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entering:
    """A project that can be entered.

    `own` is the path of the very script that is rendered: when it is gone, so is the word that let it be. `plan` is as
    `devshell.environ` has it, `prompt` the value of `DEVSHELL_PROMPT`, `greeting` what is said on entering, empty for
    nothing. `completions`, `activate` and `deactivate` are those for the shell that is rendered for. `tasks` maps the
    name of each plain task to its two argument vectors, as `devshell.tasks.command` gives them for a call without and
    with one more argument; only the launcher has a use for them.
    """

    own: str
    watched: tuple[Watched, ...]
    root: str
    environment: str
    prompt: str
    plan: Plan
    aliases: tuple[tuple[str, str], ...] = ()
    completions: tuple[Completion, ...] = ()
    greeting: str = ""
    activate: str = ""
    deactivate: str = ""
    tasks: Mapping[str, tuple[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A project that is not entered: `message` says why, empty for nothing.

    `keep` is whether an environment of this project that is active already may stay.
    """

    own: str
    watched: tuple[Watched, ...]
    message: str
    keep: bool
