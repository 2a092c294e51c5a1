"""The lock's block of an npm tool, made of the packages that a platform gets."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell.lock import Artifact, Block
from devshell.sources.npm import lock as npm_lock
from devshell.sources.npm import tree as npm_tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devshell.registry import Layout, Offer
    from devshell.sources.npm.choice import Choice
    from devshell.sources.npm.lock import Package


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes a block: the tool's choice, those beside it, what the registry says, and sizes by hash in bytes."""

    choice: Choice
    beside: Sequence[Choice]
    offer: Offer | None
    sizes: Mapping[str, int]

    @property
    def layout(self) -> Layout | None:
        """Return where the registry says the programs are, None where it leaves that to the package."""
        layout = None if self.offer is None else self.offer.layout(self.choice.version)
        return None if layout is None or layout.bin is None else layout

    def block(self, packages: Sequence[Package], platform: str) -> Block:
        """Return the block of a platform that gets `packages`. Raises ResolveError where one has no strong hash."""
        choice = self.choice
        origin = {"package": choice.name}
        if choice.release != choice.version:
            origin["release"] = choice.release
        commands = self._programs(platform) if self.layout else self._scripts(packages)
        return Block(
            source="npm",
            version=choice.version,
            artifacts=tuple(self._artifact(package) for package in packages if not package.bundled),
            origin=MappingProxyType(origin),
            # A package's file has one folder at the top, whatever it is called.
            strip=1,
            bin=MappingProxyType(dict(sorted(commands.items()))),
            variables=self._filled(self._said.variables if self._said else {}, platform),
            fixups=tuple(self._fixups(platform)),
            dependencies=() if self.layout else ("node",),
        )

    @property
    def _said(self) -> Layout | None:
        return None if self.offer is None else self.offer.layout(self.choice.version)

    def _artifact(self, package: Package) -> Artifact:
        digest = npm_lock.sha512(package)
        return Artifact(package.file, "sha512", digest, self.sizes[digest], f"lib/{package.place}")

    def _programs(self, platform: str) -> dict[str, str]:
        """Return the commands that the registry names: programs in the tool's own package."""
        named = self.layout.bin if self.layout and self.layout.bin else {}
        folder = f"{npm_tree.MODULES}/{self.choice.name}"
        return {command: f"{folder}/{path}" for command, path in self._filled(named, platform).items()}

    def _scripts(self, packages: Sequence[Package]) -> dict[str, str]:
        """Return the commands of the tool's package and of those beside it; where two have one, the tool's own."""
        tops = {p.place.removeprefix("node_modules/"): p.commands for p in packages if p.is_top}
        files = npm_tree.file_names(tops)
        found: dict[str, str] = {}
        for name in (self.choice.name, *(each.name for each in self.beside)):
            for command in tops[name]:
                found.setdefault(command, f"bin/{files[name, command]}")
        return found

    def _fixups(self, platform: str) -> list[Mapping[str, str]]:
        fixups: list[Mapping[str, str]] = [
            MappingProxyType(
                {"kind": "link", "path": f"{npm_tree.BESIDE}/{name}", "target": f"{npm_tree.MODULES}/{name}"}
            )
            for name in sorted(each.name for each in self.beside)
        ]
        if self.layout:
            # Not every publisher marks its programs as such.
            paths = sorted(set(self._programs(platform).values()))
            fixups += [MappingProxyType({"kind": "executable", "path": path}) for path in paths]
        return fixups + [self._filled(fixup, platform) for fixup in (self._said.fixups if self._said else ())]

    def _filled(self, texts: Mapping[str, str], platform: str) -> Mapping[str, str]:
        if self.offer is None:
            return MappingProxyType({})
        choice, fill = self.choice, self.offer.fill
        return MappingProxyType(
            {key: fill(texts[key], choice.version, choice.release, platform) for key in sorted(texts)}
        )
