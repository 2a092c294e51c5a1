"""Trust as a shell with the hook shows it: real launcher, real commands, real projects."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support.hooked import SHELLS, Hooked, messages, started, write

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Place

MANIFEST = """
include = ["../common.devshell.toml"]
[env]
WHO = "first"
[dotenv]
files = [".env", ".env.local"]
[settings]
watch = ["script.sh"]
[hooks]
activate.bash = "echo activated >>$HOME/log"
activate.zsh = "echo activated >>$HOME/log"
activate.fish = "echo activated >>$HOME/log"
deactivate.bash = "echo deactivated >>$HOME/log"
deactivate.zsh = "echo deactivated >>$HOME/log"
deactivate.fish = "echo deactivated >>$HOME/log"
"""
STRANGER = "devshell: one is not allowed to act; look at its devshell.toml, then run `devshell allow`"
CHANGED = "devshell: one has changed since it was allowed; run `devshell allow`"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.fixture(params=SHELLS)
def user(request: pytest.FixtureRequest, place: Place) -> Hooked:
    return Hooked(place, request.param)


@pytest.fixture
def strange(user: Hooked) -> Path:
    """A project that the user has never spoken of."""
    base = user.place.base.resolve()
    write(base / "common.devshell.toml", "[env]\nCOMMON = 'yes'\n")
    write(base / "one" / ".env", "SECRET=1\n")
    write(base / "one" / "script.sh", "true\n")
    return user.project("one", MANIFEST, ready=False)


@pytest.fixture
def one(user: Hooked, strange: Path) -> Path:
    """The same, allowed and installed."""
    return user.project(strange.name, MANIFEST)


def log(user: Hooked) -> list[str]:
    path = user.place.home / "log"
    return path.read_text().split() if path.exists() else []


def left(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_a_strangers_project_does_nothing_and_is_told_once_a_shell(user: Hooked, strange: Path) -> None:
    state = user.place.base / "state"
    with user.open() as shell:
        before, files = shell.environment(), left(strange)
        assert shell.cd(strange) == [STRANGER]
        for line in ("true", "cd ..", "cd one", "cd / && cd -", "true"):
            assert shell.said(line) == []
        inside = shell.environment()
        passing = {"PWD", "OLDPWD", "_", "SHLVL"}
        assert {n: v for n, v in inside.items() if n not in passing} == {
            n: v for n, v in before.items() if n not in passing
        }
        (once,) = started(user)
        assert once.endswith(f" -m devshell -C {strange} hook {user.shell} --refresh")
    assert left(strange) == files
    assert left(state) == []
    assert log(user) == []
    assert not (user.place.base / "data").exists()
    with user.open(strange) as shell:
        assert shell.shown.count(STRANGER) == 1
        assert shell.said() == []


def test_allow_and_sync_typed_here_act_at_the_next_prompt(user: Hooked, strange: Path) -> None:
    with user.open(strange) as shell:
        assert shell.said("devshell allow --quiet") == ["devshell: one: it has no lock yet; run `devshell sync`"]
        assert shell.value("WHO") is None
        assert "devshell: one" in shell.said("devshell sync --quiet")
        assert (shell.value("WHO"), shell.value("COMMON"), shell.value("SECRET")) == ("first", "yes", "1")
        assert log(user) == ["activated"]


def test_allow_and_sync_typed_elsewhere_act_at_the_next_prompt_here(user: Hooked, strange: Path) -> None:
    with user.open(strange) as shell:
        user.place.run("allow", cwd=strange).ok()
        user.place.run("sync", cwd=strange).ok()
        assert shell.said() == ["devshell: one"]
        assert shell.value("WHO") == "first"


CHANGES = ["devshell.toml", "devshell.lock", "../common.devshell.toml", ".env", "script.sh"]


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_asks_again_and_changed_back_it_is_in_again(user: Hooked, one: Path, name: str) -> None:
    path = one / name
    with user.open(one) as shell:
        assert shell.value("WHO") == "first"
        old = path.read_text()
        write(path, old + "# changed\n")
        assert shell.said() == [CHANGED]
        assert shell.value("WHO") is None
        assert shell.said() == []
        assert log(user) == ["activated", "deactivated"]
        write(path, old)
        assert shell.said() == ["devshell: one"]
        assert shell.value("WHO") == "first"


def test_a_file_that_appears_or_goes_asks_again(user: Hooked, one: Path) -> None:
    with user.open(one) as shell:
        assert shell.value("WHO") == "first"
        write(one / ".env.local", "SECRET=2\n")
        assert shell.said() == [CHANGED]
        assert shell.value("WHO") is None
        (one / ".env.local").unlink()
        assert shell.said() == ["devshell: one"]
        (one / ".env").unlink()
        assert shell.said() == [CHANGED]
        user.place.run("allow", cwd=one).ok()
        shell.do("devshell sync --quiet")
        assert (shell.value("WHO"), shell.value("SECRET")) == ("first", None)
        write(one / "devshell.local.toml", "[env]\nWHO = 'local'\n")
        assert shell.said() == [CHANGED]
        user.place.run("allow", cwd=one).ok()
        shell.do("devshell sync --quiet")
        assert shell.value("WHO") == "local"


def test_deny_takes_it_out_of_every_open_shell_without_its_code(user: Hooked, one: Path) -> None:
    kinds = SHELLS if user.shell == "bash" else (user.shell,)
    shells = [user.open(one, shell=kind) for kind in kinds]
    try:
        assert [shell.value("WHO") for shell in shells] == ["first"] * len(shells)
        user.place.run("deny", cwd=one).ok()
        for shell in shells:
            assert shell.said() == []
            assert shell.value("WHO") is None
            assert "DEVSHELL_ROOT" not in shell.environment()
        assert log(user) == ["activated"] * len(shells)
        user.place.run("allow", cwd=one).ok()
        user.place.run("sync", cwd=one).ok()
        for shell in shells:
            assert shell.said() == ["devshell: one"]
            assert shell.value("WHO") == "first"
    finally:
        for shell in shells:
            shell.__exit__(None, None, None)


def test_what_was_denied_before_stays_out_in_a_new_shell(user: Hooked, one: Path) -> None:
    user.place.run("deny", cwd=one).ok()
    with user.open(one) as shell:
        assert "devshell:" not in shell.shown
        assert shell.value("WHO") is None
        asked = started(user)
        for line in ("cd ..", f"cd {one}", "true"):
            assert shell.said(line) == []
        assert started(user) == asked, "it is looked up once"


def test_trusted_folders_allow_by_whole_names(user: Hooked, strange: Path) -> None:
    base = user.place.base.resolve()
    beside = user.project("one-evil", "[env]\nWHO = 'evil'\n", ready=False)
    user.place.run("config", "set", "trusted", str(base / "one")).ok()
    user.place.run("sync", cwd=strange).ok()
    with user.open() as shell:
        shell.cd(strange)
        assert shell.value("WHO") == "first"
        write(strange / ".env", "SECRET=2\n")
        shell.do("devshell sync --quiet")
        assert shell.value("SECRET") == "2"
        assert shell.cd(beside) == [STRANGER.replace("one", "one-evil", 1)]
        assert shell.value("WHO") is None


def test_devshell_trust_allows_what_is_below_it(user: Hooked, strange: Path) -> None:
    user.project("one-evil", "[env]\nWHO = 'evil'\n", ready=False)
    user.variables["DEVSHELL_TRUST"] = str(strange)
    with user.open(strange) as shell:
        assert "devshell: one: it has no lock yet; run `devshell sync`" in shell.shown
        shell.do("devshell sync --quiet")
        assert shell.value("WHO") == "first"
        shell.do("cd ../one-evil")
        assert shell.value("WHO") is None


@pytest.mark.parametrize("setting", ["off", "worktrees"])
def test_a_worktree_is_a_strangers_unless_a_setting_says_otherwise(
    user: Hooked, place: Place, setting: str, tmp_path: Path
) -> None:
    from test_clones import git

    before = os.umask(0o022)
    try:
        one = user.project("one", "[env]\nWHO = 'first'\n")
        git(one, "init", "-q")
        git(one, "add", "devshell.toml", "devshell.lock")
        git(one, "commit", "-qm", "first")
        git(one, "worktree", "add", "-q", "../two")
    finally:
        os.umask(before)
    place.run("config", "set", "trust_clones", setting).ok()
    with user.open() as shell:
        said = shell.cd(tmp_path.resolve() / "two")
        if setting == "off":
            assert said == [STRANGER.replace("one", "two", 1)]
            assert shell.value("WHO") is None
        else:
            # Its tools are in the store already, so there is nothing to install.
            assert said == ["devshell: two"]
            assert shell.value("WHO") == "first"


FAULTS = ["owner", "folder's owner", "mode", "folder's mode"]
REFUSED = "devshell: one cannot be used as it is; run `devshell status`"


def spoil(root: Path, fault: str) -> None:
    path = root if "folder" in fault else root / "devshell.toml"
    if "owner" in fault:
        os.chown(path, 54321, 54321)
    else:
        path.chmod(0o777 if path == root else 0o666)
    os.utime(root / "devshell.toml")


@needs_root
@pytest.mark.parametrize("fault", FAULTS)
def test_a_strangers_project_that_others_may_write_is_refused_once(user: Hooked, strange: Path, fault: str) -> None:
    spoil(strange, fault)
    with user.open(strange) as shell:
        (said,) = messages(shell.shown)
        assert said.startswith("devshell: error: ")
        for line in ("true", "cd ..", f"cd {strange}", "true"):
            assert shell.said(line) == []
        assert shell.value("WHO") is None
        assert len(started(user)) == 1


@needs_root
@pytest.mark.parametrize("fault", FAULTS)
def test_what_others_may_write_by_now_is_taken_out(user: Hooked, one: Path, fault: str) -> None:
    with user.open(one) as shell:
        assert shell.value("WHO") == "first"
        spoil(one, fault)
        assert shell.said() == [REFUSED]
        assert shell.value("WHO") is None
        for line in ("true", "cd ..", f"cd {one}", "true"):
            assert shell.said(line) == []
        assert len(started(user)) == 1
        for path, mode in ((one, 0o755), (one / "devshell.toml", 0o644)):
            os.chown(path, os.geteuid(), os.getegid())
            path.chmod(mode)
        os.utime(one / "devshell.toml")
        assert shell.said() == ["devshell: one"]
        assert shell.value("WHO") == "first"


NAMES = [
    'it\'s "$(touch RAN)" `touch RAN`;touch RAN',
    "\x1b[31mred\x07\x1b]0;title\x07",
    "new\nline",
    "-n",
    "é\U0001f600*?[a]~#!!",
    "\udcff(touch RAN)\\n%s",
]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_of_folders_are_inert_in_messages_and_variables(user: Hooked, name: str) -> None:
    stranger = user.project(f"stranger {name}", "[env]\nWHO = 'first'\n", ready=False)
    root = user.project(name, "[env]\nWHO = '${project}'\n")
    with user.open() as shell:
        for folder in (stranger, root):
            said = shell.said(f"cd {shell.quote(folder)}" if name.isprintable() else f"cd {_typed(folder)}")
            assert len(said) == 1, "one line, whatever the name"
            assert said[0].isprintable()
        assert shell.value("WHO") == str(root)
        assert shell.value("DEVSHELL_ROOT") == str(root)
        assert b"\x1b[31m" not in shell.raw
        assert b"\x1b]0;title" not in shell.raw
    assert list(user.place.base.rglob("RAN")) == []


def _typed(folder: Path) -> str:
    """Return a pattern that only this folder fits, so that no odd byte is typed."""
    return "".join(c if (c.isalnum() and ord(c) < 128) or c in "/._-" else "?" for c in str(folder))
