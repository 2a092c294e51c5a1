"""How devshell speaks: errors, notes, tables, data. The one place that turns errors into words."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from devshell.errors import DevshellError, ManyErrors, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKS = {"error": "31", "hint": "36", "good": "32", "dim": "2", "bold": "1"}


def error(problem: DevshellError) -> int:
    """Print an error: what happened, where, and what to do next; return its exit code."""
    for one in problem.errors if isinstance(problem, ManyErrors) else (problem,):
        where = f"{_shown(one.place)}: " if one.place else ""
        line(f"{paint('error', 'error')}: {inert(where)}{inert(one.message)}")
        if one.hint:
            _write(f"  {paint('hint', 'hint')}: {inert(one.hint)}")
    return problem.exit_code


def os_error(problem: OSError) -> int:
    """Print an error of the system that nothing nearer explained; return its exit code."""
    where = os.fsdecode(problem.filename) if isinstance(problem.filename, (str, bytes)) else None
    return error(DevshellError(problem.strerror or str(problem), place=Place(where) if where else None))


def defect(problem: Exception) -> int:
    """Keep a traceback in a file for whoever mends devshell, tell the user where, and return the exit code."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="devshell-defect-", suffix=".txt", delete=False) as file:
        file.write("".join(traceback.format_exception(problem)))
    return error(
        DevshellError(
            f"a defect in devshell: {type(problem).__name__}: {problem}",
            hint=f"please report it with {file.name}, after looking through it for secrets",
        )
    )


def broken_pipe() -> int:
    """Go quietly where the reader of our output has gone, as other tools do."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + 13


def line(text: str) -> None:
    """Print one line of speech on stderr."""
    _write(f"devshell: {text}")


def inert(text: str) -> str:
    """Return text in which nothing acts on a terminal: control characters are shown, not sent."""
    return "".join(
        c if c in "\n\t" or (c.isprintable() and not "\ud800" <= c <= "\udfff") else repr(c)[1:-1] for c in text
    )


def paint(text: str, mark: str, *, stream: Any = None) -> str:  # noqa: ANN401  (any text stream)
    """Return text coloured for a terminal, unless `NO_COLOR` is set or there is none."""
    stream = stream or sys.stderr
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return text
    return f"\x1b[{_MARKS[mark]}m{text}\x1b[0m"


def data(text: str) -> None:
    """Print data on stdout; bytes that are not text come out as they went in."""
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(text) + b"\n")
    sys.stdout.buffer.flush()


def as_json(value: Any) -> None:  # noqa: ANN401  (anything JSON can say)
    """Print a value as JSON, sorted, on stdout."""
    data(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> None:
    """Print rows in columns on stdout; the header is for people, so only a terminal gets it."""
    # A line break in a cell would make a row that nobody wrote.
    shown = [[inert(cell).replace("\n", "\\n") for cell in row] for row in rows]
    if sys.stdout.isatty():
        shown = [list(header), *shown]
    if not shown:
        return
    widths = [max(len(row[n]) for row in shown) for n in range(len(header))]
    for number, row in enumerate(shown):
        text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        data(paint(text, "bold", stream=sys.stdout) if number == 0 and sys.stdout.isatty() else text)


def size(count: float) -> str:
    """Return a number of bytes for people: `212 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":  # noqa: PLR2004  (SI units)
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"  # noqa: PLR2004
        count /= 1000
    raise AssertionError


def _shown(place: Place) -> str:
    folder = os.getcwd() + os.sep
    file = place.file.removeprefix(folder)
    return str(Place(file, place.line, place.key))


def _write(text: str) -> None:
    sys.stderr.write(text.encode("utf-8", "replace").decode("utf-8") + "\n")
