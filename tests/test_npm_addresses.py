"""Where npm's registry is, and which login goes to it: each step of DESIGN.md's order, with a real npm."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.config import Config
from devshell.errors import ConfigError, FetchError, Place, UnreachableError
from devshell.fetch import Fetcher
from devshell.lock import Block
from devshell.manifest import Request
from devshell.sources.npm import Npm
from devshell.sources.npm import engine as npm_engine
from devshell.sources.npm import registry as npm_registry
from devshell.sources.npm import settings as npm_settings
from support import npm_world
from support.npm_registry import Registry
from support.server import Behaviour, LyingServer, redirect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devshell.sources import World

pytestmark = pytest.mark.skipif(not npm_world.HAS_NPM, reason="npm is needed")

A, B, C, D = (f"http://127.0.0.1:{port}/npm/" for port in (1, 2, 3, 4))
HERE = "linux-x86_64"
PATH = os.environ.get("PATH", "")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without an npm of its own, a user who never set npm up, and a project to stand in."""
    for name in os.environ:
        if name.lower().startswith("npm_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    (folder / "project").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.chdir(folder / "project")
    return folder


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    fetchers: list[Fetcher] = []

    def make(*addresses: str, **options: object) -> World:
        fetchers.append(Fetcher(tmp_path / "cache", attempts=1, pause=0.01, timeout=10.0))
        return npm_world.world(fetchers[-1], Config(index_npm=addresses, **options), tmp_path)  # type: ignore[arg-type]

    yield make
    for fetcher in fetchers:
        fetcher.close()


def host_npm(folder: Path, system: str = "") -> Path:
    """Put an npm of the machine's own into a folder for PATH, with a system-wide file of settings."""
    commands = npm_world.engine(folder)
    (folder / "etc").mkdir(exist_ok=True)
    file = folder / "etc" / "npmrc"
    file.write_text(system)
    script = folder / "host" / "npm"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec "{commands}/node" "{commands}/npm" "--globalconfig={file}" "$@"\n')
    script.chmod(0o755)
    return script.parent


def wish(name: str = "tool") -> Request:
    return Request(f"npm:{name}", name, "npm", "*", Place("devshell.toml"))


def lock(world: World, name: str = "tool") -> Block:
    block = Npm().lock(wish(name), None, [HERE], world).platforms[HERE]
    assert isinstance(block, Block), block
    return block


def download(block: Block, world: World) -> None:
    for artifact in block.artifacts:
        world.fetcher.artifact(artifact, Npm().locate(artifact, block, None, world))


# Which registry


def test_devshells_own_configuration_comes_first(home: Path, world: Callable[..., World]) -> None:
    (home / ".npmrc").write_text(f"registry={B}\n")
    assert npm_registry.registries("tool", world(A, "file:///srv/npm")) == (A, "file:///srv/npm/")


def test_then_the_hosts_npm(tmp_path: Path, world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"relative:{host_npm(tmp_path, f'registry={C}')}")
    assert npm_registry.registries("tool", world()) == (C,)
    assert npm_engine.settings(world()).system_file == str(tmp_path / "etc" / "npmrc")


def test_a_users_file_wins_over_the_systems_and_a_variable_over_both(
    home: Path, tmp_path: Path, world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(host_npm(tmp_path, f"registry={C}\n@corp:registry={D}")))
    (home / ".npmrc").write_text(f"; mine\nregistry = {B}  # the other one\n")
    assert npm_registry.registries("tool", world()) == (B,)
    assert npm_registry.registries("@corp/tool", world()) == (D,)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", A)
    assert npm_registry.registries("tool", world()) == (A,)


def test_an_npm_that_does_not_work_is_passed_over(
    home: Path, tmp_path: Path, world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "npm"
    script.write_text("#!/bin/sh\necho broken\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (home / ".npmrc").write_text(f"registry={B}\n")
    assert npm_registry.registries("tool", world()) == (B,)


def test_with_nothing_configured_npm_says_where(world: Callable[..., World]) -> None:
    (address,) = npm_registry.registries("tool", world())
    assert address.startswith("https://")


def test_a_scope_has_a_registry_of_its_own(home: Path, world: Callable[..., World]) -> None:
    (home / ".npmrc").write_text(f"@corp:registry={B}\n")
    assert npm_registry.registries("@corp/tool", world(A)) == (B,)
    assert npm_registry.registries("@other/tool", world(A)) == (A,)


@pytest.mark.parametrize("where", [".", "..", "node_modules/.."])
def test_a_projects_settings_never_count(
    where: str, home: Path, world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".npmrc").write_text(f"registry={B}\n")
    (home / "project" / "node_modules").mkdir()
    folder = home / "project" / where
    (folder / "package.json").write_text('{"workspaces": ["*"]}')
    if folder.resolve() != home:
        (folder / ".npmrc").write_text(f"registry={A}\n@corp:registry={A}\n")
        (folder / "mine").write_text(f"registry={A}\n")
    monkeypatch.setenv("TMPDIR", str(home / "project"))
    monkeypatch.setenv("npm_config_userconfig", "mine")
    monkeypatch.setenv("npm_config_local_prefix", str(folder))
    assert npm_registry.registries("@corp/tool", world()) == (B,)


def test_what_npm_run_puts_into_the_environment_does_not_count(
    home: Path, world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".npmrc").write_text(f"registry={B}\n")
    monkeypatch.setenv("npm_config_registry", A)
    monkeypatch.setenv("npm_lifecycle_event", "test")
    assert npm_registry.registries("tool", world()) == (B,)


@pytest.mark.parametrize("text", ["registry=http://joe:hunter2@[/x", "@c:registry=hunter2", "@c:registry=file:///etc"])
def test_wrong_settings_are_named_without_what_they_hold(text: str, home: Path, world: Callable[..., World]) -> None:
    (home / ".npmrc").write_text(f"registry={B}\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        npm_registry.registries("tool", world())
    assert "hunter2" not in caught.value.message
    assert "registry" in caught.value.message


def test_settings_that_are_no_text(home: Path, world: Callable[..., World]) -> None:
    (home / ".npmrc").write_bytes(b"registry=\xff\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        npm_registry.registries("tool", world(A))


def test_only_folders_hold_no_lists(tmp_path: Path, world: Callable[..., World]) -> None:
    with pytest.raises(UnreachableError, match="folders") as caught:
        lock(world(tmp_path.as_uri()))
    assert "index.npm" in (caught.value.hint or "")


def test_a_folder_serves_what_is_locked(server: LyingServer, tmp_path: Path, world: Callable[..., World]) -> None:
    registry = Registry(server)
    content = registry.tool("@s/tool")
    block = lock(world(registry.address), "@s/tool")
    folder = tmp_path / "folder" / "@s" / "tool" / "-"
    folder.mkdir(parents=True)
    (folder / "tool-1.0.0.tgz").write_bytes(content)
    before = len(server.seen)
    download(block, world((tmp_path / "folder").as_uri()))
    assert len(server.seen) == before


def test_a_file_that_lies_elsewhere_is_found_on_the_packages_page(
    server: LyingServer, world: Callable[..., World]
) -> None:
    registry = Registry(server)
    registry.tool(file="download/tool/abc")
    block = lock(world(registry.address))
    assert block.artifacts[0].file == "tool/-/tool-1.0.0.tgz"
    download(block, world(registry.address))


# Logins


def entries(kind: str, where: str) -> tuple[str, str]:
    """Return lines of an npmrc with a login, and the header that it is."""
    basic = base64.b64encode(b"joe:hunter2").decode()
    password = base64.b64encode(b"hunter2").decode()
    lines = {
        "token": f"{where}:_authToken=hunter2",
        "basic": f"{where}:_auth={basic}",
        "password": f"{where}:username=joe\n{where}:_password={password}",
    }
    return lines[kind], "Bearer hunter2" if kind == "token" else f"Basic {basic}"


@pytest.mark.parametrize("kind", ["token", "basic", "password"])
def test_a_private_registry_gets_its_login_for_pages_npm_and_files(
    kind: str, home: Path, server: LyingServer, world: Callable[..., World]
) -> None:
    lines, header = entries(kind, f"//{server.host}/npm/")
    registry = Registry(server, behaviour=Behaviour(authorization=header))
    registry.tool(dependencies={"a": "1"})
    registry.add("a", "1.0.0")
    with pytest.raises(FetchError, match="401"):
        lock(world(registry.address))
    (home / ".npmrc").write_text(f"registry={registry.address}\n{lines}\n")
    here = world()
    block = lock(here)
    download(block, here)
    assert "hunter2" not in repr(block)


def test_a_login_may_stand_in_the_address(server: LyingServer, world: Callable[..., World]) -> None:
    registry = Registry(server, behaviour=Behaviour(login="joe:hunter2"))
    registry.tool(dependencies={"a": "1"})
    registry.add("a", "1.0.0")
    address = registry.address.replace("://", "://joe:hunter2@")
    block = lock(world(address))
    download(block, world(address))


def test_a_token_may_come_from_a_variable(
    home: Path, server: LyingServer, world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(server, behaviour=Behaviour(authorization="Bearer hunter2"))
    registry.tool(dependencies={"a": "1"})
    registry.add("a", "1.0.0")
    (home / ".npmrc").write_text(f"//{server.host}/:_authToken=${{MY_TOKEN}}\n")
    monkeypatch.setenv("MY_TOKEN", "hunter2")
    download(lock(world(registry.address)), world(registry.address))


def test_a_scopes_registry_gets_its_own_login(home: Path, server: LyingServer, world: Callable[..., World]) -> None:
    public = Registry(server, "/public/")
    private = Registry(server, "/private/", Behaviour(authorization="Bearer hunter2"))
    public.add("a", "1.0.0")
    private.tool("@corp/tool", dependencies={"a": "1"})
    (home / ".npmrc").write_text(
        f"@corp:registry={private.address}\n//{server.host}/private/:_authToken=hunter2\nregistry={D}\n"
    )
    here = world(public.address)
    download(lock(here, "@corp/tool"), here)
    assert all("authorization" not in seen.headers for seen in server.seen if seen.path.startswith("/public/"))


def test_a_login_goes_nowhere_else(home: Path, server: LyingServer, world: Callable[..., World]) -> None:
    registry = Registry(server)
    content = registry.tool()
    (home / ".npmrc").write_text(f"//{server.host}/npm/:_authToken=hunter2\n")
    with LyingServer() as other:
        other.serve("/tool.tgz", content)
        here = world(registry.address)
        server.serve("/npm/tool/-/tool-1.0.0.tgz", b"", redirect(f"{other.address}/tool.tgz"))
        download(lock(here), here)
        assert all("authorization" not in seen.headers for seen in other.seen)
    server.serve("/beside", b"x")
    here.fetcher.size(f"{server.address}/beside")
    server.serve("/npm/../beside", b"x")
    here.fetcher.size(f"{server.address}/npm/../beside")
    assert all("authorization" not in seen.headers for seen in server.seen if seen.path.endswith("/beside"))
    assert any(seen.headers.get("authorization") == "Bearer hunter2" for seen in server.seen)


def test_a_login_that_is_refused_is_not_shown(home: Path, server: LyingServer, world: Callable[..., World]) -> None:
    # The page is open, what the tool needs is not: npm is the one that is refused.
    registry = Registry(server)
    registry.tool(dependencies={"a": "1"})
    Registry(server, behaviour=Behaviour(authorization="Bearer right")).add("a", "1.0.0")
    (home / ".npmrc").write_text(f"//{server.host}/npm/:_authToken=hunter2\n")
    with pytest.raises(FetchError) as caught:
        lock(world(registry.address))
    assert "hunter2" not in caught.value.message + (caught.value.hint or "")
    assert "npm login" in (caught.value.hint or "")


@pytest.mark.parametrize("line", [":_authToken=hünter2", ":_authToken='hunter 2'", ":username=joe\n{0}:_password=%%"])
def test_a_login_that_is_none_is_said_without_it(line: str, home: Path, world: Callable[..., World]) -> None:
    (home / ".npmrc").write_text("//127.0.0.1:1/npm/" + line.format("//127.0.0.1:1/npm/") + "\n")
    with pytest.raises(ConfigError) as caught:
        npm_registry.registries("tool", world(A))
    assert "hunter" not in caught.value.message
    assert "127.0.0.1:1" in caught.value.message


def test_a_login_is_not_sent_over_plain_http_to_others(home: Path, world: Callable[..., World]) -> None:
    (home / ".npmrc").write_text("//npm.example/:_authToken=hunter2\n")
    here = world("http://npm.example/", insecure=("npm.example",))
    npm_registry.registries("tool", here)
    assert here.fetcher._logins._below == {}


@pytest.mark.parametrize(
    ("registry", "key", "header"),
    [
        ("https://a.example/npm/x/", "//a.example/npm/x/:_authToken", True),
        ("https://a.example/npm/x/", "//a.example/npm/x:_authToken", True),
        ("https://a.example/npm/x/", "//a.example/npm/:_authToken", True),
        ("https://a.example/npm/x/", "//a.example/:_authToken", True),
        ("https://a.example/npm/x/", "//a.example/npm/x/y/:_authToken", False),
        ("https://a.example:8443/", "//a.example:8443/:_authToken", True),
        ("https://a.example:8443/", "//a.example/:_authToken", False),
        ("https://b.example/", "//a.example/:_authToken", False),
        ("http://[::1]:80/", "//[::1]:80/:_authToken", True),
    ],
)
def test_a_login_belongs_to_a_host_and_what_lies_below_a_path(registry: str, key: str, header: bool) -> None:  # noqa: FBT001
    found = npm_settings.Settings(None, {}, {key: "t"})
    assert found.login(registry) == ("Bearer t" if header else None)


# The file


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("a=b", {"a": "b"}),
        (" a = b \n", {"a": "b"}),
        ("; x\n# y\na=b ; c\nd=e#f", {"a": "b", "d": "e"}),
        ('a="b;c"', {"a": "b;c"}),
        ("a=b\\;c", {"a": "b;c"}),
        ("flag", {"flag": "true"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=${X}${NONE}", {"a": "y${NONE}"}),
        ("a=\\${X}", {"a": "${X}"}),
        ("${X}=a", {"y": "a"}),
        ("a=b\n[section]\na=c", {"a": "b"}),
        ("\ufeffa=b\r\nc=d\r\n", {"a": "b", "c": "d"}),
    ],
)
def test_npms_file_is_read_as_npm_reads_it(text: str, settings: dict[str, str], home: Path) -> None:
    file = home / ".npmrc"
    file.write_bytes(text.encode())
    assert npm_settings.read(file, {"X": "y"}) == settings


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "npmrc")
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            npm_settings.read(file, {})
        except ConfigError:
            assert not text.isascii()


def test_what_leads_npm_to_a_project_is_not_handed_on() -> None:
    kept = {"HOME": "/h", "npm_config_cafile": "/ca.pem", "HTTPS_PROXY": "p", "npm_config_//h/:_authToken": "t"}
    left = {
        "INIT_CWD": "/p",
        "NODE_OPTIONS": "--require=x",
        "npm_package_name": "p",
        "npm_execpath": "x",
        "npm_config_local_prefix": "/p",
        "PREFIX": "/p",
        "NPM_CONFIG_USERCONFIG": "mine",
    }
    assert npm_settings.client_environment(kept | left) == kept
    assert npm_settings.client_environment({**kept, "npm_lifecycle_event": "x"}) == {
        "HOME": "/h",
        "HTTPS_PROXY": "p",
    }
