"""Python applications: what is locked, against a real index on this machine."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell import registry
from devshell.config import Config
from devshell.errors import ArchiveError, CancelledError, FetchError, LockError, Place, ResolveError, UnreachableError
from devshell.fetch import Fetcher
from devshell.lock import Absent, Artifact, Block, Entry, Lock, dumps
from devshell.manifest import Request
from devshell.sources import Needed, World
from devshell.sources.pypi import Pypi, entry_points, wheel_metadata
from devshell.sources.pypi import tags as python_tags
from devshell.sources.pypi.locking import PYTHON
from devshell.system import DEFAULT_PLATFORMS
from support.pypi_index import File, Index, python_wheel
from support.server import Behaviour, LyingServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from devshell.lock.model import Block as BlockType

LINUX, ARM, MAC = DEFAULT_PLATFORMS
PLACE = f"lib/python{PYTHON}/site-packages"
PYTHON_BLOCK = Block("http", "3.13.1", (Artifact("python.tar.gz", "sha256", "0" * 64, 5),))


@pytest.fixture(params=["json", "html"])
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    with Index(style=request.param) as running:
        yield running


@pytest.fixture
def json_index() -> Iterator[Index]:
    with Index() as running:
        yield running


class Worlds:
    """Makes worlds that share one cache, and hears what they say."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.fetchers: list[Fetcher] = []
        self.notes: list[str] = []
        self.asked: list[tuple[str, str, tuple[str, ...]]] = []
        self.without_python: tuple[str, ...] = ()

    def __call__(
        self, *indexes: Index | str, offline: bool = False, cancelled: Callable[[], bool] = lambda: False
    ) -> World:
        fetcher = Fetcher(self.cache, attempts=1, pause=0.01, timeout=5.0, offline=offline, cancelled=cancelled)
        self.fetchers.append(fetcher)
        addresses = tuple(i if isinstance(i, str) else i.url for i in indexes)
        return World(fetcher, Config(index_pypi=addresses), need=self.need, note=self.notes.append)

    def need(self, name: str, version: str, platforms: Sequence[str]) -> Needed:
        self.asked.append((name, version, tuple(platforms)))
        blocks: dict[str, Block | Absent] = dict.fromkeys(platforms, PYTHON_BLOCK)
        blocks |= {platform: Absent("nobody builds it") for platform in self.without_python}
        return Needed(
            Entry(name, version, blocks), {"base": Entry("base", "1", dict.fromkeys(platforms, PYTHON_BLOCK))}
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Worlds]:
    worlds = Worlds(tmp_path / "cache")
    yield worlds
    for fetcher in worlds.fetchers:
        fetcher.close()


def add(  # noqa: PLR0913
    index: Index,
    package: str,
    release: str,
    *requires: str,
    tag: str = "py3-none-any",
    commands: bool = False,
    python: str | None = None,
    size: int | None = -1,
) -> File:
    module = package.replace("-", "_")
    content = python_wheel(
        package, release, requires=requires, commands={package: f"{module}:main"} if commands else None
    )
    file = File(f"{module}-{release}-{tag}.whl", content, python=python, size=size)
    index.add(package, file)
    return file


def wish(name: str = "app", version: str = "*") -> Request:
    return Request(f"pypi:{name}", name, "pypi", version, Place("devshell.toml", 3, f"tools.{name}"))


def lock(
    world: World, version: str = "*", name: str = "app", offer: registry.Offer | None = None
) -> dict[str, BlockType | Absent]:
    return dict(Pypi().lock(wish(name, version), offer, DEFAULT_PLATFORMS, world).platforms)


def offer(more: str = "") -> registry.Offer:
    head = 'description = "x"\n[[sources]]\nsource = "pypi"\npackage = "app"\npublisher = "x"\ntrust = "x"\n'
    return registry.parse("app", (head + more).encode(), "app").offers[0]


def block(found: dict[str, BlockType | Absent], platform: str = LINUX) -> BlockType:
    one = found[platform]
    assert isinstance(one, Block), one
    return one


def files(found: dict[str, BlockType | Absent], platform: str = LINUX) -> list[str]:
    return [artifact.file for artifact in block(found, platform).artifacts]


# Locking


def test_each_platform_gets_its_closure(index: Index, world: Worlds) -> None:
    main = add(index, "app", "1.0", "Dep>=1", 'only-mac; sys_platform == "darwin"', "fast", commands=True)
    add(index, "dep", "1.0")
    add(index, "dep", "1.5")
    add(index, "only-mac", "3")
    for tag in ("manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux2014_aarch64", "macosx_11_0_arm64"):
        add(index, "fast", "2", tag=f"cp313-cp313-{tag}")
    found = lock(world(index))
    assert files(found) == [
        "app-1.0-py3-none-any.whl",
        "dep-1.5-py3-none-any.whl",
        "fast-2-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    ]
    assert files(found, ARM)[2:] == ["fast-2-cp313-cp313-manylinux2014_aarch64.whl"]
    assert files(found, MAC)[2:] == ["fast-2-cp313-cp313-macosx_11_0_arm64.whl", "only_mac-3-py3-none-any.whl"]
    one = block(found)
    assert one.artifacts[0] == Artifact("app-1.0-py3-none-any.whl", "sha256", main.sha256, len(main.content), PLACE)
    assert (one.version, dict(one.origin), one.dependencies) == (
        "1.0",
        {"package": "app", "python": "3.13"},
        ("python",),
    )
    assert dict(one.bin or {}) == {"app": "bin/app"}
    for platform in DEFAULT_PLATFORMS:
        Pypi().check("app", platform, block(found, platform))
    assert world.asked == [("python", "3.13", DEFAULT_PLATFORMS)]


def test_what_it_stands_on_is_locked_with_it(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "1.0", commands=True)
    locked = Pypi().lock(wish(), None, DEFAULT_PLATFORMS, world(json_index))
    assert sorted(locked.dependencies) == ["base", "python"]


def test_equal_indexes_give_equal_locks(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "1.0", "dep", commands=True)
    for tag in ("py3-none-any", "py2.py3-none-any", "1-py3-none-any", "cp313-abi3-manylinux2014_x86_64"):
        add(json_index, "dep", "1.0", tag=tag)
    texts = []
    for _ in range(2):
        found = Pypi().lock(wish(), None, DEFAULT_PLATFORMS, world(json_index))
        texts.append(dumps(Lock(tools={"app": Entry("app", "*", found.platforms)}, dependencies=found.dependencies)))
        for listed in json_index.packages.values():
            listed.reverse()
    assert texts[0] == texts[1]


@pytest.mark.parametrize("size", [None, -1])
def test_a_size_that_the_page_does_not_tell_is_asked_for(size: int | None, json_index: Index, world: Worlds) -> None:
    main = add(json_index, "app", "1.0", commands=True, size=size)
    assert block(lock(world(json_index))).artifacts[0].size == len(main.content)


def test_wheels_that_need_a_newer_system_are_not_chosen(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "1.0", "fast", commands=True)
    for release, glibc, macos in (("1.0", "2_28", "12_0"), ("2.0", "2_31", "13_0")):
        add(json_index, "fast", release, tag=f"cp313-cp313-manylinux_{glibc}_x86_64")
        add(json_index, "fast", release, tag=f"cp313-cp313-manylinux_{glibc}_aarch64")
        add(json_index, "fast", release, tag=f"cp313-cp313-macosx_{macos}_arm64")
    found = lock(world(json_index))
    assert [files(found, platform)[1] for platform in DEFAULT_PLATFORMS] == [
        "fast-1.0-cp313-cp313-manylinux_2_28_x86_64.whl",
        "fast-1.0-cp313-cp313-manylinux_2_28_aarch64.whl",
        "fast-1.0-cp313-cp313-macosx_12_0_arm64.whl",
    ]


def test_a_dependency_that_is_but_source_is_named(index: Index, world: Worlds) -> None:
    add(index, "app", "1.0", "dep", commands=True)
    index.add("dep", File("dep-1.0.tar.gz", b"x"))
    with pytest.raises(ResolveError, match=r"only wheels are taken, and .*dep.* has none") as caught:
        lock(world(index))
    assert caught.value.place == Place("devshell.toml", 3, "tools.app")
    assert caught.value.hint


def test_a_platform_without_its_wheels_is_absent_and_says_why(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "1.0", "fast", commands=True)
    add(json_index, "fast", "1.0", tag="cp313-cp313-manylinux2014_x86_64")
    found = lock(world(json_index))
    assert block(found).version == "1.0"
    for platform in (ARM, MAC):
        absent = found[platform]
        assert isinstance(absent, Absent)
        assert absent.reason == f"only wheels are taken, and fast 1.0 has none for {platform} and Python 3.13"


def test_an_older_version_that_serves_all_is_taken(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "2.0", "fast", commands=True)
    add(json_index, "app", "1.0", commands=True)
    add(json_index, "fast", "1.0", tag="cp313-cp313-manylinux2014_x86_64")
    found = lock(world(json_index))
    assert {block(found, platform).version for platform in DEFAULT_PLATFORMS} == {"1.0"}
    (note,) = world.notes
    assert note.startswith("pypi:app: 1.0 is taken, not 2.0: only wheels are taken, and fast 1.0 has none")


def test_requests_choose_versions(json_index: Index, world: Worlds) -> None:
    for release in ("1.9", "1.10", "2.0rc1"):
        add(json_index, "app", release, commands=True)
    here = world(json_index)
    for request, version in {"*": "1.10", "1.9": "1.9", "=2.0rc1": "2.0rc1", "<1.10": "1.9"}.items():
        assert block(lock(here, request)).version == version
    assert Pypi().versions(wish(), None, here) == ["2.0rc1", "1.10", "1.9"]
    with pytest.raises(ResolveError, match="'3'"):
        lock(here, "3")


def test_a_version_for_another_python_is_passed_over(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "1.0", commands=True)
    add(json_index, "app", "2.0", commands=True, python=">=3.14")
    here = world(json_index)
    assert block(lock(here)).version == "1.0"
    assert Pypi().versions(wish(), None, here) == ["1.0"]
    with pytest.raises(ResolveError, match=r"wants a Python that answers '>=3\.14', not 3\.13"):
        lock(here, "2")


def test_a_yanked_version_needs_an_exact_request(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "1.0", commands=True)
    add(json_index, "app", "1.1", commands=True).yanked = True
    here = world(json_index)
    assert block(lock(here)).version == "1.0"
    assert block(lock(here, "=1.1")).version == "1.1"
    with pytest.raises(ResolveError, match="yanked"):
        lock(here, ">1.0")


def test_a_program_comes_before_python(json_index: Index, world: Worlds) -> None:
    json_index.add("app", "app-1.0-py3-none-manylinux2014_x86_64.whl")
    add(json_index, "app", "2.0", commands=True)
    found = lock(world(json_index))
    assert block(found).version == "1.0"
    assert block(found).dependencies == ()


def test_a_library_is_refused(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "1.0", "tool")
    add(json_index, "tool", "1.0")
    with pytest.raises(ResolveError, match="is a library: it has no commands"):
        lock(world(json_index))


def test_a_package_of_packages_has_the_commands_of_these(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "1.0", "tool", 'other; extra == "more"', "third")
    for package in ("tool", "other", "third"):
        add(json_index, package, "1.0", "other" if package == "third" else "app", commands=True)
    assert dict(block(lock(world(json_index))).bin or {}) == {"third": "bin/third", "tool": "bin/tool"}


def test_the_registry_may_name_the_commands(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "1.0", "tool", commands=True)
    add(json_index, "tool", "1.0", commands=True)
    one = offer('bin = { tool = "bin/tool" }\nvariables = { HERE = "${tool}/{version}" }')
    found = block(lock(world(json_index), offer=one))
    assert (dict(found.bin or {}), dict(found.variables)) == ({"tool": "bin/tool"}, {"HERE": "${tool}/1.0"})


def test_where_there_is_no_python_there_is_no_tool(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "1.0", commands=True)
    world.without_python = (MAC,)
    found = lock(world(json_index))
    assert block(found).version == "1.0"
    assert found[MAC] == Absent("it runs on Python 3.13: nobody builds it")


def test_a_requirement_by_address_is_refused(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "1.0", f"dep @ {json_index.url}/dep-1.0-py3-none-any.whl", commands=True)
    with pytest.raises(ResolveError, match="dep"):
        lock(world(json_index))


@pytest.mark.parametrize(
    "metadata", [b"", b"\xff\xfe", b"Name: app\n", b"Metadata-Version: 2.1\nName: evil\nVersion: 9\n"]
)
def test_wheels_that_lie_get_an_error(metadata: bytes, json_index: Index, world: Worlds) -> None:
    content = python_wheel("app", "1.0", commands={"app": "app:main"}).replace(
        b"app-1.0.dist-info", b"app-1.0.dist-inf0"
    )
    if metadata:
        content = python_wheel("app", "1.0", files={"app-1.0.dist-info/METADATA": metadata})
    json_index.add("app", File("app-1.0-py3-none-any.whl", content))
    with pytest.raises((ResolveError, FetchError)):
        lock(world(json_index))


# Indexes


def test_a_private_index_gives_all_or_nothing(world: Worlds) -> None:
    with Index() as private, Index() as public:
        add(private, "app", "1.0", "dep", commands=True)
        private.add("dep", File("dep-1.0.tar.gz", b"x"))
        add(public, "app", "9.0", commands=True)
        add(public, "dep", "9.0")
        with pytest.raises(ResolveError, match="dep"):
            lock(world(private, public))
        assert [line for line in public.asked if "dep" in line or "app" in line] == []
        add(private, "dep", "1.0")
        assert files(lock(world(private, public))) == ["app-1.0-py3-none-any.whl", "dep-1.0-py3-none-any.whl"]


def test_what_a_public_package_requires_is_looked_for_everywhere(world: Worlds) -> None:
    with Index() as extra, Index() as public:
        add(extra, "fast", "1.0", tag="cp311-cp311-manylinux2014_x86_64")
        add(public, "app", "1.0", "fast", commands=True)
        add(public, "fast", "1.0")
        assert files(lock(world(extra, public)))[1] == "fast-1.0-py3-none-any.whl"


def folder_index(folder: Path, *listed: File) -> str:
    (folder / "files").mkdir(parents=True)
    for file in listed:
        (folder / "files" / file.name).write_bytes(file.content)
        page = folder / "simple" / file.name.partition("-")[0]
        page.mkdir(parents=True, exist_ok=True)
        link = f'<a href="../../files/{file.name}#sha256={file.sha256}">{file.name}</a>'
        (page / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")
    return (folder / "simple").as_uri()


def test_a_folder_with_copies_of_a_public_package_does_not_hide_the_rest(world: Worlds, tmp_path: Path) -> None:
    with Index() as public:
        copy = add(public, "app", "1.0", commands=True)
        add(public, "app", "2.0", commands=True)
        folder = folder_index(tmp_path / "some folder", copy)
        assert block(lock(world(folder, public))).version == "2.0"
        own = File(copy.name, python_wheel("app", "1.0", commands={"mine": "app:main"}))
        private = folder_index(tmp_path / "private", own)
        assert block(lock(world(private, public))).artifacts[0].digest == own.sha256


def test_a_folder_alone_is_an_index(world: Worlds, tmp_path: Path) -> None:
    main = File("app-1.0-py3-none-any.whl", python_wheel("app", "1.0", requires=["dep"], commands={"app": "app:main"}))
    dep = File("dep-1.0-py3-none-any.whl", python_wheel("dep", "1.0"))
    here = world(folder_index(tmp_path / "an odd ' folder é", main, dep))
    one = block(lock(here))
    assert [(a.file, a.size) for a in one.artifacts] == [(f.name, len(f.content)) for f in (main, dep)]
    for artifact in one.artifacts:
        path = here.fetcher.artifact(artifact, Pypi().locate(artifact, one, None, here))
        assert hashlib.sha256(path.read_bytes()).hexdigest() == artifact.digest


def serve(server: LyingServer, login: str) -> None:
    how = Behaviour(login=login, headers={"Content-Type": "text/html"}, etag=None)
    for package, requires in (("app", ["dep"]), ("dep", [])):
        content = python_wheel(package, "1.0", requires=requires, commands={package: f"{package}:main"})
        name = f"{package}-1.0-py3-none-any.whl"
        server.serve(f"/files/{name}", content, Behaviour(login=login))
        link = f'<a href="/files/{name}#sha256={hashlib.sha256(content).hexdigest()}">{name}</a>'
        server.serve(f"/simple/{package}/", f"<!DOCTYPE html><html><body>{link}</body></html>".encode(), how)


def test_an_index_with_a_login_in_its_address(world: Worlds) -> None:
    with LyingServer() as server:
        serve(server, "joe:hunter2")
        assert files(lock(world(f"http://joe:hunter2@{server.host}/simple")))[1] == "dep-1.0-py3-none-any.whl"
        with pytest.raises(FetchError) as caught:
            lock(world(f"http://joe:hunter3@{server.host}/simple"))
        assert "hunter" not in str(caught.value) + str(caught.value.hint)


def test_an_index_with_a_login_in_netrc(world: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login joe password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with LyingServer() as server:
        serve(server, "joe:hunter2")
        assert len(files(lock(world(f"{server.address}/simple")))) == 2


def test_no_setting_of_a_project_or_of_uv_counts(
    json_index: Index, world: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(json_index, "app", "1.0", "dep", commands=True)
    for release in ("1.0", "2.0"):
        add(json_index, "dep", release)
    settings = 'constraint-dependencies = ["dep<2"]\nresolution = "lowest"\nno-index = true\n'
    (tmp_path / "uv.toml").write_text(settings)
    (tmp_path / "user" / "uv").mkdir(parents=True)
    (tmp_path / "user" / "uv" / "uv.toml").write_text(settings)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    (tmp_path / "constraints.txt").write_text("dep<2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UV_CONSTRAINT", str(tmp_path / "constraints.txt"))
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "uv.toml"))
    monkeypatch.setenv("UV_RESOLUTION", "lowest")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    assert files(lock(world(json_index)))[1] == "dep-2.0-py3-none-any.whl"
    assert sorted(os.listdir(tmp_path)) == ["cache", "constraints.txt", "user", "uv.toml"]


def test_what_was_locked_can_be_locked_offline(json_index: Index, world: Worlds) -> None:
    add(json_index, "app", "1.0", "dep", commands=True)
    add(json_index, "dep", "1.0")
    first = lock(world(json_index))
    json_index.asked.clear()
    assert lock(world(json_index, offline=True)) == first
    assert json_index.asked == []


def test_a_release_made_a_moment_ago_is_seen(json_index: Index, world: Worlds) -> None:
    for release in ("1.0", "1.1"):
        add(json_index, "app", release, commands=True)
        assert block(lock(world(json_index))).version == release


def test_an_index_that_falls_silent(world: Worlds) -> None:
    with Index() as gone:
        address = gone.url
    with Index() as public:
        add(public, "app", "1.0", "dep", commands=True)
        with pytest.raises(UnreachableError):
            lock(world(address, public))


def test_the_user_can_stop_it(world: Worlds) -> None:
    stop = threading.Event()
    with LyingServer() as server:
        serve(server, "joe:hunter2")
        page = b"<!DOCTYPE html><html><body></body></html>"
        server.serve("/simple/dep/", page, Behaviour(stall_at=0, login="joe:hunter2"))

        def press() -> None:
            server.stalled.wait(30)
            stop.set()

        presser = threading.Thread(target=press)
        presser.start()
        with pytest.raises(CancelledError):
            lock(world(f"http://joe:hunter2@{server.host}/simple", cancelled=stop.is_set))
        presser.join()
    assert _uv_processes() == []


def _uv_processes() -> list[str]:
    """Return the command lines of this process's children that are uv."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if name.isdigit() and _read(f"/proc/{name}/stat").rpartition(b")")[2].split()[1:2] == [
            str(os.getpid()).encode()
        ]:
            words = _read(f"/proc/{name}/cmdline").split(b"\0")
            if words[0].endswith(b"/uv"):
                found.append(b" ".join(words).decode())
    return found


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_no_login_stands_in_a_command_line(world: Worlds) -> None:
    stop = threading.Event()
    seen: list[str] = []
    with LyingServer() as server:
        serve(server, "joe:hunter2")
        server.serve("/simple/dep/", b"<html></html>", Behaviour(stall_at=0, login="joe:hunter2"))

        def look() -> None:
            server.stalled.wait(30)
            for _ in range(100):
                seen.extend(_uv_processes())
                if seen or stop.wait(0.05):
                    break
            stop.set()

        looker = threading.Thread(target=look)
        looker.start()
        with pytest.raises(CancelledError):
            lock(world(f"http://joe:hunter2@{server.host}/simple", cancelled=stop.is_set))
        looker.join()
    assert all("hunter2" not in line for line in seen)
    if os.path.isdir("/proc"):
        assert seen


# Checking


def good(**changes: object) -> BlockType:
    fields: dict[str, object] = {
        "source": "pypi",
        "version": "1.0",
        "artifacts": (wheel_of("app", "1.0"), wheel_of("dep", "2.0", "cp313-cp313-manylinux2014_x86_64")),
        "origin": {"package": "app", "python": "3.13"},
        "dependencies": ("python",),
    }
    return Block(**(fields | changes))  # type: ignore[arg-type]


def wheel_of(package: str, release: str, tag: str = "py3-none-any", place: str = PLACE) -> Artifact:
    return Artifact(f"{package}-{release}-{tag}.whl", "sha256", "0" * 64, 5, place)


def test_a_sound_block_passes() -> None:
    Pypi().check("app", LINUX, good())


@pytest.mark.parametrize(
    "wrong",
    [
        good(version="1.1"),
        good(origin={"package": "dep", "python": "3.13"}),
        good(origin={"python": "3.13"}),
        good(origin={"package": "app", "python": "3.12"}),
        good(origin={"package": "app", "python": "3.٣"}),
        good(origin={"package": "app", "python": "../3.13"}),
        good(origin={"package": "app", "python": ""}),
        good(origin={"package": "app"}),
        good(dependencies=()),
        good(dependencies=("node",)),
        good(dependencies=("python", "node")),
        good(strip=1),
        good(artifacts=()),
        good(artifacts=(wheel_of("app", "1.0"), wheel_of("app", "1.0", "py2.py3-none-any"))),
        good(artifacts=(wheel_of("app", "1.0", place=""),)),
        good(artifacts=(wheel_of("app", "1.0"), wheel_of("dep", "1", "cp313-cp313-macosx_11_0_arm64"))),
        good(artifacts=(wheel_of("app", "1.0"), wheel_of("dep", "1", "cp312-cp312-manylinux2014_x86_64"))),
        good(artifacts=(wheel_of("app", "1.0"), wheel_of("dep", "1", "cp313-cp313-manylinux_2_29_x86_64"))),
        good(artifacts=(wheel_of("app", "1.0"), Artifact("x.tar.gz", "sha256", "0" * 64, 5, PLACE))),
        good(artifacts=(Artifact("app-1.0-py3-none-any.whl", "sha512", "0" * 128, 5, PLACE),)),
    ],
)
def test_a_block_that_contradicts_its_wheels_is_refused(wrong: BlockType) -> None:
    with pytest.raises(LockError) as caught:
        Pypi().check("app\x1b", LINUX, wrong)
    assert "\x1b" not in caught.value.message
    assert caught.value.hint


# What wheels say of themselves


@pytest.mark.parametrize(
    ("tags", "platform", "fits"),
    [
        ("py3-none-any", LINUX, True),
        ("py2.py3-none-any", MAC, True),
        ("py2-none-any", LINUX, False),
        ("cp313-cp313-manylinux2014_x86_64", LINUX, True),
        ("cp313-cp313-manylinux1_x86_64", LINUX, True),
        ("cp313-cp313-manylinux_2_28_aarch64", ARM, True),
        ("cp313-cp313-manylinux_2_29_aarch64", ARM, False),
        ("cp313-cp313t-manylinux2014_x86_64", LINUX, False),
        ("cp39-abi3-manylinux2014_x86_64", LINUX, True),
        ("cp314-abi3-manylinux2014_x86_64", LINUX, False),
        ("cp312-cp312-manylinux2014_x86_64", LINUX, False),
        ("py3-none-manylinux2014_x86_64", LINUX, True),
        ("cp313-none-any", LINUX, True),
        ("cp313-cp313-linux_x86_64", LINUX, False),
        ("cp313-cp313-musllinux_1_2_x86_64", LINUX, False),
        ("cp313-cp313-win_amd64", LINUX, False),
        ("cp313-cp313-macosx_12_0_arm64", MAC, True),
        ("cp313-cp313-macosx_13_0_arm64", MAC, False),
        ("cp313-cp313-macosx_10_13_universal2", MAC, True),
        ("cp313-cp313-macosx_10_13_x86_64", MAC, False),
        ("cp313-cp313-macosx_10_13_x86_64", "darwin-x86_64", True),
    ],
)
def test_which_wheel_a_python_takes(tags: str, platform: str, fits: bool) -> None:  # noqa: FBT001
    file = f"dep-1.0-{tags}.whl"
    assert (python_tags.preference(file, platform, PYTHON) is not None) is fits


def test_the_closest_wheel_is_preferred() -> None:
    ordered = [
        "dep-1.0-2-cp313-cp313-manylinux_2_28_x86_64.whl",
        "dep-1.0-cp313-cp313-manylinux_2_28_x86_64.whl",
        "dep-1.0-cp313-cp313-manylinux2014_x86_64.whl",
        "dep-1.0-cp39-abi3-manylinux2014_x86_64.whl",
        "dep-1.0-py3-none-manylinux2014_x86_64.whl",
        "dep-1.0-py3-none-any.whl",
    ]
    keys = {file: python_tags.preference(file, LINUX, PYTHON) for file in ordered}
    assert sorted(ordered, key=lambda file: keys[file] or (9999, (0, ""), "")) == ordered


@given(st.binary(max_size=300) | st.text("[]=:.console_scripts\n ab", max_size=200).map(str.encode))
def test_no_entry_points_break_anything(content: bytes) -> None:
    for one in entry_points.parse(content):
        assert entry_points.is_command(one.command)
        compile(one.code(), "x", "exec")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("app = app:main", "app"),
        ("App.v2-x+y_z=a.b : c.d [extra]", "App.v2-x+y_z"),
        ("../app = app:main", None),
        ("-rf = app:main", None),
        ("python = app:main", None),
        ("python3.13 = app:main", None),
        ("pythonic = app:main", "pythonic"),
        ("app = app:main; import os", None),
        ("app = app", None),
        ("app = app:class", None),
        ("app = a..b:c", None),
        ("app = app:main()", None),
        ("ap\x1bp = app:main", None),
    ],
)
def test_commands(line: str, command: str | None) -> None:
    found = entry_points.parse(f"[other]\nx = y:z\n[console_scripts]\n{line}\n".encode())
    assert [one.command for one in found] == ([] if command is None else [command])


@given(st.binary(max_size=200))
def test_no_file_breaks_the_reading_of_wheels(content: bytes) -> None:
    import tempfile
    from pathlib import Path

    whole = python_wheel("app", "1.0", commands={"app": "app:main"})
    with tempfile.TemporaryDirectory() as folder:
        for number, held in enumerate((content, content + whole, whole[: -len(content) or None] + content)):
            path = Path(folder, str(number))
            path.write_bytes(held)
            try:
                found = wheel_metadata.read(path, "app-1.0-py3-none-any.whl")
            except ArchiveError:
                continue
            assert set(found.commands) <= {"app"}
