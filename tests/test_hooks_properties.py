"""Whatever is done in a shell with the hook, its variables are as `devshell.environ` says, and what leaves no trace."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from conftest import Place
from devshell import ready
from support.hook_model import Shell
from support.hooked import PROMPT, RC, SHELLS, Hooked, Session, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

NAMES = ("A", "B", "C", "LIST_PATH", "GONE")
#: What a project may say of variables; each of these is allowed and installed in a moment, as it has no tools.
MANIFESTS = (
    '[env]\nA = "first"\nB = "${project} $x `id` \'\\"\\n"\nGONE = { unset = true }\n[path]\nprepend = ["bin"]\n',
    '[env]\nA = "${C:-none}/${HOME}"\nLIST_PATH.prepend = ["${project}/l", "x y"]\n[path]\nprepend = ["bin", "more"]\n',
    '[env]\nC = { default = "dflt" }\nB = ""\n[aliases]\nt = "echo ours"\nll = "echo ours"\n',
)
OUTSIDE = {"A": "outside", "LIST_PATH": "/l:/m", "GONE": "was there"}
RCS = {
    "bash": "alias t='echo theirs'; greet() { echo hi; }; trap 'true' USR1; declare -i NUMBER=3; LATER=(a 'b c')\n",
    "zsh": "alias t='echo theirs'; greet() { echo hi; }; trap 'true' USR1; typeset -i NUMBER=3; LATER=(a 'b c')\n",
    "fish": "alias t 'echo theirs'; function greet; echo hi; end; trap true USR1; set -g LATER a 'b c'\n",
}
DUMP = {
    "bash": "{ declare -p; alias -p; declare -f; shopt; set -o; trap; complete -p; }",
    "zsh": "{ typeset -p; alias -L; functions; setopt; trap; print -rl -- $fpath; }",
    "fish": "begin; set --show; functions -a; for f in t greet cd; functions $f; end; trap; abbr; end",
}
#: What differs from moment to moment, or names a test's own files; and all that is ours.
PASSING = re.compile(
    r"^(declare|typeset|export)?( -\S+)* ?\$?(BASH\w*|EPOCH\w*|LINENO|RANDOM|SECONDS|SRANDOM|PIPESTATUS|_|OLDPWD|PWD|"
    r"HISTCMD|PPID|COMP_\w+|TTYIDLE|history|histchars|status|pipestatus|__devshell\w*|DIRSTACK|LINES|COLUMNS|PROMPT_COMMAND|"
    r"\w+_functions|jobs\w+|func\w+|parameters|commands|\w*aliases|zsh_eval_context|ZSH_EVAL_CONTEXT|dirstack|dis_\w+|"
    r"precmd|chpwd|CMD_DURATION|dirprev|dirnext|status_generation|fish_kill\w*|__fish_\w+|FUNCNAME|\?|f|options|modules|"
    r"builtins|reswords|patchars|userdirs|nameddirs|usergroups|keymaps|widgets|terminfo|termcap|errnos|sysparams|"
    r"fish_pid|last_pid|hostname|SHLVL|TTY|argv|ARGC)\b"
)

Step = tuple[str, ...]
FOLDERS = ("home", "one", "one/sub", "one/two", "other", "stranger")
STEPS: SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("cd"), st.sampled_from(FOLDERS)),
    st.tuples(st.just("cd"), st.sampled_from(FOLDERS)),
    st.tuples(st.just("prompt")),
    st.tuples(st.just("set"), st.sampled_from(NAMES), st.sampled_from(("user's", "", "a b;$(x)"))),
    st.tuples(st.just("set own"), st.sampled_from(("A", "B", "GONE")), st.sampled_from(("own", "o w'n"))),
    st.tuples(st.just("unset"), st.sampled_from(NAMES)),
    st.tuples(st.just("path"), st.sampled_from(("/front", "/front2"))),
    st.tuples(st.just("allow"), st.sampled_from(("one", "other")), st.sampled_from(("0", "1", "2"))),
    st.tuples(st.just("change"), st.sampled_from(("one", "other"))),
    st.tuples(st.just("touch"), st.sampled_from(("one", "other"))),
    st.tuples(st.just("deny"), st.sampled_from(("one", "other"))),
    st.tuples(st.just("open"), st.sampled_from(SHELLS)),
    st.tuples(st.just("close")),
)


def assigned(shell: str, name: str, word: str) -> str:
    return f"{name} {word}" if shell == "fish" else f"{name}={word}"


@dataclass
class World:
    """Two projects, one inside of the other, a third, a stranger's, and what the user does about them."""

    user: Hooked
    roots: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        base = self.user.place.base.resolve()
        for name in ("one", "one/two", "other", "stranger"):
            self.roots[name] = base / name
        for kind in SHELLS:
            self.user.rc(before=RCS[kind], shell=kind)
        write(self.roots["stranger"] / "devshell.toml", '[env]\nA = "strange"\n').parent.chmod(0o755)
        for name in ("one", "one/two", "other"):
            self.install(name, MANIFESTS[0])
        (base / "one" / "sub").mkdir(exist_ok=True)

    def install(self, name: str, manifest: str) -> None:
        root = self.roots[name]
        file = root / "devshell.toml"
        state = self.user.state(root)
        same = file.exists() and file.read_text() == manifest
        if not same or not (state / "ready").exists() or (state / "waiting").exists():
            self.user.project(name, manifest)

    def folder(self, name: str) -> Path:
        return self.user.place.home if name == "home" else self.user.place.base.resolve() / name

    def project(self, folder: str) -> str | None:
        return ready.find(folder)


def environment(shell: Session) -> dict[str, str]:
    """Return what devshell, projects and users have to do with; shells set more for themselves."""
    return ours(shell.environment())


def ours(env: Mapping[str, str]) -> dict[str, str]:
    return {name: env[name] for name in env if name in {*NAMES, "PATH", "HOME"} or name.startswith("DEVSHELL_")}


def whole(shell: Session) -> list[str]:
    """Return all that a shell is made of, line by line."""
    dump = DUMP[shell.shell]
    # The first time, fish reads functions that it tells of.
    Session.run(shell, dump)
    text = Session.run(shell, dump).decode("utf-8", "surrogateescape")
    text = re.sub(r"(?m)^__devshell_\w+ \(\)\s*\{.*?^\}\n", "", text, flags=re.DOTALL)
    text = re.sub(r"(?ms)^(cd|pushd|popd) \(\)\s*\{.*?^\}\n", "", text)
    kept = [line for line in text.split("\n") if not PASSING.match(line) and "__devshell" not in line]
    if shell.shell == "fish":
        kept = [line.partition(": Defined")[0] for line in kept if not line.startswith("# Defined")]
    return sorted(kept)


class Doing:
    """Steps in a real shell, with the model beside it, and the same steps in a shell that never heard of devshell."""

    def __init__(self, world: World, shell: Session, control: Session) -> None:
        self.world, self.shell, self.control = world, shell, control
        home = str(world.user.place.home)
        self.stack: list[tuple[str, Shell]] = [(shell.shell, Shell(environment(shell), cwd=home))]

    @property
    def kind(self) -> str:
        return self.stack[-1][0]

    @property
    def model(self) -> Shell:
        return self.stack[-1][1]

    @model.setter
    def model(self, model: Shell) -> None:
        self.stack[-1] = (self.kind, model)

    def types(self, line: str) -> None:
        for session in (self.shell, self.control):
            session.do(line)

    def do(self, step: Step) -> None:
        getattr(self, "do_" + step[0].replace(" ", "_"))(*step[1:])
        self.shell.do()
        root = self.world.project(self.model.cwd)
        state = self.world.user.state(self.world.roots["one"]) if root is None else self.state(root)
        self.model = self.model.at_prompt(state, root)
        self.check()

    def state(self, root: str) -> Path:
        return self.world.user.state(type(self.world.roots["one"])(root))

    def check(self) -> None:
        assert environment(self.shell) == ours(self.model.env)
        for name in ("A", "B", "GONE"):
            if name in self.model.own:
                said = self.shell.run(f'{"echo" if self.kind == "fish" else "printf %s"} "${name}"')
                assert said.decode().rstrip("\n") == self.model.own[name]

    def do_cd(self, name: str) -> None:
        folder = self.world.folder(name)
        self.types(f"cd {folder}")
        self.model = Shell(self.model.env, self.model.own, self.model.kept, self.model.active, str(folder))

    def do_prompt(self) -> None:
        self.types("true")

    def do_set(self, name: str, value: str) -> None:
        self.types(
            f"{'set -gx' if self.kind == 'fish' else 'export'} {assigned(self.kind, name, self.shell.quote(value))}"
        )
        self.model = self.model.sets(name, value)

    def do_set_own(self, name: str, value: str) -> None:
        # Of what is exported it would be a change, and that is told above.
        if self.model.active is None and name not in self.model.env:
            word = assigned(self.kind, name, self.shell.quote(value))
            self.types(f"set -g {word}" if self.kind == "fish" else word)
            self.model = self.model.sets_own(name, value)

    def do_unset(self, name: str) -> None:
        if name in self.model.env or name in self.model.own:
            self.types(f"set -e {name}" if self.kind == "fish" else f"unset {name}")
            self.model = self.model.unsets(name)

    def do_path(self, entry: str) -> None:
        self.types(f"set -gx PATH {entry} $PATH" if self.kind == "fish" else f"export PATH={entry}:$PATH")
        self.model = self.model.sets("PATH", f"{entry}:{self.model.env['PATH']}")

    def do_allow(self, name: str, manifest: str) -> None:
        self.world.install(name, MANIFESTS[int(manifest)])

    def do_change(self, name: str) -> None:
        file = self.world.roots[name] / "devshell.toml"
        write(file, file.read_text() + "# changed\n")

    def do_touch(self, name: str) -> None:
        os.utime(self.world.roots[name] / "devshell.toml")

    def do_deny(self, name: str) -> None:
        self.world.user.place.run("deny", cwd=self.world.roots[name]).ok()

    def do_open(self, kind: str) -> None:
        if len(self.stack) < 3:
            self.types(kind)
            for session in (self.shell, self.control):
                session.shell = kind
            self.stack.append((kind, self.model.child()))

    def do_close(self) -> None:
        if len(self.stack) > 1:
            self.types("exit")
            self.stack.pop()
            for session in (self.shell, self.control):
                session.shell = self.kind


@pytest.fixture(scope="module", params=SHELLS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    place = Place(tmp_path_factory.mktemp("world"))
    return World(Hooked(place, request.param, dict(OUTSIDE)))


# A sequence takes seconds, so one that fails is shown as it was found: the steps are printed.
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(steps=st.lists(STEPS, min_size=4, max_size=10))
def test_any_sequence_is_as_the_model_says_and_leaves_no_trace(world: World, steps: list[Step]) -> None:
    for name in ("one", "one/two", "other"):
        world.install(name, MANIFESTS[0])
    user = world.user
    plain = user.place.home / "plain"
    path = plain / RC[user.shell]
    for kind in SHELLS:
        write(plain / RC[kind], PROMPT[kind] + RCS[kind])
    assert path.exists()
    (plain / ".local" / "share" / "fish" / "generated_completions").mkdir(parents=True, exist_ok=True)
    with user.open() as shell, user.open(env=user.env | {"HOME": str(plain)}) as control:
        doing = Doing(world, shell, control)
        for step in steps:
            note(f"{doing.kind}: {step}")
            doing.do(step)
        while len(doing.stack) > 1:
            note("close")
            doing.do(("close",))
        note("home")
        doing.do(("cd", "home"))
        kept, left = [line.replace("/plain", "") for line in whole(control)], whole(shell)
        assert (sorted(set(left) - set(kept)), sorted(set(kept) - set(left))) == ([], [])
