"""How the address of a Python package index is found: each step of the order, through the command line.

Every index here has the one package under another version, so that what is locked says who was asked.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from support.pypi_index import Index, program_wheel, python_wheel
from support.python_host import Host
from support.python_host import builds as python_builds
from support.server import Behaviour, LyingServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from conftest import Place, Result

#: Nothing listens there: whoever asks it fails.
DEAD = "http://127.0.0.1:9/simple"
TAGS = ("manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "macosx_11_0_arm64")
PASSWORD = "hunter2-and-more"  # noqa: S105  nobody's


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


def serve(server: LyingServer, path: str, release: str, behaviour: Behaviour | None = None) -> str:
    """Serve an index with `tool` in one release; return its address."""
    how = [behaviour] if behaviour else []
    links = ""
    for tag in TAGS:
        name = f"tool-{release}-py3-none-{tag}.whl"
        content = program_wheel("tool", release)
        server.serve(f"{path}/files/{name}", content, *how)
        links += f'<a href="../../files/{name}#sha256={hashlib.sha256(content).hexdigest()}">{name}</a>\n'
    page = f"<!DOCTYPE html><html><body>\n{links}</body></html>"
    headers = {"Content-Type": "text/html"}
    told = Behaviour(headers=headers, login=behaviour.login if behaviour else None)
    server.serve(f"{path}/simple/tool/", page.encode(), told)
    return f"{server.address}{path}/simple"


def wants(place: Place, request: str = "*") -> None:
    place.write("devshell.toml", f'[tools]\n"pypi:tool" = "{request}"\n')
    place.run("allow").ok()


def locked(place: Place) -> str:
    lock = tomllib.loads((place.project / "devshell.lock").read_text())
    return str(lock["tools"]["pypi:tool"]["linux-x86_64"]["version"])


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _own(place: Place, address: str) -> Mapping[str, str]:
    place.run("config", "set", "index.pypi", address).ok()
    return {}


def _uv_variable(place: Place, address: str) -> Mapping[str, str]:
    del place
    return {"UV_DEFAULT_INDEX": address}


def _uv_user(place: Place, address: str) -> Mapping[str, str]:
    put(place.home / ".config" / "uv" / "uv.toml", f'[[index]]\nurl = "{address}"\ndefault = true\n')
    return {}


def _uv_system(place: Place, address: str) -> Mapping[str, str]:
    put(place.base / "etc" / "uv" / "uv.toml", f'index-url = "{address}"\n')
    return {"XDG_CONFIG_DIRS": str(place.base / "etc")}


def _pip_variable(place: Place, address: str) -> Mapping[str, str]:
    del place
    return {"PIP_INDEX_URL": address}


def _pip_user(place: Place, address: str) -> Mapping[str, str]:
    put(place.home / ".config" / "pip" / "pip.conf", f"[global]\nindex-url = {address}\n")
    return {}


def _pip_system(place: Place, address: str) -> Mapping[str, str]:
    put(place.base / "etc" / "pip" / "pip.conf", f"[global]\nindex-url = {address}\n")
    return {"XDG_CONFIG_DIRS": str(place.base / "etc")}


#: In order: each is believed over all below it.
STEPS: tuple[Callable[[Place, str], Mapping[str, str]], ...] = (
    _own,
    _uv_variable,
    _uv_user,
    _uv_system,
    _pip_variable,
    _pip_user,
    _pip_system,
)


@pytest.mark.parametrize("step", range(len(STEPS)), ids=[step.__name__.strip("_") for step in STEPS])
def test_each_step_is_taken_and_wins_over_those_below(place: Place, server: LyingServer, step: int) -> None:
    env = {**STEPS[step](place, serve(server, "/asked", "1.0"))}
    for below in STEPS[step + 1 :]:
        env |= below(place, DEAD)
    wants(place)
    place.run("lock", env=env).ok()
    assert locked(place) == "1.0"
    place.run("sync", env=env).ok()
    assert place.run("exec", "tool", env=env).ok().out == "tool 1.0\n"
    assert {seen.path.split("/")[1] for seen in server.seen} == {"asked"}
    assert server.host not in (place.project / "devshell.lock").read_text()


def test_a_projects_own_settings_are_no_step(place: Place, server: LyingServer) -> None:
    env = _pip_user(place, serve(server, "/asked", "1.0"))
    evil = serve(server, "/evil", "2.0")
    wants(place)
    place.write("uv.toml", f'[[index]]\nurl = "{evil}"\ndefault = true\n')
    place.write("pyproject.toml", f'[[tool.uv.index]]\nurl = "{evil}"\ndefault = true\n')
    place.write("pip.conf", f"[global]\nindex-url = {evil}\n")
    place.write(".env", f"UV_DEFAULT_INDEX={evil}\n")
    place.run("lock", env=env).ok()
    assert locked(place) == "1.0"
    assert {seen.path.split("/")[1] for seen in server.seen} == {"asked"}


@pytest.mark.network
def test_the_last_step_is_what_uv_asks_by_itself(place: Place) -> None:
    place.write("devshell.toml", '[tools]\n"pypi:ruff" = "0.11"\n')
    place.run("allow").ok()
    # Whatever this machine is set up for, as long as it is not devshell's own configuration.
    place.run("lock", env={name: value for name, value in os.environ.items() if name.startswith("UV_")}).ok()


def test_where_all_steps_are_silent_the_command_to_type_is_said(place: Place) -> None:
    wants(place)
    put(place.home / ".config" / "uv" / "uv.toml", "no-index = true\n")
    failed = place.run("lock").failed()
    assert "no Python package index is configured" in failed.err
    assert "devshell config set index.pypi" in failed.err


def test_the_first_of_several_that_has_it(place: Place, server: LyingServer) -> None:
    first, second = serve(server, "/first", "1.0"), serve(server, "/second", "2.0")
    place.run("config", "set", "index.pypi", f"{server.address}/empty, {first}, {second}").ok()
    wants(place)
    place.run("sync").ok()
    assert locked(place) == "1.0"
    assert {seen.path.split("/")[1] for seen in server.seen} == {"empty", "first"}


def test_a_folder_laid_out_like_an_index(place: Place) -> None:
    folder = place.base / "an index"
    page = ""
    for tag in TAGS:
        name = f"tool-1.0-py3-none-{tag}.whl"
        content = program_wheel("tool", "1.0")
        put(folder / "tool" / "x", "")
        (folder / "tool" / name).write_bytes(content)
        page += f'<a href="{name}#sha256={hashlib.sha256(content).hexdigest()}">{name}</a>\n'
    put(folder / "tool" / "index.html", page)
    place.run("config", "set", "index.pypi", str(folder)).ok()
    wants(place)
    place.run("lock").ok()
    place.run("sync", "--offline").ok()
    assert place.run("exec", "tool").ok().out == "tool 1.0\n"
    assert str(folder) not in (place.project / "devshell.lock").read_text()


# a private index


def _in_address(place: Place, address: str) -> Mapping[str, str]:
    return _own(place, address.replace("://", f"://joe:{PASSWORD}@"))


def _in_netrc(place: Place, address: str) -> Mapping[str, str]:
    put(place.home / ".netrc", f"machine 127.0.0.1 login joe password {PASSWORD}\n")
    (place.home / ".netrc").chmod(0o600)
    return _own(place, address)


def _in_named_netrc(place: Place, address: str) -> Mapping[str, str]:
    put(place.base / "netrc", f"machine 127.0.0.1 login joe password {PASSWORD}\n")
    return {**_own(place, address), "NETRC": str(place.base / "netrc")}


def _in_uvs_settings(place: Place, address: str) -> Mapping[str, str]:
    return _uv_user(place, address.replace("://", f"://joe:{PASSWORD}@"))


def _in_pips_settings(place: Place, address: str) -> Mapping[str, str]:
    return _pip_user(place, address.replace("://", f"://joe:{PASSWORD}@"))


LOGINS = (_in_address, _in_netrc, _in_named_netrc, _in_uvs_settings, _in_pips_settings)


@pytest.mark.parametrize("login", LOGINS, ids=[login.__name__.strip("_") for login in LOGINS])
def test_a_private_index(place: Place, server: LyingServer, login: Callable[[Place, str], Mapping[str, str]]) -> None:
    """Locked, installed, looked at: the login goes where it belongs, and shows nowhere."""
    env = login(place, serve(server, "/private", "1.0", Behaviour(login=f"joe:{PASSWORD}")))
    wants(place)
    said = [
        place.run(*words, env=env).ok()
        for words in (
            ("lock", "--verbose"),
            ("sync", "--verbose"),
            ("mirror", "m"),
            ("lock", "--update"),
            ("outdated",),
            ("status",),
            ("list", "--json"),
            ("config",),
            ("config", "--json"),
            ("export", "bash"),
        )
    ]
    assert place.run("exec", "tool", env=env).ok().out == "tool 1.0\n"
    assert all("authorization" in seen.headers for seen in server.seen)
    _hidden(place, *said)


def test_an_application_on_a_private_index(place: Place, server: LyingServer) -> None:
    """There uv is the one who asks, and is told the login in its environment."""
    closed = Behaviour(login=f"joe:{PASSWORD}")
    html = Behaviour(login=f"joe:{PASSWORD}", headers={"Content-Type": "text/html"})
    for package, needs in (("app", ["part"]), ("part", [])):
        name = f"{package}-1.0-py3-none-any.whl"
        content = python_wheel(package, "1.0", requires=needs, commands={package: f"{package}:main"})
        server.serve(f"/files/{name}", content, closed)
        link = f'<a href="../../files/{name}#sha256={hashlib.sha256(content).hexdigest()}">{name}</a>'
        server.serve(f"/simple/{package}/", f"<!DOCTYPE html><html><body>{link}</body></html>".encode(), html)
    host = Host(server)
    releases = {
        int(v.rpartition(".")[2]): b for v, b in python_builds("3.13").items() if v.count(".") == 2 and v[5:].isdigit()
    }
    for build in releases[max(releases)].values():
        host.add(build, b"only locked")
    _in_address(place, f"{server.address}/simple")
    place.run("config", "set", "index.python", host.root).ok()
    place.write("devshell.toml", '[tools]\n"pypi:app" = "1"\n')
    place.run("allow").ok()
    said = [place.run(*words).ok() for words in (("lock", "-v"), ("lock", "--update"), ("list",))]
    assert "part-1.0-py3-none-any.whl" in (place.project / "devshell.lock").read_text()
    asked = [seen for seen in server.seen if seen.path.startswith(("/simple/", "/files/"))]
    assert {seen.headers["user-agent"].partition("/")[0] for seen in asked if seen.path == "/simple/part/"} >= {"uv"}
    _hidden(place, *said)


def _hidden(place: Place, *said: Result) -> None:
    assert PASSWORD not in "".join(one.out + one.err for one in said)
    kept = [path for name in ("project", "data", "cache", "state") for path in (place.base / name).rglob("*")]
    assert len(kept) > 10
    for path in kept:
        assert PASSWORD not in str(path)
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("given", ["joe:wrong-hunter2@", ""], ids=["wrong", "none"])
def test_a_private_index_that_refuses(place: Place, server: LyingServer, given: str) -> None:
    address = serve(server, "/private", "1.0", Behaviour(login=f"joe:{PASSWORD}"))
    place.run("config", "set", "index.pypi", address.replace("://", f"://{given}")).ok()
    wants(place)
    failed = place.run("lock").failed()
    assert f"{server.host} does not let you have" in failed.err
    assert "~/.netrc" in failed.err
    assert "hunter2" not in failed.err


def test_a_login_goes_to_no_other_host(place: Place, server: LyingServer) -> None:
    """The page of the private index names files that lie elsewhere."""
    with ExitStack() as stack:
        elsewhere = stack.enter_context(LyingServer())
        name = f"tool-1.0-py3-none-{TAGS[0]}.whl"
        content = program_wheel("tool", "1.0")
        link = elsewhere.serve(f"/{name}", content)
        page = f'<a href="{link}#sha256={hashlib.sha256(content).hexdigest()}">{name}</a>'
        html = Behaviour(headers={"Content-Type": "text/html"}, login=f"joe:{PASSWORD}")
        server.serve("/simple/tool/", page.encode(), html)
        _in_address(place, f"{server.address}/simple")
        place.write("devshell.toml", '[tools]\n"pypi:tool" = "1"\n[settings]\nplatforms = ["linux-x86_64"]\n')
        place.run("allow").ok()
        place.run("sync").ok()
        assert elsewhere.seen
        assert not any("authorization" in seen.headers for seen in elsewhere.seen)


def test_an_index_that_moved_after_locking(place: Place, server: LyingServer) -> None:
    """The lock names no server: what one machine locked, another takes from where it may."""
    with Index() as index:
        index.add("tool", *(f"tool-1.0-py3-none-{tag}.whl" for tag in TAGS))
        place.run("config", "set", "index.pypi", index.url).ok()
        wants(place)
        place.run("lock").ok()
    place.run("config", "set", "index.pypi", serve(server, "/new", "1.0")).ok()
    place.run("sync").ok()
    assert place.run("exec", "tool").ok().out == "tool 1.0\n"
