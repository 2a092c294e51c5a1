from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from devshell import manifest, project
from devshell.errors import DevshellError, ManifestError, ManyErrors, ProjectError
from devshell.snapshot import Role, Snapshot

STRANGER = 54321
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return folder(tmp_path.resolve() / "project")


def folder(path: Path, mode: int = 0o755) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    return path


def write(path: Path, content: str | bytes = "", mode: int = 0o644) -> Path:
    # Tests run with any umask, and what everybody may write is refused.
    if not path.parent.exists():
        folder(path.parent)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def refused(start: Path) -> ProjectError:
    with pytest.raises(ProjectError) as caught:
        project.find(start)
    assert caught.value.hint
    return caught.value


def unreadable(root: Path) -> DevshellError:
    with pytest.raises(DevshellError) as caught:
        project.read(root)
    assert caught.value.hint
    assert caught.value.place is not None
    return caught.value


def summary(snapshot: Snapshot) -> list[tuple[str, str, bytes | None]]:
    return [(f.role.value, os.path.relpath(f.path, snapshot.root), f.content) for f in snapshot.files]


class TestFind:
    def test_the_nearest_folder_with_a_manifest_is_the_project(self, root: Path) -> None:
        write(root / "devshell.toml")
        write(root / "inner" / "devshell.toml")
        deep = folder(root / "inner" / "a" / "b")
        other = folder(root / "other")
        assert project.find(root) == root
        assert project.find(other) == root
        assert project.find(deep) == root / "inner"

    def test_a_name_that_begins_alike_is_another_folder(self, root: Path) -> None:
        write(root / "pro-evil" / "devshell.toml")
        write(root / "pro-e" / "file")
        assert "no devshell.toml" in refused(root / "pro-e").message
        write(root / "devshell.toml.bak")
        write(root / "xdevshell.toml")
        assert "no devshell.toml" in refused(root).message

    def test_nothing_found_says_how_to_begin(self, root: Path) -> None:
        assert "devshell init" in (refused(root).hint or "")

    def test_links_are_followed_to_the_real_path(self, root: Path) -> None:
        real = folder(root / "real")
        write(real / "devshell.toml")
        folder(real / "sub")
        (root / "link").symlink_to("real")
        (root / "deep").symlink_to("real/sub")
        write(root / "devshell.toml")
        assert project.find(root / "link") == real
        assert project.find(root / "deep") == real
        assert project.find(root / "deep" / "..") == real

    def test_relative_and_doubled_slashes_are_the_same_project(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(root / "devshell.toml")
        folder(root / "sub")
        monkeypatch.chdir(root / "sub")
        assert project.find(Path()) == root
        assert str(project.find(Path(f"/{root}"))) == str(root)

    def test_a_file_counts_as_its_folder(self, root: Path) -> None:
        assert project.find(write(root / "devshell.toml")) == root

    @pytest.mark.parametrize("name", ["sp ace", "new\nline", "q'u\"o$te`s", "ünï", "-dash", "\\b", "a.state"])
    def test_odd_names_are_fine(self, root: Path, name: str) -> None:
        write(root / name / "devshell.toml")
        assert project.find(root / name) == root / name
        assert project.read(root / name).root == str(root / name)

    def test_a_path_that_is_not_utf8_is_fine(self, root: Path) -> None:
        odd = folder(Path(os.fsdecode(os.fsencode(root) + b"/\xff")))
        write(odd / "devshell.toml")
        assert project.find(odd) == odd
        assert manifest.parse(project.read(odd)).base.env == ()

    def test_a_folder_that_does_not_exist_is_no_way_to_one_above(self, root: Path) -> None:
        write(root / "devshell.toml")
        assert "there is no folder" in refused(root / "gone").message

    def test_a_folder_deleted_meanwhile(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        gone = folder(root / "gone")
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert "there is no folder" in refused(Path()).message

    def test_the_name_of_state_folders_is_refused(self, root: Path) -> None:
        write(root / ".state" / "in" / "devshell.toml")
        assert "'.state'" in refused(root / ".state" / "in").message

    def test_a_manifest_that_leads_nowhere_is_refused_not_skipped(self, root: Path) -> None:
        write(root / "devshell.toml")
        inner = folder(root / "inner")
        (inner / "devshell.toml").symlink_to("gone")
        assert "leads nowhere" in refused(inner).message

    def test_a_manifest_that_everybody_may_write_is_refused_not_skipped(self, root: Path) -> None:
        write(root / "devshell.toml")
        write(root / "inner" / "devshell.toml", mode=0o666)
        error = refused(root / "inner")
        assert "everybody on this machine may write" in error.message
        assert f"chmod o-w {root}/inner/devshell.toml" in (error.hint or "")

    def test_a_folder_that_everybody_may_write_is_refused_unless_sticky(self, root: Path) -> None:
        write(root / "devshell.toml")
        root.chmod(0o777)
        assert "everybody on this machine may write" in refused(root).message
        root.chmod(0o1777)
        assert project.find(root) == root

    def test_what_the_group_may_write_is_fine(self, root: Path) -> None:
        write(root / "devshell.toml", mode=0o664)
        root.chmod(0o775)
        assert project.find(root) == root

    @needs_root
    @pytest.mark.parametrize("what", ["devshell.toml", "."])
    def test_what_belongs_to_somebody_else_is_refused(self, root: Path, what: str) -> None:
        write(root / "devshell.toml")
        os.chown(root / what, STRANGER, STRANGER)
        assert f"belongs to user number {STRANGER}, not to you" in refused(root).message

    @needs_root
    def test_the_user_who_called_sudo_counts_as_oneself(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(root / "devshell.toml")
        os.chown(root / "devshell.toml", STRANGER, STRANGER)
        monkeypatch.setenv("SUDO_UID", str(STRANGER))
        assert project.find(root) == root
        assert project.read(root).one(Role.MANIFEST).owner == STRANGER

    @needs_root
    @pytest.mark.parametrize("number", ["", "²", "-1", "54321x", " 54321"])
    def test_a_caller_of_sudo_that_is_no_number_counts_as_nobody(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, number: str
    ) -> None:
        write(root / "devshell.toml")
        monkeypatch.setenv("SUDO_UID", number)
        assert project.find(root) == root
        os.chown(root / "devshell.toml", STRANGER, STRANGER)
        assert f"belongs to user number {STRANGER}" in refused(root).message

    @needs_root
    def test_a_link_of_somebody_else_is_refused(self, root: Path) -> None:
        write(root / "real.toml")
        (root / "devshell.toml").symlink_to("real.toml")
        assert project.find(root) == root
        os.chown(root / "devshell.toml", STRANGER, STRANGER, follow_symlinks=False)
        assert f"belongs to user number {STRANGER}" in refused(root).message


class TestRead:
    def test_there_are_always_manifest_local_file_and_lock(self, root: Path) -> None:
        expected = [("manifest", "devshell.toml", None), ("local", "devshell.local.toml", None)]
        assert summary(project.read(root)) == [*expected, ("lock", "devshell.lock", None)]

    def test_all_that_is_named_is_read_in_order(self, root: Path) -> None:
        write(
            root / "devshell.toml",
            'include = ["../shared/a.toml", "b.toml"]\n[dotenv]\nfiles = [".env", "gone.env"]\n'
            '[settings]\nwatch = ["package.json", ".env", "devshell.lock", "gone/x"]\n'
            '[shells.ci]\ndotenv.files = [".env.ci"]',
        )
        write(root / "../shared/a.toml", 'include = ["deep/c.toml"]\n[dotenv]\nfiles = [".env.a"]')
        write(root / "../shared/deep/c.toml", 'settings.watch = ["c.txt"]')
        write(root / "b.toml", 'include = ["../shared/deep/c.toml"]')
        write(root / "devshell.local.toml", 'include = ["l.toml"]\ndotenv.files = [".env.l"]')
        write(root / "l.toml")
        write(root / "devshell.lock", "lock")
        write(root / ".env", "A=1")
        write(root / "package.json", "{}")
        snapshot = project.read(root)
        assert [(role, path) for role, path, _ in summary(snapshot)] == [
            ("manifest", "devshell.toml"),
            ("include", "../shared/a.toml"),
            ("include", "../shared/deep/c.toml"),
            ("include", "b.toml"),
            ("local", "devshell.local.toml"),
            ("include", "l.toml"),
            ("lock", "devshell.lock"),
            ("dotenv", ".env"),
            ("dotenv", "gone.env"),
            ("dotenv", ".env.ci"),
            ("dotenv", ".env.a"),
            ("dotenv", ".env.l"),
            ("watch", "package.json"),
            ("watch", "gone/x"),
            ("watch", "c.txt"),
        ]
        assert all(os.path.isabs(file.path) and ".." not in file.path for file in snapshot.files)
        assert [file.content for file in snapshot.all(Role.DOTENV)] == [b"A=1", None, None, None, None]
        assert project.read(root) == snapshot
        assert manifest.parse(snapshot).settings.watch == ("c.txt", "package.json", ".env", "devshell.lock", "gone/x")

    def test_owner_mode_and_time_are_kept(self, root: Path) -> None:
        path = write(root / "devshell.toml", "", mode=0o640)
        os.utime(path, ns=(5, 1_234_567_890_123_456_789))
        file = project.read(root).one(Role.MANIFEST)
        assert (file.owner, file.mode, file.mtime_ns) == (path.stat().st_uid, 0o640, 1_234_567_890_123_456_789)

    @pytest.mark.parametrize(
        "content", [b"include = ['x.toml'", b"\xff", b"\0", b"include = 3", b"[[env]]", b"x=" + b"[" * 9999]
    )
    def test_broken_content_is_read_and_names_nothing(self, root: Path, content: bytes) -> None:
        write(root / "devshell.toml", content)
        write(root / "devshell.local.toml", "[dotenv]\nfiles = ['.env']")
        snapshot = project.read(root)
        assert [file.role for file in snapshot.files] == [Role.MANIFEST, Role.LOCAL, Role.LOCK, Role.DOTENV]
        with pytest.raises(ManyErrors):
            manifest.parse(snapshot)

    def test_a_circle_and_a_missing_include_are_left_to_the_parser(self, root: Path) -> None:
        write(root / "devshell.toml", 'include = ["a.toml", "gone.toml"]')
        write(root / "a.toml", 'include = ["devshell.toml", "a.toml"]')
        snapshot = project.read(root)
        assert [os.path.basename(file.path) for file in snapshot.all(Role.INCLUDE)] == ["a.toml", "gone.toml"]
        with pytest.raises(ManyErrors) as caught:
            manifest.parse(snapshot)
        assert [str(e.place).replace(str(root), "") for e in caught.value.errors] == [
            "/devshell.toml:1: include[1]",
            "/a.toml:1: include[0]",
            "/a.toml:1: include[1]",
        ]

    @pytest.mark.parametrize("wide", [True, False])
    def test_includes_end_somewhere(self, root: Path, wide: bool) -> None:  # noqa: FBT001 - a parameter of the test
        if wide:
            write(root / "devshell.toml", f"include = {[f'f{n}.toml' for n in range(100)]}")
        else:
            write(root / "devshell.toml", 'include = ["f0.toml"]')
        for n in range(100):
            write(root / f"f{n}.toml", "" if wide else f'include = ["f{n + 1}.toml"]')
        snapshot = project.read(root)
        assert len(snapshot.all(Role.INCLUDE)) == (64 if wide else 16)
        with pytest.raises(ManyErrors) as caught:
            manifest.parse(snapshot)
        assert all("was not read" in error.message for error in caught.value.errors)
        assert len(caught.value.errors) == (36 if wide else 1)

    def test_a_circle_through_a_link_ends_somewhere(self, root: Path) -> None:
        (root / "again").symlink_to(".")
        write(root / "devshell.toml", 'include = ["again/devshell.toml"]')
        with pytest.raises(ManyErrors):
            manifest.parse(project.read(root))

    def test_including_the_local_file_makes_it_no_other_file(self, root: Path) -> None:
        write(root / "devshell.toml", 'include = ["devshell.local.toml"]')
        write(root / "devshell.local.toml", '[env]\nA = "x"')
        snapshot = project.read(root)
        assert [file.role for file in snapshot.files] == [Role.MANIFEST, Role.LOCAL, Role.LOCK]
        assert manifest.parse(snapshot).base.env[0].value == "x"

    @pytest.mark.parametrize(
        "named", ["include = ['x.toml']", "dotenv.files = ['x.toml']", "settings.watch = ['x.toml']"]
    )
    @pytest.mark.parametrize("kind", ["pipe", "folder", "device", "loop"])
    def test_what_is_no_regular_file_is_refused_with_its_place(self, root: Path, named: str, kind: str) -> None:
        path = root / "x.toml"
        match kind:
            case "pipe":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case "device":
                path.symlink_to("/dev/zero")
            case "loop":
                path.symlink_to("x.toml")
        write(root / "devshell.toml", f"\n{named}")
        error = unreadable(root)
        assert isinstance(error, ManifestError)
        key = named.partition(" ")[0]
        assert str(error.place) == f"{root}/devshell.toml:2: {key}[0]"

    @pytest.mark.parametrize("name", ["devshell.toml", "devshell.local.toml", "devshell.lock"])
    def test_ones_own_files_are_regular_too(self, root: Path, name: str) -> None:
        os.mkfifo(root / name)
        assert name in unreadable(root).message

    def test_files_are_bounded_in_size(self, root: Path) -> None:
        write(root / "devshell.toml", "include = ['a.toml']\ndotenv.files = ['.env']\nsettings.watch = ['w']")
        for name, size in (("a.toml", 1 << 18), (".env", 1 << 20), ("w", 16 << 20)):
            write(root / name)
            os.truncate(root / name, size + 1)
        with pytest.raises(ManyErrors) as caught:
            project.read(root)
        assert [error.place.key for error in caught.value.errors if error.place] == [
            "include[0]",
            "dotenv.files[0]",
            "settings.watch[0]",
        ]

    def test_files_are_bounded_together(self, root: Path) -> None:
        write(root / "devshell.toml", f"settings.watch = {[f'w{n}' for n in range(6)]}")
        for n in range(6):
            os.truncate(write(root / f"w{n}"), 16 << 20)
        assert "the project names more than" in unreadable(root).message
        write(root / "devshell.toml", f"settings.watch = {[f'gone{n}' for n in range(1100)]}")
        assert "the project names more than" in unreadable(root).message

    def test_several_refusals_come_together(self, root: Path) -> None:
        write(root / "devshell.toml", "include = ['a.toml', 'b.toml']")
        folder(root / "a.toml")
        write(root / "b.toml", mode=0o666)
        with pytest.raises(ManyErrors) as caught:
            project.read(root)
        assert [error.place.key for error in caught.value.errors if error.place] == ["include[0]", "include[1]"]

    def test_includes_that_everybody_may_write_are_refused(self, root: Path) -> None:
        write(root / "devshell.toml", "include = ['../shared/a.toml']")
        shared = folder(root.parent / "shared")
        write(shared / "a.toml", mode=0o646)
        assert "everybody on this machine may write" in unreadable(root).message
        (shared / "a.toml").chmod(0o644)
        shared.chmod(0o777)
        assert "everybody on this machine may write" in unreadable(root).message
        shared.chmod(0o1777)
        assert len(project.read(root).files) == 4

    def test_own_files_that_everybody_may_write_are_refused(self, root: Path) -> None:
        write(root / "devshell.toml")
        write(root / "devshell.local.toml", mode=0o666)
        assert "devshell.local.toml" in unreadable(root).message

    @pytest.mark.parametrize("named", ["dotenv.files", "settings.watch"])
    def test_only_outside_the_project_are_dotenv_and_watched_files_judged(self, root: Path, named: str) -> None:
        write(root / "devshell.toml", f"{named} = ['inside']")
        write(root / "inside", "A=1", mode=0o666)
        assert len(project.read(root).files) == 4
        write(root / "devshell.toml", f"{named} = ['../outside']")
        write(root.parent / "outside", "A=1", mode=0o666)
        assert "everybody on this machine may write" in unreadable(root).message
        write(root / "devshell.toml", f"{named} = ['link']")
        (root / "link").symlink_to("../outside")
        assert "everybody on this machine may write" in unreadable(root).message
        (root.parent / "outside").chmod(0o600)
        assert len(project.read(root).files) == 4

    @needs_root
    def test_what_others_own_is_refused(self, root: Path) -> None:
        write(root / "devshell.toml", "include = ['../shared/a.toml']\ndotenv.files = ['../.env', '.env']")
        for name in ("../shared/a.toml", "../.env", ".env"):
            os.chown(write(root / name), STRANGER, STRANGER)
        with pytest.raises(ManyErrors) as caught:
            project.read(root)
        assert [(error.place.key, str(STRANGER) in error.message) for error in caught.value.errors if error.place] == [
            ("include[0]", True),
            ("dotenv.files[0]", True),
        ]
        for name in ("devshell.toml", "devshell.local.toml"):
            os.chown(write(root / name), STRANGER, STRANGER)
            assert name in unreadable(root).message
            os.chown(root / name, 0, 0)

    @needs_root
    def test_links_and_folders_of_others_are_refused(self, root: Path) -> None:
        write(root / "devshell.toml", "include = ['../shared/a.toml']")
        shared = folder(root.parent / "shared")
        write(root / "real.toml")
        (shared / "a.toml").symlink_to(root / "real.toml")
        assert len(project.read(root).files) == 4
        os.chown(shared / "a.toml", STRANGER, STRANGER, follow_symlinks=False)
        assert f"belongs to user number {STRANGER}" in unreadable(root).message
        (shared / "a.toml").unlink()
        write(shared / "a.toml")
        os.chown(shared, STRANGER, STRANGER)
        assert f"belongs to user number {STRANGER}" in unreadable(root).message

    @pytest.mark.usefixtures("powerless")
    def test_what_may_not_be_read_is_refused(self, root: Path) -> None:
        write(root / "devshell.toml", "dotenv.files = ['.env']")
        write(root / ".env", mode=0o000)
        assert str(unreadable(root).place) == f"{root}/devshell.toml:1: dotenv.files[0]"


class TestWrite:
    def test_the_snapshot_holds_what_was_written(self, root: Path) -> None:
        path = write(root / "devshell.toml", "", mode=0o640)
        write(root / "devshell.lock", "old")
        before = project.read(root)
        after = project.write(before, Role.LOCK, b"new")
        assert after == project.read(root)
        assert after.one(Role.LOCK).content == b"new"
        after = project.write(after, Role.MANIFEST, b"# x")
        assert after == project.read(root)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_a_new_lock_is_for_everyone_to_read(self, root: Path) -> None:
        write(root / "devshell.toml")
        after = project.write(project.read(root), Role.LOCK, b"new")
        assert after.one(Role.LOCK).mode & 0o022 == 0
        assert after == project.read(root)
