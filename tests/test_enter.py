from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from devshell import environ
from devshell.enter import MINIMUM, choose, command, hook
from devshell.errors import ShellError, UsageError
from support.ptys import Terminal

if TYPE_CHECKING:
    from pathlib import Path

SHELLS = ["bash", "zsh", "fish"]
RC = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}
SYSTEM = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class Person:
    """A user with a home of their own, and a project with one tool, `hello`, that the system has too."""

    home: Path
    plan: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """What this user's terminal starts with."""
        return {"HOME": str(self.home), "PATH": f"{self.home}/system:{SYSTEM}", "TERM": "xterm", "LC_ALL": "C.UTF-8"}

    @property
    def tools(self) -> str:
        return f"{self.home}/the tools"

    def writes(self, name: str, text: str) -> None:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def inside(self, env: dict[str, str] | None = None) -> dict[str, str]:
        plan = (("path", self.tools, f"{self.tools}/more"), *self.plan)
        return environ.enter(plan, env or self.env, "/project", "/store/env") | {"DEVSHELL_ENTERED": ""}

    def enters(self, shell: str, env: dict[str, str] | None = None, *, pure: bool = False) -> Terminal:
        return Terminal(*command(shell, self.inside(env), pure=pure), self.home)


@pytest.fixture
def person(tmp_path: Path) -> Person:
    home = tmp_path / "ho'me é"
    made = Person(home)
    for folder, says in (("system", "system"), ("the tools", "ours")):
        made.writes(f"{folder}/hello", f"#!/bin/sh\necho {says}\n")
        (home / folder / "hello").chmod(0o755)
    for name in RC.values():
        made.writes(name, "")
    return made


def paths(env: dict[str, str]) -> list[str]:
    return env["PATH"].split(":")


HOSTILE = {
    "bash": """
        set -u -o noclobber
        shopt -s nullglob extglob nocasematch
        alias hi='echo alias' export='echo no' local='echo no' builtin='echo no' unset='echo no'
        greet() { echo function; }
        function export { echo no; }
        function unset { echo no; }
        PS1='mine> '
        IFS=abc/:
        PATH=$HOME/system:/usr/bin:/bin
        PATH=$HOME/front:$PATH
        unset KEPT EMPTY
        ODD=5 GONE=again
        declare -i NUMBER
        declare -a LIST=(1 2)
        cd /
        return 1
        """,
    "zsh": """
        setopt nounset no_clobber null_glob ksh_arrays sh_word_split extended_glob no_case_match rc_quotes
        setopt csh_junkie_quotes glob_subst all_export warn_create_global
        alias hi='echo alias' export='echo no' local='echo no' builtin='echo no' unset='echo no' -g PATH=no
        greet() { echo function; }
        function export { echo no; }
        function unset { echo no; }
        precmd_functions=()
        precmd() { :; }
        PS1='mine> '
        IFS=abc/:
        PATH=$HOME/system:/usr/bin:/bin
        PATH=$HOME/front:$PATH
        unset KEPT EMPTY
        ODD=5 GONE=again
        typeset -i NUMBER
        typeset -a LIST=(1 2)
        cd /
        return 1
        """,
    "fish": """
        alias hi 'echo alias'
        function greet; echo function; end
        function set; echo no; end
        function string; echo no; end
        function fish_prompt; echo 'mine> '; end
        builtin set -gx PATH $HOME/system /usr/bin /bin
        builtin set -gx PATH $HOME/front $PATH
        builtin set -e KEPT
        builtin set -e EMPTY
        builtin set -gx ODD 5
        builtin set -gx GONE again
        builtin set -gx LIST 1 2
        cd /
        return 1
        """,
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_hostile_rc_file_hides_nothing_and_loads(shell: str, person: Person) -> None:
    spark = f"a[$(touch {person.home}/ran)]"
    person.plan = [
        ("literal", "KEPT", "it's\n${A} \\ \udcff"),
        ("literal", "EMPTY", ""),
        ("literal", "ODD", "7"),
        ("literal", "NUMBER", spark),
        ("literal", "LIST", "text"),
        ("unset", "GONE"),
    ]
    person.writes(RC[shell], HOSTILE[shell])
    inside = person.inside(person.env | {"GONE": "was here"})
    with person.enters(shell, person.env | {"GONE": "was here"}) as terminal:
        terminal.expect("mine> ")
        assert terminal.run("hello") == b"ours\n"
        assert terminal.run("hi") == b"alias\n"
        assert terminal.run("greet") == b"function\n"
        env = terminal.environment()
        assert {name: env.get(name) for name in inside} == inside | {"PATH": env["PATH"]}
        assert "GONE" not in env
        front = [person.tools, f"{person.tools}/more", f"{person.home}/front", f"{person.home}/system"]
        assert paths(env) == [*front, "/usr/bin", "/bin"]
        assert not (person.home / "ran").exists()
        functions = terminal.run({"fish": "functions -a"}.get(shell, "typeset -f"))
        ours = rb"(?m)^__devshell_inside" if shell == "zsh" else rb"(?m)^__devshell_enter\b"
        assert not re.search(ours, functions)
        # What the user's file said stays outside of the project, too.
        assert environ.leave(env)["PATH"] == f"{person.home}/front:{person.home}/system:/usr/bin:/bin"
        assert terminal.exit("exit 7") == 7


CRASHES = ["set -u; echo $NO_SUCH_VARIABLE", "echo ${NO_SUCH_VARIABLE?}", "echo (((", "if"]


@pytest.mark.parametrize("crash", CRASHES)
@pytest.mark.parametrize("shell", SHELLS)
def test_an_rc_file_that_breaks_off_hides_nothing(shell: str, crash: str, person: Person) -> None:
    hide = "set -gx PATH $HOME/system" if shell == "fish" else "PATH=$HOME/system"
    person.writes(RC[shell], f"{hide}\n{crash}\n")
    with person.enters(shell) as terminal:
        assert terminal.run("hello") == b"ours\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_entries_move_to_the_front_and_are_not_doubled(shell: str, person: Person) -> None:
    add = {"fish": "set -gx PATH /new $PATH $PATH[1]"}.get(shell, 'export PATH="/new:$PATH:${PATH%%:*}"')
    person.writes(RC[shell], add)
    env = person.env | {"PATH": f"/a*b:{SYSTEM}:/a*b:"}
    with person.enters(shell, env) as terminal:
        got = paths(terminal.environment())
    want = [person.tools, f"{person.tools}/more", "/new", *env["PATH"].split(":"), person.tools]
    assert got == want or got == [entry or "." for entry in want]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("rc", ["unset PATH", "export PATH=", "unset DEVSHELL_PATH DEVSHELL_NAMES"])
def test_odd_paths_and_missing_notes(shell: str, rc: str, person: Person) -> None:
    if shell == "fish":
        rc = {"unset PATH": "set -e PATH", "export PATH=": "set -gx PATH ''"}.get(rc, rc.replace("unset", "set -e"))
    person.writes(RC[shell], rc)
    with person.enters(shell) as terminal:
        assert terminal.run("hello") == b"ours\n"
        assert paths(terminal.environment())[:2] == [person.tools, f"{person.tools}/more"]


@pytest.mark.parametrize("shell", SHELLS)
def test_large_and_hard_values_arrive(shell: str, person: Person) -> None:
    person.plan = [
        ("literal", "LARGE", "x" * 100_000),
        ("literal", "LINES_PATH", "a\nb:c  d::e\n"),
        ("literal", "QUOTES", "'\"`$(id)\\\n!!%s\x01\x7f\x1b[31m"),
        ("literal", "BYTES", "\udcff\udc80é日本\U0001f600"),
        *(("literal", f"N{number}", f"{number}") for number in range(1_500)),
    ]
    unset = "set -e" if shell == "fish" else "unset"
    person.writes(RC[shell], f"{unset} LARGE LINES_PATH QUOTES BYTES N1499")
    inside = person.inside()
    with person.enters(shell) as terminal:
        env = terminal.environment()
    assert {name: env.get(name) for name in inside} == inside


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("before", SHELLS)
def test_nested(before: str, shell: str, person: Person) -> None:
    person.plan = [("set", "A", "inner")]
    outer = environ.enter((("path", "/outer"), ("set", "B", "outer")), person.env, "/outer", "/store/outer")
    outer["DEVSHELL_ENTERED"] = ""
    with Terminal(*command(before, outer, pure=False), person.home) as terminal:
        first = terminal.environment()
    assert paths(first)[0] == "/outer"
    with person.enters(shell, first) as terminal:
        second = terminal.environment()
    assert paths(second)[0] == person.tools
    assert "/outer" not in paths(second)
    assert (second.get("A"), second.get("B")) == ("inner", None)


@pytest.mark.parametrize("shell", SHELLS)
def test_pure_reads_no_file_of_the_users(shell: str, person: Person) -> None:
    for name in (*RC.values(), ".zshenv", ".bash_profile", ".profile", ".config/fish/conf.d/x.fish"):
        person.writes(name, "echo BAD >~/bad\n")
    env = environ.pure(person.env | {"SECRET": "x"})
    with person.enters(shell, env, pure=True) as terminal:
        assert terminal.run("hello") == b"ours\n"
        got = terminal.environment()
        assert "SECRET" not in got
        assert f"{person.home}/system" not in paths(got)
        assert not (person.home / "bad").exists()
        assert terminal.exit("exit 4") == 4


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_may_be_piped_in(shell: str, person: Person) -> None:
    for name in (RC[shell], ".zshenv"):
        person.writes(name, "export PATH=$HOME/system" if shell == "zsh" else "")
    argv, env = command(shell, person.inside(), pure=False)
    ran = subprocess.run(argv, env=env, input="hello\nexit 5\n", capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("ours\n", "", 5)


ZDOTDIRS = {
    "unset": (None, "", ""),
    "inherited": ("zd", "", "zd"),
    "set by .zshenv": (None, "ZDOTDIR=$HOME/zd", "zd"),
    "exported by .zshenv": ("other", "export ZDOTDIR=$HOME/zd", "zd"),
    "unset by .zshenv": ("other", "unset ZDOTDIR", ""),
}


@pytest.mark.parametrize("case", ZDOTDIRS)
def test_zsh_reads_the_users_own_folder(case: str, person: Person) -> None:
    inherited, zshenv, folder = ZDOTDIRS[case]
    person.writes(f"{inherited}/.zshenv" if inherited else ".zshenv", f"{zshenv}\nENVIRONMENT=read")
    for name in ("zd/", "other/", ""):
        said = f"PS1='{name or 'home'}> '; HISTFILE=${{ZDOTDIR-$HOME}}/h SAVEHIST=5 HISTSIZE=5"
        person.writes(f"{name}.zshrc", f"PATH=/usr/bin:/bin; autoload -U compinit && compinit -u; {said}")
    env = person.env | ({"ZDOTDIR": f"{person.home}/{inherited}"} if inherited else {})
    ours = os.path.dirname(hook("zsh/.zshenv"))
    listed = sorted(os.listdir(ours))
    with person.enters("zsh", env) as terminal:
        terminal.expect(f"{folder or 'home'}/> " if folder else "home> ")
        assert terminal.run("hello") == b"ours\n"
        assert terminal.run("echo $ENVIRONMENT") == b"read\n"
        where = str(person.home / folder) if folder else "none"
        assert terminal.run("echo ${ZDOTDIR-none}") == f"{where}\n".encode()
        exported = terminal.environment()
        assert exported.get("ZDOTDIR") == (where if ("ZDOTDIR" in env and folder) or "export " in zshenv else None)
        assert "DEVSHELL_ZDOTDIR" not in exported
        terminal.exit()
    assert (person.home / folder / ".zcompdump").exists()
    assert (person.home / folder / "h").exists()
    assert sorted(os.listdir(ours)) == listed == [".zshenv"]


def test_a_zsh_started_inside_is_an_ordinary_one(person: Person) -> None:
    person.writes(".zshrc", "PS1='one> '")
    with person.enters("zsh") as terminal:
        assert terminal.run("hello") == b"ours\n"
        person.writes(".zshrc", "PS1='two> '; PATH=$HOME/system:$PATH")
        terminal.type("zsh")
        terminal.expect("two> ")
        assert terminal.run("hello") == b"system\n"


def test_a_project_may_set_zdotdir_itself(person: Person) -> None:
    person.plan = [("set", "ZDOTDIR", "${HOME}/zd")]
    person.writes("zd/.zshrc", "PS1='theirs> '; unset ZDOTDIR")
    with person.enters("zsh") as terminal:
        terminal.expect("theirs> ")
        assert terminal.environment()["ZDOTDIR"] == f"{person.home}/zd"


def test_bash_keeps_its_history_and_options(person: Person) -> None:
    with person.enters("bash") as terminal, Terminal(["/bin/bash"], person.env, person.home) as plain:
        for line in ("echo $-", "shopt", "set -o", 'echo "$HISTFILE"', "trap", "alias"):
            assert terminal.run(line) == plain.run(line)
        functions = terminal.run("declare -F").splitlines(keepends=True)
        assert b"".join(line for line in functions if b" __devshell_" not in line) in {
            plain.run("declare -F"),
            b"".join(b"declare -f %s\n" % name for name in (b"cd", b"popd", b"pushd")),
        }


def test_fish_leaves_universal_variables_alone(person: Person) -> None:
    person.plan = [("unset", "SHARED"), ("set", "LOUD", "ours")]
    person.writes(RC["fish"], "set -U SHARED 1; set -Ux LOUD theirs")
    with person.enters("fish") as terminal:
        assert terminal.run("echo $SHARED $LOUD") == b"1 ours\n"
        terminal.exit()
    with Terminal(["/usr/bin/fish"], person.env, person.home) as plain:
        assert plain.run("echo $SHARED $LOUD") == b"1 theirs\n"


@pytest.mark.parametrize(
    ("asked", "own", "chosen"),
    [
        ("fish", "/bin/zsh", "fish"),
        (None, "/opt/x/bin/zsh", "zsh"),
        (None, "/bin/dash", "bash"),
        (None, "", "bash"),
        (None, None, "bash"),
    ],
)
def test_choosing_a_shell(asked: str | None, own: str | None, chosen: str) -> None:
    assert choose(asked, {} if own is None else {"SHELL": own}) == chosen


def test_choosing_an_unknown_shell() -> None:
    with pytest.raises(UsageError) as caught:
        choose("csh\x1b[31m", {})
    assert "\x1b" not in caught.value.message


def fake(person: Person, folder: str, shell: str, says: str) -> str:
    person.writes(f"{folder}/{shell}", f"#!/bin/sh\n{says}\n")
    (person.home / folder / shell).chmod(0o755)
    return str(person.home / folder)


@pytest.mark.parametrize(
    ("shell", "says"),
    [
        ("bash", "echo 'GNU bash, version 3.2.57(1)-release (arm64-apple-darwin23)'"),
        ("zsh", "echo 'zsh 5.2 (x86_64-apple-darwin16.0)'"),
        ("fish", "echo 'fish, version 3.5.1'"),
    ],
)
def test_an_old_shell_is_named_or_passed_over(shell: str, says: str, person: Person) -> None:
    folder = fake(person, "old", shell, says)
    with pytest.raises(ShellError) as caught:
        command(shell, {"PATH": folder}, pure=False)
    assert ".".join(map(str, MINIMUM[shell])) in caught.value.message
    assert caught.value.hint
    newer = shutil.which(shell) or ""
    argv, _ = command(shell, {"PATH": f"{folder}:{os.path.dirname(newer)}", "SHELL": f"{folder}/{shell}"}, pure=False)
    assert argv[0] == newer


@pytest.mark.parametrize("says", ["exit 1", "echo nonsense"])
def test_a_missing_shell_is_an_error_with_a_hint(says: str, person: Person) -> None:
    for path in ("/nowhere", "", ".", fake(person, "broken", "fish", says)):
        with pytest.raises(ShellError) as caught:
            command("fish", {"PATH": path}, pure=True)
        assert caught.value.hint


def test_the_users_own_shell_comes_first_and_the_projects_last(person: Person) -> None:
    new = "echo 'zsh 99.1'"
    own, path, project = (fake(person, name, "zsh", new) for name in ("own", "path", "project"))
    env = environ.enter((("path", project),), {"PATH": path, "SHELL": f"{own}/zsh"}, "/p", "/s")
    assert command("zsh", env, pure=False)[0][0] == f"{own}/zsh"
    del env["SHELL"]
    assert command("zsh", env, pure=False)[0][0] == f"{path}/zsh"
    os.unlink(f"{path}/zsh")
    assert command("zsh", env, pure=False)[0][0] == f"{project}/zsh"


def test_the_shell_code_is_clean() -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck:
        subprocess.run([shellcheck, hook("enter.bash")], check=True)
    subprocess.run(["bash", "-n", hook("enter.bash")], check=True)
    subprocess.run(["zsh", "-n", hook("zsh/.zshenv")], check=True)
    subprocess.run(["fish", "-n", hook("enter.fish")], check=True)
