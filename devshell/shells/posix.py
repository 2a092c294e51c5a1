"""POSIX sh, for the launcher: what `ready/sh` and `ready/answer` of a project's state hold.

It only defines what `shell-hooks/devshell` calls, in this order: `__devshell_fresh` (whether the project is as it
was), `__devshell_task` (the script of a plain task), `__devshell_fits`, and `__devshell_apply`, which does what
`devshell.environ.enter` does to an environment that was left before. Every sh must read it alike, dash before all,
and it is parsed anew for each command: hence literals and plain assignments, and no loops.

What sh cannot do as `devshell.environ` does is left to Python by `UNSERVED`.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from devshell import environ
from devshell.errors import ShellError
from devshell.shells.templates import Reference, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from devshell.shells.rendering import Entering, Watched
    from devshell.shells.templates import Part

#: Says to the launcher that this project is Python's to enter.
UNSERVED = "__devshell_format=0\n"

#: Variables that some sh has without their having been in the environment, or that mean something to it.
_SHELLS = frozenset((
    *("IFS", "OPTIND", "OPTARG", "OPTERR", "PPID", "LINENO", "PS4", "RANDOM", "SRANDOM", "SECONDS", "UID", "EUID"),
    *("GID", "EGID", "GROUPS", "USERNAME", "HISTCMD", "DIRSTACK", "FUNCNAME", "PIPESTATUS", "HOSTNAME", "HOSTTYPE"),
    *("MACHTYPE", "OSTYPE", "MAIL", "MAILPATH", "MAILCHECK", "TERM", "SHELL", "HISTFILE", "HISTSIZE", "HISTFILESIZE"),
    *("POSIXLY_CORRECT", "TIMEFORMAT", "TMOUT", "CDPATH", "EPOCHSECONDS", "EPOCHREALTIME", "ENV", "FPATH", "ERRNO"),
    *("PWD", "OLDPWD", "SHLVL", "_", "PS1", "PS2", "PS3", "BASHOPTS", "SHELLOPTS", "COLUMNS", "LINES", "ARGV0"),
))  # fmt: skip
_SHELLS_TOO = re.compile("BASH|KSH|ZSH|YASH|__devshell_")
_SERVED = f"__devshell_format=1 __devshell_specials=' {' '.join(sorted(_SHELLS))} '\n"
#: Of what the environment brings, no more characters than this are handled, each of up to four bytes: see `_fits`.
_INPUT = 3_999 * 4
#: Templates within templates: each takes some of the shell's stack.
_DEEPEST = 20


class _NotForShError(Exception):
    """A plan that is left to Python."""


def quote(text: str) -> str:
    """Return one word of sh code that is `text`, which holds no NUL; surrogates stay what they are."""
    return "'" + text.replace("'", r"'\''") + "'"


def entering(found: Entering) -> str:
    """Return what `ready/sh` holds for a project that can be entered.

    It may hold surrogates where paths or values do: to be written with `os.fsencode`.
    """
    try:
        environ.enter(found.plan, {}, found.root, found.environment)
        apply = _Apply(found).text()
    except (_NotForShError, ShellError):
        return UNSERVED
    if any(file.young for file in found.watched):
        # Compared by content, which sh cannot do by itself.
        return UNSERVED
    return f"{_SERVED}{_fresh(found)}{_tasks(found.tasks or {})}{apply}"


def answering(opened: str, code: str) -> str:
    """Return what `ready/answer` holds: `opened`, as `devshell.answer.opened` gives it, and the code to complete it.

    That code is `shell-hooks/answer.sh`.
    """
    return f"__devshell_answer={quote(opened)}\n{code}"


def _fresh(found: Entering) -> str:
    folder = os.path.dirname(found.own)
    tests = [f"[ -f {quote(found.own)} ]", f"[ -d {quote(found.environment)} ]"]
    pairs: list[str] = []
    for file in found.watched:
        if file.reference:
            pairs += (quote(file.path), _reference(file, folder))
        else:
            tests.append(f"[ ! -e {quote(file.path)} ]")
    if pairs:
        tests.append("__devshell_same " + " ".join(pairs))
    return (
        f"__devshell_ready={quote(folder)} __devshell_store={quote(os.path.dirname(found.environment))}\n"
        "__devshell_fresh() {\n" + " &&\n".join(tests) + "\n}\n"
    )


def _reference(file: Watched, folder: str) -> str:
    name = os.path.basename(file.reference)
    if os.path.dirname(file.reference) == folder and name.isalnum():
        return f'"$__devshell_ready"/{name}'
    return quote(file.reference)


def _tasks(tasks: Mapping[str, tuple[str, str]]) -> str:
    lines = []
    for name, (alone, with_words) in sorted(tasks.items()):
        if "\0" in name + alone + with_words:
            continue
        if alone == with_words:
            lines.append(f"{quote(name)}) __devshell_script={quote(alone)} ;;\n")
        else:
            lines.append(
                f"{quote(name)}) case $# in 2) __devshell_script={quote(alone)} ;;"
                f" *) __devshell_script={quote(with_words)} ;; esac ;;\n"
            )
    return "__devshell_task() {\ncase $2 in\n" + "".join(lines) + "*) return 1 ;;\nesac\n}\n"


class _Apply:
    """The code of `__devshell_fits` and `__devshell_apply` for one plan.

    `reads` are the variables whose values the result is made of, `largest` how many bytes each variable may come to
    hold, `sure` whether a changed variable is surely set (True) or unset (False) by now.
    """

    def __init__(self, found: Entering) -> None:
        self.found = found
        self.marks = {
            "DEVSHELL_ROOT": found.root,
            "DEVSHELL_ENV": found.environment,
            "DEVSHELL_PROMPT": found.prompt,
        }
        self.reads: dict[str, None] = {"PATH": None}
        self.largest: dict[str, int] = {}
        self.sure: dict[str, bool | None] = {}
        self.entries: list[str] = []
        self.code: list[str] = []
        self.plan = [words for words in found.plan if words[0] == "path" or environ.settable(words[1])]
        always = {name for kind, name, *_ in self._named() if kind not in {"default", "extend"}}
        names = sorted({name for _, name, *_ in self._named()})
        #: Names whose operations may all turn out to be idle, with the variable that is set when one acts.
        self.maybe = {name: f"__devshell_{number}" for number, name in enumerate(names) if name not in always}
        self.names = names

    def _named(self) -> list[tuple[str, ...]]:
        return [words for words in self.plan if words[0] != "path"]

    def text(self) -> str:
        """Return the two functions. Raises _NotForShError for a plan that sh cannot follow."""
        if len(self.names) > environ.MOST_NAMES:
            raise _NotForShError
        for name in self.names:
            _check(name)
            self.reads[name] = None
        for kind, *words in self.plan:
            if kind == "path":
                self._path(words)
            else:
                self._operation(kind, words[0], words[1:])
        body = [*self._before(), *self.code, *self._after()]
        return f"{self._fits()}{self._bins()}__devshell_apply() {{\n" + "\n".join(body) + "\n}\n"

    def _path(self, words: list[str]) -> None:
        self.entries = list(dict.fromkeys(word for word in (*words, *self.entries) if word))
        if self.entries:
            joined = ":".join(self.entries)
            self._grow("PATH", len(os.fsencode(joined)) + 1 + _INPUT)
            self.code.append(f"PATH={quote(joined)}$__devshell_path")

    def _operation(self, kind: str, name: str, words: list[str]) -> None:
        note = f"{self.maybe[name]}=x " if kind in {"default", "extend"} and name in self.maybe else ""
        if kind == "unset":
            self.code.append(f"unset -v {name}")
            self.sure[name], self.largest[name] = False, 0
        elif kind == "literal":
            self._assign(name, quote(words[0]), len(os.fsencode(words[0])))
        elif kind == "set":
            self._assign(name, *self._value(words[0]))
        elif kind == "default":
            value, size = self._value(words[0])
            self.code.append(f'[ "${{{name}+x}}" ] || {note}{name}={value}')
            self._grow(name, max(size, self._size(name)))
            self.sure[name] = True
        elif kind in {"prepend", "extend"}:
            self._prepend(kind, name, words, note)
        else:
            raise ValueError(kind)

    def _prepend(self, kind: str, name: str, words: list[str], note: str) -> None:
        values = [(self._value(word), _surely_full(word, self.found.root)) for word in words if word]
        self._grow(name, sum(size + 1 for (_, size), _ in values) + self._size(name))
        only = f'[ -z "${{{name}-}}" ] || ' if kind == "extend" else ""
        if all(full for _, full in values):
            if values:
                joined = ":".join(value for (value, _), _ in values)
                self.code.append(f"{only}{note}{name}={joined}${{{name}:+:${name}}}")
                if not only:
                    self.sure[name] = True
            elif note:
                self.code.append(f"{only}{note}")
            return
        code = ["__devshell_front="]
        for (value, _), _ in values:
            code += [
                f"__devshell_word={value}",
                "__devshell_front=$__devshell_front${__devshell_word:+:$__devshell_word}",
            ]
        code.append(f'[ -z "$__devshell_front" ] || {name}=${{__devshell_front#:}}${{{name}:+:${name}}}')
        if only:
            self.code.append(f"{only}{{ {note}{'; '.join(code)}; }}")
        else:
            self.code += code
            self.sure[name] = True if self.sure.get(name) else None

    def _assign(self, name: str, value: str, size: int) -> None:
        self.code.append(f"{name}={value}")
        self.sure[name] = True
        self._grow(name, size)

    def _grow(self, name: str, size: int) -> None:
        self.largest[name] = size
        if size + len(name) + len("DEVSHELL_OLD_") + 2 > environ.LONGEST:
            raise _NotForShError

    def _size(self, name: str) -> int:
        return self.largest.get(name, _INPUT)

    def _value(self, template: str) -> tuple[str, int]:
        """Return a template as the right side of an assignment, and how many bytes it may become."""
        return self._parts(parse(template, self.found.root), 0)

    def _parts(self, parts: Iterable[Part], depth: int) -> tuple[str, int]:
        if depth > _DEEPEST:
            raise _NotForShError
        code, size = "", 0
        for part in parts:
            if isinstance(part, str):
                code, size = code + quote(part), size + len(os.fsencode(part))
                continue
            said, most = self._reference(part, depth)
            code, size = code + said, size + most
        return code, size

    def _reference(self, part: Reference, depth: int) -> tuple[str, int]:
        name = part.name
        known = self.marks.get(name, "" if environ.travels(name) or name == "DEVSHELL_ENTERED" else None)
        word, most = self._parts(part.fallback or (), depth + 1)
        if known is not None:
            return (quote(known), len(os.fsencode(known))) if known else (word, most)
        _check(name)
        self.reads[name] = None
        return f"${{{name}{':-' if word else '-'}{word}}}", max(most, self._size(name))

    def _before(self) -> list[str]:
        # Each is one word, or none where the variable is not set.
        kept = [f'${{{name}+"DEVSHELL_OLD_{name}=${name}"}}' for name in self.names]
        gone = ["DEVSHELL_ENTERED", *(f"DEVSHELL_{part}_{name}" for name in self.names for part in ("OLD", "NEW"))]
        flags = [" ".join(f"{flag}=" for flag in self.maybe.values())] if self.maybe else []
        marks = [f"{name}={quote(value)}" for name, value in self.marks.items()]
        return [*flags, f"unset -v {' '.join(gone)}", " ".join(["export", *marks, *kept])]

    def _after(self) -> list[str]:
        lines: list[str] = []
        words: list[str] = []
        for name in self.names:
            new = f'{name} "DEVSHELL_NEW_{name}=${name}"'
            if name in self.maybe:
                lines.append(f"case ${self.maybe[name]} in x) export {new} ;; *) unset -v DEVSHELL_OLD_{name} ;; esac")
            elif self.sure.get(name):
                words.append(new)
            elif self.sure.get(name) is None:
                words.append(f'${{{name}+{name}}} ${{{name}+"DEVSHELL_NEW_{name}=${name}"}}')
        if self.entries:
            words.append(f"PATH DEVSHELL_PATH={quote(':'.join(self.entries))}")
        else:
            lines.append("unset -v DEVSHELL_PATH")
        lines.append(f"DEVSHELL_NAMES={self._list()}")
        if self.maybe:
            lines.append("DEVSHELL_NAMES=${DEVSHELL_NAMES# }")
        return [*lines, f"export DEVSHELL_NAMES {' '.join(words)}"]

    def _list(self) -> str:
        if not self.maybe:
            return quote(" ".join(self.names))
        return "".join(
            f"${{{self.maybe[name]}:+{quote(f' {name}')}}}" if name in self.maybe else quote(f" {name}")
            for name in self.names
        )

    def _fits(self) -> str:
        lengths = ".".join(f"${{#{name}}}" for name in self.reads)
        too_long = "*[4-9][0-9][0-9][0-9]* | *[0-9][0-9][0-9][0-9][0-9]*"
        return f"__devshell_fits() {{\ncase {lengths} in {too_long}) return 1 ;; esac\n}}\n"

    def _bins(self) -> str:
        return f"__devshell_bins={quote(':'.join(self.entries))}\n"


def _surely_full(template: str, root: str) -> bool:
    return any(isinstance(part, str) for part in parse(template, root))


def _check(name: str) -> None:
    if name in _SHELLS or _SHELLS_TOO.match(name):
        raise _NotForShError
