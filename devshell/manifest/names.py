"""The names a manifest may use: of tools, variables, commands, tasks, aliases and shells.

Names end up in shell code, file names and messages, so each kind has a narrow alphabet and nothing
that a shell, a terminal or a path would act on.
"""

from __future__ import annotations

import re

from devshell import versions
from devshell.errors import VersionError
from devshell.manifest.shape import Check, Fault, show

#: The words that may stand before the colon of a tool's name, and as `source`.
SOURCES = ("pypi", "npm", "deb", "http", "python", "github", "conda", "recipe")

#: Those of them that can put further packages beside a tool.
WITH_SOURCES = ("npm",)

#: File systems take no more than 255 bytes, and a store name adds a hash and a version.
_LONGEST = 128

_SHORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_NPM = re.compile(r"(?:@[A-Za-z0-9][A-Za-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*")
_GITHUB = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_PACKAGES = {"npm": _NPM, "github": _GITHUB}
_PACKAGE_HINTS = {
    "npm": 'as npm has it: "npm:name" or "npm:@scope/name"',
    "github": 'the owner and the repository: "github:owner/name"',
}
_ALPHABET = "use letters, digits and . _ + -, beginning with a letter or a digit"

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Tried in bash 5.2, zsh 5.9 and fish 3.6: setting one of these fails, aborts the script that does it,
# changes something else (zsh's GID and USERNAME switch the user, its `path` is PATH), or is lost.
_SHELLS_OWN_WORDS = (
    "_ PWD OLDPWD SHLVL PPID UID EUID GID EGID USERNAME ERRNO RANDOM SECONDS LINENO HISTCMD TTYIDLE ARGC "
    "BASHOPTS SHELLOPTS BASHPID BASH_VERSINFO BASH_COMMAND BASH_ARGC BASH_ARGV BASH_LINENO BASH_SOURCE FUNCNAME "
    "GROUPS DIRSTACK ZSH_SUBSHELL ZSH_EVAL_CONTEXT FISH_VERSION "
    "status pipestatus argv path fpath cdpath manpath fignore mailpath module_path psvar watch "
    "version history hostname umask fish_pid fish_kill_signal "
    "PS1 PS2 PS3 COLUMNS LINES "
    "signals options functions aliases commands parameters"
)
_SHELLS_OWN = frozenset(_SHELLS_OWN_WORDS.split())


def tool(key: str) -> Fault | None:
    """Check a key of `[tools]`: a short name, or `source:name`."""
    prefix, colon, name = key.partition(":")
    if colon and prefix not in SOURCES:
        known = f"known sources: {', '.join(SOURCES)}"
        return Fault(f"{show(key)} names no source that devshell knows", known, prefix, SOURCES)
    pattern = _PACKAGES.get(prefix, _SHORT) if colon else _SHORT
    word = name if colon else key
    if not pattern.fullmatch(word) or ".." in word:
        return Fault(f"{show(key)} cannot be a tool's name", _PACKAGE_HINTS.get(prefix if colon else "", _ALPHABET))
    return _too_long(word)


def package(text: str) -> Fault | None:
    """Check a package that is wanted beside a tool: its name, or `name@version`."""
    name, at, version = text[1:].partition("@")
    name = text[:1] + name
    if not _NPM.fullmatch(name) or ".." in name:
        return Fault(f"{show(text)} cannot be a package", 'write "name", or "name@2"')
    if at:
        try:
            versions.parse(version)
        except VersionError as error:
            return Fault(error.message, error.hint)
    return _too_long(name)


def variable(name: str) -> Fault | None:
    """Check the name of an environment variable that a project sets, in `[env]` or a dotenv file."""
    if not _VARIABLE.fullmatch(name):
        hint = "use letters, digits and _, not beginning with a digit"
        return Fault(f"{show(name)} cannot be a variable's name", hint)
    return reserved(name) or _too_long(name)


def reserved(name: str) -> Fault | None:
    """Check that a variable is one that a project may set."""
    if name == "PATH":
        return Fault("PATH is not set this way", "list folders under `prepend` in [path]")
    if name.startswith(("DEVSHELL_", "__devshell_")):
        return Fault(f"{show(name)} belongs to devshell itself", "use another name")
    if name in _SHELLS_OWN:
        return Fault(f"{show(name)} is a variable that shells keep for themselves", "use another name")
    return None


def _named(pattern: str, what: str, hint: str) -> Check:
    compiled = re.compile(pattern)

    def check(name: str) -> Fault | None:
        if not compiled.fullmatch(name):
            return Fault(f"{show(name)} cannot be {what}", hint)
        return _too_long(name)

    return check


def _too_long(name: str) -> Fault | None:
    if len(name) <= _LONGEST:
        return None
    return Fault(f"{show(name)} is {len(name)} characters long", f"a name has at most {_LONGEST}")


#: Check the name of a command that a tool brings.
command = _named(
    r"[A-Za-z0-9_][A-Za-z0-9_.+@-]*",
    "a command's name",
    "use letters, digits and . _ + @ -, not beginning with . or -",
)
#: Check the name of an alias.
alias = _named(
    r"[A-Za-z0-9_][A-Za-z0-9_.:-]*", "an alias's name", "use letters, digits and . _ : -, not beginning with . : or -"
)
#: Check the name of a task.
task = _named(
    r"[A-Za-z0-9][A-Za-z0-9._:-]*",
    "a task's name",
    "use letters, digits and . _ : -, beginning with a letter or a digit",
)
#: Check the name of a named shell.
shell = _named(
    r"[A-Za-z0-9][A-Za-z0-9._-]*",
    "a shell's name",
    "use letters, digits and . _ -, beginning with a letter or a digit",
)
