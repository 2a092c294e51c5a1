"""From unpacked Debian packages to a tree of its own: the story, a line a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell.errors import StoreError
from devshell.sources.deb import alternatives, commands, locales, records, relocate, scripts
from devshell.sources.deb.survey import survey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from devshell.lock import Block
    from devshell.sources import Site
    from devshell.sources.deb.records import Record


def arrange(site: Site, block: Block) -> None:
    """Make a tree's programs run from where they will be, on nothing but the tree.

    The block's fix-ups come after this; where they will wrap a program, all that leads to it leads
    to its wrapper from here on. Raises StoreError where the tree lacks a package that the block
    speaks of, or the store's path does not fit into what has to hold it.
    """
    packages = records.take(site.tree)
    offered = alternatives.make(site.tree, packages)
    found = survey(site.tree)
    relocate.relocate(site, found.elves)
    scripts.rewrite(site, found.scripts, block.fixups)
    locales.link(site.tree)
    commands.show(site.tree, _primary_files(block, packages, offered), block.fixups)


def _primary_files(block: Block, packages: Iterable[Record], offered: Mapping[str, Iterable[str]]) -> list[str]:
    """Return what the packages that the tool is made of brought or offered."""
    known = {record.package: record for record in packages}
    files: list[str] = []
    for name in (block.origin.get("package", ""), *block.origin.get("also", "").split()):
        if name not in known:
            raise StoreError(
                f"the package {name!r}, which the tool is made of, is not among those that were unpacked",
                hint="lock the tool again with `devshell lock --update`",
            )
        files += [*known[name].files, *offered.get(name, ())]
    return files
