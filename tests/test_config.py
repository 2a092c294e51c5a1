from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devshell import config
from devshell.config import KEYS, Config, load, set_value, shown, unset
from devshell.errors import ConfigError, DevshellError, ManyErrors

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "devshell" / "config.toml"


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_no_file_means_defaults(file: Path) -> None:
    assert load(file) == Config()
    assert (Config().downloads, Config().timeout) == (8, 30)
    assert not file.parent.exists()


def test_every_key(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(
        file,
        'sources = ["pypi", "http"]\ndownloads = 3\ntimeout = 2.5\n'
        '[index]\npypi = ["https://index.example.com/simple", "/srv/a b", "~/mirror", "file:///x"]\n'
        '[http]\ninsecure = "Mirror.example.com:8080"\n',
    )
    assert load(file) == Config(
        index_pypi=(
            "https://index.example.com/simple",
            "file:///srv/a%20b",
            (tmp_path / "mirror").as_uri(),
            "file:///x",
        ),
        sources=("pypi", "http"),
        downloads=3,
        timeout=2.5,
        insecure=("mirror.example.com:8080",),
    )
    assert write(file, 'index.pypi = "https://index.example.com/simple"')
    assert load(file).index_pypi == ("https://index.example.com/simple",)


def test_the_table_of_keys_knows_every_field() -> None:
    assert {key.field for key in KEYS.values()} == set(Config.__dataclass_fields__)
    assert all(key.description and key.kind for key in KEYS.values())
    assert KEYS["downloads"].default == 8


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("downlods = 3", 1, "downlods", "did you mean 'downloads'?"),
        ("\n\n[index]\npipy = 'x'", 4, "index.pipy", "did you mean 'index.pypi'?"),
        ("index = 'https://x'", 1, "index", "did you mean 'index."),
        ("[settings]\nx = 1", 1, "settings", "no key 'settings'"),
        ("# x\ndownloads = '3'", 2, "downloads", "whole number"),
        ("downloads = true", 1, "downloads", "whole number"),
        ("downloads = 0", 1, "downloads", "from 1 to 64"),
        ("timeout = -1", 1, "timeout", "seconds"),
        ("timeout = inf", 1, "timeout", "seconds"),
        ("timeout = nan", 1, "timeout", "seconds"),
        ("sources = ['pypy']", 1, "sources", "did you mean 'pypi'?"),
        ("sources = 'pypi\\u001b'", 1, "sources", None),
        ("sources = [1]", 1, "sources", "list of texts"),
        ("[http]\ninsecure = ['http://x/']", 2, "http.insecure", "host names"),
        ("index.pypi = 'relative/folder'", 1, "index.pypi", "absolute folders"),
        ("index.pypi = ['ftp://x']", 1, "index.pypi", "addresses"),
        ("index.pypi = '~nobody-here/x'", 1, "index.pypi", "home that is not known: '~nobody-here'"),
        ("trusted = ['~nobody-here']", 1, "trusted", "home that is not known"),
        ("index.pypi = ['']", 1, "index.pypi", "list of texts"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(file: Path, text: str, line: int, key: str, words: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(file, text))
    place = caught.value.place
    assert place is not None
    assert (place.file, place.line, place.key) == (str(file), line, key)
    assert words is None or words in caught.value.message
    assert caught.value.hint
    assert "\x1b" not in caught.value.message


def test_several_errors_come_at_once(file: Path) -> None:
    with pytest.raises(ManyErrors) as caught:
        load(write(file, "downloads = 0\nx = 1\ntimeout = 0"))
    assert [problem.place.line for problem in caught.value.errors if problem.place] == [1, 2, 3]


def test_what_is_no_toml_names_the_line(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(file, "downloads = 3\ntimeout = ="))
    assert caught.value.place is not None
    assert caught.value.place.line == 2
    file.write_bytes(b"downloads = 3\n# \xff")
    with pytest.raises(ConfigError, match="UTF-8") as caught:
        load(file)
    assert caught.value.place is not None
    assert caught.value.place.line == 2


def test_a_login_is_not_repeated_in_errors(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(file, 'index.pypi = "ftp://joe:hunter2@index.example.com"'))
    assert "hunter2" not in caught.value.message + str(caught.value.place) + str(caught.value.hint)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(), st.text().map(str.encode), st.text().map(lambda text: f"index.pypi = {text!r}".encode())))
def test_any_file_is_read_or_refused(file: Path, content: bytes) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    try:
        assert isinstance(load(file), Config)
    except DevshellError as problem:
        errors = problem.errors if isinstance(problem, ManyErrors) else (problem,)
        assert all(each.place for each in errors)


def test_editing_keeps_comments_and_order(file: Path) -> None:
    write(file, "# mine\ntimeout = 5  # slow line\n\n[http]\n# why\ninsecure = ['a.example.com']\n")
    set_value(file, "downloads", "3")
    set_value(file, "timeout", "7.5")
    set_value(file, "http.insecure", "a.example.com, b.example.com")
    text = file.read_text()
    assert text.startswith("# mine\ntimeout = 7.5  # slow line\n")
    assert "# why" in text
    assert load(file) == Config(timeout=7.5, downloads=3, insecure=("a.example.com", "b.example.com"))
    unset(file, "http.insecure")
    unset(file, "http.insecure")
    assert load(file) == Config(timeout=7.5, downloads=3)


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("index.pypi", "https://index.example.com/simple", ("https://index.example.com/simple",)),
        ("index.pypi", "https://a.example.com, /srv/mirror", ("https://a.example.com", "file:///srv/mirror")),
        ("index.pypi", '["https://a.example.com/x,y"]', ("https://a.example.com/x,y",)),
        ("sources", "http,pypi", ("http", "pypi")),
        ("downloads", "12", 12),
        ("timeout", "12", 12.0),
        ("http.insecure", "mirror.example.com:8080", ("mirror.example.com:8080",)),
    ],
)
def test_what_is_typed_is_what_holds(file: Path, name: str, typed: str, value: object) -> None:
    set_value(file, name, typed)
    assert config.get(file, name) == value
    unset(file, name)
    assert config.get(file, name) == KEYS[name].default
    assert file.read_text().strip() == ""


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("downlods", "3"),
        ("downloads", "many"),
        ("downloads", "3\ntimeout = 4"),
        ("downloads", ""),
        ("sources", "nix"),
        ("index.pypi", "relative"),
        ("index.pypi", "[1]"),
        ("index.pypi", "[" * 10_000),
        ("timeout", "0"),
    ],
)
def test_what_does_not_fit_is_not_written(file: Path, name: str, typed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        set_value(file, name, typed)
    assert caught.value.hint
    assert not file.exists()


def test_a_broken_file_is_not_edited(file: Path) -> None:
    write(file, "timeout = =")
    with pytest.raises(ConfigError):
        set_value(file, "downloads", "3")
    assert file.read_text() == "timeout = ="


def test_a_written_file_is_private(file: Path) -> None:
    set_value(file, "downloads", "3")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == ["config.toml"]


def test_edits_at_once_lose_nothing(file: Path) -> None:
    values = {"downloads": "3", "timeout": "4", "sources": "pypi", "http.insecure": "x", "index.pypi": "/y"}
    code = (
        "import sys; from pathlib import Path; from devshell.config import set_value\n"
        "set_value(Path(sys.argv[1]), *sys.argv[2:])"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(file), name, value]) for name, value in values.items()
    ]
    assert [process.wait() for process in processes] == [0] * len(values)
    assert load(file) == Config(index_pypi=("file:///y",), sources=("pypi",), downloads=3, timeout=4.0, insecure=("x",))


def test_shown_values_hide_logins() -> None:
    assert (
        shown(("https://joe:hunter2@index.example.com/x", "file:///y")) == "https://***@index.example.com/x, file:///y"
    )
    assert shown(30.0) == "30.0"
    assert not re.search("hunter", shown("see https://joe:hu@nter2@h/x"))


def test_the_file_stands_in_the_config_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEVSHELL_CONFIG_DIR", str(tmp_path))
    assert config.config_file() == tmp_path / "config.toml"
