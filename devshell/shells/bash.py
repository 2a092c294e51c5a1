"""bash, from 4.4."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, TypeVar

from devshell import environ
from devshell.shells import templates
from devshell.shells.names import checked, raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from devshell.environ import Plan
    from devshell.shells.names import Changes
    from devshell.shells.rendering import Entering, Waiting, Watched
    from devshell.shells.templates import Part

#: Read-only, or computed by bash itself: setting them fails, or is arithmetic, which would evaluate the value.
_OWN = frozenset((
    *("BASHOPTS", "BASHPID", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID", "HISTCMD", "LINENO", "OPTIND"),
    *("RANDOM", "SRANDOM", "SECONDS", "EPOCHSECONDS", "EPOCHREALTIME", "DIRSTACK", "FUNCNAME", "GROUPS", "PIPESTATUS"),
    *("BASH_ALIASES", "BASH_ARGC", "BASH_ARGV", "BASH_CMDS", "BASH_LINENO", "BASH_SOURCE", "MAILCHECK", "_"),
))  # fmt: skip


_T = TypeVar("_T")

#: Operations that do nothing where the variable is set, or is not.
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*|\.[A-Za-z0-9_][A-Za-z0-9_./-]*")
_MAYBE = frozenset(("default", "extend"))
#: Values up to this length stand in the code twice, and need not be measured: no more than six bytes a character.
_SHORT = 1000


def quote(value: str) -> str:
    r"""Return one word of bash or zsh code that is `value`.

    What does not show is escaped within `$'…'`, so that the code is one line, is safe to look at in a terminal, and
    has no character that a shell keeps for itself; all else stands within `'…'`.
    """
    if all(character.isprintable() for character in value):
        # No empty '' is written between two escaped quotes: zsh's RC_QUOTES reads a doubled one as a quote.
        parts = [f"'{part}'" if part else "" for part in value.split("'")]
        return r"\'".join(parts) or "''"
    return "$'" + "".join(_escaped(character) for character in value) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character in "\n\t":
        return r"\n" if character == "\n" else r"\t"
    return "".join(f"\\x{byte:02x}" for byte in raw(character)) or character


def script(changes: Changes) -> str:
    """Return bash code that makes the changes, for `eval`."""
    return "".join(
        # -v, since a plain unset of a name that is no variable takes the user's function of that name away.
        f"unset -v {name}\n" if value is None else f"export {name}={quote(value)}\n"
        for name, value in checked(changes, _OWN)
    )


def entering(found: Entering) -> str:
    """Return the rendered script of a project that can be entered, for `shell-hooks/hook.bash` to source."""
    token = _token(found.own)
    plan = tuple(operation for operation in found.plan if operation[0] == "path" or _sayable(operation[1]))
    always = {operation[1] for operation in plan if operation[0] not in {"path", *_MAYBE}}
    names = sorted({operation[1] for operation in plan if operation[0] != "path"})
    completions = [f"{quote(c.file)} {quote(name)}" for c in found.completions for name in c.commands]
    aliases = [f"{quote(name)} {quote(value)}" for name, value in found.aliases]
    lines = [
        f"__devshell_hold_{token}() {{",
        *(f"  {line}" for line in _holding(sorted(always)) or ["builtin true"]),
        "}",
        f"__devshell_enter_{token}() {{",
        *(f"  {line}" for line in _Entering(found, always).lines(plan, names)),
        *(f"  __devshell_alias {' '.join(some)}" for some in _some(aliases)),
        *(f"  __devshell_completion {' '.join(some)}" for some in _some(completions)),
        f"  __devshell_greeting={quote(found.greeting)}",
        f"  __devshell_activate={quote(found.activate)} __devshell_deactivate={quote(found.deactivate)}",
        "}",
        f"__devshell_revert_{token}() {{",
        *(f"  {line}" for line in _reverting(names, always)),
        "}",
        *_watching(token, found.own, found.watched, found.root),
    ]
    return "\n".join(lines) + "\n"


def waiting(found: Waiting) -> str:
    """Return the rendered script of a project that is not entered."""
    token = _token(found.own)
    lines = [
        f"__devshell_wait_{token}() {{",
        f"  __devshell_message={quote(found.message)} __devshell_keep={int(found.keep)}",
        "}",
        *_watching(token, found.own, found.watched),
    ]
    return "\n".join(lines) + "\n"


def _token(own: str) -> str:
    # The folder's name ends in what was never used before; see devshell/rendered.py.
    return "".join(filter(str.isalnum, os.path.basename(os.path.dirname(own)).rpartition("~")[2]))


def _watching(token: str, own: str, watched: Sequence[Watched], root: str | None = None) -> Iterator[str]:
    """Yield the lines that say when everything is as it was: the freshness rule in bash's words, said twice.

    Once as it holds anywhere, and once for prompts, with a mark that stands for the way up to the project from where
    the user is. What is loaded is named last, so that a script that was cut short is none.
    """
    young = [quote(text) for file in watched if file.young for text in (file.path, file.reference)]
    if young:
        yield f"__devshell_young=({' '.join(young)})"
    yield f"__devshell_condition={quote(_condition(own, watched, quote))}"
    yield f"__devshell_near={quote(_condition(own, watched, lambda path: _near(path, root)))}"
    yield f"__devshell_file={quote(own)}"
    yield f"__devshell_loaded={token}"


def _condition(own: str, watched: Sequence[Watched], named: Callable[[str], str]) -> str:
    """Return what stands within `[[ ]]`.

    `-nt` and `-ot` compare nanoseconds. A file that is missing is older than one that is there: so a reference that
    went with its script shows by itself.
    """
    conditions = []
    for file in watched:
        path = named(file.path)
        if file.reference:
            reference = quote(file.reference)
            conditions += [f"! {path} -nt {reference}", f"! {path} -ot {reference}"]
        else:
            conditions.append(f"! -e {path}")
    if not any(file.reference for file in watched):
        conditions.insert(0, f"-e {quote(own)}")
    return " && ".join(conditions)


def _near(path: str, root: str | None) -> str:
    below = path.removeprefix(f"{root.rstrip('/')}/") if root is not None else path
    return f"\1{below}" if below != path and _PLAIN.fullmatch(below) else quote(path)


def _holding(names: Sequence[str]) -> list[str]:
    return [
        f"[[ -z {''.join(f'${{{n}+=}}${{{n}@a}}' for n in some)} ]] || __devshell_hold {' '.join(some)}"
        for some in _some(names)
    ]


class _Entering:
    """The lines that enter: the plan, and what leaving needs.

    They are spelt out for each variable, and joined in few commands: a loop over names would take bash several times
    as long. One command sees what was set before it, so what is referred to is set by one before.
    """

    def __init__(self, found: Entering, always: AbstractSet[str]) -> None:
        self._root = found.root
        self._always = always
        self._lines: list[str] = []
        self._exports = [
            f"DEVSHELL_ROOT={quote(found.root)}",
            f"DEVSHELL_ENV={quote(found.environment)}",
            f"DEVSHELL_PROMPT={quote(found.prompt)}",
        ]
        self._entries: list[str] = []
        #: What is known of a variable: its value as code, "" for some value or other, None for nothing.
        self._known: dict[str, str | None] = {}
        self._measured: list[str] = []
        self._flags: dict[str, str] = {}

    def lines(self, plan: Plan, names: Sequence[str]) -> list[str]:
        maybe = [name for name in names if name not in self._always]
        self._flags = {name: f"__devshell_maybe{number}" for number, name in enumerate(maybe)}
        if self._flags:
            self._lines.append(f"builtin local {' '.join(f'{flag}=' for flag in self._flags.values())}")
        for kind, *words in plan:
            if kind == "path":
                self._path(words)
            elif kind in _MAYBE:
                self._perhaps(kind, words[0], words[1:])
            elif kind == "unset":
                self._say(f"builtin unset -v {words[0]}")
                self._known[words[0]] = None
            else:
                self._change(kind, words[0], words[1:])
        self._remember(names)
        return self._lines

    def _say(self, *lines: str) -> None:
        self._flush()
        self._lines += lines

    def _flush(self) -> None:
        if self._exports:
            self._lines.append(f"builtin export {' '.join(self._exports)}")
            self._exports = []

    def _path(self, words: Sequence[str]) -> None:
        if self._entries:
            self._say("__devshell_unpath")
        self._entries = environ.front(words, self._entries)
        if self._entries:
            joined = quote(":".join(self._entries))
            self._exports += (f"DEVSHELL_PATH={joined}", f'PATH={joined}"${{PATH+:$PATH}}"')
            if "PATH" not in self._measured:
                self._measured.append("PATH")

    def _change(self, kind: str, name: str, words: Sequence[str]) -> None:
        code = Code(quote)
        parts = [(word,) if kind == "literal" else templates.parse(word, self._root) for word in words]
        if all(isinstance(part, str) for some in parts for part in some):
            joined = ":".join(filter(None, ("".join(map(str, some)) for some in parts)))
            if kind != "prepend":
                self._exports.append(f"{name}={quote(joined)}")
                self._known[name] = quote(joined) if len(joined) <= _SHORT else ""
                return
            if not joined:
                return
            self._flush()
            self._exports.append(f'{name}={quote(joined)}"${{{name}:+:${name}}}"')
            self._known[name] = ""
            return
        said = [code.word(some) for some in parts]
        self._say(*code.lines)
        if kind == "prepend":
            self._lines.append(f"__devshell_prepend {name} {' '.join(said)}")
            sure = any(isinstance(part, str) for some in parts for part in some)
            self._known[name] = "" if sure or self._known.get(name) is not None else None
        else:
            self._exports.append(f"{name}={said[0]}")
            self._known[name] = ""

    def _perhaps(self, kind: str, name: str, words: Sequence[str]) -> None:
        """Say an operation that depends on what is there."""
        code = Code(quote)
        parts = templates.parse(words[0], self._root)
        said = code.word(parts)
        lines = list(code.lines)
        if kind == "default":
            condition, attributes = f"[[ -z ${{{name}+=}} ]]", f" || -z ${{{name}@a}}"
            lines.append(f"builtin export {name}={said}")
        else:
            condition, attributes = f"[[ -n ${{{name}-}} ]]", ""
            if any(isinstance(part, str) for part in parts):
                lines.append(f'builtin export {name}={said}":${name}"')
            else:
                lines.append(f"__devshell_prepend {name} {said}")
        if (flag := self._flags.get(name)) is not None:
            # Once is enough, and a variable that must not change is left alone.
            condition += f" && {{ [[ -n ${flag}{attributes} ]] || __devshell_hold {name}; }}"
            lines.insert(0, f"{flag}=' {name}'")
        elif kind == "default" or self._known.get(name) is not None:
            self._known[name] = ""
        self._say(f"if {condition}; then", *(f"  {line}" for line in lines), "fi")

    def _remember(self, names: Sequence[str]) -> None:
        plain = {name: code for name in names if (code := self._known.get(name)) and name in self._always}
        self._exports += (f"DEVSHELL_NEW_{name}={code}" for name, code in plain.items())
        if not self._flags:
            self._exports.append(f"DEVSHELL_NAMES={quote(' '.join(names))}")
        self._flush()
        sure = [name for name in names if name in self._always and self._known.get(name) == ""]
        for some in _some(sure):
            self._exports += (f'DEVSHELL_NEW_{name}="${name}"' for name in some)
            self._measured += (f"DEVSHELL_NEW_{name}" for name in some)
        if self._flags:
            told = "".join(f"${self._flags[name]}" if name in self._flags else f" {name}" for name in names)
            self._exports.append(f'DEVSHELL_NAMES="{told.removeprefix(" ")}"')
        self._flush()
        if names and names[0] in self._flags:
            self._lines.append("DEVSHELL_NAMES=${DEVSHELL_NAMES# }")
        for name in names:
            if name not in plain and name not in sure:
                flag = self._flags.get(name)
                new = f"DEVSHELL_NEW_{name}"
                missing = f"[[ -z ${flag} ]]" if flag else f"[[ -z ${{{name}+=}} ]]"
                self._lines.append(f'{missing} || {{ builtin export {new}="${name}"; __devshell_measure {new}; }}')
        for some in _some(self._measured):
            lengths = " + ".join(f"${{#{name}}}" for name in some)
            self._lines.append(f"(({lengths} <= 20000)) || __devshell_measure {' '.join(some)}")


def _reverting(names: Sequence[str], always: AbstractSet[str]) -> Iterator[str]:
    """Yield the quick way out: where none of our variables was there before and none has changed since."""
    for some in _some(names):
        before = "".join(f"${{DEVSHELL_OLD_{name}+=}}" for name in some)
        same = "".join(f' && ${{{n}+=}}${n} == "${{DEVSHELL_NEW_{n}+=}}$DEVSHELL_NEW_{n}"' for n in some if n in always)
        given = "".join(
            f' && ( -z ${{DEVSHELL_NEW_{n}+=}} || ${{{n}+=}}${n} == "=$DEVSHELL_NEW_{n}" )'
            for n in some
            if n not in always
        )
        yield f"[[ -z {before}{same}{given} ]] || builtin return 1"
    for name in names:
        if name not in always:
            yield f"[[ -z ${{DEVSHELL_NEW_{name}+=}} ]] || builtin unset -v {name} DEVSHELL_NEW_{name}"
    marks = ["DEVSHELL_ROOT", "DEVSHELL_ENV", "DEVSHELL_PROMPT", "DEVSHELL_ENTERED", "DEVSHELL_NAMES", "DEVSHELL_PATH"]
    for some in _some([*marks, *(f"{name} DEVSHELL_NEW_{name}" for name in names if name in always)]):
        yield f"builtin unset -v {' '.join(some)}"


def _some(words: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(words), 50):
        yield words[start : start + 50]


def _sayable(name: str) -> bool:
    return environ.settable(name) and name not in _OWN


class Code:
    """Templates as words of code; `lines` are what has to be done before, for references with a fallback."""

    def __init__(self, quoted: Callable[[str], str]) -> None:
        self.lines: list[str] = []
        self._quoted = quoted

    def word(self, parts: Iterable[Part]) -> str:
        """Return one word of code that is the parts joined."""
        return "".join(self._quoted(part) if isinstance(part, str) else self._reference(part) for part in parts) or "''"

    def _reference(self, part: templates.Reference) -> str:
        if part.fallback is None:
            return f'"${{{part.name}-}}"'
        fallback = self.word(part.fallback)
        value = f"__devshell_word{len(self.lines)}"
        self.lines.append(f'builtin local {value}="${{{part.name}-}}"; [[ -n ${value} ]] || {value}={fallback}')
        return f'"${value}"'
