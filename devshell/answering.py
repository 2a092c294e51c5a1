"""What `export json --full` does: it tells an editor where a folder stands, and which variables to have there.

It reads, and honours nothing of a project before that is allowed. What is allowed, installed, and only touched since
is rendered once more, so that the next answer needs no Python.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devshell import answer, config, entering, environ, obstacles, opening, project, ready, refresh, trust
from devshell.answer import Answer, Problem
from devshell.errors import DevshellError, ManyErrors
from devshell.paths import OWN_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from devshell.config import Config
    from devshell.obstacles import Obstacle
    from devshell.opening import Project
    from devshell.snapshot import Snapshot


def tell(start: Path, env: Mapping[str, str], shell: str | None = None) -> str:
    """Return the whole answer for the folder `start` and a program whose variables are `env`, as JSON.

    Raises ManifestError for a named shell that the project does not have, ShellError for variables that no environment
    can hold.
    """
    found, record = _found(start, shell)
    if record is None:
        return answer.text(found, environ.managed(env, environ.leave(env)))
    after = environ.enter(record.plan, env, record.root, record.environment)
    return answer.text(found, environ.managed(env, after))


def _found(start: Path, shell: str | None) -> tuple[Answer, ready.Ready | None]:
    root = ready.find(os.path.realpath(start))
    if root is None:
        return Answer(), None
    settings = config.load(config.config_file())
    try:
        snapshot = project.read(project.find(start))
    except DevshellError as problem:
        files = tuple(os.path.join(root, name) for name in OWN_FILES)
        return _waiting(root, obstacles.refused(root), files, (problem,)), None
    watch = tuple(file.path for file in snapshot.files)
    try:
        opened = opening.checked(snapshot)
    except DevshellError as problem:
        first = _standing(snapshot, settings) or obstacles.broken(root, problem)
        return _waiting(root, first, watch, (problem,)), None
    opened.shell(shell)
    try:
        obstacle = _standing(snapshot, settings)
        if obstacle is None and (record := _record(opened, shell)) is not None:
            return entering.of_ready(opened, shell, record, entering.parts_of(opened, shell)), record
        obstacle = obstacle or obstacles.of_installation(opened) or obstacles.uninstalled(root)
    except DevshellError as problem:
        return _waiting(root, obstacles.broken(root, problem), watch, (problem,)), None
    return _waiting(root, obstacle, watch, ()), None


def _standing(snapshot: Snapshot, settings: Config) -> Obstacle | None:
    """Return what the user's word and settings put in the way."""
    obstacle = obstacles.of_standing(snapshot, trust.standing(snapshot))
    if obstacle is None or trust.by_settings(snapshot, settings):
        return None
    return obstacle


def _record(found: Project, shell: str | None) -> ready.Ready | None:
    record = ready.load(found.root, shell)
    if record is None or not entering.answers(found.root, shell):
        refresh.settle(found.root)
        return ready.load(found.root, shell)
    refresh.settle_young(record)
    return record


def _waiting(root: str, obstacle: Obstacle, files: tuple[str, ...], problems: tuple[DevshellError, ...]) -> Answer:
    settings = tuple(file.path for file in entering.settings_files())
    return Answer(
        obstacle.state,
        root,
        obstacles.name_of(root),
        obstacle.message,
        obstacle.command,
        obstacle.keep,
        watch=(*files, *settings, *entering.links(root)),
        problems=tuple(_problems(problems)),
    )


def _problems(found: tuple[DevshellError, ...]) -> Iterator[Problem]:
    for problem in found:
        for one in problem.errors if isinstance(problem, ManyErrors) else (problem,):
            place = one.place
            if place is not None:
                yield Problem(place.file, place.line, place.key or "", one.message, one.hint or "")
