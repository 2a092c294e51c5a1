"""Documents made from the manifest's own shapes, and what the parser says of one file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from devshell.manifest import keys, names
from devshell.manifest.document import load
from devshell.manifest.shape import Either, Key, Many, Names, Rule, Shape, Table, Text, Whole, Yes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devshell.errors import ManifestError

Path = tuple[str, ...]
#: Stands in a path for a name of the user's choice.
ANY = "*"


def toml(value: object) -> str:
    """Return a value as TOML, tables inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(str(name))} = {toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def written(tree: dict[str, Any]) -> bytes:
    return "".join(f"{toml(name)} = {toml(value)}\n" for name, value in tree.items()).encode()


def faults(tree: dict[str, Any]) -> tuple[ManifestError, ...]:
    """Return what the parser finds wrong with one file that says `tree`."""
    return load(written(tree), "devshell.toml").errors


def every_key(shape: Shape = keys.MANIFEST, path: Path = ()) -> Iterator[tuple[Path, Key]]:
    """Yield every key of the manifest with its path, named shells' too."""
    match shape:
        case Table(keys=inner):
            for name, key in inner.items():
                yield (*path, name), key
                yield from every_key(key.shape, (*path, name))
        case Names(value=value):
            yield (*path, ANY), value
            yield from every_key(value.shape, (*path, ANY))
        case Either(options=options):
            for option in options:
                yield from every_key(option, path)
        case _:
            pass


def every_rule(shape: Shape = keys.MANIFEST) -> Iterator[Rule]:
    match shape:
        case Text(checks=checks):
            yield from checks
        case Many(item=item):
            yield from every_rule(item)
        case Names(check=check):
            yield check
        case _:
            pass
    for _, key in every_key(shape):
        yield from every_rule(key.shape)
    if isinstance(shape, Either):
        for option in shape.options:
            yield from every_rule(option)


def text(*rules: Rule) -> st.SearchStrategy[str]:
    """Return strings that pass, among them such as the schema's patterns describe."""
    words = [word for rule in rules for word in rule.words]
    if words:
        return st.sampled_from(words)
    patterns = [st.from_regex(rule.pattern, fullmatch=True) for rule in rules if rule.pattern]
    return st.one_of(*patterns or [st.text(max_size=8)]).filter(lambda found: not any(rule(found) for rule in rules))


def values(shape: Shape) -> st.SearchStrategy[Any]:
    """Return values that fit a shape by themselves; what keys decide together is another matter."""
    found: st.SearchStrategy[Any]
    match shape:
        case Text(checks=checks):
            found = text(*checks)
        case Whole(low=low, high=high):
            found = st.integers(low, high)
        case Yes():
            found = st.just(value=True)
        case Many(item=item, least=least, unique=unique):
            found = st.lists(values(item), min_size=least, max_size=3, unique=unique)
        case Table(keys=inner):
            found = st.fixed_dictionaries({}, optional={name: _entry(name, key) for name, key in inner.items()})
        case Names(check=check, value=value):
            found = st.dictionaries(text(check), values(value.shape), max_size=2)
        case Either(options=options):
            found = st.one_of(*map(values, options))
    return found


def _entry(name: str, key: Key) -> st.SearchStrategy[Any]:
    if key is not keys.SHELL.get(name) or name not in {"tools", "env", "tasks"}:
        return values(key.shape)
    assert isinstance(key.shape, Names)
    if name == "tools":
        return st.lists(_tools(), max_size=3).map(dict)
    # What a table of these needs is little enough for luck.
    entries = st.tuples(text(key.shape.check), values(key.shape.value.shape))
    return st.lists(entries.filter(lambda entry: not faults({name: dict([entry])})), max_size=3).map(dict)


def _tools() -> st.SearchStrategy[tuple[str, Any]]:
    """Return tools whose keys are chosen such that one in a few pleases the parser."""
    (either,) = [key.shape for path, key in every_key() if path == ("tools", ANY)]
    assert isinstance(either, Either)
    plain, table = either.options
    assert isinstance(table, Table)
    versions = st.sampled_from(["1.4.2", "22", "=1.0", " >= 0.9 ,<1", "*", "^1.4rc1", "~=1.4", "3.5a"])
    optional = {name: values(key.shape) for name, key in table.keys.items() if name not in {"version", "source"}}
    kinds = []
    for prefix in (None, *names.SOURCES):
        key = st.from_regex(names.key_pattern(prefix), fullmatch=True).filter(lambda key: names.tool(key) is None)
        for source in (None, "http", "npm", "deb") if prefix is None else (None,):
            foreign = tuple(keys.ONLY_SOME) if "http" in {prefix, source} else keys.HTTP_ONLY
            fitting = {name: value for name, value in optional.items() if name not in foreign}
            known = {"version": versions} | ({"source": st.just(source)} if source else {})
            wishes = (st.fixed_dictionaries(known, optional=some) for some in (fitting, fitting, optional))
            kinds.append(st.tuples(key, st.one_of(versions, values(plain), *wishes)))
    return st.one_of(kinds)


#: Most of these please the parser.
DOCUMENTS: st.SearchStrategy[dict[str, Any]] = values(keys.MANIFEST)


def subschemas(part: object) -> Iterator[dict[str, Any]]:
    """Yield every table within a schema, itself included."""
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from subschemas(inner)
