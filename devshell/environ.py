"""Putting an environment and a project's variables into a mapping of variables, and taking them out again.

DESIGN.md, "Activation", is the contract: leaving restores exactly, the user's own changes stay, and nothing that
travels in the environment is ever evaluated. What leaving needs travels in these variables:

- `DEVSHELL_ROOT`, `DEVSHELL_ENV`: the project's folder, and the environment's store path
- `DEVSHELL_PROMPT`: the project's name, fit for prompts
- `DEVSHELL_ENTERED`: in a shell of `devshell enter`, the named shell or nothing; the hook follows no folders there
- `DEVSHELL_NAMES`: the names that were set or unset, sorted, a space between two
- `DEVSHELL_OLD_<NAME>`: the earlier value; absent if there was none
- `DEVSHELL_NEW_<NAME>`: the value given; absent if the name was unset
- `DEVSHELL_PATH`: the entries put into PATH, a colon between two; absent if there are none

A *plan* says what to do. It is a tuple of operations, done in order, each a tuple of strings:

- `("set", NAME, template)`
- `("literal", NAME, value)`
- `("default", NAME, template)`: only if NAME is unset (empty is not unset)
- `("unset", NAME)`
- `("prepend", NAME, template, …)`: joined by colons in front of what is there; what comes out empty is left out,
  since an empty entry of such a list means the current folder
- `("extend", NAME, entry)`: as "prepend", but only if NAME is set and not empty
- `("path", entry, …)`: folders put in front of all of PATH

Operations on names that are not `settable` do nothing. Values are text as `os.environ` has it, where bytes that are
no UTF-8 stand as surrogates.

Kept free of imports beyond `os`: it is read on every `exec`, where start-up time is the feature.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from devshell.errors import ShellError

Plan = tuple[tuple[str, ...], ...]

#: No more names than this are changed; more in `DEVSHELL_NAMES` were not written by us.
MOST_NAMES = 2_000
#: Linux starts no program whose environment has a longer string, `NAME=` and the closing NUL included
#: (execve(2), MAX_ARG_STRLEN).
LONGEST = 131_072
_LONGEST_PROMPT = 40

_MARKS = ("DEVSHELL_ROOT", "DEVSHELL_ENV", "DEVSHELL_PROMPT", "DEVSHELL_ENTERED", "DEVSHELL_NAMES", "DEVSHELL_PATH")
_OLD = "DEVSHELL_OLD_"
_NEW = "DEVSHELL_NEW_"
_RESERVED = ("DEVSHELL_", "__devshell_")

#: What a shell keeps for itself: where it stands, its prompts, its options. PATH has an operation of its own.
_SHELLS_OWN = frozenset(
    ("PATH", "PWD", "OLDPWD", "SHLVL", "_", "PS1", "PS2", "PS3", "BASHOPTS", "SHELLOPTS", "COLUMNS", "LINES")
)

#: What `pure` keeps, much as `nix-shell --pure` does.
_PURE = frozenset((
    *("HOME", "USER", "LOGNAME", "SHELL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"),
    *("TERM", "TERMINFO", "TERMINFO_DIRS", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE"),
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"),
    # The way to the network, without which package managers stand still behind a company's proxy.
    *("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"),
    # Where devshell keeps things, so that it finds its store again inside.
    *("DEVSHELL_DATA_DIR", "DEVSHELL_CACHE_DIR", "DEVSHELL_STATE_DIR", "DEVSHELL_CONFIG_DIR"),
    *("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"),
))  # fmt: skip


def identifier(name: str) -> bool:
    """Whether every shell can say this name: ASCII letters, digits and `_`, no digit first."""
    return name.isascii() and name.isidentifier()


def settable(name: str) -> bool:
    """Whether a project may set the variable: an identifier that neither the shell nor devshell keeps for itself."""
    return identifier(name) and name not in _SHELLS_OWN and not name.startswith(_RESERVED)


def travels(name: str) -> bool:
    """Whether the variable is there for leaving alone, and of no use to programs."""
    return name in {"DEVSHELL_NAMES", "DEVSHELL_PATH"} or name.startswith((_OLD, _NEW))


def expand(template: str, env: Mapping[str, str], root: str) -> str:
    """Return `template` with its references replaced.

    `${NAME}` is that variable's value, or nothing if it is unset; `${NAME:-word}` is `word`, itself a template, if the
    variable is unset or empty; `${project}` is `root`; `$${` is a literal `${`. Everything else stands for itself.
    Raises ShellError if the result is larger than a variable can be.
    """
    parts: list[str] = []
    outer: list[tuple[list[str], str, str]] = []
    size = position = 0
    while position < len(template):
        taken, text = piece(template, position)
        position += len(taken)
        if taken == "}" and outer:
            word = "".join(parts)
            parts, value, _ = outer.pop()
            text = value or word
        elif text is None:
            value = root if (name := taken[2:].rstrip("}:-")) == "project" else env.get(name, "")
            if not taken.endswith("}"):
                outer.append((parts, value, taken))
                parts = []
                continue
            text = value
        size += len(text)
        if size > LONGEST:
            raise _too_large("a variable of this project")
        parts.append(text)
    while outer:
        word = "".join(parts)
        parts, _, opening = outer.pop()
        parts += (opening, word)
    return "".join(parts)


def piece(template: str, start: int) -> tuple[str, str | None]:
    """Return what to read next, and what it stands for: None for the opening of a reference, whole or up to `:-`."""
    if template[start] == "}":
        return "}", "}"
    if template.startswith("$${", start):
        return "$${", "${"
    if template.startswith("${", start):
        end = start + 2
        while end < len(template) and (template[end] == "_" or template[end].isalnum()):
            end += 1
        if identifier(template[start + 2 : end]):
            if template.startswith("}", end):
                return template[start : end + 1], None
            if template.startswith(":-", end):
                return template[start : end + 2], None
    if template[start] == "$":
        return "$", "$"
    end = start
    while end < len(template) and template[end] not in "$}":
        end += 1
    return template[start:end], template[start:end]


def enter(plan: Plan, env: Mapping[str, str], root: str, environment: str) -> dict[str, str]:
    """Return `env` with the project's environment and variables in it, after leaving whatever is active there.

    `root` is the project's real path, `environment` the environment's store path. Raises ShellError for what no
    environment can hold: a value too large, with a NUL, too many names, or a PATH entry with a colon.
    """
    before = leave(env)
    after = dict(before)
    after["DEVSHELL_ROOT"], after["DEVSHELL_ENV"] = root, environment
    after["DEVSHELL_PROMPT"] = prompt(root)
    names: set[str] = set()
    entries: list[str] = []
    for kind, *words in plan:
        if kind == "path":
            entries = front(words, entries)
            _put_path(after, before.get("PATH"), entries)
        elif settable(words[0]) and not _idle(kind, words[0], after):
            names.add(words[0])
            _apply(kind, words[0], words[1:], after, root)
    if len(names) > MOST_NAMES:
        raise _error(f"this project sets {len(names)} variables", f"devshell keeps at most {MOST_NAMES:,}")
    _remember(names, entries, before, after)
    return after


def prompt(root: str) -> str:
    """Return a project's name as prompts show it: without what a shell or a terminal would take for more than text."""
    name = os.path.basename(root)[:_LONGEST_PROMPT]
    return "".join(character if character.isalnum() or character in "._+-" else "?" for character in name)


def _idle(kind: str, name: str, env: Mapping[str, str]) -> bool:
    return (kind == "default" and name in env) or (kind == "extend" and not env.get(name))


def front(words: Iterable[str], entries: Iterable[str]) -> list[str]:
    """Return our entries of PATH with `words` in front, each once; raises ShellError for one with a colon in it."""
    for word in words:
        if ":" in word:
            raise _error(
                f"the folder {word!r} cannot stand in PATH: a colon separates its entries",
                "move the project, or devshell's data folder, to a path without a colon",
            )
    return list(dict.fromkeys(word for word in (*words, *entries) if word))


def _put_path(env: dict[str, str], users: str | None, entries: list[str]) -> None:
    # An empty PATH is one empty entry, an unset one has none: so both come back as they were.
    joined = ":".join(entries if users is None else [*entries, users])
    if entries:
        env["PATH"] = joined


def _apply(kind: str, name: str, words: list[str], env: dict[str, str], root: str) -> None:
    """Do one operation. Raises ValueError for a kind that there is not: a plan is ours, never a user's."""
    if kind == "unset":
        env.pop(name, None)
    elif kind == "literal":
        env[name] = words[0]
    elif kind in {"set", "default"}:
        env[name] = expand(words[0], env, root)
    elif kind in {"prepend", "extend"}:
        parts = [*(expand(word, env, root) for word in words), env.get(name, "")]
        if any(parts[:-1]):
            env[name] = ":".join(filter(None, parts))
    else:
        raise ValueError(kind)
    # Checked at each step, not once at the end: a value may be made of the one before, doubled, and doubled again.
    _check(name, env)


def _remember(names: set[str], entries: list[str], before: Mapping[str, str], after: dict[str, str]) -> None:
    ours = {name: after[name] for name in names if name in after}
    for name in names:
        if name in before:
            after[_OLD + name] = before[name]
            _check(_OLD + name, after)
        if name in ours:
            after[_NEW + name] = ours[name]
            _check(_NEW + name, after)
    after["DEVSHELL_NAMES"] = " ".join(sorted(names))
    if entries:
        after["DEVSHELL_PATH"] = ":".join(entries)
    for name in (*_MARKS, "PATH"):
        _check(name, after)


def _check(name: str, env: Mapping[str, str]) -> None:
    """Raise ShellError where the system would start no program with this variable."""
    value = env.get(name, "")
    try:
        size = len(name) + len(value.encode("utf-8", "surrogateescape")) + 2
    except UnicodeEncodeError:
        raise _error(f"the variable {name} holds text that is no Unicode", "give it another value") from None
    if "\0" in value:
        raise _error(f"the variable {name} holds a NUL character", "no variable can hold one: give it another value")
    if size > LONGEST:
        raise _too_large(f"the variable {name}")


def leave(env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` without what `enter` put there; without an active environment, the same as it came.

    A variable gets its earlier value back unless it has been changed since; PATH loses the first occurrence of each of
    our entries. What travelled is read as untrusted: names that `enter` would not have written are passed over.
    """
    after = {name: value for name, value in env.items() if not _ours(name)}
    for name in _names(env):
        if env.get(name) != env.get(_NEW + name):
            continue
        if (old := env.get(_OLD + name)) is None:
            after.pop(name, None)
        else:
            after[name] = old
    if "PATH" in after and (entries := env.get("DEVSHELL_PATH")):
        kept = _without(after["PATH"].split(":"), entries.split(":"))
        if kept:
            after["PATH"] = ":".join(kept)
        else:
            del after["PATH"]
    return after


def _ours(name: str) -> bool:
    return name in _MARKS or travels(name)


def _names(env: Mapping[str, str]) -> list[str]:
    text = env.get("DEVSHELL_NAMES", "")
    if len(text) > LONGEST:
        return []
    names = text.split(" ", MOST_NAMES)
    return [] if len(names) > MOST_NAMES else list(filter(settable, names))


def _without(entries: list[str], ours: list[str]) -> list[str]:
    """Return `entries` less the first occurrence of each of `ours`; linear, as both may have come from anywhere."""
    pending: dict[str, int] = {}
    for entry in ours:
        if entry:
            pending[entry] = pending.get(entry, 0) + 1
    kept = []
    for entry in entries:
        if pending.get(entry):
            pending[entry] -= 1
        else:
            kept.append(entry)
    return kept


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """Return what to set, and with None what to unset, to get from `before` to `after`, sorted by name."""
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    return [(name, after.get(name)) for name in sorted(changed)]


def managed(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    """Return what `after` has of all that is devshell's to set, there or in `before`; None for what is unset.

    Nothing where neither is active. Unlike `difference`, names whose value is the same are there too.
    """
    if not any(name in env for env in (before, after) for name in _MARKS):
        return {}
    names = dict.fromkeys((*_names(before), *_names(after)))
    every = (*_MARKS, "PATH", *names, *(mark + name for name in names for mark in (_OLD, _NEW)))
    return {name: after.get(name) for name in every}


def pure(env: Mapping[str, str]) -> dict[str, str]:
    """Return what `--pure` starts from: who and where one is, as `_PURE` says, and the system's own PATH.

    Whatever is active in `env` is left first.
    """
    kept = {name: value for name, value in leave(env).items() if name in _PURE or name.startswith("LC_")}
    kept["PATH"] = os.confstr("CS_PATH") or os.defpath
    return kept


def _too_large(what: str) -> ShellError:
    return _error(f"{what} is larger than {LONGEST // 1024} KiB", "no program could be started with it: use a file")


def _error(message: str, hint: str) -> ShellError:
    # Imported where it is needed: it brings dataclasses, which cost more than all the rest of this module.
    from devshell.errors import ShellError

    return ShellError(message, hint=hint)
