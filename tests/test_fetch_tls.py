from __future__ import annotations

import hashlib
import random
import shutil
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from devshell.errors import CancelledError, ConfigError, FetchError, UnreachableError
from devshell.fetch import Fetcher
from devshell.fetch.network import tls_context
from devshell.lock.model import Artifact
from support.server import HONEST, Behaviour, LyingServer, redirect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")

CONTENT = random.Random(3).randbytes(2_000_000)
ARTIFACT = Artifact("f", "sha256", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=devshell-test",
        "-addext",
    ]
    command += ["subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run(command, check=True, capture_output=True)
    both = folder / "both"
    both.write_bytes((folder / "key").read_bytes() + (folder / "cert").read_bytes())
    return both


@pytest.fixture
def server(certificate: Path) -> Iterator[LyingServer]:
    with LyingServer(certificate) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("cert")))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@pytest.mark.usefixtures("trusting")
def test_ssl_cert_file_is_trusted(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/f", CONTENT, Behaviour(reset_at=1_000_000), HONEST)
    with Fetcher(tmp_path / "cache", pause=0) as fetcher:
        assert fetcher.artifact(ARTIFACT, [address]).read_bytes() == CONTENT
        assert fetcher.page(address, accept="*/*", fresh=True).content == CONTENT
        assert server.seen[1].headers["range"].startswith("bytes=")


def test_an_unknown_certificate_is_refused_at_once(
    server: LyingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with Fetcher(tmp_path / "cache") as fetcher, pytest.raises(FetchError, match="cannot be trusted") as caught:
        fetcher.learn(server.serve("/f", CONTENT))
    assert not isinstance(caught.value, UnreachableError)
    assert "SSL_CERT_FILE" in str(caught.value.hint)
    assert server.seen == []
    assert fetcher.requests == 1


@pytest.mark.usefixtures("trusting")
def test_a_certificate_of_another_name_is_refused(server: LyingServer, tmp_path: Path) -> None:
    with Fetcher(tmp_path / "cache") as fetcher, pytest.raises(FetchError, match="cannot be trusted"):
        fetcher.learn(f"https://localhost:{server.port}/f")


@pytest.mark.usefixtures("trusting")
def test_a_redirect_down_to_http_is_refused(server: LyingServer, tmp_path: Path) -> None:
    with LyingServer() as plain, Fetcher(tmp_path / "cache") as fetcher:
        target = plain.serve("/f", CONTENT)
        with pytest.raises(FetchError, match="from https to plain http"):
            fetcher.learn(server.serve("/f", CONTENT, redirect(target)))
        assert plain.seen == []


@pytest.mark.usefixtures("trusting")
def test_a_body_cut_short_without_farewell_is_a_break(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/f", CONTENT, Behaviour(closing=True, short_at=1_000_000), HONEST)
    with Fetcher(tmp_path / "cache", pause=0) as fetcher:
        assert fetcher.learn(address).sha256 == ARTIFACT.digest


@pytest.mark.usefixtures("trusting")
def test_a_whole_body_that_ends_without_farewell_is_enough(server: LyingServer, tmp_path: Path) -> None:
    address = server.serve("/f", CONTENT, Behaviour(closing=True))
    with Fetcher(tmp_path / "cache", pause=0) as fetcher:
        fetcher.artifact(ARTIFACT, [address])
    assert len(server.seen) == 1


@pytest.mark.usefixtures("trusting")
def test_a_stalled_handshake_can_be_cancelled(tmp_path: Path) -> None:
    cancelled = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def accept() -> None:
            connection, _ = silent.accept()
            connection.recv(1)
            cancelled.set()

        threading.Thread(target=accept, daemon=True).start()
        fetcher = Fetcher(tmp_path / "cache", cancelled=cancelled.is_set, timeout=600)
        with fetcher, pytest.raises(CancelledError):
            fetcher.learn(f"https://127.0.0.1:{silent.getsockname()[1]}/f")


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv(name, str(tmp_path / "missing"))
    with pytest.raises(ConfigError, match=name):
        tls_context()


def test_a_file_without_certificates_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").write_text("no certificate\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "empty"))
    with pytest.raises(ConfigError, match="SSL_CERT_FILE"):
        tls_context()
