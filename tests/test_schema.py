"""The JSON Schema of devshell.toml and the parser say the same."""

from __future__ import annotations

import json
import re
import tomllib
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from devshell import registry
from devshell.manifest import keys, names
from devshell.manifest.schema import schema
from devshell.manifest.shape import Either, Many, Names, Shape, Table, Yes
from devshell.schemas import manifest_schema, manifest_schema_text
from support.documents import ANY, DOCUMENTS, every_key, faults, subschemas, toml
from test_manifest_parse import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Place

ROOT = Path(__file__).parent.parent
SCHEMA = manifest_schema()
# Rust's plain expressions, without look-around: Taplo looks up what it explains with those.
CHECKER = jsonschema_rs.Draft7Validator(SCHEMA, pattern_options=jsonschema_rs.RegexOptions())
KEYS = list(every_key())


def refused(tree: dict[str, Any]) -> list[str]:
    """Return what the schema finds wrong."""
    return [f"{'.'.join(map(str, e.instance_path))}: {e.message}" for e in CHECKER.iter_errors(tree)]


# What is accepted, and what is not


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(DOCUMENTS)
def test_what_the_parser_takes_is_valid(tree: dict[str, Any]) -> None:
    assume(not faults(tree))
    assert refused(tree) == []


FOREIGN: list[Any] = [0.5, 7, True, False, "", "x y", [], [0.5], ["x", "x"], {}, {"no such key": 1}]


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """Return a document with one thing changed anywhere: a value, a key, an entry of a list."""
    tree = draw(DOCUMENTS)
    assume(tree)
    spots = list(_spots(tree))
    holder, name = draw(st.sampled_from(spots))
    change = draw(st.sampled_from(["value", "key", "within", "gone"]))
    if change == "value":
        holder[name] = draw(st.sampled_from(FOREIGN))
    elif change == "key" and isinstance(holder, dict):
        holder[draw(st.sampled_from(["no such key", "", "PATH", "DEVSHELL_X", "tools", "a..b"]))] = holder[name]
    elif change == "within" and isinstance(holder[name], dict | list):
        inner = holder[name]
        if isinstance(inner, dict):
            inner["no such key"] = draw(st.sampled_from(FOREIGN))
        else:
            inner.append(draw(st.sampled_from(FOREIGN)))
    else:
        del holder[name]
    return tree


def _spots(tree: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401  (any value of a document)
    for name in tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, name
        yield from _spots(tree[name])


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=500)
@given(spoilt())
def test_what_the_schema_refuses_is_refused_and_no_wrong_key_or_type_escapes_it(tree: dict[str, Any]) -> None:
    found = faults(tree)
    said = refused(tree)
    assert bool(found) >= bool(said), said
    structural = [e for e in found if re.match(r"this is .*; expected|there is no key|.*cannot be a", e.message)]
    assert bool(said) >= bool(structural), structural


def every_place() -> Iterator[tuple[str, dict[str, Any], Any, Any]]:
    """Yield every key's place: a document that holds there what `put` sets, the key's holder and name in it."""
    for path, key in KEYS:
        for example in key.examples:
            tree, holder, name = _around(path, example)
            yield f"{'.'.join(path)} = {toml(example)}", tree, holder, name


def _around(path: tuple[str, ...], value: object) -> tuple[dict[str, Any], dict[str, Any], str]:
    tree: dict[str, Any] = {}
    holder = tree
    for n, part in enumerate(path[:-1]):
        name = _name(path[: n + 1])
        holder[name] = holder[name] if isinstance(holder.get(name), dict) else {}
        holder = holder[name]
        if part == ANY and path[n - 1] == "tools":
            holder |= _company(path[n + 1])
        elif part == ANY and path[n - 1] == "tasks":
            holder |= {"run": "x"}
    holder[_name(path)] = value
    return tree, holder, _name(path)


def _name(path: tuple[str, ...]) -> str:
    return "linux-x86_64" if path[-2:] == ("url", ANY) else "mytool" if path[-1] == ANY else path[-1]


def _company(name: str) -> dict[str, Any]:
    """Return what a tool's table needs beside a key."""
    if name in keys.HTTP_ONLY:
        return {"version": "1", "source": "http", "url": "https://example.com/x"}
    return {"version": "1"}


PLACES = list(every_place())


@pytest.mark.parametrize(("label", "tree", "holder", "name"), PLACES, ids=[place[0] for place in PLACES])
def test_each_example_is_fine_in_its_place_and_nothing_of_another_kind_is(
    label: str, tree: dict[str, Any], holder: dict[str, Any], name: str
) -> None:
    example = holder[name]
    assert (faults(tree), refused(tree)) == ((), []), label
    for other in FOREIGN:
        if other != example or type(other) is not type(example):
            holder[name] = other
            found, said = faults(tree), refused(tree)
            assert bool(found) >= bool(said), (tree, said)
            if any("; expected" in e.message or "there is no key" in e.message for e in found):
                assert said, (tree, found)
    holder[name] = example
    if isinstance(example, dict):
        holder[name] = {**example, "no such key": "x"}
        assert faults(tree)
        assert refused(tree)
        holder[name] = example


EXTRAS = {
    "url": "https://example.com/x",
    "os": {},
    "arch": {},
    "strip": 1,
    "bin": {},
    "suite": "bookworm",
    "with": ["x"],
    "extra": 1,
}


@pytest.mark.parametrize("prefix", [None, *names.SOURCES])
def test_what_a_source_takes_is_the_same_to_both(prefix: str | None) -> None:
    key = f"{prefix}:{'a/b' if prefix == 'github' else 'b'}" if prefix else "b"
    for source, version, url, extra in product(
        [None, *names.SOURCES, "nowhere"], [None, "1", "latest", "x"], [False, True], [None, *EXTRAS]
    ):
        table = {"source": source, "version": version}
        wish: dict[str, Any] = {name: value for name, value in table.items() if value is not None}
        wish |= {"url": EXTRAS["url"]} if url else {}
        wish |= {extra: EXTRAS[extra]} if extra else {}
        tree = {"tools": {key: wish}}
        assert bool(faults(tree)) == bool(refused(tree)), tree
    for text in ("1", "latest", "", "x"):
        short = {"tools": {key: text}}
        assert bool(faults(short)) == bool(refused(short)), short


MISTAKES: list[dict[str, Any]] = [
    {"env": {"A": {}}},
    {"env": {"A": {"default": "x", "unset": True}}},
    {"env": {"A": {"unset": False}}},
    {"env": {"A": "${"}},
    {"env": {"A": "\0"}},
    {"env": {"PATH": "x"}},
    {"env": {"fish_pid": "x"}},
    {"env": {"A" * 129: "x"}},
    {"tasks": {"a": {}}},
    {"tasks": {"a": {"depends": []}}},
    {"tasks": {"a": {"description": "x"}}},
    {"tasks": {"a": " \n"}},
    {"tools": {"node": "22.x"}},
    {"tools": {"node": "~1.4"}},
    {"tools": {"node": "22, <23"}},
    {"tools": {"node": "lts"}},
    {"tools": {"a..b": "1"}},
    {"tools": {"a": {"version": "1", "suite": "stable"}}},
    {"include": ["a.json"]},
    {"include": ["/a.toml"]},
    {"path": {"prepend": ["a:b"]}},
    {"path": {"prepend": ["${project}/bin"]}},
    {"dotenv": {"files": ["~/.env"]}},
    {"settings": {"platforms": []}},
    {"settings": {"platforms": ["linux-x64"]}},
    {"settings": {"platforms": ["linux-x86_64", "linux-x86_64"]}},
    {"shells": {"ci": {"settings": {}}}},
    {"devshell": {"name": "x"}},
]


@pytest.mark.parametrize("tree", MISTAKES, ids=toml)
def test_common_mistakes_are_underlined_while_typing(tree: dict[str, Any]) -> None:
    assert faults(tree)
    assert refused(tree)


# The schema itself


def test_the_schema_is_one_of_its_draft() -> None:
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema_rs.meta.validate(SCHEMA)
    assert not [part for part in subschemas(SCHEMA) if "$ref" in part and len(part) > 1]


def test_every_key_is_described_with_examples() -> None:
    assert len(KEYS) > 60
    for path, key in KEYS:
        assert re.search(r"[.]$", key.description), path
        assert key.examples, path
        assert len(key.description) < 300, path


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    found = SCHEMA
    if "$ref" not in part:
        return part
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def walk(shape: Shape, part: dict[str, Any], path: str) -> int:
    """Hold a part of the schema against its shape: the same keys, each explained; returns how many."""
    count = 0
    if isinstance(shape, Either):
        return sum(walk(option, part, path) for option in shape.options)
    if isinstance(shape, Table):
        assert set(part["properties"]) == set(shape.keys), path
        assert part["additionalProperties"] is False, path
        inner = [(name, key, resolved(part["properties"][name])) for name, key in shape.keys.items()]
    elif isinstance(shape, Names):
        assert part["additionalProperties"] is False, path
        entries = part.get("patternProperties") or part["properties"]
        inner = [(ANY, shape.value, next(entry for entry in entries.values() if entry))]
    elif isinstance(shape, Many):
        assert part["items"]["type"] == "string"
        return 0
    else:
        assert isinstance(shape, Yes) or part["type"], path
        return 0
    for name, key, found in inner:
        assert found["description"] == key.description, f"{path}.{name}"
        assert found["examples"] == list(key.examples), f"{path}.{name}"
        count += 1 + walk(key.shape, found, f"{path}.{name}")
    return count


def test_schema_and_parser_know_the_same_keys_at_every_level() -> None:
    assert walk(keys.MANIFEST, SCHEMA, "") == len(KEYS)


def test_examples_are_shown_as_they_are_written() -> None:
    shown = 0
    for part in subschemas(SCHEMA):
        main = part.get("x-taplo", {}).get("docs", {}).get("main")
        if main and "examples" in part:
            lines = main.split("```toml\n")[1].removesuffix("\n```").splitlines()
            assert [*map(_read, lines)] == part["examples"]
            shown += 1
    assert shown > len(KEYS) / 2


def _read(line: str) -> object:
    (value,) = tomllib.loads(line).values()
    return value


def test_every_tool_of_the_registry_is_offered_with_its_description() -> None:
    offered = SCHEMA["definitions"]["tools"]["properties"]
    assert sorted(offered) == list(registry.names())
    for name, said in offered.items():
        tool = registry.load(name)
        assert tool is not None
        assert said["description"] == tool.description
        tree = {"tools": {name: said["default"]}}
        assert (faults(tree), refused(tree)) == ((), [])
    assert refused({"tools": {"not-of-the-registry": "1"}}) == []
    assert schema({})["definitions"]["tools"]["properties"] == {}


# What there is


def manifests() -> list[Path]:
    found = [ROOT / "devshell.toml", *(ROOT / "examples").glob("*/devshell.toml")]
    return [*found, *(ROOT / "devshell" / "templates").glob("*.toml")]


@pytest.mark.parametrize("path", manifests(), ids=lambda path: str(path.relative_to(ROOT)))
def test_our_own_manifests_are_valid(path: Path) -> None:
    assert refused(tomllib.loads(path.read_text())) == []


def blocks(page: Path) -> list[dict[str, Any]]:
    found = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    return [tomllib.loads(block) for block in found if not re.match(r"# \S+\.toml\n", block)]


@pytest.mark.parametrize("page", [ROOT / "README.md", *(ROOT / "docs").glob("*.md")], ids=lambda page: page.name)
def test_what_the_docs_show_is_valid(page: Path) -> None:
    for tree in blocks(page):
        # Pages show parts of manifests too, and other files.
        assert refused(tree) == [] or faults(tree), tree
        assert page.name != "manifest.md" or not faults(tree), tree


def test_the_manifest_that_has_every_key_is_valid() -> None:
    assert refused(tomllib.loads(WHOLE)) == []


def test_the_command_prints_it_sorted(place: Place) -> None:
    printed = place.run("schema").ok()
    assert printed.out == manifest_schema_text()
    assert printed.err == ""
    assert json.loads(printed.out) == SCHEMA
    assert printed.out == json.dumps(SCHEMA, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
