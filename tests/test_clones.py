"""Worktrees and clones of an allowed project, as git itself makes them, and as a stranger would forge them."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devshell import clones, project, trust
from devshell.config import Config
from devshell.trust import Standing

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Place
    from devshell.snapshot import Snapshot

STRANGER = 54321
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
pytestmark = [
    pytest.mark.usefixtures("own_folders"),
    pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here"),
]
ADDRESS = "https://code.example/team/django.git"
MANIFEST = "dotenv.files = ['.env']\nsettings.watch = ['env.sh']\n"


def git(folder: Path, *arguments: str) -> str:
    words = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always"]
    env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run([*words, *arguments], cwd=folder, env=env, check=True, capture_output=True, text=True).stdout


def read(root: Path) -> Snapshot:
    return project.read(project.find(root))


def found(root: Path, kind: str = "clones") -> bool:
    return bool(trust.by_settings(read(root), Config(trust_clones=kind)))


def repository(top: Path, sub: str = ".") -> Path:
    """Make a repository with a project in it; return the project's folder."""
    root = top / sub
    root.mkdir(parents=True)
    git(top, "init", "-q")
    (root / "devshell.toml").write_text(MANIFEST)
    (root / "env.sh").write_text("export A=1\n")
    git(top, "add", ".")
    git(top, "commit", "-qm", "first")
    git(top, "remote", "add", "origin", ADDRESS)
    return root


def clone(top: Path, to: Path) -> Path:
    git(top.parent, "clone", "-q", str(top), str(to))
    git(to, "remote", "set-url", "origin", ADDRESS)
    return to


@pytest.fixture(autouse=True)
def _plain_modes() -> object:
    # What everybody may write is refused, and git keeps to the umask.
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path.resolve()


@pytest.fixture
def original(base: Path) -> Path:
    root = repository(base / "original")
    trust.allow(read(root))
    return root


class TestCopies:
    def test_a_worktree_is_allowed_where_the_setting_is_on(self, original: Path, base: Path) -> None:
        git(original, "worktree", "add", "-q", str(base / "tree"))
        tree = base / "tree"
        assert not found(tree, "off")
        assert found(tree, "worktrees")
        assert found(tree, "clones")
        trust.require(read(tree), None, Config(trust_clones="worktrees"))
        assert trust.standing(read(tree)) is Standing.ALLOWED

    def test_a_worktree_needs_no_remote_and_vouches_for_the_first_tree_too(self, original: Path, base: Path) -> None:
        git(original, "remote", "remove", "origin")
        for name in ("one", "two"):
            git(original, "worktree", "add", "-q", str(base / name))
        trust.allow(read(base / "one"))
        trust.deny(str(original))
        assert found(base / "two", "worktrees")
        assert not found(original, "worktrees"), "deny wins"

    def test_a_second_clone_is_allowed_where_clones_are(self, original: Path, base: Path) -> None:
        copy = clone(original, base / "copy")
        assert not found(copy, "worktrees")
        assert trust.by_settings(read(copy), Config(trust_clones="clones")).setting == "trust_clones"

    def test_a_worktree_of_a_second_clone_is_a_copy_too(self, original: Path, base: Path) -> None:
        copy = clone(original, base / "copy")
        git(copy, "worktree", "add", "-q", str(base / "tree"))
        assert found(base / "tree", "clones")
        assert not found(base / "tree", "worktrees")

    def test_a_project_below_the_top_has_the_same_place_in_the_copy(self, base: Path) -> None:
        root = repository(base / "big", "apps/web")
        (base / "big" / "common.toml").write_text("[env]\nA = '1'\n")
        (root / "devshell.toml").write_text('include = ["../../common.toml"]\n')
        git(base / "big", "add", ".")
        git(base / "big", "commit", "-qm", "include")
        trust.allow(read(root))
        copy = clone(base / "big", base / "copy")
        assert found(copy / "apps" / "web")
        shutil.copytree(copy / "apps", copy / "moved")
        assert read(copy / "moved" / "web").files[1].content, "the include is found from there as well"
        assert not found(copy / "moved" / "web")
        (copy / "common.toml").write_text("[env]\nA = '2'\n")
        assert not found(copy / "apps" / "web")

    def test_a_file_outside_must_be_the_very_same(self, base: Path) -> None:
        (base / "one").mkdir()
        (base / "two").mkdir()
        (base / "shared.toml").write_text("")
        root = repository(base / "one" / "pro")
        for name, same in ((str(base / "shared.toml"), True), ("../outside.toml", False)):
            (root / "devshell.toml").write_text(f"include = [{name!r}]\n")
            for side in ("one", "two"):
                (base / side / "outside.toml").write_text("")
            git(root, "add", ".")
            git(root, "commit", "-qm", "include")
            trust.allow(read(root))
            shutil.rmtree(base / "two" / "pro", ignore_errors=True)
            assert found(clone(root, base / "two" / "pro")) is same, name


class TestNot:
    @pytest.fixture
    def copy(self, original: Path, base: Path) -> Path:
        copy = clone(original, base / "copy")
        assert found(copy)
        return copy

    @pytest.mark.parametrize("name", ["devshell.toml", "env.sh", ".env", "devshell.lock", "devshell.local.toml"])
    def test_any_other_byte_is_another_project(self, copy: Path, name: str) -> None:
        with (copy / name).open("a") as file:
            file.write("\n")
        assert not found(copy)

    def test_the_original_must_be_allowed_now(self, original: Path, copy: Path) -> None:
        (original / ".env").write_text("A=1\n")
        assert not found(copy), "the original has changed"
        (original / ".env").unlink()
        assert found(copy)
        trust.deny(str(original))
        assert not found(copy)
        trust.allow(read(original))
        assert found(copy)
        shutil.rmtree(original)
        assert not found(copy), "the original is gone"

    def test_the_original_must_still_be_one_that_is_picked_up(self, original: Path, copy: Path) -> None:
        (original / "devshell.toml").chmod(0o666)
        assert not found(copy)

    @pytest.mark.parametrize(
        "address", [None, "https://code.example/team/django", "https://evil.example/team/django.git", ADDRESS + "/"]
    )
    def test_another_remote_is_another_project(self, copy: Path, address: str | None) -> None:
        if address is None:
            git(copy, "remote", "remove", "origin")
        else:
            git(copy, "remote", "set-url", "origin", address)
        assert not found(copy)

    def test_no_remote_at_all_is_not_the_same_remote(self, original: Path, copy: Path) -> None:
        for each in (original, copy):
            git(each, "remote", "remove", "origin")
        assert not found(copy)

    @pytest.mark.parametrize("address", ["../origin", "./x", "origin", ""])
    def test_an_address_that_depends_on_the_place_is_none(self, original: Path, copy: Path, address: str) -> None:
        for each in (original, copy):
            (each / ".git" / "config").write_text(f'[remote "origin"]\n\turl = {address}\n')
        assert not found(copy)

    def test_a_copy_without_git_is_none(self, copy: Path) -> None:
        shutil.rmtree(copy / ".git")
        assert not found(copy)

    def test_nothing_that_a_repository_says_is_run_or_followed(self, copy: Path, base: Path) -> None:
        mark = base / "mark"
        config = copy / ".git" / "config"
        (base / "included").write_text(f'[remote "origin"]\n\turl = {ADDRESS}\n')
        config.write_text(
            f"[core]\n\tfsmonitor = touch {mark}\n\tsshCommand = touch {mark}\n"
            f"[include]\n\tpath = {base / 'included'}\n"
        )
        assert not found(copy)
        assert not mark.exists()

    @pytest.mark.parametrize("kind", ["pipe", "loop", "device", "big", "folder", "nul", "gone"])
    def test_odd_files_of_git_are_no_word(self, copy: Path, kind: str) -> None:
        config = copy / ".git" / "config"
        text = config.read_bytes()
        config.unlink()
        match kind:
            case "pipe":
                os.mkfifo(config)
            case "loop":
                config.symlink_to("config")
            case "device":
                config.symlink_to("/dev/zero")
            case "big":
                config.write_bytes(text + b"#" * (256 << 10))
            case "folder":
                config.mkdir()
            case "nul":
                config.write_bytes(text + b"\0")
        assert not found(copy)

    def test_a_git_folder_behind_a_link_is_no_word(self, original: Path, base: Path) -> None:
        forged = base / "forged"
        shutil.copytree(original, forged, ignore=shutil.ignore_patterns(".git"))
        (forged / ".git").symlink_to(original / ".git")
        assert not found(forged)

    @needs_root
    def test_a_git_folder_of_somebody_else_is_no_word(self, copy: Path) -> None:
        os.chown(copy / ".git", STRANGER, STRANGER)
        assert not found(copy)


class TestForgedWorktrees:
    """What an unpacked archive can bring: any bytes at all, but nothing in the folder of the original."""

    @pytest.fixture
    def tree(self, original: Path, base: Path) -> Path:
        git(original, "worktree", "add", "-q", str(base / "tree"))
        return base / "tree"

    def test_pointing_at_another_trees_entry_is_not_enough(self, tree: Path, base: Path) -> None:
        forged = base / "forged"
        shutil.copytree(tree, forged)
        assert found(tree, "worktrees")
        assert not found(forged, "worktrees")
        assert not found(forged, "clones")

    def test_pointing_at_the_repository_itself_is_not_enough(self, original: Path, base: Path) -> None:
        forged = base / "forged"
        shutil.copytree(original, forged, ignore=shutil.ignore_patterns(".git"))
        for pointer in (original / ".git", original / ".git" / "worktrees", original / ".git" / "worktrees" / "x"):
            (forged / ".git").write_text(f"gitdir: {pointer}\n")
            assert not found(forged)

    def test_bringing_an_entry_that_leads_to_the_repository_is_not_enough(self, original: Path, base: Path) -> None:
        forged = base / "forged"
        shutil.copytree(original, forged, ignore=shutil.ignore_patterns(".git"))
        entry = forged / "worktrees" / "x"
        entry.mkdir(parents=True)
        (forged / ".git").write_text("gitdir: worktrees/x\n")
        (entry / "gitdir").write_text(f"{forged}/.git\n")
        for common in (str(original / ".git"), "../../../original/.git"):
            (entry / "commondir").write_text(f"{common}\n")
            assert not found(forged)

    @pytest.mark.parametrize(
        "text", ["", "gitdir:", "gitdir: ", "gitdir: \n", "x", "gitdir: " + "a" * 5000, "gitdir: a\0"]
    )
    def test_a_broken_pointer_is_no_word(self, tree: Path, text: str) -> None:
        (tree / ".git").write_text(text)
        assert not found(tree)

    def test_a_moved_worktree_that_git_does_not_know_is_no_word(self, tree: Path, base: Path) -> None:
        tree.rename(base / "moved")
        assert not found(base / "moved", "worktrees")
        git(base / "moved", "worktree", "repair")
        assert found(base / "moved", "worktrees")

    def test_relative_entries_are_followed(self, original: Path, tree: Path) -> None:
        (tree / ".git").write_text("gitdir: ../original/.git/worktrees/tree\n")
        (original / ".git" / "worktrees" / "tree" / "gitdir").write_text("../../../../tree/.git\n")
        assert found(tree, "worktrees")


class TestIndex:
    def entries(self, own_folders: Place) -> list[str]:
        return sorted(os.listdir(own_folders.base / "state" / "clones"))

    def test_a_project_has_one_entry_and_none_when_denied(self, original: Path, own_folders: Place) -> None:
        (before,) = self.entries(own_folders)
        trust.allow(read(original))
        assert self.entries(own_folders) == [before]
        (original / ".env").write_text("A=1\n")
        trust.allow(read(original))
        (after,) = self.entries(own_folders)
        assert after != before
        trust.deny(str(original))
        assert self.entries(own_folders) == []

    @pytest.mark.parametrize("content", [b"", b"relative", b"/nowhere", b"\0", b"/" + b"x" * 10_000])
    def test_a_damaged_entry_is_no_trust(self, original: Path, base: Path, own_folders: Place, content: bytes) -> None:
        copy = clone(original, base / "copy")
        (entry,) = self.entries(own_folders)
        (own_folders.base / "state" / "clones" / entry).write_bytes(content)
        assert not found(copy)

    def test_an_entry_that_names_a_project_never_allowed_is_no_trust(
        self, original: Path, base: Path, own_folders: Place
    ) -> None:
        copy, other = clone(original, base / "copy"), clone(original, base / "other")
        (entry,) = self.entries(own_folders)
        (own_folders.base / "state" / "clones" / entry).write_bytes(os.fsencode(other))
        assert not found(copy)

    def test_gone_originals_do_not_hide_one_that_is_there(self, original: Path, base: Path) -> None:
        copies = [clone(original, base / f"copy{n}") for n in range(4)]
        for each in copies[:3]:
            trust.allow(read(each))
            shutil.rmtree(each)
        assert found(copies[3])


# What git writes, and what people write by hand, sometimes wrongly.
_NAMES = st.sampled_from(["origin", "up", "a.b", 'q\\"q', "Origin", "or\\igin"])
_KEYS = st.sampled_from(["\turl", "url ", "URL", "pushurl", "fetch", "url2", "# url", ";url", "u_rl"])
_ODD = ["../x", "x", "", '"https://a/b"', "https://a/b # c", "https://a/b;c", "https://a/\\\nb", "https://a/ b"]
_ODDER = ["file:///x \t", "https://a/b\\", 'x" \\\n y"', "# \\", '"# "', '"', "\\n", "\\x"]
_VALUES = st.sampled_from([ADDRESS, "git@code.example:team/x.git", "/srv/git/x.git", *_ODD, *_ODDER])
_LINES = st.one_of(
    st.builds('[remote "{}"]\n\turl = {}'.format, _NAMES, _VALUES),
    st.builds('[remote "{}"]'.format, _NAMES),
    st.builds('  [ReMote   "{}"] ; note'.format, _NAMES),
    st.builds("{}= {}".format, _KEYS, _VALUES),
    st.sampled_from(["[core]", "[remote]", "[remote.origin]", "url", "# note \\", "; note", "", "\\", "[core] a = b"]),
    st.text(alphabet='[]"\\=#; \tremoteurl\n', max_size=12),
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_LINES, max_size=7).map("\n".join))
def test_an_address_that_is_found_is_the_one_that_git_finds(base: Path, text: str) -> None:
    config = base / "config"
    config.write_text(text)
    address = clones.remote(str(base))
    if address is None:
        return
    command = ["git", "config", "-f", str(config), "--get-regexp", r"^remote\..*\.url$"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, f"git does not read this at all: {done.stderr}"
    named = [line.rpartition(" ")[::2] for line in done.stdout.splitlines() if line.partition(" ")[2]]
    wanted = [value for key, value in named if key == "remote.origin.url"] or [value for _, value in named]
    assert wanted == [address]
