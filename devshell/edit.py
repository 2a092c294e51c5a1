"""Changes to a manifest that keep everything the person wrote: comments, order, quotes, line ends."""

from __future__ import annotations

import difflib
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any, NoReturn, cast

from devshell.errors import ManifestError, Place, UsageError
from devshell.paths import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tomlkit import TOMLDocument
    from tomlkit.container import Container
    from tomlkit.items import Item, Key

    Body = list[tuple[Key | None, Item]]

_BOM = "\ufeff"
_OPENING = """\
# What this project needs. `devshell sync` installs it; devshell.lock pins it, and belongs in git.
# "22" is the newest 22; "=22.4.1", ">=0.9,<1", "^1.4" and "latest" work as well.
# `devshell add TOOL` writes here, `devshell search WORD` finds tools.
[tools]
"""
_CLOSING = """\

# Variables, where ${project} is this folder; and files of them, which git should ignore.
# [env]
# GREETING = "hello from ${project}"
#
# [dotenv]
# files = [".env"]

# Commands: `devshell run test`.
# [tasks]
# test = "echo 'nothing to test yet'"
"""


def with_tool(content: bytes, key: str, version: str) -> bytes:
    """Return the manifest with the tool `key` at `version`; of an entry that is a table, only that key changes.

    Raises ManifestError where the content is not TOML, `tools` is no table, or the file has a shape
    that cannot be changed without changing more than was asked for.
    """
    text = _text(content)
    expected = _loads(text)
    entry = _tools(expected).get(key)
    if isinstance(entry, dict):
        entry["version"] = version
    else:
        expected.setdefault("tools", {})[key] = version
    document = _document(text if "tools" in _loads(text) else _with_header(text))
    if entry is None:
        _insert(document, key, version, _line_end(text))
    elif isinstance(entry, dict):
        _replace(document["tools"][key], "version", version, _line_end(text))
    else:
        _replace(document["tools"], key, version, _line_end(text))
    return _checked(content, document, expected)


def without_tool(content: bytes, key: str) -> bytes:
    """Return the manifest without the tool `key`, however its entry is written.

    Raises ManifestError where there is no such tool, naming the nearest, and as :func:`with_tool` does.
    """
    text = _text(content)
    expected = _loads(text)
    tools = _tools(expected)
    if key not in tools:
        near = difflib.get_close_matches(key, tools, n=1)
        raise ManifestError(
            f"there is no tool {key!r} to remove",
            place=Place(MANIFEST, key="tools"),
            hint=f"did you mean {near[0]!r}?" if near else "`devshell list` shows the tools there are",
        )
    del tools[key]
    document = _document(text)
    _remove(document, key)
    return _checked(content, document, expected)


def new_manifest(tools: Mapping[str, str], comments: Mapping[str, str] | None = None) -> bytes:
    """Return a first `devshell.toml` with these tools and their versions.

    `comments` holds a word for the end of a tool's line, such as where its version was found; what
    cannot be printed is left out of it.
    """
    import tomlkit

    table = tomlkit.table()
    for key, version in tools.items():
        table.add(key, version)
        comment = "".join(c for c in (comments or {}).get(key, "") if c.isprintable()).strip()
        if comment:
            table[key].comment(comment)
    return (_OPENING + table.as_string() + _CLOSING).encode()


def templates() -> tuple[str, ...]:
    """Return the names that :func:`template` knows."""
    names = (entry.name for entry in resources.files("devshell").joinpath("templates").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def template(name: str) -> bytes:
    """Return the manifest that comes with devshell under a name; UsageError where there is none of that name."""
    known = templates()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise UsageError(
            f"there is no template {name!r}",
            hint=f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}",
        )
    return resources.files("devshell").joinpath("templates", f"{name}.toml").read_bytes()


# Reading


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ManifestError("the manifest is not UTF-8 text", place=Place(MANIFEST)) from error


def _loads(text: str) -> dict[str, Any]:
    try:
        # Numbers as text, so that `nan` equals itself when the outcome is compared.
        return tomllib.loads(text.removeprefix(_BOM), parse_float=str)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ManifestError(f"the manifest is not TOML: {str(error)!r}", place=Place(MANIFEST)) from error


def _tools(document: dict[str, Any]) -> dict[str, Any]:
    tools = document.get("tools", {})
    if not isinstance(tools, dict):
        raise ManifestError("`tools` is not a table", place=Place(MANIFEST, key="tools"), hint="write it as [tools]")
    return tools


def _document(text: str) -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text.removeprefix(_BOM))
    except (TOMLKitError, RecursionError) as error:
        _refuse(error)


def _line_end(text: str) -> str:
    return "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"


def _with_header(text: str) -> str:
    end = _line_end(text)
    gap = "" if not text.removeprefix(_BOM) else end if text.endswith("\n") else end * 2
    return f"{text}{gap}[tools]{end}"


# Changing


def _insert(document: TOMLDocument, key: str, version: str, line_end: str) -> None:
    """Add a line after the last of the table's own, so that comments about what follows stay with that."""
    from tomlkit.items import Table

    tools = document["tools"]
    body = _body(tools)
    lines = [item for name, item in body if name is not None and not _is_section(item)]
    value = _string(version, next((item for item in reversed(lines) if hasattr(item, "as_string")), None), line_end)
    if lines:
        value.trivia.indent = lines[-1].trivia.indent
    tools[key] = value
    if isinstance(tools, Table):
        at = next(i for i, (name, _) in enumerate(body) if name is not None and name.key == key)
        line = body.pop(at)
        if lines and not lines[-1].trivia.trail:
            lines[-1].trivia.trail = line_end
        body.insert(_place(body, lines[-1] if lines else None), line)


def _place(body: Body, last: Item | None) -> int:
    """Return where a table's next line goes: below its last one, else below the comments on the table itself."""
    from tomlkit.items import Comment

    if last is not None:
        return 1 + next(i for i, (_, item) in enumerate(body) if item is last)
    return next((i for i, (_, item) in enumerate(body) if not isinstance(item, Comment)), len(body))


def _replace(table: Any, key: str, version: str, line_end: str) -> None:  # noqa: ANN401 - tomlkit's tables share no type
    table[key] = _string(version, table.get(key), line_end)


def _remove(document: TOMLDocument, key: str) -> None:
    tools = document["tools"]
    body = _body(tools)
    at = [i for i, (name, _) in enumerate(body) if name is not None and name.key == key]
    if len(at) == 1 and _is_section(body[at[0]][1]):
        # What stands behind a section's last line speaks of what comes after it.
        body[at[0] : at[0] + 1] = _tail(_body(body[at[0]][1]))
    else:
        del tools[key]


def _tail(body: Body) -> Body:
    last = max((i for i, (name, _) in enumerate(body) if name is not None), default=-1)
    return body[last + 1 :]


def _is_section(item: Item) -> bool:
    from tomlkit.items import AoT, Table

    return isinstance(item, Table | AoT)


def _body(table: object) -> Body:
    """Return the lines of a table as tomlkit keeps them; empty for one that stands in several places."""
    container = cast("Container | None", getattr(table, "value", None))
    return getattr(container, "body", [])


def _string(version: str, like: Item | None, line_end: str) -> Item:
    """Return a version as a TOML string, in the quotes of its neighbour."""
    import tomlkit

    literal = like is not None and like.as_string().startswith("'") and "'" not in version and version.isprintable()
    value = tomlkit.string(version, literal=literal)
    value.trivia.trail = line_end
    return value


def _checked(content: bytes, document: TOMLDocument, expected: dict[str, Any]) -> bytes:
    """Return the document's bytes, having read them anew: only what was asked for may differ."""
    text = document.as_string()
    try:
        outcome = tomllib.loads(text, parse_float=str)
    except tomllib.TOMLDecodeError as error:
        _refuse(error)
    for side in (outcome, expected):
        if not side.get("tools", True):
            del side["tools"]
    if outcome != expected:
        _refuse(None)
    return ((_BOM if _text(content).startswith(_BOM) else "") + text).encode()


def _refuse(cause: Exception | None) -> NoReturn:
    raise ManifestError(
        "the manifest has a shape that devshell cannot change safely",
        place=Place(MANIFEST, key="tools"),
        hint="edit it by hand, or write the tools as lines below one [tools]",
    ) from cause
