"""Tasks: their order, and what `sh` is given."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.errors import Place, TaskError
from devshell.manifest.model import Task
from devshell.tasks import command, order


def tasks(**depends: tuple[str, ...]) -> dict[str, Task]:
    return {
        name: Task(name, f"echo {name}", depends=needed, place=Place("devshell.toml", 3, f"tasks.{name}"))
        for name, needed in depends.items()
    }


def names(found: tuple[Task, ...]) -> list[str]:
    return [task.name for task in found]


def test_dependencies_come_first_each_once_in_the_order_written() -> None:
    some = tasks(all=("lint", "test"), lint=("build",), test=("build", "data"), build=(), data=(), other=())
    assert names(order(some, "all")) == ["build", "lint", "data", "test", "all"]


def test_a_task_without_dependencies_stands_alone() -> None:
    assert names(order(tasks(build=(), test=("build",)), "build")) == ["build"]


def test_a_circle_is_named() -> None:
    with pytest.raises(TaskError) as caught:
        order(tasks(start=("a",), a=("b",), b=("c",), c=("a",)), "start")
    assert "'a' → 'b' → 'c' → 'a'" in caught.value.message
    assert caught.value.place == Place("devshell.toml", 3, "tasks.a")


def test_a_task_that_needs_itself_is_a_circle() -> None:
    with pytest.raises(TaskError, match="'a' → 'a'"):
        order(tasks(a=("a",)), "a")


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(TaskError, match="no task 'tset'") as caught:
        order(tasks(test=(), build=()), "tset")
    assert caught.value.hint == "did you mean 'test'?"


def test_an_unknown_dependency_says_who_wants_it() -> None:
    with pytest.raises(TaskError, match="'qqq', which 'test' depends on") as caught:
        order(tasks(test=("qqq",)), "test")
    assert caught.value.place == Place("devshell.toml", 3, "tasks.test")


def test_no_tasks_at_all() -> None:
    with pytest.raises(TaskError) as caught:
        order({}, "\x1b[31mtest")
    assert "\x1b" not in caught.value.message


def test_a_chain_deeper_than_pythons_stack() -> None:
    chain = {f"t{n}": Task(f"t{n}", "true", depends=(f"t{n + 1}",) if n < 5000 else ()) for n in range(5001)}
    assert len(order(chain, "t0")) == 5001


@given(st.dictionaries(st.integers(0, 12), st.lists(st.integers(0, 12), max_size=4), min_size=13, max_size=13))
def test_every_order_has_dependencies_first_or_is_a_true_circle(graph: dict[int, list[int]]) -> None:
    # An edge to a smaller number cannot be part of a circle, so every graph of them has an order.
    some = {str(n): Task(str(n), "true", depends=tuple(str(d) for d in needed if d < n)) for n, needed in graph.items()}
    found = names(order(some, "12"))
    assert len(found) == len(set(found))
    assert all(found.index(needed) < found.index(name) for name in found for needed in some[name].depends)


def run(script: str, *args: str) -> str:
    return subprocess.run(command(Task("greet", script), args), capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("script", "printed"),
    [
        ("printf '%s,' x", "x,a b,$HOME,"),
        ("printf '%s,' \"$2\"", "$HOME,"),
        ('printf "%s," $#', "2,"),
        ('printf "%s," "${1:-none}"', "a b,"),
        ("printf '%s,' '$1'", "$1,a b,$HOME,"),
        ('printf "%s," "it\'s" \'$@\'', "it's,$@,a b,$HOME,"),
        ("printf '%s,' \\$1", "$1,a b,$HOME,"),
        ("true # it's $1\nprintf '%s,' x\n", "x,a b,$HOME,"),
        ("printf '%s,' x # the last word", "x,a b,$HOME,"),
        ("v=long; printf '%s,' ${#v} a#b", "4,a#b,a b,$HOME,"),
        ("printf '%s,' \"$0\"", "greet,a b,$HOME,"),
    ],
)
def test_arguments_reach_the_script_as_data(script: str, printed: str) -> None:
    assert run(script, "a b", "$HOME") == printed


def test_without_arguments_the_script_is_untouched() -> None:
    assert command(Task("t", "pytest -x  "), ()) == ["sh", "-c", "pytest -x  ", "t"]


def test_a_name_like_an_option_stays_a_name() -> None:
    assert command(Task("-e", "echo"), ("x",))[3] == "-e"
