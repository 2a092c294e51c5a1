"""The examination that `devshell doctor` makes: one module a concept, each yielding findings. Reads only.

It works where nothing else does, so a check that fails is a finding itself; and in a project that is not allowed, so
nothing that a project says is acted on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from devshell.doctor import editors, indexes, machine, path, project, session, shells, store
from devshell.doctor.finding import Finding, Level, Surroundings, failure, problem
from devshell.errors import DevshellError, ManyErrors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Finding", "Level", "Surroundings", "examine"]

_CHECKS: tuple[tuple[str, Callable[[Surroundings], Iterator[Finding]]], ...] = (
    ("shell", shells.check),
    ("path", path.check),
    ("session", session.check),
    ("project", project.check),
    ("store", store.check),
    ("machine", machine.check),
    ("index", indexes.check),
    ("editor", editors.check),
)


def examine(here: Surroundings, *, network: bool) -> Iterator[Finding]:
    """Yield what there is to say, as it is found; the network is asked only with `network`."""
    checks = (*_CHECKS, ("network", indexes.reach)) if network else _CHECKS
    for concept, check in checks:
        try:
            yield from check(here)
        except ManyErrors as several:
            yield from (failure(concept, error) for error in several.errors)
        except DevshellError as error:
            yield failure(concept, error)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            yield problem(concept, f"{where}{error.strerror or error}")
