"""zsh, from 5.3: quoted as for bash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell.shells.bash import quote
from devshell.shells.names import checked

if TYPE_CHECKING:
    from devshell.shells.names import Changes

__all__ = ["quote", "script"]

#: Read-only, arrays (`path` is PATH's other face), numbers, which would be evaluated as arithmetic, the prompts, and
#: those whose setting changes who the process is.
_OWN = frozenset((
    *("ARGC", "EGID", "EUID", "GID", "UID", "USERNAME", "PPID", "LINENO", "OPTIND", "RANDOM", "SECONDS", "TTYIDLE"),
    *("EPOCHREALTIME", "EPOCHSECONDS", "FUNCNEST", "HISTCMD", "HISTSIZE", "SAVEHIST", "KEYTIMEOUT", "LISTMAX"),
    *("MAILCHECK", "TRY_BLOCK_ERROR", "TRY_BLOCK_INTERRUPT", "ZSH_EVAL_CONTEXT", "ZSH_SUBSHELL", "_"),
    *("PROMPT", "PROMPT2", "PROMPT3", "PROMPT4", "RPROMPT", "RPS1", "SPROMPT", "prompt", "argv", "status"),
    *("path", "cdpath", "fignore", "fpath", "mailpath", "manpath", "module_path", "psvar", "watch", "zsh_eval_context"),
    *("pipestatus", "signals", "history", "historywords", "dirstack", "aliases", "galiases", "saliases", "functions"),
    *("builtins", "commands", "modules", "nameddirs", "userdirs", "usergroups", "options", "parameters", "patchars"),
    *("reswords", "jobdirs", "jobstates", "jobtexts", "keymaps", "widgets", "termcap", "terminfo", "mapfile"),
    *("errnos", "epochtime", "sysparams", "funcfiletrace", "funcsourcetrace", "funcstack", "functrace", "histchars"),
))  # fmt: skip


def script(changes: Changes) -> str:
    """Return zsh code that makes the changes, for `eval`."""
    return "".join(
        f"unset -v {name}\n" if value is None else f"export {name}={quote(value)}\n"
        for name, value in checked(changes, _OWN)
    )
