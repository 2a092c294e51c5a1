"""What fish's hook does to a shell's state, and that it is all undone."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devshell import environ, rendered
from support.fish_user import SYSTEM, FishUser, completion, passing, said, shown, state, value

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def user(tmp_path: Path) -> FishUser:
    return FishUser(tmp_path)


# --- restoring --------------------------------------------------------------------------------------------------------

VARIABLES = """
set -gx EXPORTED "old  value"
set -g PLAIN "not exported"
set -g LIST a '' 'b c'
set -gx XLIST a '' 'b c'
set -gx NONE
set -g --path WAYS /a /b:/c
set -gx --path XWAYS /a '' /b
set -gx LD_LIBRARY_PATH /x ''
set -gx --unpath ODDPATH a:b c
set -Ux EVERYWHERE universal
set -U QUIETLY universal list
set -gx CHANGED old
set -gx MANPATH /man
set -e fish_complete_path[-1]
function t --description mine; echo user $argv; end
"""
NAMED = (
    *("EXPORTED", "PLAIN", "LIST", "XLIST", "NONE", "WAYS", "XWAYS", "LD_LIBRARY_PATH", "ODDPATH", "EVERYWHERE"),
    *("QUIETLY", "ABSENT", "NEWPATH"),
)


@pytest.mark.parametrize("kind", ["set", "reference", "unset", "prepend", "default", "extend"])
def test_the_whole_shell_is_as_before(user: FishUser, kind: str) -> None:
    words = {"set": ("new:value",), "reference": ("${HOME}:x",), "prepend": ("/p", "/q"), "extend": ("/p",)}
    operation = "set" if kind == "reference" else kind
    plan = [(operation, name, *words.get(kind, ("d",) if kind == "default" else ())) for name in NAMED]
    project = user.project()
    project.allow(
        *plan,
        ("path", "/e/bin"),
        aliases=(("t", "echo project"), ("ls", "ls -l"), ("fresh", "echo 'a # b' # c")),
        completions=(completion(user.base / "env" / "vendor_completions.d", "tool", "ours"),),
        activate="set -gx ACTIVATED 1",
        deactivate="set -e ACTIVATED",
    )
    user.configure(f"{VARIABLES}\nsource ~/hook.fish\n")
    with user.shell() as shell:
        before, outside = state(shell), shell.environment()
        shell.run(f"cd '{project.root}'")
        inside = shell.environment()
        expected = environ.enter((*plan, ("path", "/e/bin")), outside, str(project.root), "/store/proj")
        expected |= {"PWD": str(project.root), "ACTIVATED": "1"}
        if kind == "unset":
            # fish shows programs a universal variable whatever stands in front of it, but for another value.
            expected |= {"EVERYWHERE": "", "DEVSHELL_NEW_EVERYWHERE": ""}
        assert inside == expected
        shell.run("cd -")
        assert shell.environment() == outside
        assert state(shell) == before
    assert user.asked() == []


def test_the_users_changes_stay(user: FishUser) -> None:
    project = user.project()
    project.allow(
        *(("set", name, "ours") for name in ("A", "B", "C", "D")),
        ("unset", "E"),
        ("path", "/o1", "/o2"),
        aliases=(("t", "echo project"), ("u", "echo project")),
        completions=(completion(user.base / "env", "tool", "ours"),),
    )
    user.configure("function t; echo user; end\nsource ~/hook.fish\n")
    with user.shell(A="old", B="old", E="old") as shell:
        shell.run(f"cd '{project.root}'")
        shell.run(
            "set -gx A mine; set -eg B; set -gu C $C; set -gx E back; set -gx PATH /front /o2 /o1 $PATH /o1 /behind"
        )
        shell.run("function t; echo changed; end; functions -e u; set -a fish_complete_path /mine")
        shell.run("cd ..")
        env = shell.environment()
        assert (env.get("A"), env.get("B"), env.get("C"), env.get("D"), env.get("E")) == (
            "mine",
            None,
            None,
            None,
            "back",
        )
        assert said(shell, "echo $C") == "ours\n"
        assert env["PATH"] == f"/front:/o1:/o2:{SYSTEM}:/o1:/behind"
        assert said(shell, "t; functions -q u; echo $status; echo $fish_complete_path[-1]") == "changed\n1\n/mine\n"


def test_paths_with_empty_elements_and_duplicates(user: FishUser) -> None:
    project = user.project()
    project.allow(("path", "/usr/bin", "/ours"))
    with user.shell(PATH=":/usr/bin::/bin:/usr/bin:/odd'") as shell:
        before = said(shell, "set -S PATH")
        shell.run(f"cd '{project.root}'")
        assert (value(shell, "PATH") or "").startswith("/usr/bin:/ours:")
        shell.run("cd -")
        assert said(shell, "set -S PATH") == before


def test_what_an_editor_puts_in_front_once_more_goes_too(user: FishUser) -> None:
    project = user.project()
    project.allow(("path", "/e/bin"))
    user.configure("source ~/hook.fish\n")
    with user.shell() as shell:
        before = shell.environment()["PATH"]
        shell.run(f"cd '{project.root}'")
        # As shell integration does, after the rc files: a collection of variables that is applied a second time.
        shell.run('set -gx DEVSHELL_PATH "/e/bin:/e/bin"; set -gx PATH /e/bin:"$PATH"')
        assert shell.environment()["PATH"].startswith("/e/bin:/e/bin:")
        shell.run("cd ..")
        assert shell.environment()["PATH"] == before


@pytest.mark.parametrize("how", ["set -e PATH", "set -gx PATH", "set -gu PATH /usr/bin"])
def test_a_path_that_is_unset_empty_or_not_exported_comes_back(user: FishUser, how: str) -> None:
    project = user.project()
    project.allow(("path", "/ours"))
    with user.shell() as shell:
        shell.run(how)
        before = said(shell, "set -S PATH")
        shell.run(f"cd '{project.root}'")
        assert "/ours" in said(shell, "set -S PATH")
        shell.run("cd -")
        assert said(shell, "set -S PATH") == before


def test_local_variables_of_a_function_are_not_mixed_up(user: FishUser) -> None:
    project = user.project()
    project.allow(("set", "A", "ours"))
    user.configure(
        f"source ~/hook.fish\nset -gx A global\nfunction visit\nset -lx A local\ncd '{project.root}'\necho $A\nend\n"
        "function back; set -lx A local; cd ..; end\n"
    )
    with user.shell() as shell:
        assert said(shell, "visit") == "local\n"
        assert said(shell, "set -S A | string match '*|'") == "$A[1]: |ours|\n"
        shell.run("back")
        assert said(shell, "set -S A | string match '*|'") == "$A[1]: |global|\n"


def test_completions_are_the_projects_inside_and_the_users_outside(user: FishUser) -> None:
    project = user.project()
    mine = user.home / ".config" / "fish" / "completions"
    completion(mine, "tool", "mine")
    project.allow(completions=(completion(user.base / "env", "tool", "ours"),))
    # fish completes what it finds only.
    (user.home / "tool").touch(0o755)
    with user.shell(PATH=f"{user.home}:{SYSTEM}") as shell:
        assert said(shell, "complete -C 'tool '") == "mine\n"
        shell.run(f"cd '{project.root}'")
        assert said(shell, "complete -C 'tool '") == "ours\n"
        shell.run("cd -")
        assert said(shell, "complete -C 'tool '") == "mine\n"


def test_aliases_take_arguments_and_do_not_call_themselves(user: FishUser) -> None:
    project = user.project()
    project.allow(aliases=(("t", "echo one # two"), ("echo", "echo -n"), ("env", "env A=1"), ("bad", "if (")))
    with user.shell() as shell:
        shell.run(f"cd '{project.root}'")
        assert said(shell, "echo x; env | string match 'A=*'") == "xA=1\n"
        assert said(shell, "builtin echo \"$(functions t)\" | string match '*one*'").count("one # two $argv") == 1
        shell.run("cd ..")
        assert said(shell, "functions -q t echo env bad; or echo none") == "none\n"


def test_a_projects_own_code_runs_once_and_breaks_nothing(user: FishUser) -> None:
    project = user.project()
    log = user.base / "log"
    project.allow(
        ("set", "A", "1"),
        activate=f"echo in $A (count $argv) >>'{log}'; false; return 3; echo no >>'{log}'",
        deactivate=f"echo out $A >>'{log}'; nonsense )",
    )
    with user.shell() as shell:
        shell.run(f"cd '{project.root}'")
        shell.run("true")
        shell.run("cd ..")
        assert value(shell, "A") is None
        assert value(shell, "DEVSHELL_ROOT") is None
        assert log.read_text() == "in 1 0\n"
        project.allow(("set", "A", "2"), activate=f"echo in (status is-interactive; echo $status) >>'{log}'",
                      deactivate=f"echo out $A >>'{log}'")  # fmt: skip
        shell.run("cd -")
        shell.run("cd -")
        assert log.read_text() == "in 1 0\nin 0\nout 2\n"


def test_what_a_projects_code_says_is_no_part_of_a_substitution(user: FishUser) -> None:
    project = user.project()
    project.allow(activate="echo noise")
    with user.shell() as shell:
        assert said(shell, f"set x (cd '{project.root}'; pwd); count $x") == "1\n"


# What a user does, of which nothing but their own changes may remain; @1 and @2 are projects.
DOINGS = (
    *("cd @1", "cd @1/sub", "cd @2", "cd /", "emit fish_prompt", "pushd @2; popd", "touch @1/young", "rm -f @2/young"),
    *("set -gx PATH $PATH /behind", "set -gx PATH /front $PATH", "set -gx MINE $MINE more", "set -g OTHER a '' b"),
    *("function mine; echo mine; end", "begin; set -lx EXPORTED local; cd @2; end", "cd @1; t", "set -a LIST more"),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(doings=st.lists(st.sampled_from(DOINGS), max_size=14))
def test_whatever_is_done_in_whatever_order_all_is_undone(user: FishUser, doings: list[str]) -> None:
    one, two = user.project("one"), user.project("two")
    (one.root / "sub").mkdir(exist_ok=True)
    for project, names in ((one, ("EXPORTED", "PLAIN", "XLIST", "EVERYWHERE")), (two, ("EXPORTED", "WAYS", "ODDPATH"))):
        project.write("young", "x", at=None)
        plan = [("set", name, f"<{project.root.name}>") for name in names]
        project.allow(*plan, ("unset", "CHANGED"), ("prepend", "LD_LIBRARY_PATH", "/l"), ("path", "/e", "/f"),
                      aliases=(("t", "true"),), watch=("devshell.toml", "young"))  # fmt: skip
    code = "\n".join(doings).replace("@1", str(one.root)).replace("@2", str(two.root))

    def ends(hook: str) -> list[str]:
        script = f"{VARIABLES}\n{hook}\n{code}\ncd /\nbegin; set --show; functions t mine; env; end >'{user.base}/end'"
        subprocess.run(
            ["fish", "--no-config", "-c", script], env=user.env, cwd=user.home, capture_output=True, check=True
        )
        return passing((user.base / "end").read_text())

    assert ends("source ~/hook.fish") == ends("")


# --- what does not fit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "env"),
    [
        ((("set", "BIG", "x" * 131_100),), {}),
        ((("set", "BIG", "é" * 65_530),), {}),
        ((("set", "A", "x" * 30_000), *(("set", "A", "${A}${A}"),) * 40), {}),
        ((("prepend", "BIG", "/p"),), {"BIG": "x" * 131_060}),
        ((("set", "BIG", "new"),), {"BIG": "x" * 131_060}),
        ((("path", "/" + "p" * 131_080),), {}),
    ],
    ids=["long", "bytes", "doubled", "prepended", "old", "path"],
)
def test_what_is_too_large_is_said_once_and_undone(
    user: FishUser, plan: tuple[tuple[str, ...], ...], env: dict[str, str]
) -> None:
    project = user.project()
    project.allow(("set", "OTHER", "ours"), *plan, aliases=(("t", "true"),))
    with user.shell(**env) as shell:
        before = shell.environment()
        shell.type(f"cd '{project.root}'")
        shell.expect("devshell: not entered: the variable")
        shell.expect("is larger than 128 KiB")
        assert shell.environment() == before | {"PWD": str(project.root)}
        shell.type("cd ..; cd -; echo do''ne")
        shell.expect("done")
        assert "larger" not in shown(shell)
        assert said(shell, "functions -q t; echo $status") == "1\n"
        project.allow(("set", "OTHER", "mended"))
        assert value(shell, "OTHER") == "mended"


@pytest.mark.parametrize("name", ["BIG", "BIGPATH"])
def test_what_just_fits_is_entered(user: FishUser, name: str) -> None:
    largest = "x" * (environ.LONGEST - len(f"DEVSHELL_NEW_{name}=") - 1)
    project = user.project()
    project.allow(("literal", name, largest))
    with user.shell(project.root) as shell:
        assert value(shell, name) == largest


# --- values -----------------------------------------------------------------------------------------------------------


def decoded(raw: bytes) -> str:
    return raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")


values = st.one_of(
    st.binary(max_size=40).map(decoded),
    st.lists(st.sampled_from(["'", '"', "\\", "$", "\n", " ", "(", ")", "!", "-n", "--", "=", ":", "%", "é", "\udc80"]),
             max_size=8).map("".join),
)  # fmt: skip
KINDS = ("A", "LIST_PATH", "_under", "lower")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    news=st.lists(values, min_size=len(KINDS), max_size=len(KINDS)),
    olds=st.lists(st.none() | values, min_size=len(KINDS), max_size=len(KINDS)),
    referred=st.booleans(),
)
def test_any_value_goes_in_and_the_old_comes_back(
    user: FishUser,
    news: list[str],
    olds: list[str | None],
    referred: bool,  # noqa: FBT001
) -> None:
    project = user.project()
    plan: list[tuple[str, ...]] = [("literal", name, new) for name, new in zip(KINDS, news, strict=True)]
    if referred:
        plan[:0] = [("set", "B" + name, "<${" + name + "}>") for name in KINDS]
        plan += [("set", "C" + name, "${" + name + ":-none}") for name in KINDS]
        plan += [("prepend", "D" + name, "/x", "${" + name + "}") for name in KINDS]
    project.allow(*plan)
    olds_named = {name: old for name, old in zip(KINDS, olds, strict=True) if old is not None}
    outside = user.env | olds_named
    code = f"source ~/hook.fish; cd '{project.root}'; command env -0; cd /; command env -0"
    ran = subprocess.run(["fish", "--no-config", "-c", code], env=outside, capture_output=True, check=True)
    assert ran.stderr == b""
    entered: dict[str, str] = {}
    left: dict[str, str] = {}
    target = entered
    for line in ran.stdout.split(b"\0")[:-1]:
        name, _, text = line.partition(b"=")
        if os.fsdecode(name) in target:
            target = left
        target[os.fsdecode(name)] = os.fsdecode(text)
    expected = environ.enter(tuple(plan), outside, str(project.root), "/store/proj")
    names = {step[1] for step in plan}
    assert {name: entered.get(name) for name in names} == {name: expected.get(name) for name in names}
    assert {name: left.get(name) for name in names} == {name: outside.get(name) for name in names}
    rendered.drop(project.state, "ready")
