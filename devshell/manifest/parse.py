"""From a project's files to its manifest."""

from __future__ import annotations

import posixpath
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from devshell.errors import ManifestError, ManyErrors, Place
from devshell.manifest.document import Document, Link, load
from devshell.manifest.keys import MOST_SHELLS
from devshell.manifest.merge import Layer, over, shell_over
from devshell.manifest.model import Manifest, Request, Settings, Shell
from devshell.manifest.shape import MOST, nearest, show, too_many
from devshell.snapshot import File, Role, Snapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from devshell.manifest.model import Task

#: Of all variables of a shell together, in bytes; Linux takes about 2 MiB, the user's own included.
_LARGEST_ENV = 1024 * 1024
#: Of one sort; finding the nearest name takes time, and a hostile file could ask for it endlessly.
_MOST_ERRORS = 100


class Links(NamedTuple):
    """The files that one manifest file names, with their places: what else belongs to the project."""

    include: tuple[Link, ...]
    dotenv: tuple[Link, ...]
    watch: tuple[Link, ...]


def links(content: bytes, file: str) -> Links:
    """Return the files that `content` names, in order, named shells' too; nothing is raised for any content.

    A list with problems counts without its wrong entries, a file that is not TOML names nothing:
    :func:`parse` says what is wrong.
    """
    document = load(content, file)
    return Links(document.include, document.dotenv, document.watch)


def includes(content: bytes, file: str) -> tuple[str, ...]:
    """Return the `include` list of one file as written.

    Raises ManifestError, with the place, where the content is not TOML or the list is wrong.
    """
    document = load(content, file)
    for error in document.errors:
        key = error.place.key if error.place else None
        if key is None or key.partition("[")[0] == "include":
            raise error
    return tuple(link.name for link in document.include)


def located(folder: str, name: str) -> str:
    """Return the absolute path that `name`, as written, means in `folder`; `..` goes by the names alone.

    Includes count from the folder of the file that names them, all else from the project's.
    """
    return posixpath.normpath(posixpath.join(folder, name))


def parse(snapshot: Snapshot, *, known_tools: Collection[str] | None = None) -> Manifest:
    """Return what a project asks for, from its manifest, includes and local file.

    How they lie over each other is told in `devshell.manifest.merge`. Short names of tools are held
    against `known_tools` unless that is None. Raises ManyErrors with every problem of every file,
    each a ManifestError with its place, in the order they stand in the files.
    """
    family = _Family(snapshot)
    layer = family.merged()
    errors = [*family.errors(), *islice(_unknown_tools(family.documents.values(), known_tools), _MOST_ERRORS)]
    file = snapshot.one(Role.MANIFEST).path
    errors += _count_errors(layer, file)
    # Without shells where something is wrong already: each is a copy of all the rest.
    manifest = _manifest(Layer(layer.shell) if errors else layer)
    if family.complete:
        errors += islice(_task_errors(manifest), _MOST_ERRORS)
    errors += _size_errors(manifest, file)
    if errors:
        raise ManyErrors(_sorted(errors, snapshot))
    return manifest


class _Family:
    """A project's manifest files, found from one another within the snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.files = {
            file.path: file for file in snapshot.files if file.role in (Role.MANIFEST, Role.INCLUDE, Role.LOCAL)
        }
        self.documents: dict[str, Document] = {}
        self._layers: dict[str, Layer] = {}
        self._own: list[ManifestError] = []

    def merged(self) -> Layer:
        manifest = self.snapshot.one(Role.MANIFEST)
        if manifest.content is None:
            self._own.append(
                ManifestError("there is no manifest here", place=Place(manifest.path), hint="run `devshell init`")
            )
        layer = self._layer(manifest, ())
        return over(self._layer(self.snapshot.one(Role.LOCAL), ()), layer)

    def errors(self) -> Iterator[ManifestError]:
        for document in self.documents.values():
            yield from document.errors
        yield from self._own

    @property
    def complete(self) -> bool:
        """Whether every task there is could be read."""
        return not self._own and all(document.tasks_known for document in self.documents.values())

    def _layer(self, file: File, above: tuple[str, ...]) -> Layer:
        # Kept by path: includes that share includes would else be merged two to the power of their depth times.
        if file.content is None:
            return Layer()
        if file.path not in self._layers:
            document = self.documents[file.path] = load(file.content, file.path)
            layer = Layer()
            for link in document.include:
                included = self._included(file, link, (*above, file.path))
                if included is not None:
                    layer = over(self._layer(included, (*above, file.path)), layer)
            self._layers[file.path] = over(document.layer, layer)
        return self._layers[file.path]

    def _included(self, file: File, link: Link, above: tuple[str, ...]) -> File | None:
        path = located(posixpath.dirname(file.path), link.name)
        if path in above:
            circle = " → ".join(
                show(posixpath.relpath(p, self.snapshot.root)) for p in (*above[above.index(path) :], path)
            )
            self._say(link, f"files include each other in a circle: {circle}", "remove one of these includes")
            return None
        found = self.files.get(path)
        if found is None:
            self._say(link, f"{show(link.name)} was not read: too many files, or too deep", "include fewer files")
        elif found.content is None:
            self._say(link, f"there is no file {show(link.name)} to include", "mend the path, or remove the entry")
            return None
        return found

    def _say(self, link: Link, message: str, hint: str) -> None:
        self._own.append(ManifestError(message, place=link.place, hint=hint))


def _manifest(layer: Layer) -> Manifest:
    settings = Settings(watch=layer.watch)
    if layer.platforms is not None:
        settings = Settings(layer.platforms, layer.watch)
    return Manifest(
        base=layer.shell,
        settings=settings,
        shells=MappingProxyType({name: shell_over(shell, layer.shell) for name, shell in layer.shells.items()}),
        extra_tools=MappingProxyType({name: shell.tools for name, shell in layer.shells.items()}),
    )


def _count_errors(layer: Layer, file: str) -> Iterator[ManifestError]:
    counts = [("shells", len(layer.shells), MOST_SHELLS)]
    for path, shell in (("", layer.shell), *((f"shells.{name}.", shell) for name, shell in layer.shells.items())):
        tables = {"tools": shell.tools, "env": shell.env, "aliases": shell.aliases, "tasks": shell.tasks}
        counts += [(path + key, len(table), MOST) for key, table in tables.items()]
    for key, count, most in counts:
        if count > most:
            fault = too_many(count, most)
            yield ManifestError(f"with all includes, {fault.message}", place=Place(file, key=key), hint=fault.hint)


def _unknown_tools(documents: Iterable[Document], known: Collection[str] | None) -> Iterator[ManifestError]:
    if known is None:
        return
    for document in documents:
        for shell in (document.layer.shell, *document.layer.shells.values()):
            for request in shell.tools.values():
                if request.source is None and request.name not in known:
                    yield _unknown_tool(request, known)


def _unknown_tool(request: Request, known: Collection[str]) -> ManifestError:
    near = nearest(request.name, known)
    other = f'try `devshell search {request.name}`, or name its source, as in "pypi:{request.name}"'
    return ManifestError(
        f"devshell knows no tool {show(request.name)}",
        place=request.place,
        hint=f"did you mean {near!r}? Else {other}" if near else other,
    )


def _task_errors(manifest: Manifest) -> Iterator[ManifestError]:
    said: set[tuple[str, Place | None]] = set()
    for shell in (manifest.base, *manifest.shells.values()):
        for error in (*_missing_tasks(shell.tasks), *_circles(shell.tasks)):
            if (error.message, error.place) not in said:
                said.add((error.message, error.place))
                yield error


def _missing_tasks(tasks: Mapping[str, Task]) -> Iterator[ManifestError]:
    for task in tasks.values():
        for needed in task.depends:
            if needed not in tasks:
                near = nearest(needed, tasks)
                yield ManifestError(
                    f"the task {task.name!r} depends on {show(needed)}, and there is no such task",
                    place=task.place,
                    hint=f"did you mean {near!r}?" if near else "add that task, or remove it from `depends`",
                )


def _circles(tasks: Mapping[str, Task]) -> Iterator[ManifestError]:
    from graphlib import CycleError, TopologicalSorter

    graph = {name: task.depends for name, task in tasks.items() if task.depends}
    if not graph:
        return
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = tuple(reversed(error.args[1]))
        yield ManifestError(
            f"tasks depend on each other in a circle: {' → '.join(circle)}",
            place=tasks[circle[0]].place,
            hint="remove one of these from `depends`",
        )


def _size_errors(manifest: Manifest, file: str) -> Iterator[ManifestError]:
    for name, shell in ((None, manifest.base), *manifest.shells.items()):
        if _size(shell) > _LARGEST_ENV:
            yield ManifestError(
                f"all variables together are larger than {_LARGEST_ENV} bytes, and no program starts with that much",
                place=Place(file, key="env" if name is None else f"shells.{name}.env"),
                hint="put what is long into files",
            )
            return


def _size(shell: Shell) -> int:
    texts = (t for v in shell.env for t in (v.name, v.value or "", v.default or "", *(v.prepend or ())))
    return sum(len(text.encode()) for text in texts)


def _sorted(errors: Iterable[ManifestError], snapshot: Snapshot) -> tuple[ManifestError, ...]:
    order = {file.path: index for index, file in reversed(list(enumerate(snapshot.files)))}

    def key(error: ManifestError) -> tuple[int, int]:
        place = error.place or Place("")
        return order.get(place.file, len(order)), place.line or 0

    return tuple(sorted(errors, key=key))
