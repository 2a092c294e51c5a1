"""The hook for bash in real shells: following, entering, restoring exactly, and costing nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devshell import environ, rendered
from devshell.enter import hook
from support.bash_user import BASH, User, completion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.ptys import Terminal

PLAN = (("set", "HERE", "${project}"), ("path", "/store/env/bin"))
#: Before 5.0, times are compared by the second; before 5.1, a prompt has one text, and what has no value no attributes.
OLD = "DEVSHELL_TEST_BASH" in os.environ
SHOW = 'echo "${HERE-outside}"'


@pytest.fixture
def user(tmp_path: Path) -> User:
    made = User(tmp_path / "ho'me é")
    made.rc()
    return made


@pytest.fixture
def root(user: User) -> Path:
    return user.project(user.home / "work" / "one", PLAN)


def said(terminal: Terminal, line: str) -> str:
    return terminal.run(f"{{ {line}; }}").decode("utf-8", "surrogateescape").rstrip("\n")


def q(path: Path | str) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"


def programs(shell: Terminal) -> dict[str, str]:
    """What a program has, but for what every command or `cd` changes."""
    return {name: value for name, value in shell.environment().items() if name not in {"OLDPWD", "PWD", "_"}}


# --- following -------------------------------------------------------------------------------------------------------


def test_it_follows_every_way_of_changing_folders(user: User, root: Path) -> None:
    (root / "sub" / "deep").mkdir(parents=True)
    other = user.project(user.home / "work" / "two", PLAN)
    nested = user.project(root / "nested", PLAN)
    user.rc("shopt -s autocd cdspell")
    with user.shell() as shell:
        assert said(shell, f"cd {q(root)} && {SHOW}") == str(root)
        for line, where in (
            ("cd sub/deep", root),
            ("cd ../../nested", nested),
            ("cd ..", root),
            ("cd ../two", other),
            ("cd -", root),
            (f"pushd {q(other)}", other),
            ("popd", root),
            ("..", "outside"),
            (q(nested), nested),
            ("cd /", "outside"),
        ):
            shell.run(line)
            assert said(shell, SHOW) == str(where), line
        assert said(shell, f"pushd {q(root)} >/dev/null && {SHOW}; popd >/dev/null && {SHOW}") == f"{root}\noutside"
        assert (
            said(shell, f"CDPATH={q(root.parent)}; cd two >/dev/null && {SHOW}; cd / && {SHOW}") == f"{other}\noutside"
        )
        assert said(shell, f"( cd {q(root)} && {SHOW} ); {SHOW}") == f"{root}\noutside"
        assert said(shell, f'echo "$(cd {q(root)} && {SHOW})"') == str(root)
        assert said(shell, f"cd {q(root)} | true; cd /nowhere 2>/dev/null; echo $?; {SHOW}") == "1\noutside"


def test_a_shell_started_inside_has_it_at_the_first_prompt(user: User, root: Path) -> None:
    with user.shell(root) as shell:
        assert said(shell, SHOW) == str(root)


@pytest.mark.parametrize(
    ("own", "mark"),
    [
        ('cd() { builtin cd "$@" && MINE=1; }', "$MINE"),
        ("alias cd='MINE=1; builtin cd'", "$MINE"),
        ("shopt -u expand_aliases; alias pushd=no; MINE=1", "$MINE"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_the_users_own_cd_stays_and_the_prompt_follows(
    user: User, root: Path, own: str, mark: str, *, before: bool
) -> None:
    user.rc(own if before else "", "" if before else own)
    with user.shell() as shell:
        shell.type(f"cd {q(root)}")
        assert said(shell, f'{SHOW}; echo "{mark}"') == f"{root}\n1"
        shell.type("cd /")
        assert said(shell, SHOW) == "outside"


PATHS = ["a b", "it's", '"', "$HOME", "`id`", "$(id)", "new\nline", "\\b", "-n", "é", "[a]*?", "x" * 200, "\udcff", "]"]


@pytest.mark.parametrize("name", [*PATHS, "deep/" + "/".join(["long" * 15] * 40)], ids=range(len(PATHS) + 1))
def test_any_path_will_do(user: User, name: str) -> None:
    root = user.project(user.home / name, (("set", "HERE", "${project}"),))
    (root / "sub").mkdir()
    link = user.home / "li nk"
    link.symlink_to(root / "sub")
    folder = q(os.fsencode(root).decode("utf-8", "surrogateescape"))
    code = 'cd -- {}; printf %s "$HERE"; cd /; printf %s "-$HERE"; pwd'
    assert user.script(code.format(folder)) == os.fsencode(root) + b"-/\n"
    assert user.script(code.format(q(link))) == os.fsencode(root) + b"-/\n"
    assert user.script(f"cd {q(link)}; echo; pwd; pwd -P; cd -") == (
        b"\n%s\n%s\n%s\n" % (os.fsencode(link), os.fsencode(root / "sub"), os.fsencode(user.home))
    )


@pytest.mark.parametrize("depth", [1, 7, 8, 9, 10, 30])
def test_projects_are_found_from_any_depth(user: User, root: Path, depth: int) -> None:
    inside, outside = root.joinpath(*["d"] * depth), user.home.joinpath("x", *["d"] * depth)
    for folder in (inside, outside):
        folder.mkdir(parents=True)
    with user.shell(inside) as shell:
        assert said(shell, SHOW) == str(root)
        shell.run(f"cd {q(outside)}")
        assert said(shell, SHOW) == "outside"
        user.project(user.home / "x", PLAN)
        shell.run("true")
        assert said(shell, SHOW) == str(user.home / "x")


def test_it_greets_a_person_but_not_a_subshell(user: User) -> None:
    root = user.project(user.home / "one", PLAN, greeting="devshell: one")
    other = user.project(user.home / "two", PLAN, greeting="devshell: two")
    with user.shell() as shell:
        assert said(shell, f"( cd {q(root)} )") == ""
        assert said(shell, f"DEVSHELL_QUIET=1; cd {q(root)}; cd /; unset DEVSHELL_QUIET") == ""
        assert said(shell, f"cd {q(root)}") == "devshell: one"
        assert said(shell, "true") == ""
        assert said(shell, f"cd {q(other)}") == "devshell: two"
        # Both say it on the same output; what a program reads is another one.
        assert said(shell, f"cd {q(root)} 2>/dev/null") == ""


@pytest.mark.parametrize("how", ["-c", "source"])
def test_scripts_are_left_alone(user: User, root: Path, how: str) -> None:
    code = f"cd {q(root)}; {SHOW}"
    env = user.env | {"BASH_ENV": str(user.writes("env.bash", user.hook()))}
    if how == "source":
        code = f". ~/.bashrc; {code}"
    ran = subprocess.run([BASH, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("outside\n", "")


# --- the whole state -------------------------------------------------------------------------------------------------

DUMP = "dump() { declare -p; alias; declare -f; shopt; shopt -o; trap; complete; }"
VOLATILE = re.compile(
    r"^(declare -\S+ )?(RANDOM|SRANDOM|SECONDS|LINENO|HISTCMD|OLDPWD|PWD|_|BASH_(ARG\w|LINENO|SOURCE)|EPOCH\w+"
    r"|BASH_(COMMAND|CMDS|ALIASES|SUBSHELL)|DIRSTACK|FUNCNAME|PIPESTATUS|BASHPID|__devshell_\w+)\b"
)


def dump(shell: Terminal) -> list[str]:
    text = shell.run("dump").decode("utf-8", "surrogateescape")
    text = re.sub(r"(?m)^__devshell_\w+ \(\) *\n\{.*?^\}\n", "", text, flags=re.DOTALL)
    return sorted(line for line in text.split("\n") if not VOLATILE.match(line))


ODD = """
PLAIN='not exported' EMPTY='' LINES2=$'a\\n\\'b'
export GIVEN='exp orted' NONE=''
export DECLARED
declare -i NUMBER=5; declare -ix EXPORTED=3; declare -u UP=abc; declare -xl DOWN=ABC; declare -t TRACED=t
declare -i COUNTER; declare -a NOTHING=(); declare -A NOMAP=(); declare -x XEMPTY=
declare -a LIST=(a '' 'b c' a); declare -A MAP=([x]=1 ['y z']='' [']']='$(touch ran)'); declare -a SPARSE=([3]=x)
declare -r FIXED=1; declare -rx XFIXED=2
alias t='mine it is'
greet() { echo hello; }
trap 'echo usr1' USR1
trap 'true' EXIT
IFS=$' \\t\\n'
"""
ODD_NAMES = (
    *("PLAIN", "EMPTY", "LINES2", "GIVEN", "NONE", "NUMBER", "UP", "DOWN", "TRACED", "LIST", "MAP", "SPARSE", "NEW"),
    *("EXPORTED", "IFS", "lower", "XEMPTY"),
)
DECLARED_NAMES = ("COUNTER", "DECLARED", "NOTHING", "NOMAP")


@pytest.mark.parametrize("kind", ["literal", "set", "unset", "default", "prepend", "extend"])
def test_leaving_gives_back_the_whole_state(user: User, kind: str) -> None:
    value = {"unset": (), "set": ("${HOME}",), "prepend": ("/p", "/q")}.get(kind, ("x:y",))
    names = ODD_NAMES if OLD else (*ODD_NAMES, *DECLARED_NAMES)
    plan = tuple((kind, name, *value) for name in (*names, "FIXED", "XFIXED"))
    plan = (*plan, ("prepend", "MANPATH", "/man"), ("path", "/store/env/bin", "/usr/bin"))
    root = user.project(user.home / "one", plan, aliases=(("t", "ours"), ("new", "ours")))
    user.rc(f"{DUMP}\n{ODD}")
    with user.shell() as shell:
        before, outside = dump(shell), programs(shell)
        note = said(shell, f"cd {q(root)}")
        if kind != "default":
            assert note == "devshell: left alone, since they are read-only here: FIXED XFIXED"
        inside = programs(shell)
        wanted = environ.enter(plan, outside, str(root), "/store/one")
        for name in set(names):
            if kind in {"literal", "set", "unset"}:
                assert inside.get(name) == wanted.get(name), name
                if kind != "unset" or name in outside:
                    assert inside.get(f"DEVSHELL_OLD_{name}") == wanted.get(f"DEVSHELL_OLD_{name}"), name
        assert inside["PATH"].startswith("/store/env/bin:/usr/bin:")
        assert inside["XFIXED"] == "2"
        assert said(shell, "alias t") == "alias t='ours'"
        assert said(shell, f"cd /; cd {q(root)}") == ""
        assert said(shell, "cd " + q(user.home)) == ""
        assert dump(shell) == before
        assert programs(shell) == outside
    assert not (user.home / "ran").exists()


def test_a_program_inside_can_leave_as_well(user: User) -> None:
    plan = tuple(("literal", name, "x:y") for name in (*ODD_NAMES, "XFIXED", "FIXED"))
    root = user.project(user.home / "one", (*plan, ("path", "/ours")))
    user.rc(ODD)
    with user.shell() as shell:
        outside = programs(shell)
        shell.run(f"cd {q(root)}")
        assert environ.leave(programs(shell)) == outside


HOSTILE = """
set -o nounset -o noclobber -o allexport
shopt -s nullglob failglob extglob nocasematch dotglob nocaseglob xpg_echo extquote
shopt -s localvar_inherit localvar_unset assoc_expand_once 2>/dev/null
alias local='echo no' builtin='echo no' export='echo no' declare='echo no' unset='echo no' test='echo no' eval=no
alias printf=no return=no shopt='echo no' set='echo no' source='echo no' true=no if='echo no' '[[=no' alias='echo no'
function export { echo no; }
function declare { echo no; }
function local { echo no; }
function source { echo no; }
function printf { echo no; }
function test { echo no; }
function shopt { echo no; }
function unset { echo no; }
function return { echo no; }
function mapfile { echo no; }
function complete { echo no; }
function alias { echo no; }
function unalias { echo no; }
function set { echo no; }
IFS=abcdehv1/:0
"""


@pytest.mark.parametrize("before", [True, False])
def test_a_hostile_rc_file_changes_nothing(user: User, *, before: bool) -> None:
    root = user.project(
        user.home / "one",
        (("set", "HERE", "${project}"), ("default", "NEWER", "n"), ("prepend", "A", "b", "c"), ("unset", "GONE"),
         ("set", "B", "${HOME:-x}"), ("extend", "GIVEN", "e"), ("set", "NUMBER", "a[$(touch ran)]")),
        aliases=(("t", "ours"),),
        activate="HOOKED=1",
        completions=(completion(user.home / "env", "fresh", "word"),),
    )  # fmt: skip
    link = user.home / "link"
    link.symlink_to(root)
    first = f"{DUMP}\nexport GONE=1 GIVEN=g; declare -i NUMBER=1"
    # That one would hide the line that loads the hook.
    user.rc(first + (HOSTILE if before else ""), "" if before else HOSTILE + "function eval { echo no; }\n")
    dumped = (
        r"\builtin declare -p; \builtin declare -f; \builtin shopt; \builtin shopt -o; \builtin alias; \builtin trap"
    )
    user.writes("dump.bash", dumped)

    def seen() -> list[str]:
        text = shell.run(r"\builtin source ~/dump.bash").decode("utf-8", "surrogateescape")
        text = re.sub(r"(?m)^__devshell_\w+ \(\) *\n\{.*?^\}\n", "", text, flags=re.DOTALL)
        return sorted(line for line in text.split("\n") if not VOLATILE.match(line))

    with user.shell() as shell:
        state = seen()
        assert shell.run(f"cd {q(link)}") == b""
        env = shell.environment()
        assert (env["HERE"], env["NEWER"], env["A"], env.get("GONE")) == (str(root), "n", "b:c", None)
        assert (env["B"], env["GIVEN"], env["NUMBER"]) == (str(user.home), "e:g", "a[$(touch ran)]")
        assert not [name for name in env if name.startswith("__devshell_")]
        assert shell.run(r"\builtin unset -v HOOKED") == b""
        shell.run("cd /")
        shell.run("cd " + q(user.home))
        assert seen() == state
    assert not list(user.home.rglob("ran"))


OPTIONS = [
    *(
        "set -e",
        "set -u",
        "set -x",
        "set -C",
        "set -a",
        "set -f",
        "set -k",
        "set -P",
        "set -T",
        "set -E",
        "set -o posix",
    ),
    *("IFS=abc/:", "shopt -s nullglob", "shopt -s failglob", "shopt -s nocasematch", "shopt -s extglob extdebug"),
    *("shopt -s compat43", "set +H +B", "set -m -b", "shopt -s cdable_vars autocd; CDPATH=.:/"),
]


@pytest.mark.parametrize("option", OPTIONS)
def test_options_survive_and_do_no_harm(user: User, option: str) -> None:
    plan = (*PLAN, ("default", "D", "d"), ("prepend", "P", "p"), ("set", "R", "${HOME:-x}"))
    root = user.project(user.home / "work" / "one", plan, aliases=(("t", "ours"),))
    link = user.home / "link"
    link.symlink_to(root)
    with user.shell() as shell:
        shell.run(option)
        before = said(shell, "set +x; shopt -p; shopt -po")
        shell.run(option)
        assert said(shell, f"cd {q(link)}; {SHOW}").endswith(str(root))
        shell.run("cd /")
        assert said(shell, SHOW).endswith("outside")
        assert said(shell, "set +x; shopt -p; shopt -po").endswith(before)


@pytest.mark.parametrize(
    "own",
    [
        "PROMPT_COMMAND='seen=$?'",
        "PROMPT_COMMAND='seen=$?;'",
        "PROMPT_COMMAND='seen=$? # the last'",
        "PROMPT_COMMAND=$'seen=$?\\n'",
        "PROMPT_COMMAND=('seen=$?' 'more=$seen')",
        "declare -a PROMPT_COMMAND; PROMPT_COMMAND[3]='seen=$?'",
        "export PROMPT_COMMAND='seen=$?'",
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_status_and_other_prompt_tools_are_kept(user: User, root: Path, own: str, *, before: bool) -> None:
    if OLD and ("-a" in own or ("(" in own and not before)):
        pytest.skip("a prompt has one text")
    later = own if before else own.replace("PROMPT_COMMAND=", "PROMPT_COMMAND=\"$PROMPT_COMMAND\"$'\\n'", 1)
    if not before and ("(" in own or "-a" in own):
        later = "PROMPT_COMMAND+=('seen=$?')"
    user.rc(own if before else "", "" if before else later)
    with user.shell() as shell:
        shell.run(f"cd {q(root)}")
        shell.type("(exit 7) # last")
        assert said(shell, "echo $seen") == "7"
        shell.type("(exit 7)")
        assert said(shell, f"echo $?; {SHOW}") == f"7\n{root}"
        shell.type("true word")
        assert said(shell, "echo $_") == "word"
        shell.type(f"cd {q(root)}")
        assert said(shell, 'echo "$_"') == str(root)
        shell.type("bash --rcfile ~/.bashrc -i")
        assert said(shell, f"echo $SHLVL; {SHOW}; cd /; {SHOW}") == f"2\n{root}\noutside"
        assert said(shell, 'printf "%s\\n" "${PROMPT_COMMAND[@]}" | grep -c __devshell_prompt') == "1"


def test_a_read_only_prompt_command_leaves_cd(user: User, root: Path) -> None:
    user.rc("readonly PROMPT_COMMAND='seen=1'", "after=1")
    with user.shell() as shell:
        assert said(shell, f"cd {q(root)} && {SHOW}; echo $after") == f"{root}\n1"
    ran = subprocess.run(user.argv("-ic", "true"), env=user.env, capture_output=True, text=True, check=True)
    assert "devshell: PROMPT_COMMAND is read-only here, so that only cd follows projects\n" in ran.stderr


def test_a_builtin_that_is_hidden_keeps_it_from_loading(user: User, root: Path) -> None:
    user.rc('builtin() { command builtin "$@"; }', "after=1")
    ran = subprocess.run(
        user.argv("-ic", f"cd {q(root)}; {SHOW}; echo $after"), env=user.env, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "outside\n1\n"
    assert "devshell: a function named builtin hides what bash has" in ran.stderr


def test_traps_see_nothing_of_it_that_the_user_did_not_ask_for(user: User, root: Path) -> None:
    user.rc("set -o errtrace; trap 'echo ERR $BASH_COMMAND' ERR; trap 'echo bye' EXIT")
    with user.shell() as shell:
        assert (
            said(shell, f"cd {q(root)}; {SHOW}; cd /; {SHOW}; trap -p EXIT")
            == f"{root}\noutside\ntrap -- 'echo bye' EXIT"
        )
        assert said(shell, "cd /nowhere 2>/dev/null").startswith("ERR ")
        shell.run("trap 'debugged+=x' DEBUG; set -o functrace")
        assert said(shell, f"cd {q(root)}; {SHOW}; cd /; {SHOW}; trap -p DEBUG") == (
            f"{root}\noutside\ntrap -- 'debugged+=x' DEBUG"
        )
        shell.type("exit")
        shell.expect("bye")


def test_the_last_folder_is_the_users(user: User, root: Path) -> None:
    link = user.home / "link"
    link.symlink_to(root)
    with user.shell() as shell:
        shell.run("cd /usr")
        assert said(shell, f'cd {q(link)}; echo "$OLDPWD $PWD"; cd -') == f"/usr {link}\n/usr"
    with user.shell(link) as shell:
        assert said(shell, 'echo "${OLDPWD-none}"; declare -p OLDPWD') == "none\ndeclare -x OLDPWD"


def test_an_rc_file_read_twice_loads_it_once(user: User, root: Path) -> None:
    user.project(root, PLAN, activate="echo in")
    user.rc("PROMPT_COMMAND='seen=1'", 'cd() { builtin cd "$@"; }')
    with user.shell() as shell:
        shell.run("PLAIN=1")
        assert said(shell, f"cd {q(root)}") == ""
        shell.run("source ~/.bashrc")
        assert said(shell, "source ~/.bashrc") == ""
        # The file sets it anew, and the hook puts itself in front again.
        assert said(shell, 'printf "%s\\n" "${PROMPT_COMMAND[@]}"') == "__devshell_prompt\nseen=1"
        assert said(shell, SHOW) == str(root)
        shell.run("cd /")
        assert said(shell, SHOW) == "outside"


def test_an_older_bash_gets_one_clear_line(user: User) -> None:
    code = user.writes("old.bash", user.hook()).read_text()
    printed = (user.home / "printed.bash").read_text()
    (user.home / "printed.bash").write_text(
        printed.replace("BASH_VERSINFO[0] * 100", "3 * 100").replace("$BASH_VERSION", "3.2.57(1)-release")
    )
    ran = subprocess.run([BASH, "-c", f"{code}echo after"], env=user.env, capture_output=True, text=True, check=True)
    assert ran.stderr == "devshell: this is bash 3.2.57(1)-release, and the hook needs 4.4 or newer\n"
    assert ran.stdout == "after\n"


# --- values ----------------------------------------------------------------------------------------------------------

RAW = st.binary(max_size=60).map(lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
NAMES = st.sampled_from(["A", "B", "C", "D_1", "LANGUAGE", "TERMINFO_X"])
TEMPLATES = st.lists(
    st.one_of(RAW, st.sampled_from(["${A}", "${B:-", "}", "${C:-x}", "$${", "${project}", "${HOME}", "${PATH}"])),
    max_size=4,
)
OPERATIONS = st.one_of(
    st.tuples(st.just("literal"), NAMES, RAW),
    st.tuples(st.sampled_from(["set", "default", "extend"]), NAMES, TEMPLATES.map("".join)),
    st.tuples(st.just("unset"), NAMES),
    st.tuples(st.just("prepend"), NAMES, TEMPLATES.map("".join), RAW),
    st.tuples(st.just("path"), st.sampled_from(["/a", "/b c", "/usr/bin"]), st.sampled_from(["/a", "/d'", "/é"])),
)


def parsed(raw: bytes) -> dict[str, str]:
    pairs = (os.fsdecode(line).partition("=") for line in raw.split(b"\0") if line)
    return {name: value for name, _, value in pairs if name not in {"PWD", "OLDPWD", "SHLVL", "_"}}


def told(env: dict[str, str]) -> dict[str, str]:
    """As a program would tell it: two bytes that were put together may be one character."""
    return {name: os.fsdecode(os.fsencode(value)) for name, value in env.items() if name != "SHLVL"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(OPERATIONS, max_size=8), had=st.dictionaries(NAMES, RAW, max_size=4))
def test_plans_do_in_bash_what_they_do_in_python(user: User, plan: list[tuple[str, ...]], had: dict[str, str]) -> None:
    root = user.project(user.home / "one", tuple(plan))
    raw = user.script(
        "/usr/bin/env -0; printf SPLIT; cd one; /usr/bin/env -0; printf SPLIT; cd ..; /usr/bin/env -0", user.env | had
    )
    before, inside, after = (parsed(part) for part in raw.split(b"SPLIT"))
    assert inside == told(environ.enter(tuple(plan), before, str(root), "/store/one"))
    assert after == before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=st.lists(OPERATIONS, max_size=6),
    had=st.dictionaries(NAMES, RAW, max_size=4),
    meanwhile=st.dictionaries(NAMES, RAW, max_size=3),
)
def test_what_came_from_elsewhere_is_left_as_python_leaves_it(
    user: User, plan: list[tuple[str, ...]], had: dict[str, str], meanwhile: dict[str, str]
) -> None:
    start = environ.enter(tuple(plan), user.env | had, "/gone/one", "/store/one") | meanwhile
    raw = user.script("__devshell_prompt; /usr/bin/env -0", start)
    own = {"SHLVL", "LINES", "COLUMNS"}
    left = {name: value for name, value in parsed(raw).items() if name not in own}
    assert left == told(environ.leave(start))


def test_what_the_user_changes_inside_stays(user: User) -> None:
    plan = (*(("literal", name, "ours") for name in "ABCDE"), ("unset", "F"), ("path", "/ours", "/ours too"))
    root = user.project(user.home / "one", plan)
    with user.shell(env=user.env | {"A": "a", "B": "b", "F": "f"}) as shell:
        shell.run(f"cd {q(root)}")
        shell.run("A=mine; unset B; unset C; declare -a C=(x y); export -n D; F=mine; PATH=/first:$PATH:/last; "
                  "PATH=${PATH/:\\/bin/}; readonly G=1")  # fmt: skip
        shell.run("cd /")
        env = shell.environment()
        assert (env["A"], env.get("B"), env.get("E")) == ("mine", None, None)
        assert said(shell, 'echo "${C[*]} ${D-gone} $F"') == "x y gone mine"
        assert env["PATH"] == "/first:/usr/local/bin:/usr/bin:/last"
        assert not [name for name in env if name.startswith("DEVSHELL_") and name != "DEVSHELL_STATE_DIR"]


@pytest.mark.parametrize("path", ["", ":", "/a::/a:/store/env/bin:", "/usr/bin:/bin"])
@pytest.mark.parametrize("attributes", ["-x", "+x"])
def test_a_path_comes_back_as_it_was(user: User, root: Path, path: str, attributes: str) -> None:
    code = (
        f"declare {attributes} PATH='{path}'; before=$PATH; cd {q(root)}; inside=$PATH; cd /; "
        'echo "$before"; echo "$PATH"; echo "$inside"; declare -p PATH'
    )
    before, after, inside, declared, _ = user.script(code).split(b"\n")
    assert before == after
    assert inside == f"/store/env/bin:{path}".encode()
    assert declared.startswith(b"declare -x" if attributes == "-x" else b"declare --")


@pytest.mark.parametrize(("how", "declared"), [("unset PATH", b""), ("unset PATH; export PATH", b"declare -x PATH")])
def test_a_path_that_is_unset_comes_back_unset(user: User, root: Path, how: str, declared: bytes) -> None:
    if declared and OLD:
        pytest.skip("what has no value seems to have no attributes")
    code = f'{how}; cd {q(root)}; echo "$PATH"; cd /; echo "${{PATH+set}}"; declare -p PATH 2>/dev/null || true'
    assert user.script(code).rstrip(b"\n") == b"/store/env/bin\n\n" + declared if declared else b"/store/env/bin"


def test_a_read_only_path_is_left_alone(user: User, root: Path) -> None:
    user.rc("readonly PATH")
    with user.shell() as shell:
        said(shell, f"cd {q(root)}")
        assert said(shell, f"true; {SHOW}") == str(root)
        shell.run("cd /")
        assert said(shell, f"true; {SHOW}; echo $PATH") == f"outside\n{user.env['PATH']}"


BIG = [
    ((("set", "BIG", "x" * 131_100),), {}),
    ((("set", "BIG", "é" * 65_530),), {}),
    ((("set", "BIG", "x" * 30_000), *(("set", "BIG", "${BIG}${BIG}"),) * 3), {}),
    ((("prepend", "BIG", "/p"),), {"BIG": "x" * 131_060}),
    ((("extend", "BIG", "/p"),), {"BIG": "x" * 131_060}),
    ((("default", "BIG", "${OTHERS}${OTHERS}"),), {"OTHERS": "x" * 70_000}),
    ((("set", "BIG", "new"),), {"BIG": "x" * 131_060}),
    ((("path", "/" + "p" * 131_080),), {}),
]


@pytest.mark.parametrize(("plan", "env"), BIG, ids=range(len(BIG)))
def test_what_is_too_large_is_said_once_and_undone(
    user: User, plan: tuple[tuple[str, ...], ...], env: dict[str, str]
) -> None:
    root = user.project(user.home / "one", (("set", "A", "ours"), *plan, ("path", "/ours")), aliases=(("t", "x"),))
    name = "PATH" if plan[0][0] == "path" else "BIG"
    with user.shell(env=user.env | env) as shell:
        before = programs(shell)
        assert said(shell, f"cd {q(root)}") == f"devshell: not entered: the variable {name} is larger than 128 KiB"
        assert said(shell, "true") == ""
        assert said(shell, f"cd /; cd {q(root)}; alias t; cd {q(user.home)}").endswith("t: not found")
        assert programs(shell) == before
        user.project(root, (("set", "A", "mended"),))
        assert said(shell, f"cd {q(root)}; echo $A") == "mended"


def test_what_just_fits_is_entered(user: User) -> None:
    largest = "x" * (environ.LONGEST - len("DEVSHELL_NEW_BIG=") - 1)
    root = user.project(user.home / "one", (("literal", "BIG", largest),))
    with user.shell(root) as shell:
        assert shell.environment()["BIG"] == largest
        shell.run("cd /")
        assert "BIG" not in shell.environment()


# --- nested shells ---------------------------------------------------------------------------------------------------


def test_a_nested_shell_takes_over_and_leaves_for_itself(user: User) -> None:
    root = user.project(user.home / "one", PLAN, aliases=(("t", "ours"),), greeting="devshell: one")
    user.rc("PATH=/rc:$PATH")
    with user.shell(env=user.env | {"HERE": "before"}) as shell:
        shell.run(f"cd {q(root)}")
        shell.type("bash --rcfile ~/.bashrc -i")
        assert said(shell, "echo $SHLVL; alias t; echo $PATH") == (
            f"2\nalias t='ours'\n/store/env/bin:/rc:/rc:{user.env['PATH']}"
        )
        assert said(shell, f"{SHOW}; cd /; {SHOW}; echo $PATH") == f"{root}\nbefore\n/rc:/rc:{user.env['PATH']}"
        shell.type("exit")
        assert said(shell, f"echo $SHLVL; {SHOW}; cd /; {SHOW}") == f"1\n{root}\nbefore"


def test_an_inherited_environment_is_entered_anew_in_silence(user: User) -> None:
    root = user.project(user.home / "one", PLAN, greeting="devshell: one")
    env = environ.enter(PLAN, user.env, str(root), "/store/one")
    ran = subprocess.run(
        user.argv("-i"), env=env, cwd=root, input=f"{SHOW}\n", capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"{root}\n"
    assert "devshell: one" not in ran.stderr


def test_an_inherited_environment_is_never_evaluated(user: User) -> None:
    spark = f"a[$(touch {user.home}/ran)]"
    names = (
        "A NUMBER EXPORTEDNUMBER ARRAY REF PATH PWD RANDOM SECONDS UID EUID BASHPID DIRSTACK GROUPS OPTIND LINENO "
        "HISTCMD BASH_ALIASES BASH_CMDS FUNCNAME MAILCHECK PS1 ; x[1] a[$(id)] -f -p * ? é __devshell_root "
        "DEVSHELL_ROOT 1X"
    )
    env = user.env | {"DEVSHELL_NAMES": names, "DEVSHELL_ROOT": spark, "DEVSHELL_PATH": spark}
    for name in names.split():
        if name not in {"PATH", "PWD", "DEVSHELL_ROOT"}:
            env |= {name: "same", f"DEVSHELL_NEW_{name}": "same"}
        env |= {f"DEVSHELL_OLD_{name}": spark}
    env |= {"DEVSHELL_OLD_stray": spark, "DEVSHELL_NEW_x[$(touch ran)]": spark, "DEVSHELL_ENTERED": f"../{spark}"}
    for name in (
        "command",
        "said",
        "kept",
        "levels",
        "id",
        "check",
        "conditions",
        "calmed",
        "code",
        "running",
        "names",
        "gone",
    ):
        env |= {f"__devshell_{name}": spark}
    user.rc("declare -i NUMBER; declare -ix EXPORTEDNUMBER; declare -a ARRAY; shopt -s localvar_inherit 2>/dev/null")
    with user.shell(env=env) as shell:
        after = shell.environment()
        assert (after["A"], after["NUMBER"], after["PATH"]) == (spark, spark, user.env["PATH"])
        left = {name for name in after if name.startswith(("DEVSHELL_", "__devshell_"))}
        assert left <= {
            "DEVSHELL_STATE_DIR",
            "DEVSHELL_NEW_x[$(touch ran)]",
            "DEVSHELL_OLD_x[1]",
            "DEVSHELL_NEW_x[1]",
        } | {name for name in left if not environ.identifier(name)}
    assert not list(user.home.rglob("ran"))
    assert not list(user.home.rglob("*touch*"))


@pytest.mark.parametrize("count", [environ.MOST_NAMES, environ.MOST_NAMES + 1, 60_000])
def test_lists_that_are_too_long_are_passed_over(user: User, count: int) -> None:
    names = " ".join(f"N{number}" for number in range(count))[: environ.LONGEST - 20]
    with user.shell(env=user.env | {"DEVSHELL_NAMES": names, "N1": "n", "DEVSHELL_NEW_N1": "n"}) as shell:
        env = shell.environment()
        assert ("N1" in env) == (count > environ.MOST_NAMES)
        assert "DEVSHELL_NAMES" not in env


@pytest.mark.parametrize("named", ["", "ci", "x_y-z"])
def test_a_shell_of_devshell_enter_stays_in_its_project(user: User, root: Path, named: str) -> None:
    user.project(root, PLAN, aliases=(("t", "ours"),), named=named)
    other = user.project(user.home / "work" / "two", PLAN)
    env = environ.enter(PLAN, user.env, str(root), "/store/one") | {"DEVSHELL_ENTERED": named}
    with user.shell(env=env) as shell:
        for folder in (other, user.home, root):
            assert said(shell, f"cd {q(folder)}; alias t; {SHOW}") == f"alias t='ours'\n{root}"
            assert said(shell, 'echo "$DEVSHELL_ENTERED"') == named
        user.project(root, (*PLAN, ("literal", "NEWER", "yes")), named=named)
        shell.run("true")
        assert said(shell, "echo $NEWER$DEVSHELL_ENTERED; alias t 2>/dev/null") == f"yes{named}"


def test_a_shell_of_devshell_enter_keeps_what_it_has_where_nothing_is_rendered(user: User, root: Path) -> None:
    env = environ.enter(PLAN, user.env, str(root), "/store/one") | {"DEVSHELL_ENTERED": "ci"}
    with user.shell(env=env) as shell:
        assert said(shell, f"cd /; {SHOW}") == str(root)
        user.project(root, (*PLAN, ("literal", "NEWER", "yes")), named="ci")
        shell.run("true")
        assert said(shell, "echo $NEWER") == "yes"


# --- aliases, completions, the project's own code --------------------------------------------------------------------


def test_an_alias_that_the_user_changes_stays(user: User) -> None:
    ours = tuple((name, "ours") for name in ("t", "u", "v", "@", "a.b", "new", "cd"))
    root = user.project(user.home / "one", aliases=ours)
    user.rc('alias t=mine u=mine v="it\'s" @=at')
    with user.shell() as shell:
        before = said(shell, "alias")
        assert said(shell, f"builtin cd {q(root)}") == ""
        assert said(shell, "alias @ v").endswith("alias v='ours'")
        shell.run("alias t=changed; unalias u")
        shell.type("builtin cd /")
        assert said(shell, "alias").splitlines() == [
            line.replace("t='mine'", "t='changed'") for line in before.splitlines() if "alias u=" not in line
        ]


def test_completions_are_there_inside_only_and_the_users_own_stay(user: User) -> None:
    ours = user.home / "env/share/bash-completion/completions"
    found = tuple(completion(ours, name, f"{name}-ours") for name in ("fresh", "known", "other", "@"))
    (ours / "other").write_text("echo read >>~/log; complete -W other-ours other")
    root = user.project(user.home / "one", PLAN, completions=found)
    user.rc("complete -W known-mine known; fresh() { :; }; known() { :; }; other() { :; }")
    with user.shell() as shell:
        before = said(shell, "complete")
        shell.run(f"cd {q(root)}")
        for name, word in (("fresh", "fresh-ours"), ("known", "known-mine")):
            shell.send(f"{name} \t")
            shell.expect(word)
            shell.type("")
        assert not (user.home / "log").exists()
        shell.send("other \t")
        shell.expect("other-ours")
        shell.type("")
        shell.run("cd /")
        assert said(shell, "complete") == before
        assert (user.home / "log").read_text() == "read\n"


def test_a_completion_never_switches(user: User, root: Path) -> None:
    user.rc(after=f"_away() {{ cd {q(root)}; COMPREPLY=(word-$HERE-); }}; complete -F _away away")
    with user.shell() as shell:
        shell.send("away \t")
        shell.expect("word--")
        shell.send("\x03")
        shell.run("true")
        assert said(shell, SHOW) == str(root)


def test_a_projects_own_code_runs_on_entering_and_on_leaving(user: User) -> None:
    root = user.project(
        user.home / "one",
        PLAN,
        activate='echo "in $HERE $#"; shopt -s dotglob; cd sub; false; return 3; echo no',
        deactivate='echo "out $HERE"; shopt -u dotglob; false',
    )
    (root / "sub").mkdir()
    with user.shell() as shell:
        assert said(shell, f"cd {q(root)}") == f"in {root} 0"
        assert said(shell, 'shopt -q dotglob && echo "$PWD"') == f"{root}/sub"
        assert said(shell, "cd ../..; shopt -q dotglob; echo $?") == f"out {root}\n1"
        shell.run(f"cd {q(root)}")
        (user.state(root) / "denied").touch()
        assert said(shell, f"cd /; {SHOW}") == "outside"


def test_a_projects_own_code_may_go_elsewhere(user: User, root: Path) -> None:
    other = user.project(user.home / "two", (("set", "HERE", "two"),), activate="echo two", deactivate="cd /")
    user.project(root, PLAN, activate=f"cd {q(other)}", deactivate=f"cd {q(other)}")
    with user.shell() as shell:
        shell.type(f"cd {q(root)}")
        assert said(shell, f"{SHOW}; pwd") == f"two\n{other}"
        shell.type("cd")
        assert said(shell, f"true; {SHOW}; pwd") == "outside\n/"


@pytest.mark.parametrize(
    "code",
    ["echo ${NONE?gone}", "if then", "readonly R=1; R=2", "false", "kill -INT $$", "set -e; false; set +e", "set -u"],
)
@pytest.mark.parametrize("option", ["true", "shopt -s nocasematch; set -u"])
def test_an_error_in_a_projects_code_breaks_nothing(user: User, code: str, option: str) -> None:
    root = user.project(user.home / "one", PLAN, activate=code, deactivate=code, aliases=(("t", "ours"),))
    other = user.project(user.home / "two", (("set", "HERE", "two"),))
    user.rc(after="other() { printf other >&2; }; PROMPT_COMMAND+=$'\\nother'")
    with user.shell() as shell:
        shell.run(option)
        options = said(shell, "shopt -p; shopt -po")
        shell.type(f"cd {q(root)}")
        shell.run("true")
        assert said(shell, SHOW).endswith(str(root))
        assert said(shell, "true") == ""
        shell.type(f"cd {q(other)}")
        shell.run("true")
        assert said(shell, SHOW).endswith("two")
        shell.type(f"cd {q(root)}")
        shell.type("cd /")
        shell.run("true")
        assert said(shell, f"{SHOW}; alias t 2>/dev/null").endswith("outside")
        assert not [name for name in shell.environment() if name.startswith("DEVSHELL_") and "STATE" not in name]
        if code != "set -u":
            assert said(shell, "shopt -p; shopt -po") == options


# --- freshness -------------------------------------------------------------------------------------------------------


def test_a_change_of_any_watched_file_is_seen_at_the_next_prompt(user: User) -> None:
    def made() -> Path:
        for name in ("w", "v"):
            os.utime(user.writes(f"one/{name}", "1"), (1_000_000_000, 1_000_000_000))
        shutil.rmtree(user.home / "one" / "absent", ignore_errors=True)
        return user.project(user.home / "one", PLAN, ["w", "v", "absent"])

    root = made()
    changes: dict[str, Callable[[], object]] = {
        "touch": lambda: os.utime(root / "w"),
        "set back": lambda: os.utime(root / "w", (1, 1)),
        "a nanosecond": lambda: os.utime(root / "w", ns=(1, 1_000_000_000_000_000_001)),
        "removed": (root / "v").unlink,
        "appeared": (root / "absent").mkdir,
        "denied": lambda: rendered.drop(user.state(root), "ready"),
        "project gone": (root / "devshell.toml").unlink,
    }
    if OLD:
        del changes["a nanosecond"]
    with user.shell(root) as shell:
        for what, change in changes.items():
            assert said(shell, SHOW) == str(root), what
            change()
            assert said(shell, "true") == "", what
            assert said(shell, SHOW) == "outside", what
            made()
            shell.run("true")


def test_a_change_that_is_taken_back_is_seen_as_well(user: User, root: Path) -> None:
    manifest = root / "devshell.toml"
    status = manifest.stat()
    with user.shell(root) as shell:
        assert said(shell, SHOW) == str(root)
        os.utime(manifest)
        shell.run("true")
        assert said(shell, SHOW) == "outside"
        os.utime(manifest, ns=(status.st_atime_ns, status.st_mtime_ns))
        shell.run("true")
        assert said(shell, SHOW) == str(root)


@pytest.mark.parametrize("content", [b"one\n", b"a\0b", b"", b"\n\n", b"\xff"])
def test_what_is_young_is_compared_by_content(user: User, content: bytes) -> None:
    root = user.home / "one"
    user.writes("one/devshell.toml", "").write_bytes(content)
    user.project(root, PLAN)
    status = (root / "devshell.toml").stat()
    with user.shell() as shell:
        assert said(shell, f"cd {q(root)}; {SHOW}; cd /") == str(root)
        user.project(root, PLAN)
        (root / "devshell.toml").write_bytes(
            {b"one\n": b"one", b"a\0b": b"a b", b"": b"\n", b"\n\n": b"\n", b"\xff": b"\xfe"}[content]
        )
        os.utime(root / "devshell.toml", ns=(status.st_atime_ns, status.st_mtime_ns))
        assert said(shell, f"cd {q(root)}; {SHOW}; true; {SHOW}") == "outside\noutside"
        user.project(root, PLAN)
        shell.run("true")
        assert said(shell, SHOW) == str(root)


def test_another_users_script_is_not_read(user: User, root: Path) -> None:
    if os.getuid():
        pytest.skip("only root can give files away")
    os.chown(user.state(root) / "ready" / "bash", 12345, 12345)
    with user.shell(root) as shell:
        assert said(shell, SHOW) == "outside"


def test_a_rendering_anew_is_taken_up_at_the_next_prompt(user: User, root: Path) -> None:
    with user.shell(root) as shell:
        assert said(shell, 'echo "${NEWER-none}"') == "none"
        user.project(root, (*PLAN, ("literal", "NEWER", "yes")))
        shell.run("true")
        assert said(shell, 'echo "${NEWER-none}"; cd /; echo "${NEWER-none}"') == "yes\nnone"


@pytest.mark.parametrize("keep", [True, False])
def test_a_project_that_waits_says_why_once(user: User, root: Path, *, keep: bool) -> None:
    other = user.project(user.home / "two", (("set", "HERE", "two"),))
    with user.shell(root) as shell:
        user.waits(root, "devshell: one is not installed", keep=keep)
        shell.type("true")
        shell.expect("devshell: one is not installed")
        assert said(shell, SHOW) == (str(root) if keep else "outside")
        # Another project's environment may never stay.
        assert said(shell, f"cd {q(other)}; {SHOW}; cd {q(root)}; {SHOW}") == "two\noutside"
        user.waits(root, "devshell: another reason", keep=keep)
        assert said(shell, "cd ..; cd -") == f"{root}\ndevshell: another reason"
        rendered.drop(user.state(root), "waiting")
        user.project(root, PLAN)
        shell.run("true")
        assert said(shell, SHOW) == str(root)


def test_a_nearer_project_that_appears_takes_over(user: User, root: Path) -> None:
    (root / "sub" / "deep").mkdir(parents=True)
    with user.shell(root / "sub" / "deep") as shell:
        assert said(shell, SHOW) == str(root)
        nearer = user.project(root / "sub", PLAN)
        shell.run("true")
        assert said(shell, SHOW) == str(nearer)
        (nearer / "devshell.toml").unlink()
        shell.run("true")
        assert said(shell, SHOW) == str(root)
        (root / "devshell.toml").unlink()
        assert said(shell, "true") == ""
        assert said(shell, SHOW) == "outside"


def test_links_that_are_switched_and_folders_that_go(user: User, root: Path) -> None:
    other = user.project(user.home / "work" / "two", PLAN)
    link = user.home / "link"
    link.symlink_to(root)
    with user.shell() as shell:
        assert said(shell, f"cd {q(link)}; {SHOW}; pwd") == f"{root}\n{link}"
        link.unlink()
        link.symlink_to(other)
        assert said(shell, SHOW) == str(root)
        assert said(shell, f"{SHOW}; cd .; {SHOW}") == f"{root}\n{other}"
        moved = root.with_name("moved")
        shell.run(f"cd {q(root)}")
        root.rename(moved)
        shell.run("true")
        assert said(shell, SHOW) == "outside"
        user.project(root, PLAN)
        assert said(shell, f"cd {q(root)}; {SHOW}") == str(root)
        shutil.rmtree(root)
        assert said(shell, "true") == ""
        assert said(shell, f"{SHOW}; cd /; {SHOW}") == "outside\noutside"


# --- processes, and how much there is to do --------------------------------------------------------------------------


def traced(user: User, lines: list[str], tmp_path: Path) -> tuple[int, list[str]]:
    """How many processes a session starts, and which files it opens for writing."""
    out = tmp_path / "trace"
    argv = ["strace", "-f", "-qq", "-e", "trace=process,openat,open,creat", "-o", str(out), *user.argv("-i")]
    script = "\n".join([*lines, "exit"]) + "\n"
    subprocess.run(
        argv, input=script.encode(), env=user.env, cwd=user.home, capture_output=True, check=True, timeout=60
    )
    calls = out.read_text(errors="replace").splitlines()
    written = [call for call in calls if re.search(r"O_WRONLY|O_RDWR|O_CREAT|creat\(", call) and "/dev/" not in call]
    return sum(bool(re.search(r"\b(v?fork|clone3?|execve)\(", call)) for call in calls), written


@pytest.mark.skipif(OLD, reason="the line of the rc file starts a process")
def test_it_starts_no_process_and_writes_no_file(user: User, root: Path, tmp_path: Path) -> None:
    completions = (completion(user.home / "env/completions", "fresh", "word"),)
    plan = (*PLAN, ("set", "X", "${HOME:-a}"), ("unset", "Y"), ("default", "Z", "z"), ("prepend", "L", "/l"))
    user.project(root, plan, aliases=(("t", "ours"),), completions=completions, activate="A=1", deactivate="A=2")
    other = user.project(user.home / "work" / "two", PLAN)
    link = user.home / "link"
    link.symlink_to(root)
    lines = [":", f"cd {q(root)}", ":", ":", f"cd {q(other)}", ":", "cd /", ":", f"cd {q(link)}", "cd /", ":"]
    counts, files = {}, {}
    for hooked in (True, False):
        user.rc("X=shells; declare -a L=(1); Y=1; export HERE=1; unset HISTFILE", hooked=hooked)
        counts[hooked], files[hooked] = traced(user, lines, tmp_path)
    assert counts[True] == counts[False]
    assert files[True] == files[False]


@pytest.mark.skipif(OLD, reason="the line of the rc file starts a process")
def test_a_devshell_that_fails_is_asked_once(user: User, tmp_path: Path) -> None:
    root, stale = user.home / "one", user.project(user.home / "two", PLAN)
    root.mkdir()
    (root / "devshell.toml").touch()
    os.utime(stale / "devshell.toml")
    user.rc(hooked=False)
    lines = [f"cd {q(root)}", ":", ":", "mkdir -p sub", "cd sub", ":", f"cd {q(root)}", "cd /", f"cd {q(root)}", ":"]
    lines += [f"cd {q(stale)}", ":", ":", ":", f"cd {q(stale)}", ":"]
    without, _ = traced(user, lines, tmp_path)
    user.rc()
    count, _ = traced(user, lines, tmp_path)
    assert count - without == 4


def commands(user: User, code: str) -> int:
    """How many commands bash runs for `code` where all of its kind was done before.

    Left out is what one command tests or sets for each folder, file or variable.
    """
    lines = user.script(f"{code}; {code}; exec 2>&1; set -x; : begin; {code}; : end; set +x").decode().splitlines()
    each = re.compile(r"\+ (\[\[ ! -e |\[\[ \S+ -[no]t |\[\[ =value|DEVSHELL_|VARIABLE_)")
    return len([line for line in lines[lines.index("+ : begin") : lines.index("+ : end")] if not each.match(line)]) - 1


def test_there_is_little_to_do(user: User) -> None:
    plan = (*(("set", f"VARIABLE_{number}", f"value {number}") for number in range(10)), ("path", "/store/env/bin"))
    root = user.project(user.home / "one", plan, ["a", "b", "c", "d", "e", "f"])
    assert commands(user, "__devshell_prompt") <= 6
    assert commands(user, f"cd {q(root)}; __devshell_prompt; cd /; __devshell_prompt") <= 130


# --- with devshell itself --------------------------------------------------------------------------------------------


@pytest.fixture
def devshell(user: User) -> Callable[..., None]:
    """The real command: what the hook asks, and to be run in the project."""
    python, here = q(sys.executable), q(os.getcwd())
    program = user.writes("bin/devshell", f'#!/bin/sh\nPYTHONPATH={here} exec {python} -m devshell "$@"\n')
    program.chmod(0o755)
    user.command = str(program)
    user.variables |= {f"DEVSHELL_{kind}_DIR": f"{user.home}/{kind.lower()}" for kind in ("DATA", "CACHE", "CONFIG")}
    user.rc(DUMP)
    (user.home / "proj").mkdir()

    def run(*words: str) -> None:
        command = [str(program), *words]
        subprocess.run(command, cwd=user.home / "proj", env=user.env, check=True, capture_output=True, timeout=60)

    return run


def test_devshell_itself_is_asked_and_answers(user: User, devshell: Callable[..., None]) -> None:
    root = user.home / "proj"
    manifest = user.writes("proj/devshell.toml", '[env]\nHERE = "${project}"\n[aliases]\nt = "echo one"\n')
    with user.shell() as shell:
        before = dump(shell)
        assert "proj is not allowed to act" in said(shell, f"cd {q(root)}")
        assert said(shell, f"cd /; cd {q(root)}; true; {SHOW}") == "outside"
        devshell("allow")
        shell.type("")
        shell.expect("run `devshell sync`")
        devshell("sync")
        shell.run("true")
        assert said(shell, SHOW) == str(root)
        assert said(shell, "t two") == "one two"
        os.utime(manifest)
        # Rendered anew, in silence.
        assert said(shell, "cd .") == ""
        assert said(shell, SHOW) == str(root)
        manifest.write_text('[env]\nHERE = "changed"\n')
        shell.type("")
        shell.expect("run `devshell allow`")
        shell.run("true")
        assert said(shell, SHOW) == "outside"
        devshell("allow")
        devshell("sync")
        shell.run("true")
        assert said(shell, SHOW) == "changed"
        manifest.write_text("[env\n")
        shell.type("")
        shell.expect("proj is broken: devshell.toml, line 1")
        assert said(shell, f"true; {SHOW}") == "changed"
        manifest.write_text('[env]\nHERE = "changed"\n')
        shell.run("true")
        assert said(shell, "cd .") == ""
        assert said(shell, SHOW) == "changed"
        devshell("deny")
        shell.run("true")
        assert said(shell, SHOW) == "outside"
        shell.run("cd " + q(user.home))
        assert dump(shell) == before


def test_what_init_makes_is_entered_and_leaves_nothing(user: User, devshell: Callable[..., None]) -> None:
    devshell("init")
    devshell("sync")
    with user.shell() as shell:
        before = programs(shell)
        assert "devshell: proj" in said(shell, "cd proj")
        assert shell.environment()["DEVSHELL_PROMPT"] == "proj"
        shell.run("cd ..")
        assert programs(shell) == before


@pytest.mark.parametrize("active", [True, False])
def test_ctrl_c_ends_the_question_and_it_is_not_asked_again(user: User, root: Path, *, active: bool) -> None:
    asking = user.writes("asking", f'#!/bin/sh\necho asked >>{q(user.home)}/log; echo ask""ing >&2; sleep 1000\n')
    asking.chmod(0o755)
    user.command = str(asking)
    user.rc()
    with user.shell(root if active else user.home) as shell:
        os.utime(root / "devshell.toml")
        shell.type(f"cd {q(root)}" if not active else "true")
        shell.expect("asking")
        shell.send("\x03")
        for _ in range(3):
            shell.run("true")
        assert (user.home / "log").read_text() == "asked\n"
        user.project(root, (("set", "HERE", "again"),))
        shell.run("true")
        assert said(shell, SHOW) == "again"


def test_the_code_is_clean(user: User, root: Path) -> None:
    user.hook()
    script = user.state(root) / "ready" / "bash"
    for file in (user.home / "printed.bash", script):
        subprocess.run([BASH, "-n", str(file)], check=True)
    checker = shutil.which("shellcheck")
    if checker is None:
        pytest.skip("there is no shellcheck here; scripts/check runs it")
    subprocess.run([checker, hook("hook.bash")], check=True)
