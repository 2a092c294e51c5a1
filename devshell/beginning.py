"""What `init` does: a first manifest, from what the folder already says or from a template, and direnv's `.envrc`."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from devshell import detect, direnv, edit, project, trust
from devshell.errors import Place, ProjectError
from devshell.files import write_atomically
from devshell.paths import MANIFEST
from devshell.snapshot import Role


@dataclass(frozen=True, slots=True)
class Begun:
    """What was written, a line for each thing taken over or left alone, and the project's files that were there.

    With files that were there `before`, the project is not allowed: they are somebody else's word. `path` is None
    where the manifest was there already and only the `.envrc` was asked for.
    """

    path: Path | None
    taken: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    envrc: Path | None = None


def begin_with_direnv(folder: Path, template: str | None) -> Begun:
    """Write an `.envrc` for direnv into `folder`, and a manifest first where there is none.

    Raises ProjectError, before anything is written, where there is an `.envrc` already, or a manifest that a template
    would replace.
    """
    root = Path(os.path.realpath(folder))
    direnv.refuse_existing(root)
    there = os.path.lexists(root / MANIFEST)
    begun = Begun(None) if there and template is None else begin(root, template)
    return replace(begun, envrc=direnv.write(root))


def begin(folder: Path, template: str | None) -> Begun:
    """Write a manifest into `folder` and allow it, since the user had it written, unless other files stand by it.

    Raises ProjectError where there is one already, UsageError for an unknown template.
    """
    root = Path(os.path.realpath(folder))
    path = root / MANIFEST
    if os.path.lexists(path):
        raise ProjectError(
            "there is a devshell.toml here already", place=Place(str(path)), hint="add to it: `devshell add`"
        )
    if template is not None:
        return Begun(path, before=_written(root, edit.template(template)))
    found = detect.detect(root)
    tools = {one.tool: one.version for one in found.tools}
    before = _written(root, edit.new_manifest(tools, {one.tool: f"from {one.place.file}" for one in found.tools}))
    taken = tuple(f"{t.tool} {t.version} from {t.place.file}" + (f" ({t.note})" if t.note else "") for t in found.tools)
    left = tuple(f"{x.name} {x.written} in {x.place.file}: {x.reason}".replace("  ", " ") for x in found.left)
    return Begun(path, taken, left, before)


def _written(root: Path, content: bytes) -> tuple[str, ...]:
    """Write the manifest and allow it, and return the files that were there before, for which nobody has spoken."""
    write_atomically(root / MANIFEST, content)
    snapshot = project.read(root)
    own = snapshot.one(Role.MANIFEST)
    others = tuple(os.path.basename(f.path) for f in snapshot.files if f.exists and f is not own)
    if own.content == content and not others:
        trust.allow(snapshot)
    return others
