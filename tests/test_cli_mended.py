"""Ways in that were found by reading the code as an attacker would, and by bad days; each stays shut."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
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


@pytest.mark.parametrize("name", ["devshell.local.toml", "devshell.lock"])
def test_init_allows_nothing_that_was_there_before(place: Place, name: str) -> None:
    mark = place.base / "mark"
    place.write(name, f"[hooks]\nenv = 'touch {mark}'\n")
    begun = place.run("init").ok()
    assert name in begun.err
    assert "devshell allow" in begun.err
    assert "not allowed" in place.run("sync").failed().err
    assert not mark.exists()


def test_an_env_hook_that_exits_changes_nothing(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), rest="[hooks]\nenv = 'export A=1; exit 0'\n")
    assert "left before its end" in place.run("sync").failed().err
    assert not (place.state / "ready").exists()


def test_an_env_hook_may_leave_a_process_behind(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), rest="[hooks]\nenv = 'sleep 1000 >/dev/null 2>&1 & export LEFT=$!'\n")
    left = place.run("exec", "sh", "-c", "echo $LEFT").ok().out.strip()
    os.kill(int(left), 9)


def test_an_env_hook_that_calls_devshell_is_told_so(place: Place, server: LyingServer) -> None:
    command = f"{sys.executable} -m devshell exec true"
    project(place, server, ("hello", "1.0"), rest=f"[hooks]\nenv = '{command}'\n")
    assert "calls devshell for its own project" in place.run("sync").failed().err


def test_an_edit_made_meanwhile_is_not_lost(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), ("bye", "1.0"))
    place.run("lock").ok()
    manifest = place.project / "devshell.toml"
    edited = manifest.read_text() + "# mine\n"
    code = (
        "import sys; from devshell import resolve; from devshell.cli import main\n"
        "real = resolve.resolve\n"
        "def slow(*a, **k):\n"
        "    found = real(*a, **k); open(sys.argv[1], 'w').write(sys.argv[2]); return found\n"
        "resolve.resolve = slow; sys.exit(main(['remove', 'bye']))"
    )
    command = [sys.executable, "-c", code, str(manifest), edited]
    done = subprocess.run(command, cwd=place.project, env=place.env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "was changed while devshell worked" in done.stderr
    assert manifest.read_text() == edited


def test_a_lock_that_goes_beyond_the_manifest_is_not_current(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("lock").ok()
    lock = place.project / "devshell.lock"
    lock.write_text(lock.read_text().replace('\nversion = "1.0"', '\nversion = "9.9"'))
    place.run("allow").ok()
    assert "hello has changed" in place.run("lock", "--check").failed().err
    assert "hello has changed" in place.run("sync", "--locked").failed().err


def test_allow_shows_what_a_lock_sets(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("lock").ok()
    lock = place.project / "devshell.lock"
    lock.write_text(lock.read_text().replace("strip = 1\n", 'strip = 1\nvariables = { BASH_ENV = "/x" }\n'))
    shown = place.run("allow").ok().err
    assert "hello 1.0 → 1.0 from http (variables)" in shown
    assert "code: BASH_ENV" in shown


def test_allow_hides_the_values_of_dotenv_files_and_shows_watched_ones(place: Place) -> None:
    place.write(".env", "LD_PRELOAD=/evil.so\nTOKEN=hunter2\n")
    place.write("script.sh", "echo what it does\n")
    place.write("devshell.toml", '[dotenv]\nfiles = [".env"]\n[settings]\nwatch = ["script.sh"]\n')
    shown = place.run("allow").ok().err
    assert "code: LD_PRELOAD" in shown
    assert "hunter2" not in shown
    assert "/evil.so" not in shown
    assert "echo what it does" in shown


def test_a_newer_lock_is_not_resolved_away(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.write("devshell.lock", "version = 2\n")
    place.run("allow").ok()
    assert "format 2" in place.run("lock", "--resolve").failed().err
    assert (place.project / "devshell.lock").read_text() == "version = 2\n"
    assert json.loads(place.run("status", "--json").ok().out)["next"] == "upgrade devshell"


@pytest.mark.parametrize("number", ["9" * 6000, "0xff" + "f" * 5000, "-1", "99999999999"])
@pytest.mark.parametrize("key", ["version", "build"])
def test_any_number_in_a_lock_is_an_error_in_words(place: Place, server: LyingServer, key: str, number: str) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("lock").ok()
    lock = place.project / "devshell.lock"
    lock.write_text(re.sub(rf"(?m)^{key} = \d+$", f"{key} = {number}", lock.read_text(), count=1))
    failed = place.run("list").failed()
    assert "defect" not in failed.err
    assert "devshell.lock" in failed.err


def test_a_lock_cannot_keep_anybody_busy(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("lock").ok()
    block = (
        "artifacts = []\nbuild = 1\nsource = 'http'\nstrip = 0\nversion = '1'\norigin = { platform = 'linux-x86_64' }\n"
    )
    deep, wide = [], []
    for n in range(1500):
        deep.append(f"[dependencies.d{n}]\nrequest = '1'\n[dependencies.d{n}.linux-x86_64]\n{block}")
        deep.append(f"dependencies = ['d{n + 1}']\n" if n < 1499 else "")
    for n in range(60):
        names = f"'d{n + 1}', 'e{n + 1}'" if n < 59 else ""
        for kind in "de":
            wide.append(f"[dependencies.{kind}{n}]\nrequest = '1'\n[dependencies.{kind}{n}.linux-x86_64]\n{block}")
            wide.append(f"dependencies = [{names}]\n")
    lock = place.project / "devshell.lock"
    text = lock.read_text().replace("build = 1\n", "build = 1\ndependencies = ['d0']\n")
    for entries in (deep, wide):
        lock.write_text(text + "".join(entries))
        done = place.run("list")
        assert "defect" not in done.err
    assert done.code == 0, "sixty layers of pairs are a hundred and twenty names, not 2 to the power of sixty"


def test_no_server_is_named_in_a_lock(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    server.serve("/hello/1.0/hello-darwin-arm64.tar.gz", b"", Behaviour(status=404))
    place.run("lock").ok()
    text = (place.project / "devshell.lock").read_text()
    assert "absent" in text
    assert "127.0.0.1" not in text


def test_a_refusal_is_no_absence(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    server.serve("/hello/1.0/hello-darwin-arm64.tar.gz", b"", Behaviour(status=403))
    assert "403" in place.run("lock").failed().err


def test_a_command_gets_the_signals_it_would_have(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    for _ in ("slow", "quick"):
        ignored = place.run("exec", "grep", "SigIgn", "/proc/self/status").ok().out.split()[1]
        assert int(ignored, 16) & ((1 << 12) | (1 << 24)) == 0


def test_odd_entries_of_path_are_passed_over(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    path = f"{os.environ['PATH']}:/etc/passwd"
    for _ in ("slow", "quick"):
        assert place.run("exec", "nosuch", env={"PATH": path}).code == 127


def test_sync_mends_a_store_that_lost_a_tool(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("sync").ok()
    (tree,) = place.store.glob("*-hello-1.0")
    subprocess.run(["chmod", "-R", "u+w", str(tree)], check=True)
    shutil.rmtree(tree)
    place.run("sync").ok()
    assert place.run("exec", "hello").ok().out == "hello 1.0\n"


def test_whatever_the_umask_nobody_else_may_write_the_store(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    before = os.umask(0)
    try:
        place.run("sync").ok()
    finally:
        os.umask(before)
    for folder in (place.store, place.store.parent, place.project / ".devshell"):
        assert not folder.stat().st_mode & 0o022, folder


def test_export_leaves_in_a_project_that_is_broken(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), rest="[env]\nA = '1'\n")
    place.run("sync").ok()
    script = place.run("export", "bash").ok().out
    place.write("devshell.toml", "x = [")
    shell = f'{script}\neval "$({sys.executable} -m devshell export bash)"; echo ${{A-gone}}'
    done = subprocess.run(
        ["bash", "-c", shell], cwd=place.project, env=place.env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "gone\n"


def test_deny_takes_back_also_where_the_manifest_is_gone(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    text = (place.project / "devshell.toml").read_text()
    (place.project / "devshell.toml").unlink()
    place.run("deny").ok()
    place.write("devshell.toml", text)
    assert "denied" in place.run("exec", "true").failed().err


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_survived(place: Place, server: LyingServer, closed: str) -> None:
    project(place, server, ("hello", "1.0"))
    for command in ("sync", "status", "exec true", "sync"):
        shell = f"{sys.executable} -m devshell {command} {closed}"
        done = subprocess.run(["sh", "-c", shell], cwd=place.project, env=place.env, capture_output=True, check=False)
        assert done.returncode == 0, done


def test_the_folder_one_is_in_may_be_gone(place: Place) -> None:
    shell = f"mkdir x; cd x; rmdir ../x; {sys.executable} -m devshell status"
    env = {**place.env, "PYTHONPATH": os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}
    done = subprocess.run(["sh", "-c", shell], cwd=place.home, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "removed" in done.stderr or "no folder" in done.stderr


def test_which_finds_commands_only(place: Place, server: LyingServer) -> None:
    serve(server, "hello", "1.0")
    project(place, server, ("hello", "1.0"))
    place.run("sync").ok()
    for word in ("..", ".", "", "../bin/hello"):
        assert place.run("which", word).code == 1
