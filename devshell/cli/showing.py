"""Showing what is about to be trusted: a project's content, or what changed in it since.

Every text comes from a stranger, so nothing in it acts on the terminal; values of dotenv files are
never shown.
"""

from __future__ import annotations

import difflib
import io
import os
import re
from typing import TYPE_CHECKING

from devshell import dotenv, trust
from devshell.cli import render
from devshell.errors import DevshellError
from devshell.lock import DEPENDENCY, Block, Lock, changes, loads
from devshell.snapshot import Role
from devshell.trust import FileChange, Standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devshell.lock import Change
    from devshell.manifest import Shell
    from devshell.snapshot import Snapshot

#: Variables with which a project can make other programs run its code, trust its files or follow its settings.
DANGEROUS = frozenset(
    (
        # Shells, and what they start beside the command.
        "BASH_ENV", "BASH_LOADABLES_PATH", "CDPATH", "ENV", "FPATH", "IFS", "PROMPT_COMMAND", "PS0", "PS1", "PS4",
        "SHELL", "ZDOTDIR", "fish_function_path",
        # Where programs look for programs, for each other's code, and for their settings.
        "CARGO_HOME", "CLASSPATH", "DOCKER_CONFIG", "DOCKER_HOST", "EMACSLOADPATH", "GCONV_PATH", "GEM_HOME",
        "GEM_PATH", "GNUPGHOME", "HOME", "INPUTRC", "KUBECONFIG", "LUA_CPATH", "LUA_PATH", "MAKEFILES", "NODE_PATH",
        "PATH", "PERL5LIB", "PERLLIB", "PIP_CONFIG_FILE", "PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE", "RUBYLIB",
        "TCLLIBPATH", "UV_CONFIG_FILE", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        # Code, or options that are as good as code.
        "EXINIT", "GNUMAKEFLAGS", "GOFLAGS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "LESS", "LUA_INIT", "MAKEFLAGS",
        "NODE_OPTIONS", "PERL5DB", "PERL5OPT", "PYTHONBREAKPOINT", "PYTHONSTARTUP", "PYTHONWARNINGS", "RUBYOPT",
        "RUSTC", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "TAR_OPTIONS", "VIMINIT", "_JAVA_OPTIONS",
        # Programs that other programs start.
        "BROWSER", "CVS_RSH", "EDITOR", "GIT_ASKPASS", "GIT_EDITOR", "GIT_EXEC_PATH", "GIT_EXTERNAL_DIFF",
        "GIT_PAGER", "GIT_PROXY_COMMAND", "GIT_SEQUENCE_EDITOR", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_TEMPLATE_DIR",
        "LESSCLOSE", "LESSOPEN", "MANPAGER", "PAGER", "RSYNC_RSH", "SSH_ASKPASS", "SUDO_ASKPASS", "SUDO_EDITOR",
        "SVN_SSH", "VISUAL",
        # Whom programs believe on the network.
        "ALL_PROXY", "CURL_CA_BUNDLE", "GIT_SSL_NO_VERIFY", "HTTPS_PROXY", "HTTP_PROXY", "NODE_EXTRA_CA_CERTS",
        "NODE_TLS_REJECT_UNAUTHORIZED", "REQUESTS_CA_BUNDLE", "SSH_AUTH_SOCK", "SSL_CERT_DIR", "SSL_CERT_FILE",
        "all_proxy", "http_proxy", "https_proxy",
    )
)  # fmt: skip
#: Beginnings of names of which every one counts: libraries put into all programs, and settings of git and npm.
_DANGEROUS = ("LD_", "DYLD_", "GIT_CONFIG", "npm_config_", "NPM_CONFIG_")
#: Lines shown of one file, of all together, and characters of a line.
_LONGEST, _LONGEST_ALL, _WIDEST = 400, 4000, 500
_BLANKS = re.compile(r"[^\S\r\n]{256,}")
#: Comparing takes the square of this.
_MOST_LINES = 3000


def content(snapshot: Snapshot, standing: Standing) -> None:
    """Print what is about to be trusted; where something was trusted before, the difference."""
    render.line(f"{render.paint(_one_line(snapshot.root), 'bold')} is {standing.value}")
    left = _LONGEST_ALL
    for change in trust.differences(snapshot):
        left -= _print_change(change, snapshot.root, left)
    _print_warnings(snapshot)


def dangerous(name: str) -> bool:
    """Return whether a variable of this name can make other programs run code, or trust what they should not."""
    return name in DANGEROUS or name.startswith(_DANGEROUS)


def lock_changes(found: list[Change]) -> None:
    """Print what changed in a lock, tool by tool, old → new."""
    for change in found:
        groups = {None: "", DEPENDENCY: f" {DEPENDENCY}"}
        name = change.name + groups.get(change.shell, f" (shell {change.shell})")
        old, new = change.old or "—", change.new or "—"
        text = f"{old} → {new}" if old != new else f"{new} ({change.detail})"
        render.data(f"{render.inert(name)} {render.inert(text)}")


def _print_change(change: FileChange, root: str, left: int) -> int:
    """Print one file's change in at most `left` lines, and return how many it took."""
    name = _one_line(os.path.relpath(change.path, root) if change.path.startswith(root + "/") else change.path)
    state = "new" if change.old is None else "gone" if change.new is None else "changed"
    _say(f"  {render.paint(f'{name} ({change.role.value}, {state})', 'bold')}")
    number = 0
    for number, text in enumerate(_lines(change), 1):
        if number > min(left, _LONGEST):
            _say(f"    … and more; look at {name} itself")
            break
        cut = text if len(text) <= _WIDEST else f"{text[:_WIDEST]} … and {len(text) - _WIDEST} characters more"
        _say(f"    {_one_line(cut)}")
    return number


def _lines(change: FileChange) -> Iterator[str]:
    if change.role is Role.DOTENV:
        yield from _dotenv_names(change)
    elif change.role is Role.LOCK:
        yield from _lock_lines(change)
    elif b"\0" in (change.old or b"") + (change.new or b""):
        yield f"{len(change.new or b'')} bytes that are no text"
    else:
        yield from _diff(change)


def _diff(change: FileChange) -> Iterator[str]:
    old, new = ((text or b"").decode("utf-8", "replace").splitlines() for text in (change.old, change.new))
    if change.old is None:
        yield from new
    elif change.new is None:
        yield from (f"-{line}" for line in old)
    elif max(len(old), len(new)) > _MOST_LINES:
        yield "too many lines to compare; look at the file itself"
    else:
        yield from list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]


def _dotenv_names(change: FileChange) -> Iterator[str]:
    from dotenv import dotenv_values

    # python-dotenv takes the square of a run of blanks; names have none.
    texts = (_BLANKS.sub(" ", (text or b"").decode("utf-8", "replace")) for text in (change.old, change.new))
    old, new = (dotenv_values(stream=io.StringIO(text), interpolate=False) for text in texts)
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name) or (name in old) != (name in new):
            yield f"{'+' if name not in old else '-' if name not in new else '~'} {name}"


def _lock_lines(change: FileChange) -> Iterator[str]:
    try:
        old, new = (Lock() if text is None else loads(text, change.path) for text in (change.old, change.new))
    except DevshellError:
        yield from _diff(change)
        return
    packages = {one.name: _packages(one, new) for one in changes(old, new)}
    for one in changes(old, new):
        origin = f" from {packages[one.name]}" if packages[one.name] else ""
        yield f"{one.name} {one.old or '—'} → {one.new or '—'}{origin}" + (f" ({one.detail})" if one.detail else "")


def _packages(change: Change, lock: Lock) -> str:
    entry = lock.tools.get(change.name) or lock.dependencies.get(change.name)
    if change.shell in lock.shells:
        entry = lock.shells[str(change.shell)].get(change.name)
    blocks = [block for block in entry.platforms.values() if isinstance(block, Block)] if entry else []
    return ", ".join(sorted({":".join(filter(None, (b.source, b.origin.get("package")))) for b in blocks}))


def _lock_variables(snapshot: Snapshot) -> set[str]:
    file = snapshot.one(Role.LOCK)
    try:
        lock = Lock() if file.content is None else loads(file.content, file.path)
    except DevshellError:
        return set()
    groups = (lock.tools, lock.dependencies, *lock.shells.values())
    blocks = (block for entries in groups for entry in entries.values() for block in entry.platforms.values())
    return {name for block in blocks if isinstance(block, Block) for name in block.variables}


def _dotenv_variables(snapshot: Snapshot) -> set[str]:
    try:
        return {name for name, _ in dotenv.values(snapshot, [file.path for file in snapshot.all(Role.DOTENV)])}
    except DevshellError:
        return set()


def _print_warnings(snapshot: Snapshot) -> None:
    from devshell import manifest

    try:
        found = manifest.parse(snapshot)
    except DevshellError:
        return
    shells = [found.base, *found.shells.values()]
    variables = (
        {v.name for shell in shells for v in shell.env} | _lock_variables(snapshot) | _dotenv_variables(snapshot)
    )
    risky = sorted(filter(dangerous, variables))
    if risky:
        _warn("it sets variables that make other programs run code", ", ".join(risky))
    if any(shell.hooks.env for shell in shells):
        _warn("its `hooks.env` runs in bash as soon as it is installed")
    codes = [code for shell in shells for code in (shell.hooks.activate.scripts, shell.hooks.deactivate.scripts)]
    languages = sorted({language for code in codes for language in code})
    if languages:
        _warn("it brings code for your shell to run on entering and leaving", ", ".join(languages))
    if aliases := sorted({name for shell in shells for name in shell.aliases}):
        _warn("it gives these names another meaning in your shell", _one_line(" ".join(aliases)))
    for what in _not_covered(shells):
        _say(f"  not covered: {what}")


def _not_covered(shells: list[Shell]) -> Iterator[str]:
    if any(shell.tasks or shell.path.prepend for shell in shells):
        yield "code that its tasks run, and programs in the folders of [path]"
    if any(shell.hooks.env or shell.hooks.activate.scripts or shell.hooks.deactivate.scripts for shell in shells):
        yield "files that its hooks run or read, unless `settings.watch` names them"


def _warn(text: str, names: str = "") -> None:
    _say(f"  {render.paint(text, 'error')}" + (f": {names}" if names else ""))


def _one_line(text: str) -> str:
    # A line break in a name would make a line that nobody wrote.
    return render.inert(text).replace("\n", "\\n")


def _say(text: str) -> None:
    import sys

    sys.stderr.write(text + "\n")
