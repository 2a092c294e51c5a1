"""From a checked document to values: tools, variables, tasks, hooks."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from devshell import versions
from devshell.errors import Place, VersionError
from devshell.manifest import texts
from devshell.manifest.keys import HTTP_ONLY, ONLY_SOME
from devshell.manifest.lines import KeyPath
from devshell.manifest.merge import Layer
from devshell.manifest.model import (
    Dotenv,
    Hooks,
    PathEntries,
    Request,
    Shell,
    ShellHooks,
    Task,
    Variable,
)
from devshell.manifest.shape import Fault, Say, show

Where = Callable[[KeyPath], Place]

_EVERYWHERE = "*"


def layer(document: Mapping[str, Any], where: Where, say: Say) -> Layer:
    """Return what a walked document says; what its keys contradict each other in goes to `say`."""
    settings = document.get("settings", {})
    shells = document.get("shells", {})
    return Layer(
        shell=_shell(document, (), where, say),
        shells=MappingProxyType({name: _shell(shells[name], ("shells", name), where, say) for name in shells}),
        platforms=settings.get("platforms"),
        watch=settings.get("watch", ()),
    )


def _shell(document: Mapping[str, Any], path: KeyPath, where: Where, say: Say) -> Shell:
    hooks = document.get("hooks", {})
    return Shell(
        tools=MappingProxyType({r.key: r for r in _tools(document.get("tools", {}), (*path, "tools"), where, say)}),
        env=tuple(_variables(document.get("env", {}), (*path, "env"), say)),
        path=PathEntries(document.get("path", {}).get("prepend", ())),
        dotenv=Dotenv(document.get("dotenv", {}).get("files", ())),
        aliases=MappingProxyType(document.get("aliases", {})),
        tasks=MappingProxyType({t.name: t for t in _tasks(document.get("tasks", {}), (*path, "tasks"), where, say)}),
        hooks=Hooks(
            env=hooks.get("env"),
            activate=ShellHooks(MappingProxyType(hooks.get("activate", {}))),
            deactivate=ShellHooks(MappingProxyType(hooks.get("deactivate", {}))),
        ),
    )


def _tools(table: Mapping[str, Any], path: KeyPath, where: Where, say: Say) -> Iterator[Request]:
    for key, value in table.items():
        here = (*path, key)
        wish = {"version": value} if isinstance(value, str) else value
        source, name = _source(key, wish)
        fault = _tool_fault(key, source, wish)
        if fault is not None:
            say(here, fault)
            continue
        fault = texts.exact(wish["version"]) if source == "http" else _version_fault(wish["version"])
        if fault is not None:
            say(here if isinstance(value, str) else (*here, "version"), fault)
            continue
        yield _request(key, name, source, wish, where(here))


def _source(key: str, wish: Mapping[str, Any]) -> tuple[str | None, str]:
    prefix, colon, name = key.partition(":")
    return (prefix, name) if colon else (wish.get("source"), key)


def _tool_fault(key: str, source: str | None, wish: Mapping[str, Any]) -> Fault | None:
    if wish.get("source", source) != source:
        return Fault(f"{show(key)} names two sources", "keep the prefix or `source`, not both")
    if "version" not in wish:
        return Fault(f"the tool {show(key)} has no `version`", 'add one, such as version = "1.4.2"')
    if source == "http" and "url" not in wish:
        return Fault(
            f"the tool {show(key)} comes from `http` but has no `url`",
            'write { source = "http", version = "1.4.2", url = "https://example.com/{version}/tool.tar.gz" }',
        )
    foreign = [name for name in HTTP_ONLY if name in wish]
    if source != "http" and foreign:
        names = ", ".join(f"`{name}`" for name in foreign)
        return Fault(f"the tool {show(key)} has {names}, which only `http` takes", 'add source = "http", or remove it')
    for option, sources in ONLY_SOME.items():
        if option in wish and source is not None and source not in sources:
            known = ", ".join(f"`{name}`" for name in sources)
            return Fault(f"the tool {show(key)} has `{option}`, which only {known} takes", "remove it")
    return None


def _version_fault(text: str) -> Fault | None:
    try:
        versions.parse(text)
    except VersionError as error:
        return Fault(error.message, error.hint)
    return None


def _request(key: str, name: str, source: str | None, wish: Mapping[str, Any], place: Place) -> Request:
    url = wish.get("url", {})
    commands = wish.get("bin")
    return Request(
        key=key,
        name=name,
        source=source,
        version=wish["version"],
        place=place,
        url=MappingProxyType({_EVERYWHERE: url} if isinstance(url, str) else url),
        os_names=MappingProxyType(wish.get("os", {})),
        arch_names=MappingProxyType(wish.get("arch", {})),
        strip=wish.get("strip"),
        extra=tuple(wish.get("with", ())),
        suite=wish.get("suite"),
        bin=None
        if commands is None
        else MappingProxyType({command: posixpath.normpath(commands[command]) for command in commands}),
    )


def _variables(table: Mapping[str, Any], path: KeyPath, say: Say) -> Iterator[Variable]:
    for name, value in table.items():
        if isinstance(value, str):
            yield Variable(name, value=value)
        elif len(value) != 1:
            said = "says nothing of it" if not value else "says more than one thing of it"
            say((*path, name), Fault(f"the table for {show(name)} {said}", "keep one of `default`, `unset`, `prepend`"))
        else:
            yield Variable(
                name, default=value.get("default"), unset=value.get("unset", False), prepend=value.get("prepend")
            )


def _tasks(table: Mapping[str, Any], path: KeyPath, where: Where, say: Say) -> Iterator[Task]:
    for name, value in table.items():
        wish: dict[str, Any] = {"run": value} if isinstance(value, str) else value
        depends = wish.get("depends", ())
        if "run" not in wish and not depends:
            say((*path, name), Fault(f"the task {show(name)} does nothing", "add `run`, or tasks under `depends`"))
            continue
        yield Task(name, wish.get("run", ""), wish.get("description", ""), depends, where((*path, name)))
