"""The line in the user's rc file: in once, loaded by real shells, out again without a trace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from devshell import interactive, rcfiles
from devshell.errors import ShellError, StateError
from support.ptys import Terminal

if TYPE_CHECKING:
    from conftest import Place

SHELLS = ["bash", "zsh", "fish"]
FILES = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}
DEVSHELL = Path(sys.executable).with_name("devshell")
MARK = b"# added by devshell hook --install"
PIECES = st.sampled_from([
    *(b"\n", b"\r\n", b"\r", b"\\", b"\\\n", b"\\\r\n", b"\0", b"\xff\xfe", b"  ", b"# ", b"export A=1", b"\x0c"),
    *(MARK, MARK + b" (+1 line end)", MARK + b" (+file)", b"devshell hook bash"),
])  # fmt: skip
CONTENTS = st.lists(st.one_of(PIECES, st.binary(max_size=4)), max_size=12).map(b"".join)
LINE = rcfiles.code("bash", "devshell")


def rc(place: Place, shell: str, content: bytes | str = b"") -> Path:
    path = place.home / FILES[shell]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def hook(place: Place, *arguments: str, **env: str) -> str:
    return place.run("hook", *arguments, "--yes", env=env).ok().err


def outside(place: Place, shell: str) -> dict[str, str]:
    return {**place.env, "SHELL": shutil.which(shell) or shell}


@given(CONTENTS)
@example(b"")
@example(b"a")
@example(b"a\r\nb")
@example(b"a \\")
@example(b"a \\\n")
@example(b"a \\\r\n")
def test_what_was_put_in_comes_out_without_a_trace(content: bytes) -> None:
    assume(rcfiles.without_lines(content) == content)
    added = rcfiles.with_line(content, LINE)
    assert added.startswith(content)
    assert added != content
    assert rcfiles.without_lines(added) == content


@given(CONTENTS, CONTENTS)
def test_what_the_user_wrote_behind_the_line_stays(content: bytes, later: bytes) -> None:
    assume(later and rcfiles.without_lines(content) == content and rcfiles.without_lines(later) == later)
    left = rcfiles.without_lines(rcfiles.with_line(content, LINE) + later)
    assert left is not None
    assert left.startswith(content)
    assert left.endswith(later)
    assert left[len(content) : -len(later)].strip(b"\r\n") == b""
    assert left[: -len(later)].endswith(b"\n") or not content


@given(CONTENTS)
def test_the_line_is_a_line_of_its_own(content: bytes) -> None:
    before, _, last = rcfiles.with_line(content, LINE)[:-1].rpartition(b"\n")
    assert last.startswith(LINE)
    # An odd number of backslashes would make the two lines one.
    assert (len(before) - len(before.rstrip(b"\\"))) % 2 == 0


def test_a_file_that_was_not_there_is_removed_again() -> None:
    added = rcfiles.with_line(None, LINE)
    assert added.startswith(LINE)
    assert rcfiles.without_lines(added) is None
    assert rcfiles.without_lines(added + b"mine\n") == b"mine\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'eval "$(devshell hook bash)"\n', [1]),
        (b'a\n  command -v devshell && eval "$(/opt/my devshell hook "bash")"\n', [2]),
        (b"eval \"$('/opt/x/devshell' hook bash)\"", [1]),
        (b'eval "$(devshell hook $name)"', [1]),
        (b'# eval "$(devshell hook bash)"\n', []),
        (b"true # devshell hook bash\n", []),
        (b"devshell hook bash --install\n", []),
        (b'eval "$(devshell hook zsh)"\n', []),
        (b"echo devshell\nhook bash\n", []),
    ],
)
def test_lines_written_by_hand_are_known(content: bytes, found: list[int]) -> None:
    assert [line.number for line in rcfiles.lines_in(content, "bash", Path("x"))] == found


@pytest.mark.parametrize("shell", SHELLS)
def test_it_is_written_once_and_taken_out_again(place: Place, shell: str) -> None:
    before = b"# caf\xe9\nexport MINE=1"
    path = rc(place, shell, before)
    path.chmod(0o640)
    said = hook(place, "--install", shell)
    assert f"+++ {path}" in said
    installed = path.read_bytes()
    assert installed.startswith(before + b"\n")
    assert path.stat().st_mode & 0o777 == 0o640
    assert "already" in hook(place, "--install", SHELL=f"/bin/{shell}")
    assert path.read_bytes() == installed
    hook(place, "--uninstall")
    assert path.read_bytes() == before
    assert "no line" in hook(place, "--uninstall", shell)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_missing_file_is_made_and_goes_again(place: Place, shell: str) -> None:
    hook(place, "--install", shell)
    assert MARK in (place.home / FILES[shell]).read_bytes()
    hook(place, "--uninstall", shell)
    assert not (place.home / FILES[shell]).exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_loads_the_hook(place: Place, shell: str) -> None:
    rc(place, shell, b"set -x MINE 1 \\" if shell == "fish" else b"export MINE=1 \\")
    hook(place, "--install", shell)
    env = outside(place, shell)
    question = 'builtin printf "%s:%s\\n" "$MINE" "$__devshell_command"'
    assert interactive.ask(env["SHELL"], question, env) == [f"1:{DEVSHELL}"]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("command", ["devshell", "/no/such folder/devshell"])
def test_without_devshell_a_shell_starts_in_silence(place: Place, shell: str, command: str) -> None:
    rc(place, shell, rcfiles.with_line(b"", rcfiles.code(shell, command)))
    program = shutil.which(shell)
    assert program
    env = {"HOME": str(place.home), "PATH": "/usr/bin:/bin", "TERM": "dumb"}
    script = "echo $status" if shell == "fish" else "echo $?"
    options = {"bash": ["-i"], "zsh": ["-o", "norcs", "-i"], "fish": ["-i"]}[shell]
    # zsh's own rc files of the system may speak; ours is sourced by hand there.
    source = f". {place.home / FILES[shell]}; " if shell == "zsh" else ""
    done = subprocess.run(
        [program, *options, "-c", source + script],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        start_new_session=True,
    )
    assert done.stdout == b"0\n"
    assert b"devshell" not in done.stderr


def test_it_goes_by_name_where_a_new_session_finds_it(place: Place) -> None:
    folder = place.home / "bin"
    folder.mkdir()
    (folder / "devshell").symlink_to(DEVSHELL)
    (place.home / ".bash_profile").write_text('PATH="$HOME/bin:$PATH"\n')
    hook(place, "--install", "bash")
    assert b"$(devshell hook bash)" in (place.home / ".bashrc").read_bytes()


def test_another_devshell_on_path_is_not_called(place: Place) -> None:
    folder = place.home / "bin"
    folder.mkdir()
    (folder / "devshell").write_text("#!/bin/sh\n")
    (folder / "devshell").chmod(0o755)
    (place.home / ".bash_profile").write_text('PATH="$HOME/bin:$PATH"\n')
    hook(place, "--install", "bash")
    assert f"'{DEVSHELL}' hook bash".encode() in (place.home / ".bashrc").read_bytes()


def test_a_line_written_by_hand_is_left_alone(place: Place) -> None:
    content = b'x\neval "$(devshell hook bash)"\n'
    path = rc(place, "bash", content)
    assert "line 2" in hook(place, "--install", "bash")
    said = hook(place, "--uninstall", "bash")
    assert "line 2, was written by you" in said
    assert path.read_bytes() == content


def test_a_link_into_a_dotfiles_repository_stays_a_link(place: Place) -> None:
    real = place.home / "dotfiles" / "bashrc"
    real.parent.mkdir()
    real.write_bytes(b"mine\r\n")
    path = place.home / ".bashrc"
    path.symlink_to("dotfiles/bashrc")
    hook(place, "--install", "bash")
    assert os.readlink(path) == "dotfiles/bashrc"
    assert real.read_bytes().startswith(b"mine\r\n")
    assert real.read_bytes().endswith(MARK + b"\r\n")
    hook(place, "--uninstall")
    assert path.is_symlink()
    assert real.read_bytes() == b"mine\r\n"


def refused(place: Place, path: Path, why: str) -> None:
    before = path.read_bytes() if path.is_file() else None
    said = place.run("hook", "--install", "bash", "--yes").failed().err
    assert why in said
    assert "devshell" in said.partition("hint")[2]
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_read_only_file_is_left_alone(place: Place) -> None:
    path = rc(place, "bash", b"mine\n")
    path.chmod(0o444)
    refused(place, path, "is read-only")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_users_file_is_left_alone(place: Place) -> None:
    path = rc(place, "bash", b"theirs\n")
    os.chown(path, 12345, 12345)
    refused(place, path, "belongs to another user")
    assert path.stat().st_uid == 12345


def test_a_file_of_several_names_is_left_alone(place: Place) -> None:
    path = rc(place, "bash", b"mine\n")
    os.link(path, place.home / "other")
    refused(place, path, "hard links")


def test_a_link_that_leads_nowhere_is_left_alone(place: Place) -> None:
    path = place.home / ".bashrc"
    path.symlink_to("nowhere")
    refused(place, path, "leads nowhere")


def test_a_folder_in_the_place_of_the_file_is_an_error(place: Place) -> None:
    (place.home / ".bashrc").mkdir()
    assert "is a folder" in place.run("hook", "--install", "bash", "--yes").failed().err


def test_a_file_that_changed_meanwhile_is_not_written(own_folders: Place) -> None:
    path = rc(own_folders, "bash", b"old\n")
    change = rcfiles.installing("bash", "devshell", {"HOME": str(own_folders.home)})
    assert isinstance(change, rcfiles.Change)
    path.write_bytes(b"new\n")
    with pytest.raises(StateError, match="changed meanwhile"):
        rcfiles.write(change)
    assert path.read_bytes() == b"new\n"


def test_zsh_is_asked_where_its_files_are(place: Place) -> None:
    (place.home / ".zshenv").write_text("ZDOTDIR=$HOME/my-zsh\n")
    (place.home / "my-zsh").mkdir()
    hook(place, "--install", "zsh")
    assert MARK in (place.home / "my-zsh" / ".zshrc").read_bytes()
    assert not (place.home / ".zshrc").exists()


def test_an_active_project_does_not_lead_elsewhere(place: Place) -> None:
    theirs = place.project / "theirs"
    theirs.mkdir()
    active = {"DEVSHELL_NAMES": "HOME", "DEVSHELL_OLD_HOME": str(place.home), "DEVSHELL_NEW_HOME": str(theirs)}
    hook(place, "--install", "bash", HOME=str(theirs), **active)
    assert MARK in (place.home / ".bashrc").read_bytes()
    hook(place, "--uninstall", HOME=str(theirs), **active)
    assert not list(theirs.iterdir())
    assert not (place.home / ".bashrc").exists()


def test_fish_is_configured_where_xdg_says(place: Place) -> None:
    hook(place, "--install", "fish", XDG_CONFIG_HOME=str(place.base / "xdg"))
    assert MARK in (place.base / "xdg" / "fish" / "config.fish").read_bytes()


def test_without_a_terminal_it_says_what_to_type(place: Place) -> None:
    said = place.run("hook", "--install", "bash").failed().err
    assert "devshell hook --install bash --yes" in said
    assert not (place.home / ".bashrc").exists()


@pytest.mark.parametrize(("answer", "written"), [("n", False), ("", False), ("y", True)])
def test_on_a_terminal_it_asks(place: Place, answer: str, *, written: bool) -> None:
    env = {**place.env, "SHELL": "/bin/bash", "TERM": "xterm"}
    with Terminal([sys.executable, "-m", "devshell", "hook", "--install"], env, place.project) as terminal:
        terminal.expect("added by devshell hook --install")
        terminal.expect("[y/N]")
        assert terminal.exit(answer) == 0
    assert (place.home / ".bashrc").exists() is written


@pytest.mark.parametrize(
    "arguments",
    [
        ["--install", "nu"],
        ["--install", "--uninstall"],
        ["--install"],
        [],
        ["tcsh"],
    ],
)
def test_wrong_usage_is_said(place: Place, arguments: list[str]) -> None:
    place.run("hook", *arguments, env={"SHELL": "/usr/bin/nu"}).failed(2)


def test_login_shells_of_macos_are_thought_of(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    assert rcfiles.login_advice(env, "linux") is None
    assert ".bash_profile" in (rcfiles.login_advice(env, "darwin") or "")
    (tmp_path / ".profile").write_text("x=1\n")
    assert f"{tmp_path}/.profile" in (rcfiles.login_advice(env, "darwin") or "")
    (tmp_path / ".profile").write_text(". ~/.bashrc\n")
    assert rcfiles.login_advice(env, "darwin") is None


def test_a_shell_that_shows_no_prompt_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interactive, "PATIENCE", 0.5)
    (tmp_path / ".bashrc").write_text("while :; do :; done\n")
    with pytest.raises(ShellError, match="no prompt within"):
        interactive.ask("/bin/bash", "true", {"HOME": str(tmp_path), "PATH": "/bin"})
    (tmp_path / ".bashrc").write_text("exit 3\n")
    with pytest.raises(ShellError, match="ends before"):
        interactive.ask("/bin/bash", "true", {"HOME": str(tmp_path), "PATH": "/bin"})


def test_what_rc_files_print_or_leave_running_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text(
        "echo hello\nsleep 60 & echo $! >pid\ntrap 'echo bye' EXIT\n".replace(">pid", f">{tmp_path}/pid")
    )
    try:
        assert interactive.ask("/bin/bash", "echo answer", {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}) == [
            "answer"
        ]
    finally:
        os.kill(int((tmp_path / "pid").read_text()), 9)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_recipes_for_prompts_show_the_project(tmp_path: Path, shell: str) -> None:
    text = (Path(__file__).parent.parent / "docs" / "hook.md").read_text()
    recipe = text.partition(f"```{shell}\n")[2].partition("```")[0]
    (tmp_path / "recipe").write_text(recipe)
    show = {"bash": 'echo "${PS1@P}"', "zsh": 'print -P "$PROMPT"', "fish": "echo (fish_right_prompt)"}[shell]
    start = {"bash": "PS1='> '", "zsh": "PROMPT='> '", "fish": "true"}[shell]
    plain = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    for project, says in (("django", "(django)"), (None, "")):
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | ({"DEVSHELL_PROMPT": project} if project else {})
        command = [shell, *plain, "-c", f"{start}; source {tmp_path}/recipe; {show}"]
        done = subprocess.run(command, env=env, capture_output=True, check=True, text=True)
        assert done.stdout.strip() == f"{says} {'' if shell == 'fish' else '>'}".strip()
