from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from devshell.errors import CancelledError, FetchError, HashMismatchError, UnreachableError
from devshell.fetch import Fetcher, MissingError
from devshell.lock.model import Artifact
from support.server import HONEST, Behaviour, LyingServer, redirect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = random.Random(1).randbytes(3_000_000)
OTHER = random.Random(2).randbytes(3_000_000)
HALF = 1_500_000


def artifact_of(content: bytes = CONTENT, algorithm: str = "sha256") -> Artifact:
    return Artifact("tool.tar.gz", algorithm, hashlib.new(algorithm, content).hexdigest(), len(content))


ARTIFACT = artifact_of()


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


@pytest.fixture
def fetcher(tmp_path: Path) -> Iterator[Fetcher]:
    with Fetcher(tmp_path / "cache", pause=0.001, timeout=5) as made:
        yield made


def left_over(tmp_path: Path) -> set[str]:
    return set(os.listdir(tmp_path / "cache" / "artifacts"))


class Recorder:
    """A Progress and its only Bar."""

    def __init__(self) -> None:
        self.at = 0
        self.events: list[str] = []

    def begin(self, label: str, total: int | None) -> Recorder:
        self.events.append(f"begin {label} {total}")
        return self

    def advance(self, count: int) -> None:
        self.at += count

    def expect(self, total: int) -> None:
        self.events.append(f"expect {total}")

    def restart(self, at: int) -> None:
        self.at = at

    def done(self) -> None:
        self.events.append("done")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_an_honest_file(server: LyingServer, fetcher: Fetcher, tmp_path: Path, algorithm: str) -> None:
    address = server.serve("/tool.tar.gz", CONTENT)
    artifact = artifact_of(algorithm=algorithm)
    path = fetcher.artifact(artifact, [address])
    assert path.read_bytes() == CONTENT
    assert left_over(tmp_path) == {f"{algorithm}-{artifact.digest}"}
    assert (fetcher.requests, fetcher.received) == (1, len(CONTENT))
    assert server.seen[0].headers["user-agent"].startswith("devshell/")
    assert server.seen[0].headers["accept-encoding"] == "identity"
    assert "authorization" not in server.seen[0].headers


def test_a_file_in_the_cache_is_not_asked_for(server: LyingServer, fetcher: Fetcher) -> None:
    address = server.serve("/f", CONTENT)
    fetcher.artifact(ARTIFACT, [address])

    def never() -> Iterator[str]:
        pytest.fail("addresses were asked for")
        yield ""

    fetcher.artifact(ARTIFACT, never())
    assert len(server.seen) == 1


def test_an_empty_file(server: LyingServer, fetcher: Fetcher, tmp_path: Path) -> None:
    artifact = artifact_of(b"")
    assert fetcher.artifact(artifact, [server.serve("/f", b"")]).read_bytes() == b""
    assert left_over(tmp_path) == {f"sha256-{artifact.digest}"}


@pytest.mark.parametrize("damage", [b"", b"x" * len(CONTENT), CONTENT + b"x"])
def test_a_damaged_file_in_the_cache_is_fetched_again(server: LyingServer, fetcher: Fetcher, damage: bytes) -> None:
    address = server.serve("/f", CONTENT)
    path = fetcher.artifact(ARTIFACT, [address])
    path.write_bytes(damage)
    assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT
    assert len(server.seen) == 2


@pytest.mark.parametrize("form", [Behaviour(chunked=True), Behaviour(closing=True), Behaviour(encoding="x-gzip")])
def test_other_honest_forms(server: LyingServer, fetcher: Fetcher, form: Behaviour) -> None:
    assert fetcher.artifact(ARTIFACT, [server.serve("/f", CONTENT, form)]).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "lie",
    [
        Behaviour(content=OTHER),
        Behaviour(content=CONTENT[:-1]),
        Behaviour(content=CONTENT + b"x"),
        Behaviour(content=b""),
        Behaviour(content=CONTENT + b"x", chunked=True),
        Behaviour(cut_length=HALF),
    ],
)
def test_wrong_bytes_never_reach_the_cache(
    server: LyingServer, fetcher: Fetcher, tmp_path: Path, lie: Behaviour
) -> None:
    with pytest.raises(HashMismatchError) as caught:
        fetcher.artifact(ARTIFACT, [server.serve("/f", CONTENT, lie)])
    assert server.host in caught.value.message
    assert "'tool.tar.gz'" in caught.value.message
    assert ARTIFACT.digest in caught.value.message
    assert caught.value.hint
    assert left_over(tmp_path) == set()
    assert len(server.seen) == 1


def test_after_wrong_bytes_the_next_address_is_tried(server: LyingServer, fetcher: Fetcher) -> None:
    bad = server.serve("/bad", CONTENT, Behaviour(content=OTHER))
    good = server.serve("/good", CONTENT)
    assert fetcher.artifact(ARTIFACT, [bad, good]).read_bytes() == CONTENT
    assert "range" not in server.requests("/good")[0].headers


def test_an_endless_body_is_cut_off_at_once(server: LyingServer, fetcher: Fetcher, tmp_path: Path) -> None:
    with pytest.raises(HashMismatchError, match="more than 3000000 bytes"):
        fetcher.artifact(ARTIFACT, [server.serve("/f", CONTENT, Behaviour(endless=True))])
    assert fetcher.received < len(CONTENT) + 1_000_000
    assert left_over(tmp_path) == set()


@pytest.mark.parametrize("how", [Behaviour(short_at=HALF), Behaviour(reset_at=HALF), Behaviour(short_at=0)])
def test_a_broken_connection_is_continued(server: LyingServer, tmp_path: Path, how: Behaviour) -> None:
    recorder = Recorder()
    address = server.serve("/f", CONTENT, how, HONEST)
    with Fetcher(tmp_path / "cache", pause=0.001, progress=recorder) as fetcher:
        assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT
        assert fetcher.received == len(CONTENT)
    first, second = server.seen
    got = how.short_at if how.short_at is not None else how.reset_at
    assert "range" not in first.headers
    if how.short_at:
        assert second.headers["range"] == f"bytes={got}-"
        assert second.headers["if-range"].startswith('"')
    assert recorder.at == len(CONTENT)
    assert recorder.events == ["begin tool.tar.gz 3000000", "done"]


def test_a_stalled_server_is_left_and_continued(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/f", CONTENT, Behaviour(stall_at=HALF), HONEST)
    with Fetcher(tmp_path / "cache", pause=0.001, timeout=0.3) as fetcher:
        assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT
    assert server.seen[1].headers["range"] == f"bytes={HALF}-"


def test_a_server_that_always_stalls_is_unreachable(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/f", CONTENT, Behaviour(stall_at=0))
    fetcher = Fetcher(tmp_path / "cache", pause=0.001, timeout=0.2, attempts=3)
    with fetcher, pytest.raises(UnreachableError, match="stopped answering"):
        fetcher.artifact(ARTIFACT, [address])
    assert len(server.seen) == 3


def test_a_file_that_changes_between_parts_starts_again(server: LyingServer, fetcher: Fetcher) -> None:
    # With If-Range, the server itself sends the whole new file.
    address = server.serve("/f", CONTENT, Behaviour(content=OTHER, short_at=HALF), HONEST)
    assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT
    assert len(server.seen) == 2


def test_a_file_that_changes_behind_the_same_etag_starts_again(server: LyingServer, fetcher: Fetcher) -> None:
    address = server.serve(
        "/f", CONTENT, Behaviour(content=OTHER, short_at=HALF, etag='"same"'), Behaviour(etag='"same"')
    )
    assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT
    assert ["range" in seen.headers for seen in server.seen] == [False, True, False]


def test_a_file_that_changes_without_end_is_given_up(server: LyingServer, fetcher: Fetcher, tmp_path: Path) -> None:
    turns = [Behaviour(content=OTHER, short_at=HALF, etag='"same"'), Behaviour(etag='"same"')] * 20
    with pytest.raises(HashMismatchError):
        fetcher.artifact(ARTIFACT, [server.serve("/f", CONTENT, *turns)])
    assert len(server.seen) == 4
    assert left_over(tmp_path) == set()


@pytest.mark.parametrize("etag", ['W/"weak"', None])
def test_without_a_strong_validator_the_hash_judges(server: LyingServer, fetcher: Fetcher, etag: str | None) -> None:
    how = Behaviour(short_at=HALF, etag=etag)
    assert fetcher.artifact(ARTIFACT, [server.serve("/f", CONTENT, how, HONEST)]).read_bytes() == CONTENT
    assert server.seen[1].headers["range"] == f"bytes={HALF}-"
    assert "if-range" not in server.seen[1].headers


@pytest.mark.parametrize("lie", [Behaviour(ignore_range=True), Behaviour(wrong_range=True), Behaviour(status=416)])
def test_a_server_that_cannot_continue_starts_again(server: LyingServer, fetcher: Fetcher, lie: Behaviour) -> None:
    address = server.serve("/f", CONTENT, Behaviour(short_at=HALF), lie, HONEST)
    assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT
    assert "range" in server.seen[1].headers
    assert all("range" not in seen.headers for seen in server.seen[2:])


def test_a_part_where_the_whole_was_asked_for_is_refused(server: LyingServer, fetcher: Fetcher) -> None:
    lie = Behaviour(status=206, headers={"Content-Range": "bytes 0-9/10"})
    with pytest.raises(FetchError, match="a part of"):
        fetcher.artifact(ARTIFACT, [server.serve("/f", CONTENT, lie)])


def test_the_next_mirror_continues_what_the_first_began(server: LyingServer, tmp_path: Path) -> None:
    first = server.serve("/first", CONTENT, Behaviour(short_at=HALF), Behaviour(status=404))
    second = server.serve("/second", CONTENT)
    with Fetcher(tmp_path / "cache", pause=0.001) as fetcher:
        assert fetcher.artifact(ARTIFACT, [first, second]).read_bytes() == CONTENT
        assert fetcher.received == len(CONTENT)
    assert server.requests("/second")[0].headers["range"] == f"bytes={HALF}-"
    assert "if-range" not in server.requests("/second")[0].headers


def test_the_next_run_continues_what_a_killed_one_began(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/f", CONTENT, Behaviour(stall_at=HALF), HONEST)
    with run_fetch(tmp_path, address) as process:
        assert server.stalled.wait(30)
        part = tmp_path / "cache" / "artifacts" / f"sha256-{ARTIFACT.digest}.part"
        while not part.exists() or part.stat().st_size < HALF:
            assert process.poll() is None
        process.kill()
    with Fetcher(tmp_path / "cache") as fetcher:
        assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT
        assert fetcher.received == HALF
    assert server.seen[1].headers["if-range"].startswith('"')
    assert left_over(tmp_path) == {f"sha256-{ARTIFACT.digest}"}


@pytest.mark.parametrize("rubbish", [b"x" * HALF, b"x" * 4_000_000, OTHER])
def test_a_rotten_part_is_thrown_away(server: LyingServer, fetcher: Fetcher, tmp_path: Path, rubbish: bytes) -> None:
    folder = tmp_path / "cache" / "artifacts"
    folder.mkdir(parents=True)
    (folder / f"sha256-{ARTIFACT.digest}.part").write_bytes(rubbish)
    (folder / f"sha256-{ARTIFACT.digest}.part.json").write_bytes(b'["rubbish"]')
    assert fetcher.artifact(ARTIFACT, [server.serve("/f", CONTENT)]).read_bytes() == CONTENT


def run_fetch(tmp_path: Path, address: str) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from pathlib import Path; from devshell.fetch import Fetcher\n"
        "from devshell.lock.model import Artifact\n"
        "cache, digest, size, address = sys.argv[1:]\n"
        "artifact = Artifact('tool.tar.gz', 'sha256', digest, int(size))\n"
        "with Fetcher(Path(cache)) as fetcher: print(fetcher.artifact(artifact, [address]))"
    )
    arguments = [str(tmp_path / "cache"), ARTIFACT.digest, str(ARTIFACT.size), address]
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL)


def test_twenty_processes_fetch_a_file_once(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/f", CONTENT)
    processes = [run_fetch(tmp_path, address) for _ in range(20)]
    assert [process.wait() for process in processes] == [0] * 20
    assert len(server.seen) == 1
    assert left_over(tmp_path) == {f"sha256-{ARTIFACT.digest}"}


def test_threads_fetch_a_file_once(server: LyingServer, fetcher: Fetcher) -> None:
    address = server.serve("/f", CONTENT)
    threads = [threading.Thread(target=fetcher.artifact, args=(ARTIFACT, [address])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.seen) == 1


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux's own peak, which exec resets")
def test_memory_stays_flat(server: LyingServer, tmp_path: Path) -> None:
    content = bytes(150_000_000)
    code = (
        "import sys; from pathlib import Path; from devshell.fetch import Fetcher\n"
        "from devshell.lock.model import Artifact\n"
        "cache, digest, size, address = sys.argv[1:]\n"
        "artifact = Artifact('f', 'sha256', digest, int(size))\n"
        "with Fetcher(Path(cache)) as fetcher: fetcher.artifact(artifact, [address])\n"
        "print(Path('/proc/self/status').read_text())"
    )
    wanted = artifact_of(content)
    arguments = [str(tmp_path / "cache"), wanted.digest, str(wanted.size), server.serve("/f", content)]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    (peak,) = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("VmHWM:")]
    assert int(peak) * 1024 < 100_000_000


@pytest.mark.parametrize("when", [0, HALF])
def test_cancelling_ends_a_stalled_download_and_keeps_the_part(server: LyingServer, tmp_path: Path, when: int) -> None:
    cancelled = threading.Event()
    address = server.serve("/f", CONTENT, Behaviour(stall_at=when), HONEST)
    caught: list[BaseException] = []
    arrived = threading.Event()

    class Watcher(Recorder):
        def advance(self, count: int) -> None:
            super().advance(count)
            if self.at == when:
                arrived.set()

    def fetch() -> None:
        with Fetcher(tmp_path / "cache", cancelled=cancelled.is_set, timeout=600, progress=Watcher()) as fetcher:
            try:
                fetcher.artifact(ARTIFACT, [address])
            except CancelledError as problem:
                caught.append(problem)

    worker = threading.Thread(target=fetch, daemon=True)
    worker.start()
    assert (arrived if when else server.stalled).wait(30)
    cancelled.set()
    worker.join(30)  # far below the timeout of 600 s
    assert caught
    names = left_over(tmp_path)
    assert (f"sha256-{ARTIFACT.digest}" in names) is False
    assert (f"sha256-{ARTIFACT.digest}.part" in names) is (when > 0)
    with Fetcher(tmp_path / "cache") as fetcher:
        assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT


def test_cancelling_ends_a_rest_before_the_next_attempt(server: LyingServer, tmp_path: Path) -> None:
    cancelled = threading.Event()
    address = server.serve("/f", CONTENT, Behaviour(status=503, headers={"Retry-After": "50"}))
    fetcher = Fetcher(tmp_path / "cache", cancelled=cancelled.is_set, note=lambda _: cancelled.set())
    with fetcher, pytest.raises(CancelledError):
        fetcher.artifact(ARTIFACT, [address])
    assert fetcher.requests == 1


def test_cancelled_before_it_began_asks_nothing(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/f", CONTENT)
    with Fetcher(tmp_path / "cache", cancelled=lambda: True) as fetcher, pytest.raises(CancelledError):
        fetcher.artifact(ARTIFACT, [address])
    assert server.seen == []


def test_learning_keeps_the_file_under_its_hash(server: LyingServer, fetcher: Fetcher, tmp_path: Path) -> None:
    address = server.serve("/x/tool.tar.gz", CONTENT)
    learned = fetcher.learn(address)
    assert (learned.sha256, learned.size) == (ARTIFACT.digest, len(CONTENT))
    assert learned.path.read_bytes() == CONTENT
    assert fetcher.learn(address) == learned
    assert fetcher.artifact(ARTIFACT, []) == learned.path
    assert len(server.seen) == 1
    assert left_over(tmp_path) == {f"sha256-{ARTIFACT.digest}"}


def test_learning_goes_on_after_a_break_only_with_a_validator(server: LyingServer, fetcher: Fetcher) -> None:
    strong = server.serve("/strong", CONTENT, Behaviour(short_at=HALF), HONEST)
    assert fetcher.learn(strong).sha256 == ARTIFACT.digest
    assert "if-range" in server.requests("/strong")[1].headers
    weak = server.serve("/weak", CONTENT, Behaviour(short_at=HALF, etag=None), HONEST)
    assert fetcher.learn(weak).sha256 == ARTIFACT.digest
    assert "range" not in server.requests("/weak")[1].headers


def test_learning_does_not_join_two_versions(server: LyingServer, fetcher: Fetcher) -> None:
    address = server.serve("/f", CONTENT, Behaviour(content=OTHER, short_at=HALF), HONEST)
    assert fetcher.learn(address).sha256 == ARTIFACT.digest


def test_learning_does_not_continue_an_earlier_run(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/f", CONTENT, Behaviour(short_at=HALF))
    with Fetcher(tmp_path / "cache", pause=0, attempts=1) as fetcher, pytest.raises(UnreachableError):
        fetcher.learn(address)
    server.serve("/f", CONTENT)
    with Fetcher(tmp_path / "cache") as fetcher:
        assert fetcher.learn(address).sha256 == ARTIFACT.digest
    assert all("range" not in seen.headers for seen in server.seen)


def test_a_reset_body_without_length_is_not_taken_for_whole(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/f", CONTENT, Behaviour(closing=True, reset_at=HALF), HONEST)
    with Fetcher(tmp_path / "cache", pause=0.001) as fetcher:
        assert fetcher.learn(address).sha256 == ARTIFACT.digest


def test_local_files(fetcher: Fetcher, tmp_path: Path) -> None:
    file = tmp_path / "a file #1 ü.tar.gz"
    file.write_bytes(CONTENT)
    path = fetcher.artifact(ARTIFACT, [(tmp_path / "missing").as_uri(), file.as_uri()])
    assert path != file
    assert path.read_bytes() == CONTENT
    assert fetcher.learn(file.as_uri()).sha256 == ARTIFACT.digest
    assert fetcher.size(file.as_uri()) == len(CONTENT)
    assert fetcher.requests == 0


def test_local_lies(fetcher: Fetcher, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "wrong").write_bytes(OTHER)
    (tmp_path / "long").write_bytes(CONTENT + b"x")
    with pytest.raises(FetchError, match="no regular file"):
        fetcher.artifact(ARTIFACT, [(tmp_path / "pipe").as_uri()])
    with pytest.raises(FetchError, match="no regular file"):
        fetcher.artifact(ARTIFACT, [tmp_path.as_uri()])
    with pytest.raises(MissingError):
        fetcher.artifact(ARTIFACT, [(tmp_path / "missing").as_uri()])
    for name in ("wrong", "long"):
        with pytest.raises(HashMismatchError):
            fetcher.artifact(ARTIFACT, [(tmp_path / name).as_uri()])


def test_a_hash_that_is_none_is_refused(fetcher: Fetcher) -> None:
    for algorithm, digest in [("md5", "0" * 32), ("sha256", "../../x"), ("sha256", "A" * 64), ("sha256", "0" * 63)]:
        with pytest.raises(FetchError):
            fetcher.artifact(Artifact("f", algorithm, digest, 1), [])


def test_no_place_to_fetch_from(fetcher: Fetcher) -> None:
    with pytest.raises(FetchError, match="no place is known"):
        fetcher.artifact(ARTIFACT, [])


def test_finding_an_address_may_fail(server: LyingServer, fetcher: Fetcher) -> None:
    def addresses() -> Iterator[str]:
        yield server.serve("/bad", CONTENT, Behaviour(status=404))
        raise UnreachableError("the index does not answer")

    with pytest.raises(FetchError, match=r"no 'bad' \(404\); the index does not answer"):
        fetcher.artifact(ARTIFACT, addresses())


def test_the_gravest_problem_gives_the_error_its_kind(server: LyingServer, fetcher: Fetcher) -> None:
    wrong = server.serve("/wrong", CONTENT, Behaviour(content=OTHER))
    missing = server.address + "/missing"
    down = "http://127.0.0.1:9/f"
    with pytest.raises(HashMismatchError):
        fetcher.artifact(ARTIFACT, [missing, wrong, down])
    with pytest.raises(UnreachableError):
        fetcher.artifact(ARTIFACT, [down, down])
    with pytest.raises(FetchError) as caught:
        fetcher.artifact(ARTIFACT, [down, missing])
    assert not isinstance(caught.value, UnreachableError)


@pytest.mark.usefixtures("powerless")
def test_a_cache_that_cannot_be_written_is_explained(server: LyingServer, fetcher: Fetcher, tmp_path: Path) -> None:
    address = server.serve("/f", CONTENT)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(Exception, match="permission denied"):
            fetcher.artifact(ARTIFACT, [address])
    finally:
        tmp_path.chmod(0o755)


def test_a_full_disk_is_explained(server: LyingServer, tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path; from devshell.fetch import Fetcher\n"
        "from devshell.lock.model import Artifact; from devshell.errors import FetchError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "cache, digest, size, address = sys.argv[1:]\n"
        "try: Fetcher(Path(cache)).artifact(Artifact('f', 'sha256', digest, int(size)), [address])\n"
        "except FetchError as problem: print(problem.message)"
    )
    arguments = [str(tmp_path / "cache"), ARTIFACT.digest, str(ARTIFACT.size), server.serve("/f", CONTENT)]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout
    assert "too large" in done.stdout


def test_redirects_are_followed_with_the_range(server: LyingServer, fetcher: Fetcher) -> None:
    server.serve("/real", CONTENT, Behaviour(short_at=HALF), HONEST)
    address = server.serve("/f", b"", redirect("/real"))
    assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT
    assert server.requests("/real")[1].headers["range"] == f"bytes={HALF}-"
