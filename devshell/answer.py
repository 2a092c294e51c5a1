"""What an editor is told of a folder: its project, where that stands, and the variables to have there.

This is what `devshell export json --full` prints, one JSON object. All of it but `variables` depends on the project
alone, so it is rendered beforehand for whoever asks without Python (see `devshell.entering`). Texts may hold surrogates
where paths or values do, which no JSON can say: they are written as the bytes they stand for.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Readers refuse another one.
FORMAT = 1


class State(StrEnum):
    """Where a folder stands; all but NONE and READY are a project that is not entered."""

    NONE = "none"
    NOT_ALLOWED = "not allowed"
    DENIED = "denied"
    CHANGED = "changed"
    NOT_INSTALLED = "not installed"
    STALE = "stale"
    BROKEN = "broken"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a file; `line` counts from 1, `key` is a dotted TOML path, empty where it is not known."""

    file: str
    line: int | None
    key: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """All that is told but the variables.

    `project` is its folder, `name` that as prompts show it. `message` says why it is not entered, `command` what to
    give to devshell next. With `keep`, an environment of this project that is active may stay. `environment` is its
    store path, `tools` the versions by name, `path` the entries put in front of PATH. A change of one of `watch`, files
    and symbolic links that may be missing, may change the answer.
    """

    state: State = State.NONE
    project: str | None = None
    name: str = ""
    message: str = ""
    command: str = ""
    keep: bool = False
    environment: str = ""
    tools: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    path: tuple[str, ...] = ()
    watch: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def opened(answer: Answer) -> str:
    """Return the answer as a JSON object that still waits for its last key, `variables`, and the closing brace."""
    named = {name: getattr(answer, name) for name in Answer.__slots__}
    named["tools"] = dict(answer.tools)
    named["problems"] = [asdict(problem) for problem in answer.problems]
    return json.dumps({"format": FORMAT, **named}, ensure_ascii=False)[:-1]


def text(answer: Answer, variables: Mapping[str, str | None]) -> str:
    """Return the whole answer; `variables` is as `devshell.environ.managed` has it."""
    return f'{opened(answer)}, "variables": {json.dumps(dict(sorted(variables.items())), ensure_ascii=False)}}}'
