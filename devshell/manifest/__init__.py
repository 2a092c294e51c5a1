"""The manifest: what a project asks for, checked and merged from all its files."""

from devshell.manifest.document import Link
from devshell.manifest.model import (
    Dotenv,
    Hooks,
    Manifest,
    PathEntries,
    Request,
    Settings,
    Shell,
    ShellHooks,
    Task,
    Variable,
)
from devshell.manifest.names import WITH_SOURCES
from devshell.manifest.parse import Links, includes, links, located, parse

__all__ = [
    "WITH_SOURCES",
    "Dotenv",
    "Hooks",
    "Link",
    "Links",
    "Manifest",
    "PathEntries",
    "Request",
    "Settings",
    "Shell",
    "ShellHooks",
    "Task",
    "Variable",
    "includes",
    "links",
    "located",
    "parse",
]
