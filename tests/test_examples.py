"""The examples do what their READMEs say, with tools from the real index."""

from __future__ import annotations

import csv
import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devshell import registry, versions

if TYPE_CHECKING:
    from conftest import Place

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
ALL = sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir())


@pytest.fixture
def example(request: pytest.FixtureRequest, place: Place) -> Place:
    """A copy of an example as its project, allowed, with a store and trust of its own."""
    shutil.copytree(
        EXAMPLES / request.param,
        place.project,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("build", ".devshell"),
    )
    if not (place.project / "devshell.lock").exists():
        place.run("allow").ok()
        place.run("lock").ok()
    place.run("allow").ok()
    return place


def test_there_are_the_examples_that_the_readme_names() -> None:
    assert ALL == ["django", "minimal", "web"]


@pytest.mark.parametrize("name", ALL)
def test_an_example_asks_for_tools_of_the_registry(name: str) -> None:
    tools = tomllib.loads((EXAMPLES / name / "devshell.toml").read_text())["tools"]
    for tool, version in tools.items():
        assert registry.load(tool), tool
        versions.parse(version)


@pytest.mark.parametrize("name", ALL)
def test_a_readme_names_only_tasks_there_are(name: str) -> None:
    tasks = tomllib.loads((EXAMPLES / name / "devshell.toml").read_text())["tasks"]
    named = re.findall(r"devshell run (\w+)", (EXAMPLES / name / "README.md").read_text())
    assert named
    assert set(named) <= set(tasks)


@pytest.mark.network
@pytest.mark.parametrize("example", ["minimal"], indirect=True)
def test_minimal(example: Place) -> None:
    example.run("sync").ok()
    assert example.run("run", "sea").ok().out == "2:the sea lies flat and grey;\n4:to Sea, and then away.\n"
    # What a task is given goes to its command.
    assert example.run("run", "sea", "--count").ok().out == "2\n"
    shown = example.run("exec", "--", "sh", "-c", "command -v rg; rg --version").ok().out
    assert Path(os.path.realpath(shown.splitlines()[0])).is_relative_to(example.store.resolve())
    wanted = tomllib.loads((EXAMPLES / "minimal" / "devshell.toml").read_text())["tools"]["ripgrep"]
    assert versions.parse(wanted).matches(shown.splitlines()[1].split()[1])


@pytest.mark.network
@pytest.mark.parametrize("example", ["web"], indirect=True)
def test_web(example: Place) -> None:
    example.run("sync").ok()
    for command in ("node", "npm", "duckdb", "ruff", "rg", "cmake"):
        path = Path(example.run("which", command).ok().out.strip())
        assert path.is_relative_to(example.store.resolve()), command
    said = example.run("run", "test", env={"SITE_TITLE": "Ferries & <boats>"}).ok().out
    assert "All checks passed!" in said
    assert "files, none loads from elsewhere" in said
    assert re.search(r"^(?:#|ℹ) fail 0$", said, re.MULTILINE)  # noqa: RUF001 - node's own sign
    assert re.search(r"^(?:#|ℹ) pass 4$", said, re.MULTILINE)  # noqa: RUF001
    build = example.project / "build"
    with (build / "routes.csv").open(newline="") as table:
        counted = {row["route"]: int(row["departures"]) for row in csv.DictReader(table)}
    assert counted == {"Lighthouse Island": 3, "Salt Bay": 2, "The Skerries": 2, "Old Mole & Quay": 1}
    page = (build / "index.html").read_text()
    assert "<h1>Ferries &amp; &lt;boats&gt;</h1>" in page
    assert "<td>Old Mole &amp; Quay</td><td>1</td><td>15</td><td>12:00</td>" in page
    assert sorted(path.name for path in build.iterdir()) == ["SHA256SUMS", "index.html", "routes.csv", "site.tar.gz"]

    # A mistake in what a task looks after stops all that depends on it.
    (example.project / "tools" / "departures.py").write_text("import os\n")
    shutil.rmtree(build)
    failed = example.run("run", "test")
    assert failed.code != 0
    assert "F401" in failed.out + failed.err
    assert not build.exists()

    example.write("src/page.mjs", 'fetch("http://elsewhere.example.com/");\n')
    failed = example.run("run", "links")
    assert failed.code == 1
    assert "elsewhere.example.com" in failed.out
