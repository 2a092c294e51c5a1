"""What is rendered for entering a project: the record Python reads, and scripts for each shell and the launcher."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import answer, config, enter, environ, lock, obstacles, paths, ready, rendered, shells, tasks, trust
from devshell.errors import DevshellError
from devshell.files import read_regular
from devshell.shells import posix
from devshell.shells.rendering import Completion, Entering
from devshell.snapshot import File, Role
from devshell.system import host_platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devshell.environ import Plan
    from devshell.lock import Part
    from devshell.manifest import Shell
    from devshell.opening import Project
    from devshell.shells.rendering import Watched

_LARGEST_CONFIG = _LARGEST_ANSWER = 1 << 20
#: What the launcher reads to tell an editor; beside the scripts of shells.
_ANSWER = "answer"
_LARGEST_COMPLETION = 4 << 20
#: How many tools a greeting names, before it only counts them.
_NAMED = 2


def render(found: Project, shell: str | None, environment: str, plan: Plan) -> ready.Ready:
    """Render all that lets a trusted project's shell be entered, and return the record of it.

    `environment` is the environment's store path, `plan` what activation does. Raises TrustError where the user's
    word was taken back meanwhile, ShellError for what no shell can be told.
    """
    settings = config.load(config.config_file())
    wanted = found.shell(shell)
    parts = parts_of(found, shell)
    greeting = greet(found.root, wanted, parts, settings.greeting)
    # What no environment can hold is said here, where it can be explained.
    environ.enter(plan, os.environ, found.root, environment)
    record: list[ready.Ready] = []

    def make(folder: Path, watched: tuple[Watched, ...]) -> dict[str, bytes]:
        triples = tuple((w.path, w.reference, "young" if w.young else "") for w in watched)
        record.append(ready.Ready(found.root, environment, len(parts), triples, plan))
        scripts = {"record": ready.encode(record[0])}
        for kind in (*shells.SHELLS, "sh"):
            value = Entering(
                own=str(folder / kind),
                watched=watched,
                root=found.root,
                environment=environment,
                prompt=environ.prompt(found.root),
                plan=plan,
                aliases=tuple(sorted(wanted.aliases.items())),
                completions=tuple(completions(Path(environment), kind)),
                greeting=greeting,
                activate=wanted.hooks.activate.scripts.get(kind, ""),
                deactivate=wanted.hooks.deactivate.scripts.get(kind, ""),
                tasks=_tasks(wanted),
            )
            text = posix.entering(value) if kind == "sh" else shells.hooked(kind).entering(value)
            scripts[kind] = os.fsencode(text)
        told = of_ready(found, shell, record[0], parts)
        scripts[_ANSWER] = os.fsencode(posix.answering(answer.opened(told), _answering()))
        return scripts

    trust.render(found.snapshot, shell, settings_files(), make)
    return record[0]


def of_ready(found: Project, shell: str | None, record: ready.Ready, parts: Mapping[str, Part]) -> answer.Answer:
    """Return what an editor is told of a project that is ready; `parts` are those of its lock for this machine."""
    entries: list[str] = []
    for kind, *words in record.plan:
        if kind == "path":
            entries = environ.front(words, entries)
    return answer.Answer(
        answer.State.READY,
        found.root,
        obstacles.name_of(found.root),
        environment=record.environment,
        tools={key: parts[key].block.version for key in found.shell(shell).tools if key in parts},
        path=tuple(entries),
        watch=(*(path for path, _, _ in record.watched), *links(found.root, shell)),
    )


def answers(root: str, shell: str | None = None) -> bool:
    """Return whether what the launcher tells editors of a project was rendered by this release."""
    try:
        found = read_regular(Path(ready.folder(root, shell), _ANSWER), _LARGEST_ANSWER)
    except DevshellError:
        return False
    return found is not None and found[0].endswith(os.fsencode(_answering()))


def _answering() -> str:
    return Path(enter.hook("answer.sh")).read_text("utf-8")


def links(root: str, shell: str | None = None) -> tuple[str, ...]:
    """Return the links in a project's state that say whether it is entered; commands and shells swap them."""
    return ready.folder(root, shell), os.path.join(paths.project_state(root), rendered.WAITING)


def settings_files() -> tuple[File, ...]:
    """Return the user's own files that a rendered script depends on: the configuration, which says how to greet."""
    path = config.config_file()
    read = read_regular(path, _LARGEST_CONFIG)
    if read is None:
        return (File(str(path), Role.WATCH, None),)
    content, status = read
    return (File(str(path), Role.WATCH, content, status.st_uid, status.st_mode, status.st_mtime_ns),)


def greet(root: str, shell: Shell, parts: Mapping[str, Part], kind: str) -> str:
    """Return the line said on entering, `devshell: django (python 3.13.5, node 22.11.0, +4)`, or nothing.

    `kind` is the user's wish: `tools`, `name` or `off`. Tools stand in the manifest's order.
    """
    if kind == "off":
        return ""
    name = f"devshell: {obstacles.name_of(root)}"
    named = [f"{key.rpartition(':')[2]} {parts[key].block.version}" for key in shell.tools if key in parts]
    if kind == "name" or not named:
        return name
    more = [f"+{len(named) - _NAMED}"] if len(named) > _NAMED else []
    line = f"{name} ({', '.join([*named[:_NAMED], *more])})"
    # It goes to a terminal as it is.
    return "".join(character if character.isprintable() else "?" for character in line)


def completions(environment: Path, shell: str) -> Iterator[Completion]:
    """Yield what an environment has to complete its commands with in a shell; only for commands that it brings."""
    if shell == "bash":
        for file in _files(environment / "share/bash-completion/completions"):
            name = file.name.removesuffix(".bash")
            if _has(environment, name):
                yield Completion(str(file), (name,))
    elif shell == "zsh":
        for file in _files(environment / "share/zsh/site-functions"):
            named = tuple(name for name in _compdef(file) if _has(environment, name))
            if file.name.startswith("_") and named:
                yield Completion(str(file), named)
    elif shell == "fish":
        for file in _files(environment / "share/fish/vendor_completions.d"):
            name = file.name.removesuffix(".fish")
            if file.name.endswith(".fish") and _has(environment, name):
                yield Completion(str(file), (name,))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _has(environment: Path, command: str) -> bool:
    return os.path.lexists(environment / "bin" / command)


def _compdef(file: Path) -> list[str]:
    # The words of zsh's `#compdef` line (zshcompsys(1)), without its options and patterns.
    with file.open("rb") as opened:
        line = opened.readline(_LARGEST_COMPLETION).decode("utf-8", "replace")
    words = line.split() if line.startswith("#compdef") else []
    plain = itertools.takewhile(lambda word: not word.startswith("-"), words[1:])
    return [word.partition("=")[0] for word in plain]


def _tasks(shell: Shell) -> dict[str, tuple[str, str]]:
    """Return the script of each task that depends on no other, as it is without and with arguments."""
    return {
        name: (tasks.command(task, [])[2], tasks.command(task, ["x"])[2])
        for name, task in sorted(shell.tasks.items())
        if not task.depends
    }


def parts_of(found: Project, shell: str | None) -> Mapping[str, Part]:
    """Return what a project's lock has for this machine, by tool. Raises LockError."""
    locked = found.lock()
    return {} if locked is None else lock.parts(locked, shell, host_platform())
