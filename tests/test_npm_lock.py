"""npm's lock: what is read of it, and which packages a platform gets."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.errors import ResolveError
from devshell.sources.npm import lock as npm_lock
from devshell.system import PLATFORMS

if TYPE_CHECKING:
    from devshell.sources.npm.lock import Package

SHA = "sha512-" + base64.b64encode(b"x" * 64).decode()


def packages(**entries: dict[str, Any]) -> dict[str, Package]:
    """Packages by place; in a keyword, `__` stands for another `node_modules` below."""
    table = {"": {"name": "root"}} | {
        "node_modules/" + name.replace("__", "/node_modules/"): {"version": "1.0.0", "integrity": SHA, **said}
        for name, said in entries.items()
    }
    return dict(npm_lock.parse(json.dumps({"lockfileVersion": 3, "packages": table}).encode()))


def got(found: dict[str, Package], *roots: str, platform: str = "linux-x86_64") -> list[str] | str:
    closure = npm_lock.closure(found, [npm_lock.place_of(root) for root in roots], platform)
    return closure if isinstance(closure, str) else [package.place.removeprefix("node_modules/") for package in closure]


@pytest.mark.parametrize(
    ("said", "fitting"),
    [
        ({}, set(PLATFORMS)),
        ({"os": ["linux"]}, {"linux-x86_64", "linux-aarch64"}),
        ({"os": ["!win32"]}, set(PLATFORMS)),
        ({"os": ["!linux"]}, {"darwin-arm64", "darwin-x86_64"}),
        ({"os": ["linux", "!linux"]}, set()),
        ({"os": ["android", "linux"], "cpu": ["x64"]}, {"linux-x86_64"}),
        ({"cpu": ["arm64"]}, {"linux-aarch64", "darwin-arm64"}),
        ({"cpu": "x64"}, {"linux-x86_64", "darwin-x86_64"}),
        ({"os": ["any"]}, set(PLATFORMS)),
        ({"os": ["linux"], "libc": ["musl"]}, set()),
        ({"os": ["linux"], "libc": ["glibc"]}, {"linux-x86_64", "linux-aarch64"}),
        # A package that names a C library is for linux alone, whatever else it says.
        ({"libc": ["glibc"]}, {"linux-x86_64", "linux-aarch64"}),
        ({"os": ["win32"]}, set()),
    ],
)
def test_what_fits_a_platform(said: dict[str, Any], fitting: set[str]) -> None:
    (package,) = packages(a=said).values()
    assert {platform for platform in PLATFORMS if npm_lock.fits(package, platform)} == fitting


def test_what_does_not_fit_goes_with_what_only_it_needed() -> None:
    found = packages(
        tool={"dependencies": {"shared": "1"}, "optionalDependencies": {"mac": "1", "gone": "1"}},
        mac={"os": ["darwin"], "dependencies": {"only-mac": "1", "shared": "1"}},
        **{"only-mac": {}, "shared": {}},
    )
    assert got(found, "tool") == ["shared", "tool"]
    assert got(found, "tool", platform="darwin-arm64") == ["mac", "only-mac", "shared", "tool"]


def test_an_optional_package_falls_with_what_it_needs() -> None:
    found = packages(
        tool={"optionalDependencies": {"front": "1"}},
        front={"dependencies": {"native": "1"}},
        native={"cpu": ["arm64"]},
    )
    assert got(found, "tool") == ["tool"]
    assert got(found, "tool", platform="linux-aarch64") == ["front", "native", "tool"]


def test_what_must_be_there_and_does_not_fit_is_the_reason() -> None:
    found = packages(tool={"dependencies": {"a": "1"}}, a={"dependencies": {"b": "1"}}, b={"os": ["darwin"]})
    assert got(found, "tool") == "b 1.0.0 is not made for it"


def test_circles_and_what_nobody_needs() -> None:
    found = packages(
        a={"dependencies": {"b": "1"}}, b={"dependencies": {"a": "1"}, "peerDependencies": {"a": "1"}}, c={}
    )
    assert got(found, "a") == ["a", "b"]


def test_the_nearest_package_is_the_one_that_is_found() -> None:
    found = packages(
        tool={"dependencies": {"a": "1", "b": "1"}},
        a={"dependencies": {"c": "1"}},
        b={"dependencies": {"c": "2"}},
        c={},
        a__c={"version": "0.1.0"},
        b__node={"version": "9.0.0"},
    )
    assert got(found, "tool") == ["a", "a/node_modules/c", "b", "c", "tool"]


def test_peers_are_needed_unless_they_are_optional() -> None:
    found = packages(
        plugin={"peerDependencies": {"host": "1", "maybe": "1"}, "peerDependenciesMeta": {"maybe": {"optional": True}}},
        host={},
        maybe={"os": ["darwin"]},
    )
    assert got(found, "plugin") == ["host", "plugin"]


def test_several_roots() -> None:
    assert got(packages(a={}, b={}, c={}), "c", "a") == ["a", "c"]


def test_an_alias_is_the_package_that_it_stands_for() -> None:
    (package,) = packages(short={"name": "@corp/long", "version": "2.0.0"}).values()
    assert (package.place, package.file) == ("node_modules/short", "@corp/long/-/long-2.0.0.tgz")


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"resolved": "git+ssh://git@127.0.0.1/a/b.git#abc"}, "git repository"),
        ({"resolved": "https://127.0.0.1/a.tgz"}, "an address"),
        ({"resolved": "file:../a"}, "folder"),
        ({"link": True, "resolved": "a"}, "link"),
    ],
)
def test_what_is_not_from_the_registry_is_refused(said: dict[str, Any], word: str) -> None:
    (package,) = packages(a=said).values()
    assert package.refused
    assert word in package.refused
    assert "127.0.0.1" not in package.refused


@pytest.mark.parametrize("integrity", ["", "sha1-" + "A" * 28, "sha512-zz", "sha512-" + "A" * 10, "sha512-é"])
def test_weak_and_broken_hashes_are_refused(integrity: str) -> None:
    with pytest.raises(ResolveError, match="sha512"):
        npm_lock.sha512(packages(a={"integrity": integrity})["node_modules/a"])


def test_of_several_hashes_the_strong_one_counts() -> None:
    found = packages(a={"integrity": f"sha1-AAAA {SHA}?x"})
    assert npm_lock.sha512(found["node_modules/a"]) == b"x".hex() * 64


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"lockfileVersion": 2, "packages": {}}',
        b'{"lockfileVersion": 3, "packages": []}',
        b'{"lockfileVersion": 3, "packages": {"node_modules/../../x": {"version": "1.0.0"}}}',
        b'{"lockfileVersion": 3, "packages": {"../x": {"version": "1.0.0"}}}',
        b'{"lockfileVersion": 3, "packages": {"node_modules/x": []}}',
        b'{"lockfileVersion": 3, "packages": {"node_modules/x": {"version": "../../y"}}}',
        b'{"lockfileVersion": 3, "packages": {"node_modules/x": {"version": "1.0.0", "name": "../y"}}}',
        b"[" * 100_000,
    ],
)
def test_a_lock_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(ResolveError):
        npm_lock.parse(content)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("./bin/x.js", {"tool": "bin/x.js"}),
        ({"a": "a.js", "@scope/b": "./b.js"}, {"a": "a.js", "b": "b.js"}),
        ({"a": "../../etc/passwd", "b": "/c", "../d": "d.js", "-e": "e", "f": "", "g": 1}, {"b": "c", "d": "d.js"}),
        ({"a\n": "a.js", "b": "x\ny", "c": "x\\y", "": "z", "..": "z"}, {}),
        (None, {}),
        ([], {}),
    ],
)
def test_commands_that_a_package_brings(said: object, found: dict[str, str]) -> None:
    assert npm_lock.bins(said, "@scope/tool") == found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["name", "version", "os", "cpu", "libc", "dependencies", "optionalDependencies", "peerDependencies", "bin",
     "peerDependenciesMeta", "integrity", "link", "resolved", "inBundle", "hasInstallScript"]
)  # fmt: skip
PLACES = st.sampled_from(["node_modules/a", "node_modules/b", "node_modules/a/node_modules/b", "x", ""])


@given(st.dictionaries(PLACES, st.dictionaries(KEYS, JSON, max_size=6) | JSON, max_size=4))
def test_whatever_stands_in_a_lock_is_understood_or_refused(table: dict[str, Any]) -> None:
    try:
        found = npm_lock.parse(json.dumps({"lockfileVersion": 3, "packages": table}).encode())
    except ResolveError:
        return
    for place in found:
        for platform in PLATFORMS:
            npm_lock.closure(found, [place], platform)
