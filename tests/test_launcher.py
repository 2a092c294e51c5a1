"""The launcher: a real sh, a real state folder, and a stand-in beside it that tells what Python would have got."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devshell import environ
from devshell.shells import posix
from support.launched import LAUNCHER, SYSTEM, Launched, Ran, same
from support.plans import SHELLS, hostile, names, paths, plans, values, variables

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(params=SHELLS)
def launched(request: pytest.FixtureRequest, tmp_path: Path) -> Launched:
    return Launched(tmp_path / "a place", SHELLS[request.param])


@pytest.fixture
def plain(tmp_path: Path) -> Launched:
    """The launcher as it is installed: by `/bin/sh`."""
    return Launched(tmp_path / "a place")


# --- what a command gets ----------------------------------------------------------------------------------------------


def agree(launched: Launched, plan: environ.Plan, env: Mapping[str, str]) -> Ran:
    """Check that the launcher gives a command what `environ.enter` would, or hands on what still comes to that."""
    launched.render(plan)
    started = {**launched.env, "HOME": "/h", **env}
    found = launched.run("exec", "--", "/usr/bin/env", "-0", env=started)
    wanted = environ.enter(plan, started, launched.root, str(launched.environment))
    if found.handed_on:
        got = environ.enter(plan, found.environment, launched.root, str(launched.environment))
        assert found.words == ["-EP", "-m", "devshell", "exec", "--", "/usr/bin/env", "-0"]
    else:
        got = found.environment
        assert found.err == ""
        # Marks of a variable that neither the list nor the plan names: sh cannot see them, and nothing heeds them.
        listed = {*started.get("DEVSHELL_NAMES", "").split(" "), *(words[1] for words in plan if words[0] != "path")}
        stray = {
            f"DEVSHELL_{part}_{n}" for part in ("OLD", "NEW") for n in ("A", "B", "IFS", "PATH") if n not in listed
        }
        got = {name: value for name, value in got.items() if name not in stray}
    assert same(got, wanted)
    return found


@pytest.fixture(scope="module", params=SHELLS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Launched:
    return Launched(tmp_path_factory.mktemp("launched") / "it's", SHELLS[request.param])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans, env=variables, path=paths)
def test_a_command_gets_what_python_would_give_it(
    shared: Launched, plan: environ.Plan, env: dict[str, str], path: str
) -> None:
    assert agree(shared, plan, {**env, "PATH": path}).handed_on is not shared.served


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(two=st.tuples(plans, plans), env=variables, path=paths, edits=st.dictionaries(names, values))
def test_inside_of_another_environment_that_one_is_left_first(
    shared: Launched,
    two: tuple[environ.Plan, environ.Plan],
    env: dict[str, str],
    path: str,
    edits: dict[str, str],
) -> None:
    inside = environ.enter(two[0], {**shared.env, "HOME": "/h", **env, "PATH": path}, "/other", "/store/other")
    assert agree(shared, two[1], {**inside, **edits}).handed_on is not shared.served


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans, env=variables, path=paths, marks=hostile)
def test_no_mark_that_travels_can_do_more_than_it_can_to_python(
    shared: Launched, plan: environ.Plan, env: dict[str, str], path: str, marks: dict[str, str]
) -> None:
    agree(shared, plan, {**env, "PATH": path, **marks})


@settings(max_examples=200)
@given(plan=plans)
def test_what_is_rendered_is_never_too_odd_for_sh(plan: environ.Plan) -> None:
    assert subprocess.run(["sh", "-n"], input=os.fsencode(_text(plan)), check=True, capture_output=True).stderr == b""


def _text(plan: environ.Plan) -> str:
    from devshell.shells.rendering import Entering

    return posix.entering(Entering("/s/own", (), "/p", "/store/x", "p", plan))


@pytest.mark.parametrize(
    "plan",
    [
        (("set", "IFS", "x"),),
        (("set", "A", "${PWD}"),),
        (("set", "A", "${HOSTNAME:-x}"),),
        (("set", "A", "${BASH_VERSION}"),),
        (("set", "A", "${A}" * 9),),
        (("literal", "A", "x"), *((("set", "A", "${A}${A}"),) * 20)),
        (("literal", "A", "x" * environ.LONGEST),),
        (("set", "A", "${A:-" * 500 + "x" + "}" * 500),),
        (("literal", "A", "a\0b"),),
        (("path", "/a:b"),),
        tuple(("literal", f"N{number}", "") for number in range(environ.MOST_NAMES + 1)),
    ],
)
def test_what_sh_cannot_do_as_python_does_is_left_to_python(plan: environ.Plan) -> None:
    assert _text(plan) == posix.UNSERVED


@pytest.mark.parametrize("marks", [{"A": "x" * 10_000}, {"PATH": "/bin:" + "x" * 10_000}])
def test_large_values_are_left_to_python(launched: Launched, marks: dict[str, str]) -> None:
    found = agree(launched, (("prepend", "A", "y"), ("path", "/e")), marks)
    assert found.handed_on
    assert found.environment.items() >= marks.items()


@pytest.mark.parametrize(
    "marks",
    [
        {"DEVSHELL_NAMES": "A" * 5_000},
        {"DEVSHELL_NAMES": "A $(touch ran)"},
        {"DEVSHELL_NAMES": "A;touch\tran"},
        {"DEVSHELL_NAMES": "PS4", "DEVSHELL_OLD_PS4": "$(touch ran)"},
        {"DEVSHELL_PATH": ":".join("x" * 20_000)},
    ],
)
def test_marks_that_we_would_not_have_left_are_left_to_python(launched: Launched, marks: dict[str, str]) -> None:
    assert agree(launched, (("set", "A", "x"),), marks).handed_on
    assert not (launched.project / "ran").exists()


def test_path_gives_up_one_entry_for_each_of_ours(launched: Launched) -> None:
    env = {"PATH": f"/mine:/e:/b:/e:{SYSTEM}:", "DEVSHELL_PATH": "/e:/none:/b", "DEVSHELL_NAMES": ""}
    launched.render((("path", "/new"),))
    found = launched.run("exec", "--", "/usr/bin/env", "-0", also=env)
    assert found.environment["PATH"] == f"/new:/mine:/e:{SYSTEM}:"


# --- finding the project ----------------------------------------------------------------------------------------------


def test_the_nearest_project_is_found_from_deep_within(launched: Launched) -> None:
    launched.tool("hello", 'echo "$DEVSHELL_ROOT"; pwd')
    launched.render()
    deep = launched.project / "a" / "b c"
    deep.mkdir(parents=True)
    assert launched.run("exec", "hello", cwd=deep).out.decode() == f"{launched.root}\n{deep}\n"


def test_a_folder_reached_by_a_link_is_where_it_really_is_and_keeps_its_name(launched: Launched) -> None:
    launched.render()
    (launched.project / "sub").mkdir()
    link = launched.base / "link"
    link.symlink_to(launched.project / "sub")
    found = launched.run("exec", "--", "env", "-0", cwd=link, also={"OLDPWD": "/usr"}).environment
    assert (found["DEVSHELL_ROOT"], found["PWD"], found["OLDPWD"]) == (launched.root, str(link), "/usr")
    assert "OLDPWD" not in launched.run("exec", "--", "env", "-0", cwd=link).environment


@pytest.mark.parametrize("name", ["project", "./project", "link"])
def test_another_folder_is_gone_to(launched: Launched, name: str) -> None:
    launched.render()
    (launched.base / "link").symlink_to(launched.project)
    # A folder of that name that `cd` would prefer.
    (launched.base / "trap" / "project").mkdir(parents=True)
    env = {"CDPATH": str(launched.base / "trap"), "OLDPWD": "/usr"}
    found = launched.run("-C", name, "exec", "--", "env", "-0", cwd=launched.base, also=env).environment
    assert (found["DEVSHELL_ROOT"], found["PWD"]) == (launched.root, launched.root)
    assert (found["OLDPWD"], found["CDPATH"]) == ("/usr", env["CDPATH"])


def test_a_folder_named_like_an_option_is_a_folder(launched: Launched) -> None:
    launched.render()
    (launched.project / "-").mkdir()
    assert launched.run("-C", "-", "exec", "pwd").out.decode() == f"{launched.root}/-\n"


def test_without_a_project_python_says_so(launched: Launched) -> None:
    assert launched.run("exec", "true", cwd=launched.base).words == ["-EP", "-m", "devshell", "exec", "true"]


def test_a_folder_that_is_not_there_is_left_to_python(launched: Launched) -> None:
    launched.render()
    assert launched.run("-C", "none", "exec", "true").words[3:] == ["-C", "none", "exec", "true"]


def test_python_is_found_from_another_folder_by_a_relative_command(plain: Launched) -> None:
    (plain.project / "sub").mkdir()
    found = plain.run("-C", "sub", "exec", "true", program="../bin/devshell")
    assert found.words[3:] == ["exec", "true"]
    assert found.environment["PWD"] == f"{plain.root}/sub"


def test_a_manifest_that_leads_nowhere_is_a_project_all_the_same(launched: Launched) -> None:
    launched.render()
    (launched.project / "sub").mkdir()
    (launched.project / "sub" / "devshell.toml").symlink_to("gone")
    assert launched.run("exec", "true", cwd=launched.project / "sub").handed_on


def test_the_state_is_looked_for_where_python_looks(launched: Launched) -> None:
    launched.render()
    base = launched.base
    (base / ".local").mkdir()
    (base / ".local" / "state").mkdir()
    (base / ".local" / "share").mkdir()
    for kind in ("state", "data"):
        (base / ".local" / ("share" if kind == "data" else kind) / "devshell").symlink_to(base / kind)
    env = {"PATH": SYSTEM, "HOME": str(base), "PWD": str(launched.project)}
    where = {"XDG_STATE_HOME": str(base / ".local" / "state"), "XDG_DATA_HOME": str(base / ".local" / "share")}
    relative = {"DEVSHELL_STATE_DIR": "state", "XDG_STATE_HOME": "state", "XDG_DATA_HOME": ""}
    for more in ({}, {**where, "HOME": "/none"}, relative):
        assert launched.run("exec", "true", env={**env, **more}).code == 0, more
    for more in ({"HOME": "/none"}, {"XDG_STATE_HOME": "/none"}, {"XDG_DATA_HOME": "/none"}, {"HOME": ""}):
        assert launched.run("exec", "true", env={**env, **more}).handed_on, more


# --- fresh ------------------------------------------------------------------------------------------------------------


def test_each_kind_of_change_is_left_to_python(launched: Launched) -> None:
    file, absent = launched.project / "devshell.toml", launched.project / "devshell.local.toml"
    launched.watch(file)
    launched.watch(absent)
    launched.render()

    def fresh() -> bool:
        return not launched.run("exec", "true").handed_on

    assert fresh()
    when = file.stat().st_mtime_ns
    for shift in (1, -1, 10**9, -(10**9)):
        if "ash" in launched.sh and abs(shift) == 1:
            continue  # It compares whole seconds.
        os.utime(file, ns=(when + shift, when + shift))
        assert not fresh(), shift
    os.utime(file, ns=(when, when))
    assert fresh()
    absent.write_text("")
    assert not fresh()
    absent.unlink()
    absent.symlink_to("nowhere")
    assert fresh()
    file.rename(launched.project / "aside")
    (launched.base / "devshell.toml").write_text("")
    assert not fresh()
    (launched.project / "aside").rename(file)
    (launched.ready_folder / "0").rename(launched.ready_folder / "aside")
    assert not fresh()
    (launched.ready_folder / "aside").rename(launched.ready_folder / "0")
    assert fresh()
    launched.environment.rename(launched.base / "collected")
    assert not fresh()


def test_what_was_loaded_and_then_taken_back_is_not_fresh(launched: Launched) -> None:
    launched.render()
    aside = launched.ready_folder.rename(launched.state / "aside")
    (launched.state / "ready").unlink()
    (launched.state / "ready").symlink_to(aside.name)
    assert launched.run("exec", "true").handed_on


def test_a_young_file_is_left_to_python(launched: Launched) -> None:
    launched.watch(launched.project / "devshell.toml", young=True)
    assert launched.render() == posix.UNSERVED
    assert launched.run("exec", "true").handed_on


def test_what_another_release_rendered_is_left_to_python(launched: Launched) -> None:
    launched.render()
    file = launched.ready_folder / "sh"
    file.write_text(file.read_text().replace("__devshell_format=1", "__devshell_format=2"))
    assert launched.run("exec", "true").handed_on


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_another_user_wrote_is_left_to_python(launched: Launched) -> None:
    launched.render()
    os.chown(launched.ready_folder / "sh", 12345, 12345)
    assert launched.run("exec", "true").handed_on


def test_nothing_is_believed_because_it_stands_in_the_environment(launched: Launched) -> None:
    env = {
        "__devshell_format": "1",
        "__devshell_next": "x",
        "__devshell_to": "/none",
        "__devshell_code": "0",
        "__devshell_ready": str(launched.project),
        "__devshell_store": str(launched.base / "data" / "store"),
    }
    assert launched.run("exec", "true", also=env).handed_on


# --- which words are whose --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("status",),
        ("sync",),
        ("exec",),
        ("exec", "--"),
        ("exec", ""),
        ("exec", "--in", "ci", "true"),
        ("exec", "--", "-x"),
        ("exec", "it's"),
        ("run",),
        ("run", "--in", "ci", "greet"),
        ("run", "unknown"),
        ("run", "unknown", "a b", ""),
        ("export", "json"),
        ("-C",),
        ("-C", ""),
        ("-C", ".", "status"),
        ("--version",),
        ("-C.", "exec", "true"),
        ("hook",),
        ("hook", "csh"),
        ("hook", "bash", "--install"),
    ],
)
def test_everything_else_goes_to_python_as_it_came(plain: Launched, words: tuple[str, ...]) -> None:
    plain.render(tasks={"greet": ("echo hello", "echo hello")})
    stand_in = plain.program.with_name("python")
    stand_in.write_text("#!/bin/sh\nprintf '<%s>' \"$@\"\n")
    said = plain.run(*words).out.decode()
    assert said == "".join(f"<{word}>" for word in ("-EP", "-m", "devshell", *words))


def test_arguments_arrive_as_they_were_given(launched: Launched) -> None:
    launched.render()
    words = ["a b", "", "*", "--", "-n", "\n", "\udcff", "$HOME", "'"]
    said = launched.run("exec", "printf", "<%s>", *words)
    assert os.fsdecode(said.out) == "".join(f"<{word}>" for word in words)
    assert launched.run("exec", "--", "printf", "<%s>", *words) == said


def test_the_codes_and_the_words_are_those_of_python(launched: Launched) -> None:
    launched.tool("plain", "exit 3").chmod(0o644)
    launched.tool("fails", "exit 3")
    # One that another folder of PATH has as well is found there.
    launched.tool("true", "exit 9").chmod(0o644)
    launched.render()
    assert launched.run("exec", "fails").code == 3
    assert launched.run("exec", "true").code == 0
    missing = launched.run("exec", "no-such-command")
    assert (missing.code, missing.err) == (127, "devshell: 'no-such-command': command not found\n")
    # A builtin of the shell is no program.
    assert launched.run("exec", "unset").code == 127
    refused = launched.run("exec", "plain")
    assert (refused.code, refused.err) == (126, "devshell: 'plain' cannot be started: Permission denied\n")
    assert launched.run("exec", "./devshell.toml").code == 126
    assert launched.run("exec", "./none").code == 127
    assert launched.run("exec", "/").code == 126


def test_a_command_is_found_on_the_path_that_it_gets(launched: Launched) -> None:
    launched.tool("hello", "echo ours")
    launched.render((("path", str(launched.environment / "bin")),))
    assert launched.run("exec", "hello", also={"PATH": ""}).out == b"ours\n"
    # An empty entry is the current folder.
    here = launched.project / "mine"
    here.write_text("#!/bin/sh\necho mine\n")
    here.chmod(0o755)
    assert launched.run("exec", "mine", also={"PATH": f"{SYSTEM}:"}).out == b"mine\n"
    assert launched.run("exec", "mine").code == 127
    # The last entry counts as much as the first.
    assert launched.run("exec", "mine", also={"PATH": f"{SYSTEM}:{launched.project}"}).out == b"mine\n"


def test_a_folder_with_a_percent_sign_is_searched_too(launched: Launched) -> None:
    folder = launched.base / "100%func"
    folder.mkdir()
    (folder / "hello").write_text('#!/bin/sh\necho "$@"\n')
    (folder / "hello").chmod(0o755)
    launched.render((("path", str(folder)),))
    assert launched.run("exec", "hello", "you").out == b"you\n"


def test_a_folder_is_no_pattern(launched: Launched) -> None:
    folder = launched.base / "ab"
    folder.mkdir()
    (folder / "hello").symlink_to("/bin/true")
    launched.render((("path", str(launched.base / "a?")),))
    assert launched.run("exec", "hello").code == 127


def test_a_task_runs_in_the_projects_folder(launched: Launched) -> None:
    script = "pwd; printf '<%s>' \"$0\""
    launched.render(tasks={"it's a task": (script, f'{script} "$@"'), "*": ("echo star", "echo star")})
    (launched.project / "sub").mkdir()
    for folder in (launched.project, launched.project / "sub"):
        assert launched.run("run", "it's a task", cwd=folder).out.decode() == f"{launched.root}\n<it's a task>"
        found = launched.run("run", "it's a task", "a b", "--", cwd=folder).out.decode()
        assert found == f"{launched.root}\n<it's a task><a b><-->"
    assert launched.run("run", "anything").handed_on


def test_a_task_gets_the_environment_and_its_code_is_ours(launched: Launched) -> None:
    launched.tool("hello", "exit 7")
    launched.render(tasks={"greet": ("hello", "hello")})
    assert launched.run("run", "greet").code == 7


# --- the hook, and where things lie -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_hook_is_printed_with_the_launchers_own_path_before_it(plain: Launched, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    share = plain.base / "share" / "devshell"
    share.mkdir(parents=True)
    (share / f"hook.{shell}").write_text('echo "$__devshell_command"\n')
    link = plain.base / "a $link" / "devshell"
    link.parent.mkdir()
    link.symlink_to("../bin/devshell")
    for program, folder in ((plain.program, plain.base), (link, plain.base), ("./a $link/devshell", plain.base)):
        printed = plain.run("hook", shell, program=program, cwd=folder)
        assert not printed.handed_on
        assert printed.out.count(b"\n") == 2
        said = subprocess.run([shell], input=printed.out, capture_output=True, check=True).stdout.decode()
        assert os.path.normpath(said.strip()) == str(plain.program if program == plain.program else link)


def test_a_path_that_takes_more_than_quotes_is_left_to_python(tmp_path: Path) -> None:
    odd = Launched(tmp_path / "it's")
    (odd.base / "share" / "devshell").mkdir(parents=True)
    (odd.base / "share" / "devshell" / "hook.bash").write_text("")
    assert odd.run("hook", "bash").handed_on


def test_python_is_found_beside_the_launcher_through_any_links(plain: Launched) -> None:
    others = plain.base / "others"
    others.mkdir()
    (others / "python").write_text("#!/bin/sh\nexit 5\n")
    (others / "python").chmod(0o755)
    (others / "devshell").symlink_to("../link")
    (plain.base / "link").symlink_to(plain.program)
    assert plain.run("status", program=others / "devshell").handed_on


def test_without_a_python_one_line_says_so(plain: Launched) -> None:
    plain.program.with_name("python").unlink()
    found = plain.run("status")
    assert found.code == 1
    assert found.err.endswith("install devshell again\n")


def test_the_launcher_is_plain_text_that_every_sh_reads() -> None:
    assert LAUNCHER.read_bytes().isascii()
    assert os.access(LAUNCHER, os.X_OK)
    for argv in SHELLS.values():
        subprocess.run([*(argv or ("sh",)), "-n", LAUNCHER], check=True)


# --- its cost ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("strace"), reason="counted by strace")
def test_it_starts_nothing_but_the_command_and_writes_nothing(plain: Launched) -> None:
    for number in range(6):
        file = plain.project / f"file{number}"
        file.write_text("x")
        plain.watch(file)
    plain.render(tasks={"greet": ("exit 0", "exit 0")})
    log = plain.base / "strace"
    strace = ["strace", "-f", "-o", str(log), "-e", "trace=execve,fork,vfork,clone,clone3,openat,creat"]
    inside = plain.run("exec", "--", "env", "-0").environment
    for words, count in ((("exec", "true"), 2), (("run", "greet"), 2)):
        for env in ({}, inside):
            assert plain.run(*words, before=strace, also=env).code == 0
            calls = log.read_text()
            assert sum(" execve(" in line and " = 0" in line for line in calls.splitlines()) == count, calls
            written = [line for line in calls.splitlines() if "O_CREAT" in line and '"/dev/null"' not in line]
            assert not any(name in calls for name in ("fork(", "clone(", "clone3(", "creat(")), calls
            assert not written


def test_it_is_installed_as_the_command_of_this_environment() -> None:
    command = Path(sys.executable).with_name("devshell")
    if not command.exists():
        pytest.skip("devshell is not installed here")
    assert command.read_bytes() == LAUNCHER.read_bytes(), "run scripts/setup"
    assert subprocess.run([command, "--version"], capture_output=True, check=True).stdout.startswith(b"devshell ")
