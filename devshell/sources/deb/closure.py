"""The closure: all that a tool needs of a Debian suite. Pure functions of an index.

Depends and Pre-Depends are followed, Recommends never. Wherever Debian leaves a choice, one rule
decides, so that the same index gives the same closure:

- Of a package's versions the highest is taken that every dependency met so far accepts.
- A dependency that leaves no choice is met before one that does.
- Of alternatives, one that is in the closure already is taken; else the first that the suite has.
- For a name that no package has, one in the closure that provides it is taken; else a provider from
  the source package of whoever needs it; else the one with the shortest name, then the first by name.

A choice that turns out wrong (another dependency needs an older version, or what it needs itself the
suite lacks) is remembered, and everything is chosen anew.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from devshell.errors import ResolveError
from devshell.sources.deb import control, debian_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devshell.sources.deb.control import Group, Relation
    from devshell.sources.deb.packages import Index, Package
    from devshell.sources.deb.pruned import Rules

#: The largest closures of real tools have a few hundred packages.
MOST = 2000
#: Wrong choices that are tried before giving up; real closures have none or one.
_MOST_ATTEMPTS = 200


def closure(index: Index, roots: Sequence[Package], architecture: str, rules: Rules) -> tuple[Package, ...]:
    """Return the packages that `roots` need, themselves included, sorted by name.

    `rules` say what is left out, and what is needed though no field says so. Raises ResolveError
    naming the chain to what the suite lacks, where the closure is unreasonably large, and where a
    field cannot be read.
    """
    learned = _Learned()
    for _ in range(_MOST_ATTEMPTS):
        attempt = _Attempt(index, architecture, rules, learned)
        try:
            return attempt.packages(roots)
        except _WrongChoiceError:
            continue
    raise ResolveError(
        f"what {roots[0].name} needs of {index.codename} contradicts itself",
        hint="another suite may have it: see `suite` in the manifest",
    )


class _WrongChoiceError(Exception):
    """Something was learned that an earlier choice did not know of."""


@dataclass(slots=True)
class _Learned:
    """What wrong choices taught: versions that cannot be, and what else a package's version must fulfil."""

    #: `(name, version)` → why not, as a clause: `needs libfoo (>= 2), which Debian's trixie does not have`.
    impossible: dict[tuple[str, str], str] = field(default_factory=dict)
    demands: dict[str, list[Relation]] = field(default_factory=dict)


class _Attempt:
    """One walk through what is needed, from the roots on."""

    def __init__(self, index: Index, architecture: str, rules: Rules, learned: _Learned) -> None:
        self._index = index
        self._architecture = architecture
        self._rules = rules
        self._learned = learned
        self._chosen: dict[str, Package] = {}
        self._provided: dict[str, list[Relation]] = {}
        self._roots: frozenset[str] = frozenset()
        self._firm: deque[tuple[Package, Group]] = deque()
        self._open: deque[tuple[Package, Group]] = deque()

    def packages(self, roots: Sequence[Package]) -> tuple[Package, ...]:
        self._roots = frozenset(root.name for root in roots)
        for root in roots:
            self._choose(root)
        for name in self._rules.always:
            self._firm.append((roots[0], (control.Relation(name),)))
        while self._firm or self._open:
            package, group = (self._firm or self._open).popleft()
            self._meet(package, group)
        return tuple(self._chosen[name] for name in sorted(self._chosen))

    def _choose(self, package: Package) -> None:
        self._chosen[package.name] = package
        if len(self._chosen) > MOST:
            raise ResolveError(f"more than {MOST} packages would be needed, more than any tool does")
        if package.provides:
            for relation in chain.from_iterable(control.parse(package.provides, self._architecture)):
                self._provided.setdefault(relation.name, []).append(relation)
        for group in self._groups(package):
            queue = self._firm if len(group) == 1 and self._index.named(group[0].name) else self._open
            queue.append((package, group))

    def _groups(self, package: Package) -> Iterator[Group]:
        for field_text in (package.pre_depends, package.depends):
            if field_text:
                yield from control.parse(field_text, self._architecture)
        for name in self._rules.unsaid(package.name):
            yield (control.Relation(name),)

    def _meet(self, package: Package, group: Group) -> None:
        if any(self._is_met(relation) for relation in group):
            return
        for relation in group:
            # What is left out counts as there: an alternative to it is not needed either.
            if self._rules.leaves_out(relation.name, package.name):
                return
            found = self._candidate(relation, package)
            if found is None:
                continue
            if found.name in self._chosen:
                self._learned.demands.setdefault(relation.name, []).append(relation)
                raise _WrongChoiceError
            if not self._rules.leaves_out(found.name, package.name):
                self._choose(found)
            return
        self._give_up(package, group)

    def _is_met(self, relation: Relation) -> bool:
        there = self._chosen.get(relation.name)
        if there is not None and self._fits(there, relation):
            return True
        return any(self._answers(provided, relation) for provided in self._provided.get(relation.name, ()))

    def _candidate(self, relation: Relation, needed_by: Package) -> Package | None:
        """Return the package that answers an alternative best, or None where the suite has none."""
        demands = self._learned.demands.get(relation.name, ())
        real = [
            p
            for p in self._index.named(relation.name)
            if p.name not in self._roots
            and self._fits(p, relation)
            and self._is_possible(p)
            and all(demand.accepts(p.version) for demand in demands)
        ]
        if real:
            return max(real, key=newest)
        provided = [p for p in self._providers(relation) if self._is_possible(p) and p.name not in self._chosen]
        if not provided:
            return None
        name = min({(p.source != needed_by.source, len(p.name), p.name) for p in provided})[2]
        return max((p for p in provided if p.name == name), key=newest)

    def _fits(self, package: Package, relation: Relation) -> bool:
        return relation.is_for(self._architecture) and relation.accepts(package.version)

    def _is_possible(self, package: Package) -> bool:
        return (package.name, package.version) not in self._learned.impossible

    def _providers(self, relation: Relation) -> Iterator[Package]:
        for package in self._index.providing(relation.name):
            if any(self._answers(each, relation) for each in control.provided(package.provides, relation.name)):
                yield package

    def _answers(self, provided: Relation, relation: Relation) -> bool:
        if not relation.is_for(self._architecture):
            return False
        # Policy 7.5: what is provided without a version answers no request for one.
        return relation.accepts(provided.version) if provided.operator else not relation.operator

    def _give_up(self, package: Package, group: Group) -> None:
        """Remember that a package cannot be had, and choose anew; raise ResolveError where it was asked for."""
        reason = f"needs {' | '.join(map(str, group))}, which {self._lack(group)}"
        if package.name in self._roots:
            raise ResolveError(
                f"{package.name} {reason}", hint="another suite may have it: see `suite` in the manifest"
            )
        self._learned.impossible[package.name, package.version] = reason
        raise _WrongChoiceError

    def _lack(self, group: Group) -> str:
        there = [p for r in group for p in self._index.named(r.name) if self._fits(p, r)]
        for package in there:
            known = self._learned.impossible.get((package.name, package.version))
            if known is not None:
                return known
        return "contradicts what else is needed of it" if there else f"Debian's {self._index.codename} does not have"


def newest(package: Package) -> tuple[debian_version.Key, str, str]:
    """Return a key that sorts packages from old to new; a total order."""
    return debian_version.key(package.version), package.version, package.filename
