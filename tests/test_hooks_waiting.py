"""A project that cannot be entered now, as a shell with the hook tells it: once, with the command to type."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from devshell.system import host_platform
from support.hooked import SHELLS, Hooked, started, write
from support.server import HONEST, Behaviour, LyingServer
from support.tools import serve
from test_clones import git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Place

NOT_INSTALLED = "devshell: one: it is not installed; run `devshell sync`"
GREETING = "devshell: one (hello 1.0)"


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


@pytest.fixture(params=SHELLS)
def user(request: pytest.FixtureRequest, place: Place) -> Hooked:
    return Hooked(place, request.param)


@pytest.fixture
def locked(user: Hooked, server: LyingServer) -> Path:
    """A project that is allowed and locked, and nothing of it is on this machine."""
    one = user.project("one", "[tools]\n" + serve(server, "hello", "1.0") + "[env]\nWHO = 'first'\n", ready=False)
    user.place.run("allow", cwd=one).ok()
    user.place.run("lock", cwd=one).ok()
    shutil.rmtree(user.place.base / "cache" / "artifacts")
    server.seen.clear()
    return one


@pytest.fixture
def one(user: Hooked, locked: Path) -> Path:
    user.place.run("sync", cwd=locked).ok()
    return locked


def test_a_project_that_is_not_installed_says_so_once_and_fetches_nothing(
    user: Hooked, locked: Path, server: LyingServer
) -> None:
    with user.open(locked) as shell:
        assert shell.shown.count(NOT_INSTALLED) == 1
        for line in ("true", "cd ..", "cd one", "true"):
            assert shell.said(line) == []
        assert not server.seen
        assert len(started(user)) == 1
        assert GREETING in shell.said("devshell sync --quiet")
        assert shell.run("hello") == b"hello 1.0\n"
        assert shell.cd(locked.parent) == []
        assert shell.value("WHO") is None
    with user.open(locked) as shell:
        assert shell.shown.count(GREETING) == 1
        assert len(started(user)) == 2, "the refresh and the sync above"


def broken(one: Path) -> None:
    write(one / "devshell.toml", (one / "devshell.toml").read_text() + "\n[[[\n")


def conflicted(one: Path) -> None:
    write(one / "devshell.lock", "<<<<<<< ours\n" + (one / "devshell.lock").read_text() + ">>>>>>> theirs\n")


def unlocked(one: Path) -> None:
    (one / "devshell.lock").unlink()


def stale(one: Path) -> None:
    write(one / "devshell.toml", (one / "devshell.toml").read_text().replace("/{version}/", "/{version}/./"))


def uninstalled(one: Path) -> None:
    (one.parent / "data").rename(one.parent / "gone")
    os.utime(one / "devshell.toml")


WHY = {
    "not installed": (uninstalled, True, NOT_INSTALLED, True),
    "stale": (stale, True, "devshell: one: its lock is out of date; run `devshell sync`", True),
    "no lock": (unlocked, True, "devshell: one: it has no lock yet; run `devshell sync`", True),
    "broken, and allowed": (
        broken,
        True,
        "devshell: one is broken: devshell.toml, line 6; run `devshell status`",
        True,
    ),
    "broken": (broken, False, "devshell: one is broken: devshell.toml, line 6; run `devshell status`", True),
    "conflicted": (conflicted, False, "devshell: one is broken: devshell.lock, line 1; run `devshell status`", True),
    "changed": (stale, False, "devshell: one has changed since it was allowed; run `devshell allow`", False),
}


@pytest.mark.parametrize("why", WHY)
def test_what_is_not_ready_is_said_once_and_mended_it_is_in_again(user: Hooked, one: Path, why: str) -> None:
    happens, allowed, message, stays = WHY[why]
    files = {path: path.read_bytes() for path in (one / "devshell.toml", one / "devshell.lock")}
    with user.open(one) as shell:
        assert shell.value("WHO") == "first"
        happens(one)
        if allowed:
            user.place.run("allow", "--quiet", cwd=one)
        assert shell.said() == [message]
        assert shell.value("WHO") == ("first" if stays else None)
        asked = len(started(user))
        for line in ("true", "cd .", "true"):
            assert shell.said(line) == []
        assert shell.value("WHO") == ("first" if stays else None)
        assert len(started(user)) == asked
        with user.open(one) as other:
            assert other.shown.count(message) == 1
            assert other.value("WHO") is None, "what was never in does not come in"
        assert len(started(user)) == asked, "it is looked up once for all shells"

        for path, content in files.items():
            write(path, content.decode())
        if why == "not installed":
            shutil.rmtree(one.parent / "data", ignore_errors=True)
            (one.parent / "gone").rename(one.parent / "data")
        if allowed:
            user.place.run("allow", "--quiet", cwd=one).ok()
        shell.do()
        assert shell.value("WHO") == "first"
        assert shell.run("hello") == b"hello 1.0\n"
        assert shell.said() == []


def test_touching_and_checking_out_back_and_forth_stays_in_silence(user: Hooked, one: Path) -> None:
    before = os.umask(0o022)
    try:
        git(one, "init", "-q")
        git(one, "add", "devshell.toml", "devshell.lock")
        git(one, "commit", "-qm", "first")
        git(one, "checkout", "-q", "-b", "other")
        write(one / "devshell.toml", "[env]\nWHO = 'other'\n")
        git(one, "commit", "-qam", "second")
        git(one, "checkout", "-q", "-")
        with user.open(one) as shell:
            assert shell.value("WHO") == "first"
            for name in ("devshell.toml", "devshell.lock"):
                os.utime(one / name)
                assert shell.said() == []
                assert shell.value("WHO") == "first"
            git(one, "checkout", "-q", "other")
            git(one, "checkout", "-q", "-")
            assert shell.said() == []
            assert shell.value("WHO") == "first"
            # Seen in between, it is another project; and afterwards it is the first again.
            git(one, "checkout", "-q", "other")
            assert shell.said() == ["devshell: one has changed since it was allowed; run `devshell allow`"]
            assert shell.value("WHO") is None
            git(one, "checkout", "-q", "-")
            assert shell.said() == [GREETING]
            assert shell.value("WHO") == "first"
    finally:
        os.umask(before)


@pytest.mark.parametrize("how", ["same second", "time set back", "time as it was", "replaced", "older one put there"])
def test_no_way_of_writing_hides_a_change(user: Hooked, one: Path, how: str) -> None:
    manifest = one / "devshell.toml"
    text = manifest.read_text().replace("first", "other")
    if how == "time as it was":
        # What no time tells is seen where the time is so near the rendering, or after it, that content is compared too.
        os.utime(manifest, (time.time() + 3600,) * 2)
        user.place.run("sync", cwd=one).ok()
    at = manifest.stat().st_mtime_ns
    with user.open(one) as shell:
        assert shell.value("WHO") == "first"
        if how in {"replaced", "older one put there"}:
            write(one / "new", text)
            if how == "older one put there":
                os.utime(one / "new", ns=(at - 10**12, at - 10**12))
            os.replace(one / "new", manifest)
        else:
            write(manifest, text)
            if how == "time set back":
                os.utime(manifest, ns=(at - 10**12, at - 10**12))
            elif how == "time as it was":
                os.utime(manifest, ns=(at, at))
        if how == "time as it was":
            with user.open(one) as other:
                assert other.value("WHO") is None
        else:
            shell.do()
            assert shell.value("WHO") is None


def test_auto_sync_installs_before_the_prompt(user: Hooked, locked: Path) -> None:
    user.place.run("config", "set", "auto_sync", "true").ok()
    with user.open() as shell:
        said = shell.cd(locked)
        assert said[-1] == GREETING
        assert shell.run("hello") == b"hello 1.0\n"
        assert shell.said() == []


def test_auto_sync_that_fails_says_why_and_does_not_try_again(user: Hooked, locked: Path, server: LyingServer) -> None:
    user.place.run("config", "set", "auto_sync", "true").ok()
    server.serve(f"/hello/1.0/hello-{host_platform()}.tar.gz", b"", Behaviour(status=404))
    with user.open(locked) as shell:
        assert shell.shown.count("devshell: error: ") == 1
        assert shell.shown.count("devshell: one is not installed; run `devshell sync`") == 1
        asked = len(server.seen)
        for line in ("true", "cd ..", "cd one"):
            assert shell.said(line) == []
        assert len(server.seen) == asked
        assert len(started(user)) == 1


def test_ctrl_c_in_auto_sync_keeps_what_was_there_and_does_not_try_again(
    user: Hooked, one: Path, server: LyingServer
) -> None:
    user.place.run("config", "set", "auto_sync", "true").ok()
    two = "[tools]\n" + serve(server, "hello", "1.0") + serve(server, "later", "2.0") + "[env]\nWHO = 'second'\n"
    with user.open(one) as shell:
        assert shell.value("WHO") == "first"
        write(one / "devshell.toml", two)
        user.place.run("allow", cwd=one).ok()
        user.place.run("lock", cwd=one).ok()
        shutil.rmtree(user.place.base / "cache" / "artifacts")
        path = f"/later/2.0/later-{host_platform()}.tar.gz"
        content = server._files[path]
        server.serve(path, content, Behaviour(stall_at=10), HONEST)
        asked = len(started(user))
        shell.type("true")
        assert server.stalled.wait(60)
        shell.interrupt()
        shell.expect("stopped")
        for _ in range(2):
            assert shell.value("WHO") == "first"
            assert shell.run("hello") == b"hello 1.0\n"
        assert shell.shown.count("devshell: one is not installed; run `devshell sync`") == 1
        assert len(started(user)) == asked + 1
        shell.do("devshell sync --quiet")
        assert shell.value("WHO") == "second"
        assert shell.run("later") == b"later 2.0\n"


def test_without_devshell_itself_the_shell_works(user: Hooked, one: Path) -> None:
    stranger = user.project("two", "[env]\nWHO = 'two'\n", ready=False)
    with user.open() as shell:
        user.command.unlink()
        assert shell.cd(one) == [GREETING]
        assert shell.value("WHO") == "first", "what is ready needs no devshell"
        shown = shell.do(f"cd {stranger}")
        assert len([line for line in shown.splitlines() if str(user.command) in line and "not" in line.lower()]) <= 1
        assert shell.value("WHO") is None
        for line in ("true", "cd ..", f"cd {stranger}", "true"):
            assert str(user.command) not in shell.do(line)
        assert shell.run("echo $HOME").decode().strip() == str(user.place.home)
    write(user.place.home / "x", "")
    with user.open() as shell:
        assert shell.run("echo works") == b"works\n"
