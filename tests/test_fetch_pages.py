from __future__ import annotations

import gzip
import os
import threading
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from devshell.errors import CancelledError, FetchError, UnreachableError
from devshell.fetch import Fetcher, MissingError, Page
from devshell.fetch import pages as pages_module
from support.server import HONEST, Behaviour, LyingServer, redirect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = b'{"versions": ["1", "2"]}' * 1000
JSON = Behaviour(headers={"Content-Type": "Application/JSON; charset=utf-8"})


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


def ask(tmp_path: Path, address: str, *, fresh: bool = True, times: int = 1, accept: str = "application/json") -> Page:
    """Ask as one process would."""
    with Fetcher(tmp_path / "cache", pause=0.001, timeout=5) as fetcher:
        for _ in range(times):
            page = fetcher.page(address, accept=accept, fresh=fresh)
    return page


def test_a_page_comes_with_its_type_and_address(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/p/", BODY, JSON)
    assert ask(tmp_path, address) == Page(BODY, "application/json", address)
    assert server.seen[0].headers["accept"] == "application/json"


def test_fresh_asks_once_a_process_and_gets_nothing_new(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/p", BODY, JSON)
    first = ask(tmp_path, address, times=3)
    assert len(server.seen) == 1
    with Fetcher(tmp_path / "cache") as fetcher:
        assert fetcher.page(address, accept="application/json", fresh=True) == first
        assert fetcher.page(address, accept="application/json", fresh=True) == first
        assert fetcher.received == 0
    assert len(server.seen) == 2
    assert "if-none-match" in server.seen[1].headers


def test_fresh_sees_what_changed(server: LyingServer, tmp_path: Path) -> None:
    ask(tmp_path, server.serve("/p", BODY))
    assert ask(tmp_path, server.serve("/p", b"new")).content == b"new"
    assert ask(tmp_path, server.address + "/p", fresh=False).content == b"new"


def test_last_modified_serves_where_there_is_no_etag(server: LyingServer, tmp_path: Path) -> None:
    stamp = "Mon, 01 Jan 2024 00:00:00 GMT"
    dated = Behaviour(etag=None, headers={"Last-Modified": stamp})
    address = server.serve("/p", BODY, dated, Behaviour(status=304))
    assert ask(tmp_path, address) == ask(tmp_path, address)
    assert server.seen[1].headers["if-modified-since"] == stamp


def test_not_fresh_takes_a_kept_page_without_asking(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/p", BODY)
    ask(tmp_path, address, fresh=False, times=2)
    ask(tmp_path, address, fresh=False)
    assert len(server.seen) == 1


def test_pages_differ_by_what_was_accepted(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/p", BODY, HONEST, Behaviour(content=b"<html>"))
    assert ask(tmp_path, address, fresh=False).content == BODY
    assert ask(tmp_path, address, fresh=False, accept="text/html").content == b"<html>"


def test_a_missing_page_is_asked_for_once_a_process(server: LyingServer, tmp_path: Path) -> None:
    with Fetcher(tmp_path / "cache") as fetcher:
        for fresh in (True, True, False):
            with pytest.raises(MissingError):
                fetcher.page(server.address + "/missing", accept="*/*", fresh=fresh)
    assert len(server.seen) == 1


def test_threads_ask_once(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/p", BODY)
    with Fetcher(tmp_path / "cache") as fetcher:
        threads = [
            threading.Thread(target=fetcher.page, args=(address,), kwargs={"accept": "*/*", "fresh": True})
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.seen) == 1


def test_links_count_from_where_the_page_was_found(server: LyingServer, tmp_path: Path) -> None:
    real = server.serve("/real/", BODY)
    assert ask(tmp_path, server.serve("/p", b"", redirect("/real/"))).address == real
    assert ask(tmp_path, server.address + "/p", fresh=False).address == real


def test_a_packed_page_is_unpacked(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/p", gzip.compress(BODY), Behaviour(encoding="gzip"))
    assert ask(tmp_path, address).content == BODY
    assert ask(tmp_path, address, fresh=False).content == BODY


@pytest.mark.parametrize(
    "lie",
    [
        Behaviour(content=gzip.compress(BODY)[:-20], encoding="gzip"),
        Behaviour(content=b"no gzip", encoding="gzip"),
        Behaviour(content=BODY, encoding="br"),
        Behaviour(content=BODY, encoding="gzip, gzip"),
    ],
)
def test_a_page_that_cannot_be_unpacked_is_refused(server: LyingServer, tmp_path: Path, lie: Behaviour) -> None:
    with pytest.raises(FetchError):
        ask(tmp_path, server.serve("/p", BODY, lie))


@pytest.mark.parametrize("packed", [True, False])
def test_a_page_without_end_is_refused(
    server: LyingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    monkeypatch.setattr(pages_module, "LIMIT", 1_000_000)
    lie = Behaviour(content=gzip.compress(bytes(50_000_000)), encoding="gzip") if packed else Behaviour(endless=True)
    with Fetcher(tmp_path / "cache") as fetcher, pytest.raises(FetchError, match="more than 1000000 bytes"):
        fetcher.page(server.serve("/p", BODY, lie), accept="*/*", fresh=True)


def test_a_packed_page_without_end_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_module, "LIMIT", 1_000_000)
    bomb = gzip.compress(bytes(100_000_000))
    tracemalloc.start()
    try:
        assert pages_module._bounded([bomb], lambda: False, gzipped=True) is None
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("how", [Behaviour(short_at=100), Behaviour(reset_at=100), Behaviour(status=503)])
def test_a_broken_page_is_asked_for_again(server: LyingServer, tmp_path: Path, how: Behaviour) -> None:
    assert ask(tmp_path, server.serve("/p", BODY, how, HONEST)).content == BODY
    assert len(server.seen) == 2


def test_a_host_that_is_down_is_unreachable_even_where_a_page_is_kept(server: LyingServer, tmp_path: Path) -> None:
    ask(tmp_path, server.serve("/p", BODY))
    server.serve("/p", BODY, Behaviour(status=503))
    with pytest.raises(UnreachableError):
        ask(tmp_path, server.address + "/p")
    assert ask(tmp_path, server.address + "/p", fresh=False).content == BODY


@pytest.mark.parametrize("damage", [b"", b"x", b"{}\nx", b"[]\n", b'{"sha256": 3}\n', None])
def test_a_damaged_kept_page_counts_as_absent(server: LyingServer, tmp_path: Path, damage: bytes | None) -> None:
    address = server.serve("/p", BODY)
    ask(tmp_path, address)
    (kept,) = (tmp_path / "cache" / "pages").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1] if damage is None else damage)
    assert ask(tmp_path, address, fresh=False).content == BODY
    assert len(server.seen) == 2
    assert "if-none-match" not in server.seen[1].headers


def test_a_page_that_cannot_be_kept_is_still_given(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/p", BODY)
    notes: list[str] = []
    ask(tmp_path, address)
    (kept,) = (tmp_path / "cache" / "pages").iterdir()
    kept.unlink()
    kept.mkdir()
    with Fetcher(tmp_path / "cache", note=notes.append) as fetcher:
        assert fetcher.page(address, accept="application/json", fresh=True).content == BODY
    assert "is a folder" in notes[0]


def test_a_stalled_page_can_be_cancelled(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/p", BODY, Behaviour(stall_at=10))
    fetcher = Fetcher(tmp_path / "cache", cancelled=server.stalled.is_set, timeout=600)
    with fetcher, pytest.raises(CancelledError):
        fetcher.page(address, accept="*/*", fresh=True)
    assert not [name for name in os.listdir(tmp_path / "cache" / "pages") if name.endswith(".lock")]


def test_local_pages(tmp_path: Path) -> None:
    folder = tmp_path / "simple" / "tool"
    folder.mkdir(parents=True)
    (folder / "index.html").write_bytes(b"<html>")
    (tmp_path / "data.json").write_bytes(b"{}")
    inside = folder.as_uri() + "/"
    assert ask(tmp_path, folder.as_uri()) == Page(b"<html>", "text/html", inside)
    assert ask(tmp_path, inside) == Page(b"<html>", "text/html", inside)
    assert ask(tmp_path, (tmp_path / "data.json").as_uri()).type == "application/json"
    for missing in (tmp_path / "simple", tmp_path / "missing"):
        with pytest.raises(MissingError):
            ask(tmp_path, missing.as_uri())
