from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from devshell.errors import CancelledError, DevshellError, ProjectError, StateError
from devshell.files import (
    explained,
    locked,
    make_private,
    read_regular,
    remove_tree,
    write_atomically,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def never() -> bool:
    return False


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777])
def _umask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    assert tmp_path.exists()  # made before, so that the umask does not shut us out of it
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("_umask")
@pytest.mark.parametrize("wanted", [0o644, 0o600, 0o444, 0o755])
def test_a_new_file_has_exactly_the_mode_asked_for(tmp_path: Path, wanted: int) -> None:
    write_atomically(tmp_path / "f", b"x", wanted)
    assert mode(tmp_path / "f") == wanted
    assert os.listdir(tmp_path) == ["f"]


def test_a_file_keeps_its_mode_unless_the_new_one_is_private(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(0o664)
    write_atomically(path, b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", 0o664)
    write_atomically(path, b"secret", 0o600)
    assert mode(path) == 0o600


def test_writing_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    real, link = tmp_path / "dotfiles" / "f", tmp_path / "link"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_what_is_no_regular_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to-folder").symlink_to("folder")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    before = sorted(os.listdir(tmp_path))
    for name in ("folder", "pipe", "to-folder", "dangling", "circle"):
        with pytest.raises(DevshellError) as caught:
            write_atomically(tmp_path / name, b"x")
        assert caught.value.place is not None
        assert caught.value.hint
    assert sorted(os.listdir(tmp_path)) == before


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    # A file size limit makes the kernel refuse the write half-way, as a full disk does.
    code = (
        "import resource, signal, sys; from pathlib import Path; from devshell.files import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "from devshell.errors import DevshellError\n"
        "try: write_atomically(Path(sys.argv[1]), b'x' * 100_000)\n"
        "except DevshellError as problem: print(problem.message)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "too large" in done.stdout
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_a_killed_writer_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_atomically(path, b"0" * 100_000)
    code = (
        "import sys; from pathlib import Path; from devshell.files import write_atomically\n"
        "print('go', flush=True)\n"
        "n = 0\n"
        "while True: n += 1; write_atomically(Path(sys.argv[1]), b'%d' % (n % 10) * 100_000)"
    )
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            for _look in range(20):
                content = path.read_bytes()
                assert len(content) == 100_000
                assert len(set(content)) == 1
            writer.kill()
        content = path.read_bytes()
        assert len(content) == 100_000
        assert len(set(content)) == 1


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EMFILE, "too many files"),
        (errno.ENOTDIR, "file stands where"),
    ],
)
def test_an_oserror_is_explained(number: int, words: str) -> None:
    with pytest.raises(StateError) as caught, explained("/a/b", "write", StateError):
        raise OSError(number, os.strerror(number))
    assert words in caught.value.message
    assert "/a/b" in caught.value.message
    assert str(caught.value.place) == "/a/b"
    assert caught.value.hint


def test_an_odd_name_is_inert_in_messages() -> None:
    with pytest.raises(DevshellError) as caught, explained("/a\x1b[31m\n"):
        raise OSError(errno.ENOENT, "no")
    assert "\x1b" not in caught.value.message
    assert "\n" not in caught.value.message


def test_reading_gives_bytes_and_the_stat_of_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"content")
    found = read_regular(path, 7)
    assert found is not None
    assert found[0] == b"content"
    assert os.path.samestat(found[1], path.stat())


def test_reading_what_is_missing_gives_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    assert read_regular(tmp_path / "missing", 10) is None
    assert read_regular(tmp_path / "dangling", 10) is None
    assert read_regular(tmp_path / "file" / "below", 10) is None


def test_reading_refuses_what_is_no_small_regular_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to-pipe").symlink_to("pipe")
    (tmp_path / "big").write_bytes(b"x" * 11)
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "terminal").symlink_to("/dev/tty")
    (tmp_path / "circle").symlink_to("circle")
    for name in ("folder", "pipe", "to-pipe", "big", "device", "terminal", "circle"):
        with pytest.raises(ProjectError) as caught:
            read_regular(tmp_path / name, 10)
        assert caught.value.place is not None
        assert caught.value.hint


@pytest.mark.usefixtures("powerless")
def test_reading_without_permission_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(ProjectError, match="permission denied"):
        read_regular(path, 10)


@pytest.mark.parametrize("times", [1, 99])
def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    read, changes = os.read, 0

    def disturbed(descriptor: int, count: int) -> bytes:
        nonlocal changes
        content = read(descriptor, count)
        if content and changes < times:
            changes += 1
            path.write_bytes(b"new")
            os.utime(path, ns=(changes, changes))
        return content

    monkeypatch.setattr(os, "read", disturbed)
    if times > 1:
        with pytest.raises(ProjectError, match="keeps changing"):
            read_regular(path, 10)
    else:
        found = read_regular(path, 10)
        assert found is not None
        assert found[0] == b"new"


def test_one_holds_a_lock_at_a_time(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    code = (
        "import sys; from pathlib import Path; from devshell.files import locked\n"
        "counter, lock = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "for _ in range(25):\n"
        "    with locked(lock, cancelled=lambda: False):\n"
        "        counter.write_text(str(int(counter.read_text()) + 1))"
    )
    lock = tmp_path / "deep" / "er" / "lock"
    arguments = [sys.executable, "-c", code, str(counter), str(lock)]
    workers = [subprocess.Popen(arguments) for _ in range(8)]
    assert [worker.wait() for worker in workers] == [0] * 8
    assert counter.read_text() == "200"
    assert not lock.exists()


def test_waiting_for_a_lock_can_be_cancelled(tmp_path: Path) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    with locked(tmp_path / "lock", cancelled=never), pytest.raises(CancelledError):  # noqa: SIM117  the order matters
        with locked(tmp_path / "lock", cancelled=cancelled):
            pytest.fail("two hold it")


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, os, signal; from pathlib import Path; from devshell.files import locked\n"
        "with locked(Path(sys.argv[1]), cancelled=lambda: False): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock")], check=False)
    assert (tmp_path / "lock").exists()
    with locked(tmp_path / "lock", cancelled=lambda: True):
        pass


def test_a_lock_survives_the_removal_of_its_file(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with locked(lock, cancelled=never):
        lock.unlink()
        with locked(lock, cancelled=never):
            assert lock.exists()
    assert not lock.exists()


def test_a_lock_where_no_file_can_be_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DevshellError, match="cannot lock"), locked(tmp_path / "file" / "lock", cancelled=never):
        pytest.fail("locked")


def test_removing_takes_read_only_trees_and_leaves_what_links_lead_to(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"x")
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "f").write_bytes(b"x")
    (tree / "a" / "to-folder").symlink_to(outside)
    (tree / "a" / "to-file").symlink_to(outside / "precious")
    (tree / "closed").mkdir()
    (tree / "closed").chmod(0)
    for folder in (tree / "a" / "b", tree / "a", tree):
        folder.chmod(0o555)
    before = mode(outside)
    remove_tree(tree)
    assert not tree.exists()
    assert (outside / "precious").read_bytes() == b"x"
    assert mode(outside) == before


def test_removing_a_link_a_file_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "file").touch()
    for name in ("link", "file", "missing"):
        remove_tree(tmp_path / name)
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.usefixtures("_umask")
def test_a_private_folder_is_private(tmp_path: Path) -> None:
    make_private(tmp_path / "a" / "b" / "c")
    assert {mode(tmp_path / "a"), mode(tmp_path / "a" / "b"), mode(tmp_path / "a" / "b" / "c")} == {0o700}
    (tmp_path / "a").chmod(0o755)
    make_private(tmp_path / "a")
    assert mode(tmp_path / "a") == 0o700


def test_a_private_folder_must_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    for path in (tmp_path / "file", tmp_path / "dangling", tmp_path / "file" / "below"):
        with pytest.raises(StateError):
            make_private(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_UID", raising=False)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    with pytest.raises(StateError, match="another user"):
        make_private(theirs)
    mine = tmp_path / "mine"
    mine.mkdir()
    link = tmp_path / "link"
    link.symlink_to(mine)
    os.lchown(link, 12345, 12345)
    with pytest.raises(StateError, match="another user"):
        make_private(link)
