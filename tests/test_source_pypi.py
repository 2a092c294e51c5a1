"""The pypi source, against a real index on this machine."""

from __future__ import annotations

import json
import os
import re
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell import archive, registry
from devshell.config import Config
from devshell.errors import (
    ArchiveError,
    FetchError,
    HashMismatchError,
    LockError,
    Place,
    ResolveError,
    UnreachableError,
)
from devshell.fetch import Fetcher
from devshell.lock import Absent, Artifact, Block
from devshell.manifest import Request
from devshell.sources import Site, World
from devshell.sources.pypi import Pypi, simple_index, wheel_layout, wheels
from devshell.system import DEFAULT_PLATFORMS, GLIBC_FLOOR, MACOS_FLOOR, PLATFORMS
from support.pypi_index import PROGRAM, File, Index, program_wheel, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from devshell.lock.model import Block as BlockType

LINUX = "manylinux_2_17_x86_64.manylinux2014_x86_64"
ARM = "manylinux_2_17_aarch64"
MAC = "macosx_11_0_arm64"
EVERY = (LINUX, ARM, MAC)


@pytest.fixture(params=["json", "html"])
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    with Index(style=request.param) as running:
        yield running


@pytest.fixture
def json_index() -> Iterator[Index]:
    with Index() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    fetchers: list[Fetcher] = []

    def make(*indexes: Index | str) -> World:
        fetchers.append(Fetcher(tmp_path / "cache", attempts=1, pause=0.01, timeout=5.0))
        return World(fetchers[-1], Config(index_pypi=tuple(i if isinstance(i, str) else i.url for i in indexes)))

    yield make
    for fetcher in fetchers:
        fetcher.close()


def names(package: str, release: str, *tags: str) -> list[str]:
    return [f"{package.replace('-', '_')}-{release}-py3-none-{tag}.whl" for tag in tags]


def wish(name: str = "tool", version: str = "*") -> Request:
    return Request(f"pypi:{name}", name, "pypi", version, Place("devshell.toml", 3, f"tools.{name}"))


def offer(more: str = "", package: str = "tool") -> registry.Offer:
    head = f'description = "x"\n[[sources]]\nsource = "pypi"\npackage = "{package}"\npublisher = "x"\ntrust = "x"\n'
    return registry.parse("tool", (head + more).encode(), "tool").offers[0]


def lock(
    world: World,
    version: str = "*",
    one: registry.Offer | None = None,
    platforms: tuple[str, ...] = DEFAULT_PLATFORMS,
    name: str = "tool",
) -> dict[str, BlockType | Absent]:
    return dict(Pypi().lock(wish(name, version), one, platforms, world).platforms)


def block(found: dict[str, BlockType | Absent], platform: str = "linux-x86_64") -> BlockType:
    one = found[platform]
    assert isinstance(one, Block), one
    return one


# Locking


def test_each_platform_gets_its_wheel(index: Index, world: Callable[..., World]) -> None:
    index.add("tool", *names("tool", "1.0", *EVERY), *names("tool", "1.1", *EVERY))
    found = lock(world(index))
    assert set(found) == set(DEFAULT_PLATFORMS)
    for platform, tag in zip(("linux-x86_64", "linux-aarch64", "darwin-arm64"), EVERY, strict=True):
        one = block(found, platform)
        (artifact,) = one.artifacts
        assert artifact.file == f"tool-1.1-py3-none-{tag}.whl"
        assert artifact.digest == next(f.sha256 for f in index.packages["tool"] if f.name == artifact.file)
        assert artifact.size == len(program_wheel("tool", "1.1"))
        assert (one.source, one.version, dict(one.origin), one.bin) == ("pypi", "1.1", {"package": "tool"}, None)
        Pypi().check("tool", platform, one)
    assert index.asked.count("GET /simple/tool/") == 1
    assert [line for line in index.asked if line.startswith("GET /files")] == []


def test_locking_asks_again_in_the_next_process(json_index: Index, world: Callable[..., World]) -> None:
    json_index.add("tool", *names("tool", "1.0", *EVERY))
    assert block(lock(world(json_index))).version == "1.0"
    json_index.add("tool", *names("tool", "1.1", *EVERY))
    assert block(lock(world(json_index))).version == "1.1"


def test_the_package_name_takes_its_normal_form(json_index: Index, world: Callable[..., World]) -> None:
    json_index.add(
        "my-tool", "My.Tool-1.0-py3-none-manylinux2014_x86_64.whl", "other-9-py3-none-manylinux2014_x86_64.whl"
    )
    one = block(lock(world(json_index), name="My_Tool"))
    assert one.version == "1.0"
    assert one.origin["package"] == "my-tool"


@pytest.mark.parametrize("name", ["../simple/other", "a/b", "", "a b", "tool\n", "-x", "tool?x", "\x1b[31m"])
def test_a_name_that_is_none_asks_nothing(name: str, json_index: Index, world: Callable[..., World]) -> None:
    with pytest.raises(ResolveError) as caught:
        lock(world(json_index), name=name)
    assert "\x1b" not in caught.value.message
    assert json_index.asked == []


def test_the_newest_version_with_all_platforms_is_taken(json_index: Index, world: Callable[..., World]) -> None:
    json_index.add(
        "tool", *names("tool", "1.0", *EVERY), *names("tool", "1.1", *EVERY), *names("tool", "1.2", LINUX, MAC)
    )
    assert {block(lock(world(json_index)), p).version for p in DEFAULT_PLATFORMS} == {"1.1"}


def test_what_no_version_serves_is_said_in_the_lock(json_index: Index, world: Callable[..., World]) -> None:
    json_index.add("tool", *names("tool", "1.0", LINUX, MAC), *names("tool", "1.1", LINUX, MAC))
    found = lock(world(json_index))
    assert block(found).version == "1.1"
    assert found["linux-aarch64"] == Absent("1.1 has no wheel for it")


def test_where_none_has_all_the_one_with_most_is_taken(json_index: Index, world: Callable[..., World]) -> None:
    json_index.add(
        "tool", *names("tool", "1.0", LINUX, ARM), *names("tool", "1.1", LINUX, MAC), *names("tool", "1.2", ARM)
    )
    found = lock(world(json_index))
    assert block(found).version == "1.1"
    assert isinstance(found["linux-aarch64"], Absent)


def test_requests_choose_versions(json_index: Index, world: Callable[..., World]) -> None:
    for release in ("1.9", "1.10", "2.0rc1", "0.5"):
        json_index.add("tool", *names("tool", release, *EVERY))
    here = world(json_index)
    for request, version in {"*": "1.10", "1.9": "1.9", "<1": "0.5", "=2.0rc1": "2.0rc1", ">=2.0rc0": "2.0rc1"}.items():
        assert block(lock(here, request)).version == version
    with pytest.raises(ResolveError) as caught:
        lock(here, "3")
    assert "'3'" in caught.value.message
    assert "1.10, 1.9, 0.5" in (caught.value.hint or "")
    assert caught.value.place == Place("devshell.toml", 3, "tools.tool")


def test_yanked_files_need_an_exact_request(index: Index, world: Callable[..., World]) -> None:
    index.add("tool", *names("tool", "1.0", *EVERY))
    for name in names("tool", "1.1", *EVERY):
        index.add("tool", File(name, b"x", yanked="broken"))
    here = world(index)
    assert block(lock(here)).version == "1.0"
    assert block(lock(here, "=1.1")).version == "1.1"
    with pytest.raises(ResolveError, match="yanked") as caught:
        lock(here, ">1.0")
    assert '"=1.1"' in (caught.value.hint or "")


@pytest.mark.parametrize("hashes", [{}, {"md5": "0" * 32}, {"sha256": "xyz"}, {"sha256": "0" * 40}])
def test_a_file_without_sha256_is_refused_by_name(
    hashes: dict[str, str], index: Index, world: Callable[..., World]
) -> None:
    (name,) = names("tool", "1.0", LINUX)
    index.add("tool", File(name, b"x", hashes=hashes))
    with pytest.raises(ResolveError, match=re.escape(name)) as caught:
        lock(world(index))
    assert "sha256" in caught.value.message


@pytest.mark.parametrize("size", [None, 0, -5, True])
def test_a_size_that_the_page_does_not_tell_is_asked_for(
    size: int | None, json_index: Index, world: Callable[..., World]
) -> None:
    content = program_wheel("tool", "1.0")
    json_index.add("tool", File("tool-1.0-py3-none-manylinux2014_x86_64.whl", content, size=size))
    assert block(lock(world(json_index))).artifacts[0].size == len(content)
    assert "HEAD /files/tool-1.0-py3-none-manylinux2014_x86_64.whl" in json_index.asked


# What counts as a wheel with a program


@pytest.mark.parametrize(
    ("tag", "platform", "fits"),
    [
        ("manylinux1_x86_64", "linux-x86_64", True),
        ("manylinux2010_x86_64", "linux-x86_64", True),
        ("manylinux2014_aarch64", "linux-aarch64", True),
        ("manylinux_2_28_x86_64", "linux-x86_64", True),
        ("manylinux_2_29_x86_64", "linux-x86_64", False),
        ("manylinux_2_39_x86_64.manylinux_2_17_x86_64", "linux-x86_64", True),
        ("manylinux2014_x86_64.musllinux_1_1_x86_64", "linux-x86_64", True),
        ("manylinux2014_x86_64", "linux-aarch64", False),
        ("manylinux2014_i686", "linux-x86_64", False),
        ("linux_x86_64", "linux-x86_64", False),
        ("musllinux_1_2_x86_64", "linux-x86_64", False),
        ("win_amd64", "linux-x86_64", False),
        ("any", "linux-x86_64", False),
        ("macosx_11_0_arm64", "darwin-arm64", True),
        ("macosx_12_0_arm64", "darwin-arm64", True),
        ("macosx_99_0_arm64", "darwin-arm64", False),
        ("macosx_10_9_universal2", "darwin-arm64", True),
        ("macosx_10_9_universal2", "darwin-x86_64", True),
        ("macosx_11_0_arm64", "darwin-x86_64", False),
        ("macosx_10_9_x86_64.macosx_11_0_arm64", "darwin-arm64", True),
    ],
)
def test_tags(tag: str, platform: str, fits: bool) -> None:  # noqa: FBT001
    one = wheels.parse(f"tool-1.0-py3-none-{tag}.whl")
    assert one is not None
    assert one.fits(platform) is fits


def test_floors_are_the_systems() -> None:
    assert wheels.floor("linux-x86_64") == GLIBC_FLOOR
    assert wheels.floor("darwin-arm64") == MACOS_FLOOR


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("tool-1.0-py3-none-any.whl", "python"),
        ("tool-1.0-cp312-cp312-manylinux2014_x86_64.whl", "extension"),
        ("tool-1.0-cp39-abi3-manylinux2014_x86_64.whl", "extension"),
        ("tool-1.0-py3-abi3-manylinux2014_x86_64.whl", "extension"),
        ("tool-1.0-py3-none-musllinux_1_1_x86_64.whl", "musl"),
        ("tool-1.0-py3-none-win_amd64.whl", "other"),
        ("tool-1.0-py3-none-linux_x86_64.whl", "other"),
        ("tool-1.0-2-py2.py3-none-manylinux1_x86_64.whl", "program"),
    ],
)
def test_kinds(file: str, kind: str) -> None:
    one = wheels.parse(file)
    assert one is not None
    assert one.kind == kind


def test_among_wheels_of_one_release_one_is_taken_whatever_their_order(
    json_index: Index, world: Callable[..., World]
) -> None:
    files = [
        *names(
            "tool",
            "1.0",
            "manylinux_2_28_x86_64",
            "manylinux2014_x86_64",
            "macosx_10_9_universal2",
            "macosx_11_0_arm64",
        ),
        "tool-1.0-1-py3-none-manylinux2014_x86_64.whl",
        "tool-1.0-2-py3-none-manylinux2014_x86_64.whl",
    ]
    for order in (files, files[::-1]):
        json_index.packages.clear()
        json_index.add("tool", *order)
        found = lock(world(json_index))
        assert block(found).artifacts[0].file == "tool-1.0-2-py3-none-manylinux2014_x86_64.whl"
        assert block(found, "darwin-arm64").artifacts[0].file == "tool-1.0-py3-none-macosx_11_0_arm64.whl"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["tool-1.0.tar.gz"], "only source packages"),
        (["tool-1.0-cp312-cp312-manylinux2014_x86_64.whl"], "no wheel for Python 3.13"),
        (["tool-1.0-cp39-abi3-manylinux_2_39_x86_64.whl"], "no wheel for Python 3.13"),
        (["tool-1.0-py3-none-musllinux_1_1_x86_64.whl"], "musl"),
        (["tool-1.0-py3-none-linux_x86_64.whl"], "which Linux or macOS"),
        (["tool-1.0-py3-none-manylinux_2_39_x86_64.whl"], "needs glibc 2.39 or newer, and linux-x86_64 promises 2.28"),
        (["tool-1.0-py3-none-macosx_99_0_arm64.whl"], "needs macOS 99.0 or newer"),
        (["tool-1.0-py3-none-macosx_10_9_x86_64.whl"], "no wheel for"),
        ([], "lists no usable file"),
        (["readme.txt", "tool-x.tar.gz", "else-1.0.tar.gz", "tool-1.0-py3-none.whl"], "lists no usable file"),
    ],
)
def test_a_refusal_says_why(files: list[str], said: str, index: Index, world: Callable[..., World]) -> None:
    index.add("tool", *(File(name, b"x") for name in files))
    with pytest.raises(ResolveError) as caught:
        lock(world(index))
    assert said in caught.value.message
    assert caught.value.hint


def test_a_version_that_needs_newer_systems_is_passed_over(json_index: Index, world: Callable[..., World]) -> None:
    json_index.add("tool", *names("tool", "1.0", LINUX), *names("tool", "1.1", "manylinux_2_39_x86_64", ARM))
    found = lock(world(json_index))
    assert found["linux-x86_64"] == Absent("1.1 needs glibc 2.39 or newer, and linux-x86_64 promises 2.28") or (
        block(found).version == "1.0"
    )
    only = lock(world(json_index), platforms=("linux-x86_64",))
    assert block(only).version == "1.0"
    with pytest.raises(ResolveError, match=r"glibc 2\.39"):
        lock(world(json_index), "1.1", platforms=("linux-x86_64",))


NEAR_WHEELS = st.from_regex(
    r"[a-z_]{1,5}-[0-9a-z.!+]{1,8}(-[0-9]{1,3})?-[a-z0-9.]{1,8}-[a-z]{1,5}-[a-z0-9_.]{1,30}\.whl", fullmatch=True
)


@given(st.text(max_size=80) | NEAR_WHEELS)
def test_no_file_name_breaks_anything(name: str) -> None:
    for file in (name, f"{name}.whl", f"tool-1.0-py3-none-{name}.whl"):
        one = wheels.parse(file)
        if one is not None:
            assert one.file == file
            assert all(platform in PLATFORMS for platform, _ in one.needs)
            assert (one.kind == "program") is bool(one.needs)


def test_a_very_long_name_is_no_wheel() -> None:
    assert wheels.parse("tool-1.0-py3-none-" + ".".join(["manylinux1_x86_64"] * 100) + ".whl") is None


# What the registry says


def test_the_offers_words_reach_the_lock(json_index: Index, world: Callable[..., World]) -> None:
    json_index.add("tool-bin", *names("tool-bin", "1.4.0.1", LINUX, ARM))
    one = offer(
        """
release = "first-three"
bin = { tool = "tool/{os}-{arch}/tool-{version}-{release}", another = "t" }
variables = { TOOL_HOME = "${tool}/tool" }
fixups = [{ kind = "link", path = "bin/t-{version}", target = "tool/t" }]
arch_names = { x86_64 = "amd64" }
""",
        "Tool.Bin",
    )
    found = lock(world(json_index), "1.4", one)
    locked = block(found)
    assert locked.version == "1.4.0"
    assert dict(locked.origin) == {"package": "tool-bin", "release": "1.4.0.1"}
    assert locked.bin == {"another": "t", "tool": "tool/linux-amd64/tool-1.4.0-1.4.0.1"}
    assert dict(locked.variables) == {"TOOL_HOME": "${tool}/tool"}
    assert [dict(f) for f in locked.fixups] == [{"kind": "link", "path": "bin/t-1.4.0", "target": "tool/t"}]
    Pypi().check("tool", "linux-x86_64", locked)
    arm = block(found, "linux-aarch64")
    assert arm.bin is not None
    assert arm.bin["tool"] == "tool/linux-aarch64/tool-1.4.0-1.4.0.1"


def test_of_two_releases_of_one_version_the_newer_is_taken_for_each_platform(
    json_index: Index, world: Callable[..., World]
) -> None:
    json_index.add("tool", *names("tool", "0.9.0.5", LINUX, MAC), *names("tool", "0.9.0.6", LINUX))
    found = lock(world(json_index), "=0.9.0", offer('release = "first-three"'))
    assert block(found).origin["release"] == "0.9.0.6"
    assert block(found, "darwin-arm64").origin["release"] == "0.9.0.5"


def test_marked_releases_wait_until_nothing_else_answers(json_index: Index, world: Callable[..., World]) -> None:
    json_index.add(
        "tool",
        *names("tool", "24.1.0", *EVERY),
        *names("tool", "26.2.0rc0", *EVERY),
        *names("tool", "26.1.0rc0", *EVERY),
    )
    here, one = world(json_index), offer('release = "ignore-pre"')
    for request, version in {"*": "24.1.0", ">=24": "24.1.0", "26": "26.2.0", "=26.1.0": "26.1.0"}.items():
        assert block(lock(here, request, one)).version == version
    assert Pypi().versions(wish("tool", "*"), one, here) == ["24.1.0"]
    assert Pypi().versions(wish("tool", "26"), one, here) == ["26.2.0", "26.1.0", "24.1.0"]


def test_only_known_versions_of_a_table(json_index: Index, world: Callable[..., World]) -> None:
    json_index.add("tool", *names("tool", "4.2.0", *EVERY), *names("tool", "4.3.0", *EVERY))
    one = offer('[sources.versions]\n"3.14.1" = "4.2.0"')
    here = world(json_index)
    assert block(lock(here, "*", one)).version == "3.14.1"
    with pytest.raises(ResolveError, match="'4'"):
        lock(here, "4", one)


def test_versions_are_those_with_programs(index: Index, world: Callable[..., World]) -> None:
    index.add("tool", *names("tool", "1.9", LINUX), *names("tool", "1.10", MAC), "tool-2.0-py3-none-any.whl")
    index.add("tool", File(names("tool", "3.0", LINUX)[0], b"x", yanked=True))
    assert Pypi().versions(wish(), None, world(index)) == ["1.10", "1.9"]


# Indexes


def test_the_first_index_that_has_the_package_wins(world: Callable[..., World]) -> None:
    with Index() as first, Index() as second, Index() as third:
        second.add("tool", *names("tool", "1.0", *EVERY))
        third.add("tool", *names("tool", "9.0", *EVERY))
        assert block(lock(world(first, second, third))).version == "1.0"
        assert third.asked == []


def test_the_registrys_packages_are_looked_for_on_all_indexes(world: Callable[..., World]) -> None:
    same = names("tool", "1.0", LINUX)[0]
    with Index() as first, Index() as second, Index() as third:
        first.add("tool", File(same, b"the first one's"))
        third.add("tool", same, *names("tool", "1.0", ARM, MAC))
        here = world(first, second, third)
        found = lock(here, "*", offer())
        assert {block(found, platform).version for platform in DEFAULT_PLATFORMS} == {"1.0"}
        assert block(found).artifacts[0].digest == first.packages["tool"][0].sha256
        third.add("tool", *names("tool", "1.1", *EVERY))
        assert block(lock(world(first, second, third), "*", offer())).version == "1.1"
        assert block(lock(world(first, second, third))).version == "1.0"


def test_a_silent_first_index_is_never_passed_over(world: Callable[..., World]) -> None:
    with Index() as gone:
        address = gone.url
    with Index() as second:
        second.add("tool", *names("tool", "1.0", *EVERY))
        with pytest.raises(UnreachableError):
            lock(world(address, second))
        assert second.asked == []


def test_a_package_on_no_index_gets_a_hint(json_index: Index, world: Callable[..., World]) -> None:
    with pytest.raises(ResolveError, match="no package 'ripgrepp'") as caught:
        lock(world(json_index), name="ripgrepp")
    assert "'ripgrep'" in (caught.value.hint or "")
    assert json_index.asked == ["GET /simple/ripgrepp/"]


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"files": 3}', b"\xff\xfe", b"[" * 100_000])
def test_a_page_that_is_none_says_so(raw: bytes, json_index: Index, world: Callable[..., World]) -> None:
    json_index.add("tool", *names("tool", "1.0", LINUX))
    json_index.raw = raw
    with pytest.raises(FetchError, match="not an index page"):
        lock(world(json_index))


KEYS = st.sampled_from(["files", "filename", "url", "hashes", "sha256", "size", "yanked"])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=20)


@given(st.recursive(SCALARS, lambda x: st.lists(x, max_size=4) | st.dictionaries(KEYS, x, max_size=5), max_leaves=20))
def test_no_json_page_breaks_anything(page: object) -> None:
    try:
        listed = simple_index.parse(
            json.dumps({"files": page}).encode(), "application/json", "https://example.com/s/t/"
        )
    except FetchError:
        return
    assert all(one.address.startswith("http") for one in listed)


@given(st.binary(max_size=300) | st.text("<a href=\"'#sha256/>&;! -", max_size=200).map(str.encode))
def test_no_html_page_breaks_anything(page: bytes) -> None:
    assert isinstance(simple_index.parse(page, "text/html", "https://example.com/s/t/"), tuple)


def test_links_count_from_the_page_and_stay_on_the_web() -> None:
    digest = "a" * 64
    page = f"""<base href="/files/"><a href="t-1.tar.gz#sha256={digest}">x</a>
    <a href="https://example.org/t%2B-2.zip?x=1#sha256={digest.upper()}">x</a><a href="file:///etc/passwd">x</a>
    <a href="javascript:x">x</a><a name="none">x</a><a href="http://[bad/t-3.zip">x</a>""".encode()
    listed = simple_index.parse(page, "text/html", "https://example.com/simple/t/")
    assert [(one.file, one.address, one.sha256) for one in listed] == [
        ("t-1.tar.gz", "https://example.com/files/t-1.tar.gz", digest),
        ("t+-2.zip", "https://example.org/t%2B-2.zip?x=1", digest),
    ]


def test_a_login_in_an_address_is_not_shown() -> None:
    with pytest.raises(FetchError) as caught:
        simple_index.parse(b"{", "application/json", "https://me:secret@example.com/simple/t/")
    assert "secret" not in caught.value.message


# Locating


def test_the_locked_file_is_found_and_fetched(index: Index, world: Callable[..., World]) -> None:
    index.add("tool", *names("tool", "1.0", *EVERY))
    here = world(index)
    one = block(lock(here))
    (artifact,) = one.artifacts
    path = here.fetcher.artifact(artifact, Pypi().locate(artifact, one, wish(), here))
    assert path.read_bytes() == program_wheel("tool", "1.0")
    assert index.asked.count("GET /simple/tool/") == 1


def test_nothing_is_asked_before_iterating(json_index: Index, world: Callable[..., World]) -> None:
    json_index.add("tool", *names("tool", "1.0", LINUX))
    here = world(json_index)
    one = block(lock(here))
    json_index.asked.clear()
    addresses = Pypi().locate(one.artifacts[0], one, None, world(json_index))
    assert json_index.asked == []
    assert next(addresses).endswith("/files/" + one.artifacts[0].file)
    assert json_index.asked == []  # the kept page answers


def test_only_the_same_hash_is_located_on_any_index(world: Callable[..., World]) -> None:
    (name,) = names("tool", "1.0", LINUX)
    with Index() as first, Index() as second:
        first.add("tool", File(name, b"another file of that name"))
        second.add("tool", name)
        one = block(lock(world(second)))
        assert list(Pypi().locate(one.artifacts[0], one, None, world(first, second))) == [
            second.url.replace("/simple", f"/files/{name}")
        ]


def test_an_index_is_asked_anew_when_its_kept_page_lacks_the_file(
    json_index: Index, world: Callable[..., World]
) -> None:
    json_index.add("tool", *names("tool", "1.0", LINUX))
    lock(world(json_index))
    json_index.add("tool", *names("tool", "1.1", LINUX))
    new = json_index.packages["tool"][1]
    one = Block("pypi", "1.1", (Artifact(new.name, "sha256", new.sha256, len(new.content)),), {"package": "tool"})
    json_index.asked.clear()
    assert len(list(Pypi().locate(one.artifacts[0], one, None, world(json_index)))) == 1
    assert json_index.asked == ["GET /simple/tool/"]


def test_a_dead_index_does_not_hide_a_living_one(world: Callable[..., World]) -> None:
    with Index() as gone:
        address = gone.url
    with Index() as second:
        second.add("tool", *names("tool", "1.0", LINUX))
        one = block(lock(world(second)))
        addresses = Pypi().locate(one.artifacts[0], one, None, world(address, second))
        assert next(addresses).startswith(second.url.removesuffix("/simple"))
        with pytest.raises(UnreachableError):
            list(addresses)


def test_a_file_that_is_another_than_the_page_says(json_index: Index, world: Callable[..., World]) -> None:
    (name,) = names("tool", "1.0", LINUX)
    json_index.add("tool", File(name, b"x" * 9, hashes={"sha256": "0" * 64}))
    here = world(json_index)
    one = block(lock(here))
    with pytest.raises(HashMismatchError):
        here.fetcher.artifact(one.artifacts[0], Pypi().locate(one.artifacts[0], one, None, here))


# Checking


def good(**changes: object) -> BlockType:
    fields: dict[str, object] = {
        "source": "pypi",
        "version": "1.4.0",
        "artifacts": (Artifact(names("tool-bin", "1.4.0.1", LINUX)[0], "sha256", "0" * 64, 5),),
        "origin": {"package": "tool-bin", "release": "1.4.0.1"},
    }
    return Block(**(fields | changes))  # type: ignore[arg-type]


def artifact(file: str, algorithm: str = "sha256") -> tuple[Artifact, ...]:
    return (Artifact(file, algorithm, "0" * (128 if algorithm == "sha512" else 64), 5),)


def test_a_sound_block_passes() -> None:
    Pypi().check("tool", "linux-x86_64", good())


@pytest.mark.parametrize(
    "wrong",
    [
        good(origin={"package": "tool-bin"}),
        good(origin={"package": "other", "release": "1.4.0.1"}),
        good(origin={"release": "1.4.0.1"}),
        good(origin={"package": "tool-bin", "release": "1.4.0.2"}),
        good(artifacts=()),
        good(artifacts=artifact("tool_bin-1.4.0.1.tar.gz")),
        good(artifacts=artifact(names("tool-bin", "1.4.0.1", ARM)[0])),
        good(artifacts=artifact(names("tool-bin", "1.4.0.1", LINUX)[0], "sha512")),
        good(artifacts=artifact("tool_bin-1.4.0.1-py3-none-any.whl")),
        good(artifacts=artifact(names("tool-bin", "1.4.0.1", LINUX)[0]) * 2),
        good(strip=1),
    ],
)
def test_a_block_that_contradicts_its_wheel_is_refused(wrong: BlockType) -> None:
    with pytest.raises(LockError) as caught:
        Pypi().check("tool\x1b", "linux-x86_64", wrong)
    assert "\x1b" not in caught.value.message
    assert caught.value.hint


# The tree


def unpacked(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "x.whl"
    file.write_bytes(content)
    tree = tmp_path / "tree"
    tree.mkdir()
    archive.unpack(file, "x.whl", tree)
    return tree


def files(tree: Path) -> dict[str, int]:
    return {
        str(path.relative_to(tree)): stat.S_IMODE(path.lstat().st_mode)
        for path in sorted(tree.rglob("*"))
        if not path.is_dir()
    }


def test_a_wheel_becomes_a_tree(tmp_path: Path) -> None:
    stem = "tool-1.0"
    tree = unpacked(
        tmp_path,
        wheel(
            {
                f"{stem}.data/scripts/tool": PROGRAM,
                f"{stem}.data/scripts/helper.py": b"#!python\nprint()\n",
                f"{stem}.data/scripts/empty": b"",
                f"{stem}.data/data/share/man/man1/tool.1": b"man",
                f"{stem}.data/data/share/bash-completion/completions/tool": b"complete",
                f"{stem}.data/data/bin/more": (0o755, PROGRAM),
                f"{stem}.data/headers/tool.h": b"h",
                f"{stem}.data/platlib/tool/_x.so": b"so",
                f"{stem}.data/purelib/tool/y.py": b"py",
                f"{stem}.data/unknown/z": b"z",
                "tool/__init__.py": b"",
                "tool/run": (0o755, PROGRAM),
                f"{stem}.dist-info/METADATA": b"x",
            }
        ),
    )
    Pypi().arrange(Site(tree, tree), good())
    assert files(tree) == {
        "bin/empty": 0o755,
        "bin/helper.py": 0o644,
        "bin/more": 0o755,
        "bin/tool": 0o755,
        "include/tool.h": 0o644,
        "share/bash-completion/completions/tool": 0o644,
        "share/man/man1/tool.1": 0o644,
        "tool-1.0.data/unknown/z": 0o644,
        "tool-1.0.dist-info/METADATA": 0o644,
        "tool/__init__.py": 0o644,
        "tool/_x.so": 0o644,
        "tool/run": 0o755,
        "tool/y.py": 0o644,
    }


def test_a_tree_without_data_stays(tmp_path: Path) -> None:
    tree = unpacked(tmp_path, wheel({"tool/run": (0o755, PROGRAM)}))
    wheel_layout.arrange(str(tree))
    assert files(tree) == {"tool/run": 0o755}


def test_nothing_is_left_of_an_emptied_data_folder(tmp_path: Path) -> None:
    tree = unpacked(tmp_path, program_wheel("tool", "1.0"))
    wheel_layout.arrange(str(tree))
    assert sorted(os.listdir(tree)) == ["bin", "tool-1.0.dist-info"]


@pytest.mark.parametrize(
    "members",
    [
        {"t-1.data/scripts/x": b"1", "bin/x": b"2"},
        {"t-1.data/scripts/x": b"1", "t-1.data/data/bin/x": b"2"},
        {"t-1.data/scripts/x": b"1", "bin": b"a file"},
        {"t-1.data/data/a/b": b"1", "a": b"a file"},
        {"t-1.data/data/a": b"1", "a/b": b"2"},
        {"t-1.data/scripts": b"a file"},
        {"t-1.data": b"a file"},
    ],
)
def test_two_files_for_one_place_are_refused(members: dict[str, bytes], tmp_path: Path) -> None:
    tree = unpacked(tmp_path, wheel(members))
    with pytest.raises(ArchiveError):
        wheel_layout.arrange(str(tree))


@pytest.mark.parametrize(
    ("member", "link", "target"),
    [
        ("t-1.data/scripts/mine", "bin", "../outside"),
        ("t-1.data/data/share/mine", "share", "../outside"),
        ("t-1.data/data/share/man/mine", "share/man", "../../outside"),
        ("bin/other", "t-1.data", "../outside"),
        ("bin/other", "t-1.data/scripts", "../../outside/scripts"),
        ("bin/other", "t-1.data/data", "../../outside"),
    ],
)
def test_links_for_folders_are_never_followed(member: str, link: str, target: str, tmp_path: Path) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    for path in (outside / "mine", outside / "scripts" / "mine", tree / member):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine" if path.is_relative_to(outside) else "evil")
        path.chmod(0o600)
    (tree / link).parent.mkdir(parents=True, exist_ok=True)
    (tree / link).symlink_to(target)
    with pytest.raises(ArchiveError):
        wheel_layout.arrange(str(tree))
    assert files(outside) == {"mine": 0o600, "scripts/mine": 0o600}
    assert (outside / "mine").read_text() == (outside / "scripts" / "mine").read_text() == "mine"


def test_a_link_among_the_scripts_keeps_its_targets_mode(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "t-1.data" / "scripts").mkdir(parents=True)
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    (tree / "t-1.data" / "scripts" / "x").symlink_to("../../../secret")
    wheel_layout.arrange(str(tree))
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert (tree / "bin" / "x").is_symlink()
