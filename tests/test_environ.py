from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from random import Random

from devshell import environ
from devshell.environ import difference, enter, expand, leave, pure, settable
from devshell.errors import ShellError

ROOT = "/home/someone/a project"
STORE = "/store/aaaa-env-1"
OTHER = "/store/bbbb-env-1"

# Few names and few entries, so that plans, environments and edits meet often.
names = st.sampled_from(["A", "B", "C", "LIBS", "_x", "lower"])
values = st.one_of(
    st.sampled_from(["", "x", "y", "${A}", "a b\n'\"", "é", "\udcff\udc80"]),
    st.binary(max_size=12).map(lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")),
)
entries = st.sampled_from(["/e1", "/e2", "/e3", "relative", "/a b", "/\udcff"])
paths = st.lists(st.one_of(entries, st.just("")), min_size=1, max_size=8).map(":".join)
templates = st.lists(
    st.one_of(
        values, st.sampled_from(["${A}", "${B:-w}", "${B:-${C}}", "${project}", "$${A}", "$", "}", "${", "${A:-"])
    ),
    max_size=4,
).map("".join)
operations = st.one_of(
    st.tuples(st.sampled_from(["set", "default"]), names, templates),
    st.tuples(st.just("literal"), names, values),
    st.tuples(st.just("unset"), names),
    st.tuples(st.just("prepend"), names, templates, templates),
    st.lists(entries, max_size=4).map(lambda some: ("path", *some)),
)
plans = st.lists(operations, max_size=8).map(tuple)
environments = st.tuples(
    st.dictionaries(names, values),
    st.one_of(st.none(), paths),
    st.booleans(),
).map(lambda made: made[0] | ({} if made[1] is None else {"PATH": made[1]}) | ({"HOME": "/h"} if made[2] else {}))


@given(plans, environments)
def test_leaving_restores_exactly(plan: environ.Plan, env: dict[str, str]) -> None:
    before = dict(env)
    inside = enter(plan, env, ROOT, STORE)
    assert env == before
    assert (inside["DEVSHELL_ROOT"], inside["DEVSHELL_ENV"]) == (ROOT, STORE)
    assert leave(inside) == before
    assert leave(before) == before


@given(plans, plans, environments)
def test_entering_over_another_is_leaving_and_entering(
    first: environ.Plan, second: environ.Plan, env: dict[str, str]
) -> None:
    inside = enter(first, env, "/other", OTHER)
    assert enter(second, inside, ROOT, STORE) == enter(second, env, ROOT, STORE)


@given(plans, environments, st.dictionaries(names, st.one_of(st.none(), values)))
def test_what_the_user_changed_stays(plan: environ.Plan, env: dict[str, str], edits: dict[str, str | None]) -> None:
    inside = enter(plan, env, ROOT, STORE)
    edited = dict(inside)
    for name, value in edits.items():
        edited.pop(name, None)
        if value is not None:
            edited[name] = value
    outside = leave(edited)
    for name in ("A", "B", "C", "LIBS", "_x", "lower", "HOME"):
        touched = edited.get(name) != inside.get(name)
        assert outside.get(name) == (edited.get(name) if touched else env.get(name))


@given(st.lists(entries, min_size=1, max_size=4), paths, st.lists(entries, max_size=3), st.lists(entries, max_size=3))
def test_entries_added_to_path_stay(ours: list[str], path: str, front: list[str], back: list[str]) -> None:
    inside = enter((("path", *ours),), {"PATH": path}, ROOT, STORE)
    mine = [f"{entry}/mine" for entry in front]
    inside["PATH"] = ":".join([*mine, inside["PATH"], *back])
    assert leave(inside)["PATH"] == ":".join([*mine, path, *back])


@given(
    st.lists(entries, min_size=1, max_size=4, unique=True), paths, st.randoms(use_true_random=False), st.integers(0, 5)
)
def test_reordered_and_shortened_paths_lose_only_ours(ours: list[str], path: str, random: Random, dropped: int) -> None:
    inside = enter((("path", *ours),), {"PATH": path}, ROOT, STORE)
    edited = inside["PATH"].split(":")
    random.shuffle(edited)
    edited = edited[dropped:] or [""]
    inside["PATH"] = ":".join(edited)
    expected = list(edited)
    for entry in ours:
        if entry in expected:
            expected.remove(entry)
    assert leave(inside).get("PATH") == (":".join(expected) if expected else None)


def test_empty_entries_and_duplicates_of_path_survive() -> None:
    path = ":/usr/bin::/usr/bin:/e1:"
    inside = enter((("path", "/e1", "/e2", "/e1", ""),), {"PATH": path}, ROOT, STORE)
    assert inside["PATH"] == "/e1:/e2:" + path
    assert inside["DEVSHELL_PATH"] == "/e1:/e2"
    assert leave(inside) == {"PATH": path}


@pytest.mark.parametrize("env", [{}, {"PATH": ""}, {"PATH": ":"}])
def test_unset_and_empty_path_come_back(env: dict[str, str]) -> None:
    inside = enter((("path", "/e1"),), env, ROOT, STORE)
    assert inside["PATH"].startswith("/e1")
    assert leave(inside) == env


def test_a_later_path_operation_goes_in_front() -> None:
    inside = enter((("path", "/a", "/b"), ("path", "/c", "/b")), {"PATH": "/usr/bin"}, ROOT, STORE)
    assert inside["PATH"] == "/c:/b:/a:/usr/bin"


def test_operations_act_in_order() -> None:
    plan = (
        ("set", "A", "${HOME}/a"),
        ("set", "B", "${A}/b"),
        ("unset", "A"),
        ("default", "A", "again"),
        ("default", "HOME", "never"),
        ("default", "EMPTY", "never"),
        ("literal", "RAW", "${A}"),
        ("path", "/tools"),
        ("set", "P", "${PATH}"),
        ("set", "R", "${DEVSHELL_ROOT}"),
    )
    env = {"HOME": "/h", "EMPTY": "", "PATH": "/bin"}
    inside = enter(plan, env, ROOT, STORE)
    changed = {name: value for name, value in inside.items() if not name.startswith("DEVSHELL_")}
    assert changed == {
        "HOME": "/h",
        "EMPTY": "",
        "A": "again",
        "B": "/h/a/b",
        "RAW": "${A}",
        "P": "/tools:/bin",
        "R": ROOT,
        "PATH": "/tools:/bin",
    }
    assert inside["DEVSHELL_NAMES"] == "A B P R RAW"
    assert inside["DEVSHELL_NEW_B"] == "/h/a/b"
    assert "DEVSHELL_OLD_B" not in inside


def test_old_and_new_values_travel() -> None:
    inside = enter((("unset", "A"), ("set", "B", "new")), {"A": "", "B": "old"}, ROOT, STORE)
    assert inside == {
        "B": "new",
        "DEVSHELL_ROOT": ROOT,
        "DEVSHELL_ENV": STORE,
        "DEVSHELL_PROMPT": environ.prompt(ROOT),
        "DEVSHELL_NAMES": "A B",
        "DEVSHELL_OLD_A": "",
        "DEVSHELL_OLD_B": "old",
        "DEVSHELL_NEW_B": "new",
    }


@pytest.mark.parametrize(
    ("env", "words", "result"),
    [
        ({}, ("/a", "/b"), "/a:/b"),
        ({"L": ""}, ("/a",), "/a"),
        ({"L": "/x:"}, ("/a",), "/a:/x:"),
        ({"L": "/x"}, ("${NOTHING}", "/a"), "/a:/x"),
        ({"L": "/x"}, ("${NOTHING}",), "/x"),
        ({}, ("",), None),
    ],
)
def test_prepend(env: dict[str, str], words: tuple[str, ...], result: str | None) -> None:
    assert enter((("prepend", "L", *words),), env, ROOT, STORE).get("L") == result


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("", ""),
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("${NONE}|${EMPTY}", "|"),
        ("${NONE:-w}|${EMPTY:-w}|${A:-w}", "w|w|1"),
        ("${NONE:-}", ""),
        ("${NONE:-${EMPTY:-${A}/b}/c}/d", "1/b/c/d"),
        ("${A:-${B}}}", "1}"),
        ("${project}/lib", ROOT + "/lib"),
        ("${project:-x}", ROOT),
        ("$${A}", "${A}"),
        ("$$A $A $ $$", "$$A $A $ $$"),
        ("${A", "${A"),
        ("${", "${"),
        ("${}", "${}"),
        ("${A-b}", "${A-b}"),
        ("${A b}", "${A b}"),
        ("${1}", "${1}"),
        ("${é}", "${é}"),
        ("${NONE:-open${A}", "${NONE:-open1"),
        ("a}b", "a}b"),
        ("`id` $(id)", "`id` $(id)"),
    ],
)
def test_expand(template: str, result: str) -> None:
    assert expand(template, {"A": "1", "EMPTY": "", "project": "no"}, ROOT) == result


@given(templates)
def test_expanding_never_fails(template: str) -> None:
    assert isinstance(expand(template, {"A": "${B}"}, ROOT), str)


def test_deep_templates_need_no_deep_stack() -> None:
    deep = 20_000
    assert expand("${A:-" * deep + "x" + "}" * deep, {}, ROOT) == "x"


@pytest.mark.parametrize(
    "name", ["PATH", "PWD", "OLDPWD", "SHLVL", "_", "PS1", "DEVSHELL_ENV", "DEVSHELL_X", "A B", "", "1", "é"]
)
def test_names_that_are_not_a_projects_are_left_alone(name: str) -> None:
    assert not settable(name)
    plan = tuple((kind, name, "x") for kind in ("set", "literal", "default", "unset", "prepend"))
    inside = enter(plan, {"PATH": "/bin", name: "mine"}, ROOT, STORE)
    assert inside.pop("DEVSHELL_NAMES") == ""
    assert leave(inside).get(name) == (None if name == "DEVSHELL_ENV" else "mine")


@pytest.mark.parametrize(
    "plan",
    [
        (("literal", "A", "x" * environ.LONGEST),),
        (("literal", "A", "x"), *((("set", "A", "${A}${A}"),) * 40)),
        (("set", "A", "${BIG}" * 100_000),),
        (("literal", "A", "a\0b"),),
        (("literal", "A", "\ud800"),),
        (("path", "/a:b"),),
        (("path", "/" + "x" * environ.LONGEST),),
        tuple(("literal", f"N{number}", "") for number in range(environ.MOST_NAMES + 1)),
    ],
    ids=["large", "doubling", "many", "nul", "surrogate", "colon", "path", "count"],
)
def test_what_no_environment_can_hold_is_refused(plan: environ.Plan) -> None:
    with pytest.raises(ShellError) as caught:
        enter(plan, {"BIG": "x" * 100_000}, ROOT, STORE)
    assert caught.value.hint


def test_an_earlier_value_too_large_to_keep_is_refused() -> None:
    env = {"A": "x" * (environ.LONGEST - 4)}
    with pytest.raises(ShellError):
        enter((("set", "A", "y"),), env, ROOT, STORE)


def test_the_largest_values_start_a_program() -> None:
    fits = environ.LONGEST - len("DEVSHELL_NEW_A=") - 1
    inside = enter((("literal", "A", "x" * fits),), {"A": "y" * fits}, ROOT, STORE)
    subprocess.run([sys.executable, "-S", "-c", "pass"], env=inside, check=True)
    with pytest.raises(ShellError):
        enter((("literal", "A", "x" * (fits + 1)),), {}, ROOT, STORE)


hostile = st.dictionaries(
    st.one_of(
        st.sampled_from(["DEVSHELL_NAMES", "DEVSHELL_PATH", "DEVSHELL_ROOT", "DEVSHELL_ENV", "PATH", "A"]),
        st.sampled_from(["DEVSHELL_OLD_A", "DEVSHELL_NEW_A", "DEVSHELL_OLD_PATH", "DEVSHELL_NEW_PWD", "DEVSHELL_OLD_"]),
    ),
    st.one_of(values, st.sampled_from(["A A PATH PWD DEVSHELL_TRUST", "a;b $(id) 1x", " ", "::", "/bin::/bin"])),
)


@given(hostile)
def test_a_hostile_inheritance_does_no_harm(env: dict[str, str]) -> None:
    own = {"PWD": "/here", "DEVSHELL_TRUST": "/mine", "DEVSHELL_DATA_DIR": "/data", "HOME": "/h"}
    after = leave(env | own)
    assert {name: after.get(name) for name in own} == own
    assert after.keys() <= own.keys() | {"A", "PATH"}
    assert enter((), env | own, ROOT, STORE).keys() - after.keys() == {
        "DEVSHELL_ROOT",
        "DEVSHELL_ENV",
        "DEVSHELL_PROMPT",
        "DEVSHELL_NAMES",
    }


@settings(deadline=None)
@given(st.integers(0, 3))
def test_too_many_inherited_names_are_nonsense(extra: int) -> None:
    count = environ.MOST_NAMES - 1 + extra
    env = {"DEVSHELL_NAMES": " ".join(f"N{number}" for number in range(count)), "N0": "", "DEVSHELL_NEW_N0": ""}
    assert leave(env) == ({} if count <= environ.MOST_NAMES else {"N0": ""})


@pytest.mark.parametrize(
    ("root", "shown"),
    [
        ("/work/django", "django"),
        ("/", ""),
        ("/a/it's $(x) `y` \x1b[0m%n", "it?s???x???y????0m?n"),
        ("/é.ü-1+2_3", "é.ü-1+2_3"),
    ],
)
def test_prompts_get_nothing_that_means_something_to_them(root: str, shown: str) -> None:
    assert environ.prompt(root) == shown


@pytest.mark.parametrize(("before", "after"), [({}, None), ({"M": ""}, ""), ({"M": "/u:"}, "/s:/u:")])
def test_extend_acts_on_what_is_there(before: dict[str, str], after: str | None) -> None:
    inside = enter((("extend", "M", "/s"),), before, ROOT, STORE)
    assert inside.get("M") == after
    assert leave(inside) == before


def test_difference_is_sorted_and_complete() -> None:
    before = {"A": "1", "B": "", "C": "3"}
    after = {"D": "4", "A": "2", "C": "3"}
    assert difference(before, after) == [("A", "2"), ("B", None), ("D", "4")]


def test_pure_keeps_the_person_and_the_terminal_only() -> None:
    keeps = {"HOME": "/h", "TERM": "xterm", "LC_ALL": "C.UTF-8", "DEVSHELL_DATA_DIR": "/data"}
    active = enter(
        (("set", "TZ", "Mars"), ("path", "/e1")), keeps | {"PATH": "/x", "TZ": "UTC", "EDITOR": "vi"}, ROOT, STORE
    )
    assert pure(active) == keeps | {"TZ": "UTC", "PATH": os.confstr("CS_PATH")}


def test_it_brings_no_other_module() -> None:
    code = "import __future__, os, sys; old = set(sys.modules)"
    code += "; import devshell.environ; print(sorted(set(sys.modules) - old))"
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": os.path.dirname(os.path.dirname(environ.__file__))},
    )
    assert loaded.stdout.strip() == "['devshell', 'devshell.environ']"
