from __future__ import annotations

import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.errors import ConfigError, DevshellError, FetchError, UnreachableError
from devshell.fetch import Fetcher, MissingError
from devshell.fetch.address import Policy, parse
from devshell.fetch.retry import retry_after
from devshell.lock.model import Artifact
from support.server import HONEST, Behaviour, LyingServer, redirect

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = b"some bytes" * 1000
ARTIFACT = Artifact("tool.tar.gz", "sha256", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
SECRET = "s3cr3t-pässword"  # noqa: S105  nobody's
LOGIN = f"joe:{SECRET}"


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def fetcher(tmp_path: Path) -> Iterator[Fetcher]:
    with Fetcher(tmp_path / "cache", pause=0.001, timeout=5) as made:
        yield made


def with_login(address: str, login: str = "joe:s3cr3t-p%C3%A4ssword") -> str:
    return address.replace("://", f"://{login}@")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_not_now_is_tried_again(server: LyingServer, fetcher: Fetcher, status: int) -> None:
    address = server.serve("/f", CONTENT, Behaviour(status=status), Behaviour(status=status), HONEST)
    assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 501])
def test_no_is_not_tried_again(server: LyingServer, fetcher: Fetcher, status: int) -> None:
    bad = server.serve("/bad", CONTENT, Behaviour(status=status))
    good = server.serve("/good", CONTENT)
    assert fetcher.artifact(ARTIFACT, [bad, good]).read_bytes() == CONTENT
    assert len(server.requests("/bad")) == 1
    with pytest.raises(FetchError) as caught:
        fetcher.learn(bad)
    assert isinstance(caught.value, MissingError) is (status in {404, 410})
    assert not isinstance(caught.value, UnreachableError)
    assert str(status) in caught.value.message
    assert server.host in caught.value.message


def test_not_now_forever_is_unreachable(server: LyingServer, fetcher: Fetcher) -> None:
    with pytest.raises(UnreachableError, match="503"):
        fetcher.learn(server.serve("/f", CONTENT, Behaviour(status=503)))
    assert len(server.seen) == 5


def test_retry_after_is_honoured(server: LyingServer, tmp_path: Path) -> None:
    notes: list[str] = []
    busy = Behaviour(status=429, headers={"Retry-After": "1"})
    # Without Retry-After, the pause of an hour would be cut to 10 s; the note tells which was taken.
    with Fetcher(tmp_path / "cache", pause=3600, note=notes.append) as fetcher:
        fetcher.artifact(ARTIFACT, [server.serve("/f", CONTENT, busy, HONEST)])
    assert notes == [f"{server.host} is busy or broken (429); trying again in 1 s"]


def test_a_long_retry_after_is_not_waited_for(server: LyingServer, fetcher: Fetcher) -> None:
    busy = Behaviour(status=503, headers={"Retry-After": "61"})
    with pytest.raises(UnreachableError, match="asks to wait 61 s"):
        fetcher.learn(server.serve("/f", CONTENT, busy))
    assert len(server.seen) == 1


def test_retry_after_as_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    seconds = retry_after(format_datetime(soon, usegmt=True))
    assert seconds is not None
    assert 0 < seconds <= 30
    assert retry_after(format_datetime(soon - timedelta(days=1), usegmt=True)) == 0
    assert retry_after("120") == 120
    for rubbish in (None, "", "-1", "soon", "١٢", "1e3", "Mon, 99 Foo 2020"):
        assert retry_after(rubbish) is None


@given(st.text())
def test_any_retry_after_is_read(text: str) -> None:
    seconds = retry_after(text)
    assert seconds is None or seconds >= 0


def test_nothing_listens(fetcher: Fetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(UnreachableError) as caught:
        fetcher.artifact(ARTIFACT, [f"http://127.0.0.1:{port}/f"])
    assert f"127.0.0.1:{port}" in caught.value.message
    assert "refused" in caught.value.message
    assert caught.value.hint
    assert fetcher.requests == 2


def test_a_host_that_nothing_connects_to_is_given_up_once_for_all(fetcher: Fetcher) -> None:
    for name in ("one", "two"):
        with pytest.raises(UnreachableError, match=r"nowhere\.invalid cannot be reached"):
            fetcher.size(f"https://nowhere.invalid/{name}")
    with pytest.raises(UnreachableError, match=r"nowhere\.invalid cannot be reached"):
        fetcher.page("https://nowhere.invalid/three", accept="*/*", fresh=True)
    assert fetcher.requests == 1


def test_a_host_that_answered_badly_is_asked_again(server: LyingServer, fetcher: Fetcher) -> None:
    address = server.serve("/f", CONTENT, *[Behaviour(status=503)] * 5, HONEST)
    with pytest.raises(UnreachableError):
        fetcher.size(address)
    assert fetcher.size(address) == len(CONTENT)


def test_an_unknown_host(fetcher: Fetcher) -> None:
    with pytest.raises(UnreachableError, match=r"nowhere\.invalid"):
        fetcher.artifact(ARTIFACT, ["https://nowhere.invalid/f"])


def test_what_is_no_http_is_unreachable(fetcher: Fetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.recv(1000)
                connection.sendall(b"220 mail.example.com ready\r\n")
                connection.close()

        threading.Thread(target=babble, daemon=True).start()
        with pytest.raises(UnreachableError, match="broke the connection"):
            fetcher.learn(f"http://127.0.0.1:{listener.getsockname()[1]}/f")
        listener.shutdown(socket.SHUT_RDWR)


def test_a_chain_of_redirects_has_an_end(server: LyingServer, fetcher: Fetcher) -> None:
    for hop in range(6):
        server.serve(f"/{hop}", CONTENT, redirect(f"/{hop + 1}", status=(301, 302, 303, 307, 308, 302)[hop]))
    server.serve("/6", CONTENT)
    assert fetcher.learn(server.address + "/1").size == len(CONTENT)
    with pytest.raises(FetchError, match="more than 5 times"):
        fetcher.learn(server.address + "/0")
    with pytest.raises(FetchError, match="more than 5 times"):
        fetcher.learn(server.serve("/loop", b"", redirect("/loop")))
    assert len(server.requests("/loop")) == 6


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/hostname",
        "ftp://127.0.0.1/f",
        "gopher://127.0.0.1/f",
        "javascript:alert(1)",
        "http://mirror.example.com/f",
        "https://",
        "http://127.0.0.1:99999/f",
        "http://[::1/f",
        "/a\x7fb",
    ],
)
def test_a_redirect_to_elsewhere_is_refused(server: LyingServer, fetcher: Fetcher, location: str) -> None:
    with pytest.raises(FetchError):
        fetcher.learn(server.serve("/f", CONTENT, redirect(location)))
    assert len(server.seen) == 1


def test_a_redirect_from_https_to_http_is_refused() -> None:
    address, _ = parse("https://127.0.0.1/f")
    with pytest.raises(FetchError, match="from https to plain http"):
        Policy(["127.0.0.1", "files.example.com"]).redirect(address, "http://127.0.0.1/f")
    with pytest.raises(FetchError, match="from https to plain http"):
        Policy(["127.0.0.1", "files.example.com"]).redirect(address, "http://files.example.com/f")
    assert Policy().redirect(address, "https://files.example.com/x?y").text == "https://files.example.com/x?y"


def test_plain_http_is_for_this_machine_and_named_hosts(fetcher: Fetcher) -> None:
    with pytest.raises(FetchError) as caught:
        fetcher.learn("http://files.example.com/f")
    assert caught.value.hint == "use https, or allow it with `devshell config set http.insecure files.example.com`"
    assert fetcher.requests == 0
    policy = Policy(["Files.example.com", "port.example.com:8080"])
    for allowed in ("http://files.example.com/f", "http://FILES.example.com:81/", "http://port.example.com:8080/"):
        policy.check(parse(allowed)[0])
    for allowed in ("http://localhost/", "http://127.0.0.2:1/", "http://[::1]:1/", "http://app.localhost/"):
        Policy().check(parse(allowed)[0])
    for refused in ("http://port.example.com/", "http://127.0.0.1.example.com/", "http://xfiles.example.com/"):
        with pytest.raises(FetchError):
            policy.check(parse(refused)[0])


def test_a_login_in_the_address_goes_to_its_host(server: LyingServer, fetcher: Fetcher) -> None:
    address = server.serve("/f", CONTENT, Behaviour(login=LOGIN))
    assert fetcher.artifact(ARTIFACT, [with_login(address)]).read_bytes() == CONTENT


def test_a_login_serves_files_beside_the_page_it_came_with(server: LyingServer, fetcher: Fetcher) -> None:
    page = server.serve("/simple/", b"<html>", Behaviour(login=LOGIN))
    file = server.serve("/files/f", CONTENT, Behaviour(login=LOGIN))
    found = fetcher.page(with_login(page), accept="*/*", fresh=True)
    assert found.address == page
    assert fetcher.artifact(ARTIFACT, [file]).read_bytes() == CONTENT


def test_a_login_from_netrc(server: LyingServer, fetcher: Fetcher, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login joe password {SECRET}\n")
    address = server.serve("/f", CONTENT, Behaviour(login=LOGIN))
    assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT


def test_netrc_default_is_for_nobody(server: LyingServer, fetcher: Fetcher, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f"default login joe password {SECRET}\n")
    fetcher.artifact(ARTIFACT, [server.serve("/f", CONTENT)])
    assert "authorization" not in server.seen[0].headers


def test_a_broken_netrc_is_named_and_not_quoted(server: LyingServer, fetcher: Fetcher, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f"machine x\n{SECRET} {SECRET}\n")
    with pytest.raises(ConfigError) as caught:
        fetcher.artifact(ARTIFACT, [server.serve("/f", CONTENT)])
    assert str(tmp_path / "netrc") in str(caught.value.place)
    assert SECRET not in everything(caught.value)


@pytest.mark.parametrize("way", ["address", "netrc"])
def test_a_login_never_reaches_another_host(
    server: LyingServer, elsewhere: LyingServer, fetcher: Fetcher, tmp_path: Path, way: str
) -> None:
    # Another port is another origin. There and back again, it is not sent any more.
    elsewhere.serve("/f", CONTENT, redirect(server.serve("/back", CONTENT)))
    address = server.serve("/f", CONTENT, redirect(elsewhere.address + "/f"))
    if way == "netrc":
        (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login joe password {SECRET}\n")
    else:
        address = with_login(address)
    assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT
    assert "authorization" in server.requests("/f")[0].headers
    assert "authorization" not in elsewhere.requests("/f")[0].headers
    assert "authorization" not in server.requests("/back")[0].headers


def test_a_redirect_within_the_host_keeps_the_login(server: LyingServer, fetcher: Fetcher) -> None:
    server.serve("/g", CONTENT, Behaviour(login=LOGIN))
    address = server.serve("/f", CONTENT, redirect("/g"))
    assert fetcher.artifact(ARTIFACT, [with_login(address)]).read_bytes() == CONTENT


def test_a_login_in_a_redirect_is_not_used(server: LyingServer, elsewhere: LyingServer, fetcher: Fetcher) -> None:
    elsewhere.serve("/f", CONTENT)
    address = server.serve("/f", CONTENT, redirect(with_login(elsewhere.address + "/f")))
    fetcher.artifact(ARTIFACT, [address])
    assert "authorization" not in elsewhere.seen[0].headers


def everything(problem: DevshellError) -> str:
    texts = [problem.message, str(problem.place), str(problem.hint), repr(problem), str(problem)]
    cause: BaseException | None = problem
    while cause is not None:
        texts.append(repr(cause))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(texts)


@pytest.mark.parametrize(
    "how",
    [
        Behaviour(status=404),
        Behaviour(status=403),
        Behaviour(status=500),
        Behaviour(login="other:other"),
        Behaviour(content=b"x" * len(CONTENT)),
        Behaviour(reset_at=0),
        redirect("/f"),
        redirect("ftp://x/"),
        redirect(f"https://joe:{SECRET.replace('ä', 'a')}@/x"),
    ],
)
def test_a_login_is_never_shown(server: LyingServer, tmp_path: Path, how: Behaviour) -> None:
    notes: list[str] = []
    address = with_login(server.serve("/f", CONTENT, how), "joe:hunter2")
    with Fetcher(tmp_path / "cache", pause=0, attempts=2, note=notes.append) as fetcher:
        for ask in (
            lambda: fetcher.artifact(ARTIFACT, [address, address]),
            lambda: fetcher.page(address, accept="*/*", fresh=True),
            lambda: fetcher.size(address),
        ):
            try:
                ask()
            except FetchError as problem:
                notes.append(everything(problem))
    assert notes
    assert "hunter2" not in "\n".join(notes)
    assert "s3cr3t" not in "\n".join(notes)
    for folder, _, names in os.walk(tmp_path / "cache"):
        for name in names:
            assert b"hunter2" not in Path(folder, name).read_bytes()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "f",
        "//x/y",
        "ftp://joe:hunter2@x/y",
        "https://joe:hunter2@/y",
        "https://joe:hunter2@x:y/z",
        "https://joe:hunter2@[::1/z",
        "https://joe:hunter2@x\r\nHost: y/z",
        "https://joe:hunter2@x/\x1b[31m",
        "https://joe:hunter2@-x/",
        "https://joe:hunter2@x y/",
        "https://joe:hunter2@.../",
        "file://elsewhere/hunter2",
        "file:relative",
        "file:///a%00b",
    ],
)
def test_what_is_no_address_is_refused(fetcher: Fetcher, address: str) -> None:
    with pytest.raises(FetchError) as caught:
        fetcher.learn(address)
    assert "hunter2" not in everything(caught.value)
    assert "\x1b" not in caught.value.message


@given(st.text(), st.sampled_from(["", "http://", "https://", "file://", "file:///", "https://x/", "https://a@b:"]))
def test_any_address_is_checked_and_comes_out_sendable(text: str, front: str) -> None:
    try:
        address, _ = parse(front + text)
    except FetchError:
        return
    assert parse(address.text)[0] == address
    if address.scheme != "file":
        assert address.target.isascii()
        assert not set(address.target) & set("\r\n \t\0")
        assert address.host.isascii()


def test_odd_but_proper_addresses(server: LyingServer, fetcher: Fetcher) -> None:
    server.serve("/a%20b/%C3%BC", CONTENT)
    assert fetcher.learn(server.address + "/a b/ü#fragment").size == len(CONTENT)
    assert parse("https://bücher.example.com/x")[0].host == "xn--bcher-kva.example.com"
    assert parse("https://[::1]:8443/x")[0].place == "[::1]:8443"


def test_offline_opens_no_socket(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/f", CONTENT)
    page = server.serve("/page", b"page")
    kept = server.serve("/kept", b"kept")
    with Fetcher(tmp_path / "cache") as online:
        online.page(kept, accept="*/*", fresh=True)
        online.learn(server.serve("/g", b"in the cache"))
    code = (
        "import sys; from pathlib import Path\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, _: opened.append(event) if event.startswith('socket.') else None)\n"
        "from devshell.errors import FetchError; from devshell.fetch import Fetcher\n"
        "from devshell.lock.model import Artifact\n"
        "cache, address, page, kept, digest, held = sys.argv[1:]\n"
        "fetcher = Fetcher(Path(cache), offline=True)\n"
        "for ask in (lambda: fetcher.artifact(Artifact('tool.tar.gz', 'sha256', digest, 9), [address]),\n"
        "    lambda: fetcher.learn(address), lambda: fetcher.size(address),\n"
        "    lambda: fetcher.page(page, accept='*/*', fresh=False)):\n"
        "    try: ask()\n"
        "    except FetchError as problem: print(problem.message, problem.hint)\n"
        "print(fetcher.page(kept, accept='*/*', fresh=True).content)\n"
        "print(fetcher.artifact(Artifact('g', 'sha256', held, 12), [address]).stat().st_size)\n"
        "print(opened)"
    )
    held = hashlib.sha256(b"in the cache").hexdigest()
    before = len(server.seen)
    arguments = [str(tmp_path / "cache"), address, page, kept, ARTIFACT.digest, held]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(server.seen) == before
    assert all("--offline forbids" in line for line in lines[:4])
    assert "'tool.tar.gz'" in lines[0]
    assert lines[4:] == ["b'kept'", "12", "[]"]


def test_sizes_are_asked_without_fetching(server: LyingServer, fetcher: Fetcher) -> None:
    address = server.serve("/f", CONTENT)
    assert fetcher.size(address) == len(CONTENT)
    assert fetcher.exists(address)
    assert not fetcher.exists(server.address + "/missing")
    with pytest.raises(MissingError):
        fetcher.size(server.address + "/missing")
    assert fetcher.size(server.serve("/unsaid", CONTENT, Behaviour(chunked=True))) is None
    assert {seen.method for seen in server.seen} == {"HEAD"}
    assert fetcher.received == 0


def test_sizes_where_head_is_not_answered(server: LyingServer, fetcher: Fetcher) -> None:
    address = server.serve("/f", CONTENT, Behaviour(status=405), HONEST)
    assert fetcher.size(address) == len(CONTENT)
    assert server.seen[1].headers["range"] == "bytes=0-0"
    empty = server.serve("/empty", b"", Behaviour(status=405), Behaviour(status=416))
    assert fetcher.size(empty) == 0


class Proxy(http.server.BaseHTTPRequestHandler):
    """Answers every absolute address with the same bytes, and refuses tunnels."""

    seen: list[tuple[str, str, str | None]]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the terminal clean."""

    def do_GET(self) -> None:
        self.seen.append((self.command, self.path, self.headers.get("Proxy-Authorization")))
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def do_CONNECT(self) -> None:
        self.seen.append((self.command, self.path, self.headers.get("Proxy-Authorization")))
        self.send_error(407, "Login first")


@pytest.fixture
def proxy() -> Iterator[tuple[int, list[tuple[str, str, str | None]]]]:
    seen: list[tuple[str, str, str | None]] = []
    handler = type("ThisProxy", (Proxy,), {"seen": seen})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running.server_address[1], seen
        running.shutdown()
        thread.join()


def test_a_proxy_is_used_but_not_for_this_machine(
    proxy: tuple[int, list[tuple[str, str, str | None]]],
    server: LyingServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, seen = proxy
    monkeypatch.setenv("http_proxy", f"http://joe:hunter2@127.0.0.1:{port}")
    monkeypatch.setenv("no_proxy", "direct.invalid")
    with Fetcher(tmp_path / "cache", pause=0, insecure=["files.invalid", "direct.invalid"]) as fetcher:
        fetcher.artifact(ARTIFACT, ["http://files.invalid/f"])
        assert [each[:2] for each in seen] == [("GET", "http://files.invalid/f")]
        assert seen[0][2] == "Basic am9lOmh1bnRlcjI="
        fetcher.learn(server.serve("/f", CONTENT))
        with pytest.raises(UnreachableError):
            fetcher.learn("http://direct.invalid/f")
        assert len(seen) == 1


def test_a_proxy_that_refuses_is_named_without_its_login(
    proxy: tuple[int, list[tuple[str, str, str | None]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, seen = proxy
    monkeypatch.setenv("https_proxy", f"joe:hunter2@127.0.0.1:{port}")
    with Fetcher(tmp_path / "cache", pause=0) as fetcher, pytest.raises(UnreachableError, match="proxy") as caught:
        fetcher.learn("https://files.invalid/f")
    assert seen[0][:2] == ("CONNECT", "files.invalid:443")
    assert "hunter2" not in everything(caught.value)


@pytest.mark.parametrize("value", ["socks5://joe:hunter2@127.0.0.1:1", "http://joe:hunter2@x:y", "http://"])
def test_a_proxy_that_cannot_be_used_is_said(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("all_proxy", value)
    with pytest.raises(ConfigError, match="proxy") as caught:
        fetcher.learn("https://files.invalid/f")
    assert "hunter2" not in everything(caught.value)
