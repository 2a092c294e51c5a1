"""The names a manifest may use: of tools, variables, commands, tasks, aliases and shells.

Names end up in shell code, file names and messages, so each kind has a narrow alphabet and nothing
that a shell, a terminal or a path would act on.
"""

from __future__ import annotations

import re

from devshell import versions
from devshell.errors import VersionError
from devshell.manifest.shape import Fault, Rule, rule, show

#: The words that may stand before the colon of a tool's name, and as `source`, with what they mean.
SOURCES = {
    "pypi": "A Python package: a program that it carries, or an application with all it needs.",
    "npm": "A package of npm with all it needs, on a node of its own.",
    "deb": "A Debian package with all it needs, on Linux.",
    "http": "An archive or a file of your own choice, by its address.",
    "python": "A standalone build of Python.",
    "github": "A release on GitHub. This devshell has no such source yet.",
    "conda": "A conda package. This devshell has no such source yet.",
    "recipe": "A recipe. This devshell has no such source yet.",
}

#: Those of them that can put further packages beside a tool.
WITH_SOURCES = ("npm",)

#: File systems take no more than 255 bytes, and a store name adds a hash and a version.
_LONGEST = 128


def _dotted(others: str) -> str:
    # Letters, digits and some others, with single dots: `..` would lead out of a folder.
    word = f"[A-Za-z0-9{others}]"
    return rf"[A-Za-z0-9]{word}*(?:\.{word}+)*\.?"


#: A word that can stand in an address and in a file's name.
SHORT = _dotted("_+-")
_NPM = rf"(?:@{_dotted('_-')}/)?{_dotted('_-')}"
_GITHUB = rf"[A-Za-z0-9][A-Za-z0-9-]*/{_dotted('_-')}"
_PACKAGES = {"npm": _NPM, "github": _GITHUB}
_PACKAGE_HINTS = {
    "npm": 'as npm has it: "npm:name" or "npm:@scope/name"',
    "github": 'the owner and the repository: "github:owner/name"',
}
_ALPHABET = "use letters, digits and . _ + -, beginning with a letter or a digit"

_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
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
_DEVSHELLS_OWN = ("DEVSHELL_", "__devshell_")
_RESERVED = rf"^(?:{'|'.join(_DEVSHELLS_OWN)})|^(?:{'|'.join(['PATH', *sorted(_SHELLS_OWN)])})$"


def key_pattern(source: str | None) -> str:
    """Return the pattern of a key of `[tools]` that names a source, or of a short name."""
    return SHORT if source is None else f"{source}:{_PACKAGES.get(source, SHORT)}"


@rule(
    pattern="|".join(key_pattern(source) for source in (None, *SOURCES)),
    longest=_LONGEST + 1 + max(map(len, SOURCES)),
)
def tool(key: str) -> Fault | None:
    """Check a key of `[tools]`: a short name, or `source:name`."""
    prefix, colon, name = key.partition(":")
    if colon and prefix not in SOURCES:
        known = f"known sources: {', '.join(SOURCES)}"
        return Fault(f"{show(key)} names no source that devshell knows", known, prefix, SOURCES)
    word = name if colon else key
    if not re.fullmatch(key_pattern(prefix if colon else None), key):
        return Fault(f"{show(key)} cannot be a tool's name", _PACKAGE_HINTS.get(prefix if colon else "", _ALPHABET))
    return _too_long(word)


@rule(pattern=f"{_NPM}(?:@{versions.REQUEST})?")
def package(text: str) -> Fault | None:
    """Check a package that is wanted beside a tool: its name, or `name@version`."""
    name, at, version = text[1:].partition("@")
    name = text[:1] + name
    if not re.fullmatch(_NPM, name):
        return Fault(f"{show(text)} cannot be a package", 'write "name", or "name@2"')
    if at:
        try:
            versions.parse(version)
        except VersionError as error:
            return Fault(error.message, error.hint)
    return _too_long(name)


@rule(pattern=_VARIABLE, never=_RESERVED, longest=_LONGEST)
def variable(name: str) -> Fault | None:
    """Check the name of an environment variable that a project sets, in `[env]` or a dotenv file."""
    if not re.fullmatch(_VARIABLE, name):
        hint = "use letters, digits and _, not beginning with a digit"
        return Fault(f"{show(name)} cannot be a variable's name", hint)
    return reserved(name) or _too_long(name)


def reserved(name: str) -> Fault | None:
    """Check that a variable is one that a project may set."""
    if name == "PATH":
        return Fault("PATH is not set this way", "list folders under `prepend` in [path]")
    if name.startswith(_DEVSHELLS_OWN):
        return Fault(f"{show(name)} belongs to devshell itself", "use another name")
    if name in _SHELLS_OWN:
        return Fault(f"{show(name)} is a variable that shells keep for themselves", "use another name")
    return None


def _named(pattern: str, what: str, hint: str) -> Rule:
    def check(name: str) -> Fault | None:
        if not re.fullmatch(pattern, name):
            return Fault(f"{show(name)} cannot be {what}", hint)
        return _too_long(name)

    return Rule(check, pattern, longest=_LONGEST)


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
