"""Breaks, kills and crowds: everything exists whole or not at all, and the next run goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from support.server import HONEST, Behaviour, LyingServer, redirect
from support.tools import PLATFORMS, archive, program, project, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Place


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


#: Whoever started the tests may ignore Ctrl-C, as a shell does for what it puts into the background.
HEARING = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.executable, sys.argv[1:])"


def start(place: Place, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", HEARING, sys.executable, "-m", "devshell", *arguments],
        cwd=place.project,
        env=place.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def forget_downloads(place: Place) -> None:
    for path in (place.base / "cache" / "artifacts").iterdir():
        path.unlink()


def host_file(name: str, version: str) -> str:
    from devshell.system import host_platform

    return f"/{name}/{version}/{name}-{host_platform()}.tar.gz"


def assert_whole(place: Place) -> None:
    """Nothing of an attempt is left in the store but what was finished."""
    left = [path.name for path in place.store.iterdir() if path.name.startswith(".") and path.name != ".locks"]
    assert not left
    assert place.run("store", "verify").ok()


def test_twenty_processes_download_once(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), ("bye", "2.0"))
    place.run("lock").ok()
    forget_downloads(place)
    before = len(server.seen)
    running = [start(place, "exec", "--", "sh", "-c", "hello && bye") for _ in range(20)]
    outputs = [process.communicate(timeout=240) for process in running]
    assert [process.returncode for process in running] == [0] * 20, outputs
    assert {out for out, _ in outputs} == {b"hello 1.0\nbye 2.0\n"}
    assert sorted(s.path for s in server.seen[before:]) == sorted([host_file("hello", "1.0"), host_file("bye", "2.0")])
    assert_whole(place)


@pytest.mark.parametrize("moment", range(6))
def test_killed_at_any_moment_the_next_sync_finishes(place: Place, server: LyingServer, moment: int) -> None:
    # Two large tools, so that processes beside the main one unpack them.
    big = {f"share/{n}": os.urandom(300_000) for n in range(20)}
    lines = [serve(server, name, "1.0", {f"bin/{name}": program(f"{name} 1.0"), **big}) for name in ("hello", "bye")]
    place.write("devshell.toml", "[tools]\n" + "".join(lines))
    place.run("allow").ok()
    running = start(place, "sync")
    time.sleep(0.15 + moment * 0.25)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    lock = place.project / "devshell.lock"
    if lock.exists():
        place.run("lock", "--check").ok()
    assert place.run("exec", "hello").ok().out == "hello 1.0\n"
    assert_whole(place)


def test_ctrl_c_in_a_stalled_download_stops_and_leaves_nothing_half_done(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("lock").ok()
    forget_downloads(place)
    content = archive({"bin/hello": program("hello 1.0")})
    server.serve(host_file("hello", "1.0"), content, Behaviour(stall_at=10), HONEST)
    seen = len(server.seen)
    running = start(place, "sync")
    while len(server.seen) == seen:
        assert running.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    os.killpg(running.pid, signal.SIGINT)
    # Far below the 30 s after which the server would be given up, were Ctrl-C not heard.
    out, err = running.communicate(timeout=10)
    assert running.returncode == 130, err
    assert out == b""
    assert b"Traceback" not in err
    assert not list(place.store.glob("*hello*"))
    assert place.run("exec", "hello").ok().out == "hello 1.0\n"
    assert_whole(place)


def test_ctrl_c_lets_a_task_that_another_depends_on_tidy_up(place: Place) -> None:
    # Not one long sleep: a signal that comes while sh starts it is lost on that, and sh itself waits for its end.
    tidy = "trap 'sleep 1; echo tidy > tidied; exit 130' INT; echo > begun; while :; do sleep 0.2; done"
    place.write(
        "devshell.toml",
        f'[tasks]\nfirst = """{tidy}"""\nlast = {{ run = "echo > last", depends = ["first"] }}\n',
    )
    place.run("allow").ok()
    running = start(place, "run", "last")
    while not (place.project / "begun").exists():
        assert running.poll() is None
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=20)
    assert running.returncode == 130
    assert (place.project / "tidied").exists()
    assert not (place.project / "last").exists()


def test_offline_opens_no_socket(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("lock").ok()
    before = len(server.seen)
    assert "1 tool" in place.run("sync", "--offline").ok().err, "locking left the files in the cache"
    place.write("devshell.toml", "[tools]\n" + serve(server, "hello", "1.1"))
    place.run("allow").ok()
    refused = place.run("sync", "--offline").failed()
    assert "offline" in refused.err
    assert len(server.seen) == before


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (Behaviour(content=b"evil"), "sha256"),
        (Behaviour(content=b"e" * 100_000), ""),
        (Behaviour(status=404), "404"),
        (redirect("ftp://127.0.0.1/x"), ""),
    ],
)
def test_what_is_not_the_locked_file_never_reaches_the_store(
    place: Place, server: LyingServer, lie: Behaviour, said: str
) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("lock").ok()
    forget_downloads(place)
    server.serve(host_file("hello", "1.0"), archive({"bin/hello": program("hello 1.0")}), lie)
    failed = place.run("sync").failed()
    assert said in failed.err
    assert "hello 1.0" in failed.err.splitlines()[1]
    assert not list(place.store.glob("*hello*"))
    assert not (place.state / "ready").exists()


def test_a_server_that_is_gone_is_said_by_name(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}/x.tar.gz"
    place.write("devshell.toml", f'[tools]\nx = {{ source = "http", version = "1", url = "{url}" }}\n')
    place.run("allow").ok()
    failed = place.run("lock").failed()
    assert f"127.0.0.1:{port}" in failed.err
    assert not (place.project / "devshell.lock").exists()


def test_one_tool_that_fails_does_not_hide_another(place: Place, server: LyingServer) -> None:
    text = ""
    for name in ("one", "two"):
        text += serve(server, name, "1.0")
        for platform in PLATFORMS:
            server.serve(f"/{name}/1.0/{name}-{platform}.tar.gz", b"", Behaviour(status=404))
    place.write("devshell.toml", "[tools]\n" + text)
    place.run("allow").ok()
    failed = place.run("lock").failed()
    assert "tools.one" in failed.err
    assert "tools.two" in failed.err


#: Root may write everywhere, unless it gives that power away.
POWERLESS = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.geteuid() == 0 else []


def test_a_store_that_cannot_be_written_is_said(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("lock").ok()
    place.store.mkdir(parents=True)
    place.store.chmod(0o555)
    command = [*POWERLESS, sys.executable, "-m", "devshell", "sync"]
    done = subprocess.run(command, cwd=place.project, env=place.env, capture_output=True, text=True, check=False)
    place.store.chmod(0o755)
    assert done.returncode == 1
    assert str(place.store) in done.stderr
    assert "hint" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_said_and_leaves_nothing(place: Place, server: LyingServer) -> None:
    big: dict[str, str | bytes] = {"bin/hello": program("hello"), "big": os.urandom(3_000_000)}
    place.write("devshell.toml", "[tools]\n" + serve(server, "hello", "1.0", big))
    place.run("allow").ok()
    place.run("lock").ok()
    # A limit on the size of a file stands for the full disk: both are errors of write().
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000));"
        "from devshell.__main__ import main; sys.argv = ['devshell', 'sync']; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place.project, env=place.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not list(place.store.glob("*hello*"))
    place.run("sync").ok()


def test_a_project_path_full_of_traps(place: Place, server: LyingServer) -> None:
    trap = place.base / "a 'b' \"c\" $HOME `d` \\e\n-f ü \b"
    trap.mkdir()
    line = serve(server, "hello", "1.0")
    (trap / "devshell.toml").write_text("[tools]\n" + line + "[env]\nHERE = '${project}'\n")
    place.run("allow", cwd=trap).ok()
    place.run("sync", cwd=trap).ok()
    assert (
        place.run("exec", "sh", "-c", 'hello; printf %s "$HERE"', cwd=trap).ok().out == f"hello 1.0\n{trap.resolve()}"
    )
    script = place.run("export", "bash", cwd=trap).ok().out
    done = subprocess.run(
        ["bash", "-c", f'{script}\nprintf %s "$HERE"'], env=place.env, capture_output=True, text=True, check=True
    )
    assert done.stdout == str(trap.resolve())


CONFLICT = b"<<<<<<< HEAD\n%s=======\n%s>>>>>>> branch\n"


def locked_with(place: Place, server: LyingServer, *tools: tuple[str, str]) -> bytes:
    project(place, server, *tools)
    place.run("lock").ok()
    return (place.project / "devshell.lock").read_bytes()


def test_a_conflicted_lock_is_mended_from_both_sides(place: Place, server: LyingServer) -> None:
    ours = locked_with(place, server, ("hello", "1.0"), ("bye", "1.0"))
    theirs = locked_with(place, server, ("hello", "1.0"), ("new", "3.0"))
    project(place, server, ("hello", "1.0"), ("bye", "1.0"), ("new", "3.0"))
    place.write("devshell.lock", CONFLICT % (ours, theirs))
    place.run("allow").ok()
    for command in (("sync",), ("lock",), ("exec", "true"), ("list",)):
        refused = place.run(*command).failed()
        assert "devshell.lock:1" in refused.err
        assert "devshell lock --resolve" in refused.err
    before = len(server.seen)
    place.run("lock", "--resolve").ok()
    assert len(server.seen) == before, "both sides knew enough"
    assert place.run("exec", "sh", "-c", "hello; bye; new").ok().out == "hello 1.0\nbye 1.0\nnew 3.0\n"


@pytest.mark.parametrize(
    "damage", [b"version = 9\n", b"\xff", b"version = 1\n[tools.hello]\nrequest = 1\n", b"version = 1\n["]
)
def test_a_damaged_lock_is_never_overwritten_without_being_asked(
    place: Place, server: LyingServer, damage: bytes
) -> None:
    project(place, server, ("hello", "1.0"))
    place.write("devshell.lock", damage)
    place.run("allow").ok()
    for command in (("sync",), ("lock",), ("lock", "--update"), ("exec", "true"), ("add", "ruff"), ("remove", "hello")):
        place.run(*command).failed()
        assert (place.project / "devshell.lock").read_bytes() == damage
    if damage != b"version = 9\n":
        place.run("lock", "--resolve").ok()
        place.run("exec", "hello").ok()


def test_somebody_elses_file_in_the_way_is_said(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    (place.base / "data").write_text("a file, not a folder")
    failed = place.run("sync").failed()
    assert "data" in failed.err


def test_a_hand_edited_version_is_caught_before_anything_is_fetched(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("lock").ok()
    lock = place.project / "devshell.lock"
    lock.write_text(lock.read_text().replace('platform = "', 'platform = "not-'))
    place.run("allow").ok()
    forget_downloads(place)
    before = len(server.seen)
    assert "linux" in place.run("sync").failed().err
    assert len(server.seen) == before
