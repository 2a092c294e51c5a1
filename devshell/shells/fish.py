"""fish, from 3.6."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from devshell import environ
from devshell.shells import templates
from devshell.shells.names import checked, raw

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devshell.shells.names import Changes
    from devshell.shells.rendering import Entering, Waiting, Watched
    from devshell.shells.templates import Part

#: Read-only in fish.
_OWN = frozenset((
    *("FISH_VERSION", "PWD", "SHLVL", "_", "fish_kill_signal", "fish_killring", "fish_pid", "history", "hostname"),
    *("pipestatus", "status", "status_generation", "version", "argv"),
))  # fmt: skip
#: Bytes of a name and its value that fit in any variable; longer ones are measured by the shell.
_SHORT = 100_000
#: Names that `set -q` is asked about at once: it counts to 255.
_AT_ONCE = 250


def quote(value: str) -> str:
    r"""Return one word of fish code that is `value`: within `'…'`, but for what has to be escaped outside of quotes.

    What does not show is escaped, so that the code is one line and safe to look at in a terminal.
    """
    parts: list[str] = []
    quoted = False
    for character in value:
        # \X, not \x: a byte of its own, whatever the locale.
        escaped = "".join(f"\\X{byte:02x}" for byte in raw(character))
        if quoted is bool(escaped):
            parts.append("'")
            quoted = not quoted
        parts.append(escaped or ("\\" + character if character in "\\'" else character))
    return ("".join(parts) + ("'" if quoted else "")) or "''"


def script(changes: Changes) -> str:
    """Return fish code that makes the changes, for `source`."""
    return "".join(map(_line, checked(changes, _OWN)))


def _line(change: tuple[str, str | None]) -> str:
    name, value = change
    if value is None:
        # -g, since a plain erase of a name that is only universal takes it from all the user's shells, for good.
        return f"set -eg {name}\n"
    # The one that fish keeps as a list in every version.
    words = map(quote, value.split(":")) if name == "PATH" else [quote(value)]
    return f"set -gx {name} {' '.join(words)}\n"


def entering(found: Entering) -> str:
    """Return the rendered script of a project that can be entered, for `shell-hooks/hook.fish` to source."""
    folders = dict.fromkeys(os.path.dirname(completion.file) for completion in found.completions)
    lines = [
        *_watching(found.own, found.watched),
        *_applying(found),
        *(f"    __devshell_alias {quote(name)} {quote(value)}" for name, value in found.aliases),
        *([f"    __devshell_completions {' '.join(map(quote, folders))}"] if folders else []),
        "end",
        f"set -g __devshell_greeting {quote(found.greeting)}",
        f"set -g __devshell_activate {quote(found.activate)}",
        f"set -g __devshell_deactivate {quote(found.deactivate)}",
    ]
    return "\n".join(lines) + "\n"


def waiting(found: Waiting) -> str:
    """Return the rendered script of a project that is not entered."""
    lines = [
        *_watching(found.own, found.watched),
        "set -g __devshell_touched",
        "set -g __devshell_count",
        f"set -g __devshell_message {quote(found.message)}",
        f"set -g __devshell_keep {int(found.keep)}",
    ]
    return "\n".join(lines) + "\n"


def _watching(own: str, watched: Sequence[Watched]) -> list[str]:
    """Return the lines that define whether everything is as it was: the freshness rule in fish's words.

    As one `test`, since each costs as much as ten conditions. `-nt` and `-ot` compare nanoseconds, and a file that is
    missing is older than one that is there.
    """
    stale = [f"! -e {quote(own)}"]
    for file in watched:
        if file.reference:
            path, reference = quote(file.path), quote(file.reference)
            stale.append(f"{path} -nt {reference} -o {path} -ot {reference}")
        else:
            stale.append(f"-e {quote(file.path)}")
    young = "".join(f" {quote(text)}" for file in watched if file.young for text in (file.path, file.reference))
    return [
        f"set -g __devshell_own {quote(own)}",
        "function __devshell_fresh",
        f"    not test {' -o '.join(stale)}",
        "end",
        f"set -g __devshell_young{young}",
    ]


def _applying(found: Entering) -> Iterator[str]:
    """Yield the lines that enter, less their end.

    *Plain* variables are set once, to a value known beforehand: they are set and taken out without a function call
    for each, which is most of what entering and leaving cost.
    """
    plan = [step for step in found.plan if step[0] == "path" or _settable(step[1])]
    times = Counter(step[1] for step in plan if step[0] != "path")
    plain = {step[1]: value for step in plan if (value := _plain(step, found.root)) is not None and times[step[1]] == 1}
    # The others that are changed whatever is there; some steps depend on that.
    surely = {step[1] for step in plan if step[0] not in {"path", "default", "extend"}} - plain.keys()
    yield "set -g __devshell_touched" + "".join(f" {name}" for name in sorted(times))
    # With the two that the hook itself asks about.
    yield f"set -g __devshell_count {len(times) + 2}" if len(times) <= _AT_ONCE else "set -g __devshell_count"
    yield "function __devshell_apply"
    yield f"    __devshell_begin {quote(found.root)} {quote(found.environment)} {quote(found.prompt)}"
    yield from (f"    {line}" for line in _holding(sorted(plain.keys() | surely)))
    if plain:
        names = sorted(plain)
        yield f"    set __devshell_plain {' '.join(names)}"
        yield "    function __devshell_untouched"
        # The `x` keeps `test` from taking a value for an operator.
        same = (f'"x${name}" = "x$DEVSHELL_NEW_{name}"' for name in names)
        yield f"        test {' -a '.join(same)}; and set -qgx {' '.join(names)}"
        yield "    end"
    entries: list[str] = []
    for kind, *words in plan:
        if kind == "path":
            entries = list(dict.fromkeys(word for word in (*words, *entries) if word))
            lines = [f"__devshell_path {' '.join(map(quote, entries))}"] if entries else []
        elif words[0] in plain:
            value = quote(plain[words[0]])
            lines = [f"set -gx {words[0]} {value}", f"set -gx DEVSHELL_NEW_{words[0]} {value}"]
        else:
            lines = _step(kind, words, found.root)
        yield from (f"    {line}" for line in lines)
    if times.keys() - plain.keys() - surely:
        yield "    __devshell_sort"
    yield f"    __devshell_commit {' '.join(sorted(times.keys() - plain.keys()))}".rstrip()


def _settable(name: str) -> bool:
    return environ.settable(name) and name not in _OWN


def _plain(step: tuple[str, ...], root: str) -> str | None:
    if step[0] == "literal":
        value = step[2]
    elif step[0] == "set":
        parts = templates.parse(step[2], root)
        if not all(isinstance(part, str) for part in parts):
            return None
        value = "".join(map(str, parts))
    else:
        return None
    return value if len(step[1]) + len(os.fsencode(value)) < _SHORT else None


def _holding(names: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        yield f"__devshell_hold {len(some)} {' '.join(some)}"


def _step(kind: str, words: Sequence[str], root: str) -> list[str]:
    name = words[0]
    if kind == "literal":
        return [f"__devshell_set {name} {quote(words[1])}"]
    code = _Code()
    said = [code.word(templates.parse(word, root)) for word in words[1:]]
    return [*code.lines, " ".join((f"__devshell_{kind}", name, *said))]


class _Code:
    """Templates as words of code; `lines` are what has to be done before: what a program would see is looked up.

    A variable that is not exported counts as unset, as it does in `devshell.environ`: fish keeps many of its own, such
    as the whole history of commands.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._count = 0

    def word(self, parts: Iterable[Part]) -> str:
        """Return one word of code that is the parts joined."""
        return "".join(quote(part) if isinstance(part, str) else self._reference(part) for part in parts) or "''"

    def _reference(self, part: templates.Reference) -> str:
        self._count += 1
        value = f"__devshell_word{self._count}"
        fallback = "''" if part.fallback is None else self.word(part.fallback)
        self.lines.append(f"set -l {value} {fallback}")
        # PATH and its like, which are lists here, are one text again within double quotes.
        condition = f"set -qx {part.name}" + ("" if part.fallback is None else f'; and test -n "${part.name}"')
        self.lines.append(f'{condition}; and set {value} "${part.name}"')
        return f'"${value}"'
