"""zsh, from 5.3: quoted as for bash."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devshell import environ
from devshell.shells import templates
from devshell.shells.bash import Code, quote
from devshell.shells.names import checked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devshell.environ import Plan
    from devshell.shells.names import Changes
    from devshell.shells.rendering import Entering, Waiting, Watched
    from devshell.shells.templates import Part

__all__ = ["entering", "quote", "script", "waiting"]

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


#: Up to so many characters, no variable can become too large for programs: no more than four bytes each, and the rest
#: of PATH.
_MOST = 15_000


def script(changes: Changes) -> str:
    """Return zsh code that makes the changes, for `eval`."""
    return "".join(
        f"unset -v {name}\n" if value is None else f"export {name}={quote(value)}\n"
        for name, value in checked(changes, _OWN)
    )


def entering(found: Entering) -> str:
    """Return the rendered script of a project that can be entered, for `shell-hooks/hook.zsh` to source."""
    aliases = _words(word for pair in found.aliases for word in pair)
    completions = _words(word for c in found.completions for command in c.commands for word in (c.file, command))
    lines = [
        *_watching(found.own, found.watched),
        f"__devshell_enter_{_token(found.own)}() {{",
        *(f"  {line}" for line in _applying(found)),
        *([f"  __devshell_alias {aliases}"] if aliases else []),
        *([f"  __devshell_completions {completions}"] if completions else []),
        f"  __devshell_greeting={quote(found.greeting)}",
        f"  __devshell_activate={quote(found.activate)} __devshell_deactivate={quote(found.deactivate)}",
        "}",
        f"__devshell_revert_{_token(found.own)}() {{",
        *(f"  {line}" for line in _reverting(found)),
        "}",
    ]
    return "\n".join(lines) + "\n"


def waiting(found: Waiting) -> str:
    """Return the rendered script of a project that is not entered."""
    lines = [
        *_watching(found.own, found.watched),
        f"__devshell_message={quote(found.message)}",
        f"__devshell_keep={int(found.keep)}",
    ]
    return "\n".join(lines) + "\n"


def _watching(own: str, watched: Sequence[Watched]) -> Iterator[str]:
    """Yield the lines that say whether everything is as it was: the freshness rule in zsh's words.

    It is asked once while the script is read, and said as text, which the hook makes a prompt's condition of: calling a
    function for it would take as long as a third of it. `-nt` and `-ot` compare nanoseconds, and say nothing of a file
    that is missing: newer than the time before, and not newer than the very time, is there and has that time.
    """
    folder = os.path.dirname(own)
    conditions = [f"-e {quote(own)}"]
    for file in watched:
        path = quote(file.path)
        if file.reference:
            beside = os.path.dirname(file.reference) == folder
            reference = f'"$__devshell_folder"/{os.path.basename(file.reference)}' if beside else quote(file.reference)
            if file.earlier and beside:
                conditions += [f"{path} -nt {reference}-", f"! {path} -nt {reference}"]
            else:
                conditions += [f"-e {path}", f"! {path} -nt {reference}", f"! {path} -ot {reference}"]
        else:
            conditions.append(f"! -e {path}")
    condition = " && ".join(conditions)
    yield f"__devshell_own={quote(own)} __devshell_folder={quote(folder)} __devshell_token={_token(own)}"
    yield f"__devshell_watching={quote(f' && {condition}')}"
    yield f"__devshell_young=({_words(text for w in watched if w.young for text in (w.path, w.reference))})"
    yield f"[[ {condition} ]] && __devshell_fresh=1"


def _applying(found: Entering) -> Iterator[str]:
    """Yield the lines that do the plan."""
    plan = _plan(found)
    marks = {"ROOT": found.root, "ENV": found.environment, "PROMPT": found.prompt}
    careful = [
        "__devshell_begin",
        f"builtin export {' '.join(f'DEVSHELL_{name}={quote(value)}' for name, value in marks.items())}",
        *_carefully(found, plan),
    ]
    quick = list(_quickly(found, plan))
    if quick:
        yield from (*quick, "else", *(f"  {line}" for line in careful), "fi")
    else:
        yield from careful


def _plan(found: Entering) -> Plan:
    return tuple(operation for operation in found.plan if operation[0] == "path" or _sayable(operation[1]))


def _given(found: Entering) -> dict[str, str] | None:
    """Return all that entering sets where none of it is there, or None if that is not known by now."""
    plan = _plan(found)
    if not all(_constant(operation, found.root) for operation in plan):
        return None
    if len(plan) > environ.MOST_NAMES or sum(len(word) for operation in plan for word in operation) > _MOST:
        return None
    return environ.enter(plan, {}, found.root, found.environment)


def _quickly(found: Entering, plan: Plan) -> Iterator[str]:
    """Yield the lines for where none of the variables is there yet, if everything is known by now then."""
    given = _given(found)
    if given is None:
        return
    kinds: dict[str, set[str]] = {}
    for kind, name, *_ in plan:
        if kind != "path":
            kinds.setdefault(name, set()).add(kind)
    entries = given.pop("PATH", None)
    # An empty one is not there to be extended: zsh always has some, like MANPATH.
    there = "".join(f"${{{'' if kinds[name] == {'extend'} else '(t)'}{name}}}" for name in sorted(kinds))
    conditions = [f"-z {there}"] if there else []
    if entries is not None:
        conditions += [
            "${(t)PATH} == scalar*-export*-special",
            "${(t)PATH} != *-(local|readonly)*",
            f"$#PATH -lt {_MOST}",
        ]
    yield f"if [[ {' && '.join(conditions or ['-n x'])} ]]; then"
    names = given["DEVSHELL_NAMES"].split()
    yield f"  __devshell_quick={'' if found.aliases or found.completions else _token(found.own)}"
    yield f"  __devshell_simple=1 __devshell_given={quote(''.join(f' {name}' for name in names))}"
    words = " ".join(f"{name}={quote(value)}" for name, value in given.items())
    if entries is None:
        yield f"  builtin export {words}"
    else:
        yield "  __devshell_kept[path]=1 __devshell_path_before=$PATH"
        yield f"  builtin export {words} PATH={quote(entries)}:$PATH"
        yield "  __devshell_path_after=$PATH"


def _reverting(found: Entering) -> Iterator[str]:
    """Yield the quick way out, after the quick way in: where nothing has changed since."""
    given = _given(found)
    if given is None:
        yield "builtin return 1"
        return
    names = given["DEVSHELL_NAMES"].split()
    conditions = ['$PATH == "$__devshell_path_after"'] if "PATH" in given else []
    if names:
        conditions.append(f"{''.join(f'${{(t){name}}}' for name in names)} == {'scalar-export' * len(names)}")
        conditions += [f'${name} == "$DEVSHELL_NEW_{name}"' for name in names]
    if conditions:
        yield f"[[ {' && '.join(conditions)} ]] || builtin return 1"
    if "PATH" in given:
        yield "PATH=$__devshell_path_before __devshell_path_after=''"
    gone = [name for name in given if name != "PATH"]
    yield f"builtin unset -v DEVSHELL_ENTERED {' '.join(gone)}"
    yield "__devshell_kept=()"


def _constant(operation: tuple[str, ...], root: str) -> bool:
    kind, _, *words = operation
    if kind in {"literal", "path"}:
        return True
    return kind in {"set", "default", "prepend", "extend"} and all(
        isinstance(part, str) for word in words for part in templates.parse(word, root)
    )


def _carefully(found: Entering, plan: Plan) -> Iterator[str]:
    """Yield the lines that look at each variable; values that do not build on each other are set by one call."""
    pending: list[str] = []
    given: set[str] = set()
    for kind, *words in plan:
        name = "" if kind == "path" else words[0]
        parts = [_parts(kind, word, found.root) for word in (words if kind == "path" else words[1:])]
        if kind not in {"literal", "set"} or any(_refers(part, given) for part in parts):
            yield from _set(pending)
            pending, given = [], set()
        code = Code(quote)
        said = [code.word(part) for part in parts]
        yield from code.lines
        if kind in {"literal", "set"}:
            pending += (name, *said)
            given.add(name)
        else:
            yield " ".join(filter(None, (f"__devshell_{kind}", name, *said)))
    yield from _set(pending)
    yield " ".join(("__devshell_commit", *sorted({operation[1] for operation in plan if operation[0] != "path"})))


def _token(own: str) -> str:
    # The folder's name was never used before; see devshell/rendered.py.
    return "".join(filter(str.isalnum, os.path.basename(os.path.dirname(own))))


def _set(pending: Sequence[str]) -> Iterator[str]:
    if pending:
        yield " ".join(("__devshell_set", *pending))


def _sayable(name: str) -> bool:
    return environ.settable(name) and name not in _OWN


def _parts(kind: str, word: str, root: str) -> tuple[Part, ...]:
    return (word,) if kind in {"literal", "path"} else templates.parse(word, root)


def _refers(parts: tuple[Part, ...], names: set[str]) -> bool:
    return any(
        not isinstance(part, str) and (part.name in names or _refers(part.fallback or (), names)) for part in parts
    )


def _words(words: Iterable[str]) -> str:
    return " ".join(map(quote, words))
