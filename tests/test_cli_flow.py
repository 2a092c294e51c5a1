"""The main job through the real command line: lock, sync, exec, run, list, which, export."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest

from support.server import Behaviour, LyingServer
from support.tools import project, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Place


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


def test_from_nothing_to_a_running_tool(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    synced = place.run("sync").ok()
    assert re.search(r"1 tool, \d+ k?B, \d+\.\d s", synced.err)
    assert place.run("exec", "--", "hello", "a b", "$HOME").ok().out == "hello 1.0 a b $HOME\n"
    lock = tomllib.loads((place.project / "devshell.lock").read_text())
    assert server.address not in (place.project / "devshell.lock").read_text()
    assert sorted(lock["tools"]["hello"]) == ["darwin-arm64", "linux-aarch64", "linux-x86_64", "options", "request"]
    assert os.readlink(place.project / ".devshell" / "env").startswith(str(place.store))
    assert (place.project / ".devshell" / ".gitignore").read_text() == "*\n"


def test_what_is_installed_is_not_fetched_again_by_anybody(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("sync").ok()
    before = len(server.seen)
    assert "up to date (1 tool)" in place.run("sync").ok().err
    other = place.base / "other"
    shutil.copytree(place.project, other, symlinks=True, ignore=shutil.ignore_patterns(".devshell"))
    place.run("allow", cwd=other).ok()
    place.run("sync", cwd=other).ok()
    assert place.run("exec", "hello", cwd=other).ok().out == "hello 1.0\n"
    assert len(server.seen) == before


def test_one_request_a_file_from_lock_to_sync(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), ("bye", "2.0"))
    place.run("sync").ok()
    assert sorted(seen.path for seen in server.seen) == sorted(
        f"/{name}/{version}/{name}-{platform}.tar.gz"
        for name, version in (("hello", "1.0"), ("bye", "2.0"))
        for platform in ("linux-x86_64", "linux-aarch64", "darwin-arm64")
    )


def test_locking_twice_gives_the_same_bytes(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), ("bye", "2.0"))
    place.run("lock").ok()
    first = (place.project / "devshell.lock").read_bytes()
    place.run("lock", "--update").ok()
    (place.project / "devshell.lock").unlink()
    place.run("allow").ok()
    place.run("lock").ok()
    assert (place.project / "devshell.lock").read_bytes() == first


def test_two_users_get_the_same_trees(place: Place, server: LyingServer) -> None:
    from conftest import Place as Another

    project(place, server, ("hello", "1.0"), ("bye", "2.0"))
    place.run("sync").ok()
    other = Another(place.base / "somebody" / "with a longer path")
    for name in ("devshell.toml", "devshell.lock"):
        shutil.copy(place.project / name, other.project / name)
    before = os.umask(0o077)
    try:
        other.run("allow").ok()
        other.run("sync").ok()
    finally:
        os.umask(before)

    def hashes(one: Place) -> dict[str, str]:
        return {path.name: path.read_text() for path in one.store.glob("*.hash")}

    assert hashes(place) == hashes(other)
    assert len(hashes(place)) == 3


def test_a_changed_address_locks_anew_though_no_address_is_in_the_lock(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("lock").ok()
    place.run("lock", "--check").ok()
    text = (place.project / "devshell.toml").read_text()
    place.write("devshell.toml", text.replace("/hello/{version}", "/moved/{version}"))
    place.run("allow").ok()
    assert "hello has changed" in place.run("lock", "--check").failed().err
    assert "hello has changed" in place.run("sync", "--locked").failed().err


def test_lock_moves_only_what_changed(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), ("bye", "2.0"))
    place.run("lock").ok()
    lines = serve(server, "hello", "1.1") + serve(server, "bye", "2.0")
    place.write("devshell.toml", "[tools]\n" + lines)
    place.run("allow").ok()
    seen = len(server.seen)
    dry = place.run("lock", "--dry-run").ok()
    assert dry.out == "hello 1.0 → 1.1\n"
    assert "nothing was written" in dry.err
    assert "bye" not in "".join(s.path for s in server.seen[seen:])
    assert place.run("lock").ok().out == "hello 1.0 → 1.1\n"
    assert place.run("lock").ok().out == ""


def test_a_platform_without_a_file_is_said_in_the_lock(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    server.serve("/hello/1.0/hello-darwin-arm64.tar.gz", b"", Behaviour(status=404))
    place.run("lock").ok()
    lock = tomllib.loads((place.project / "devshell.lock").read_text())
    assert "no file for this platform" in lock["tools"]["hello"]["darwin-arm64"]["absent"]
    assert "sha256" in lock["tools"]["hello"]["linux-x86_64"]["artifacts"][0]


def test_variables_path_and_dotenv_are_there(place: Place, server: LyingServer) -> None:
    rest = """
    [env]
    GREETING = "hi ${WHO:-nobody} in ${project}"
    KEPT = { default = "mine" }
    GONE = { unset = true }
    LIBS = { prepend = ["${project}/lib"] }
    [path]
    prepend = ["scripts"]
    [dotenv]
    files = [".env"]
    """
    place.write(".env", "SECRET='s3cret value'\nexport WHO=you\n")
    script = place.write("scripts/mine", "#!/bin/sh\necho mine\n")
    script.chmod(0o755)
    project(place, server, ("hello", "1.0"), rest=rest)
    root = place.project.resolve()
    show = 'printf "%s|%s|%s|%s|%s|%s" "$GREETING" "$KEPT" "${GONE-none}" "$LIBS" "$SECRET" "$(mine)"'
    for env, kept, libs in (({}, "mine", f"{root}/lib"), ({"KEPT": "yours", "LIBS": "/l"}, "yours", f"{root}/lib:/l")):
        found = place.run("exec", "--", "sh", "-c", show, env={"GONE": "x", **env}).ok().out
        assert found == f"hi you in {root}|{kept}|none|{libs}|s3cret value|mine"
    everything = "".join(path.read_text(errors="replace") for path in place.store.rglob("*") if path.is_file())
    assert "s3cret" not in everything


def test_env_hook_keeps_what_it_exports(place: Place, server: LyingServer) -> None:
    rest = """
    [hooks]
    env = '''
    echo "to the user"
    export WHERE=$(command -v hello) MULTI="a
    b"
    hidden=1
    unset DROPPED
    PATH="$PWD/more:$PATH"
    '''
    """
    project(place, server, ("hello", "1.0"), rest=rest)
    synced = place.run("sync", env={"DROPPED": "x"}).ok()
    assert "to the user" in synced.err
    assert synced.out == ""
    show = 'printf "%s|%s|%s|%s|%s" "$WHERE" "$MULTI" "${hidden-none}" "${DROPPED-none}" "$PATH"'
    out = place.run("exec", "--", "sh", "-c", show, env={"DROPPED": "x"}).ok().out
    where, multi, hidden, dropped, path = out.split("|")
    assert where.endswith("/bin/hello")
    assert multi == "a\n    b"
    assert (hidden, dropped) == ("none", "none")
    assert path.startswith(f"{place.project.resolve()}/more:")


def test_a_failing_env_hook_is_said_and_nothing_is_ready(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), rest="[hooks]\nenv = 'false'\n")
    failed = place.run("sync").failed()
    assert "`hooks.env` failed with exit code 1" in failed.err
    assert not (place.state / "ready").exists()


def test_named_shells_have_their_own_tools(place: Place, server: LyingServer) -> None:
    rest = f"[shells.ci]\nenv = {{ MODE = 'ci' }}\n[shells.ci.tools]\n{serve(server, 'extra', '3.0')}"
    project(place, server, ("hello", "1.0"), rest=rest)
    place.run("sync").ok()
    assert place.run("exec", "--", "extra").code == 127
    assert place.run("exec", "--in", "ci", "--", "sh", "-c", "extra; hello; echo $MODE").ok().out == (
        "extra 3.0\nhello 1.0\nci\n"
    )
    assert "no shell 'cii'" in place.run("exec", "--in", "cii", "--", "true").failed().err


def test_tasks_run_in_order_with_arguments_and_codes(place: Place, server: LyingServer) -> None:
    rest = """
    [tasks]
    build = { run = "echo building in $PWD", description = "Build it" }
    test = { run = "hello", depends = ["build"] }
    sum = 'echo $(($1 + $2))'
    fail = "exit 7"
    after = { run = "echo never", depends = ["fail"] }
    """
    project(place, server, ("hello", "1.0"), rest=rest)
    (place.project / "deep").mkdir()
    out = place.run("run", "test", "--flag", "two words", cwd=place.project / "deep").ok().out
    assert out == f"building in {place.project.resolve()}\nhello 1.0 --flag two words\n"
    assert place.run("run", "sum", "2", "3").ok().out == "5\n"
    assert place.run("run", "fail").code == 7
    after = place.run("run", "after")
    assert (after.code, after.out) == (7, "")
    assert "build" in place.run("run").ok().out
    assert "did you mean" in place.run("run", "tset").failed().err


def test_exec_answers_as_a_shell_does(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("sync").ok()
    place.write("plain", "no program")
    assert place.run("exec", "--", "sh", "-c", "exit 42").code == 42
    assert place.run("exec", "nowhere").code == 127
    assert place.run("exec", str(place.project / "plain")).code == 126
    assert place.run("exec").code == 2
    killed = place.run("exec", "--", "sh", "-c", "kill -9 $$")
    assert killed.code == -9, "the command is in our place, so its signal is ours"


def test_exec_from_elsewhere(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    for _ in ("slow", "quick"):
        found = place.run("-C", str(place.project), "exec", "--", "sh", "-c", "hello; pwd; echo $PWD", cwd=place.home)
        assert found.ok().out == f"hello 1.0\n{place.project}\n{place.project}\n"


def test_list_which_status_only_read(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    before = json.loads(place.run("status", "--json").ok().out)
    assert (before["trust"], before["installed"], before["next"]) == ("allowed", False, "devshell sync")
    assert not server.seen
    place.run("sync").ok()
    after = json.loads(place.run("status", "--json").ok().out)
    assert (after["lock"], after["installed"], after["next"]) == ("current", True, "nothing to do")
    (tool,) = json.loads(place.run("list", "--json").ok().out)
    assert (tool["name"], tool["version"], tool["source"], tool["installed"]) == ("hello", "1.0", "http", True)
    found = place.run("which", "hello").ok()
    assert found.out == f"{tool['store_path']}/bin/hello\n"
    assert "hello 1.0 from http" in found.err
    assert "no tool of this project brings 'sh'" in place.run("which", "sh").failed().err
    assert "hello" in place.run("list").ok().out


def test_export_round_trips_through_the_shell(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), rest="[env]\nODD = '''it's \"$HOME\" `x` \\\\ %'''\n")
    place.run("sync").ok()
    script = place.run("export", "bash").ok().out
    done = subprocess.run(
        ["bash", "-c", script + '\nhello; printf "%s\\n" "$ODD"'],
        env=place.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == 'hello 1.0\nit\'s "$HOME" `x` \\\\ %\n'
    refused = place.run("export", "dotenv").failed()
    assert "ODD" in refused.err
    assert "`devshell export bash`" in refused.err
    inside = {line.partition("=")[0]: line.partition("=")[2] for line in _exported(script, place)}
    leaving = place.run("export", "bash", cwd=place.home, env=inside).ok().out
    assert "unset -v ODD" in leaving
    assert "unset -v DEVSHELL_ROOT" in leaving


def _exported(script: str, place: Place) -> list[str]:
    done = subprocess.run(
        ["bash", "-c", f"{script}\nenv -0"], env=place.env, capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.split("\0") if line.startswith(("DEVSHELL_", "ODD=", "PATH="))]


def test_a_tool_that_brings_no_such_command_is_said(place: Place, server: LyingServer) -> None:
    line = serve(server, "hello", "1.0").replace("strip = 1", 'strip = 1, bin = { hello = "bin/hallo" }')
    place.write("devshell.toml", "[tools]\n" + line)
    place.run("allow").ok()
    assert "hallo" in place.run("sync").failed().err
    assert not list(place.store.glob("*hello*"))


def test_a_single_file_is_a_tool(place: Place, server: LyingServer) -> None:
    server.serve("/one", b"#!/bin/sh\necho one\n")
    place.write("devshell.toml", f'[tools]\none = {{ source = "http", version = "1", url = "{server.address}/one" }}\n')
    place.run("allow").ok()
    assert place.run("exec", "one").ok().out == "one\n"


def test_store_verify_finds_tampering(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("sync").ok()
    assert "2 store paths verified, 0 damaged" in place.run("store", "verify").ok().err
    (tool,) = place.store.glob("*-hello-1.0")
    (tool / "bin" / "hello").chmod(0o755)
    (tool / "bin" / "hello").write_text("evil")
    assert "damaged" in place.run("store", "verify").failed().err
