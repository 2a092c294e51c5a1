"""`hooks.env`: a script that runs in bash inside the environment, of which what it exports is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from devshell.errors import ManifestError, Place, ShellError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devshell.environ import Plan

#: Variables that bash itself moves, or that say nothing about the project.
_BASH_OWN = frozenset({"_", "SHLVL", "PWD", "OLDPWD", "BASH_EXECUTION_STRING", "SHELLOPTS", "BASHOPTS", "PATH"})
_MOST = 16 << 20
#: Written when the script came to its end: one that left with `exit` has said nothing of what it exported.
_END = "devshell: the end"
#: The script's own output goes to stderr, since stdout may be somebody's data; and a process it leaves
#: behind must not hold the pipe that is read here.
_WRAPPER = (
    'exec 3>&1 1>&2; cd -- "$2" || exit; set -e; { . "$1"; } 3>&-; set +e; '
    f'printf "%s\\0" "{_END}" >&3; exec env -0 1>&3'
)
#: Set while a script runs, to the project's folder.
RUNNING = "DEVSHELL_PREPARING"


def run(script: str, env: Mapping[str, str], root: str, place: Place) -> Plan:
    """Run the script in the project's folder and return what it exported, changed or unset, as a plan.

    A change to PATH is kept as the entries it put in front. Raises ManifestError where the script
    fails, ShellError where there is no bash.
    """
    bash = shutil.which("bash", path=env.get("PATH")) or shutil.which("bash")
    if bash is None:
        raise ShellError("`hooks.env` runs in bash, and there is none", place=place, hint="install bash")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "env-hook"
        file.write_text(script, encoding="utf-8", errors="surrogateescape")
        done = subprocess.run(  # noqa: S603  (the user allowed this very script)
            [bash, "--noprofile", "--norc", "-c", _WRAPPER, "devshell", str(file), root],
            # BASH_ENV would run before the first word of the wrapper.
            env={name: value for name, value in env.items() if name != "BASH_ENV"} | {RUNNING: root},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
    if done.returncode != 0 or len(done.stdout) > _MOST:
        raise ManifestError(
            f"`hooks.env` failed with exit code {done.returncode}",
            place=place,
            hint="what it printed stands above; mend the script, then `devshell allow`",
        )
    begin = f"{_END}\0".encode()
    if not done.stdout.startswith(begin):
        raise ManifestError(
            "`hooks.env` left before its end", place=place, hint="use `return` in it, not `exit` or `exec`"
        )
    return _difference(env, _variables(done.stdout.removeprefix(begin)))


def _variables(output: bytes) -> dict[str, str]:
    pairs = (os.fsdecode(line).partition("=") for line in output.split(b"\0") if line)
    # Exported functions have names such as BASH_FUNC_x%%, which no other shell could hold.
    return {name: value for name, _, value in pairs if name.isidentifier() and name.isascii()}


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> Plan:
    names = sorted((set(before) | set(after)) - _BASH_OWN - {"BASH_ENV"})
    plan: list[tuple[str, ...]] = []
    for name in names:
        if name.startswith("DEVSHELL_") or before.get(name) == after.get(name):
            continue
        plan.append(("literal", name, after[name]) if name in after else ("unset", name))
    entries = _entries_in_front(before.get("PATH", ""), after.get("PATH", ""))
    if entries:
        plan.append(("path", *entries))
    return tuple(plan)


def _entries_in_front(before: str, after: str) -> list[str]:
    old = before.split(":")
    return [entry for entry in after.split(":") if entry and entry not in old]
