"""The order tasks run in, and the command line of one: pure functions of the manifest's `[tasks]`."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from devshell.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devshell.manifest.model import Task

# One step through a POSIX shell script: what cannot hold a parameter (an escape, a single-quoted
# word, a comment at the start of a word), the double quote that switches the first two off, and a
# positional parameter. Comments and single quotes mean nothing inside double quotes.
_ESCAPE = r"(?P<escape>\\.)"
_QUOTE = r'(?P<quote>")'
_PARAMETER = r"(?P<parameter>\$(?:[1-9@*#]|\{(?:[1-9@*]|#[@*}])))"
_INSIDE = re.compile(rf"{_ESCAPE}|{_QUOTE}|{_PARAMETER}", re.DOTALL)
_OUTSIDE = re.compile(
    rf"{_ESCAPE}|{_QUOTE}|(?P<literal>'[^']*')|(?:^|(?<=[\s;&|()]))(?P<comment>#[^\n]*)|{_PARAMETER}", re.DOTALL
)


def order(tasks: Mapping[str, Task], name: str) -> tuple[Task, ...]:
    """Return the task `name` and all it depends on, each once, dependencies first, in the order written.

    Raises TaskError where a name is not a task's, with the nearest one, and where tasks depend on
    each other in a circle, with the circle.
    """
    done: dict[str, Task] = {}
    path: list[str] = []
    # A stack of our own: a chain of depends may be longer than Python's.
    stack: list[tuple[str, Task | None, bool]] = [(name, None, False)]
    while stack:
        current, wanted_by, leaving = stack.pop()
        if leaving:
            path.pop()
            done[current] = tasks[current]
            continue
        if current in done:
            continue
        if current in path:
            raise _circle((*path[path.index(current) :], current), tasks[current])
        task = tasks.get(current)
        if task is None:
            raise _unknown(tasks, current, wanted_by)
        path.append(current)
        stack.append((current, wanted_by, True))
        stack.extend((needed, task, False) for needed in reversed(task.depends))
    return tuple(done.values())


def command(task: Task, args: Sequence[str]) -> list[str]:
    """Return the argument vector that runs `task` with `args`: `sh -c script name args…`.

    A script that uses none of `$1`, `$@`, `$*` and `$#` gets its arguments at its end, as package
    scripts do elsewhere; one that uses them says itself where they belong.
    """
    uses, end = _scan(task.run)
    script = task.run
    if args and not uses:
        script = f'{script[:end].rstrip()} "$@"'
    return ["sh", "-c", script, task.name, *args]


def _scan(script: str) -> tuple[bool, int]:
    """Return whether a script uses positional parameters, and where its last command ends."""
    quoted = False
    position = 0
    end = len(script)
    while found := (_INSIDE if quoted else _OUTSIDE).search(script, position):
        position = found.end()
        if found["parameter"]:
            return True, end
        if found["quote"]:
            quoted = not quoted
        elif not quoted and found["comment"]:
            # Arguments put behind a closing comment would become part of it.
            end = found.start() if not script[found.end() :].strip() else end
    return False, end


def _circle(names: Sequence[str], task: Task) -> TaskError:
    return TaskError(
        f"tasks depend on each other in a circle: {' → '.join(map(repr, names))}",
        place=task.place,
        hint=f"take one of them out of the `depends` of the one before it, such as {names[-1]!r} of {names[-2]!r}",
    )


def _unknown(tasks: Mapping[str, Task], name: str, wanted_by: Task | None) -> TaskError:
    by = "" if wanted_by is None else f", which {wanted_by.name!r} depends on"
    near = difflib.get_close_matches(name, tasks, n=1)
    if near:
        hint = f"did you mean {near[0]!r}?"
    elif tasks:
        hint = f"there are: {', '.join(map(repr, sorted(tasks)))}"
    else:
        hint = 'name one in devshell.toml: [tasks] then test = "…"'
    return TaskError(f"there is no task {name!r}{by}", place=None if wanted_by is None else wanted_by.place, hint=hint)
