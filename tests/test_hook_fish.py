"""The hook for fish in real shells on real terminals: which project is entered, when, and for whom."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from devshell import environ
from support.fish_user import LONG_AGO, SYSTEM, FishUser, said, shown, state, value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def user(tmp_path: Path) -> FishUser:
    return FishUser(tmp_path)


# --- entering and leaving ---------------------------------------------------------------------------------------------


def test_a_project_is_entered_and_left(user: FishUser) -> None:
    project = user.project()
    project.allow(("set", "A", "it's ${HOME}"), ("path", "/our bin", "/more"), ("unset", "GONE"))
    with user.shell(GONE="x") as shell:
        before = shell.environment()
        shell.type(f"cd '{project.root}'")
        shell.expect("devshell: proj (tools)")
        inside = shell.environment()
        expected = environ.enter(
            (("set", "A", "it's ${HOME}"), ("path", "/our bin", "/more"), ("unset", "GONE")),
            before,
            str(project.root),
            "/store/proj",
        )
        assert inside == expected | {"PWD": str(project.root)}
        shell.run("cd -")
        assert shell.environment() == before
    assert user.asked() == []


def test_one_line_uses_the_project(user: FishUser) -> None:
    project = user.project()
    project.write("bin/node", "#!/bin/sh\necho ours\n").chmod(0o755)
    project.allow(("path", f"{project.root}/bin"))
    with user.shell() as shell:
        assert said(shell, f"cd '{project.root}' && node --version") == "ours\n"
        assert "ours" not in said(shell, "cd .. && node --version")


def test_every_way_of_going_is_followed(user: FishUser) -> None:
    one, two = user.project("one"), user.project("two")
    inner = user.project("one/deep/inner")
    (one.root / "sub" / "folder").mkdir(parents=True)
    for project in (one, two, inner):
        project.allow(("set", "WHERE", project.root.name), ("set", f"ONLY_{project.root.name}", "1"))
    with user.shell(one.root / "sub") as shell:
        # A shell that starts inside.
        assert value(shell, "WHERE") == "one"
        shell.run("pushd ../../two")
        assert value(shell, "WHERE") == "two"
        assert value(shell, "ONLY_one") is None
        shell.run("popd")
        assert value(shell, "WHERE") == "one"
        shell.run("cd ../deep/inner")
        assert value(shell, "WHERE") == "inner"
        shell.run("cd -")
        assert value(shell, "WHERE") == "one"
        shell.run("nextd")
        assert value(shell, "WHERE") == "inner"
        shell.run("cd /")
        assert value(shell, "WHERE") is None
        assert not [name for name in shell.environment() if name.startswith("DEVSHELL_") and "STATE" not in name]
        # A command substitution moves fish itself.
        assert said(shell, f"echo (cd '{one.root}'; echo $WHERE)") == "one\n"
    assert user.asked() == []


def test_a_key_that_changes_the_folder_is_followed(user: FishUser) -> None:
    project = user.project()
    project.allow(("set", "WHERE", "in"))
    user.configure(f"source ~/hook.fish\nbind \\cg 'cd \"{project.root}\"; commandline -f repaint'\n")
    with user.shell() as shell:
        shell.run("true")
        shell.send("\x07")
        assert value(shell, "WHERE") == "in"


def test_completion_never_switches(user: FishUser) -> None:
    project = user.project()
    project.allow(("set", "WHERE", "in"), activate=f"touch '{user.base}/switched'")
    user.configure(
        f"source ~/hook.fish\ncomplete -c visit -f -a '(builtin cd \"{project.root}\"; echo completed; builtin cd ~)'\n"
    )
    with user.shell() as shell:
        shell.send("visit \t")
        shell.expect("completed")
        shell.send("\x03")
        assert value(shell, "WHERE") is None
    assert not (user.base / "switched").exists()
    assert user.asked() == []


NAMES = [
    "a b",
    "it's",
    '"q"',
    "$HOME",
    "`id`",
    "(id)",
    "new\nline",
    "back\\b",
    "é日本",
    "-n",
    "*?[x]",
    "{a,b}",
    "\udcff",
]


@pytest.mark.parametrize("name", [*NAMES, "deep/" + "/".join(["long" * 15] * 50)], ids=range(len(NAMES) + 1))
def test_folders_of_any_name(user: FishUser, name: str) -> None:
    project = user.project(name)
    (project.root / "sub").mkdir()
    project.allow(("set", "WHERE", "${project}"), ("path", f"{project.root}/bin"))
    link = user.base / "link"
    link.symlink_to(project.root / "sub")
    with user.shell() as shell:
        shell.run(f"cd '{link}'")
        assert value(shell, "WHERE") == str(project.root)
        assert value(shell, "PATH") == f"{project.root}/bin:{SYSTEM}"
        shell.run("cd")
        assert value(shell, "WHERE") is None
        assert value(shell, "PATH") == SYSTEM
    assert user.asked() == []


def test_a_folder_that_ends_in_a_newline_is_not_taken_for_another(user: FishUser) -> None:
    user.project("proj").allow(("set", "WHERE", "in"))
    (user.base / "proj\n").mkdir()
    (user.base / "proj\n" / "devshell.toml").touch()
    with user.shell(user.base / "proj\n") as shell:
        assert value(shell, "WHERE") is None


def test_a_link_that_is_switched_and_a_folder_that_is_moved_or_gone(user: FishUser) -> None:
    one, two = user.project("one"), user.project("two")
    for project in (one, two):
        project.allow(("set", "WHERE", project.root.name))
    link = user.base / "link"
    link.symlink_to("one")
    with user.shell(link) as shell:
        assert value(shell, "WHERE") == "one"
        link.unlink()
        link.symlink_to("two")
        # It still stands where it stood.
        assert value(shell, "WHERE") == "one"
        shell.run(f"cd '{link}'")
        assert value(shell, "WHERE") == "two"
        one.root.rename(user.base / "elsewhere")
        shell.run(f"cd '{user.base}/elsewhere'")
        assert value(shell, "WHERE") is None
        shell.run(f"cd '{two.root}'")
        shutil.rmtree(two.root)
        assert value(shell, "WHERE") is None
        assert "oops" not in said(shell, "echo fine")


def test_a_project_that_appears_nearer_is_the_project(user: FishUser) -> None:
    outer = user.project("outer")
    outer.allow(("set", "WHERE", "outer"))
    (outer.root / "a" / "b").mkdir(parents=True)
    with user.shell(outer.root / "a" / "b") as shell:
        assert value(shell, "WHERE") == "outer"
        inner = user.project("outer/a")
        inner.allow(("set", "WHERE", "inner"))
        assert value(shell, "WHERE") == "inner"
        (inner.root / "devshell.toml").unlink()
        assert value(shell, "WHERE") == "outer"


@pytest.mark.parametrize("depth", [1, 22, 23, 24, 25, 26, 60])
def test_projects_are_found_from_any_depth(user: FishUser, depth: int) -> None:
    project = user.project()
    project.allow(("set", "WHERE", "in"))
    here = len(user.base.resolve().parts)
    deep = project.root.joinpath(*["d"] * max(depth - here, 1))
    outside = user.base.joinpath("x", *["d"] * max(depth - here, 1))
    for folder in (deep, outside):
        folder.mkdir(parents=True)
    with user.shell(deep) as shell:
        assert value(shell, "WHERE") == "in"
        shell.run(f"cd '{outside}'")
        assert value(shell, "WHERE") is None
        assert user.asked() == []
        user.project("x").allow(("set", "WHERE", "x"))
        assert value(shell, "WHERE") == "x"


# --- what is watched --------------------------------------------------------------------------------------------------


def test_what_is_watched_and_how_it_may_change(user: FishUser) -> None:
    project = user.project()
    project.write("script", "one")

    def allow() -> None:
        project.allow(("set", "WHERE", "in"), watch=("devshell.toml", "script", ".env"))

    changes: tuple[Callable[[], object], ...] = (
        lambda: project.write("script", "two", at=None),
        lambda: project.write("script", "two", at=LONG_AGO - 1),
        lambda: project.write(".env", "A=1"),
        (project.root / ".env").unlink,
        (project.root / "script").unlink,
    )
    allow()
    with user.shell(project.root) as shell:
        assert value(shell, "WHERE") == "in"
        for number, change in enumerate(changes):
            change()
            assert value(shell, "WHERE") is None
            assert len(user.asked()) == number + 1
            # Asked once, not at each prompt.
            shell.run("true")
            assert len(user.asked()) == number + 1
            allow()
            assert value(shell, "WHERE") == "in"
    assert user.asked()[0].endswith(f" -C {project.root} hook fish --refresh ")


@pytest.mark.parametrize("content", ["one\n", "one", "a\0b", "", "\n\n"])
def test_a_young_file_is_compared_by_content_when_the_script_is_first_read(user: FishUser, content: str) -> None:
    project = user.project()
    script = project.write("script", content, at=None)
    now = script.stat().st_mtime_ns
    project.allow(("set", "WHERE", "in"), watch=("script",))
    with user.shell(project.root) as shell:
        assert value(shell, "WHERE") == "in"
    changed = {"one\n": "one", "one": "two", "a\0b": "a b", "": "\n", "\n\n": "\n"}[content]
    project.write("script", changed, at=now)
    with user.shell(project.root) as shell:
        assert value(shell, "WHERE") is None
    assert len(user.asked()) == 1


def test_denying_acts_at_the_next_prompt_of_open_shells_and_runs_nothing(user: FishUser) -> None:
    project = user.project()
    project.allow(("set", "WHERE", "in"), deactivate=f"touch '{user.base}/ran'")
    with user.shell(project.root) as shell:
        assert value(shell, "WHERE") == "in"
        project.deny()
        assert value(shell, "WHERE") is None
        assert not (user.base / "ran").exists()
        # Allowed again, it comes back by itself.
        (project.state / "denied").unlink()
        project.allow(("set", "WHERE", "again"))
        assert value(shell, "WHERE") == "again"


def test_a_strangers_project_does_nothing(user: FishUser) -> None:
    project = user.project()
    with user.shell() as shell:
        before = state(shell)
        shell.run(f"cd '{project.root}'")
        shell.run("cd ..")
        shell.run("cd -")
        assert state(shell) == before
    assert len(user.asked()) == 1


def test_another_users_script_is_not_read(user: FishUser) -> None:
    if os.getuid():
        pytest.skip("only root can give files away")
    project = user.project()
    project.allow(("set", "WHERE", "in"))
    os.chown(project.state / "ready" / "fish", 12345, 12345)
    with user.shell(project.root) as shell:
        assert value(shell, "WHERE") is None


def test_why_a_project_waits_is_said_once(user: FishUser) -> None:
    project = user.project()
    project.wait("devshell: proj has changed; run `devshell allow`")
    with user.shell() as shell:
        shell.type(f"cd '{project.root}'")
        shell.expect("run `devshell allow`")
        shell.type("echo se''cond; cd ..; cd -; echo th''ird")
        shell.expect("second")
        shell.expect("third")
        shell.run("true")
        assert "allow`" not in shown(shell)
        project.wait("devshell: another reason")
        shell.type("")
        shell.expect("another reason")
        project.allow(("set", "WHERE", "in"))
        assert value(shell, "WHERE") == "in"
    assert user.asked() == []


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_active_stays_where_that_is_safe(user: FishUser, *, keep: bool) -> None:
    project, other = user.project(), user.project("other")
    project.allow(("set", "WHERE", "in"))
    other.allow(("set", "WHERE", "other"))
    with user.shell(project.root) as shell:
        assert value(shell, "WHERE") == "in"
        project.wait("devshell: proj is broken", keep=keep)
        assert value(shell, "WHERE") == ("in" if keep else None)
        shell.run(f"cd '{other.root}'")
        assert value(shell, "WHERE") == "other"
        # Another project's environment may never stay.
        shell.run("cd -")
        assert value(shell, "WHERE") is None


# --- the slow path ----------------------------------------------------------------------------------------------------


def test_devshell_itself_is_asked_and_answers(user: FishUser) -> None:
    python, here = shlex.quote(sys.executable), shlex.quote(os.getcwd())
    user.command.write_text(f'#!/bin/sh\nPYTHONPATH={here} exec {python} -m devshell "$@"\n')
    user.extra |= {f"DEVSHELL_{kind}_DIR": str(user.base / kind.lower()) for kind in ("DATA", "CACHE", "CONFIG")}
    project = user.project()
    project.write("devshell.toml", '[env]\nWHERE = "${project}"\n[aliases]\nt = "echo one"\n')

    def devshell(*words: str) -> None:
        subprocess.run([str(user.command), *words], cwd=project.root, env=user.env, check=True, capture_output=True)

    with user.shell() as shell:
        before = state(shell)
        shell.type(f"cd '{project.root}'")
        shell.expect("not allowed")
        assert value(shell, "WHERE") is None
        devshell("allow")
        devshell("sync")
        assert value(shell, "WHERE") == str(project.root)
        assert said(shell, "t two") == "one two\n"
        project.write("devshell.toml", '[env]\nWHERE = "changed"\n', at=None)
        shell.type("")
        shell.expect("run `devshell allow`")
        assert value(shell, "WHERE") is None
        devshell("allow")
        devshell("sync")
        assert value(shell, "WHERE") == "changed"
        devshell("deny")
        assert value(shell, "WHERE") is None
        shell.run("cd -")
        assert state(shell) == before


def test_ctrl_c_ends_the_question_and_it_is_not_asked_again(user: FishUser) -> None:
    project = user.project()
    project.allow(("set", "WHERE", "in"))
    project.write("devshell.toml", "# changed", at=None)
    user.command.write_text('#!/bin/sh\necho asked >>"$0.log"; echo ask""ing >&2; sleep 1000\n')
    with user.shell() as shell:
        shell.run("true")
        shell.type(f"cd '{project.root}'")
        shell.expect("asking")
        shell.send("\x03")
        for _ in range(3):
            assert value(shell, "WHERE") is None
        assert len(user.asked()) == 1
        project.allow(("set", "WHERE", "in"))
        assert value(shell, "WHERE") == "in"


def test_a_devshell_that_is_gone_is_said_once(user: FishUser) -> None:
    project = user.project()
    project.allow(("set", "WHERE", "in"))
    project.write("devshell.toml", "# changed", at=None)
    user.command.unlink()
    with user.shell() as shell:
        shell.run("true")
        shell.type(f"cd '{project.root}'; echo do''ne")
        shell.expect("done")
        assert "asked devshell" in shown(shell)
        shell.run("true")
        shell.type("echo th''ird")
        shell.expect("third")
        assert "asked devshell" not in shown(shell)
