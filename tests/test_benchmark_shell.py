"""The shell benchmark counts what a loop did, and refuses a hook that does not do its work."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from benchmarks.shell import loops, scene, terminal
from benchmarks.shell.loops import Acts, Counts
from benchmarks.shell.scene import Scene, Size

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM = "/usr/bin:/bin"
ENV = {"PATH": SYSTEM, "TERM": "dumb"}
#: What an honest hook does, for each shell: it goes by the folder, at each prompt.
HONEST = {
    "bash": "f() { [[ $PWD == */project/* ]] && SCENE_0='value 0' || unset SCENE_0; }; PROMPT_COMMAND=(: f)",
    "zsh": "f() { [[ $PWD == */project/* ]] && SCENE_0='value 0' || unset SCENE_0; }; precmd_functions=(true f)",
    "fish": (
        "function f --on-event fish_prompt; if string match -q '*/project/*' $PWD; set -g SCENE_0 'value 0'; "
        "else; set -e SCENE_0; end; end"
    ),
}
here = pytest.mark.parametrize(
    "shell",
    [
        pytest.param(name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"no {name} here"))
        for name in HONEST
    ],
)


def small(folder: Path, user: str, shell: str, rc: str) -> Scene:
    made = Scene(folder / "scene", Size(levels=2, variables=1, tools=1), SYSTEM)
    scene.create(made, "http://nowhere.invalid")
    path = made.home(user) / {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}[shell]
    path.write_text(rc + "\n")
    return made


def test_a_program_on_a_terminal_says_its_marks_in_order(tmp_path: Path) -> None:
    script = 'test -t 0 && echo begin >&3; head -c 300000 /dev/zero; read -r line; echo "$line" >&3'
    ended = terminal.run(("sh", "-c", script), ENV, tmp_path, typed=b"typed\n")
    assert ended.marks == ("begin", "typed")
    assert ended.shown.count("\0") == 300_000


def test_a_program_that_fails_on_its_terminal_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"sh ended with 4: why\b"):
        terminal.run(("sh", "-c", "echo why >&2; exit 4"), ENV, tmp_path)


@here
def test_a_loop_times_every_part_of_an_honest_hook(tmp_path: Path, shell: str) -> None:
    made = small(tmp_path, "mise", shell, HONEST[shell])
    times = loops.timed(made, "mise", shell, Counts(200, 20, 3))
    assert sorted(times) == sorted(loops.PARTS)
    assert all(len(blocks) == 3 and min(blocks) > 0 for blocks in times.values())


@here
def test_a_hook_that_does_nothing_is_refused(tmp_path: Path, shell: str) -> None:
    made = small(tmp_path, "mise", shell, "")
    with pytest.raises(RuntimeError, match=r"wrong: ':' instead of 'value 0:"):
        loops.timed(made, "mise", shell, Counts(2, 2, 1))


@here
def test_a_hook_that_brings_no_tools_is_refused(tmp_path: Path, shell: str) -> None:
    made = small(tmp_path, "direnv", shell, HONEST[shell])
    with pytest.raises(RuntimeError, match="wrong: 'value 0:' instead of 'value 0:tool'"):
        loops.timed(made, "direnv", shell, Counts(2, 2, 1))


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
@here
def test_what_a_hook_starts_and_writes_is_counted(tmp_path: Path, shell: str) -> None:
    written = tmp_path / "written"
    body = f"/bin/true; echo x >>{written}"
    rc = HONEST[shell].replace("f() { ", f"f() {{ {body}; ").replace("fish_prompt; ", f"fish_prompt; {body}; ")
    made = small(tmp_path, "mise", shell, rc)
    acts = loops.acts(made, "mise", shell, Counts(3, 2, 1))
    assert acts is not None
    assert {part: (one.processes, len(one.files)) for part, one in acts.items()} == {
        "inside": (3, 3),
        "outside": (3, 3),
        "cycle": (4, 4),
    }
    made = small(tmp_path / "still", "mise", shell, HONEST[shell])
    acts = loops.acts(made, "mise", shell, Counts(3, 2, 1))
    assert acts is not None
    assert {part: (one.processes, len(one.files)) for part, one in acts.items()} == dict.fromkeys(loops.PARTS, (0, 0))


def test_threads_failures_and_devices_do_not_count() -> None:
    log = """
7 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 8
7 write(3, "inside 12.5\\n", 12) = 12
7 clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x7}, 88) = 9
7 clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD} <unfinished ...>
7 <... clone3 resumed>) = 10
7 vfork() = 11
10 openat(AT_FDCWD, "/dev/null", O_WRONLY) = 3
10 openat(AT_FDCWD, "/a", O_RDONLY) = 3
10 openat(AT_FDCWD, "/b", O_WRONLY|O_CREAT, 0666) = -1 EACCES (Permission denied)
10 rename("/a", "/b") = 0
7 write(1, "inside", 6) = 6
7 write(3, "inside 13.5\\n", 12) = 12
7 fork() = 12
7 write(3, "cycle\\n", 6) = 6
7 vfork() = 13
7 write(3, "cycle\\n", 6) = 6
"""
    assert loops.read(log.splitlines()) == {
        "inside": Acts(2, ('rename("/a", "/b") = 0',)),
        "outside": Acts(0, ()),
        "cycle": Acts(1, ()),
    }
