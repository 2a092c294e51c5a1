"""The deb source: from a small signed archive to blocks, and blocks held against what they claim."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from devshell import registry, resolve
from devshell.config import Config
from devshell.errors import LockError, ManyErrors, Place, ResolveError
from devshell.fetch import Fetcher
from devshell.lock import Absent, Artifact, Block, Entry, Lock, dumps, loads
from devshell.manifest import Manifest, Request, parse
from devshell.snapshot import File, Role, Snapshot
from devshell.sources import World, catalogue, deb
from devshell.sources.deb import Deb
from devshell.system import DEFAULT_PLATFORMS
from support.deb_archive import Archive
from support.deb_archive import Deb as Package

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from devshell.registry import Offer

X86, ARM, MAC = DEFAULT_PLATFORMS
ALWAYS = ("dash", "libc-bin", "libc6")


def both(name: str, version: str = "1.0-1", **more: str) -> list[Package]:
    return [Package(name, version, architecture, **more) for architecture in ("amd64", "arm64")]  # type: ignore[arg-type]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path / "debian")
    for name in ALWAYS:
        made.add(*both(name, "2.41-12"))
    return made


@pytest.fixture
def world(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for kind in ("DATA", "CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"DEVSHELL_{kind}_DIR", str(tmp_path / kind.lower()))
    with Fetcher(tmp_path / "cache", attempts=1, pause=0.01, timeout=5.0) as fetcher:
        yield World(fetcher, archive.config())


def wish(name: str = "tool", version: str = "*", suite: str | None = None) -> Request:
    return Request(f"deb:{name}", name, "deb", version, Place("devshell.toml", 3), suite=suite)


def offer(more: str = "", package: str = "tool") -> Offer:
    head = f'description = "x"\n[[sources]]\nsource = "deb"\npackage = "{package}"\npublisher = "x"\ntrust = "x"\n'
    return registry.parse("tool", (head + more).encode(), "tool").offers[0]


def lock(world: World, request: Request | None = None, one: Offer | None = None) -> Mapping[str, Block | Absent]:
    return Deb().lock(request or wish(), one, DEFAULT_PLATFORMS, world).platforms


def block(found: Mapping[str, Block | Absent], platform: str = X86) -> Block:
    one = found[platform]
    assert isinstance(one, Block), one
    return one


def packages(one: Block) -> list[str]:
    return [artifact.file.rpartition("/")[2].partition("_")[0] for artifact in one.artifacts]


# Locking


def test_each_platform_gets_the_closure_of_its_own_packages(archive: Archive, world: World) -> None:
    archive.add(*both("tool", "5:8.0.2-3+deb13u1", depends="liba (>= 1), data, debconf"), *both("liba"))
    archive.add(Package("data", architecture="all"), *both("debconf"), *both("other"))
    archive.publish()
    found = lock(world)
    for platform, architecture in ((X86, "amd64"), (ARM, "arm64")):
        one = block(found, platform)
        assert packages(one) == sorted([*ALWAYS, "data", "liba", "tool"])
        assert [a.file.rpartition("_")[2] for a in one.artifacts if "/data_" in a.file] == ["all.deb"]
        tool = one.artifacts[-1]
        assert tool.file == f"pool/main/t/tool/tool_8.0.2-3+deb13u1_{architecture}.deb"
        assert tool.size == (archive.folder / tool.file).stat().st_size
        assert (one.source, one.version, one.bin, one.dependencies) == ("deb", "8.0.2", None, ())
        assert set(one.origin) == {"suite", "date", "package", "release"}
        assert (one.origin["suite"], one.origin["package"]) == (deb.DEFAULT_SUITE, "tool")
        assert one.origin["release"] == "5:8.0.2-3+deb13u1"
        Deb().check("tool", platform, one)
        (address,) = Deb().locate(tool, one, None, world)
        assert address == f"{archive.root}/{tool.file}"
    assert found[MAC] == Absent("Debian packages are for Linux")


def test_a_lock_with_debian_packages_is_read_as_it_was_written(archive: Archive, world: World) -> None:
    archive.add(*both("tool"))
    archive.publish()
    locked = Lock(tools={"deb:tool": Entry("deb:tool", "*", lock(world))})
    assert loads(dumps(locked).encode(), "devshell.lock") == locked


def test_updates_and_security_count(archive: Archive, world: World) -> None:
    archive.add(*both("tool", "1.0-1"), *both("tool", "1.0-1+deb13u1", suite="-security"))
    archive.add(*both("liba", "3"), *both("tool", "1.0-1+deb13u2", suite="-updates", depends="liba"))
    archive.publish()
    one = block(lock(world))
    assert one.origin["release"] == "1.0-1+deb13u2"
    assert "liba" in packages(one)


def test_the_newest_that_answers_is_taken(archive: Archive, world: World) -> None:
    for version in ("1:1.9-1", "1:1.10-1", "1:2.0~rc1-1", "3.0-1"):
        archive.add(*both("tool", version))
    archive.publish()
    assert block(lock(world)).version == "2.0"
    assert block(lock(world, wish(version="1"))).version == "1.10"
    assert block(lock(world, wish(version="=1.9"))).origin["release"] == "1:1.9-1"
    assert Deb().versions(wish(), None, world) == ["2.0", "1.10", "1.9", "3.0"]
    with pytest.raises(ResolveError, match="no version of 'tool' in Debian's trixie answers '4'") as caught:
        lock(world, wish(version="4"))
    assert caught.value.hint
    assert "2.0, 1.10" in caught.value.hint


def test_one_version_serves_all_platforms_where_there_is_one(archive: Archive, world: World) -> None:
    archive.add(Package("tool", "2.0-1", "amd64"), *both("tool", "1.0-1"), Package("only", "1.0-1", "amd64"))
    archive.publish()
    found = lock(world)
    assert {block(found, platform).version for platform in (X86, ARM)} == {"1.0"}
    found = lock(world, wish("only"))
    assert found[ARM] == Absent("Debian's trixie has no only 1.0 for it")


def test_what_cannot_be_had_on_one_platform_is_absent_there(archive: Archive, world: World) -> None:
    archive.add(*both("tool", depends="jit"), Package("jit", architecture="amd64"))
    archive.publish()
    found = lock(world)
    assert "jit" in packages(block(found))
    assert found[ARM] == Absent("tool needs jit, which Debian's trixie does not have")


def test_what_cannot_be_had_at_all_is_an_error(archive: Archive, world: World) -> None:
    archive.add(*both("tool", depends="gone"))
    archive.publish()
    with pytest.raises(ResolveError, match="tool needs gone"):
        lock(world)


def test_a_package_that_is_not_there(archive: Archive, world: World) -> None:
    archive.add(*both("postman", provides="mail-agent"))
    archive.publish()
    with pytest.raises(ResolveError, match="has no package 'nothing-like-it'"):
        lock(world, wish("nothing-like-it"))
    with pytest.raises(ResolveError, match="has no package 'mail-agent'") as caught:
        lock(world, wish("mail-agent"))
    assert caught.value.hint == "it is another name of postman: name one of them"
    with pytest.raises(ResolveError, match="has no package 'rufff'") as caught:
        lock(world, wish("rufff"))
    assert caught.value.hint == "did you mean the tool 'ruff'?"
    with pytest.raises(ResolveError, match="has no package 'gone'"):
        Deb().versions(wish("gone"), None, world)


@pytest.mark.parametrize("name", ["../etc", "Tool", "a", "tool_1", "t/x", "tool\n"])
def test_a_name_that_is_none_is_refused(name: str, world: World) -> None:
    with pytest.raises(ResolveError, match="is no name of a Debian package"):
        lock(world, wish(name))


def test_a_mac_alone_asks_nobody(world: World) -> None:
    assert Deb().lock(wish(), None, [MAC], world).platforms == {MAC: Absent("Debian packages are for Linux")}


def test_locking_twice_gives_the_same(archive: Archive, world: World) -> None:
    archive.add(*both("tool", depends="liba | libb, virtual"), *both("liba"), *both("libb"))
    archive.add(*both("one", provides="virtual"), *both("two", provides="virtual"))
    archive.publish()
    assert lock(world) == lock(world)


# Whose commands are the tool's


def test_parts_of_one_source_are_the_tool_too(archive: Archive, world: World) -> None:
    archive.add(*both("tool", depends="tool-server", source="tool"), *both("libtool", source="other"))
    archive.add(*both("tool-server", depends="tool-cli, libtool", source="tool"), *both("tool-cli", source="tool"))
    archive.publish()
    one = block(lock(world))
    assert one.origin["also"] == "tool-cli tool-server"
    Deb().check("tool", X86, one)


def test_the_registry_says_whose_commands_there_are(archive: Archive, world: World) -> None:
    archive.add(*both("tool", "1.0-1", depends="tool-lib", source="tool"), *both("tool-lib", source="tool"))
    archive.add(*both("tool", "2.0-1"), *both("extra", "2.0-1"), *both("cli", "1.0-1", source="tool"))
    archive.add(*both("cli", "2.0-1", source="tool"))
    archive.publish()
    one = block(lock(world, wish(version="1"), offer('also = ["cli", "extra"]')))
    assert one.origin["also"] == "cli extra"
    files = [artifact.file.rpartition("/")[2] for artifact in one.artifacts]
    assert {"cli_1.0-1_amd64.deb", "extra_2.0-1_amd64.deb", "tool_1.0-1_amd64.deb"} <= set(files)
    assert "also" not in block(lock(world, wish(version="1"), offer())).origin
    with pytest.raises(ResolveError, match="tool goes with gone, which Debian's trixie does not have"):
        lock(world, wish(), offer('also = ["gone"]'))


def test_the_registry_has_the_last_word_on_layout(archive: Archive, world: World) -> None:
    archive.add(*both("tool", "7.1+dfsg-2"))
    archive.publish()
    one = block(
        lock(
            world,
            wish(),
            offer(
                'bin = { t = "usr/lib/{arch}-linux-gnu/{version}/t" }\nvariables = { T = "${tool}/{release}" }\n'
                'fixups = [{ kind = "executable", path = "usr/bin/t" }]\n'
            ),
        ),
        ARM,
    )
    assert one.bin == {"t": "usr/lib/aarch64-linux-gnu/7.1/t"}
    assert one.variables["T"] == "${tool}/7.1+dfsg-2"
    assert one.fixups[-1] == {"kind": "executable", "path": "usr/bin/t"}


# Suites


def test_the_manifest_names_a_suite(tmp_path: Path, archive: Archive, world: World) -> None:
    old = Archive(tmp_path / "old", "bookworm", key=archive.key)
    old.add(*both("tool", "0.5-1"), *(deb for name in ALWAYS for deb in both(name)))
    old.publish()
    archive.add(*both("tool"))
    archive.publish()
    both_archives = World(world.fetcher, archive.config(archive.root, old.root))
    one = block(lock(both_archives, wish(suite="bookworm")))
    assert (one.version, one.origin["suite"]) == ("0.5", "bookworm")
    assert block(lock(both_archives)).version == "1.0"
    assert block(lock(both_archives, wish(), offer('suite = "bookworm"'))).version == "0.5"


def manifest(text: str) -> Manifest:
    local = File("/p/devshell.local.toml", Role.LOCAL, None)
    return parse(Snapshot("/p", (File("/p/devshell.toml", Role.MANIFEST, text.encode()), local)))


def test_a_suite_stands_in_the_tools_table() -> None:
    tools = manifest(
        """
        [tools]
        "deb:jq" = { version = "*", suite = "bookworm" }
        postgresql = { version = "15", suite = "bookworm" }
        tree = { version = "*", source = "deb", suite = "forky" }
        "deb:git" = "2"
        """
    ).base.tools
    assert {key: request.suite for key, request in tools.items()} == {
        "deb:jq": "bookworm",
        "postgresql": "bookworm",
        "tree": "forky",
        "deb:git": None,
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('"pypi:ruff" = { version = "*", suite = "trixie" }', "has `suite`, which only `deb` takes"),
        ('"deb:jq" = { version = "*", suite = "stable" }', "means another suite from one year to the next"),
        ('"deb:jq" = { version = "*", suite = "bookworm-security" }', "cannot be a suite's codename"),
        ('"deb:jq" = { version = "*", suite = "../trixie" }', "cannot be a suite's codename"),
        ('"deb:jq" = { version = "*", suite = "" }', "cannot be a suite's codename"),
        ('"deb:jq" = { version = "*", suite = 13 }', "expected a suite's codename"),
    ],
)
def test_what_is_no_suite_is_refused(line: str, words: str) -> None:
    with pytest.raises(ManyErrors) as caught:
        manifest(f"[tools]\n{line}\n")
    (error,) = caught.value.errors
    assert words in error.message
    assert error.hint


def test_another_suite_locks_anew() -> None:
    assert resolve.options(wish()) is None
    assert resolve.options(wish(suite="trixie")) != resolve.options(wish(suite="bookworm"))
    # What locks of earlier releases hold of a tool without a suite.
    http = Request("x", "x", "http", "1", Place("devshell.toml"), strip=1)
    assert resolve.options(http) == "73aefc2c7f2f7e18"


# Blocks held against what they claim


def sound() -> Block:
    names = {"libc6": "2.41-12", "tool": "8.0.2-3+deb13u1", "tool-cli": "1"}
    return Block(
        source="deb",
        version="8.0.2",
        artifacts=tuple(
            Artifact(f"pool/main/t/{name}/{name}_{version}_amd64.deb", "sha256", "0" * 64, 1)
            for name, version in names.items()
        ),
        origin={
            "suite": "trixie",
            "date": "2026-11-20T08:12:33Z",
            "package": "tool",
            "release": "5:8.0.2-3+deb13u1",
            "also": "tool-cli",
        },
    )


def with_origin(**changed: str) -> Block:
    return replace(sound(), origin={**sound().origin, **changed})


def with_file(**changed: str) -> Block:
    first, *rest = sound().artifacts
    return replace(sound(), artifacts=(replace(first, **changed), *rest))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("platform", "wrong", "words"),
    [
        (MAC, sound(), "packages are for Linux"),
        (ARM, sound(), "is not for linux-aarch64"),
        (X86, with_origin(package="gone"), "names the package 'gone', but has no file of it"),
        (X86, with_origin(also="tool-cli gone"), "names the package 'gone', but has no file of it"),
        (X86, with_origin(release="5:8.0.3-1"), "names the release '5:8.0.3-1'"),
        (X86, with_origin(suite=""), "does not say its suite"),
        (X86, replace(sound(), strip=1), "has a `strip`"),
        (X86, replace(sound(), dependencies=("python",)), "has a `strip` or dependencies"),
        (X86, with_file(place="usr"), "place that none has"),
        (X86, with_file(algorithm="sha512", digest="0" * 128), "a hash"),
        (X86, with_file(file="pool/main/x/x_1.deb"), "is no package of Debian's"),
        (X86, with_file(file="libc6_2.41-12_amd64.deb"), "is no package of Debian's"),
        (X86, with_file(file="pool/main/t/tool/tool_1_amd64.deb"), "has a package twice"),
        (X86, with_file(file="pool/main/g/libc6_2.41-12_i386.deb"), "is not for linux-x86_64"),
        (X86, replace(sound(), artifacts=()), "has no file of it"),
    ],
)
def test_a_block_that_contradicts_itself_is_refused(platform: str, wrong: Block, words: str) -> None:
    with pytest.raises(LockError) as caught:
        Deb().check("tool", platform, wrong)
    assert words in caught.value.message
    assert caught.value.hint


def test_a_sound_block_is_not_refused() -> None:
    Deb().check("tool", X86, sound())
    assert catalogue.get("deb").name == "deb"


@pytest.mark.parametrize(
    ("block", "request_", "offer_", "answers"),
    [
        (sound(), wish(), None, True),
        (sound(), wish("other"), None, False),
        (sound(), wish(suite="trixie"), None, True),
        (sound(), wish(suite="bookworm"), None, False),
        (with_origin(suite="bookworm"), wish(), None, True),
        (replace(sound(), version="8.0.3"), wish(), None, False),
        (sound(), wish("x"), offer('also = ["tool-cli"]'), True),
        (sound(), wish("x"), offer('also = ["tool-cli"]\nsuite = "trixie"'), True),
        (sound(), wish("x"), offer('also = ["tool-cli"]\nsuite = "bookworm"'), False),
        (sound(), wish("x"), offer('also = ["tool-cli", "tool-gui"]'), False),
        (sound(), wish("x"), offer(), False),
        (sound(), wish("x"), offer('also = ["tool-cli"]', package="tool-server"), False),
        (sound(), wish("x"), offer('also = ["tool-cli"]\nwhen = "<8"'), False),
    ],
)
def test_a_block_answers_what_it_is_of(block: Block, request_: Request, offer_: Offer | None, answers: bool) -> None:  # noqa: FBT001
    assert deb.answers(block, request_, offer_) is answers


def test_a_lock_that_was_edited_is_locked_anew() -> None:
    current = Entry("deb:tool", "*", {X86: sound()})
    assert resolve.is_current(current, resolve.Wish(None, wish()), [X86])
    edited = Entry("deb:tool", "*", {X86: replace(sound(), version="9.0")})
    assert not resolve.is_current(edited, resolve.Wish(None, wish()), [X86])
    redis = Request("redis", "redis", None, "*", Place("devshell.toml"))
    assert not resolve.is_current(Entry("redis", "*", {X86: sound()}), resolve.Wish(None, redis), [X86])


@pytest.mark.network
@pytest.mark.parametrize(
    ("package", "most", "there", "not_there"),
    [
        ("jq", 10, {"libonig5", "libc6"}, {"debianutils"}),
        ("redis-server", 20, {"redis-tools", "libssl3t64", "libsystemd0"}, {"adduser", "passwd"}),
        ("postgresql-17", 55, {"postgresql-client-17", "tzdata", "libpam0g"}, {"postgresql-common", "perl", "locales"}),
        ("git", 70, {"perl-base", "openssh-client", "ca-certificates", "ncurses-base"}, {"openssl", "passwd"}),
        ("python3.13", 30, {"libpython3.13-stdlib", "tzdata", "libsqlite3-0"}, {"media-types"}),
    ],
)
def test_closures_of_debian_itself(  # noqa: PLR0913, PLR0917  (a line of the table, and its place)
    package: str, most: int, there: set[str], not_there: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"DEVSHELL_{kind}_DIR", str(tmp_path / kind.lower()))
    with Fetcher(tmp_path / "cache") as fetcher:
        found = lock(World(fetcher, Config()), wish(package))
    for platform in (X86, ARM):
        one = block(found, platform)
        Deb().check(package, platform, one)
        assert len(one.artifacts) <= most
        assert there <= set(packages(one))
        assert not_there.isdisjoint(packages(one))
