"""What other tools' files say becomes tools, or is reported."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devshell import versions
from devshell.detect import Detected, Left, Taken, detect
from devshell.errors import Place

if TYPE_CHECKING:
    from pathlib import Path

FILES = [
    "mise.toml",
    ".mise.toml",
    ".tool-versions",
    ".node-version",
    ".nvmrc",
    ".python-version",
    ".ruby-version",
    ".go-version",
    "rust-toolchain.toml",
    "package.json",
    "go.mod",
    "pyproject.toml",
]


def found(folder: Path, **files: str) -> Detected:
    """Write files (`_` for a dot in front, `__` for one within) and read them."""
    for name, text in files.items():
        path = name.replace("__", ".").replace("_", ".", 1) if name.startswith("_") else name.replace("__", ".")
        (folder / path.replace("_", "-")).write_text(text)
    return detect(folder)


def tools(detected: Detected) -> dict[str, str]:
    return {taken.tool: taken.version for taken in detected.tools}


def reasons(detected: Detected) -> dict[str, str]:
    return {left.name: left.reason for left in detected.left}


def test_an_empty_folder_says_nothing(tmp_path: Path) -> None:
    assert detect(tmp_path) == Detected((), ())


def test_tool_versions(tmp_path: Path) -> None:
    detected = found(
        tmp_path, _tool_versions="# tools\nnodejs 22.1.0 20.0.0\n\ngolang 1.22.1 # go\nnever-heard 1\nruff\n"
    )
    assert detected.tools == (
        Taken("node", "22.1.0", "22.1.0", Place(".tool-versions", 2)),
        Taken("go", "1.22.1", "1.22.1", Place(".tool-versions", 4)),
    )
    assert [(left.name, left.written) for left in detected.left] == [
        ("nodejs", "20.0.0"),
        ("never-heard", "1"),
        ("ruff", ""),
    ]


@pytest.mark.parametrize(
    ("written", "version"),
    [
        ("v22", "22"),
        ("22.11.0\n", "22.11.0"),
        ("22.x", "22"),
        ("22.x.x", "22"),
        ("22.4.*", "22.4"),
        ("node", "latest"),
        ("stable", "latest"),
        ("", None),
        ("lts/jod", "22"),
        ("lts/Iron", "20"),
        ("lts/*", "24"),
        ("lts/never", None),
        ("system", None),
        ("iojs-v2", None),
        ("# a comment\n\nv20.1 # why\n", "20.1"),
        ("$(touch x)", None),
        ("9" * 5000, None),
    ],
)
def test_nvmrc(tmp_path: Path, written: str, version: str | None) -> None:
    detected = found(tmp_path, _nvmrc=written)
    assert tools(detected) == ({} if version is None else {"node": version})
    assert bool(detected.left) == (version is None)


@pytest.mark.parametrize(
    ("written", "version"),
    [
        (">=18 <21", ">=18,<21"),
        (">= 18.2 < 21", ">=18.2,<21"),
        ("^18 || ^20", "^20"),
        ("^20 || ^18", "^20"),
        ("18 || 20 || >=22", ">=22"),
        ("^18.17.0", "^18.17.0"),
        ("~22.1.3", "~=22.1.3"),
        ("~22.1", "22.1"),
        ("=22", "22"),
        ("=22.1.0", "=22.1.0"),
        (">20", ">=21"),
        ("<=20.1", "<20.2"),
        (">20.0.1", ">20.0.1"),
        ("18 - 20", ">=18,<21"),
        ("18.0.1 - 20.1.2", ">=18.0.1,<=20.1.2"),
        ("*", "latest"),
        ("x", "latest"),
        ("^18 || *", "latest"),
        (">=18.x", ">=18"),
        ("22.x <22.5", None),
        ("workspace:*", None),
    ],
)
def test_ranges_of_npm(tmp_path: Path, written: str, version: str | None) -> None:
    detected = found(tmp_path, package__json=json.dumps({"engines": {"node": written}}))
    assert tools(detected) == ({} if version is None else {"node": version})
    if version is not None:
        versions.parse(version)
        assert bool(detected.tools[0].note) == (" || " in written and version != "latest")


def test_package_json_says_it_in_three_places(tmp_path: Path) -> None:
    package = {
        "volta": {"node": "22.1.0", "extends": "../package.json"},
        "packageManager": "npm@10.2.0+sha512.abc",
        "engines": {"node": ">=18", "npm": ">=9", "vscode": "^1"},
    }
    detected = found(tmp_path, package__json=json.dumps(package))
    assert tools(detected) == {"node": "22.1.0"}
    assert Left("npm", "10.2.0", Place("package.json", key="packageManager"), "npm comes with node") in detected.left
    conflict = next(left for left in detected.left if left.name == "node")
    assert conflict.written == ">=18"
    assert conflict.reason == "package.json: volta.node says '22.1.0'"


def test_mise(tmp_path: Path) -> None:
    text = """
[tools]
node = "lts"
go = 1.20
"core:deno" = { version = "2", os = ["linux"] }
ruff = ["0.9", "0.8"]
"npm:prettier" = "3"
uv = true
ripgrep = "prefix:15"
ninja = "ref:master"
"""
    detected = found(tmp_path, mise__toml=text)
    assert tools(detected) == {"node": "24", "go": "1.20", "deno": "2", "ruff": "0.9", "ripgrep": "15"}
    assert set(reasons(detected)) == {"ruff", "npm:prettier", "uv", "ninja"}


def test_single_version_files_and_go_mod(tmp_path: Path) -> None:
    detected = found(tmp_path, _go_version="go1.22.1\n", _ruby_version="ruby-3.3.0\n", _python_version="3.12.4\n3.11\n")
    assert tools(detected)["go"] == "1.22.1"
    assert tools(detected)["python"] == "3.12.4"
    for name in (".go-version", ".python-version", ".ruby-version"):
        (tmp_path / name).unlink()
    detected = found(tmp_path, go__mod="module example.com/x // go 1.1\n\ngo 1.22\n\ntoolchain go1.23.4\n")
    assert detected.tools[0] == Taken("go", "1.23.4", "go1.23.4", Place("go.mod", 5, "toolchain"))
    assert tools(found(tmp_path, go__mod="go 1.22\ntoolchain default\n")) == {"go": ">=1.22"}


def test_what_a_package_supports_is_only_reported(tmp_path: Path) -> None:
    detected = found(tmp_path, pyproject__toml='[project]\nrequires-python = ">=3.11"\n')
    assert detected.tools == ()
    assert detected.left[0].written == ">=3.11"
    assert detected.left[0].place == Place("pyproject.toml", key="project.requires-python")


def test_rust_is_seen(tmp_path: Path) -> None:
    detected = found(tmp_path, rust_toolchain__toml='[toolchain]\nchannel = "nightly-2026-01-01"\n')
    assert [left.name for left in detected.left] == ["rust"]


def test_the_more_particular_file_wins_and_the_other_is_reported(tmp_path: Path) -> None:
    detected = found(tmp_path, _nvmrc="20", _tool_versions="nodejs 22\n", package__json='{"engines": {"node": "22"}}')
    assert tools(detected) == {"node": "22"}
    assert detected.left == (Left("node", "20", Place(".nvmrc", 1), ".tool-versions:1 says '22'"),)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"\x00", b"[tools\n", b"{", b"[1]", b'{"engines": 1}', b"[" * 100_000, b'{"a":' * 50_000],
)
def test_broken_files_are_reported_not_raised(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    detected = detect(tmp_path)
    assert detected.tools == ()
    assert all(left.place.file == name for left in detected.left)


def test_what_stands_before_a_mistake_is_kept(tmp_path: Path) -> None:
    detected = found(tmp_path, package__json='{"volta": {"node": "22"}, "engines": []}', _tool_versions="ruff 0.9\n")
    assert tools(detected) == {"ruff": "0.9", "node": "22"}
    assert "package.json" in reasons(detected)


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_is_not_read(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert detect(tmp_path).tools == ()


def test_a_file_beyond_the_bound_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / ".tool-versions").write_text("ruff 0.9\n" + "#" * (2 << 20))
    assert detect(tmp_path).tools == ()


@given(st.sampled_from(FILES), st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_in_any_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    try:
        for taken in detect(tmp_path).tools:
            versions.parse(taken.version)
    finally:
        (tmp_path / name).unlink()


@given(st.text(st.sampled_from("0123456789.xX*v^~<>=| -,lts/"), max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_range_is_said_in_our_grammar_or_reported(tmp_path: Path, text: str) -> None:
    detected = found(tmp_path, package__json=json.dumps({"engines": {"node": text}}))
    for taken in detected.tools:
        versions.parse(taken.version)
    assert len(detected.tools) + len(detected.left) == 1
