"""A lock's files by hash, and syncing from them where there is no network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tomllib
from typing import TYPE_CHECKING

import pytest

from conftest import Place
from support.pypi_index import Index
from support.server import Behaviour, LyingServer
from support.tools import PLATFORMS, archive, program, project, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Nothing listens there.
DEAD = "http://127.0.0.1:9"


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


def locked_files(place: Place) -> dict[str, int]:
    """Every hash that a place's lock names, with the size."""
    text = (place.project / "devshell.lock").read_text()
    found = {}

    def visit(value: object) -> None:
        if isinstance(value, dict):
            if "sha256" in value:
                found[str(value["sha256"])] = int(value["size"])
            for each in value.values():
                visit(each)
        elif isinstance(value, list):
            for each in value:
                visit(each)

    visit(tomllib.loads(text))
    return found


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def elsewhere(place: Place, mirrors: str, *, index: str = f"{DEAD}/simple") -> Place:
    """A machine of its own with the same project, whose index is dead, and which knows mirrors."""
    other = Place(place.base / "elsewhere")
    for name in ("devshell.toml", "devshell.lock"):
        shutil.copy(place.project / name, other.project / name)
    other.run("config", "set", "index.pypi", index).ok()
    other.run("config", "set", "mirrors", mirrors).ok()
    other.run("allow").ok()
    return other


def from_pypi(place: Place, index: Index) -> None:
    """A project with one wheel, mirrored into `base/mirror`."""
    index.add("tool", "tool-1.0-py3-none-manylinux_2_17_x86_64.whl", "tool-1.0-py3-none-macosx_11_0_arm64.whl")
    place.write("devshell.toml", '[tools]\n"pypi:tool" = "1"\n')
    place.run("config", "set", "index.pypi", index.url).ok()
    place.run("allow").ok()
    place.run("mirror", str(place.base / "mirror")).ok()


def test_everything_the_lock_names_is_there_by_its_hash(place: Place, server: LyingServer) -> None:
    rest = f"[shells.ci.tools]\n{serve(server, 'extra', '3.0')}"
    for platform in PLATFORMS:
        # Of its own for each platform, or one file would do for all.
        content = archive({"bin/hello": program(f"hello on {platform}")})
        server.serve(f"/own/1/{platform}.tar.gz", content)
    rest = f'own = {{ source = "http", version = "1", url = "{server.address}/own/1/{{os}}-{{arch}}.tar.gz" }}\n{rest}'
    project(place, server, ("hello", "1.0"), rest=rest)
    said = place.run("mirror", "sub/mirror").ok().err
    folder = place.project / "sub" / "mirror"
    wanted = locked_files(place)
    assert len(wanted) == 5
    assert files(folder) == sorted(["devshell-mirror.json", *(f"sha256/{d[:2]}/{d}" for d in wanted)])
    for digest in wanted:
        path = folder / "sha256" / digest[:2] / digest
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
        assert path.stat().st_mode & 0o777 == 0o644
    assert "5 files" in said
    assert "5 new" in said
    assert "nothing new" in place.run("mirror", "sub/mirror").ok().err


def test_only_some_platforms(place: Place, server: LyingServer) -> None:
    for platform in PLATFORMS:
        server.serve(f"/{platform}", program(platform).encode())
    line = (
        f'own = {{ source = "http", version = "1", url = "{server.address}/{{os}}-{{arch}}", bin = {{ own = "x" }} }}'
    )
    place.write("devshell.toml", f"[tools]\n{line}\n")
    place.run("allow").ok()
    place.run("mirror", "m", "--platform", "linux-aarch64", "--platform", "darwin-arm64").ok()
    assert len(files(place.project / "m")) == 3
    wrong = place.run("mirror", "m", "--platform", "linux-arm").failed(2)
    assert "nothing is locked for linux-arm" in wrong.err
    assert "linux-aarch64" in wrong.err


def test_what_is_there_is_kept_and_what_is_broken_is_replaced(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), ("bye", "2.0"))
    place.run("mirror", "m").ok()
    one, other = (path for path in (place.project / "m").rglob("*/*/*") if path.is_file())
    before = other.stat()
    one.write_bytes(b"x" * one.stat().st_size)
    left = one.with_name(f".{one.name}.part")
    left.write_bytes(b"of a killed one")
    seen = len(server.seen)
    assert "1 new" in place.run("mirror", "m").ok().err
    assert hashlib.sha256(one.read_bytes()).hexdigest() == one.name
    assert (other.stat().st_ino, other.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not left.exists()
    assert len(server.seen) == seen, "the cache has it"


def test_a_mirror_of_a_layout_that_is_not_known_is_left_alone(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    mark = place.write("m/devshell-mirror.json", json.dumps({"format": 2}))
    assert "layout" in place.run("mirror", "m").failed().err
    assert files(mark.parent) == [mark.name]


def test_an_untrusted_project_is_not_mirrored(place: Place, server: LyingServer) -> None:
    place.write("devshell.toml", "[tools]\n" + serve(server, "hello", "1.0"))
    assert "devshell allow" in place.run("mirror", "m").failed().err
    assert not server.seen
    assert not (place.project / "m").exists()


def test_a_file_that_cannot_be_had_is_named_and_the_rest_is_there(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), ("bye", "2.0"))
    place.run("lock").ok()
    shutil.rmtree(place.base / "cache")
    for platform in PLATFORMS:
        server.serve(f"/bye/2.0/bye-{platform}.tar.gz", b"", Behaviour(status=404))
    wrong = place.run("mirror", "m").failed()
    assert "bye 2.0" in wrong.err
    assert wrong.err.count("error:") == 1
    assert len(files(place.project / "m")) == 2


@pytest.mark.parametrize("offline", [(), ("--offline",)])
def test_sync_from_a_folder_asks_nobody(place: Place, offline: tuple[str, ...]) -> None:
    with Index() as index:
        from_pypi(place, index)
        other = elsewhere(place, str(place.base / "mirror"), index=index.url)
        asked = len(index.asked)
        synced = other.run("sync", *offline).ok()
        assert len(index.asked) == asked
    assert "1 tool" in synced.err
    assert other.run("exec", "tool").ok().out == "tool 1.0\n"


def test_sync_from_a_folder_starts_no_client(place: Place, tmp_path: Path) -> None:
    with Index() as index:
        from_pypi(place, index)
    other = elsewhere(place, str(place.base / "mirror"))
    other.run("config", "unset", "index.pypi").ok()
    # uv makes its folder of temporary files before it does anything; here it could not.
    nowhere = tmp_path / "nowhere"
    broken = other.home / ".config" / "uv" / "uv.toml"
    broken.parent.mkdir(parents=True)
    broken.write_text("this is not TOML")
    other.run("sync", env={"UV_CACHE_DIR": str(nowhere)}).ok()
    assert not nowhere.exists()
    shutil.rmtree(place.base / "mirror")
    shutil.rmtree(other.base / "data")
    shutil.rmtree(other.base / "cache")
    assert "uv" in other.run("sync").failed().err, "the broken settings show that uv is asked then"


def test_sync_over_http_asks_the_mirror_alone(place: Place, server: LyingServer) -> None:
    with Index() as index:
        from_pypi(place, index)
    for name in files(place.base / "mirror"):
        server.serve(f"/m/{name}", (place.base / "mirror" / name).read_bytes())
    other = elsewhere(place, f"{server.address}/m/")
    other.run("sync").ok()
    assert other.run("exec", "tool").ok().out == "tool 1.0\n"
    assert [seen.path for seen in server.seen] == [f"/m/sha256/{d[:2]}/{d}" for d in digests_here(place)]
    assert not list((other.base / "cache").glob("pages/*"))


def digests_here(place: Place) -> list[str]:
    """What the lock names for linux-x86_64, which the wheels in these tests are for."""
    lock = tomllib.loads((place.project / "devshell.lock").read_text())
    return [a["sha256"] for entry in lock["tools"].values() for a in entry["linux-x86_64"]["artifacts"]]


def test_a_tampered_file_of_a_mirror_is_never_used(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("mirror", str(place.base / "mirror")).ok()
    (digest,) = locked_files(place)
    path = place.base / "mirror" / "sha256" / digest[:2] / digest
    honest = path.read_bytes()
    evil = archive({"bin/hello": program("evil")}).ljust(len(honest), b"\0")[: len(honest)]
    for wrong in (evil, honest[:-1], honest + b"x", b""):
        path.write_bytes(wrong)
        other = elsewhere(place, str(place.base / "mirror"))
        seen = len(server.seen)
        synced = other.run("sync").ok()
        assert synced.err.count("WARNING: a mirror holds a wrong file, which is not used") == 1
        assert digest in synced.err
        assert other.run("exec", "hello").ok().out == "hello 1.0\n"
        assert len(server.seen) == seen + 1
        shutil.rmtree(other.base)
    path.write_bytes(evil)
    other = elsewhere(place, str(place.base / "mirror"))
    failed = other.run("sync", "--offline").failed()
    assert "another" in failed.err
    assert not list(other.store.glob("*-hello-*"))


def test_mirrors_in_their_order_then_the_source(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"), ("bye", "2.0"))
    place.run("mirror", str(place.base / "mirror")).ok()
    (first, _), (second, _) = sorted(locked_files(place).items())
    names = {d: f"/{n}/sha256/{d[:2]}/{d}" for d, n in ((first, "near"), (second, "far"))}
    for digest, path in names.items():
        server.serve(path, (place.base / "mirror" / "sha256" / digest[:2] / digest).read_bytes())
    seen = len(server.seen)
    # The dead one, one with half of the files, one with the other half.
    other = elsewhere(place, f"{DEAD}/m, /nowhere/at all, {server.address}/near, {server.address}/far")
    synced = other.run("sync").ok()
    assert synced.err.count("127.0.0.1:9 cannot be reached") == 1 + synced.err.count("trying again")
    assert synced.err.count("the mirror '/nowhere/at all' is not there; going on without it") == 1
    asked = sorted(s.path for s in server.seen[seen:])
    assert asked == sorted([names[first], f"/near/sha256/{second[:2]}/{second}", names[second]])
    shutil.rmtree(other.base)
    # Nobody but the source has it.
    seen = len(server.seen)
    elsewhere(place, f"{server.address}/empty").run("sync").ok()
    asked = [s.path.split("/")[1] for s in server.seen[seen:]]
    assert sorted(asked) == ["bye", "empty", "empty", "hello"]


def test_a_mirror_with_a_login(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("mirror", str(place.base / "mirror")).ok()
    (digest,) = locked_files(place)
    path = f"/m/sha256/{digest[:2]}/{digest}"
    content = (place.base / "mirror" / path.removeprefix("/m/")).read_bytes()
    server.serve(path, content, Behaviour(login="joe:hunter2"))
    mine = server.address.replace("://", "://joe:hunter2@")
    other = elsewhere(place, f"{mine}/m")
    shown = other.run("config", "get", "mirrors").ok()
    synced = other.run("sync", "--verbose").ok()
    assert len(server.requests(path)) == 1
    assert "hunter2" not in shown.out + shown.err + synced.out + synced.err
    shutil.rmtree(other.base)
    refused = elsewhere(place, f"{server.address}/m").run("sync").ok()
    assert "a mirror refuses: " in refused.err
    assert "(401)" in refused.err


def test_two_at_once_make_one_mirror(place: Place, server: LyingServer) -> None:
    from concurrent.futures import ThreadPoolExecutor

    project(place, server, *((f"tool{n}", "1.0") for n in range(5)))
    place.run("lock").ok()
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(place.run, "mirror", str(place.base / "mirror")) for _ in range(2)]:
            done.result().ok()
    assert len(files(place.base / "mirror")) == 6


def test_a_folder_that_cannot_be_written_is_said(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.write("file", "x")
    failed = place.run("mirror", "file").failed()
    assert "file" in failed.err
    assert os.path.isfile(place.project / "file")
