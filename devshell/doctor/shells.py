"""The user's shells: new enough, loading the hook, and nothing of the user's in its way."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from devshell import enter, interactive, rcfiles, shells
from devshell.doctor.finding import Level, failure, note, ok, problem
from devshell.errors import DevshellError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devshell.doctor.finding import Finding, Surroundings

_CONCEPT = "shell"
_HOOK = "__devshell_"
#: What others' prompt hooks are called that put folders in front of PATH, as devshell's does.
_RIVALS = ("_direnv_hook", "direnv", "_mise_hook", "mise", "_asdf", "_rtx_hook", "flox", "devbox")


def check(here: Surroundings) -> Iterator[Finding]:
    """Look at the shell named by SHELL, the one that called, and those that are to load the hook."""
    env = here.users
    lines = {shell: rcfiles.lines(shell, env) for shell in shells.SHELLS}
    own, caller = os.path.basename(env.get("SHELL", "")), _caller()
    for name in dict.fromkeys((own, caller)):
        if name and name not in shells.SHELLS and name == own:
            yield note(
                _CONCEPT,
                f"there is no hook for your shell {name!r}",
                "use `devshell enter`, `devshell exec` or `devshell shims`, or one of bash, zsh, fish",
            )
    for shell in shells.SHELLS:
        if shell in {own, caller} or lines[shell]:
            yield from _shell(shell, lines[shell], env)


def _shell(shell: str, lines: list[rcfiles.Line], env: Mapping[str, str]) -> Iterator[Finding]:
    program = _program(shell, env)
    if program is None:
        if lines:
            yield note(_CONCEPT, f"{lines[0].path} loads the hook for {shell}, which is not on this machine")
        return
    version = enter.version_of(program)
    needed = enter.MINIMUM[shell]
    if version is None:
        yield problem(_CONCEPT, f"{program!r} does not say its version", f"look at what `{shell} --version` says")
        return
    said = f"{shell} {version[0]}.{version[1]}"
    if version < needed:
        yield problem(
            _CONCEPT,
            f"{program!r} is {said}, and devshell needs {needed[0]}.{needed[1]} or newer",
            f"install a newer {shell}",
        )
        return
    try:
        found = interactive.ask(program, _question(shell), env)
    except DevshellError as error:
        # It may be meant so, as where .bashrc goes over to another shell.
        yield failure(_CONCEPT, error, Level.NOTE)
        return
    yield from _loaded(shell, said, lines, found, env)


def _loaded(
    shell: str, said: str, lines: list[rcfiles.Line], found: list[str], env: Mapping[str, str]
) -> Iterator[Finding]:
    """Judge what an interactive shell said of itself: lines of a word and what it is about."""
    told = [tuple(line.partition(" ")[::2]) for line in found]
    prompts = [text for word, text in told if word == "prompt"]
    if ("loaded", "") not in told:
        if lines:
            where = f"{lines[0].path}, line {lines[0].number},"
            mend = f"see that nothing before that line ends the file, and that `devshell hook {shell}` works there"
            yield problem(
                _CONCEPT, f"{said}: {where} is to load the hook, and an interactive shell does not have it", mend
            )
        else:
            file = rcfiles.rc_file(shell, env)
            text = f"{said}: the hook is not in {file}, so that environments come by `devshell enter` alone"
            yield note(_CONCEPT, text, f"devshell hook --install {shell}")
        return
    where = f"by {lines[0].path}, line {lines[0].number}" if lines else "by a file that devshell does not know"
    yield ok(_CONCEPT, f"{said}: an interactive shell loads the hook, {where}")
    if len(lines) > 1:
        places = " and ".join(f"{line.path}, line {line.number}" for line in lines)
        yield note(_CONCEPT, f"{shell} is told to load the hook more than once: {places}", "keep one of these lines")
    yield from _order(shell, prompts)
    if ("cd", "function") in told or ("cd", "alias") in told:
        kind = next(text for word, text in told if word == "cd")
        yield note(
            _CONCEPT,
            f"{shell}: `cd` is your own {kind}, so that projects change at the next prompt, not within a line",
            f"take that {kind} out, if `cd project && command` on one line is to use the project's tools",
        )


def _order(shell: str, prompts: list[str]) -> Iterator[Finding]:
    ours = next((number for number, text in enumerate(prompts) if _HOOK in text), None)
    if ours is None:
        yield problem(
            _CONCEPT,
            f"{shell}: the hook is loaded, and does not run at the prompt: the prompt hooks were replaced later",
            "move the line that loads it to the end of the file",
        )
        return
    later = [text for text in prompts[ours + 1 :] if text.startswith(_RIVALS)]
    if later:
        yield note(
            _CONCEPT,
            f"{shell}: {later[0]!r} runs after devshell's hook, and may put its folders before the project's",
            "load one of the two alone, or see that they do not bring the same tools",
        )
    elif len(prompts) > 1:
        text = ", ".join(prompt[:40] for prompt in prompts)
        order = "" if shell == "fish" else ", in this order"
        yield ok(_CONCEPT, f"{shell}: at the prompt run{order}: {text}")


def _question(shell: str) -> str:
    return f"builtin source {rcfiles.quote(shell, enter.hook(f'doctor.{shell}'))}"


def _program(shell: str, env: Mapping[str, str]) -> str | None:
    own = env.get("SHELL", "")
    if os.path.basename(own) == shell and os.path.isabs(own) and os.access(own, os.X_OK):
        return own
    found = shutil.which(shell, path=env.get("PATH", os.defpath))
    return found if found and os.path.isabs(found) else None


def _caller() -> str:
    """Return the name of the program that started this one, or nothing where it cannot be told."""
    try:
        with open(f"/proc/{os.getppid()}/comm", encoding="utf-8", errors="replace") as file:
            name = file.read()
    except OSError:
        name = _asked_of_ps()
    return os.path.basename(name.strip().removeprefix("-"))


def _asked_of_ps() -> str:
    try:
        # macOS has no /proc; ps is in the same place everywhere.
        told = subprocess.run(  # noqa: S603  a fixed program with a number
            ["/bin/ps", "-o", "comm=", "-p", str(os.getppid())],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.decode("utf-8", "replace")
