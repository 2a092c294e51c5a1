"""What `add` and `remove` do: the manifest and the lock change together, or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from devshell import edit, registry, resolve, versions
from devshell.errors import ManifestError, Place, UsageError
from devshell.lock import Change, Lock, changes, dumps
from devshell.opening import Project, checked, write_files
from devshell.snapshot import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devshell.session import Session

_TOOL = re.compile(r"(?P<key>(?:[a-z]+:)?(?:@[^@\s]+/)?[^@\s:]+)(?:@(?P<version>.+))?")


@dataclass(frozen=True, slots=True)
class Asked:
    """A tool on the command line; `version` is None where none was said."""

    key: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Amended:
    """The project after the change, and what changed in its lock."""

    project: Project
    changes: list[Change]


def parse_tool(text: str) -> Asked:
    """Parse `TOOL[@VERSION]`, where the tool may be `npm:@scope/name`; raises UsageError or VersionError."""
    match = _TOOL.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no tool", hint="write node, node@22, or pypi:name@1.4")
    if match["version"] is not None:
        versions.parse(match["version"])
    key = match["key"]
    if ":" not in key and registry.load(key) is None:
        alias = registry.by_alias(key)
        key = alias.name if alias is not None else key
    return Asked(key, match["version"])


def add(found: Project, tools: Sequence[Asked], session: Session) -> Amended:
    """Add tools to the manifest, or change the version of those it has, and lock them.

    A tool without a version gets the major number of its newest one. Nothing is written where one
    of them cannot be locked.
    """
    old = found.lock() or Lock()
    content = found.snapshot.one(Role.MANIFEST).content or b""
    for asked in tools:
        content = edit.with_tool(content, asked.key, asked.version or "latest")
    wanted = checked(found.snapshot.replace(Role.MANIFEST, content))
    new = resolve.resolve(wanted.manifest, old, session, update=[asked.key for asked in tools])
    for asked in tools:
        if asked.version is None:
            request = versions.suggested_request(max(new.tools[asked.key].versions, key=versions.sort_key))
            content = edit.with_tool(content, asked.key, request)
            new = _with_request(new, asked.key, request)
    return _written(found, content, old, new)


def remove(found: Project, names: Sequence[str], session: Session) -> Amended:
    """Take tools out of the manifest and the lock. Raises ManifestError for one that is not there."""
    old = found.lock() or Lock()
    file = found.snapshot.one(Role.MANIFEST)
    content = file.content or b""
    for name in names:
        try:
            content = edit.without_tool(content, name)
        except ManifestError as error:
            error.place = error.place or Place(file.path, key="tools")
            raise
    wanted = checked(found.snapshot.replace(Role.MANIFEST, content))
    new = resolve.resolve(wanted.manifest, old, session)
    return _written(found, content, old, new)


def _written(found: Project, content: bytes, old: Lock, new: Lock) -> Amended:
    written = write_files(found, {Role.MANIFEST: content, Role.LOCK: dumps(new).encode()})
    return Amended(written, changes(old, new))


def _with_request(lock: Lock, name: str, request: str) -> Lock:
    entry = replace(lock.tools[name], request=request)
    return replace(lock, tools=MappingProxyType({**lock.tools, name: entry}))
