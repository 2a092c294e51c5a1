"""Debian's tools for the console, as people use them, with nothing of the host but what docs/isolation.md states."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from support.installed import Installed, install
from support.isolation import foreign
from support.ptys import Terminal
from support.server import LyingServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Place

pytestmark = pytest.mark.network

TOOLS = ("fish", "git", "graphviz", "less", "strace", "tmux", "tree", "zsh")
#: No tree has it; it must give UTF-8 all the same, without a warning.
UTF8 = "en_US.UTF-8"
BERLIN = "Europe/Berlin"
TAB = "\t"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(dict.fromkeys(TOOLS, "*"), tmp_path_factory)


@pytest.fixture(scope="module", autouse=True)
def _store_stays(tools: Installed) -> Iterator[None]:
    """Whatever the tools did, also as root, nothing of theirs has changed."""
    yield
    tools.place.run("store", "verify").ok()


def outside(tools: Installed, argv: list[str], home: Path, **env: str) -> str:
    """Run a command as it is started where nothing is activated; return what it said."""
    done = subprocess.run(
        [str(tools.bin / argv[0]), *argv[1:]],
        env={"HOME": str(home), "PATH": str(tools.bin), **env},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{argv}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def mapped(tools: Installed, text: str) -> None:
    """Check what /proc/PID/maps said: every file is in the store."""
    files = {line.split(maxsplit=5)[5] for line in text.splitlines() if len(line.split(maxsplit=5)) > 5}
    paths = {path for path in files if path.startswith("/") and not path.startswith("/dev/")}
    assert len(paths) > 3
    assert not foreign(paths, [tools.store])


# git


@pytest.fixture
def history(tools: Installed, tmp_path: Path) -> Path:
    """A repository of one commit, in the home of its user."""
    (tmp_path / ".gitconfig").write_text(
        '[user]\nname = Ä Ö\nemail = a@tool.example\n[protocol "file"]\nallow = always\n'
    )
    script = "git init -q -b main one && cd one && print -r ÄRGER > file && git add . && git commit -qm 'first Ü'"
    tools.run(["zsh", "-fc", script], tmp_path, LANG=UTF8, PWD=str(tmp_path), GIT_COMMITTER_DATE="1700000000 +0000")
    return tmp_path / "one"


def test_git_keeps_a_history(tools: Installed, history: Path) -> None:
    home = {"HOME": str(history.parent), "LANG": UTF8, "TZ": BERLIN, "PWD": str(history)}
    assert tools.run(["git", "log", "--format=%an %s"], history, **home) == "Ä Ö first Ü\n"
    assert (
        tools.run(["git", "log", "--format=%cd", "--date=iso-local"], history, **home) == "2023-11-14 23:13:20 +0100\n"
    )
    assert tools.run(["git", "grep", "-i", "ärger"], history, **home) == "file:ÄRGER\n"
    assert "file.txt" in tools.run(
        ["zsh", "-fc", "git mv file file.txt && git commit -qm moved && git show --stat && git gc -q && git fsck"],
        history,
        **home,
    )
    assert "hooks" in os.listdir(history / ".git")
    assert tools.run(["git", "-c", "alias.say=!printf '%s'", "say", "é"], history, **home) == "é"


def test_git_runs_its_scripts_with_nothing_on_the_path(tools: Installed, history: Path) -> None:
    home = {"HOME": str(history.parent), "LANG": UTF8, "PWD": str(history), "FILTER_BRANCH_SQUELCH_WARNING": "1"}
    script = """
        git submodule add -q ../one sub && git commit -qam 'with another' && git submodule update --init &&
        git submodule status && git request-pull HEAD~1 . &&
        git filter-branch -f --msg-filter 'while read -r l; do echo "$l!"; done' HEAD~1..HEAD &&
        git subtree add -q -P below ../one main && git log --format=%s -2
    """
    said = tools.run(["zsh", "-fc", script], history, **home)
    assert "sub (heads/main)" in said
    assert "are available in the Git repository at" in said
    assert "with another!" in said


def test_git_fetches_over_https(tools: Installed, history: Path, certificate: Path) -> None:
    subprocess.run(
        [str(tools.bin / "git"), "update-server-info"], cwd=history, check=True, env=tools.env(history.parent)
    )
    with LyingServer(certificate) as server:
        for path in (history / ".git").rglob("*"):
            if path.is_file():
                server.serve(f"/one.git/{path.relative_to(history / '.git')}", path.read_bytes())
        address = f"{server.address}/one.git"
        cert = str(certificate)
        home = {"HOME": str(history.parent), "LANG": UTF8, "PWD": str(history.parent)}
        tools.run(["git", "clone", "-q", address, "two"], history.parent, GIT_SSL_CAINFO=cert, **home)
        assert (history.parent / "two/file").read_text() == "ÄRGER\n"
        tools.run(["git", "-c", f"http.sslCAInfo={cert}", "ls-remote", address], history.parent, **home)
        refused = subprocess.run(
            [str(tools.bin / "git"), "ls-remote", address],
            env=tools.env(history.parent),
            cwd=history.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode
        # Whom it trusts by itself came with it.
        assert re.search(rf"CAfile: /*{tools.store}/[a-z2-7]{{32}}-git-[^/]+/etc/ssl/certs/", refused.stderr)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=t"]
    alternative = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(folder / "key"),
        "-out",
        str(folder / "cert"),
    ]
    subprocess.run(["openssl", *request, *alternative], check=True, capture_output=True)
    both = folder / "both"
    both.write_bytes((folder / "key").read_bytes() + (folder / "cert").read_bytes())
    return both


def test_git_fetches_over_the_users_own_ssh(tools: Installed, history: Path) -> None:
    home = history.parent
    (home / "bin").mkdir()
    ssh = home / "bin" / "ssh"
    ssh.write_text(f"#!{tools.bin}/zsh -f\nprint -ru2 -- $@ && eval $@[-1]\n")
    ssh.chmod(0o755)
    path = f"{home}/bin:{tools.bin}"
    command = ["git", "clone", "-q", f"ssh://host.example{history}", "three"]
    assert "host.example" in tools.run(command, home, PATH=path, PWD=str(home))
    assert (home / "three/file").exists()


def test_git_has_an_ssh_where_the_user_has_none(tools: Installed, history: Path) -> None:
    # Port 0 takes no connections.
    script = f"git ls-remote ssh://127.0.0.1:1{history} || true"
    said = tools.run(["zsh", "-fc", script], history.parent, PWD=str(history.parent))
    assert "ssh: connect to host 127.0.0.1 port 1: Connection refused" in said


def test_what_git_starts_sees_nothing_of_it(tools: Installed, history: Path) -> None:
    hook = history / ".git/hooks/pre-commit"
    hook.write_text(f"#!{tools.bin}/zsh -f\nprint -rl -- ${{(k)parameters[(R)*export*]}} > seen\n")
    hook.chmod(0o755)
    outside(tools, ["git", "commit", "-q", "--allow-empty", "-m", "x"], history, HOME=str(history.parent))
    seen = set((history / "seen").read_text().split())
    assert "GIT_INDEX_FILE" in seen
    assert not {name for name in seen if name.startswith(("GIT_SSH", "GIT_CONFIG", "PAGER", "EDITOR", "GITPERL"))}


def test_git_shows_page_by_page(tools: Installed, history: Path) -> None:
    env = tools.env(history.parent, TERM="xterm-256color", LANG=UTF8, LESS="R")
    with Terminal([str(tools.bin / "git"), "log"], env, history) as terminal:
        terminal.expect("first Ü")
        terminal.expect("(END)")
        assert terminal.exit("q") == 0


# zsh


def test_zsh_finds_its_functions_and_modules(tools: Installed, tmp_path: Path) -> None:
    script = """
        zmodload zsh/datetime zsh/zutil zsh/pcre zsh/mathfunc zsh/net/tcp zsh/curses zsh/terminfo || exit 1
        [[ -o ksharrays ]] && print ${fpath[0]:t} && setopt noksharrays || print ${fpath[1]:t}
        strftime '%H:%M %Z' 0
        autoload -Uz compinit add-zsh-hook vcs_info promptinit zmv run-help && compinit -D -u && promptinit || exit 1
        print $#_comps ${#:-äöü} ${terminfo[colors]}
        [[ Ä = [[:upper:]] && ärger -pcre-match '^ä' ]] && print yes
        for one in $fpath $module_path; do [[ -d $one ]] || print no $one; done
        [[ $fpath[1]$module_path != *//* ]] && print plain
    """
    for options in ["-c"], ["-fc"], ["-o", "ksharrays", "-fc"]:
        env = {"LANG": UTF8, "TZ": BERLIN, "TERM": "xterm-256color", "PWD": str(tmp_path)}
        said = tools.run(["zsh", *options, script], tmp_path, **env).splitlines()
        assert said[:2] == ["Calendar", "01:00 CET"]
        assert int(said[2].split()[0]) > 1000
        assert said[2].split()[1:] == ["3", "256"]
        assert said[3:] == ["yes", "plain"]


def test_zsh_is_a_shell_like_any_other(tools: Installed, tmp_path: Path) -> None:
    (tmp_path / ".zshenv").write_text("print env ${ZDOTDIR-unset}\n")
    (tmp_path / ".zprofile").write_text("print profile\n")
    (tmp_path / ".zshrc").write_text("print rc\n")
    env = {"HOME": str(tmp_path), "LC_ALL": UTF8, "BASH_FUNC_f%%": "() { :; }"}
    command = ["-zsh", "-c", "print $options[login] ${#:-ä}"]
    program = str(tools.bin / "zsh")
    done = subprocess.run(
        command, executable=program, env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    # A login shell is one by the name that it is started with, also outside of any environment.
    assert done.stdout == "env unset\nprofile\non 1\n"
    assert done.stderr == ""
    said = outside(tools, ["zsh", "-fc", "print $FPATH; exec env -0"], tmp_path, PATH=f"{tools.bin}:/usr/bin", **env)
    names = {line.partition("=")[0] for line in said.partition("\n")[2].split("\0") if line}
    assert names - {"LOGNAME", "OLDPWD", "PWD", "SHLVL", "_"} == {"BASH_FUNC_f%%", "HOME", "LC_ALL", "DEBPATH", "PATH"}


def test_zsh_takes_the_users_fpath_as_it_is(tools: Installed, tmp_path: Path) -> None:
    said = outside(tools, ["zsh", "-fc", "print -l $fpath"], tmp_path, FPATH="/one:/usr/share/zsh/functions/Misc")
    assert said == "/one\n/usr/share/zsh/functions/Misc\n"


def test_zsh_runs_scripts(tools: Installed, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"#!{tools.bin}/zsh -f\nprint -r -- ${{0:t}} $#\n")
    script.chmod(0o755)
    assert tools.run([str(script), "a b", "c"], tmp_path, PWD=str(tmp_path)) == "script 2\n"


def test_zsh_at_a_prompt(tools: Installed, tmp_path: Path) -> None:
    (tmp_path / ".zshrc").write_text("PS1='ready:%~> '\nautoload -Uz compinit && compinit -u -D\n")
    (tmp_path / "größe.txt").write_text("x")
    env = tools.env(tmp_path, TERM="xterm-256color", LANG=UTF8)
    with Terminal([str(tools.bin / "zsh"), "-i"], env, tmp_path) as terminal:
        terminal.expect("ready:~> ")
        # _git of its own functions, which asks git; without them, files would be offered.
        terminal.send(f"git check-ign{TAB}")
        terminal.expect("check-ignore")
        terminal.send("\x15")
        terminal.send(f"tree -a gr{TAB}")
        terminal.expect("größe.txt")
        terminal.send("\x15")
        assert b"run-help" in terminal.run("whence -v run-help")
        mapped(tools, terminal.run('print -r -- "$(</proc/$$/maps)"').decode())
        assert terminal.exit() == 0


# fish


def test_fish_finds_its_own_files(tools: Installed, tmp_path: Path) -> None:
    config = tmp_path / ".config/fish"
    config.mkdir(parents=True)
    (config / "config.fish").write_text("set -g from_home yes\n")
    script = """
        echo $from_home (string length äöü) (type -t ls) (count $fish_function_path)
        for one in $__fish_data_dir $__fish_sysconf_dir; test -d $one; or echo no $one; end
        complete -C "git chec"
        math 7 x 6
    """
    env = {"LANG": UTF8, "TERM": "xterm-256color", "PWD": str(tmp_path)}
    said = tools.run(["fish", "-c", script], tmp_path, **env)
    lines = said.splitlines()
    assert lines[0].startswith("yes 3 function ")
    assert lines[1].startswith("checkout")
    assert lines[2:] == ["42"]
    bare = tools.run(["fish", "--no-config", "-c", "echo [$from_home] (string upper é) (type -t ls)"], tmp_path, **env)
    assert bare == "É function\n"


def test_fish_shows_its_help(tools: Installed, tmp_path: Path) -> None:
    script = "function cat; while read line; echo $line; end; end; string --help"
    said = tools.run(["fish", "-c", script], tmp_path, LANG=UTF8, COLUMNS="80", PWD=str(tmp_path))
    assert "manipulate strings" in said


def test_fish_at_a_prompt(tools: Installed, tmp_path: Path) -> None:
    config = tmp_path / ".config/fish"
    for folder in ("conf.d", "completions", "functions"):
        (config / folder).mkdir(parents=True)
    (config / "config.fish").write_text("set -g fish_greeting\nfunction fish_prompt; echo 'ready> '; end\n")
    (tmp_path / "größe.txt").write_text("x")
    env = tools.env(tmp_path, TERM="xterm-256color", LANG=UTF8)
    with Terminal([str(tools.bin / "fish"), "-i"], env, tmp_path) as terminal:
        terminal.expect("ready> ")
        terminal.send(f"git checko{TAB}")
        terminal.expect("checkout ")
        terminal.send("\x15")
        terminal.send(f"tree -a gr{TAB}")
        terminal.expect("größe.txt")
        terminal.send("\x15")
        mapped(tools, terminal.run("string collect </proc/$fish_pid/maps").decode())
        assert terminal.exit() == 0


# tmux, less, tree


def test_tmux_keeps_a_session(tools: Installed, tmp_path: Path) -> None:
    (tmp_path / ".tmux.conf").write_text("set -g status-left 'mine'\n")
    shell = str(tools.bin / "zsh")
    (tmp_path / ".zshrc").write_text("PS1='ready> '\n")
    script = """
        tmux -L t new-session -d -x 80 -y 20 -s work || exit 1
        tmux -L t send-keys -t work 'print -r -- ${(l:6::äö:)} $+terminfo[cup] $options[login]' Enter
        tmux -L t send-keys -t work 'tmux wait -S done' Enter
        tmux -L t wait done
        tmux -L t capture-pane -p -t work
        tmux -L t show -gv status-left
        print -r -- "$(</proc/$(tmux -L t display -p '#{pid}')/maps)"
        tmux -L t kill-server
    """
    env = {"LANG": UTF8, "TERM": "xterm", "PWD": str(tmp_path), "TMUX_TMPDIR": str(tmp_path), "SHELL": shell}
    said = tools.run(["zsh", "-fc", script], tmp_path, **env)
    assert "\näöäöäö 1 on\n" in said
    assert "\nmine\n" in said
    mapped(tools, said.partition("\nmine\n")[2])


def test_tmux_on_a_terminal(tools: Installed, tmp_path: Path) -> None:
    # The terminal's description is in the tree: the machine may have none.
    shell = str(tools.bin / "zsh")
    (tmp_path / ".zshrc").write_text("PS1='ready> '\n")
    env = tools.env(tmp_path, TERM="xterm-256color", LANG=UTF8, TMUX_TMPDIR=str(tmp_path), SHELL=shell)
    with Terminal([str(tools.bin / "tmux")], env, tmp_path) as terminal:
        terminal.expect("ready> ")
        terminal.type('print -r -- gr""öße $+terminfo[cup]')
        terminal.expect("größe 1")
        assert terminal.exit() == 0


def test_less_shows_letters(tools: Installed, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("größe\n")
    assert tools.run(["less", "text"], tmp_path, LANG=UTF8) == "größe\n"
    with Terminal(
        [str(tools.bin / "less"), "text"], tools.env(tmp_path, TERM="xterm", LANG=UTF8), tmp_path
    ) as terminal:
        terminal.expect("größe")
        assert terminal.exit("q") == 0


def test_tree_shows_letters(tools: Installed, tmp_path: Path) -> None:
    folder = tmp_path / "größe" / "x"
    folder.mkdir(parents=True)
    assert tools.run(["tree", "größe"], tmp_path, LANG=UTF8) == "größe\n└── x\n\n2 directories, 0 files\n"


# strace


def test_strace_shows_calls(tools: Installed, tmp_path: Path) -> None:
    assert "strace -- version" in tools.run(["strace", "-V"], tmp_path)
    # A program is traced by one only: here by this strace, and not by the one that checks.
    said = outside(tools, ["strace", "-f", "-y", "-e", "execve,openat", str(tools.bin / "tree"), "--version"], tmp_path)
    assert 'execve("' in said
    assert "+++ exited with 0 +++" in said
    counted = outside(tools, ["strace", "-c", "-w", str(tools.bin / "tree"), "--version"], tmp_path)
    assert "total" in counted
    stacks = outside(tools, ["strace", "-k", "-e", "write", sys.executable, "-c", "print()"], tmp_path)
    assert re.search(r"^ > .*\(.*\) \[0x", stacks, re.MULTILINE)
    loaded = outside(tools, ["strace", "-V"], tmp_path, LD_DEBUG="libs")
    assert not foreign(map(os.path.realpath, re.findall(r"calling init: (\S+)", loaded)), [tools.store])


# graphviz


def test_graphviz_draws_with_text(tools: Installed, tmp_path: Path) -> None:
    env = {"LANG": UTF8, "PWD": str(tmp_path)}
    graph = 'digraph { a -> b [label="größe"] }'
    svg = tools.run(["dot", "-Tsvg"], tmp_path, text=graph, **env)
    assert ">größe</text>" in svg
    sizes = []
    for label in ("größe", "?"):
        tools.run(["dot", "-Tpng", "-o", "x.png"], tmp_path, text=graph.replace("größe", label), **env)
        content = (tmp_path / "x.png").read_bytes()
        assert content.startswith(b"\x89PNG")
        sizes.append(int.from_bytes(content[16:20], "big"))
    # Letters that are drawn take their room.
    assert sizes[0] > sizes[1] + 10
    for command in ("pdf", "ps", "gif", "webp"):
        tools.run(["dot", f"-T{command}", "-o", "x"], tmp_path, text=graph, **env)
        assert (tmp_path / "x").stat().st_size > 300


def test_graphviz_has_its_layouts(tools: Installed, tmp_path: Path) -> None:
    graph = "graph { a -- b; b -- c; c -- a; a -- d }"
    layouts = [
        tools.run([name, "-Tplain"], tmp_path, text=graph, PWD=str(tmp_path))
        for name in ("dot", "neato", "fdp", "sfdp", "circo", "twopi", "osage", "patchwork")
    ]
    assert len(set(layouts)) == len(layouts)
    assert "b" in tools.run(["gvpr", "N { print(name) }"], tmp_path, text=graph, PWD=str(tmp_path))
    assert "rank" not in tools.run(["tred"], tmp_path, text="digraph { a -> b }", PWD=str(tmp_path))


def test_each_is_locked_for_arm(tools: Installed, place: Place) -> None:
    place.extra.update(tools.place.extra, DEVSHELL_TRUST=str(place.project))
    text = "[tools]\n" + "".join(f'{name} = "*"\n' for name in TOOLS)
    place.write("devshell.toml", text + '[settings]\nplatforms = ["linux-x86_64", "linux-aarch64"]\n')
    place.run("lock").ok()
    lock = tomllib.loads((place.project / "devshell.lock").read_text())
    for name in TOOLS:
        intel, arm = lock["tools"][name]["linux-x86_64"], lock["tools"][name]["linux-aarch64"]
        assert intel["version"] == arm["version"]
        files = [artifact["file"] for artifact in arm["artifacts"]]
        assert any(file.endswith("_arm64.deb") for file in files)
        assert not any(file.endswith("_amd64.deb") for file in files)
        assert [one["kind"] for one in arm.get("fixups", [])] == [one["kind"] for one in intel.get("fixups", [])]
