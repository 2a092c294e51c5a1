"""What the user's settings allow, and what they never do."""

from __future__ import annotations

import grp
import json
import os
import pwd
from typing import TYPE_CHECKING

import pytest

from devshell import config, project, trust, trusted
from devshell.config import Config
from devshell.errors import ConfigError, DevshellError, TrustError
from devshell.snapshot import File, Role, Snapshot
from devshell.trust import Standing

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Place

STRANGER = 54321
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder as one would trust it, whatever the umask."""
    return folder(tmp_path.resolve() / "work")


def folder(path: Path, mode: int = 0o755) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    return path


def write(path: Path, content: str = "", mode: int = 0o644) -> Path:
    path.write_text(content)
    path.chmod(mode)
    return path


def made(root: Path, manifest: str = "[tools]\n") -> Snapshot:
    write(folder(root) / "devshell.toml", manifest)
    return read(root)


def read(root: Path) -> Snapshot:
    return project.read(project.find(root))


def trusting(*folders: object) -> Config:
    return Config(trusted=tuple(map(str, folders)))


def objection(snapshot: Snapshot, *folders: object) -> str:
    found = trust.by_settings(snapshot, trusting(*folders))
    assert not found
    return found.objection or ""


class TestFolders:
    def test_a_project_in_a_trusted_folder_is_allowed_and_stays_so_after_changes(self, work: Path) -> None:
        found = made(work / "pro")
        assert trust.by_settings(found, trusting(work)).setting == "trusted"
        assert trust.standing(found) is Standing.UNKNOWN, "looking allows nothing"
        trust.require(found, None, trusting(work))
        assert trust.standing(found) is Standing.ALLOWED
        changed = made(work / "pro", "[tools]\n# other\n")
        assert trust.standing(changed) is Standing.CHANGED
        trust.require(changed, None, trusting(work))
        assert trust.standing(changed) is Standing.ALLOWED

    @pytest.mark.parametrize(
        ("named", "covered"),
        [("pro-e", True), ("", True), ("pro", False), ("pro-evil", False), ("pro-e/inner", False), ("gone", False)],
    )
    def test_folders_are_compared_component_by_component(self, work: Path, named: str, covered: object) -> None:
        folder(work / "pro")
        folder(work / "pro-evil")
        found = made(work / "pro-e")
        assert bool(trust.by_settings(found, trusting(work / named))) is bool(covered)
        assert bool(trust.by_settings(found, trusting(f"{work / named}/"))) is bool(covered)

    def test_a_way_up_leaves_the_folder(self, work: Path) -> None:
        found = made(work / "evil")
        folder(work / "good")
        assert not trust.by_settings(found, trusting(work / "good"))
        assert not trust.by_settings(read(work / "good" / ".." / "evil"), trusting(work / "good"))
        assert trust.by_settings(found, trusting(work / "good" / ".."))

    def test_one_good_folder_is_enough(self, work: Path) -> None:
        found = made(work / "mine" / "pro")
        work.chmod(0o1777)
        assert "everybody" in objection(found, work, "/gone")
        assert trust.by_settings(found, trusting(work, work / "mine"))

    def test_real_paths_count_on_both_sides(self, work: Path) -> None:
        made(work / "real" / "pro")
        stranger = made(work / "stranger")
        (work / "link").symlink_to("real")
        assert trust.by_settings(read(work / "real" / "pro"), trusting(work / "link"))
        assert trust.by_settings(read(work / "link" / "pro"), trusting(work / "real"))
        (work / "real" / "in").symlink_to(stranger.root)
        assert not trust.by_settings(read(work / "real" / "in"), trusting(work / "real"))

    def test_deny_wins(self, work: Path) -> None:
        found = made(work / "pro")
        trust.require(found, None, trusting(work))
        trust.deny(found.root)
        assert not trust.by_settings(found, trusting(work))
        for manifest in ("[tools]\n", "[tools]\n# other\n"):
            with pytest.raises(TrustError, match="denied"):
                trust.require(made(work / "pro", manifest), lambda *_: True, trusting(work))

    def test_a_denial_that_comes_in_between_is_not_lost(self, work: Path) -> None:
        found = made(work / "pro")

        def asked(*_: object) -> bool:
            trust.deny(found.root)
            return True

        with pytest.raises(TrustError, match="denied"):
            trust.require(found, asked, Config())
        with pytest.raises(TrustError, match="denied"):
            trust.allow_unless_denied(found)
        assert trust.standing(found) is Standing.DENIED

    def test_what_devshell_changes_stays_allowed_only_if_it_was_until_then(self, work: Path) -> None:
        old = made(work / "pro")
        new = made(work / "pro", "[tools]\n# new\n")
        with pytest.raises(TrustError, match="not allowed"):
            trust.keep_allowed(old, new)
        trust.allow(old)
        trust.keep_allowed(old, new)
        assert trust.standing(new) is Standing.ALLOWED
        with pytest.raises(TrustError, match="changed"):
            trust.keep_allowed(old, new)
        trust.deny(old.root)
        with pytest.raises(TrustError, match="denied"):
            trust.keep_allowed(new, old)
        assert trust.standing(old) is Standing.DENIED

    def test_the_whole_disk_is_never_trusted(self, work: Path) -> None:
        (work / "all").symlink_to("/")
        found = made(work / "pro")
        assert "the whole disk" in objection(found, work / "all")
        assert "the whole disk" in objection(found, "/usr/..")

    def test_an_objection_is_said_and_an_answer_still_helps(self, work: Path) -> None:
        found = made(work / "pro")
        work.chmod(0o777)
        with pytest.raises(TrustError) as caught:
            trust.require(found, None, trusting(work))
        assert f"everybody on this machine may write {str(work)!r}" in caught.value.message
        assert "devshell allow" in (caught.value.hint or "")
        trust.require(found, lambda *_: True, trusting(work))
        assert trust.standing(found) is Standing.ALLOWED

    @pytest.mark.parametrize("mode", [0o777, 0o1777])
    def test_a_folder_where_everybody_makes_files_is_not_honoured(self, work: Path, mode: int) -> None:
        found = made(work / "pro")
        work.chmod(mode)
        assert "everybody" in objection(found, work)
        assert "everybody" in objection(found, work / ".")

    def test_a_sticky_folder_above_is_fine_and_another_is_not(self, work: Path) -> None:
        found = made(work / "mine" / "pro")
        work.chmod(0o1777)
        assert trust.by_settings(found, trusting(work / "mine"))
        work.chmod(0o777)
        assert "everybody" in objection(found, work / "mine")

    @pytest.mark.parametrize("named", ["dotenv.files", "settings.watch"])
    def test_files_that_others_may_write_are_not_honoured_inside_the_project_either(
        self, work: Path, named: str
    ) -> None:
        write(folder(work / "pro" / "sub") / "file", "A=1\n", 0o666)
        found = made(work / "pro", f"{named} = ['sub/file']")
        assert "everybody" in objection(found, work)
        (work / "pro" / "sub" / "file").chmod(0o644)
        assert trust.by_settings(read(work / "pro"), trusting(work))
        (work / "pro" / "sub").chmod(0o777)
        assert "everybody" in objection(read(work / "pro"), work)

    def test_a_lock_that_others_may_write_is_not_honoured(self, work: Path) -> None:
        made(work / "pro")
        write(work / "pro" / "devshell.lock", mode=0o666)
        assert "everybody" in objection(read(work / "pro"), work)

    def test_the_group_may_write_only_where_it_is_the_users_own(self, work: Path) -> None:
        found = made(work / "pro")
        user = pwd.getpwuid(os.geteuid())
        group = grp.getgrgid(work.stat().st_gid)
        work.chmod(0o775)
        own = group.gr_gid == 0 or (group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name})
        assert bool(trust.by_settings(found, trusting(work))) is own
        if os.geteuid() == 0:
            os.chown(work, 0, STRANGER)
            assert f"the group number {STRANGER}" in objection(found, work)

    @needs_root
    @pytest.mark.parametrize("what", [".", "pro", "pro/.env", "pro/devshell.lock"])
    def test_what_belongs_to_somebody_else_is_not_honoured(self, work: Path, what: str) -> None:
        made(work / "pro", "dotenv.files = ['.env']")
        for name in (".env", "devshell.lock"):
            write(work / "pro" / name)
        assert trust.by_settings(read(work / "pro"), trusting(work))
        os.chown(work / what, STRANGER, STRANGER)
        try:
            found = read(work / "pro")
        except DevshellError:
            assert what == "pro", "git's rule refuses the folder before any setting is looked at"
            return
        assert f"user number {STRANGER}" in objection(found, work)

    @needs_root
    def test_a_link_of_somebody_else_leads_nowhere(self, work: Path) -> None:
        found = made(work / "real" / "pro")
        open_to_all = folder(work / "tmp", 0o1777)
        (open_to_all / "link").symlink_to(work / "real")
        assert trust.by_settings(found, trusting(open_to_all / "link"))
        os.chown(open_to_all / "link", STRANGER, STRANGER, follow_symlinks=False)
        assert f"user number {STRANGER}" in objection(found, open_to_all / "link")

    @needs_root
    def test_the_owner_counts_as_it_was_when_the_file_was_read(self, work: Path) -> None:
        found = made(work / "pro")
        foreign = File(str(work / "pro" / ".env"), Role.DOTENV, b"A=1\n", owner=STRANGER, mode=0o644)
        write(work / "pro" / ".env", "A=1\n")
        assert f"user number {STRANGER}" in objection(Snapshot(found.root, (*found.files, foreign)), work)

    def test_links_in_a_circle_are_an_objection(self, work: Path) -> None:
        found = made(work / "pro")
        (work / "a").symlink_to("b")
        (work / "b").symlink_to("a")
        assert "too many links" in (trusted.objection(found, str(work / "a")) or "")

    @pytest.mark.usefixtures("powerless")
    def test_what_may_not_be_looked_at_vouches_for_nothing(self, work: Path) -> None:
        found = made(work / "pro")
        (work / "pro").chmod(0o000)
        try:
            assert "cannot be looked at" in objection(found, work)
        finally:
            (work / "pro").chmod(0o755)


class TestSettings:
    @pytest.mark.parametrize("typed", ["/", "//", "work", "./work", "", '["/work", "/"]', '["/a\\u0000b"]'])
    def test_what_is_no_narrower_than_the_disk_cannot_be_set(self, tmp_path: Path, typed: str) -> None:
        (tmp_path / "config.toml").write_text(f"trusted = {typed if typed.startswith('[') else json.dumps(typed)}")
        with pytest.raises(ConfigError, match="trusted"):
            config.load(tmp_path / "config.toml")

    def test_the_settings_are_read_as_typed(self, own_folders: Place, tmp_path: Path) -> None:
        file = tmp_path / "settings.toml"
        assert config.load(file) == Config(trusted=(), trust_clones="off", auto_sync=False, greeting="tools")
        config.set_value(file, "trusted", "~/work, /srv/team work")
        config.set_value(file, "auto_sync", "true")
        config.set_value(file, "greeting", "off")
        config.set_value(file, "trust_clones", "worktrees")
        found = config.load(file)
        assert found.trusted == (str(own_folders.home / "work"), "/srv/team work")
        assert (found.auto_sync, found.greeting, found.trust_clones) == (True, "off", "worktrees")
        for typed, value in (("true", "clones"), ("false", "off"), ("clones", "clones")):
            config.set_value(file, "trust_clones", typed)
            assert config.load(file).trust_clones == value

    @pytest.mark.parametrize(
        ("name", "typed", "words"),
        [
            ("greeting", "loud", "tools, name, off"),
            ("greeting", "nam", "did you mean 'name'?"),
            ("greeting", "3", "one of"),
            ("trust_clones", "worktree", "did you mean 'worktrees'?"),
            ("auto_sync", "yes", "true or false"),
        ],
    )
    def test_a_wrong_word_names_the_right_ones(self, tmp_path: Path, name: str, typed: str, words: str) -> None:
        with pytest.raises(ConfigError) as caught:
            config.set_value(tmp_path / "config.toml", name, typed)
        assert words in caught.value.message

    def test_without_settings_only_the_environment_counts(self, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        found = made(work / "pro")
        assert not trust.by_settings(found, None)
        assert not trust.by_settings(found, Config())
        monkeypatch.setenv("DEVSHELL_TRUST", str(work))
        assert trust.by_settings(found, None).setting == "DEVSHELL_TRUST"
        trust.deny(found.root)
        assert not trust.by_settings(found, None)


class TestCommands:
    def test_acting_commands_honour_a_trusted_folder_and_status_says_it(self, place: Place) -> None:
        place.write("devshell.toml", "[tasks]\ngo = 'echo ran'\n")
        place.run("run", "go").failed()
        place.run("config", "set", "trusted", str(place.project)).ok()
        facts = json.loads(place.run("status", "--json").ok().out)
        assert (facts["trust"], facts["trusted_by"], facts["next"]) == ("not allowed", "trusted", "devshell sync")
        assert not (place.base / "state").exists(), "reading records nothing"
        assert "your `trusted` allows it" in place.run("status").ok().out
        place.run("lock").ok()
        facts = json.loads(place.run("status", "--json").ok().out)
        assert (facts["trust"], facts["trusted_by"]) == ("allowed", None)
        place.write("devshell.toml", "[tasks]\ngo = 'echo other'\n")
        place.run("lock").ok()
        place.run("deny").ok()
        assert "denied" in place.run("lock").failed().err
        facts = json.loads(place.run("status", "--json").ok().out)
        assert (facts["trust"], facts["trusted_by"], facts["next"]) == ("denied", None, "devshell allow")

    def test_status_says_why_a_trusted_folder_is_not_honoured(self, place: Place) -> None:
        place.write("devshell.toml", "")
        place.write("devshell.lock", "")
        (place.project / "devshell.lock").chmod(0o666)
        place.run("config", "set", "trusted", str(place.project)).ok()
        assert "everybody on this machine may write" in place.run("status").ok().out
        facts = json.loads(place.run("status", "--json").ok().out)
        assert "everybody" in facts["trust_objection"]
        assert facts["next"] == "devshell allow"

    def test_broken_settings_allow_nothing_and_status_goes_on(self, place: Place) -> None:
        place.write("devshell.toml", "")
        (place.base / "config").mkdir()
        (place.base / "config" / "config.toml").write_text("trusted = 3\n")
        done = place.run("status").ok()
        assert "trusted must be" in done.err
        assert "not allowed" in done.out
        place.run("lock").failed()
