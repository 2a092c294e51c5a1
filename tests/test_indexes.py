from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from devshell.config import Config
from devshell.errors import ConfigError
from devshell.sources.pypi.indexes import pypi_indexes


def _system_names_an_index() -> bool:
    for file in ("/etc/uv/uv.toml", "/etc/pip.conf"):
        try:
            text = Path(file).read_text()
        except OSError:
            continue
        if "index" in text:
            return True
    return False


pytestmark = pytest.mark.skipif(_system_names_an_index(), reason="this machine's system-wide settings name an index")

A, B, C, D = (f"http://127.0.0.1:{port}/simple" for port in (1, 2, 3, 4))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing is configured, and a project to stand in."""
    for name in os.environ:
        if name.startswith(("UV_", "PIP_", "XDG_")):
            monkeypatch.delenv(name)
    found = tmp_path / "home"
    (found / "project").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(found))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(found / ".config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(found / "etc"))
    monkeypatch.chdir(found / "project")
    return found


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def builtin() -> str:
    """What uv asks where nothing is configured."""
    (address,) = pypi_indexes(Config())
    return address


def test_ones_own_configuration_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", B)
    monkeypatch.setenv("PIP_INDEX_URL", C)
    assert pypi_indexes(Config(index_pypi=(A, "file:///srv/simple"))) == (A, "file:///srv/simple")


def test_with_nothing_configured_uv_says_where() -> None:
    assert builtin().startswith("https://")


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_uvs_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, A)
    monkeypatch.setenv("UV_INDEX", f"corp={B} {C}")
    monkeypatch.setenv("PIP_INDEX_URL", D)
    assert pypi_indexes(Config()) == (B, C, A)


def test_uvs_user_file(home: Path) -> None:
    put(
        home / ".config" / "uv" / "uv.toml",
        f'[[index]]\nurl = "{A}"\ndefault = true\n[[index]]\nname = "corp"\nurl = "{B}"\n'
        f'[[index]]\nname = "only-when-named"\nurl = "{C}"\nexplicit = true\n'
        '[[index]]\nname = "folder"\nurl = "/srv/some simple"\n',
    )
    assert pypi_indexes(Config()) == (B, "file:///srv/some%20simple", A)


def test_uvs_extra_indexes_come_before_pips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX", A)
    monkeypatch.setenv("PIP_INDEX_URL", B)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{C} {D}")
    assert pypi_indexes(Config()) == (A, C, D, B)


def test_pips_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = builtin()
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{A}/\n {B} file:///srv/simple {A}")
    assert pypi_indexes(Config()) == (A, B, "file:///srv/simple", nothing)
    monkeypatch.setenv("PIP_INDEX_URL", C)
    assert pypi_indexes(Config()) == (A, B, "file:///srv/simple", C)


def test_pips_files_and_their_order(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home / "etc" / "pip" / "pip.conf", f"[global]\nindex-url = {A}\nextra-index-url =\n    {B}\n    {C}\n")
    assert pypi_indexes(Config()) == (B, C, A)
    user = put(home / ".config" / "pip" / "pip.conf", f"[global]\nindex_url = {D}\n")
    # The answer of before is kept for as long as the environment stays as it was.
    assert pypi_indexes(Config()) == (B, C, A)
    monkeypatch.setenv("ANYTHING", "1")
    assert pypi_indexes(Config()) == (B, C, D)
    put(user, f"[global]\nindex-url = {D}\n[install]\nextra-index-url = {D}\n")
    monkeypatch.setenv("ANYTHING", "2")
    assert pypi_indexes(Config()) == (D,)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(put(home / "own.conf", f"[global]\nindex-url = {A}\n")))
    assert pypi_indexes(Config()) == (D, A)
    monkeypatch.setenv("PIP_INDEX_URL", B)
    assert pypi_indexes(Config()) == (D, B)
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert D not in pypi_indexes(Config())


def test_no_index_at_all_is_said(home: Path) -> None:
    put(home / ".config" / "pip" / "pip.conf", "[global]\nno-index = true\n")
    with pytest.raises(ConfigError) as caught:
        pypi_indexes(Config())
    assert "devshell config set index.pypi" in str(caught.value.hint)


def test_uv_told_to_use_no_index(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home / ".config" / "uv" / "uv.toml", "no-index = true\n")
    monkeypatch.setenv("PIP_INDEX_URL", A)
    with pytest.raises(ConfigError):
        pypi_indexes(Config())


@pytest.mark.parametrize("where", ["project", "above", "temporary"])
@pytest.mark.parametrize("name", ["uv.toml", "pyproject.toml"])
def test_a_projects_settings_never_count(home: Path, monkeypatch: pytest.MonkeyPatch, where: str, name: str) -> None:
    nothing = builtin()
    folder = {"project": home / "project", "above": home, "temporary": home / "tmp"}[where]
    table = "tool.uv.index" if name == "pyproject.toml" else "index"
    put(folder / name, f'[[{table}]]\nurl = "{A}"\ndefault = true\n')
    put(folder / "pip.conf", f"[global]\nindex-url = {A}\n")
    put(folder / ".env", f"UV_DEFAULT_INDEX={A}\n")
    (home / "tmp").mkdir(exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(home / "tmp"))
    monkeypatch.setenv("ANYTHING", "1")  # an answer is kept for as long as the environment stays as it was
    assert pypi_indexes(Config()) == (nothing,)


def test_variables_that_lead_uv_to_a_project_do_not_count(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = builtin()
    project = home / "project"
    file = put(project / "uv.toml", f'[[index]]\nurl = "{A}"\ndefault = true\n')
    put(project / "pip.conf", f"[global]\nindex-url = {A}\n")
    for name in ("UV_PROJECT", "UV_WORKING_DIR", "UV_WORKING_DIRECTORY", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, str(project))
    monkeypatch.setenv("UV_CONFIG_FILE", "uv.toml")
    monkeypatch.setenv("PIP_CONFIG_FILE", "pip.conf")
    assert pypi_indexes(Config()) == (nothing,)
    monkeypatch.setenv("UV_CONFIG_FILE", str(file))
    assert pypi_indexes(Config()) == (A,)


@pytest.mark.parametrize("text", ["index-url = 3", "[[index]]\nurl = 'http://joe:hunter2@[/x'", "="])
def test_wrong_settings_of_uv_are_named(home: Path, text: str) -> None:
    put(home / ".config" / "uv" / "uv.toml", text)
    with pytest.raises(ConfigError) as caught:
        pypi_indexes(Config())
    assert "uv.toml" in caught.value.message
    assert "hunter2" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("text", ["index-url = hunter2\n", "[global]\nhunter2\n", "[global]\nx=1\nx=2\n", "[global\n"])
def test_wrong_settings_of_pip_are_named(home: Path, text: str) -> None:
    file = put(home / ".config" / "pip" / "pip.conf", text)
    with pytest.raises(ConfigError) as caught:
        pypi_indexes(Config())
    assert caught.value.place is not None
    assert caught.value.place.file == str(file)
    assert "hunter2" not in caught.value.message + str(caught.value.place)


def test_logins_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://joe:hunter2@127.0.0.1:1/simple")
    assert pypi_indexes(Config()) == ("http://joe:hunter2@127.0.0.1:1/simple",)
