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
from support.zsh_user import User, completion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.ptys import Terminal

PLAN = (("set", "HERE", "${project}"), ("path", "/store/env/bin"))
SHOW = "print -r -- ${HERE-outside}"


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


# --- following -------------------------------------------------------------------------------------------------------


def test_it_follows_every_way_of_changing_folders(user: User, root: Path) -> None:
    (root / "sub" / "deep").mkdir(parents=True)
    other = user.project(user.home / "work" / "two", PLAN)
    nested = user.project(root / "nested", PLAN)
    user.rc("setopt auto_cd")
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
            shell.type(line)
            assert said(shell, SHOW) == str(where), line
        assert said(shell, f"( cd {q(root)} && {SHOW} ); {SHOW}") == f"{root}\noutside"
        assert said(shell, f"print -r -- $(cd {q(root)} && {SHOW})") == str(root)


def test_a_shell_started_inside_has_it_at_the_first_prompt(user: User, root: Path) -> None:
    with user.shell(root) as shell:
        assert said(shell, SHOW) == str(root)


@pytest.mark.parametrize(
    "name", ["a b", "it's", '"', "$HOME", "`id`", "$(id)", "new\nline", "\\b", "-n", "é", "[a]*?", "x" * 200, "\udcff"]
)
def test_any_path_will_do(user: User, name: str) -> None:
    for plan in ((("set", "HERE", "${project}"),), (("set", "HERE", "${project}"), ("default", "X", "${HOME}"))):
        root = user.project(user.home / name, plan)
        code = f"cd -- {q(root)}; print -rn -- $HERE; cd /; print -rn -- -$HERE;"
        assert user.script(code * 3) == (os.fsencode(root) + b"-") * 3


def test_it_greets_a_person_but_not_a_subshell(user: User) -> None:
    root = user.project(user.home / "one", PLAN, greeting="devshell: one")
    with user.shell() as shell:
        assert said(shell, f"( cd {q(root)} )") == ""
        assert said(shell, f"DEVSHELL_QUIET=1; cd {q(root)}; cd /; unset DEVSHELL_QUIET") == ""
        assert said(shell, f"cd {q(root)}") == "devshell: one"
        assert said(shell, "true") == ""


def test_scripts_are_left_alone(user: User, root: Path) -> None:
    user.writes(".zshenv", user.hook())
    code = f"cd {q(root)}; {SHOW}"
    ran = subprocess.run(["zsh", "-c", code], env=user.env, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("outside\n", "")


# --- the whole state -------------------------------------------------------------------------------------------------

DUMP = """
dump() {
  typeset -p; alias -L; alias -gL; functions; setopt; trap; print -rl -- $chpwd_functions $precmd_functions $fpath
}
"""
VOLATILE = re.compile(
    r"^(typeset|export)( -[a-zA-Z0-9]+)* (RANDOM|SECONDS|LINENO|TTYIDLE|HISTCMD|OLDPWD|PWD|_|status|EPOCH\w*"
    r"|__devshell\w*"
    r"|history|jobstates|jobtexts|dirstack|funcstack|pipestatus|commands|parameters|functions\w*|aliases|modules|ZSH_EVAL\w*"
    r"|zsh_eval_context|builtins|options|reply|argv|functrace|\w*aliases\w*)\b"
)


def dump(shell: Terminal) -> list[str]:
    text = shell.run("dump").decode("utf-8", "surrogateescape")
    text = re.sub(r"(?m)^__devshell_\w+ \(\) \{.*?^\}\n", "", text, flags=re.DOTALL)
    return sorted(line for line in text.split("\n") if not VOLATILE.match(line))


ODD = """
PLAIN='not exported' EMPTY='' LINES2=$'a\\n\\'b'
export GIVEN='exp orted' NONE=''
typeset -i NUMBER=5; typeset -i16 HEX=255; typeset -F3 FLOAT=1.5; typeset -E SCIENCE=2.25
typeset -Z5 ZEROS=7; typeset -L4 LEFT=abcdefg; typeset -R6 RIGHT=abc; typeset -u UP=abc; typeset -xl DOWN=ABC
typeset -xi EXPORTED=3
typeset -T TIED tied; TIED=a:b:a
typeset -aU LIST; LIST=(a '' 'b c' a); typeset -A MAP; MAP=(x 1 'y z' '')
typeset -r FIXED=1
alias t='mine it is' -g G='global one'
greet() { print hello }
setopt extended_glob
trap 'print usr1' USR1
other() { : }
chpwd_functions+=(other)
"""
ODD_NAMES = (
    *("PLAIN", "EMPTY", "LINES2", "GIVEN", "NONE", "NUMBER", "HEX", "FLOAT", "SCIENCE", "ZEROS", "LEFT", "RIGHT", "UP"),
    *("DOWN", "EXPORTED", "TIED", "LIST", "MAP", "NEW"),
)


@pytest.mark.parametrize("kind", ["literal", "unset"])
def test_leaving_gives_back_the_whole_state(user: User, kind: str) -> None:
    value = () if kind == "unset" else ("x:y",)
    plan = tuple((kind, name, *value) for name in (*ODD_NAMES, "FIXED"))
    plan = (*plan, ("prepend", "MANPATH", "/man"), ("path", "/store/env/bin", "/usr/bin"))
    root = user.project(user.home / "one", plan, aliases=(("t", "ours"), ("G", "ours"), ("new", "ours")))
    user.rc(f"{DUMP}\n{ODD}")
    with user.shell() as shell:
        before, programs = dump(shell), shell.environment()
        note = said(shell, f"cd {q(root)}")
        left = "TIED FIXED" if kind == "unset" else "FIXED"
        assert note == f"devshell: left alone, since this shell does not let them be set: {left}"
        inside = shell.environment()
        for name in set(ODD_NAMES) - {"TIED"}:
            assert inside.get(name) == (None if kind == "unset" else "x:y"), name
        assert inside["PATH"].startswith("/store/env/bin:/usr/bin:")
        assert said(shell, "alias t") == "t=ours"
        shell.run("cd -")
        assert dump(shell) == before
        after = shell.environment()
        assert {n: v for n, v in after.items() if n != "OLDPWD"} == {n: v for n, v in programs.items() if n != "OLDPWD"}


HOSTILE = """
setopt nounset no_clobber null_glob ksh_arrays sh_word_split extended_glob no_case_match rc_quotes sh_glob
setopt csh_junkie_quotes glob_subst all_export warn_create_global posix_builtins no_equals
alias local='echo no' builtin='echo no' export='echo no' typeset='echo no' unset='echo no' emulate='echo no' print=no
alias -g PATH=no DEVSHELL_ROOT=no true=no
function export { echo no; }
function typeset { echo no; }
function local { echo no; }
function source { echo no; }
IFS=abc/:
precmd() { last=$?; }
"""


def test_a_hostile_rc_file_changes_nothing(user: User) -> None:
    root = user.project(
        user.home / "one",
        (("set", "HERE", "${project}"), ("default", "NEWER", "n"), ("prepend", "A", "b", "c"), ("unset", "GONE")),
        aliases=(("t", "ours"),),
        activate="\\builtin typeset -g HOOKED=1",
    )
    user.rc(f"{DUMP}\nexport GONE=1\n{HOSTILE}")
    with user.shell() as shell:
        before = dump(shell)
        assert said(shell, f"cd {q(root)}") == ""
        env = shell.environment()
        assert (env["HERE"], env["NEWER"], env["A"], env.get("GONE")) == (str(root), "n", "b:c", None)
        assert not [name for name in env if name.startswith("__devshell")]
        shell.run("\\builtin unset -v HOOKED; cd /; cd " + q(user.home))
        assert dump(shell) == before


@pytest.mark.parametrize("option", ["err_exit", "err_return", "xtrace", "nounset", "ksh_arrays", "null_glob"])
def test_options_survive_and_do_no_harm(user: User, root: Path, option: str) -> None:
    with user.shell() as shell:
        shell.run(f"setopt {option}")
        assert said(shell, f"cd {q(root)}; {SHOW}").endswith(str(root))
        shell.run("cd /")
        assert said(shell, SHOW).endswith("outside")
        assert said(shell, "[[ -o " + option + " ]] && print on").endswith("on")


def test_status_and_last_word_are_kept(user: User, root: Path) -> None:
    user.rc(after="other() { seen=$?; }; precmd_functions+=(other)")
    with user.shell() as shell:
        shell.run(f"cd {q(root)}")
        shell.type("(exit 7)")
        assert said(shell, "print $seen $?") == "7 7"
        shell.type(": word")
        assert shell.run("print -r -- $_") == b"word\n"


def test_an_rc_file_read_twice_loads_it_once(user: User, root: Path) -> None:
    with user.shell() as shell:
        shell.run("PLAIN=1")
        shell.run(f"cd {q(root)}; source ~/.zshrc; source ~/.zshrc")
        assert said(shell, "print $precmd_functions $chpwd_functions") == "__devshell_prompt __devshell_follow"
        assert said(shell, SHOW) == str(root)
        shell.run("cd /")
        assert said(shell, SHOW) == "outside"


# --- values ----------------------------------------------------------------------------------------------------------

RAW = st.binary(max_size=60).map(lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
NAMES = st.sampled_from(["A", "B", "C", "D_1", "LANGUAGE", "TERMINFO_X"])
TEMPLATES = st.lists(
    st.one_of(RAW, st.sampled_from(["${A}", "${B:-", "}", "${C:-x}", "$${", "${project}", "${HOME}"])), max_size=4
)
OPERATIONS = st.one_of(
    st.tuples(st.just("literal"), NAMES, RAW),
    st.tuples(st.sampled_from(["set", "default", "extend"]), NAMES, TEMPLATES.map("".join)),
    st.tuples(st.just("unset"), NAMES),
    st.tuples(st.just("prepend"), NAMES, TEMPLATES.map("".join), RAW),
    st.tuples(st.just("path"), st.sampled_from(["/a", "/b c", "/usr/bin"]), st.sampled_from(["/a", "/d'", "/é"])),
)


def canonical(text: str) -> str:
    """Text as it is read back: what was pieced together may have become UTF-8."""
    return os.fsdecode(os.fsencode(text))


def parsed(raw: bytes) -> dict[str, str]:
    pairs = (line.partition(b"=") for line in raw.split(b"\0") if line)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(OPERATIONS, max_size=8), had=st.dictionaries(NAMES, RAW, max_size=4))
def test_plans_do_in_zsh_what_they_do_in_python(user: User, plan: list[tuple[str, ...]], had: dict[str, str]) -> None:
    plan = [tuple(canonical(word) for word in operation) for operation in plan]
    root = user.project(user.home / "one", tuple(plan))
    start = user.env | had
    raw = user.script("env -0; print -n SPLIT; cd one; env -0; print -n SPLIT; cd ..; env -0; :", start)
    before, inside, after = (parsed(part) for part in raw.split(b"SPLIT"))
    wanted = environ.enter(tuple(plan), before, str(root), "/store/env")
    own = {"PWD", "OLDPWD", "_"}
    assert {n: v for n, v in inside.items() if n not in own} == {
        n: canonical(v) for n, v in wanted.items() if n not in own
    }
    assert {n: v for n, v in after.items() if n not in own} == {n: v for n, v in before.items() if n not in own}


def test_what_the_user_changes_inside_stays(user: User) -> None:
    plan = (*((("literal", name, "ours")) for name in "ABCDE"), ("unset", "F"), ("path", "/ours", "/ours too"))
    root = user.project(user.home / "one", plan)
    with user.shell(env=user.env | {"A": "a", "B": "b", "F": "f"}) as shell:
        shell.run(f"cd {q(root)}")
        shell.run("A=mine; unset B; typeset -a C=(x y); typeset +x D; F=mine; path=(/first $path /last)")
        shell.run("path=(${path:#/bin})")
        shell.run("cd /")
        env = shell.environment()
        assert (env["A"], env.get("B"), env.get("E")) == ("mine", None, None)
        assert said(shell, "print $C $D $F") == "x y ours mine"
        assert env["PATH"] == "/first:/usr/local/bin:/usr/bin:/last"
        assert not [name for name in env if name.startswith("DEVSHELL_") and name != "DEVSHELL_STATE_DIR"]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ("A=mine", "scalar-export mine"),
        ("unset A", "none"),
        ("typeset +x A", "scalar ours"),
        ("typeset -i A=5", "integer-export 5"),
        ("PATH=/first:$PATH", "none"),
        (":", "none"),
    ],
)
def test_what_the_user_changes_stays_where_nothing_was_there_before(
    user: User, root: Path, change: str, left: str
) -> None:
    user.project(root, (("literal", "A", "ours"), ("literal", "B", "ours"), ("path", "/ours")))
    with user.shell() as shell:
        before = shell.environment()["PATH"]
        # The second time, nothing is read anew.
        for _ in range(2):
            shell.run(f"cd {q(root)}; {change}")
            shell.run("cd ~")
            assert said(shell, "print -r -- ${(t)A} ${A-none} ${(t)B}") == left
            after = shell.environment()
            assert after["PATH"] == ("/first:" if "PATH" in change else "") + before
            assert not [name for name in after if name.startswith("DEVSHELL_") and name != "DEVSHELL_STATE_DIR"]
            shell.run(f"unset A; PATH={before}")


def test_a_project_entered_again_finds_what_the_user_has_set_meanwhile(user: User, root: Path) -> None:
    user.project(root, (("default", "A", "ours"), ("literal", "B", "ours"), ("prepend", "C", "ours")))
    with user.shell() as shell:
        shell.run(f"cd {q(root)}; cd ~; export A=a C=c; B=b")
        assert (
            said(shell, f"cd {q(root)}; print $A $B $C; cd ~; print $A $B $C ${{(t)B}}")
            == "a ours ours:c\na b c scalar"
        )


@pytest.mark.parametrize("path", ["", ":", "/a::/a:/store/env/bin:", "/usr/bin:/bin"])
def test_a_path_comes_back_as_it_was(user: User, root: Path, path: str) -> None:
    for unique in ("", "typeset -U path; "):
        code = f"{unique}PATH='{path}'; before=$PATH; cd {q(root)}; inside=$PATH; cd /"
        code += "; print -r -- $before; print -r -- $PATH"
        code += "; print -r -- $inside"
        before, after, inside, _ = user.script(code).split(b"\n")
        assert before == after
        assert inside.startswith(b"/store/env/bin")
    assert user.script(f"unset PATH; cd {q(root)}; print $PATH; cd /; print ${{+PATH}}") == b"/store/env/bin\n0\n"


def test_what_no_program_could_start_with_is_said_once_and_undone(user: User) -> None:
    plan = (("literal", "A", "a"), ("literal", "BIG", "x" * 131_000), ("prepend", "BIG", "${BIG}"), ("path", "/ours"))
    root = user.project(user.home / "one", plan)
    with user.shell() as shell:
        before = shell.environment()
        expected = "devshell: not entered: the variable BIG is larger than 128 KiB"
        assert said(shell, f"cd {q(root)}") == expected
        assert said(shell, "true") == ""
        assert said(shell, f"cd /; cd {q(root)}; cd {q(user.home)}") == ""
        after = shell.environment()
        assert {n: v for n, v in after.items() if n != "OLDPWD"} == {n: v for n, v in before.items() if n != "OLDPWD"}


# --- nested shells ---------------------------------------------------------------------------------------------------


def test_a_nested_shell_takes_over_and_leaves_for_itself(user: User) -> None:
    root = user.project(user.home / "one", PLAN, aliases=(("t", "ours"),), greeting="devshell: one")
    with user.shell(env=user.env | {"HERE": "before"}) as shell:
        shell.run(f"cd {q(root)}")
        shell.type("zsh -d")
        assert said(shell, "print $SHLVL; alias t") == "2\nt=ours"
        assert said(shell, f"{SHOW}; cd /; {SHOW}") == f"{root}\nbefore"
        shell.type("exit")
        assert said(shell, f"print $SHLVL; {SHOW}; cd /; {SHOW}") == f"1\n{root}\nbefore"


def test_an_inherited_environment_is_never_evaluated(user: User) -> None:
    ran = user.home.parent / "ran"
    spark = f"a[$(touch {ran})]"
    names = "A NUMBER path RANDOM HISTSIZE ; x[1] $(id) USERNAME é __devshell_root"
    env = user.env | {"DEVSHELL_NAMES": names, "DEVSHELL_ROOT": spark, "DEVSHELL_PATH": spark, "__devshell_code": spark}
    for name in names.split():
        env |= {name: "same", f"DEVSHELL_NEW_{name}": "same", f"DEVSHELL_OLD_{name}": spark}
    env |= {"DEVSHELL_OLD_stray": spark, "__devshell_command": spark, "__devshell_said": spark, "HISTSIZE": "5"}
    env |= {"NUMBER": "0", "DEVSHELL_NEW_NUMBER": "0"}
    user.rc("typeset -i NUMBER")
    with user.shell(env=env) as shell:
        after = shell.environment()
        assert after["A"] == spark
        left = {name for name in after if re.fullmatch(r"(DEVSHELL_|__devshell_)[A-Za-z0-9_]*", name)}
        assert left == {"DEVSHELL_STATE_DIR"}
    assert not ran.exists()


# --- aliases, completions, the project's own code --------------------------------------------------------------------


def test_an_alias_that_the_user_changes_stays(user: User) -> None:
    root = user.project(user.home / "one", aliases=(("t", "ours"), ("u", "ours"), ("g", "ours"), ("off", "ours")))
    user.rc("alias t=mine u=mine off=mine; alias -g g=mine; disable -a off")
    with user.shell() as shell:
        shell.run(f"cd {q(root)}; alias t=changed; unalias u")
        shell.run("cd /")
        assert said(shell, "alias t; alias u; alias -g; alias off; enable -a off; alias off") == (
            "t=changed\ng=mine\noff=mine"
        )


@pytest.mark.parametrize("compinit", ["", "autoload -Uz compinit; compinit -D -u"])
def test_completions_are_there_inside_only(user: User, compinit: str) -> None:
    ours, theirs = user.home / "env/share/zsh/site-functions", user.home / "theirs"
    found = [completion(ours, name, "ours-word") for name in ("fresh", "known", "loaded")]
    for name in ("known", "loaded"):
        completion(theirs, name, "their-word")
    root = user.project(user.home / "one", PLAN, completions=tuple(found))
    functions = "autoload -Uz _known _loaded; autoload +X _loaded; fresh() { :; }; known() { :; }; loaded() { :; }"
    user.rc(f"{DUMP}\nfpath=({q(theirs)} $fpath); {compinit}\n{functions}")
    with user.shell() as shell:
        before = dump(shell)
        assert said(shell, f"cd {q(root)}; print -r -- $fpath[1]") == str(ours)
        if compinit:
            for name in ("fresh", "known", "loaded"):
                shell.send(f"{name} \t")
                shell.expect("ours-word")
                shell.type("")
            shell.run("unfunction _fresh _known _loaded")
            shell.run("cd /")
            assert said(shell, "print ${_comps[fresh]-none} $_comps[known]") == "none _known"
            shell.send("loaded \t")
            shell.expect("their-word")
            shell.type("")
        else:
            shell.run("cd /; cd " + q(user.home))
            assert dump(shell) == before


def test_a_projects_own_code_runs_on_entering_and_on_leaving(user: User) -> None:
    root = user.project(
        user.home / "one",
        PLAN,
        activate='print "in $HERE"; setopt glob_dots; cd sub; return 3; print no',
        deactivate='print "out $HERE"; unsetopt glob_dots; [[ -o glob_dots ]]',
    )
    (root / "sub").mkdir()
    with user.shell() as shell:
        assert said(shell, f"cd {q(root)}") == f"in {root}"
        assert said(shell, "[[ -o glob_dots ]] && print -r -- $PWD") == f"{root}/sub"
        assert said(shell, "cd ../..; print -r -- $options[globdots]") == f"out {root}\noff"
        shell.run(f"cd {q(root)}")
        (user.state(root) / "denied").touch()
        assert said(shell, f"cd /; {SHOW}") == "outside"


@pytest.mark.parametrize("code", ["print ${NONE?gone}", "if then", "readonly=1; typeset -r R=1; R=2", "false"])
def test_an_error_in_a_projects_code_breaks_nothing(user: User, code: str) -> None:
    root = user.project(user.home / "one", PLAN, activate=code, deactivate=code)
    user.rc(after="setopt err_return; other() { print -rn other >&2; }; precmd_functions+=(other)")
    with user.shell() as shell:
        shell.run(f"cd {q(root)}")
        assert said(shell, SHOW).endswith(str(root))
        shell.run("cd /")
        assert said(shell, SHOW).endswith("outside")


# --- freshness -------------------------------------------------------------------------------------------------------


def test_a_change_of_any_watched_file_is_seen_at_the_next_prompt(user: User) -> None:
    def made() -> Path:
        for name in ("w", "v"):
            os.utime(user.writes(f"one/{name}", "1"), (1_000_000_000, 1_000_000_000))
        shutil.rmtree(user.home / "one" / "absent", ignore_errors=True)
        return user.project(user.home / "one", PLAN, ["w", "v", "absent"])

    root = made()
    changes: dict[str, Callable[[], None]] = {
        "touch": lambda: os.utime(root / "w"),
        "set back": lambda: os.utime(root / "w", (1, 1)),
        "a nanosecond": lambda: os.utime(root / "w", ns=(1, 1_000_000_000_000_000_001)),
        "a nanosecond back": lambda: os.utime(root / "w", ns=(1, 999_999_999_999_999_999)),
        "removed": (root / "v").unlink,
        "appeared": (root / "absent").mkdir,
        "denied": lambda: rendered.drop(user.state(root), "ready"),
        "project gone": (root / "devshell.toml").unlink,
    }
    with user.shell(root) as shell:
        for what, change in changes.items():
            assert said(shell, SHOW) == str(root), what
            change()
            assert said(shell, "true") == "", what
            assert said(shell, SHOW) == "outside", what
            made()
            shell.run("true")


def test_what_is_young_is_compared_by_content(user: User) -> None:
    root = user.home / "one"
    user.writes("one/devshell.toml", "a\n")
    user.project(root, PLAN)
    status = (root / "devshell.toml").stat()
    with user.shell() as shell:
        assert said(shell, f"cd {q(root)}; {SHOW}; cd /") == str(root)
        user.project(root, PLAN)
        (root / "devshell.toml").write_text("b\n")
        os.utime(root / "devshell.toml", ns=(status.st_atime_ns, status.st_mtime_ns))
        assert said(shell, f"cd {q(root)}; {SHOW}") == "outside"


def test_a_rendering_anew_is_taken_up_at_the_next_prompt(user: User, root: Path) -> None:
    with user.shell(root) as shell:
        assert said(shell, "print ${NEWER-none}") == "none"
        user.project(root, (*PLAN, ("literal", "NEWER", "yes")))
        shell.run("true")
        assert said(shell, "print ${NEWER-none}; cd /; print ${NEWER-none}") == "yes\nnone"


@pytest.mark.parametrize("keep", [True, False])
def test_a_project_that_waits_says_why_once(user: User, root: Path, *, keep: bool) -> None:
    with user.shell(root) as shell:
        user.waits(root, "devshell: one is not installed", keep=keep)
        shell.type("true")
        shell.expect("devshell: one is not installed")
        assert said(shell, SHOW) == (str(root) if keep else "outside")
        assert said(shell, f"cd /; {SHOW}; cd {q(root)}; {SHOW}") == "outside\noutside"
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


def test_links_that_are_switched_and_folders_that_go(user: User, root: Path) -> None:
    other = user.project(user.home / "work" / "two", PLAN)
    link = user.home / "link"
    link.symlink_to(root)
    with user.shell() as shell:
        assert said(shell, f"cd {q(link)}; {SHOW}; print -r -- $PWD") == f"{root}\n{link}"
        link.unlink()
        link.symlink_to(other)
        assert said(shell, SHOW) == str(root)
        assert said(shell, f"cd .; {SHOW}") == str(other)
        moved = root.with_name("moved")
        shell.run(f"cd {q(root)}")
        root.rename(moved)
        shell.run("true")
        assert said(shell, SHOW) == "outside"
        user.project(root, PLAN)
        assert said(shell, f"cd {q(root)}; {SHOW}") == str(root)
        shutil.rmtree(root)
        shell.run("true")
        assert said(shell, f"{SHOW}; cd /; {SHOW}") == "outside\noutside"


def test_a_completion_widget_never_switches(user: User, root: Path) -> None:
    user.rc(
        after=f"""
        autoload -Uz compinit; compinit -D -u
        _away() {{ cd {q(root)}; }}
        compdef _away away
        widget() {{ cd {q(root)}; zle reset-prompt; }}
        zle -N widget; bindkey '^X^A' widget
        PS1='${{HERE-outside}}> '; setopt prompt_subst
    """
    )
    with user.shell() as shell:
        shell.send("away \t")
        shell.type("; print -r -- '<'$HERE'>' $PWD")
        shell.expect(f"<> {root}")
        shell.run("cd /")
        shell.send("\x18\x01")
        shell.type("print -r -- '<'$HERE'>' $PWD")
        shell.expect(f"<{root}> {root}")


def test_a_shell_of_devshell_enter_stays_in_its_project(user: User, root: Path) -> None:
    user.project(root, PLAN, aliases=(("t", "ours"),))
    other = user.project(user.home / "work" / "two", PLAN)
    env = environ.enter(PLAN, user.env, str(root), "/store/env") | {"DEVSHELL_ENTERED": ""}
    with user.shell(env=env) as shell:
        assert said(shell, f"cd {q(other)}; alias t; {SHOW}") == f"t=ours\n{root}"
        assert said(shell, "print -r -- ${DEVSHELL_ENTERED-none}") == ""


# --- processes -------------------------------------------------------------------------------------------------------


def traced(user: User, lines: list[str], tmp_path: Path) -> tuple[int, list[str]]:
    """How many processes a session starts, and which files it opens for writing."""
    out = tmp_path / "trace"
    argv = ["strace", "-f", "-qq", "-e", "trace=process,openat,open,creat", "-o", str(out), "zsh", "-di"]
    script = "\n".join(["unsetopt zle prompt_cr", *lines, "exit"]) + "\n"
    subprocess.run(
        argv, input=script.encode(), env=user.env, cwd=user.home, capture_output=True, check=True, timeout=60
    )
    calls = out.read_text(errors="replace").splitlines()
    written = [call for call in calls if re.search(r"O_WRONLY|O_RDWR|O_CREAT|creat\(", call) and "/dev/" not in call]
    return sum(bool(re.search(r"\b(v?fork|clone3?|execve)\(", call)) for call in calls), written


def test_it_starts_no_process_and_writes_no_file(user: User, root: Path, tmp_path: Path) -> None:
    completions = (completion(user.home / "env/site-functions", "fresh", "word"),)
    user.project(root, (*PLAN, ("set", "X", "${HOME:-a}")), aliases=(("t", "ours"),), completions=completions)
    other = user.project(user.home / "work" / "two", PLAN)
    lines = [":", f"cd {q(root)}", ":", ":", f"cd {q(other)}", ":", "cd /", ":", f"cd {q(root)}", "cd /", ":"]
    counts, files = {}, {}
    for hooked in (True, False):
        user.rc("X=shells", hooked=hooked)
        counts[hooked], files[hooked] = traced(user, lines, tmp_path)
    assert counts[True] == counts[False]
    assert files[True] == files[False]


def test_a_devshell_that_fails_is_asked_once(user: User, tmp_path: Path) -> None:
    root = user.home / "one"
    root.mkdir()
    (root / "devshell.toml").touch()
    user.rc(hooked=False)
    lines = [f"cd {q(root)}", ":", ":", "mkdir -p sub", "cd sub", ":", f"cd {q(root)}", "cd /", f"cd {q(root)}", ":"]
    without, _ = traced(user, lines, tmp_path)
    user.rc()
    count, _ = traced(user, lines, tmp_path)
    assert count - without == 2


DEVSHELL = os.path.join(os.path.dirname(sys.executable), "devshell")


def test_what_is_not_ready_is_found_out_by_devshell_itself(user: User) -> None:
    user.command = DEVSHELL
    user.variables = {f"DEVSHELL_{kind}_DIR": f"{user.home}/{kind}" for kind in ("DATA", "CACHE", "CONFIG")}
    user.rc()
    manifest = user.writes("one/devshell.toml", '[env]\nHERE = "${project}"\n')
    root = manifest.parent
    with user.shell() as shell:
        assert "is not allowed" in said(shell, f"cd {q(root)}; {SHOW}")
        assert said(shell, f"cd /; cd {q(root)}; {SHOW}; ( cd / && cd {q(root)} && {SHOW} )") == "outside\noutside"
        shell.run(f"{DEVSHELL} allow && {DEVSHELL} sync")
        assert said(shell, SHOW) == str(root)
        manifest.write_text('[env]\nHERE = "changed"\n')
        shell.type("true")
        shell.expect("has changed since it was allowed")
        assert said(shell, SHOW) == "outside"
        shell.run(f"{DEVSHELL} allow && {DEVSHELL} sync")
        assert said(shell, SHOW) == "changed"
        shell.run(f"{DEVSHELL} deny")
        assert said(shell, SHOW) == "outside"
