"""Entry points: the commands that a Python package declares, and the code that each calls.

The format is the one of the Python Packaging User Guide's "Entry points specification".
"""

from __future__ import annotations

import configparser
import keyword
import re
from dataclasses import dataclass

#: Bytes; the longest seen has some 30 kB.
LONGEST = 1 << 20
_GROUPS = ("console_scripts", "gui_scripts")
#: A file's name on every system, and nothing that could be an option.
_COMMAND = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
_TARGET = re.compile(r"(?P<module>[\w.]+)\s*:\s*(?P<attribute>[\w.]+)\s*(\[[^\]]*\])?\s*")
#: Commands that would stand in the place of a tree's own interpreter.
_INTERPRETER = re.compile(r"python[\d.]*")


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A command and what it calls: `attribute` of `module`, both possibly with dots."""

    command: str
    module: str
    attribute: str

    def code(self) -> str:
        """Return the Python program that runs the command."""
        first, dot, rest = self.attribute.partition(".")
        return (
            "import sys\n\n"
            f"from {self.module} import {first} as command\n\n"
            'if __name__ == "__main__":\n'
            f"    sys.exit(command{dot}{rest}())\n"
        )


class _Parser(configparser.RawConfigParser):
    """Reads names as they are: commands have cases."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def parse(content: bytes) -> tuple[EntryPoint, ...]:
    """Return the commands of an `entry_points.txt`, sorted by name; what is not well-formed is left out."""
    parser = _Parser(delimiters=("=",), strict=False)
    try:
        parser.read_string(content.decode("utf-8"))
    except (configparser.Error, UnicodeDecodeError):
        return ()
    found: dict[str, EntryPoint] = {}
    for group in _GROUPS:
        for command, target in parser.items(group) if parser.has_section(group) else ():
            one = _entry_point(command, target)
            if one is not None:
                found.setdefault(command, one)
    return tuple(found[command] for command in sorted(found))


def is_command(name: str) -> bool:
    """Return whether a name may be a command of an application."""
    return _COMMAND.fullmatch(name) is not None and _INTERPRETER.fullmatch(name) is None


def _entry_point(command: str, target: str) -> EntryPoint | None:
    found = _TARGET.fullmatch(target)
    if found is None or not is_command(command):
        return None
    parts = (*found["module"].split("."), *found["attribute"].split("."))
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        return None
    return EntryPoint(command, found["module"], found["attribute"])
