"""The registry: every file in it, and the format itself, which must not change its meaning."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pytest

from devshell import registry, versions
from devshell.errors import RegistryError
from devshell.registry.model import FIELD, FIELDS
from devshell.sources import catalogue
from devshell.system import DEFAULT_PLATFORMS, PLATFORMS

# The format as released: a file with every key, and what it means. Neither may change; add, if need be, another.
EVERY_KEY = b"""
description = "A tool"
aliases = ["other"]
test = "tool version --short"

[[sources]]
source = "pypi"
package = "tool-bin"
publisher = "Somebody"
trust = "a repack by a third party"
platforms = ["linux-x86_64", "darwin-arm64"]
when = ">=1.0"
release = "first-three"
bin = { tool = "tool/{os}-{arch}/tool-{version}", t = "tool/t" }
variables = { TOOL_HOME = "${tool}/tool" }
fixups = [
    { kind = "link", path = "bin/t", target = "tool/t" },
    { kind = "executable", path = "tool/t-{release}" },
]
os_names = { darwin = "macos" }
arch_names = { x86_64 = "amd64" }
suite = "bookworm"
also = ["tool-extra"]

[sources.versions]
"1.1.0" = "7.0"

[[sources.layouts]]
when = "<1.2"
bin = { tool = "old/tool" }

[[sources]]
source = "http"
package = "other-bin"
publisher = "Somebody else"
trust = "the tool's own project"
"""
MEANING = {
    "name": "tool",
    "description": "A tool",
    "aliases": ["other"],
    "test": ["tool", "version", "--short"],
    "offers": [
        {
            "source": "pypi",
            "package": "tool-bin",
            "publisher": "Somebody",
            "trust": "a repack by a third party",
            "platforms": ["linux-x86_64", "darwin-arm64"],
            "when": ">=1.0",
            "release": "first-three",
            "releases": {"1.1.0": "7.0"},
            "os_names": {"darwin": "macos"},
            "arch_names": {"x86_64": "amd64"},
            "suite": "bookworm",
            "also": ["tool-extra"],
            "layouts": [
                {"when": "<1.2", "bin": {"tool": "old/tool"}, "variables": {}, "fixups": []},
                {
                    "when": "*",
                    "bin": {"t": "tool/t", "tool": "tool/{os}-{arch}/tool-{version}"},
                    "variables": {"TOOL_HOME": "${tool}/tool"},
                    "fixups": [
                        {"kind": "link", "path": "bin/t", "target": "tool/t"},
                        {"kind": "executable", "path": "tool/t-{release}"},
                    ],
                },
            ],
        },
        {
            "source": "http",
            "package": "other-bin",
            "publisher": "Somebody else",
            "trust": "the tool's own project",
            "platforms": list(PLATFORMS),
            "when": "*",
            "release": None,
            "releases": {},
            "os_names": {},
            "arch_names": {},
            "suite": None,
            "also": [],
            "layouts": [{"when": "*", "bin": None, "variables": {}, "fixups": []}],
        },
    ],
}
SMALL = """
description = "A tool"
[[sources]]
source = "pypi"
package = "tool"
publisher = "Somebody"
trust = "a repack"
"""


def plain(value: object) -> Any:  # noqa: ANN401  (what JSON has)
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(value[key]) for key in value}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def parse(text: str) -> registry.Tool:
    return registry.parse("tool", text.encode(), "registry/tool.tool.toml")


def offer(more: str = "") -> registry.Offer:
    return parse(SMALL + more).offers[0]


def test_the_format_means_what_it_meant() -> None:
    assert plain(registry.parse("tool", EVERY_KEY, "x")) == MEANING
    json.dumps(MEANING)


@pytest.mark.parametrize("name", registry.names())
def test_each_tool_is_complete(name: str) -> None:
    tool = registry.load(name)
    assert tool is not None
    assert tool.name == name
    assert tool.description
    assert not tool.description.endswith(".")
    assert len(tool.description) <= 80
    for one in tool.offers:
        assert one.source in catalogue.NAMES
        assert one.trust.startswith(("official: ", "a repack by "))
        assert set(DEFAULT_PLATFORMS) & set(one.platforms)
        for layout in one.layouts:
            commands = layout.bin or {}
            assert layout.bin is None or tool.test[0] in commands
            for fixup in layout.fixups:
                assert fixup["kind"] in {"link", "executable"}
            for text in (*commands.values(), *layout.variables.values()):
                assert set(FIELD.findall(text)) <= set(FIELDS)


def test_official_sources_stand_first() -> None:
    for name in registry.names():
        tool = registry.load(name)
        assert tool is not None
        official = [one.trust.startswith("official: ") for one in tool.offers]
        assert official == sorted(official, reverse=True), name


def test_names_and_aliases_are_each_one_tools() -> None:
    known: dict[str, str] = {}
    for name in registry.names():
        tool = registry.load(name)
        assert tool is not None
        for word in (name, *tool.aliases):
            assert known.setdefault(word, name) == name, word


def test_the_tools_promised_are_there() -> None:
    promised = "node go zig deno uv ruff ripgrep cmake ninja duckdb just fzf gh taplo"
    assert set(promised.split()) <= set(registry.names())
    assert len(registry.names()) >= 25


def test_load_reads_names_only() -> None:
    assert registry.load("no-such-tool") is None
    for hostile in ("../registry/node", "node.tool", "", ".", "Node", "node\n", "a" * 300, "nöde", "/etc/passwd"):
        assert registry.load(hostile) is None


def test_aliases_and_nearest() -> None:
    found = registry.by_alias("rg")
    assert found is not None
    assert found.name == "ripgrep"
    assert registry.by_alias("ripgrep") is None
    assert registry.nearest("ripgerp") == "ripgrep"
    assert registry.nearest("nodejs") == "node"
    assert registry.nearest("Golang") == "go"
    assert registry.nearest("xyzzy-plugh") is None


def test_search_finds_names_first_then_descriptions() -> None:
    assert registry.search("ruff")[0].name == "ruff"
    assert registry.search("rg")[0].name == "ripgrep"
    found = [tool.name for tool in registry.search("LINTER")]
    assert {"hadolint", "ruff", "shellcheck"} <= set(found)
    assert registry.search("no such thing") == []


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a = 1\ndescription = x\n", "registry/tool.tool.toml:2", "TOML"),
        ("", "sources", "at least one"),
        ('description = "x"\nsources = []', "sources", "at least one"),
        ('description = "x"\nsources = ["pypi"]', "sources[0]", "table"),
        (SMALL.replace('"A tool"', "7"), "description", "text"),
        (SMALL.replace('"A tool"', '"a\\u001b[31mtool"'), "description", "text"),
        (SMALL.replace('package = "tool"', ""), "sources[0].package", "missing"),
        (SMALL.replace('publisher = "Somebody"', ""), "sources[0].publisher", "missing"),
        (SMALL.replace('trust = "a repack"', 'trust = ""'), "sources[0].trust", "text"),
        (SMALL.replace('source = "pypi"', 'source = "../x"'), "sources[0].source", "name"),
        (SMALL + 'platform = ["linux-x86_64"]', "sources[0]", "'platform'"),
        (SMALL + 'platforms = ["plan9"]', "sources[0].platforms", "linux-x86_64"),
        (SMALL + "platforms = []", "sources[0].platforms", "linux-x86_64"),
        (SMALL + 'when = "new ones"', "sources[0].when", "new ones"),
        (SMALL + 'release = "drop"', "sources[0].release", "first-three"),
        (SMALL + 'bin = { x = "/bin/sh" }', "sources[0].bin.x", "inside"),
        (SMALL + 'bin = { x = "a/../../b" }', "sources[0].bin.x", "inside"),
        (SMALL + 'bin = { x = "{home}/b" }', "sources[0].bin.x", "{home}"),
        (SMALL + 'bin = { "-x" = "b" }', "sources[0].bin", "command"),
        (SMALL + 'bin = { "a/b" = "b" }', "sources[0].bin", "command"),
        (SMALL + 'variables = { PATH = "x" }', "sources[0].variables", "PATH"),
        (SMALL + 'variables = { DEVSHELL_ROOT = "x" }', "sources[0].variables", "DEVSHELL_ROOT"),
        (SMALL + 'fixups = [{ kind = "run", path = "x" }]', "sources[0].fixups[0].kind", "link"),
        (SMALL + 'fixups = [{ kind = "link", path = "x" }]', "sources[0].fixups[0].target", "missing"),
        (SMALL + 'fixups = [{ kind = "executable", path = "../x" }]', "sources[0].fixups[0].path", "inside"),
        (SMALL + 'fixups = [{ kind = "executable", path = "x", target = "y" }]', "sources[0].fixups[0]", "target"),
        (SMALL + '[[sources.layouts]]\nbin = { x = "y" }', "sources[0].layouts[0].when", "which versions"),
        (SMALL + '[sources.versions]\n"1" = "2"\n"3" = "2"', "sources[0].versions", "two versions"),
        ('aliases = ["A B"]' + SMALL, "aliases", "A B"),
        ('aliases = ["tool"]' + SMALL, "aliases", "tool"),
        ("\xff", "registry/tool.tool.toml", "TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(text: str, where: str, what: str) -> None:
    with pytest.raises(RegistryError) as caught:
        registry.parse("tool", text.encode("latin-1"), "registry/tool.tool.toml")
    assert where in str(caught.value.place)
    assert what in caught.value.message


def test_a_wrong_name_is_refused() -> None:
    with pytest.raises(RegistryError, match="no name"):
        registry.parse("Tool", SMALL.encode(), "x")


@pytest.mark.parametrize(
    ("rule", "release", "version"),
    [
        ("", "1.2.3", "1.2.3"),
        ("", "1.2.3.post1", "1.2.3.post1"),
        ('release = "first-three"', "0.11.0.1", "0.11.0"),
        ('release = "first-three"', "1.4.4.post2", "1.4.4"),
        ('release = "first-three"', "1.4", "1.4"),
        ('release = "first-three"', "4.1.0rc1", "4.1.0rc1"),
        ('release = "first-three"', "1.0.dev5", "1.0.dev5"),
        ('release = "ignore-pre"', "24.4.1rc0", "24.4.1"),
        ('release = "ignore-pre"', "24.4.1", "24.4.1"),
        ('when = ">=2"', "1.9", None),
        ('when = ">=2"', "2.0", "2.0"),
        ('when = ">=2"', "2.1rc1", "2.1rc1"),
        ('when = ">=2"', "1.1rc1", None),
        ('[sources.versions]\n"3.14.1" = "4.2.0"', "4.2.0", "3.14.1"),
        ('[sources.versions]\n"3.14.1" = "4.2.0"', "4.3.0", None),
        ('release = "first-three"\n[sources.versions]\n"3.14.1" = "4.2.0"', "4.3.0.1", "4.3.0"),
    ],
)
def test_a_packages_version_becomes_the_tools(rule: str, release: str, version: str | None) -> None:
    assert offer(rule).version(release) == version


def test_marked_releases_are_second_choice() -> None:
    assert offer('release = "ignore-pre"').is_second_choice("26.7.0rc0")
    assert not offer('release = "ignore-pre"').is_second_choice("24.19.0")
    assert not offer().is_second_choice("26.7.0rc0")


def test_layouts_and_fields() -> None:
    one = registry.parse("tool", EVERY_KEY, "x").offers[0]
    assert one.layout("1.1.0").bin == {"tool": "old/tool"}
    assert one.layout("1.2.0").when == "*"
    template = "{os}-{arch}/{version}/{release}/${tool}"
    assert one.fill(template, "1.2.0", "1.2.0.1", "darwin-x86_64") == "macos-amd64/1.2.0/1.2.0.1/${tool}"
    assert one.fill(template, "1", "1", "linux-aarch64") == "linux-aarch64/1/1/${tool}"
    assert one.serves("darwin-arm64")
    assert not one.serves("linux-aarch64")


def test_versions_in_the_registry_are_versions() -> None:
    for name in registry.names():
        tool = registry.load(name)
        assert tool is not None
        for one in tool.offers:
            for version in (*one.releases, *one.releases.values()):
                assert versions.parse(f"={version}").exact == version
