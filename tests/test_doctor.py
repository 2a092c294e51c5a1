"""`devshell doctor`: it finds what is wrong, says how to mend it, and changes nothing."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devshell.files import remove_tree
from support.server import LyingServer
from support.tools import project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conftest import Place

SHELLS = ["bash", "zsh", "fish"]
RC = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}
DEVSHELL = Path(sys.executable).with_name("devshell")
BARE = "/usr/local/bin:/usr/bin:/bin"


@pytest.fixture
def configured(place: Place) -> Place:
    """A place whose indexes are all named, so that neither uv nor npm is started to ask them."""
    (place.base / "config").mkdir()
    lines = (f'{key} = "http://127.0.0.1:1/{key}"\n' for key in ("pypi", "npm", "deb", "python"))
    (place.base / "config" / "config.toml").write_text("[index]\n" + "".join(lines))
    return place


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


def find(
    place: Place, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return what the doctor finds that has all of these words; the exit code must fit."""
    path = f"{DEVSHELL.parent}:{BARE}"
    done = place.run("doctor", "--json", cwd=cwd, env={"SHELL": "/bin/sh", "PATH": path, **(env or {})})
    told = json.loads(done.out)
    problems = [finding for finding in told["findings"] if finding["level"] == "problem"]
    assert told["problems"] == len(problems)
    assert done.code == bool(problems), done.err
    return [finding for finding in told["findings"] if all(word in str(finding) for word in words)]


def one(place: Place, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    found = find(place, *words, cwd=cwd, env=env)
    assert len(found) == 1, found
    return found[0]


def level(place: Place, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    return str(one(place, *words, cwd=cwd, env=env)["level"])


def hooked(place: Place, shell: str, before: str = "", after: str = "") -> dict[str, str]:
    """Write an rc file that loads the hook, and return the variables of such a user."""
    line = {"fish": f"{DEVSHELL} hook fish | source\n"}.get(shell, f'eval "$({DEVSHELL} hook {shell})"\n')
    path = place.home / RC[shell]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}\n{line}{after}\n")
    return {"SHELL": shutil.which(shell) or shell}


def mend(found: dict[str, Any]) -> None:
    subprocess.run(["/bin/sh", "-c", found["mend"]], check=True)


def picture(folder: Path) -> dict[str, tuple[int, int]]:
    paths = [folder, *folder.rglob("*")]
    return {str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns) for path in paths}


def test_people_read_a_line_a_finding_and_its_mend(place: Place) -> None:
    done = place.run("doctor", env={"SHELL": "/bin/bash"})
    assert "no problems" in done.ok().err
    assert "note     shell" in done.out
    assert "→ devshell hook --install bash" in done.out
    assert done.out == place.run("doctor", env={"SHELL": "/bin/bash"}).out or "clock" in done.out


def test_it_changes_nothing(place: Place, server: LyingServer) -> None:
    project(place, server, ("hello", "1.0"))
    place.run("sync").ok()
    hooked(place, "bash")
    # npm, where the machine has it, is told of a cache and may make it.
    (place.base / "cache" / "npm").mkdir(exist_ok=True)
    watched = [place.project, place.base / "data", place.home]
    watched += list((place.base / "state").rglob("*"))
    before = [picture(folder) for folder in watched]
    find(place)
    assert [picture(folder) for folder in watched] == before


@pytest.mark.parametrize("shell", SHELLS)
def test_a_loaded_hook_is_well(configured: Place, shell: str) -> None:
    env = hooked(configured, shell)
    assert level(configured, "an interactive shell loads the hook", RC[shell], "line 2", env=env) == "ok"
    assert not find(configured, "does not run at the prompt", env=env)


@pytest.mark.parametrize("shell", SHELLS)
def test_without_the_hook_it_says_how_to_get_it(configured: Place, shell: str) -> None:
    found = one(configured, "the hook is not in", env={"SHELL": shutil.which(shell) or shell})
    assert found["level"] == "note"
    assert found["mend"] == f"devshell hook --install {shell}"
    configured.run(*shlex.split(found["mend"])[1:], "--yes").ok()
    assert not find(configured, "the hook is not in", env={"SHELL": shutil.which(shell) or shell})
    assert level(configured, "loads the hook", env={"SHELL": shutil.which(shell) or shell}) == "ok"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_hook_that_is_never_reached_is_a_problem(configured: Place, shell: str) -> None:
    found = one(configured, "does not have it", env=hooked(configured, shell, before="return 0"))
    assert found["level"] == "problem"
    assert RC[shell] in found["text"]


@pytest.mark.parametrize(
    ("shell", "after"),
    [("bash", "PROMPT_COMMAND=mine"), ("bash", "unset PROMPT_COMMAND"), ("zsh", "precmd_functions=()")],
)
def test_prompt_hooks_that_were_replaced_are_a_problem(configured: Place, shell: str, after: str) -> None:
    assert level(configured, "does not run at the prompt", env=hooked(configured, shell, after=after)) == "problem"


def test_the_order_of_prompt_hooks_is_told(configured: Place) -> None:
    env = hooked(configured, "bash", before="IFS=m; PROMPT_COMMAND='first; second'", after="set -eu")
    assert "__devshell_prompt, first, second" in one(configured, "in this order", env=env)["text"]
    env = hooked(configured, "bash", before="PROMPT_COMMAND=(_direnv_hook)")
    assert "'_direnv_hook' runs after" in one(configured, "_direnv_hook", env=env)["text"]


def test_a_cd_of_the_users_own_is_told(configured: Place) -> None:
    assert not find(configured, "`cd` is your own", env=hooked(configured, "bash"))
    env = hooked(configured, "bash", after='cd() { builtin cd "$@"; }')
    assert "own function" in one(configured, "`cd` is your own", env=env)["text"]
    env = hooked(configured, "bash", after="alias cd=pushd")
    assert "own alias" in one(configured, "`cd` is your own", env=env)["text"]


def test_two_lines_that_load_the_hook_are_told(configured: Place) -> None:
    env = hooked(configured, "bash", after=f'eval "$({DEVSHELL} hook bash)"')
    assert "line 2" in one(configured, "more than once", env=env)["text"]


def test_an_old_shell_is_a_problem(configured: Place) -> None:
    old = configured.home / "bash"
    old.write_text("#!/bin/sh\necho 'GNU bash, version 3.2.57(1)-release'\n")
    old.chmod(0o755)
    found = one(configured, "bash 3.2", env={"SHELL": str(old)})
    assert found["level"] == "problem"
    assert "4.4" in found["text"]


def test_a_shell_without_a_hook_is_told(configured: Place) -> None:
    assert level(configured, "no hook for your shell 'nu'", env={"SHELL": "/usr/bin/nu"}) == "note"


def test_an_rc_file_that_goes_elsewhere_is_told(configured: Place) -> None:
    assert level(configured, "ends before", env=hooked(configured, "bash", before="exec true")) == "note"


def test_a_project_decides_nothing_about_the_users_files(configured: Place) -> None:
    """As where a project's [env] leads HOME or ZDOTDIR to a folder of its own."""
    hooked(configured, "bash")
    theirs = configured.project / "theirs"
    theirs.mkdir()
    (theirs / ".bashrc").write_text(f"touch {theirs}/ran\n")
    active = {
        "DEVSHELL_NAMES": "HOME",
        "DEVSHELL_OLD_HOME": str(configured.home),
        "DEVSHELL_NEW_HOME": str(theirs),
        "HOME": str(theirs),
    }
    assert level(configured, "loads the hook", str(configured.home), env={"SHELL": "/bin/bash", **active}) == "ok"
    assert not (theirs / "ran").exists()


def test_an_active_project_decides_nothing_about_indexes(place: Place) -> None:
    theirs = "http://theirs.example/simple"
    active = {
        "DEVSHELL_NAMES": "UV_DEFAULT_INDEX",
        "DEVSHELL_NEW_UV_DEFAULT_INDEX": theirs,
        "UV_DEFAULT_INDEX": theirs,
    }
    assert "theirs" not in one(place, "index", "pypi:", env=active)["text"]
    assert "theirs" in one(place, "index", "pypi:", env={"UV_DEFAULT_INDEX": theirs})["text"]


def test_a_session_whose_project_is_gone_is_a_problem(configured: Place) -> None:
    marks = {"DEVSHELL_ROOT": str(configured.project), "DEVSHELL_ENV": str(configured.store / "x")}
    assert level(configured, "there is no devshell.toml any more", env=marks) == "problem"
    configured.write("devshell.toml", "")
    assert level(configured, "is gone", env=marks) == "problem"
    assert level(configured, "session", "damaged", env={"DEVSHELL_ROOT": "relative", "DEVSHELL_ENV": "/x"}) == "problem"


def test_a_session_is_compared_with_what_is_ready(configured: Place, server: LyingServer) -> None:
    project(configured, server, ("hello", "1.0"))
    configured.run("sync").ok()
    environment = str((configured.project / ".devshell" / "env").resolve())
    marks = {"DEVSHELL_ROOT": str(configured.project.resolve()), "DEVSHELL_ENV": environment}
    assert level(configured, "session", "current", env=marks) == "ok"
    assert level(configured, "you are outside of it", cwd=configured.home, env=marks) == "note"
    assert not find(configured, "you are outside", cwd=configured.home, env={"DEVSHELL_ENTERED": "", **marks})
    project(configured, server, ("hello", "2.0"))
    assert level(configured, "since its environment became active", env=marks) == "note"
    configured.run("sync").ok()
    assert level(configured, "another environment by now", env=marks) == "note"


def test_what_hides_the_projects_tools_is_a_problem(configured: Place) -> None:
    for name in ("ours", "before"):
        (configured.base / name).mkdir()
        (configured.base / name / "node").write_text("")
    (configured.base / "harmless").mkdir()
    ours, before, harmless = (str(configured.base / name) for name in ("ours", "before", "harmless"))
    found = one(configured, "hides node", env={"DEVSHELL_PATH": ours, "PATH": f"{before}:{ours}:{BARE}"})
    assert (found["level"], found["concept"]) == ("problem", "path")
    assert level(configured, "hiding none", env={"DEVSHELL_PATH": ours, "PATH": f"{harmless}:{ours}:{BARE}"}) == "note"
    assert level(configured, "not in PATH any more", env={"DEVSHELL_PATH": ours, "PATH": BARE}) == "problem"
    assert level(configured, "PATH is in order", env={"DEVSHELL_PATH": ours, "PATH": f"{ours}:{BARE}"}) == "ok"


def test_odd_entries_of_path_are_told(configured: Place) -> None:
    assert "''" in one(configured, "wherever you are", env={"PATH": f"{BARE}:"})["text"]
    other = configured.home / "devshell"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    found = one(
        configured, "different programs `devshell`", env={"PATH": f"{configured.home}:{DEVSHELL.parent}:{BARE}"}
    )
    assert f"{str(other)!r} is used" in found["text"]
    # A link to the same one is no other.
    other.unlink()
    other.symlink_to(DEVSHELL)
    assert not find(configured, "different programs", env={"PATH": f"{configured.home}:{DEVSHELL.parent}:{BARE}"})


def test_what_hides_the_shims_is_told(configured: Place) -> None:
    shims, before = configured.base / "data" / "shims", configured.base / "before"
    for folder in (shims, before):
        folder.mkdir(parents=True)
        (folder / "node").write_text("")
    assert level(configured, "hides its node", env={"PATH": f"{before}:{shims}:{BARE}"}) == "note"
    assert not find(configured, "hides its", env={"PATH": f"{shims}:{before}:{BARE}"})


def test_a_tool_that_left_the_store_is_a_problem_and_sync_mends_it(configured: Place, server: LyingServer) -> None:
    project(configured, server, ("hello", "1.0"))
    configured.run("sync").ok()
    assert level(configured, "store paths in") == "ok"
    for tree in configured.store.glob("*-hello-1.0"):
        remove_tree(tree)
    found = one(configured, "hello", "leads nowhere", cwd=configured.home)
    assert found["level"] == "problem"
    configured.run(*shlex.split(found["mend"])[1:], cwd=configured.home).ok()
    assert level(configured, "store paths in") == "ok"
    remove_tree((configured.project / ".devshell" / "env").resolve())
    assert level(configured, "is not in the store") == "problem"


def test_folders_that_others_may_write_are_a_problem(configured: Place) -> None:
    (configured.base / "state" / "projects").mkdir(parents=True)
    configured.store.mkdir(parents=True)
    for folder, words in ((configured.base / "state", "what you trust"), (configured.store, "everybody")):
        folder.chmod(0o777)
        found = one(configured, words)
        assert found["level"] == "problem"
        mend(found)
        assert not find(configured, words)
    (configured.base / "state" / "projects").chmod(0o755)
    assert level(configured, "others may look into") == "note"


def test_a_file_from_the_future_is_told(configured: Place) -> None:
    manifest = configured.write("devshell.toml", "")
    os.utime(manifest, (time.time() + 3600,) * 2)
    found = one(configured, "in the future")
    assert found["mend"] == f"touch {manifest}"
    mend(found)
    assert not find(configured, "in the future")


def test_the_projects_standing_is_told(configured: Place, server: LyingServer) -> None:
    assert level(configured, "there is no project here") == "ok"
    project(configured, server, ("hello", "1.0"))
    assert level(configured, "there is no lock yet") == "note"
    configured.run("lock").ok()
    assert level(configured, "is not installed") == "note"
    configured.run("sync").ok()
    assert level(configured, "allowed, locked and installed") == "ok"
    configured.write("devshell.toml", "[tools\n")
    assert level(configured, "project", "devshell.toml:1") == "problem"


def test_a_project_that_devshell_refuses_is_a_problem(configured: Place) -> None:
    configured.write("devshell.toml", "").chmod(0o666)
    found = one(configured, "everybody on this machine may write")
    assert found["level"] == "problem"
    assert "chmod o-w" in found["mend"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_strangers_repository_is_told(configured: Place) -> None:
    configured.write("devshell.toml", "")
    (configured.project / ".git").mkdir()
    assert not find(configured, "safe.directory")
    os.chown(configured.project / ".git", 12345, 12345)
    assert level(configured, "safe.directory") == "note"


def test_nothing_that_a_project_says_acts(place: Place) -> None:
    ran = place.base / "ran"
    act = f"touch {ran}"
    hooks = "".join(f"activate.{shell} = {act!r}\n" for shell in SHELLS)
    place.write("devshell.toml", f"[env]\nHOME = '{place.project}'\n[hooks]\nenv = {act!r}\n{hooks}")
    for name in RC.values():
        place.write(name, act)
    place.write(".npmrc", "registry=http://127.0.0.1:1/theirs/\n")
    place.write("uv.toml", 'index-url = "http://127.0.0.1:1/theirs"\n')
    env = hooked(place, "bash")
    found = find(place, env=env)
    assert any("not allowed to act" in finding["text"] for finding in found)
    assert "127.0.0.1:1" not in str(found)
    assert not ran.exists()


def test_indexes_are_named_without_their_logins_and_not_asked(configured: Place, server: LyingServer) -> None:
    for key in ("pypi", "npm", "deb", "python"):
        address = server.address.replace("//", "//me:hunter2@") + f"/{key}/secret-path"
        configured.run("config", "set", f"index.{key}", address).ok()
    found = find(configured)
    named = [finding for finding in found if finding["concept"] == "index"]
    assert [(finding["level"], finding["text"]) for finding in named] == [
        ("ok", f"{key}: {server.host}") for key in ("pypi", "npm", "deb", "python")
    ]
    assert "hunter2" not in str(found)
    assert "secret-path" not in str(found)
    assert not any(server.requests(f"/{key}/secret-path/{page}") for key, page in PAGES.items())


PAGES = {"pypi": "pip/", "npm": "-/ping", "deb": "dists/stable/InRelease", "python": ""}


def test_the_network_is_asked_when_told_to(configured: Place, server: LyingServer) -> None:
    for key in ("pypi", "npm", "deb", "python"):
        configured.run("config", "set", f"index.{key}", f"{server.address}/{key}").ok()
    done = configured.run("doctor", "--network", "--json", env={"SHELL": "/bin/sh", "PATH": BARE})
    told = [f for f in json.loads(done.ok().out)["findings"] if f["concept"] == "network"]
    assert [finding["level"] for finding in told] == ["ok"] * 4
    assert all(server.requests(f"/{key}/{page}") for key, page in PAGES.items())


def test_an_index_that_does_not_answer_is_a_problem(configured: Place) -> None:
    configured.run("config", "set", "sources", "pypi").ok()
    configured.run("config", "set", "index.pypi", "http://127.0.0.1:1/simple").ok()
    done = configured.run("doctor", "--network", env={"SHELL": "/bin/sh"}).failed(1)
    assert "problem  network" in done.out
    assert "1 problem" in done.err


def test_a_broken_configuration_hides_nothing_else(place: Place) -> None:
    (place.base / "config").mkdir()
    (place.base / "config" / "config.toml").write_text("downloads = 'many'\nnonsense = 1\n")
    found = find(place)
    assert len([f for f in found if f["concept"] == "index" and f["level"] == "problem"]) == 2
    assert [f for f in found if f["concept"] == "clock"]


def test_the_room_on_the_disk_is_told(configured: Place) -> None:
    assert find(configured, "disk")
    assert level(configured, "clock") == "ok"
