"""What the launcher tells an editor without Python: the same as Python does, whatever the variables hold."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devshell import answer, environ
from support.launched import SYSTEM, Launched, Ran, same
from support.plans import SHELLS, hostile, names, paths, plans, values, variables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ASKED = ("export", "json", "--full")


@pytest.fixture(scope="module", params=SHELLS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Launched:
    return Launched(tmp_path_factory.mktemp("launched") / 'it\'s "é"', SHELLS[request.param])


@pytest.fixture
def launched(tmp_path: Path) -> Launched:
    return Launched(tmp_path / "a place")


def told(found: Ran) -> dict[str, Any]:
    assert (found.code, found.err) == (0, "")
    value = json.loads(found.out.decode("utf-8", "surrogateescape"))
    assert isinstance(value, dict)
    return value


def as_bytes(variables: Mapping[str, str | None]) -> dict[str, bytes | None]:
    # Some bytes that are no UTF-8 apart are UTF-8 in a row.
    return {name: None if value is None else os.fsencode(value) for name, value in variables.items()}


def agree(launched: Launched, plan: environ.Plan, env: Mapping[str, str]) -> Ran:
    """Check that the launcher says of the variables what Python would, or leaves it to Python with nothing lost."""
    launched.render(plan)
    started = {**launched.env, "HOME": "/h", **env}
    found = launched.run(*ASKED, env=started)
    root, environment = launched.root, str(launched.environment)
    wanted = environ.managed(started, environ.enter(plan, started, root, environment))
    if found.handed_on:
        assert found.words == ["-EP", "-m", "devshell", *ASKED]
        got = environ.enter(plan, found.environment, root, environment)
        assert same(got, environ.enter(plan, started, root, environment))
        return found
    value = told(found)
    assert as_bytes(value.pop("variables")) == as_bytes(wanted)
    rendered = answer.Answer(answer.State.READY, root, environ.prompt(root), environment=environment, tools={"a": "1"})
    assert value == json.loads(answer.opened(rendered) + "}")
    return found


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans, env=variables, path=paths)
def test_the_variables_are_what_python_says(
    shared: Launched, plan: environ.Plan, env: dict[str, str], path: str
) -> None:
    assert agree(shared, plan, {**env, "PATH": path}).handed_on is not shared.served


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(two=st.tuples(plans, plans), env=variables, path=paths, edits=st.dictionaries(names, values))
def test_inside_of_another_environment_its_variables_are_told_too(
    shared: Launched, two: tuple[environ.Plan, environ.Plan], env: dict[str, str], path: str, edits: dict[str, str]
) -> None:
    inside = environ.enter(two[0], {**shared.env, "HOME": "/h", **env, "PATH": path}, "/other", "/store/other")
    assert agree(shared, two[1], {**inside, **edits}).handed_on is not shared.served


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans, env=variables, path=paths, marks=hostile)
def test_no_mark_that_travels_can_do_more_than_it_can_to_python(
    shared: Launched, plan: environ.Plan, env: dict[str, str], path: str, marks: dict[str, str]
) -> None:
    agree(shared, plan, {**env, "PATH": path, **marks})


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans, env=variables, path=paths)
def test_asked_again_inside_nothing_is_different(
    shared: Launched, plan: environ.Plan, env: dict[str, str], path: str
) -> None:
    shared.render(plan)
    outside = {**shared.env, "HOME": "/h", **env, "PATH": path}
    inside = environ.enter(plan, outside, shared.root, str(shared.environment))
    again = shared.run(*ASKED, env=inside)
    if not again.handed_on:
        variables = told(again)["variables"]
        assert as_bytes(variables) == as_bytes({name: inside.get(name) for name in variables})


@pytest.mark.parametrize("text", ["\n", "\t", "\x01\x1f\x7f", '"', "\\", "\\n", "a\n\n", "\r\n"])
def test_what_json_escapes_comes_back(shared: Launched, text: str) -> None:
    shared.render((("set", "A", "${B}" + text), ("literal", "C", text)))
    value = told(shared.run(*ASKED, also={"B": text}))["variables"]
    assert (value["A"], value["C"], value["DEVSHELL_NEW_C"]) == (text + text, text, text)


def test_without_a_project_the_answer_is_pythons_and_needs_none(launched: Launched) -> None:
    for words, cwd in ((ASKED, launched.base), (("-C", "..", *ASKED), launched.project)):
        found = launched.run(*words, cwd=cwd)
        assert told(found) == json.loads(answer.text(answer.Answer(), {}))
    for mark in ("ROOT", "ENV", "PROMPT", "ENTERED", "NAMES", "PATH"):
        inside = {f"DEVSHELL_{mark}": "x"}
        assert launched.run(*ASKED, cwd=launched.base, also=inside).handed_on, mark


def test_what_is_not_fresh_or_not_ours_is_left_to_python(launched: Launched) -> None:
    launched.watch(launched.project / "devshell.toml")
    launched.render()
    assert not launched.run(*ASKED).handed_on
    rendered = launched.ready_folder / "answer"
    aside = launched.base / "aside"
    shutil.move(rendered, aside)
    assert launched.run(*ASKED).handed_on
    rendered.write_bytes(aside.read_bytes().replace(b"_answering=1", b"_answering=2"))
    assert launched.run(*ASKED).handed_on
    shutil.move(aside, rendered)
    assert not launched.run(*ASKED).handed_on
    os.utime(launched.project / "devshell.toml", ns=(1, 1))
    assert launched.run(*ASKED).handed_on


@pytest.mark.parametrize("words", [("export", "json"), ("export", "json", "--full", "--in", "ci"), ("export", "bash")])
def test_other_forms_are_pythons(launched: Launched, words: tuple[str, ...]) -> None:
    launched.render()
    expected = ["-EP", "-m", "devshell", *words]
    found = launched.run(*words)
    assert found.words == expected


def test_the_answer_starts_no_process(launched: Launched) -> None:
    launched.render((("set", "A", '${B} "x" \n\t'), ("path", "/e")))
    trace = launched.base / "trace"
    found = launched.run(
        *ASKED,
        also={"B": "b\\"},
        before=("strace", "-f", "-qq", "-e", "trace=process", "-e", "signal=none", "-o", str(trace)),
    )
    assert told(found)["variables"]["PATH"] == f"/e:{SYSTEM}"
    started = [line for line in trace.read_text().splitlines() if "exit" not in line]
    assert len(started) == 1, started
    assert "execve" in started[0]
