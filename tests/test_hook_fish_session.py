"""fish's hook among the rest of a session: other tools, nested shells, scripts; and what it costs."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from devshell import environ
from support.fish_user import SYSTEM, FishUser, completion, said, shown, value
from support.ptys import Terminal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def user(tmp_path: Path) -> FishUser:
    return FishUser(tmp_path)


# --- courtesy ---------------------------------------------------------------------------------------------------------


def test_it_greets_on_a_terminal_and_is_quiet_when_asked(user: FishUser) -> None:
    project = user.project()
    project.allow(("set", "WHERE", "in"))
    for env in ({"DEVSHELL_QUIET": "1"}, {}):
        with user.shell(**env) as shell:
            shell.type(f"cd '{project.root}'; echo do''ne")
            shell.expect("done")
            assert ("devshell: proj (tools)" in shown(shell)) is not bool(env)
    with user.shell() as shell:
        shell.type(f"echo (cd '{project.root}'; echo do''ne)")
        shell.expect("done")
        assert "tools" not in shown(shell)


def test_status_and_the_users_own_handlers_are_untouched(user: FishUser) -> None:
    project = user.project()
    project.allow(("set", "A", "1"))
    log = user.base / "log"
    user.configure(
        """
        function before --on-event fish_prompt; set -g seen $seen prompt; end
        function moved --on-variable PWD; set -g seen $seen $PWD; false; end
        source ~/hook.fish
    """
        + "".join(
            f"function {name}; string match -q '*__devshell_*' -- (status print-stack-trace); "
            f"and builtin echo {name} >>'{log}'; builtin {name} $argv; end\n"
            for name in ("contains", "source", "functions", "printf", "complete", "realpath", "path", "count", "echo")
        )
    )
    with user.shell() as shell:
        shell.run("true")
        assert said(shell, f"cd '{project.root}'; echo $status $pipestatus") == "0 0\n"
        shell.type("false | true | false")
        assert said(shell, "echo $status $pipestatus $A") == "1 1 0 1 1\n"
        assert str(project.root) in said(shell, "echo $seen")
        shell.run("cd ..")
        assert value(shell, "A") is None
    assert not log.exists()


def test_it_loads_once(user: FishUser) -> None:
    project = user.project()
    log = user.base / "log"
    project.allow(("set", "A", "1"), activate=f"echo in >>'{log}'")
    user.configure("source ~/hook.fish\ncat ~/hook.fish | source\n")
    with user.shell() as shell:
        shell.run(f"cd '{project.root}'")
        shell.run("source ~/hook.fish")
        assert value(shell, "A") == "1"
        assert log.read_text() == "in\n"
        shell.run("cd ..")
        assert value(shell, "A") is None


def test_an_older_fish_gets_one_clear_line(user: FishUser) -> None:
    code = (user.home / "hook.fish").read_text().replace("$version", "3.5.1")
    ran = subprocess.run(
        ["fish", "--no-config"], input=f"{code}\n", capture_output=True, text=True, env=user.env, check=False
    )
    assert ran.stderr == "devshell: this is fish 3.5.1, and the hook needs 3.6 or newer\n"
    for newer in ("3.6.0", "3.10.1", "4.0.2", "4.1-beta", "12.0"):
        check = code.split("# Loaded already")[0].replace("3.5.1", newer) + "echo fine\n"
        ran = subprocess.run(
            ["fish", "--no-config"], input=check, capture_output=True, text=True, env=user.env, check=False
        )
        assert (ran.stdout, ran.stderr) == ("fine\n", "")


# --- nested, entered, and scripts -------------------------------------------------------------------------------------


def test_an_inherited_environment_is_left_and_entered_anew_in_silence(user: FishUser) -> None:
    project = user.project()
    plan = (("set", "A", "ours"), ("unset", "B"), ("path", "/e/bin"), ("prepend", "LD_LIBRARY_PATH", "/l"))
    project.allow(*plan, aliases=(("t", "echo project"),))
    outer = user.env | {"A": "old", "B": "was", "LD_LIBRARY_PATH": "/x::/y"}
    inside = environ.enter(plan, outer, str(project.root), "/store/proj")
    user.configure("set -gx PATH /rc $PATH\nsource ~/hook.fish\n")
    with user.shell(project.root, **inside) as shell:
        env = shell.environment()
        assert env["PATH"] == f"/e/bin:/rc:{SYSTEM}"
        assert (env["A"], env.get("B"), env["LD_LIBRARY_PATH"]) == ("ours", None, "/l:/x::/y")
        assert "tools" not in shown(shell)
        assert said(shell, "t") == "project\n"
        shell.run("cd ..")
        env = shell.environment()
        assert env["PATH"] == f"/rc:{SYSTEM}"
        assert (env["A"], env["B"], env["LD_LIBRARY_PATH"]) == ("old", "was", "/x::/y")
        assert not [name for name in env if name.startswith("DEVSHELL_") and "STATE" not in name]


def test_another_shell_inside_leaves_the_outer_one_as_it_is(user: FishUser) -> None:
    project = user.project()
    project.allow(("set", "A", "ours"), ("path", "/e/bin"))
    with user.shell(A="old") as shell:
        shell.run(f"cd '{project.root}'")
        shell.type("fish")
        shell.run("cd /")
        assert value(shell, "A") == "old"
        shell.type("exit")
        assert value(shell, "A") == "ours"
        shell.run("cd /")
        assert value(shell, "A") == "old"


HOSTILE = {
    "DEVSHELL_ROOT": "/nowhere/../$(touch ran)",
    "DEVSHELL_ENV": "(touch ran)",
    "DEVSHELL_NAMES": "A;touch_ran B(touch\tran) PATH PWD __devshell_x DEVSHELL_ROOT 1X é GOOD -e $HOME",
    "DEVSHELL_OLD_GOOD": "(touch ran)",
    "DEVSHELL_NEW_GOOD": "now",
    "GOOD": "now",
    "DEVSHELL_OLD_PATH": "/evil",
    "DEVSHELL_NEW_PATH": SYSTEM,
    "DEVSHELL_PATH": "/usr/bin:::(touch ran)",
    "__devshell_leaving": "touch ran",
    "__devshell_deactivate": "touch ran",
    "__devshell_aliases": "touch ran",
    "__devshell_mine": "1",
    "__devshell_kept_GOOD_": "-Ux",
    "__devshell_plain": "HOME",
    "__devshell_states": "/evil",
    "__devshell_found": "/evil",
}


def test_nothing_that_travels_is_evaluated(user: FishUser) -> None:
    with user.shell(**HOSTILE) as shell:
        env = shell.environment()
        assert env["GOOD"] == "(touch ran)"
        assert env["PATH"] == SYSTEM.replace("/usr/bin:", "")
        assert env["HOME"] == str(user.home)
        assert not [name for name in env if "evshell_" in name.lower() and "STATE" not in name]
    assert not list(user.base.rglob("ran"))


def test_lists_that_are_too_long_are_passed_over(user: FishUser) -> None:
    names = " ".join(f"N{number}" for number in range(environ.MOST_NAMES + 1))
    with user.shell(DEVSHELL_NAMES=names, N1="kept", DEVSHELL_NEW_N1="kept") as shell:
        env = shell.environment()
        assert env["N1"] == "kept"
        assert "DEVSHELL_NAMES" not in env


@pytest.mark.parametrize("named", ["", "ci"])
def test_a_shell_of_devshell_enter_stays_in_its_project(user: FishUser, named: str) -> None:
    project, other = user.project(), user.project("other")
    plan = (("set", "WHERE", "in"),)
    project.allow(*plan, named=named, aliases=(("t", "echo project"),))
    other.allow(("set", "WHERE", "other"))
    inside = environ.enter(plan, user.env, str(project.root), "/store/proj")
    with user.shell(**inside, DEVSHELL_ENTERED=named) as shell:
        for folder in (user.base, other.root, project.root):
            shell.run(f"cd '{folder}'")
            assert value(shell, "WHERE") == "in"
            assert value(shell, "DEVSHELL_ENTERED") == named
        assert said(shell, "t") == "project\n"
    assert user.asked() == []


def test_scripts_are_left_alone_unless_they_ask(user: FishUser) -> None:
    project = user.project()
    project.allow(("set", "WHERE", "in"))
    code = f"cd '{project.root}'; echo got $WHERE; cd ..; echo got $WHERE"

    def script(code: str, *options: str) -> str:
        argv = ["fish", *options, "-c", code]
        return subprocess.run(argv, env=user.env, capture_output=True, text=True, check=True, cwd=user.home).stdout

    assert script(code) == "got\ngot\n"
    assert script(f"source ~/hook.fish; {code}") == "got in\ngot\n"
    assert script(f"cat ~/hook.fish | source; {code}", "--no-config") == "got in\ngot\n"
    assert user.asked() == []


# --- what it costs ----------------------------------------------------------------------------------------------------

COUNTED = re.compile(r"^\d+ +(?:(clone3?|v?fork)\((.*)|(execve)\()", re.MULTILINE)
WRITTEN = re.compile(
    r'(?:open(?:at)?\([^"]*"([^"]+)", O_(?:WRONLY|RDWR)|(?:mkdir|rename|unlink|symlink)\w*\([^"]*"([^"]+))'
)


def traced(user: FishUser, lines: list[str]) -> tuple[int, set[str]]:
    """Return how many processes a session starts that types these lines, and what files it writes."""
    log = user.base / "strace.log"
    argv = ["-f", "-qq", "-s", "400", "-e", "trace=process,openat,open,mkdir,rename,unlink,symlink", "-o", str(log)]
    with Terminal(["strace", *argv, "fish"], user.env, user.home) as shell:
        for number, line in enumerate(lines):
            shell.type(f'{line}; echo EN""D{number}x')
            shell.expect(f"END{number}x")
        shell.exit()
    text = log.read_text(errors="replace")
    count = sum("CLONE_THREAD" not in (found[2] or "") for found in COUNTED.finditer(text))
    written = {one or two for one, two in WRITTEN.findall(text)}
    return count, {path for path in written if path != "/dev/null"}


def test_no_process_is_started_and_no_file_written(user: FishUser) -> None:
    one, two = user.project("one"), user.project("two")
    (one.root / "sub").mkdir()
    for project in (one, two):
        project.write("young", "x", at=None)
        project.allow(
            ("set", "A", project.root.name), ("set", "B", "${A}/${HOME:-x}"), ("default", "C", "c"), ("unset", "D"),
            ("prepend", "LD_LIBRARY_PATH", "/l"), ("extend", "MANPATH", "/m"), ("path", "/e/bin"),
            aliases=(("t", "echo"),), completions=(completion(user.base / "env", "tool", "x"),), activate="set -gx E 1",
            watch=("devshell.toml", "young", ".env"),
        )  # fmt: skip
    lines = [
        *("true", "true", f"cd '{one.root}'; echo $A", "true", "cd sub", "true", f"cd '{two.root}'; echo $A", "true"),
        *("t x", f"pushd '{one.root}'", "popd", "cd", "true", "true"),
    ]
    with user.shell() as shell:
        # The very first one makes fish's own folders.
        shell.exit()
    universal = user.home / ".config" / "fish" / "fish_variables"
    before = universal.read_bytes()
    hooked = traced(user, lines)
    assert user.asked() == []
    assert universal.read_bytes() == before
    user.configure("function t; end\n")
    plain = traced(user, lines)
    assert hooked[0] == plain[0] == 1
    # fish writes its history and its universal variables under names of the moment.
    fishs_own = tuple(str(user.home / folder) for folder in (".local/share/fish", ".config/fish"))
    assert not {path for path in hooked[1] - plain[1] if not path.startswith(fishs_own)}
