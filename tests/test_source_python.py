"""The python source, on a loopback copy of the layout its builds are served in."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Place
from devshell.config import Config
from devshell.errors import ConfigError, LockError, StoreError, UnreachableError
from devshell.lock import Artifact, Block
from devshell.sources import Site, uv_engine
from devshell.sources.python import Python
from devshell.sources.python import builds as python_builds
from devshell.sources.python import layout as python_layout
from support.python_host import MINOR, PYTHON, Host, builds, packed, real_build
from support.server import Behaviour, LyingServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from devshell.sources.python.builds import Build

PLATFORMS = ("linux-x86_64", "linux-aarch64", "darwin-arm64")
FAKE = b"not needed: only its hash counts"


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


@pytest.fixture
def host(server: LyingServer) -> Host:
    return Host(server)


def newest(minor: str = MINOR) -> tuple[str, Mapping[str, Build]]:
    """The newest version that uv knows for the platforms of these tests."""
    whole = {v: b for v, b in builds(minor).items() if set(PLATFORMS) <= set(b) and v.rpartition(".")[2].isdigit()}
    version = max(whole, key=lambda v: int(v.rpartition(".")[2]))
    return version, whole[version]


def asks_for(place: Place, request: str = MINOR, *, root: str | None) -> None:
    place.write("devshell.toml", f'[tools]\npython = "{request}"\n')
    place.run("config", "set", "sources", "python").ok()
    if root is not None:
        place.run("config", "set", "index.python", root).ok()
    place.run("allow").ok()


def locked(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((place.project / "devshell.lock").read_text())["tools"]["python"]
    return found


def serve_all(host: Host, content: bytes | None = None) -> str:
    """Serve the newest build for every platform, the one for here being real; return its version."""
    version, found = newest()
    for platform in PLATFORMS:
        host.add(found[platform], content or (real_build() if platform == "linux-x86_64" else FAKE))
    return version


@pytest.fixture
def ready(place: Place, host: Host) -> Place:
    """A place with a real Python installed from the loopback host."""
    serve_all(host)
    asks_for(place, root=host.root)
    place.run("sync").ok()
    return place


def tree_of(place: Place) -> Path:
    """The one Python in a store."""
    (tree,) = (path for path in place.store.glob("*-python-*") if path.is_dir())
    return tree


def inside(place: Place, *command: str, **env: str) -> str:
    """Run a command in the environment, with nothing else on the PATH."""
    return place.run("exec", "--", *command, env={"PATH": "/nowhere", **env}).ok().out


def test_locked_without_downloading_and_run_from_the_store(place: Place, server: LyingServer, host: Host) -> None:
    version = serve_all(host)
    asks_for(place, root=host.root)
    place.run("lock").ok()
    _, found = newest()
    assert sorted(f"{seen.method} {seen.path}" for seen in server.seen) == sorted(
        [f"GET /builds/{found['linux-x86_64'].date}/SHA256SUMS"] + [f"HEAD {host.address(found[p])}" for p in PLATFORMS]
    )
    entry = locked(place)
    assert {p: entry[p]["version"] for p in PLATFORMS} == dict.fromkeys(PLATFORMS, version)
    (artifact,) = entry["linux-x86_64"]["artifacts"]
    assert artifact["file"] == found["linux-x86_64"].file
    assert server.host not in (place.project / "devshell.lock").read_text()
    place.run("sync").ok()
    tree = tree_of(place)
    told = inside(place, "python", "-c", "import sys; print(sys.prefix, sys.version_info[:2])")
    assert told == f"{tree} {sys.version_info[:2]}\n"


def test_its_commands_and_nothing_of_the_path(ready: Place) -> None:
    tree = tree_of(ready)
    (environment,) = ready.store.glob("*-environment-1")
    assert set(os.listdir(environment / "bin")) == {
        "python", "python3", PYTHON, "pip", "pip3", f"pip{MINOR}", "pydoc", "pydoc3", f"pydoc{MINOR}",
        "python3-config", f"{PYTHON}-config",
    }  # fmt: skip
    assert sorted(os.listdir(tree / "bin")) == ["python", "python3", PYTHON, f"{PYTHON}-config"]
    for name in ("python", "python3", PYTHON):
        told = inside(ready, name, "-c", "import sys; print(sys.executable, sys.argv[1:])", "a b", "$HOME")
        assert told == f"{tree}/bin/{PYTHON} ['a b', '$HOME']\n"
    ready.write("pip.py", "raise SystemExit('not this one')")
    asked = ready.run("exec", "--", "pip3", "a b", env={"PATH": "/nowhere"})
    assert (asked.code, asked.out) == (3, f"pip of {tree} ['a b']\n")
    assert "keyword" in inside(ready, "pydoc", "keyword")


def test_a_moved_store_and_a_link_from_elsewhere(ready: Place) -> None:
    tree = tree_of(ready)
    (environment,) = ready.store.glob("*-environment-1")
    link = ready.base / "link"
    link.symlink_to(environment / "bin" / "python3")
    show = ["-c", "import sys, json; print(sys.executable)"]
    none = {"PATH": "/nowhere"}
    told = subprocess.run([link, *show], env=none, capture_output=True, text=True, check=True)
    assert told.stdout == f"{tree}/bin/{PYTHON}\n"
    moved = ready.base / "the store's other place"
    shutil.move(ready.base / "data", moved)
    program = moved / "store" / environment.name / "bin" / "python3"
    told = subprocess.run([program, *show], env=none, capture_output=True, text=True, check=True)
    assert told.stdout == f"{moved}/store/{tree.name}/bin/{PYTHON}\n"


def test_nothing_is_written_later(ready: Place) -> None:
    tree = tree_of(ready)
    before = sorted(str(path) for path in tree.rglob("*"))
    modules = "json, asyncio, sysconfig, venv, email.message, xml.dom.minidom, concurrent.futures, unittest.mock"
    script = f"import {modules}; sysconfig.get_config_vars(); print(json.__cached__, sysconfig.__cached__)"
    cached = inside(ready, "python3", "-c", script).split()
    assert all(path.startswith(str(tree)) and os.path.exists(path) for path in cached)
    assert sorted(str(path) for path in tree.rglob("*")) == before
    assert "0 damaged" in ready.run("store", "verify").ok().err


def test_how_it_was_built_is_how_it_is_here(ready: Place) -> None:
    tree = tree_of(ready)
    script = "import json, sysconfig; print(json.dumps(sysconfig.get_config_vars()))"
    told = json.loads(inside(ready, "python", "-c", script))
    assert told["LIBDIR"] == f"{tree}/lib"
    assert told["CFLAGS"] == f"-Wno-unused -O2 -I{tree}/include/x"
    assert (told["CC"], told["CXX"], told["AR"]) == ("cc -pthread", "c++ -pthread", "ar")
    assert (told["installed"], told["Py_DEBUG"], told["EXT_SUFFIX"]) == ("/installed/elsewhere", 0, ".cpython-x.so")
    library = tree / "lib" / PYTHON
    makefile = (library / "config-x" / "Makefile").read_text()
    assert makefile == f"prefix=\t{tree}\nLIB={tree}/lib\nX=/reinstall/install\nY=/installed\n"
    assert "prefix=${pcfiledir}/../..\n" in (tree / "lib" / "pkgconfig" / "python3.pc").read_text()
    assert sorted(p.name for p in (tree / "share" / "terminfo").iterdir()) == ["E", "e"]


def test_a_virtual_environment_stands_on_it(ready: Place) -> None:
    tree = tree_of(ready)
    inside(ready, "python", "-m", "venv", "--without-pip", "venv")
    uv = [uv_engine.program(), "venv", "--quiet", "--offline", "uvs"]
    subprocess.run(
        [*uv, "--python", ready.project / ".devshell" / "env" / "bin" / "python"], cwd=ready.project, check=True
    )
    for name in ("venv", "uvs"):
        program = ready.project / name / "bin" / "python"
        show = "import sys, json; print(sys.prefix, sys.base_prefix)"
        told = subprocess.run([program, "-c", show], capture_output=True, text=True, check=True)
        assert told.stdout.split() == [str(ready.project / name), str(tree)]
        assert f"home = {tree}/bin\n" in (ready.project / name / "pyvenv.cfg").read_text()
    managed = (tree / "lib" / PYTHON / "EXTERNALLY-MANAGED").read_text()
    assert managed.startswith("[externally-managed]\nError=")
    assert "python -m venv" in managed


def test_two_places_with_roots_of_two_lengths_hold_the_same_bits(ready: Place) -> None:
    other = Place(ready.base / "somebody" / "with a longer path" / "than the first one had")
    for name in ("devshell.toml", "devshell.lock"):
        shutil.copy(ready.project / name, other.project / name)
    shutil.copytree(ready.base / "cache", other.base / "cache")
    other.run("allow").ok()
    other.run("sync", "--offline").ok()

    def hashes(place: Place) -> dict[str, str]:
        return {path.name: path.read_text() for path in place.store.glob("*.hash")}

    assert hashes(ready) == hashes(other)
    assert inside(other, "python", "-c", "print(1)") == "1\n"


def test_the_same_tree_made_twice_here(tmp_path: Path) -> None:
    from devshell.archive import unpack
    from devshell.store.content import seal

    file = tmp_path / newest()[1]["linux-x86_64"].file
    file.write_bytes(real_build())
    found = []
    for name in ("one", "another store with spaces"):
        tree = tmp_path / name / ".adding-x"
        tree.mkdir(parents=True)
        unpack(file, file.name, tree, strip=1)
        python_layout.arrange(Site(tree, tmp_path / name / "aaaa-python-1"))
        found.append(seal(tree, tmp_path / name))
    assert found[0] == found[1]


def test_a_mirror_that_lacks_the_newest_gives_the_one_before(place: Place, host: Host) -> None:
    every = {v: b for v, b in builds().items() if set(PLATFORMS) <= set(b) and v.rpartition(".")[2].isdigit()}
    _, second = sorted(every, key=lambda v: -int(v.rpartition(".")[2]))[:2]
    for platform in PLATFORMS:
        host.add(every[second][platform], FAKE)
    asks_for(place, root=host.root)
    place.run("lock").ok()
    assert locked(place)["linux-x86_64"]["version"] == second


def test_an_empty_mirror_is_said(place: Place, host: Host) -> None:
    asks_for(place, root=host.root)
    failed = place.run("lock").failed()
    assert "no place has a standalone build of Python" in failed.err
    assert "index.python" in failed.err
    assert len({seen.path for seen in host.server.seen}) < 60


def test_hashes_are_learnt_where_no_list_says_them(place: Place, server: LyingServer) -> None:
    host = Host(server, lists=False)
    serve_all(host)
    asks_for(place, root=host.root)
    place.run("sync").ok()
    assert len([seen for seen in server.seen if seen.method == "GET" and seen.path.endswith(".gz")]) == 3
    assert inside(place, "python", "-c", "print(1)") == "1\n"


def test_a_file_that_is_not_the_listed_one_is_refused(place: Place, host: Host) -> None:
    _, found = newest()
    for platform in PLATFORMS:
        host.add(found[platform], FAKE, digest="0" * 64)
    asks_for(place, root=host.root)
    place.run("lock").ok()
    assert "another" in place.run("sync").failed().err
    assert not list(place.store.glob("*-python-*"))


def test_a_folder_is_a_host_too(place: Place) -> None:
    folder = place.base / "copy"
    _, found = newest()
    for platform in PLATFORMS:
        path = folder / found[platform].date / found[platform].file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(real_build() if platform == "linux-x86_64" else FAKE)
    asks_for(place, root=str(folder))
    place.run("sync").ok()
    assert inside(place, "python", "-c", "print(1)") == "1\n"


def test_a_login_goes_there_and_is_never_shown(place: Place, host: Host) -> None:
    _, found = newest()
    closed = Behaviour(login="joe:hunter2")
    for platform in PLATFORMS:
        host.add(found[platform], real_build() if platform == "linux-x86_64" else FAKE, closed)
    asks_for(place, root=host.root.replace("://", "://joe:hunter2@"))
    said = [place.run(*words).ok() for words in (("lock",), ("sync", "-v"), ("config",), ("list",), ("outdated",))]
    assert "hunter2" not in "".join(one.out + one.err for one in said)
    assert "hunter2" not in (place.project / "devshell.lock").read_text()


def test_uvs_own_settings_say_where(place: Place, host: Host) -> None:
    serve_all(host, FAKE)
    asks_for(place, root=None)
    settings = place.home / ".config" / "uv" / "uv.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'python-install-mirror = "{host.root}"\npython-preference = "only-system"\n')
    # A project's is not asked, nor what it would say of versions.
    place.write("uv.toml", 'python-install-mirror = "http://127.0.0.1:9/evil"\n')
    place.write("pyproject.toml", '[tool.uv]\npython-install-mirror = "http://127.0.0.1:9/evil"\n')
    place.write(".python-version", "3.8.3\n")
    place.run("lock").ok()
    seen = len(host.server.seen)
    assert seen > 3
    environment = {"UV_PYTHON_INSTALL_MIRROR": f"{host.server.address}/other", "UV_NO_MANAGED_PYTHON": "1"}
    (place.project / "devshell.lock").unlink()
    place.run("allow").ok()
    place.run("lock", env=environment).failed()
    assert {s.path.split("/")[1] for s in host.server.seen[seen:]} == {"other"}


def test_an_installed_lock_starts_no_uv(place: Place, host: Host) -> None:
    serve_all(host)
    asks_for(place, root=host.root)
    place.run("lock").ok()
    # With these, uv fails: it would be seen.
    env = {"UV_CONFIG_FILE": "/nowhere/at/all.toml"}
    assert "uv does not say" in place.run("lock", "--update", env=env).failed().err
    place.run("sync", env=env).ok()


def test_unreachable_is_said_once_and_quickly(place: Place) -> None:
    place.write("devshell.toml", f'[tools]\npython = "{MINOR}"\n[shells.other.tools]\npython = "=3.12.1"\n')
    place.run("config", "set", "sources", "python").ok()
    place.run("config", "set", "index.python", "https://nowhere.invalid/builds").ok()
    place.run("allow").ok()
    failed = place.run("lock").failed()
    assert failed.err.count("nowhere.invalid cannot be reached: its name is not known") == 2, "one for each tool"
    assert "trying again" not in failed.err


def test_where_it_cannot_be_reached_the_next_source_is_taken(place: Place) -> None:
    """With the registry's own order: this machine has Debian's index or not, and either is said."""
    place.write("devshell.toml", '[tools]\npython = "3.13"\n[settings]\nplatforms = ["linux-x86_64"]\n')
    place.run("config", "set", "sources", "python, deb").ok()
    place.run("config", "set", "index.python", "https://nowhere.invalid/builds").ok()
    place.run("config", "set", "index.deb", "https://nowhere.invalid/debian").ok()
    place.run("allow").ok()
    failed = place.run("lock").failed()
    assert "tools.python" in failed.err
    assert "nowhere.invalid cannot be reached" in failed.err


def test_outdated_asks_whether_anybody_answers(place: Place, host: Host) -> None:
    every = {v: b for v, b in builds().items() if set(PLATFORMS) <= set(b) and v.rpartition(".")[2].isdigit()}
    first, second = sorted(every, key=lambda v: -int(v.rpartition(".")[2]))[:2]
    for version in (first, second):
        for platform in PLATFORMS:
            host.add(every[version][platform], FAKE)
    asks_for(place, f"={second}", root=host.root)
    place.run("lock").ok()
    (told,) = json.loads(place.run("outdated", "--json").ok().out)
    assert (told["locked"], told["allowed"]) == (second, second)
    place.run("config", "set", "index.python", "https://nowhere.invalid/builds").ok()
    silent = place.run("outdated").ok()
    assert silent.out == ""
    assert "nowhere.invalid cannot be reached" in silent.err


@pytest.mark.parametrize(
    ("request_", "words"),
    [("3.99", "the newest are"), ("=2.7.18", "the newest are")],
)
def test_a_version_that_there_is_not(place: Place, request_: str, words: str) -> None:
    asks_for(place, request_, root="https://nowhere.invalid/builds")
    failed = place.run("lock").failed()
    assert "no standalone build" in failed.err
    assert words in failed.err


def test_a_platform_without_a_build_is_absent(place: Place, host: Host) -> None:
    some = {v: b for v, b in builds("3.8").items() if "linux-aarch64" not in b}
    version, found = next(iter(some.items()))
    for build in found.values():
        host.add(build, FAKE)
    asks_for(place, f"={version}", root=host.root)
    place.run("lock").ok()
    assert "no standalone build" in locked(place)["linux-aarch64"]["absent"]
    assert locked(place)["linux-x86_64"]["version"] == version


# the list of builds


def test_only_plain_builds_for_these_platforms_are_known() -> None:
    found = python_builds.known()
    assert {build.platform for build in found} == set(python_builds.TRIPLES)
    assert all("freethreaded" not in b.file and "debug" not in b.file and "x86_64_v" not in b.file for b in found)
    assert len({(build.version, build.platform) for build in found}) == len(found)
    assert {"3.11", "3.12", "3.13"} <= {build.version.rpartition(".")[0] for build in found}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "cpython-3.13.1+20250115-x86_64-unknown-linux-musl-install_only.tar.gz",
        "cpython-3.13.1+20250115-x86_64_v3-unknown-linux-gnu-install_only.tar.gz",
        "cpython-3.13.1+20250115-x86_64-unknown-linux-gnu-freethreaded-install_only.tar.gz",
        "cpython-3.13.1+20250115-x86_64-unknown-linux-gnu-debug-full.tar.zst",
        "cpython-3.13.1+20250115-x86_64-pc-windows-msvc-install_only.tar.gz",
        "cpython-3.13+20250115-x86_64-unknown-linux-gnu-install_only.tar.gz",
        "../cpython-3.13.1+20250115-x86_64-unknown-linux-gnu-install_only.tar.gz",
        "cpython-3.13.1+20250115-x86_64-unknown-linux-gnu-install_only.tar.gz\n",
        "pypy-3.13.1+20250115-x86_64-unknown-linux-gnu-install_only.tar.gz",
    ],
)
def test_other_names_are_no_builds(name: str) -> None:
    assert python_builds.parse(name) is None


@given(st.text(max_size=300))
def test_any_name_is_parsed(name: str) -> None:
    found = python_builds.parse(name)
    assert found is None or found.file == name


@given(st.binary(max_size=400))
def test_any_list_of_hashes_is_read(page: bytes) -> None:
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in python_builds.digests(page).values())


def test_a_list_of_hashes() -> None:
    one, other = "a" * 64, "b" * 64
    page = f"{one}  one.tar.gz\n{other} *other.tar.gz\r\n\nnothing\n{one[:-1]}  short\n".encode()
    assert python_builds.digests(page) == {"one.tar.gz": one, "other.tar.gz": other}


def test_uvs_answer_may_be_anything() -> None:
    good = "cpython-3.13.1%2B20250115-x86_64-unknown-linux-gnu-install_only.tar.gz"
    for text in (
        "",
        "{}",
        "[1]",
        '[{"url": null}]',
        '[{"url": 3}]',
        '[{"url": "x"}]',
        f'[{{"url": "{good}"}}]',
        "[" * 10**5,
    ):
        assert python_builds._parsed(text.encode()) == []
    text = json.dumps([{"url": f"http://h.example/d/20250115/{good}"}, {"url": f"http://h.example/20250116/{good}"}])
    ((build, root),) = python_builds._parsed(text.encode())
    assert (build.version, root) == ("3.13.1", "http://h.example/d")
    assert build.address(root) == f"http://h.example/d/20250115/{good}"


def test_wrong_settings_of_uv_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "uv.toml"
    file.write_text("python-install-mirror = 3")
    monkeypatch.setenv("UV_CONFIG_FILE", str(file))
    with pytest.raises(ConfigError, match="builds of Python"):
        list(python_builds.roots(Config()))
    assert list(python_builds.roots(Config(index_python=("http://h.example/x/",)))) == ["http://h.example/x"]


def test_a_silent_list_of_ones_own_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", "http://127.0.0.1:9/list.json")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(UnreachableError):
        python_builds.known()


# what the lock says


def test_a_lock_that_contradicts_itself_is_refused() -> None:
    _, found = newest()
    build = found["linux-x86_64"]

    def block(file: str = build.file, **options: Any) -> Block:  # noqa: ANN401
        artifact = Artifact(file, "sha256", "0" * 64, 1, options.pop("place", ""))
        return Block("python", options.pop("version", build.version), (artifact,), strip=options.pop("strip", 1))

    Python().check("python", "linux-x86_64", block())
    for platform, wrong in (
        ("linux-aarch64", block()),
        ("linux-x86_64", block(version="3.0.0")),
        ("linux-x86_64", block("evil.tar.gz")),
        ("linux-x86_64", block(strip=0)),
        ("linux-x86_64", block(place="x")),
        ("linux-x86_64", Block("python", build.version, ())),
    ):
        with pytest.raises(LockError, match="python"):
            Python().check("python", platform, wrong)


# archives that are none


@pytest.mark.parametrize(
    ("files", "links"),
    [
        ({"bin/x": b"x"}, {}),
        ({"lib/python3.13/os.py": b"", "lib/python3.12/os.py": b""}, {}),
        ({"lib/python3.13/os.py": b""}, {"bin": "/usr"}),
        ({"lib/python3.13/os.py": b""}, {"bin/python3.13": "/bin/sh"}),
        ({"lib/python3.13/os.py": b"", "bin/python3.13": b"#!/bin/sh\n"}, {"lib/python3.13/_sysconfigdata_x.py": "/x"}),
        ({"lib/python3.13/os.py": b"", "bin/python3.13": b"#!/bin/sh\nexit 1\n"}, {}),
    ],
)
def test_what_is_no_build_is_refused(tmp_path: Path, files: dict[str, bytes], links: dict[str, str]) -> None:
    from devshell.archive import unpack

    file = tmp_path / "x.tar.gz"
    file.write_bytes(packed(files, links))
    tree = tmp_path / "tree"
    tree.mkdir()
    unpack(file, file.name, tree, strip=1)
    with pytest.raises(StoreError):
        python_layout.arrange(Site(tree, tmp_path / "final"))


# the real host


@pytest.mark.network
def test_the_real_thing_or_debians(place: Place) -> None:
    """Where the real host answers, its Python runs; where it does not, Debian's is taken, and that is said."""
    place.write(
        "devshell.toml", '[tools]\npython = "3.13"\n[settings]\nplatforms = ["linux-x86_64", "linux-aarch64"]\n'
    )
    place.run("allow").ok()
    done = place.run("sync").ok()
    chosen = locked(place)["linux-x86_64"]["source"]
    if _resolves(urlsplit(next(python_builds.roots(Config()))).hostname or ""):
        assert chosen == "python"
        assert "cannot be reached" not in done.err
    else:
        assert chosen == "deb"
        said = r"(?m)^devshell: python: .* cannot be reached: .*; taking it from deb$"
        assert len(re.findall(said, done.err)) == 1
        assert done.err.count("cannot be reached") == 1
    assert inside(place, "python3", "--version").startswith("Python 3.13.")
    assert inside(place, "python3.13", "-c", "import ssl, sqlite3, ctypes, lzma; print('all there')") == "all there\n"
    assert "0 damaged" in place.run("store", "verify").ok().err


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True
