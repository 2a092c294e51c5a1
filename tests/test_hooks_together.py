"""The hook as a user has it: shells inside of shells, `devshell enter`, and what it all costs."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from support.hooked import PROMPT, RC, SHELLS, Hooked, Session, messages, started, write

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Place

MANIFEST = """
[env]
WHO = "first"
KEPT = "ours"
GONE = { unset = true }
LIST = { prepend = ["${project}/lib"] }
[path]
prepend = ["bin"]
[aliases]
t = "echo aliased"
[hooks]
activate.bash = "echo activated >>$HOME/log"
activate.zsh = "echo activated >>$HOME/log"
activate.fish = "echo activated >>$HOME/log"
[shells.ci]
env = { WHO = "ci" }
"""
OUTSIDE = {"KEPT": "theirs", "GONE": "there", "LIST": "/their/list"}
FRONT = {
    "bash": "export PATH=/rc:$PATH",
    "zsh": "export PATH=/rc:$PATH",
    "fish": "set -gx PATH /rc $PATH",
}


@pytest.fixture(params=SHELLS)
def user(request: pytest.FixtureRequest, place: Place) -> Hooked:
    return Hooked(place, request.param, dict(OUTSIDE))


@pytest.fixture
def one(user: Hooked) -> Path:
    return user.project("one", MANIFEST)


def log(user: Hooked) -> list[str]:
    path = user.place.home / "log"
    return path.read_text().split() if path.exists() else []


def inside(shell: Session, root: Path) -> None:
    """Whether all of the project is in."""
    env = shell.environment()
    got = {name: env.get(name) for name in ("WHO", *OUTSIDE)}
    assert got == {"WHO": "first", "KEPT": "ours", "GONE": None, "LIST": f"{root}/lib:/their/list"}
    assert env["PATH"].split(":")[0] == f"{root}/bin"
    assert env["PATH"].split(":").count(f"{root}/bin") == 1
    assert shell.run("t") == b"aliased\n"


def outside(shell: Session, root: Path) -> None:
    env = shell.environment()
    assert {name: env.get(name) for name in ("WHO", *OUTSIDE)} == {"WHO": None, **OUTSIDE}
    assert f"{root}/bin" not in env["PATH"].split(":")
    assert [name for name in env if name.startswith("DEVSHELL_") and not name.endswith("_DIR")] == []
    assert b"aliased" not in shell.run("type t")


def profile(user: Hooked, after: str = "") -> None:
    """Write what a login bash reads; the system's own file has set PATH anew by then."""
    write(user.place.home / ".bash_profile", f"PATH={user.command.parent}:$PATH\n. ~/.bashrc\n{after}")


# --- shells inside of shells -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", SHELLS)
def test_a_shell_inside_takes_over_in_silence_and_leaves_without_disturbing_the_outer(
    user: Hooked, one: Path, inner: str
) -> None:
    user.rc(before=FRONT[inner], shell=inner)
    with user.open(one) as shell:
        inside(shell, one)
        path = shell.value("PATH")
        before = len(shell.shown)
        shell.type(inner)
        shell.run("true")
        assert messages(shell.shown[before:]) == []
        inside(shell, one)
        assert log(user) == ["activated"] * 2
        shell.do("cd /")
        outside(shell, one)
        assert "/rc" in (shell.value("PATH") or "").split(":")
        shell.do(f"cd {one}")
        inside(shell, one)
        shell.do("cd /")
        shell.type("exit")
        shell.run("true")
        inside(shell, one)
        assert shell.value("PATH") == path
        shell.do("cd /")
        outside(shell, one)


@pytest.mark.parametrize("inner", SHELLS)
def test_exec_of_another_shell_and_a_login_shell_take_over(user: Hooked, one: Path, inner: str) -> None:
    user.rc(before=FRONT[inner], shell=inner)
    profile(user, after="export PATH=/login:$PATH\n")
    write(user.place.home / ".zlogin", "export PATH=/login:$PATH\n")
    login = "status is-login; and set -gx PATH /login $PATH\n"
    write(user.place.home / ".config/fish/conf.d/login.fish", login)
    with user.open(one) as shell:
        inside(shell, one)
        for command in (f"exec {inner}", f"exec {inner} -l"):
            before = len(shell.shown)
            shell.type(command)
            shell.run("true")
            assert messages(shell.shown[before:]) == []
            inside(shell, one)
        assert "/login" in (shell.value("PATH") or "").split(":")
        shell.do("cd /")
        outside(shell, one)
        assert "/login" in (shell.value("PATH") or "").split(":")


@pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux here")
def test_a_window_of_tmux_has_its_own_project(user: Hooked, one: Path) -> None:
    two = user.project("two", "[env]\nTWO = 'second'\n")
    user.variables["SHELL"] = shutil.which(user.shell) or ""
    socket = user.place.base / "s"
    # tmux starts login shells.
    profile(user)
    with user.open(one) as shell:
        inside(shell, one)
        shell.type(f"tmux -S {socket} -f /dev/null new-session -c {two}")
        try:
            shell.run("true")
            env = shell.environment()
            assert (env.get("TWO"), env.get("WHO"), env.get("KEPT")) == ("second", None, "theirs")
            shell.type(f"cd {one}")
            inside(shell, one)
            shell.type("cd /")
            outside(shell, one)
        finally:
            os.system(f"tmux -S {socket} kill-server")  # noqa: S605  our own socket
        shell.run("true")
        inside(shell, one)


# --- devshell enter --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hooked", [True, False], ids=["with the hook", "without the hook"])
def test_enter_stays_in_its_project_until_exit(user: Hooked, one: Path, hooked: bool) -> None:  # noqa: FBT001
    user.rc(before=FRONT[user.shell], hooked=hooked)
    with user.open() as shell:
        shell.do(f"cd {one}")
        before = len(log(user))
        shell.type(f"devshell enter --quiet --shell {user.shell}")
        shell.run("true")
        inside(shell, one)
        assert len(log(user)) == before + 1
        for line in ("cd /", "true"):
            assert shell.said(line) == []
            inside(shell, one)
        assert shell.value("DEVSHELL_ENTERED") == ""
        os.utime(one / "devshell.toml")
        assert shell.said() == []
        inside(shell, one)
        shell.type("exit")
        shell.run("true")
        assert shell.value("DEVSHELL_ENTERED") is None
        if hooked:
            inside(shell, one)
        shell.do("cd /")
        outside(shell, one)


@pytest.mark.parametrize("hooked", [True, False], ids=["with the hook", "without the hook"])
def test_enter_of_a_named_shell_stays_in_that(user: Hooked, one: Path, hooked: bool) -> None:  # noqa: FBT001
    two = user.project("two", "[env]\nTWO = 'second'\n")
    user.rc(hooked=hooked)
    with user.open(one) as shell:
        shell.type(f"devshell enter ci --quiet --shell {user.shell}")
        shell.run("true")
        for folder in (two, one, user.place.home):
            assert shell.cd(folder) == []
            env = shell.environment()
            assert (env.get("WHO"), env.get("TWO"), env.get("DEVSHELL_ENTERED")) == ("ci", None, "ci")
            assert shell.run("t") == b"aliased\n"
        shell.type("exit")
        shell.run("true")
        assert shell.value("WHO") == ("first" if hooked else None)


# --- what it costs ---------------------------------------------------------------------------------------------------

STRACE = shutil.which("strace")
#: What starts a process, and what may open a file for writing or change one.
CALLS = "clone,clone3,fork,vfork,execve,open,openat,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,utimensat"
#: Looked for, so that the trace shows where it begins and ends.
MARK = "/nowhere/mark"


def traced(user: Hooked, lines: list[str], folder: Path) -> list[str]:
    """Return what a shell does at these lines, and the prompts after them, in the words of strace."""
    kind = user.shell
    trace = user.place.base / "trace"
    argv = {"bash": ["bash"], "zsh": ["zsh", "-d"], "fish": ["fish"]}[kind]
    strace = [str(STRACE), "-f", "-qq", "-o", str(trace), "-e", f"trace={CALLS},%%stat,access,faccessat,faccessat2"]
    with Session(kind, [*strace, *argv], user.env, folder) as shell:
        shell.run("true")
        for line in (f"test -e {MARK}", *lines, f"test -e {MARK}"):
            shell.type(line)
            shell.expect("mine> ")
        shell.run("true")
    text = trace.read_text()
    return text[text.index(MARK) : text.rindex(MARK)].splitlines()[1:]


def processes(calls: list[str]) -> list[str]:
    starts = [call for call in calls if re.search(r"\b(clone3?|v?fork|execve)\(", call)]
    return [call for call in starts if "CLONE_THREAD" not in call and "resumed" not in call]


def written(calls: list[str]) -> set[str]:
    """Return what was written, by name; numbers in names differ from run to run."""
    found = set()
    for call in calls:
        writes = re.search(r"O_WRONLY|O_RDWR|O_CREAT", call) if "open" in call else True
        name = re.search(r'"([^"]*)"', call)
        if writes and name and re.search(r"\b(open(at)?|creat|rename\w*|unlink(at)?|mkdir|utimensat)\(", call):
            found.add(re.sub(r"[.\w]*\d[\w.]*$", "N", name[1]))
    # fish keeps its history by itself, now and then by way of a file with a name of chance.
    return {name for name in found - {"/dev/null", "/dev/tty"} if "/.local/share/fish/" not in name}


@pytest.fixture
def many(user: Hooked) -> list[Path]:
    # A hook of the project's own code is not our cost.
    plain = re.sub(r"(?s)\[hooks\].*?(?=\[shells)", "", MANIFEST)
    roots = [user.project(f"p{number}", plain) for number in range(2)]
    for root in roots:
        (root / "sub" / "deep").mkdir(parents=True)
        write(root / "bin" / "tool", "")
    return roots


@pytest.mark.skipif(STRACE is None, reason="there is no strace here")
@pytest.mark.parametrize(
    "what", ["prompts outside", "prompts inside", "enter and leave", "from project to project", "folders inside"]
)
def test_it_starts_no_process_and_writes_no_file(user: Hooked, many: list[Path], what: str) -> None:
    one, two = many
    start, lines = {
        "prompts outside": (user.place.home, ["true", "true"]),
        "prompts inside": (one, ["true", "true"]),
        "enter and leave": (user.place.home, [f"cd {one}", f"cd {user.place.home}"] * 2),
        "from project to project": (one, [f"cd {two}", f"cd {one}"] * 2),
        "folders inside": (one, ["cd sub", "cd deep", "cd ../.."]),
    }[what]
    with_hook = traced(user, lines, start)
    asked = started(user)
    path = user.place.home / RC[user.shell]
    path.write_text(PROMPT[user.shell])
    without = traced(user, lines, start)
    assert len(processes(with_hook)) == len(processes(without)), processes(with_hook)
    assert written(with_hook) <= written(without)
    assert asked == started(user) == []
