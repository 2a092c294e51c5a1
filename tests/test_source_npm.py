"""The npm source, against a real registry on this machine, with a real npm."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from devshell import archive, registry
from devshell.config import Config
from devshell.errors import (
    CancelledError,
    FetchError,
    HashMismatchError,
    LockError,
    Place,
    ResolveError,
    StoreError,
    UnreachableError,
)
from devshell.fetch import Fetcher
from devshell.lock import Absent, Artifact, Block
from devshell.manifest import Request
from devshell.sources import Site
from devshell.sources.npm import Npm
from devshell.sources.npm import tree as npm_tree
from devshell.store import fixups
from devshell.system import DEFAULT_PLATFORMS
from support import npm_world
from support.npm_registry import SCRIPT, Registry, sri, tarball
from support.server import Behaviour, LyingServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from devshell.sources import World

pytestmark = pytest.mark.skipif(not npm_world.HAS_NPM, reason="npm is needed")

HERE = "linux-x86_64"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who never set npm up, and has none in PATH."""
    for name in os.environ:
        if name.lower().startswith("npm_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return folder


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


@pytest.fixture
def npm(server: LyingServer) -> Registry:
    return Registry(server)


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def world(tmp_path: Path, npm: Registry, notes: list[str]) -> Iterator[Callable[..., World]]:
    fetchers: list[Fetcher] = []

    def make(*addresses: str, **options: Any) -> World:  # noqa: ANN401  (the fetcher's own)
        fetchers.append(Fetcher(tmp_path / "cache", attempts=1, pause=0.01, timeout=10.0, **options))
        config = Config(index_npm=addresses or (npm.address,))
        return npm_world.world(fetchers[-1], config, tmp_path, notes)

    yield make
    for fetcher in fetchers:
        fetcher.close()


def wish(name: str = "tool", version: str = "*", extra: Sequence[str] = ()) -> Request:
    place = Place("devshell.toml", 3, f"tools.{name}")
    return Request(f"npm:{name}", name, "npm", version, place, extra=tuple(extra))


def offer(more: str = "", package: str = "tool") -> registry.Offer:
    head = f'description = "x"\n[[sources]]\nsource = "npm"\npackage = "{package}"\npublisher = "x"\ntrust = "x"\n'
    return registry.parse("tool", (head + more).encode(), "tool").offers[0]


def lock(  # noqa: PLR0913  (what a lock is asked)
    world: World,
    version: str = "*",
    one: registry.Offer | None = None,
    *,
    name: str = "tool",
    extra: Sequence[str] = (),
    platforms: Sequence[str] = DEFAULT_PLATFORMS,
) -> dict[str, Block | Absent]:
    return dict(Npm().lock(wish(name, version, extra), one, platforms, world).platforms)


def block(found: dict[str, Block | Absent], platform: str = HERE) -> Block:
    one = found[platform]
    assert isinstance(one, Block), one
    return one


def places(one: Block) -> list[str]:
    return [artifact.place.removeprefix("lib/node_modules/") for artifact in one.artifacts]


def install(one: Block, world: World, store: Path, name: str = "tool") -> Path:
    """Do what realizing does, and return the tree at its place in the store."""
    Npm().check(name, HERE, one)
    final = store / f"{'a' * 32}-{name}-{one.version}"
    for artifact in one.artifacts:
        file = world.fetcher.artifact(artifact, Npm().locate(artifact, one, None, world))
        (final / artifact.place).mkdir(parents=True, exist_ok=True)
        archive.unpack(file, artifact.file.rpartition("/")[2], final / artifact.place, strip=one.strip)
    needs = {"node": npm_world.node_tree(store)} if one.dependencies else {}
    Npm().arrange(Site(final, final, MappingProxyType(needs)), one)
    fixups.apply(final, one.fixups, final)
    return final


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command with nothing in its environment; return what it says."""
    done = subprocess.run(list(map(str, command)), env={}, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


# Locking


def test_a_tool_with_what_it_needs(npm: Registry, world: Callable[..., World]) -> None:
    npm.tool(version="1.0.0")
    main = npm.tool(version="1.2.0", dependencies={"a": "^1.0.0", "@s/b": "1"})
    npm.add("a", "1.0.0")
    npm.add("a", "2.0.0", dependencies={"tool": "1"})
    npm.add("@s/b", "1.5.0", dependencies={"a": "2"})
    locked = Npm().lock(wish(), None, DEFAULT_PLATFORMS, world())
    for platform in DEFAULT_PLATFORMS:
        one = block(dict(locked.platforms), platform)
        assert (one.version, one.strip, dict(one.origin), one.dependencies) == (
            "1.2.0",
            1,
            {"package": "tool"},
            ("node",),
        )
        assert places(one) == ["@s/b", "@s/b/node_modules/a", "a", "tool"]
        assert [a.file for a in one.artifacts] == [
            "@s/b/-/b-1.5.0.tgz",
            "a/-/a-2.0.0.tgz",
            "a/-/a-1.0.0.tgz",
            "tool/-/tool-1.2.0.tgz",
        ]
        assert dict(one.bin or {}) == {"tool": "bin/tool"}
        assert one.artifacts[-1].size == len(main)
        Npm().check("tool", platform, one)
    assert list(locked.dependencies) == ["node"]
    assert "127.0.0.1" not in repr(locked)


def test_what_needs_nothing_is_locked_without_starting_npm(npm: Registry, world: Callable[..., World]) -> None:
    npm.tool()
    one = block(lock(world()))
    assert places(one) == ["tool"]
    assert npm.asked() == ["GET tool", "HEAD tool/-/tool-1.0.0.tgz"]


def test_platforms_get_their_own_parts(npm: Registry, world: Callable[..., World]) -> None:
    parts: dict[str, dict[str, Any]] = {
        "tool-linux-x64": {"os": ["linux"], "cpu": ["x64"], "libc": ["glibc"]},
        "tool-linux-x64-musl": {"os": ["linux"], "cpu": ["x64"], "libc": ["musl"]},
        "tool-darwin-arm64": {"os": ["darwin"], "cpu": ["arm64"]},
        "tool-win32": {"os": ["win32"]},
    }
    for name, said in parts.items():
        npm.add(name, "1.0.0", **said)
    npm.tool(optionalDependencies=dict.fromkeys(parts, "1.0.0"))
    found = lock(world())
    assert places(block(found)) == ["tool", "tool-linux-x64"]
    assert places(block(found, "linux-aarch64")) == ["tool"]
    assert places(block(found, "darwin-arm64")) == ["tool", "tool-darwin-arm64"]


def test_a_platform_that_what_must_be_there_is_not_for_is_absent(npm: Registry, world: Callable[..., World]) -> None:
    npm.tool(dependencies={"native": "1"})
    npm.add("native", "1.0.0", os=["linux"])
    found = lock(world())
    assert isinstance(found["linux-aarch64"], Block)
    assert found["darwin-arm64"] == Absent("native 1.0.0 is not made for it")


def test_peers_are_as_npm_decides(npm: Registry, world: Callable[..., World]) -> None:
    npm.tool(peerDependencies={"host": "1", "maybe": "1"}, peerDependenciesMeta={"maybe": {"optional": True}})
    npm.add("host", "1.4.0")
    npm.add("maybe", "1.0.0")
    assert places(block(lock(world()))) == ["host", "tool"]


def test_requests_choose_versions(npm: Registry, world: Callable[..., World]) -> None:
    for version in ("1.9.0", "1.10.0", "0.5.0"):
        npm.tool(version=version)
    npm.tool(version="2.0.0-rc.1", latest=False)
    npm.tool(version="2.0.0-next.1", latest=False)
    npm.tool(version="1.11.0-1", latest=False)
    npm.pages["tool"]["dist-tags"]["latest"] = "1.10.0"
    npm.publish("tool")
    here = world()
    for request, version in {"*": "1.10.0", "1.9": "1.9.0", "<1": "0.5.0", ">=2.0.0rc0": "2.0.0-rc.1"}.items():
        assert block(lock(here, request)).version == version
    with pytest.raises(ResolveError) as caught:
        lock(here, "3")
    assert "1.10.0, 1.9.0, 0.5.0" in (caught.value.hint or "")
    assert caught.value.place == Place("devshell.toml", 3, "tools.tool")


def test_the_publishers_latest_wins_over_newer_ones(npm: Registry, world: Callable[..., World]) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0", "2.0.0"):
        npm.tool(version=version, latest=version == "1.1.0")
    here = world()
    assert block(lock(here)).version == "1.1.0"
    assert block(lock(here, "1")).version == "1.1.0"
    assert block(lock(here, "2")).version == "2.0.0"
    assert block(lock(here, ">1.1")).version == "2.0.0"
    assert Npm().versions(wish(), None, here) == ["1.1.0", "1.0.0"]
    assert Npm().versions(wish(version="2"), None, here) == ["2.0.0", "1.1.0", "1.0.0"]


def test_deprecated_versions_need_to_be_all_there_is(npm: Registry, world: Callable[..., World]) -> None:
    npm.tool(version="1.0.0")
    npm.tool(version="1.1.0", deprecated="broken")
    here = world()
    assert block(lock(here)).version == "1.0.0"
    assert block(lock(here, "=1.1.0")).version == "1.1.0"
    assert Npm().versions(wish(), None, here) == ["1.0.0"]


def test_packages_beside_a_tool(npm: Registry, world: Callable[..., World], tmp_path: Path) -> None:
    npm.tool(dependencies={"core": "1"})
    npm.add("core", "1.0.0")
    for version in ("1.0.0", "2.0.0"):
        npm.add(
            "@s/plugin",
            version,
            {"index.js": f'module.exports = "plugin {version}";', "cli.js": SCRIPT},
            peerDependencies={"tool": "1"},
            bin={"plug": "cli.js", "tool": "cli.js"},
        )
    here = world()
    one = block(lock(here, extra=["@s/plugin@1"]))
    assert places(one) == ["@s/plugin", "core", "tool"]
    # Where two packages bring one command, the tool's own is it.
    assert dict(one.bin or {}) == {"plug": "bin/plug", "tool": "bin/tool@tool"}
    assert one.fixups[0]["target"] == "lib/node_modules/@s/plugin"
    tree = install(one, here, tmp_path / "store")
    if not npm_world.HAS_HOOKS:
        return
    # The project has no such plugin, yet its configuration finds the one beside the tool.
    project = tmp_path / "project"
    project.mkdir()
    (project / "config.mjs").write_text('import p from "@s/plugin"; console.log(p);')
    (project / "config.cjs").write_text('console.log(require("@s/plugin"));')
    (project / "missing.mjs").write_text('import("nowhere").catch((error) => console.log(error.message));')
    main = tree / "lib/node_modules/tool/bin/cli.js"
    main.write_text('#!/usr/bin/env node\nimport(require("node:url").pathToFileURL(process.argv[2]));')
    assert run(tree / "bin/tool@tool", project / "config.mjs") == "plugin 1.0.0"
    assert run(tree / "bin/tool@tool", project / "config.cjs") == "plugin 1.0.0"
    assert "missing.mjs" in run(tree / "bin/tool@tool", project / "missing.mjs")
    own = project / "node_modules/@s/plugin"
    own.mkdir(parents=True)
    (own / "index.js").write_text('module.exports = "the project\'s own";')
    assert run(tree / "bin/tool@tool", project / "config.mjs") == "the project's own"


def test_packages_that_do_not_fit_together_are_said(npm: Registry, world: Callable[..., World]) -> None:
    npm.tool()
    npm.add("plugin", "1.0.0", peerDependencies={"tool": "^9.0.0"})
    with pytest.raises(ResolveError) as caught:
        lock(world(), extra=["plugin"])
    assert "fit together" in caught.value.message
    assert "127.0.0.1" not in caught.value.message + (caught.value.hint or "")


def test_what_is_not_there_is_said_in_plain_words(npm: Registry, world: Callable[..., World]) -> None:
    with pytest.raises(ResolveError, match="no package 'tool'"):
        lock(world())
    npm.tool(dependencies={"lost": "1"})
    with pytest.raises(ResolveError, match="lost") as caught:
        lock(world())
    assert "127.0.0.1" not in caught.value.message
    npm.add("lost", "2.0.0")
    with pytest.raises(ResolveError, match=r"lost@1"):
        lock(world())


@pytest.mark.parametrize("name", ["../x", "a/b", "", "@x", "a b", "tool\n", "-x?", "@s/..", "..", "\x1b[31m"])
def test_a_name_that_is_none_asks_nothing(name: str, npm: Registry, world: Callable[..., World]) -> None:
    with pytest.raises(ResolveError) as caught:
        lock(world(), name=name)
    assert "\x1b" not in caught.value.message
    assert npm.asked() == []


@pytest.mark.parametrize("integrity", [None, "sha1"])
def test_without_a_strong_hash_nothing_is_locked(
    integrity: str | None, npm: Registry, world: Callable[..., World]
) -> None:
    npm.tool(integrity=None if integrity is None else sri(b"x", integrity))
    with pytest.raises(ResolveError, match="sha512"):
        lock(world())


@pytest.mark.parametrize("spec", ["git+ssh://git@127.0.0.1:1/a/b.git", "{address}plain.tgz", "file:../x"])
def test_what_comes_from_elsewhere_is_refused(spec: str, npm: Registry, world: Callable[..., World]) -> None:
    npm.server.serve("/npm/plain.tgz", tarball({"package.json": '{"name": "plain", "version": "1.0.0"}'}))
    npm.tool(dependencies={"plain": spec.format(address=npm.address)})
    with pytest.raises(ResolveError) as caught:
        lock(world())
    assert "127.0.0.1" not in caught.value.message


def test_bundled_packages_come_with_the_one_that_has_them(
    npm: Registry, world: Callable[..., World], tmp_path: Path
) -> None:
    manifest: dict[str, Any] = {"name": "tool", "version": "1.0.0", "bin": "cli.js", "dependencies": {"in": "1"}}
    manifest["bundleDependencies"] = ["in"]
    content = tarball(
        {
            "package.json": json.dumps(manifest),
            "cli.js": '#!/usr/bin/env node\nconsole.log(require("in"));',
            "node_modules/in/package.json": '{"name": "in", "version": "1.0.0"}',
            "node_modules/in/index.js": 'module.exports = "bundled";',
        }
    )
    npm.add(content=content, **manifest)
    here = world()
    one = block(lock(here))
    assert places(one) == ["tool"]
    assert run(install(one, here, tmp_path / "store") / "bin/tool") == "bundled"


def test_install_scripts_are_spoken_of_and_never_run(
    npm: Registry, world: Callable[..., World], notes: list[str], tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    for name, script in {
        "plain": f"touch {ran}",
        "native": "prebuild-install || node-gyp rebuild",
        "shipped": "node-gyp-build",
        "optional": "node-gyp rebuild",
    }.items():
        npm.add(name, "1.0.0", scripts={"install": script}, hasInstallScript=True)
    needed = dict.fromkeys(("plain", "native", "shipped"), "1")
    npm.tool(dependencies=needed, optionalDependencies={"optional": "1"}, scripts={"preinstall": f"touch {ran}"})
    here = world()
    install(block(lock(here)), here, tmp_path / "store")
    assert not ran.exists()
    building, others = notes
    assert re.findall(r"(\w+) 1\.0\.0", building) == ["native"]
    assert {"plain", "shipped"} <= set(re.findall(r"(\w+) 1\.0\.0", others))
    assert "optional" not in building + others


def test_a_size_that_the_registry_does_not_tell(npm: Registry, world: Callable[..., World]) -> None:
    content = npm.tool()
    npm.server.serve("/npm/tool/-/tool-1.0.0.tgz", content, Behaviour(closing=True))
    assert block(lock(world())).artifacts[0].size == len(content)
    npm.server.serve("/npm/tool/-/tool-1.0.0.tgz", b"another", Behaviour(closing=True))
    with pytest.raises(HashMismatchError):
        lock(world())


def test_a_silent_registry_is_unreachable(world: Callable[..., World]) -> None:
    with pytest.raises(UnreachableError):
        lock(world("http://127.0.0.1:9/"))


def test_the_first_registry_that_answers_is_the_one(npm: Registry, world: Callable[..., World], tmp_path: Path) -> None:
    npm.tool(dependencies={"a": "1"})
    npm.add("a", "1.0.0")
    here = world("http://127.0.0.1:9/", npm.address)
    one = block(lock(here))
    install(one, here, tmp_path / "store")


def test_offline_starts_no_request(npm: Registry, world: Callable[..., World]) -> None:
    npm.tool(dependencies={"a": "1"})
    npm.add("a", "1.0.0")
    lock(world())
    before = len(npm.server.seen)
    with pytest.raises(FetchError, match="--offline"):
        lock(world(offline=True))
    assert len(npm.server.seen) == before


def test_ctrl_c_ends_npm(npm: Registry, world: Callable[..., World]) -> None:
    npm.tool(dependencies={"slow": "1"})
    npm.add("slow", "1.0.0")
    npm.server.serve("/npm/slow", b"{" * 100, Behaviour(stall_at=1))
    with pytest.raises(CancelledError):
        lock(world(cancelled=npm.server.stalled.is_set))


def test_npms_settings_of_how_to_install_do_not_matter(
    npm: Registry, world: Callable[..., World], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".npmrc").write_text(
        "omit=optional\nlegacy-peer-deps=true\npackage-lock=false\ndry-run=true\nglobal=true\ninstall-strategy=linked\n"
        "workspaces=true\nlockfile-version=1\nsave=false\nprefix=/nonexistent\n"
    )
    project = tmp_path / "project"
    project.mkdir()
    (project / ".npmrc").write_text("registry=http://127.0.0.1:9/\n")
    (project / "package.json").write_text('{"name": "p", "workspaces": ["*"], "overrides": {"a": "2"}}')
    monkeypatch.chdir(project)
    monkeypatch.setenv("INIT_CWD", str(project))
    monkeypatch.setenv("npm_config_local_prefix", str(project))
    monkeypatch.setenv("NODE_OPTIONS", "--require=./nothing.js")
    npm.tool(dependencies={"a": "1"}, optionalDependencies={"b": "1"}, peerDependencies={"c": "1"})
    for name in ("a", "b", "c"):
        npm.add(name, "1.0.0")
    assert places(block(lock(world()))) == ["a", "b", "c", "tool"]
    assert sorted(os.listdir(project)) == [".npmrc", "package.json"]
    assert os.listdir(home) == [".npmrc"]


# Registry offers


def test_an_offer_of_programs_needs_no_node(npm: Registry, world: Callable[..., World], tmp_path: Path) -> None:
    parts: dict[str, dict[str, Any]] = {
        "@tool/linux-x64": {"os": ["linux"], "cpu": ["x64"]},
        "@tool/darwin-arm64": {"os": ["darwin"], "cpu": ["arm64"]},
    }
    for name, said in parts.items():
        for version in ("1.0.0", "1.1.0"):
            if version == "1.0.0" or "linux" in name:
                npm.add(name, version, {"bin/tool": "#!/bin/sh\necho program\n"}, **said)
    one = offer(
        'bin = { tool = "bin/tool", t = "bin/tool" }\narch_names = { x86_64 = "x64", aarch64 = "arm64" }\n',
        package="@tool/{os}-{arch}",
    )
    here = world()
    request = replace(wish(), source=None)
    locked = Npm().lock(request, one, DEFAULT_PLATFORMS, here)
    found = dict(locked.platforms)
    assert block(found).version == block(found, "darwin-arm64").version == "1.0.0"
    assert dict(block(found).origin) == {"package": "@tool/linux-x64"}
    assert isinstance(found["linux-aarch64"], Absent)
    assert locked.dependencies == {}
    assert block(found).dependencies == ()
    tree = install(block(found), here, tmp_path / "store")
    assert (block(found).bin or {})["t"] == "lib/node_modules/@tool/linux-x64/bin/tool"
    assert run("/bin/sh", "-c", f'"{tree}/{(block(found).bin or {})["tool"]}"') == "program"
    assert "1.0.0" in Npm().versions(request, replace(one, platforms=("linux-x86_64",)), here)


def test_a_release_may_not_be_the_tools_version(npm: Registry, world: Callable[..., World]) -> None:
    npm.tool(version="1.18.0")
    one = block(lock(world(), one=offer('versions = { "15.0.0" = "1.18.0" }\n')))
    assert (one.version, dict(one.origin)) == ("15.0.0", {"package": "tool", "release": "1.18.0"})
    Npm().check("tool", HERE, one)


@pytest.mark.parametrize("package", ["@x/{version}", "{tool}"])
def test_a_packages_name_has_no_other_fields(package: str) -> None:
    with pytest.raises(Exception, match="package's name"):
        offer(package=package)


# The tree


def placed(store: Path, files: dict[str, str | bytes], **manifest: Any) -> Site:  # noqa: ANN401  (a manifest's words)
    """Put one package into a tree and return its site."""
    tree = store / f"{'a' * 32}-tool-1.0.0"
    package = tree / "lib/node_modules/tool"
    for name, text in {"package.json": json.dumps({"name": "tool", **manifest}), **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Site(tree, tree, MappingProxyType({"node": npm_world.node_tree(store)}))


def test_a_script_runs_on_the_stores_node_with_nothing_in_the_environment(tmp_path: Path) -> None:
    store = tmp_path / "a store with ' and é"
    site = placed(
        store, {"cli.js": "#!/usr/bin/env node\nconsole.log(__filename, process.argv.slice(2));"}, bin="cli.js"
    )
    npm_tree.arrange(site, beside=False)
    script = site.tree / "lib/node_modules/tool/cli.js"
    assert str(script) in run(site.tree / "bin/tool", "a b", "$HOME")
    # Through an environment, by a link to it, by a link elsewhere, and by a path that is relative.
    environment = store / f"{'e' * 32}-environment-1"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin/tool").symlink_to(f"../../{site.tree.name}/bin/tool")
    (tmp_path / "env").symlink_to(environment)
    (tmp_path / "elsewhere").symlink_to(environment / "bin/tool")
    for path in (environment / "bin/tool", tmp_path / "env/bin/tool", tmp_path / "elsewhere"):
        assert str(script) in run(path)
    assert str(script) in run("bin/tool", cwd=tmp_path / "env")
    assert str(script) in run("/bin/sh", "tool", cwd=environment / "bin")
    moved = tmp_path / "moved"
    store.rename(moved)
    assert str(moved) in run(moved / environment.name / "bin/tool")


def test_what_a_wrapper_holds_of_the_machine_is_the_stores_root_alone(tmp_path: Path) -> None:
    texts = []
    for name in ("short", "a/much/longer one's"):
        site = placed(tmp_path / name, {"cli.js": SCRIPT}, bin="cli.js")
        npm_tree.arrange(site, beside=True)
        texts.append((site.tree / "bin/tool").read_text().replace(str(site.tree.parent), "ROOT"))
    assert texts[0] == texts[1]
    assert texts[0].count("ROOT") == 1


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("#!/usr/bin/env node", "[]"),
        ("#!/usr/bin/env node\r", "[]"),
        ("#! /usr/bin/node", "[]"),
        ("#!/usr/bin/env -S node --no-warnings --stack-size=900", "['--no-warnings','--stack-size=900']"),
        ("#!/usr/bin/env -S node --no-warnings $(touch x)", "['--no-warnings']"),
    ],
)
def test_shebangs_of_node(head: str, said: str, tmp_path: Path) -> None:
    site = placed(tmp_path, {"cli": f"{head}\nconsole.log(process.execArgv);"}, bin="cli")
    npm_tree.arrange(site, beside=False)
    assert run(site.tree / "bin/tool").replace(" ", "").replace("\n", "") == said


def test_scripts_without_a_first_line_are_nodes_by_their_ending(tmp_path: Path) -> None:
    site = placed(tmp_path, {"cli.mjs": "console.log(import.meta.url);"}, bin="cli.mjs")
    npm_tree.arrange(site, beside=False)
    assert run(site.tree / "bin/tool").endswith("cli.mjs")


def test_programs_and_other_scripts_are_linked(tmp_path: Path) -> None:
    with open("/bin/true", "rb") as file:
        program = file.read()
    site = placed(
        tmp_path, {"native": program, "script": "#!/bin/sh\necho sh"}, bin={"native": "native", "script": "./script"}
    )
    npm_tree.arrange(site, beside=False)
    assert (site.tree / "bin/native").readlink().as_posix() == "../lib/node_modules/tool/native"
    assert run(site.tree / "bin/native") == ""
    assert run(site.tree / "bin/script") == "sh"


def test_nothing_is_reached_through_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.js").write_text("#!/usr/bin/env node\n")
    (outside / "package.json").write_text('{"name": "evil", "bin": {"evil": "x.js"}}')
    site = placed(tmp_path / "store", {}, bin={"file": "file", "folder": "folder/x.js", "gone": "gone"})
    package = site.tree / "lib/node_modules/tool"
    (package / "file").symlink_to(outside / "x.js")
    (package / "folder").symlink_to(outside)
    (package.parent / "evil").symlink_to(outside)
    npm_tree.arrange(site, beside=False)
    assert not (site.tree / "bin").exists()
    assert (outside / "x.js").stat().st_mode & 0o111 == 0


@pytest.mark.parametrize("text", ["", "[]", "{", '{"bin": 3}', "\xff", '{"bin": {"x": ["y"]}}'])
def test_a_package_that_says_nonsense_has_no_commands(text: str, tmp_path: Path) -> None:
    site = placed(tmp_path, {"package.json": text.encode("latin-1")})
    npm_tree.arrange(site, beside=False)
    assert not (site.tree / "bin").exists()


def test_a_node_that_is_not_there_is_said(tmp_path: Path) -> None:
    site = placed(tmp_path, {"cli.js": SCRIPT}, bin="cli.js")
    empty = tmp_path / f"{'m' * 32}-node-1"
    empty.mkdir()
    with pytest.raises(StoreError, match="node"):
        npm_tree.arrange(replace(site, needs=MappingProxyType({"node": empty})), beside=False)


# Checking


def good() -> Block:
    return Block(
        "npm",
        "1.0.0",
        (
            Artifact("@s/a/-/a-2.0.0.tgz", "sha512", "0" * 128, 1, "lib/node_modules/x/node_modules/@s/a"),
            Artifact("tool/-/tool-1.0.0.tgz", "sha512", "1" * 128, 1, "lib/node_modules/tool"),
        ),
        MappingProxyType({"package": "tool"}),
        strip=1,
    )


def test_a_block_that_locking_writes_is_fine() -> None:
    Npm().check("tool", HERE, good())


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2.0.0"},
        {"origin": {"package": "other"}},
        {"origin": {}},
        {"strip": 0},
        {"artifacts": ()},
        {"artifact": {"algorithm": "sha256"}},
        {"artifact": {"place": "lib"}},
        {"artifact": {"place": ""}},
        {"artifact": {"place": "node_modules/x"}},
        {"artifact": {"place": "lib/node_modules/tool"}},
        {"artifact": {"place": "lib/node_modules/../../x"}},
        {"artifact": {"file": "a-2.0.0.tgz"}},
        {"artifact": {"file": "@s/a/-/b-2.0.0.tgz"}},
        {"artifact": {"file": "@s/a/-/a-2.0.0.tgz?x"}},
        {"artifact": {"file": "../a/-/a-2.0.0.tgz"}},
    ],
)
def test_a_block_that_contradicts_itself_is_refused(change: dict[str, Any]) -> None:
    one = good()
    if "artifact" in change:
        change = {"artifacts": (replace(one.artifacts[0], **change["artifact"]), one.artifacts[1])}
    with pytest.raises(LockError) as caught:
        Npm().check("tool", HERE, replace(one, **change))
    assert "devshell lock --update tool" in (caught.value.hint or "")


# For real


@pytest.mark.network
@pytest.mark.parametrize(
    ("line", "command", "said"),
    [
        ('"npm:prettier" = "3"', ["prettier", "--version"], r"^3\."),
        ('"npm:typescript" = "5"', ["tsc", "--version"], r"Version 5\."),
        ('"npm:vite" = "7"', ["vite", "build"], r"built in"),
    ],
)
def test_a_real_tool(line: str, command: list[str], said: str, place: Any) -> None:  # noqa: ANN401  (conftest's Place)
    place.write("devshell.toml", f"[tools]\n{line}\n")
    place.write("index.html", '<!doctype html><script type="module" src="/a.js"></script>')
    place.write("a.js", "console.log(1)")
    place.run("allow").ok()
    place.run("lock").ok()
    place.run("sync", "-q").ok()
    path = place.project / ".devshell/env/bin" / command[0]
    done = subprocess.run(
        [path, *command[1:]], env={}, cwd=place.project, capture_output=True, text=True, check=False, timeout=120
    )
    assert re.search(said, done.stdout), done.stdout + done.stderr
    place.run("store", "verify").ok()
    assert sys.platform != "linux" or "darwin-arm64" in (place.project / "devshell.lock").read_text()


@pytest.mark.network
def test_a_real_linter_with_plugins(place: Any) -> None:  # noqa: ANN401  (conftest's Place)
    place.write(
        "devshell.toml",
        '[tools]\neslint = { version = "9", with = ["typescript-eslint@8"] }\n'
        '[settings]\nplatforms = ["linux-x86_64"]\n',
    )
    place.write("eslint.config.mjs", 'import ts from "typescript-eslint";\nexport default ts.configs.recommended;\n')
    place.write("other.config.cjs", 'module.exports = require("typescript-eslint").configs.recommended;\n')
    place.write("a.ts", "export const x: any = 1;\n")
    place.run("allow").ok()
    place.run("lock").ok()
    place.run("sync", "-q").ok()
    path = place.project / ".devshell/env/bin/eslint"
    for options in ([], ["-c", "other.config.cjs"]):
        done = subprocess.run(
            [path, *options, "a.ts"],
            env={},
            cwd=place.project,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert "@typescript-eslint/no-explicit-any" in done.stdout, done.stdout + done.stderr
    place.write("devshell.toml", '[tools]\neslint = "9"\n[settings]\nplatforms = ["linux-x86_64"]\n')
    place.run("allow").ok()
    place.run("lock", "--check").failed()
