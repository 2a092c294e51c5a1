"""Opening a project: its files read once, checked, and trusted where a command acts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devshell import manifest, project, registry, trust
from devshell.errors import ManifestError, Place
from devshell.files import explained, locked
from devshell.lock import Lock, dumps, loads
from devshell.paths import project_state
from devshell.snapshot import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devshell.manifest import Manifest, Shell
    from devshell.session import Session
    from devshell.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Project:
    """A project as read once: its files, and what its manifest says."""

    snapshot: Snapshot
    manifest: Manifest

    @property
    def root(self) -> str:
        """Return the project's real folder."""
        return self.snapshot.root

    @property
    def lock_path(self) -> str:
        """Return where its lock is, or will be."""
        return self.snapshot.one(Role.LOCK).path

    def lock(self) -> Lock | None:
        """Return the lock as it was read, None where there is none; raises LockError on a bad one."""
        file = self.snapshot.one(Role.LOCK)
        return None if file.content is None else loads(file.content, file.path)

    def shell(self, name: str | None) -> Shell:
        """Return a named shell, or the project's own; raises ManifestError for an unknown name."""
        if name is not None and name not in self.manifest.shells:
            known = ", ".join(sorted(self.manifest.shells)) or "none"
            raise ManifestError(
                f"this project has no shell {name!r}",
                place=Place(self.snapshot.one(Role.MANIFEST).path, key="shells"),
                hint=f"its named shells: {known}",
            )
        return self.manifest.shell(name)


def checked(snapshot: Snapshot) -> Project:
    """Return a project whose manifest is parsed and right; raises ManifestError, several as ManyErrors."""
    return Project(snapshot, manifest.parse(snapshot, known_tools=registry.names()))


def open_project(start: Path) -> Project:
    """Read and check the nearest project; nothing acts. Raises ProjectError and ManifestError."""
    return checked(project.read(project.find(start)))


def trusted_project(start: Path, session: Session) -> Project:
    """Read the nearest project and require the user's word for it; raises TrustError.

    A manifest that is wrong is said before anybody is asked to trust it.
    """
    found = open_project(start)
    trust.require(found.snapshot, session.confirm, session.world.config)
    return found


def write_lock(found: Project, lock: Lock) -> Project:
    """Write the lock, and keep an allowed project allowed: devshell made the change, at the user's command."""
    return write_files(found, {Role.LOCK: dumps(lock).encode()})


def write_files(found: Project, contents: Mapping[Role, bytes]) -> Project:
    """Write files of an allowed project and return it with them, still allowed.

    The trust is for the bytes written here and for what was trusted before, never for what stands on
    disk by now. Raises TrustError where the project is not allowed.
    """
    snapshot = found.snapshot
    standing = trust.standing(snapshot)
    if standing is not trust.Standing.ALLOWED:
        raise trust.refusal(snapshot.root, standing)
    contents = {role: content for role, content in contents.items() if snapshot.one(role).content != content}
    if not contents:
        return found
    state = Path(project_state(found.root))
    with explained(state), locked(state / ".writing", cancelled=lambda: False):
        for role in contents:
            project.refuse_changed(snapshot, role)
        for role, content in contents.items():
            snapshot = project.write(snapshot, role, content)
        trust.keep_allowed(found.snapshot, snapshot)
    return checked(snapshot)
