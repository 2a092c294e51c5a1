"""The lock: what a project gets, as frozen values, and its text form."""

from devshell.lock.changes import DEPENDENCY, Change, changes
from devshell.lock.conflict import has_conflict, sides
from devshell.lock.model import BUILD, FORMAT, Absent, Artifact, Block, Entry, Lock
from devshell.lock.names import Part, environment_name, parts, store_name
from devshell.lock.read import from_table, loads
from devshell.lock.write import dumps, to_table

__all__ = [
    "BUILD",
    "DEPENDENCY",
    "FORMAT",
    "Absent",
    "Artifact",
    "Block",
    "Change",
    "Entry",
    "Lock",
    "Part",
    "changes",
    "dumps",
    "environment_name",
    "from_table",
    "has_conflict",
    "loads",
    "parts",
    "sides",
    "store_name",
    "to_table",
]
