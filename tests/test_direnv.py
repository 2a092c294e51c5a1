"""direnv with the two lines that `devshell init --direnv` writes: Debian's, in real shells, and beside our own hook."""

from __future__ import annotations

import base64
import json
import subprocess
import zlib
from typing import TYPE_CHECKING

import pytest

from devshell import direnv
from support.hooked import SHELLS, Hooked, write
from support.installed import Installed, install

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Place

MANIFEST = """
[env]
ODD = '''it's "$HOME" `x` \\\\ % é|'''
MULTI = "a\\nb"
EMPTY = ""
KEPT = "ours"
BETWEEN = { default = "${project}" }
GONE = { unset = true }
LIST = { prepend = ["${project}/lib"] }
[path]
prepend = ["bin"]
"""
OUTSIDE = {"KEPT": "theirs", "GONE": "", "LIST": "/their/list"}
ENVRC = 'watch_file devshell.toml devshell.lock\neval "$(devshell export bash)"\n'
HOOK = {
    "bash": 'eval "$(direnv hook bash)"',
    "zsh": 'eval "$(direnv hook zsh)"',
    "fish": "direnv hook fish | source",
}
#: What shells and programs set for themselves, wherever they are.
PASSING = {"PWD", "OLDPWD", "SHLVL", "_"}


# --- init ------------------------------------------------------------------------------------------------------------


def test_init_writes_the_two_lines_beside_a_new_manifest(place: Place) -> None:
    said = place.run("init", "--direnv").ok().err
    assert (place.project / ".envrc").read_text() == ENVRC
    assert (place.project / "devshell.toml").exists()
    assert "then `direnv allow`" in said
    assert "up to date" in place.run("sync").ok().err, "it is allowed, as by any `init`"


def test_init_writes_them_alone_where_there_is_a_manifest(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    said = place.run("init", "--direnv").ok().err
    assert (place.project / ".envrc").read_text() == ENVRC
    assert (place.project / "devshell.toml").read_text() == MANIFEST
    assert "devshell.toml;" not in said
    assert "not allowed" in place.run("status").ok().out, "nobody has spoken for that manifest"


@pytest.mark.parametrize("there", ["export A=1\n", "", "# eval devshell\n"])
def test_an_envrc_that_is_there_stays_and_nothing_else_is_written(place: Place, there: str) -> None:
    place.write(".envrc", there)
    refused = place.run("init", "--direnv").failed()
    assert (place.project / ".envrc").read_text() == there
    assert not (place.project / "devshell.toml").exists()
    assert all(line in refused.err for line in direnv.LINES)


def test_a_link_that_leads_nowhere_is_not_written_through(place: Place) -> None:
    (place.project / ".envrc").symlink_to(place.base / "elsewhere")
    place.run("init", "--direnv").failed()
    assert not (place.base / "elsewhere").exists()


def test_an_envrc_that_calls_devshell_already_needs_no_line(place: Place) -> None:
    place.run("init", "--direnv").ok()
    refused = place.run("init", "--direnv").failed()
    assert "it calls devshell" in refused.err
    assert "watch_file" not in refused.err


def test_a_template_does_not_replace_a_manifest(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    place.run("init", "--direnv", "--template", "node").failed()
    assert not (place.project / ".envrc").exists()


# --- what direnv is told to watch ------------------------------------------------------------------------------------


def test_nobody_but_direnv_is_told_what_to_watch(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    assert "watch_file" not in place.run("export", "bash").ok().out
    inside = {"DIRENV_IN_ENVRC": "1"}
    assert "watch_file" not in place.run("export", "zsh", env=inside).ok().out
    assert "watch_file" not in place.run("export", "bash", cwd=place.home, env=inside).ok().out
    told = place.run("export", "bash", env=inside).ok().out
    assert str(place.project.resolve() / "devshell.local.toml") in told
    # A script that an .envrc starts has the variable, and not the function.
    done = subprocess.run(["bash", "-euc", told], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


# --- with the real one -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def debians(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install({"deb:direnv": "*"}, tmp_path_factory)


def person(place: Place, shell: str, debians: Installed) -> Hooked:
    user = Hooked(place, shell, {**OUTSIDE, "DIRENV_LOG_FORMAT": ""})
    (user.command.parent / "direnv").symlink_to(debians.bin / "direnv")
    return user


@pytest.fixture
def user(place: Place, debians: Installed) -> Hooked:
    return person(place, "bash", debians)


@pytest.fixture(params=SHELLS)
def each(request: pytest.FixtureRequest, place: Place, debians: Installed) -> Hooked:
    return person(place, request.param, debians)


def project(user: Hooked, *, ready: bool = True) -> Path:
    """Make a project with the two lines, which direnv is allowed to run."""
    root = user.project("one", MANIFEST, ready=ready)
    user.place.run("init", "--direnv", "--quiet", cwd=root).ok()
    (root / "deep").mkdir()
    called(user, root, "allow")
    return root


def beside(user: Hooked, first: str) -> None:
    """Load direnv's hook before or after our own."""
    line = HOOK[user.shell]
    user.rc(*((line, "") if first == "direnv" else ("", line)))


def called(user: Hooked, folder: Path, *words: str, env: dict[str, str] | None = None) -> tuple[str, str]:
    """Call direnv as an editor does; return what it says on its two outputs."""
    environment = user.env if env is None else env
    command = [str(user.command.parent / "direnv"), *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


def plain(env: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in PASSING and not name.startswith("DIRENV_")}


def by_exec(user: Hooked, root: Path, env: dict[str, str]) -> dict[str, str]:
    """Return what a program started by `devshell exec` has, of one whose variables are `env`."""
    command = [str(user.command), "-C", str(root), "exec", "--", "env", "-0"]
    out = subprocess.run(command, env=env, capture_output=True, check=True).stdout.decode()
    return dict(line.split("=", 1) for line in out.split("\0") if line)


def applied(env: dict[str, str], text: str) -> dict[str, str]:
    changes = json.loads(text or "{}")
    return {name: value for name, value in {**env, **changes}.items() if value is not None}


@pytest.mark.network
def test_direnv_gives_what_exec_gives_and_leaves_nothing(each: Hooked) -> None:
    each.rc(after=HOOK[each.shell], hooked=False)
    root = project(each)
    with each.open() as shell:
        outside = shell.environment()
        shell.cd(root)
        inside = shell.environment()
        assert inside["ODD"] == 'it\'s "$HOME" `x` \\\\ % é|'
        assert inside["DIRENV_DIR"] == f"-{root}"
        assert plain(inside) == plain(by_exec(each, root, outside))
        shell.cd(root / "deep")
        assert plain(shell.environment()) == plain(inside)
        shell.cd(each.place.home)
        assert plain(shell.environment()) == plain(outside)
        assert shell.value("DIRENV_DIR") is None


@pytest.mark.network
@pytest.mark.parametrize("first", ["direnv", "devshell"])
def test_direnv_and_our_own_hook_in_one_shell_do_not_fight(each: Hooked, first: str) -> None:
    beside(each, first)
    root = project(each)
    with each.open() as shell:
        outside = shell.environment()
        for _ in range(2):
            shell.cd(root)
            inside = shell.environment()
            assert plain(inside) == plain(by_exec(each, root, outside))
            shell.do("true")
            assert plain(shell.environment()) == plain(inside), "nothing changes at prompts to come"
            shell.cd(root / "deep")
            assert plain(shell.environment()) == plain(inside)
            shell.cd(each.place.home)
            assert plain(shell.environment()) == plain(outside)
        change(root, 'NEW = "here"')
        each.place.run("allow", "--quiet", cwd=root).ok()
        each.place.run("sync", "--quiet", cwd=root).ok()
        shell.cd(root)
        assert shell.value("NEW") == "here"
        shell.cd(each.place.home)
        assert plain(shell.environment()) == plain(outside)


@pytest.mark.network
@pytest.mark.parametrize("first", ["direnv", "devshell"])
def test_a_shell_started_inside_can_leave(each: Hooked, first: str) -> None:
    beside(each, first)
    root = project(each)
    with each.open() as shell:
        outside = plain(shell.environment())
        shell.cd(root)
        shell.type(each.shell)
        shell.run("true")
        assert shell.value("KEPT") == "ours"
        shell.cd(each.place.home)
        assert plain(shell.environment()) == outside


def change(root: Path, line: str) -> None:
    text = (root / "devshell.toml").read_text()
    write(root / "devshell.toml", text.replace("[env]\n", f"[env]\n{line}\n"))


@pytest.mark.network
def test_json_by_direnv_is_what_we_say_ourselves(user: Hooked) -> None:
    root = project(user)
    out, _ = called(user, root, "export", "json", env={**user.env, "TERM": "dumb"})
    ours = json.loads(user.place.run("export", "json", cwd=root, env=user.env).ok().out)
    theirs = json.loads(out)
    # Ours is what a program has that finds devshell where the user has it.
    ours["PATH"] = f"{root}/bin:{ours['DEVSHELL_ENV']}/bin:{user.env['PATH']}"
    assert {name: value for name, value in theirs.items() if not name.startswith("DIRENV_")} == ours
    entered = applied(user.env, out)
    assert called(user, root, "export", "json", env=entered)[0] == ""
    assert applied(entered, called(user, user.place.home, "export", "json", env=entered)[0]) == user.env


@pytest.mark.network
def test_every_step_of_a_project_is_noticed_by_direnv(user: Hooked) -> None:
    # direnv compares times by whole seconds; each of these steps makes a file appear or go, which it sees at once.
    root = project(user, ready=False)
    env, said = follow(user, root, user.env)
    assert "KEPT" in env
    assert env["KEPT"] == "theirs"
    assert "run `devshell allow`" in said
    assert follow(user, root, env) == (env, ""), "said once"
    user.place.run("allow", "--quiet", cwd=root).ok()
    user.place.run("sync", "--quiet", cwd=root).ok()
    env, _ = follow(user, root, env)
    assert env["KEPT"] == "ours"
    user.place.run("deny", "--quiet", cwd=root).ok()
    env, said = follow(user, root, env)
    assert env["KEPT"] == "theirs"
    assert "denied" in said
    user.place.run("allow", "--quiet", cwd=root).ok()
    user.place.run("sync", "--quiet", cwd=root).ok()
    env, _ = follow(user, root, env)
    assert env["KEPT"] == "ours"


def follow(user: Hooked, root: Path, env: dict[str, str]) -> tuple[dict[str, str], str]:
    """Do what direnv's hook does at each prompt."""
    out, said = called(user, root, "export", "json", env=env)
    return applied(env, out), said


@pytest.mark.network
def test_editors_are_told_all_files_that_matter(user: Hooked) -> None:
    root = project(user)
    write(root / "devshell.toml", MANIFEST + "[dotenv]\nfiles = ['.env']\n")
    user.place.run("allow", "--quiet", cwd=root).ok()
    user.place.run("sync", "--quiet", cwd=root).ok()
    env, _ = follow(user, root, user.env)
    raw = env["DIRENV_WATCHES"]
    told = json.loads(zlib.decompress(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))))
    paths = {one.get("path", one.get("Path")) for one in told}
    names = ("devshell.toml", "devshell.lock", "devshell.local.toml", ".env", ".envrc")
    assert {str(root / name) for name in names} | {str(user.state(root) / "ready")} <= paths


@pytest.mark.network
def test_direnv_asks_for_the_envrc_in_its_own_words(user: Hooked) -> None:
    root = user.project("one", MANIFEST)
    user.place.run("init", "--direnv", cwd=root).ok()
    out, said = called(user, root, "export", "json")
    assert f"{root}/.envrc is blocked" in said
    assert "KEPT" not in json.loads(out or "{}")


@pytest.mark.network
def test_the_calls_of_zed_and_jetbrains_are_answered_under_a_login_shell(user: Hooked) -> None:
    root = user.project("one", MANIFEST)
    user.place.run("init", "--direnv", cwd=root).ok()
    # The system's own file sets PATH anew, and a desktop gave nothing.
    write(user.place.home / ".bash_profile", f"export PATH={user.command.parent}:$PATH\n")
    desktop = {name: value for name, value in user.env.items() if name != "PATH"} | {"TERM": "dumb"}

    def call(words: str) -> subprocess.CompletedProcess[str]:
        login = ["/bin/bash", "-lc", words]
        return subprocess.run(login, cwd=root, env=desktop, capture_output=True, text=True, check=False)

    blocked = call("direnv export json")
    assert blocked.returncode
    assert " is blocked" in blocked.stderr
    assert call("direnv allow").returncode == 0
    entered = call("direnv export json")
    assert entered.returncode == 0
    changes = json.loads(entered.stdout)
    assert (changes["KEPT"], changes["GONE"]) == ("ours", None)
    assert changes["PATH"].split(":")[0] == f"{root}/bin"


@pytest.mark.network
def test_where_devshell_is_not_found_the_message_says_so(user: Hooked) -> None:
    root = project(user)
    user.command.rename(user.command.with_name("away"))
    out, said = called(user, root, "export", "json")
    assert "devshell: command not found" in said
    assert "KEPT" not in json.loads(out)
