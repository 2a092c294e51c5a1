"""A stranger's project does nothing, and the user's word is for exactly what was shown."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pexpect
import pytest

from support.server import LyingServer
from support.tools import project, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Place

EVIL = """
[env]
LD_PRELOAD = "/evil.so"
[hooks]
env = "touch {mark}"
[tasks]
go = "touch {mark}"
"""
ACTING = (
    ("sync",),
    ("lock",),
    ("lock", "--check"),
    ("outdated",),
    ("add", "ruff"),
    ("remove", "hello"),
    ("exec", "--", "true"),
    ("run", "go"),
    ("enter",),
)
READING = (("status",), ("list",), ("export", "bash"), ("export", "dotenv"), ("run",), ("search", "node"))


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def stranger(place: Place, server: LyingServer) -> Path:
    mark = place.base / "mark"
    place.write("devshell.toml", "[tools]\n" + serve(server, "hello", "1.0") + EVIL.format(mark=mark))
    return mark


@pytest.mark.parametrize("command", ACTING, ids=" ".join)
def test_acting_commands_refuse_a_stranger(
    place: Place, server: LyingServer, stranger: Path, command: tuple[str, ...]
) -> None:
    before = everything(place.project)
    refused = place.run(*command).failed()
    assert "not allowed" in refused.err
    assert "devshell allow" in refused.err
    assert not stranger.exists()
    assert not server.seen
    assert everything(place.project) == before
    assert not place.store.exists()


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_reading_commands_only_read(
    place: Place, server: LyingServer, stranger: Path, command: tuple[str, ...]
) -> None:
    before = everything(place.base)
    done = place.run(*command).ok()
    assert "LD_PRELOAD" not in done.out
    assert not stranger.exists()
    assert not server.seen
    assert everything(place.base) == before


def test_allow_shows_what_it_trusts(place: Place, stranger: Path) -> None:
    place.write(".env", "TOKEN=s3cret\n")
    with (place.project / "devshell.toml").open("a") as file:
        file.write('[dotenv]\nfiles = [".env"]\n')
    shown = place.run("allow").ok().err
    assert "touch" in shown
    assert "code: LD_PRELOAD" in shown
    assert "`hooks.env` runs in bash" in shown
    assert "not covered: code that its tasks run" in shown
    assert "+ TOKEN" in shown
    assert "s3cret" not in shown
    assert not stranger.exists()


@pytest.mark.parametrize(
    "name", ["devshell.toml", "devshell.lock", "common.toml", ".env", "devshell.local.toml", "watched"]
)
def test_any_change_asks_again_and_changing_back_does_not(place: Place, server: LyingServer, name: str) -> None:
    place.write("common.toml", "[env]\nA = '1'\n")
    place.write(".env", "B=1\n")
    place.write("watched", "1")
    head = 'include = ["common.toml"]\n'
    rest = '[dotenv]\nfiles = [".env", ".absent"]\n[settings]\nwatch = ["watched"]\n'
    place.write("devshell.toml", head + "[tools]\n" + serve(server, "hello", "1.0") + rest)
    place.run("allow").ok()
    place.run("sync").ok()
    path = place.project / name
    before = path.read_bytes() if path.exists() else None
    changed = (before or b"") + b"# changed\n"
    path.write_bytes(changed)
    refused = place.run("exec", "--", "true").failed()
    assert "changed since it was allowed" in refused.err
    if before is None:
        path.unlink()
    else:
        path.write_bytes(before)
    place.run("exec", "--", "true").ok()
    path.write_bytes(changed)
    shown = place.run("allow").ok().err
    assert name in shown
    if name not in {".env", "devshell.lock", "watched"}:
        assert "+# changed" in shown or "# changed" in shown
    place.run("exec", "--", "true").ok()


def test_an_absent_file_that_appears_asks_again(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), rest='[dotenv]\nfiles = [".env"]\n')
    place.run("sync").ok()
    place.write(".env", "LD_PRELOAD=/evil.so\n")
    assert "changed since" in place.run("exec", "true").failed().err


def test_deny_stays_denied_until_allowed(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("sync").ok()
    place.run("deny").ok()
    assert "denied" in place.run("exec", "true").failed().err
    assert "denied" in place.run("exec", "true", env={"DEVSHELL_TRUST": str(place.project)}).failed().err
    assert "denied" in place.run("status").ok().out
    assert "unset" not in place.run("export", "bash").ok().out
    place.run("allow").ok()
    place.run("exec", "true").ok()


def test_the_environment_can_say_it_for_ci(place: Place, stranger: Path) -> None:
    for wrong in (f"{place.project}x", str(place.project)[:-1], str(place.home), "."):
        place.run("exec", "true", env={"DEVSHELL_TRUST": wrong}).failed()
    assert not stranger.exists()
    place.run("exec", "true", env={"DEVSHELL_TRUST": str(place.base)}).ok()
    assert stranger.exists()


def test_what_devshell_changes_itself_stays_allowed(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), ("bye", "1.0"))
    place.run("lock").ok()
    place.run("remove", "bye").ok()
    place.run("exec", "hello").ok()


def test_devshell_never_trusts_what_changed_beside_its_own_change(place: Place, server: LyingServer) -> None:
    """While `lock` works, somebody else edits the manifest: the edit is not trusted with the lock."""
    project(place, server, ("hello", "1.0"))
    manifest = place.project / "devshell.toml"
    child = pexpect.spawn(
        sys.executable, ["-c", _EDIT_WHILE_LOCKING, str(manifest)], env=place.env, cwd=str(place.project)
    )
    child.expect(pexpect.EOF, timeout=60)
    child.close()
    assert child.exitstatus == 0, child.before
    assert "EVIL" in manifest.read_text()
    assert "changed since" in place.run("exec", "true").failed().err


_EDIT_WHILE_LOCKING = """
import sys, pathlib
from devshell import resolve
from devshell.cli import main
real = resolve.resolve
def slow(*args, **kwargs):
    found = real(*args, **kwargs)
    with open(sys.argv[1], "a") as file:
        file.write("[env]\\nEVIL = '1'\\n")
    return found
resolve.resolve = slow
sys.exit(main(["lock"]))
"""


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_a_terminal_is_asked(place: Place, server: LyingServer, stranger: Path, answer: str) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "devshell", "exec", "--", "hello"],
        env={**place.env, "TERM": "xterm"},
        cwd=str(place.project),
    )
    child.expect_exact("Allow this project to act? [y/N]", timeout=30)
    assert b"LD_PRELOAD" in (child.before or b"")
    assert not stranger.exists()
    assert not server.seen
    child.sendline(answer)
    child.expect(pexpect.EOF, timeout=60)
    child.close()
    assert (child.exitstatus == 0) is (answer == "y")
    assert stranger.exists() is (answer == "y")


def test_names_from_a_project_act_on_no_terminal(place: Place) -> None:
    place.write(
        "devshell.toml", '[tools]\n"\\u001b[31mred\\u0007" = "1"\n"$(touch x)" = "1"\n"-rf" = "1"\n"../x" = "1"\n'
    )
    for command in ("status", "allow", "list"):
        done = place.run(command)
        assert "\x1b" not in done.err + done.out
        assert "\x07" not in done.err + done.out
    assert sorted(os.listdir(place.project)) == ["devshell.toml"]


def test_a_manifest_of_somebody_else_is_not_picked_up(place: Place) -> None:
    manifest = place.write("devshell.toml", "[tools]\n")
    (place.project / "below").mkdir()
    manifest.chmod(0o666)
    refused = place.run("status", cwd=place.project / "below").failed()
    assert "devshell.toml" in refused.err
    manifest.chmod(0o644)
    place.run("status", cwd=place.project / "below").ok()
    if os.geteuid() == 0:
        os.chown(manifest, 12345, 12345)
        assert "12345" in place.run("status").failed().err


def test_a_committed_devshell_folder_is_refused(place: Place, server: LyingServer) -> None:
    (place.project / ".devshell").mkdir()
    (place.project / ".devshell" / "env").symlink_to("/evil/environment")
    project(place, server, ("hello", "1.0"))
    refused = place.run("sync").failed()
    assert "does not lead to the store" in refused.err
    assert os.readlink(place.project / ".devshell" / "env") == "/evil/environment"
    (place.project / ".devshell" / "env").unlink()
    (place.project / ".devshell").rmdir()
    (place.project / ".devshell").symlink_to(place.home)
    assert "is not a folder" in place.run("sync").failed().err
    assert not os.listdir(place.home)
