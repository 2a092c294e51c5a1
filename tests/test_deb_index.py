from __future__ import annotations

import hashlib
import os
import string
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.config import Config
from devshell.errors import (
    ConfigError,
    DevshellError,
    FetchError,
    ResolveError,
    StateError,
    UnreachableError,
)
from devshell.fetch import Fetcher
from devshell.sources import World
from devshell.sources.deb import keyring, packages, release, seen, table
from devshell.sources.deb.packages import Package, index, indexes
from devshell.sources.deb.release import ReleaseError
from devshell.sources.deb.suites import FRESH, folder
from support.deb_archive import Archive, Deb, Key, stamp
from support.server import Behaviour, LyingServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Place

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def key() -> Key:
    return Key()


@pytest.fixture
def archive(tmp_path: Path, key: Key) -> Archive:
    found = Archive(tmp_path / "debian", key=key)
    found.add(
        Deb("jq", "1.7-1", depends="libjq1 (= 1.7-1), libc6 (>= 2.38)", pre_depends="dpkg", source="jqsource (1.7)"),
        Deb("jq", "1.7-1", "arm64"),
        Deb("jq", "1.7-1+deb13u1", suite="-security"),
        Deb("tzdata", "2026c-0+deb13u1", "all", suite="-updates"),
        Deb("mawk", provides="awk, awk-like (= 1.0),editor"),
        Deb("gawk", provides="awk"),
        Deb("a", "1:2.0~rc1-1"),
    )
    found.publish()
    return found


@pytest.fixture
def worlds(own_folders: Place) -> Iterator[Callable[..., World]]:
    """Make worlds as separate commands have them: each with a fetcher of its own, and one cache."""
    made = []

    def make(settings: Config, *, offline: bool = False, notes: list[str] | None = None) -> World:
        said = [] if notes is None else notes
        made.append(Fetcher(own_folders.base / "cache", attempts=1, pause=0.01, offline=offline))
        return World(made[-1], settings, note=said.append)

    yield make
    for fetcher in made:
        fetcher.close()


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as running:
        yield running


def refused(archive: Archive, worlds: Callable[..., World], words: str, **more: object) -> None:
    with pytest.raises(ReleaseError, match=words) as caught:
        index(worlds(archive.config(**more)), "trixie", "amd64")
    assert caught.value.hint
    # What was refused once is not taken from the cache later.
    with pytest.raises(ReleaseError, match=words):
        index(worlds(archive.config(**more)), "trixie", "amd64")


def grow_old(*, seconds: float = FRESH) -> None:
    """Let time pass: what was asked is as if asked so long before."""
    for file in folder().glob("*.json"):
        then = file.stat().st_mtime - seconds
        os.utime(file, (then, then))


# what it holds


def test_packages_are_found_by_name_in_all_suites(archive: Archive, worlds: Callable[..., World]) -> None:
    found = index(worlds(archive.config()), "trixie", "amd64")
    old, new = found.named("jq")
    deb = archive.debs[0]
    content = deb.build()
    assert old == Package(
        name="jq",
        version="1.7-1",
        architecture="amd64",
        depends="libjq1 (= 1.7-1), libc6 (>= 2.38)",
        pre_depends="dpkg",
        provides="",
        filename="pool/main/j/jqsource/jq_1.7-1_amd64.deb",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        source="jqsource",
        suite="trixie",
    )
    assert (new.version, new.suite, new.filename) == (
        "1.7-1+deb13u1",
        "trixie-security",
        "pool/updates/main/j/jq/jq_1.7-1+deb13u1_amd64.deb",
    )
    assert [(p.architecture, p.suite) for p in found.named("tzdata")] == [("all", "trixie-updates")]
    assert [p.name for p in found.named("a")] == ["a"]
    for missing in ("j", "jq1", "aa", "zzz", "", "awk", "é", "Package"):
        assert found.named(missing) == ()
    assert found.codename == "trixie"
    assert found.date == max(found.date, release.iso(NOW - HOUR))


def test_packages_are_found_by_what_they_provide(archive: Archive, worlds: Callable[..., World]) -> None:
    found = index(worlds(archive.config()), "trixie", "amd64")
    assert [p.name for p in found.providing("awk")] == ["mawk", "gawk"]
    assert [p.name for p in found.providing("awk-like")] == ["mawk"]
    assert [p.name for p in found.providing("editor")] == ["mawk"]
    for missing in ("mawk", "aw", "awk-", "1.0", "", "="):
        assert found.providing(missing) == ()


def test_both_architectures_at_once(archive: Archive, worlds: Callable[..., World]) -> None:
    found = indexes(worlds(archive.config()), "trixie", ("amd64", "arm64"))
    assert [p.architecture for name in ("amd64", "arm64") for p in found[name].named("jq")] == [
        "amd64",
        "amd64",
        "arm64",
    ]
    assert found["arm64"].named("mawk") == ()


@pytest.mark.parametrize("compressions", [("gz", "xz"), ("gz",), ("xz",), ("",)])
@pytest.mark.parametrize("by_hash", [True, False])
def test_every_way_lists_are_packed_and_placed(
    archive: Archive,
    worlds: Callable[..., World],
    server: LyingServer,
    compressions: tuple[str, ...],
    *,
    by_hash: bool,
) -> None:
    archive.publish(compressions=compressions, by_hash=by_hash)
    if by_hash:
        # The plain names hold what a mirror under way holds: something else.
        for file in archive.folder.rglob("Packages*"):
            file.write_bytes(b"newer")
    root = archive.serve(server)
    found = index(worlds(archive.config(root)), "trixie", "amd64")
    assert len(found.named("jq")) == 2
    asked = [seen.path for seen in server.seen if "Packages" in seen.path or "by-hash" in seen.path]
    assert all(("by-hash" in path) is by_hash for path in asked)
    assert len(asked) == 3


def test_updates_need_not_exist_nor_have_every_architecture(tmp_path: Path, worlds: Callable[..., World]) -> None:
    archive = Archive(tmp_path / "debian")
    archive.add(Deb("jq"), Deb("jq", architecture="arm64"))
    archive.publish()
    notes: list[str] = []
    assert len(index(worlds(archive.config(), notes=notes), "trixie", "arm64").named("jq")) == 1
    assert notes == []
    archive.architectures = ("amd64",)
    archive.publish(suites=("-updates",))
    assert len(index(worlds(archive.config(), notes=notes), "trixie", "arm64").named("jq")) == 1
    assert ["security" in note for note in notes] == [True]


def test_security_updates_may_have_an_archive_of_their_own(
    archive: Archive, worlds: Callable[..., World], tmp_path: Path, key: Key
) -> None:
    other = Archive(tmp_path / "debian-security", key=key)
    other.add(Deb("jq", "1.7-1+deb13u2", suite="-security"))
    other.publish(suites=("-security",))
    found = index(worlds(archive.config(archive.root, other.root)), "trixie", "amd64")
    assert [(p.version, p.suite) for p in found.named("jq")] == [
        ("1.7-1", "trixie"),
        ("1.7-1+deb13u2", "trixie-security"),
    ]


# what is rejected


def test_no_signature(archive: Archive, worlds: Callable[..., World]) -> None:
    archive.publish(signed=lambda content: content.partition(b"\n\n")[2].partition(b"\n-----BEGIN")[0])
    refused(archive, worlds, "the index of trixie at .* is not signed")


def test_a_page_that_is_something_else(archive: Archive, worlds: Callable[..., World]) -> None:
    archive.publish(signed=lambda _: b"<html>please log in</html>")
    refused(archive, worlds, "is not signed")


def test_a_damaged_signature(archive: Archive, worlds: Callable[..., World]) -> None:
    def damaged(content: bytes) -> bytes:
        head, mark, tail = content.partition(b"\n-----BEGIN PGP SIGNATURE-----\n\n")
        return head + mark + tail[:60] + (b"A" if tail[60:61] != b"A" else b"B") + tail[61:]

    archive.publish(signed=damaged)
    refused(archive, worlds, "changed after it was signed|no key that devshell knows|is not signed")


def test_an_unknown_key(archive: Archive, worlds: Callable[..., World], tmp_path: Path) -> None:
    archive.key = Key("Somebody Else <else@debian.example>")
    archive.publish()
    refused(archive, worlds, r"by no key that devshell knows, but by .*[0-9a-f]{16}")
    # The same archive is good for who knows the key.
    (tmp_path / "else.asc").write_text(str(archive.key.public))
    index(worlds(Config(index_deb=(archive.root,), deb_keys=(str(tmp_path / "else.asc"),))), "trixie", "amd64")


def test_debians_keys_alone_do_not_know_the_tests(archive: Archive, worlds: Callable[..., World]) -> None:
    with pytest.raises(ReleaseError, match="no key that devshell knows"):
        index(worlds(Config(index_deb=(archive.root,))), "trixie", "amd64")
    # Nor after it was believed, for who takes the key back.
    index(worlds(archive.config()), "trixie", "amd64")
    with pytest.raises(ReleaseError, match="no key that devshell knows"):
        index(worlds(Config(index_deb=(archive.root,))), "trixie", "amd64")


def test_an_expired_key(archive: Archive, worlds: Callable[..., World]) -> None:
    archive.key_file.write_text(str(archive.key.expired(datetime.now(UTC) - timedelta(seconds=1))))
    archive.publish()
    refused(archive, worlds, "its key expired on 20")


@pytest.mark.parametrize(("old", "new"), [("Codename: trixie", "Codename: forky"), ("SHA256:", "SHA256: ")])
def test_a_text_changed_after_signing(archive: Archive, worlds: Callable[..., World], old: str, new: str) -> None:
    archive.publish(signed=lambda content: content.replace(old.encode(), new.encode()))
    if new.strip() == old:
        # Blanks at the end of a line are not part of what is signed (RFC 9580, 7.2), nor of what is read.
        index(worlds(archive.config()), "trixie", "amd64")
    else:
        refused(archive, worlds, "was changed after it was signed")


@pytest.mark.parametrize(
    "around",
    [
        lambda content: b"Origin: Debian\n" + content,
        lambda content: content + b"Origin: Debian\n",
        lambda content: content + content,
        lambda content: content.replace(
            b"-----BEGIN PGP SIG", b"\n-----BEGIN PGP SIGNED MESSAGE-----\n-----BEGIN PGP SIG"
        ),
        lambda content: b"\n" + content,
    ],
)
def test_text_outside_of_what_is_signed(
    archive: Archive, worlds: Callable[..., World], around: Callable[[bytes], bytes]
) -> None:
    archive.publish(signed=around)
    refused(archive, worlds, "text that is not part of what is signed")


def test_text_slipped_into_the_head_is_not_read(archive: Archive, worlds: Callable[..., World]) -> None:
    slipped = b"-----BEGIN PGP SIGNED MESSAGE-----\nOrigin: Evil\nCodename: evil\n"
    archive.publish(
        signed=lambda content: content.replace(b"-----BEGIN PGP SIGNED MESSAGE-----\n", slipped, 1),
    )
    try:
        found = index(worlds(archive.config()), "trixie", "amd64")
    except ReleaseError:
        return
    assert len(found.named("jq")) == 2


@pytest.mark.parametrize("origin", ["Ubuntu", "debian", None])
def test_an_origin_that_is_not_debian(archive: Archive, worlds: Callable[..., World], origin: str | None) -> None:
    archive.publish(fields={"Origin": origin})
    refused(archive, worlds, "not of Debian")


def test_another_codename(archive: Archive, worlds: Callable[..., World]) -> None:
    archive.publish(fields={"Codename": "bookworm"})
    refused(archive, worlds, "of the suite 'bookworm', not of 'trixie'")


def test_a_second_field_does_not_undo_the_first(archive: Archive, worlds: Callable[..., World]) -> None:
    archive.publish(
        fields={"Codename": "bookworm"}, text=lambda text: text.replace("MD5Sum", "Codename: trixie\nMD5Sum")
    )
    refused(archive, worlds, "of the suite 'bookworm'")


def test_validity_that_is_over(archive: Archive, worlds: Callable[..., World]) -> None:
    archive.publish(date=NOW - 48 * HOUR, fields={"Valid-Until": stamp(NOW - HOUR)})
    refused(archive, worlds, "was to be used until 20.*Z, and not any longer")
    # A snapshot that the user calls one is of use for ever.
    index(worlds(archive.config(deb_snapshot=True)), "trixie", "amd64")


def test_validity_is_looked_at_again_when_what_is_kept_is_used(
    archive: Archive, worlds: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.publish(fields={"Valid-Until": stamp(NOW + 48 * HOUR)})
    index(worlds(archive.config()), "trixie", "amd64")

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp((NOW + 72 * HOUR).timestamp(), tz)

    monkeypatch.setattr(release, "datetime", Later)
    with pytest.raises(ReleaseError, match="was to be used until"):
        index(worlds(archive.config(), offline=True), "trixie", "amd64")


@pytest.mark.parametrize("until", ["soon", "Thu, 99 Foo 2026", ""])
def test_validity_that_cannot_be_understood(archive: Archive, worlds: Callable[..., World], until: str) -> None:
    archive.publish(fields={"Valid-Until": until})
    refused(archive, worlds, "no understandable way how long")


def test_a_date_in_the_future(archive: Archive, worlds: Callable[..., World]) -> None:
    archive.publish(date=NOW + 30 * HOUR)
    refused(archive, worlds, "from the future")
    archive.publish(date=NOW + HOUR)
    index(worlds(archive.config()), "trixie", "amd64")


def test_no_date(archive: Archive, worlds: Callable[..., World]) -> None:
    archive.publish(fields={"Date": None})
    refused(archive, worlds, "does not say from when")


def test_an_architecture_it_does_not_have(archive: Archive, worlds: Callable[..., World]) -> None:
    for architecture in ("riscv64", "all"):
        with pytest.raises(ResolveError, match=f"no packages for the architecture '{architecture}'"):
            index(worlds(archive.config()), "trixie", architecture)


def test_a_suite_it_does_not_have(archive: Archive, worlds: Callable[..., World]) -> None:
    with pytest.raises(ResolveError, match="has a suite 'bookworm'"):
        index(worlds(archive.config()), "bookworm", "amd64")
    for name in ("../trixie", "trixie/../..", "", "Trixie", "trixie\n"):
        with pytest.raises(ResolveError, match="not a name of Debian's"):
            index(worlds(archive.config()), name, "amd64")
        with pytest.raises(ResolveError, match="not a name of Debian's"):
            index(worlds(archive.config()), "trixie", name)


@pytest.mark.parametrize("content", [b"Package: evil\n", b""])
def test_a_list_that_is_not_the_one_that_is_signed(
    archive: Archive, worlds: Callable[..., World], server: LyingServer, content: bytes
) -> None:
    root = archive.serve(server)
    for path in (archive.suite() / "main" / "binary-amd64").rglob("*"):
        if path.is_file():
            server.serve(f"/debian/{path.relative_to(archive.folder)}", content)
    with pytest.raises(FetchError, match=r"signed|ended") as caught:
        index(worlds(archive.config(root)), "trixie", "amd64")
    assert caught.value.hint
    archive.serve(server)
    assert index(worlds(archive.config(root)), "trixie", "amd64").named("jq")


# going back


def test_an_older_one_than_was_seen_is_refused(archive: Archive, worlds: Callable[..., World]) -> None:
    archive.publish(date=NOW - 2 * HOUR)
    index(worlds(archive.config()), "trixie", "amd64")
    archive.publish(date=NOW - 3 * HOUR)
    refused(archive, worlds, "older than the one of .* that was seen there before")
    archive.publish(date=NOW - HOUR)
    index(worlds(archive.config()), "trixie", "amd64")
    archive.publish(date=NOW - 2 * HOUR)
    refused(archive, worlds, "older than")


def test_an_older_one_is_refused_without_a_cache_too(
    archive: Archive, worlds: Callable[..., World], own_folders: Place
) -> None:
    import shutil

    archive.publish(date=NOW - 2 * HOUR)
    index(worlds(archive.config()), "trixie", "amd64")
    shutil.rmtree(own_folders.base / "cache")
    archive.publish(date=NOW - 3 * HOUR)
    refused(archive, worlds, "older than")


def test_an_older_one_is_refused_with_an_old_cache_too(archive: Archive, worlds: Callable[..., World]) -> None:
    archive.publish(date=NOW - 3 * HOUR)
    index(worlds(archive.config()), "trixie", "amd64")
    old = {file: file.read_bytes() for file in [*folder().iterdir(), archive.suite() / "InRelease"]}
    archive.publish(date=NOW - 2 * HOUR)
    index(worlds(archive.config()), "trixie", "amd64")
    for file, content in old.items():
        file.write_bytes(content)
    refused(archive, worlds, "older than")


def test_an_older_security_suite_is_refused_beside_a_good_main_one(
    archive: Archive, worlds: Callable[..., World]
) -> None:
    index(worlds(archive.config()), "trixie", "amd64")
    archive.publish(date=NOW - 3 * HOUR, suites=("-security",))
    refused(archive, worlds, "the index of trixie-security at .* older than")


def test_a_snapshot_may_be_older_at_another_place_or_where_the_user_says_so(
    archive: Archive, worlds: Callable[..., World], tmp_path: Path, key: Key
) -> None:
    index(worlds(archive.config()), "trixie", "amd64")
    snapshot = Archive(tmp_path / "snapshot", key=key)
    snapshot.add(Deb("jq", "1.6-1"))
    snapshot.publish(date=NOW - 1000 * HOUR)
    assert index(worlds(snapshot.config()), "trixie", "amd64").named("jq")[0].version == "1.6-1"
    snapshot.publish(date=NOW - 2000 * HOUR)
    refused(snapshot, worlds, "older than")
    found = index(worlds(snapshot.config(deb_snapshot=True)), "trixie", "amd64")
    assert found.date == release.iso(NOW - 2000 * HOUR)
    # That did not move what was seen: the next one who does not say so is protected still.
    refused(snapshot, worlds, "older than")


def test_what_was_seen_never_moves_backwards(own_folders: Place) -> None:
    dates = [f"2026-01-{day:02}T00:00:00Z" for day in range(1, 29)]
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(
            lambda date: seen.remember("trixie", "https://a.example", date, cancelled=lambda: False),
            dates[::-1] + dates,
        ):
            pass
    assert seen.last("trixie", "https://a.example") == dates[-1]
    assert seen.last("trixie", "https://b.example") == seen.last("forky", "https://a.example") == ""
    file = own_folders.base / "state" / "deb" / "seen.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "a.example" not in file.read_text()


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": "tomorrow"}', "{", "[" * 100000])
def test_what_was_seen_is_not_forgotten_silently(
    archive: Archive, worlds: Callable[..., World], own_folders: Place, content: str
) -> None:
    file = own_folders.base / "state" / "deb" / "seen.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    with pytest.raises(StateError, match="is damaged") as caught:
        index(worlds(archive.config()), "trixie", "amd64")
    assert "remove it" in str(caught.value.hint)


# several archives, and none


def test_the_first_archive_that_can_be_believed_is_used(
    archive: Archive, worlds: Callable[..., World], tmp_path: Path, server: LyingServer
) -> None:
    bad = Archive(tmp_path / "bad")
    bad.add(Deb("jq", "9-1"))
    bad.publish()
    dead = "http://127.0.0.1:1/debian"
    notes: list[str] = []
    here = worlds(archive.config(dead, bad.root, archive.serve(server)), notes=notes)
    assert [p.version for p in index(here, "trixie", "amd64").named("jq")] == ["1.7-1", "1.7-1+deb13u1"]
    assert any("no key that devshell knows" in note and "taking trixie from" in note for note in notes)
    # Where none can be, the gravest reason is said.
    with pytest.raises(ReleaseError, match="no key that devshell knows"):
        index(worlds(archive.config(dead, bad.root)), "trixie", "amd64")


def test_no_archive_that_answers_is_unreachable(archive: Archive, worlds: Callable[..., World]) -> None:
    with pytest.raises(UnreachableError):
        index(worlds(archive.config("http://127.0.0.1:1/debian")), "trixie", "amd64")


def test_logins_are_never_shown(archive: Archive, worlds: Callable[..., World], server: LyingServer) -> None:
    archive.publish(fields={"Origin": "Other"})
    root = archive.serve(server).replace("//", "//joe:hunter2@")
    with pytest.raises(ReleaseError) as caught:
        index(worlds(archive.config(root)), "trixie", "amd64")
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"
    assert "hunter2" not in "".join(file.read_text("latin-1") for file in folder().iterdir())


def test_a_private_archive_with_a_login(archive: Archive, worlds: Callable[..., World], server: LyingServer) -> None:
    root = archive.serve(server)
    for file in archive.folder.rglob("*"):
        if file.is_file():
            path = f"/debian/{file.relative_to(archive.folder).as_posix()}"
            server.serve(path, file.read_bytes(), Behaviour(login="joe:hunter2"))
    assert index(worlds(archive.config(root.replace("//", "//joe:hunter2@"))), "trixie", "amd64").named("jq")


# once


def test_each_list_is_fetched_once_whoever_asks(
    archive: Archive, worlds: Callable[..., World], server: LyingServer
) -> None:
    here = worlds(archive.config(archive.serve(server)))
    start = threading.Barrier(8)

    def ask(number: int) -> object:
        start.wait()
        return indexes(here, "trixie", ("amd64", "arm64") if number % 2 else ("arm64", "amd64"))

    with ThreadPoolExecutor(8) as pool:
        assert len({id(found["amd64"]) for found in pool.map(ask, range(8))}) == 1  # type: ignore[index]
    asked = [seen.path for seen in server.seen]
    assert len(asked) == len(set(asked))
    # Three release files, and of three suites two lists each.
    assert len([path for path in asked if path.endswith("InRelease")]) == 3
    assert len(asked) <= 3 + 6


def test_a_failure_is_found_out_once_too(archive: Archive, worlds: Callable[..., World], server: LyingServer) -> None:
    archive.publish(fields={"Origin": "Other"})
    here = worlds(archive.config(archive.serve(server)))
    for _ in range(3):
        with pytest.raises(ReleaseError):
            index(here, "trixie", "amd64")
    assert len(server.requests("/debian/dists/trixie/InRelease")) == 1


def test_within_an_hour_nothing_is_asked_and_after_it_only_what_changed(
    archive: Archive, worlds: Callable[..., World], server: LyingServer
) -> None:
    root = archive.serve(server)
    both = ("amd64", "arm64")
    indexes(worlds(archive.config(root)), "trixie", both)
    server.seen.clear()
    assert indexes(worlds(archive.config(root)), "trixie", both)["amd64"].named("jq")
    grow_old(seconds=FRESH - 60)
    assert indexes(worlds(archive.config(root)), "trixie", both)["amd64"].named("jq")
    assert server.seen == []
    grow_old()
    assert indexes(worlds(archive.config(root)), "trixie", both)["amd64"].named("jq")
    assert {seen.path.rpartition("/")[2] for seen in server.seen} == {"InRelease"}
    # Asked again, it is fresh again.
    server.seen.clear()
    indexes(worlds(archive.config(root)), "trixie", both)
    assert server.seen == []
    archive.add(Deb("new"))
    archive.publish()
    archive.serve(server)
    assert index(worlds(archive.config(root)), "trixie", "amd64").named("new") == ()
    grow_old()
    assert index(worlds(archive.config(root)), "trixie", "amd64").named("new")
    lists = [seen.path for seen in server.seen if "by-hash" in seen.path]
    assert len(lists) == 1


def test_a_suite_that_is_missing_is_not_asked_for_again(
    tmp_path: Path, worlds: Callable[..., World], server: LyingServer
) -> None:
    archive = Archive(tmp_path / "debian")
    archive.add(Deb("jq"))
    archive.publish()
    root = archive.serve(server)
    index(worlds(archive.config(root)), "trixie", "amd64")
    server.seen.clear()
    index(worlds(archive.config(root)), "trixie", "amd64")
    assert server.seen == []


def test_a_clock_that_went_back_makes_nothing_fresh_for_ever(
    archive: Archive, worlds: Callable[..., World], server: LyingServer
) -> None:
    root = archive.serve(server)
    index(worlds(archive.config(root)), "trixie", "amd64")
    grow_old(seconds=-100_000)
    server.seen.clear()
    index(worlds(archive.config(root)), "trixie", "amd64")
    assert server.seen


def test_without_a_network_what_is_kept_does(archive: Archive, worlds: Callable[..., World]) -> None:
    with LyingServer() as server:
        root = archive.serve(server)
        index(worlds(archive.config(root)), "trixie", "amd64")
    grow_old(seconds=100 * FRESH)
    assert len(index(worlds(archive.config(root), offline=True), "trixie", "amd64").named("jq")) == 2
    # The other architecture's list was never fetched.
    with pytest.raises(FetchError, match="--offline"):
        index(worlds(archive.config(root), offline=True), "trixie", "arm64")
    notes: list[str] = []
    assert len(index(worlds(archive.config(root), notes=notes), "trixie", "amd64").named("jq")) == 2
    assert any("using what it said at 20" in note for note in notes)


def test_offline_with_nothing_kept_says_so(archive: Archive, worlds: Callable[..., World], server: LyingServer) -> None:
    with pytest.raises(FetchError, match="--offline forbids"):
        index(worlds(archive.config(archive.serve(server)), offline=True), "trixie", "amd64")
    assert server.seen == []
    assert len(index(worlds(archive.config(), offline=True), "trixie", "amd64").named("jq")) == 2


# what is kept


def kept() -> list[Path]:
    return sorted(folder().glob("packages-*"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda _: b"",
        lambda content: content[:40],
        lambda content: bytes(len(content)),
        lambda content: bytes(len(content) - 64) + content[-64:],
        lambda content: content + b"x",
    ],
)
def test_a_damaged_table_is_made_anew(
    archive: Archive, worlds: Callable[..., World], damage: Callable[[bytes], bytes]
) -> None:
    index(worlds(archive.config()), "trixie", "amd64")
    for file in kept():
        file.write_bytes(damage(file.read_bytes()))
    assert len(index(worlds(archive.config()), "trixie", "amd64").named("jq")) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_table_of_another_user_is_not_trusted(
    archive: Archive, worlds: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUDO_UID", raising=False)
    index(worlds(archive.config()), "trixie", "amd64")
    for file in kept():
        file.write_bytes(file.read_bytes().replace(b"1.7-1", b"6.6-6"))
        os.chown(file, 12345, 12345)
    assert index(worlds(archive.config()), "trixie", "amd64").named("jq")[0].version == "1.7-1"
    folder().chmod(0o755)
    os.chown(folder(), 12345, 12345)
    with pytest.raises(DevshellError, match="belongs to another user"):
        index(worlds(archive.config()), "trixie", "amd64")


def test_a_link_in_place_of_a_table_is_not_followed(
    archive: Archive, worlds: Callable[..., World], tmp_path: Path
) -> None:
    index(worlds(archive.config()), "trixie", "amd64")
    (tmp_path / "elsewhere").write_bytes(b"precious")
    for file in kept():
        file.unlink()
        file.symlink_to(tmp_path / "elsewhere")
        file.with_name(file.name + ".part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FetchError, match="cannot write"):
        index(worlds(archive.config()), "trixie", "amd64")
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"date": 1}', b'{"files": []}', b"[" * 100_000, b"\xff"])
def test_a_damaged_record_is_made_anew(archive: Archive, worlds: Callable[..., World], content: bytes) -> None:
    index(worlds(archive.config()), "trixie", "amd64")
    for file in folder().glob("*.json"):
        file.write_bytes(content)
    assert len(index(worlds(archive.config()), "trixie", "amd64").named("jq")) == 2


def test_nothing_is_left_behind(archive: Archive, worlds: Callable[..., World], own_folders: Place) -> None:
    indexes(worlds(archive.config()), "trixie", ("amd64", "arm64"))
    names = [file.name for file in folder().iterdir()]
    assert not [name for name in names if name.endswith((".lock", ".part", ".tmp"))]
    assert list((own_folders.base / "cache" / "artifacts").iterdir()) == []
    before = set(kept())
    archive.add(Deb("new"))
    archive.publish()
    indexes(worlds(archive.config()), "trixie", ("amd64", "arm64"))
    # Of what is no longer listed, nothing stays either.
    assert len(kept()) == len(before)
    assert set(kept()) != before


# hostile lists


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Version: 1\nPackage: a\n", "does not begin with the package's name"),
        ("\n\n\n\nPackage: a\nVersion: 1\n", "does not begin with the package's name"),
        ("Package: a", "one line"),
        ("Package: a" + "x" * (6 << 20), "without end"),
        ("nonsense", "does not begin"),
        ("\0" * 100, "does not begin"),
    ],
)
def test_a_list_that_cannot_be_understood(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "list").write_bytes(text.encode())
    with pytest.raises(FetchError, match=words):
        table.build(tmp_path / "list", "", tmp_path / "table", 1 << 30, lambda: False)
    assert not (tmp_path / "table").exists()


@pytest.mark.parametrize("kind", [".gz", ".xz"])
def test_a_packed_list_that_holds_too_much_or_is_damaged(tmp_path: Path, kind: str) -> None:
    import gzip
    import lzma

    pack = gzip.compress if kind == ".gz" else lzma.compress
    packed = pack(b"Package: a\nVersion: 1\n\n" * 1_000_000)
    (tmp_path / "list").write_bytes(packed)
    table.build(tmp_path / "list", kind, tmp_path / "table", 1 << 30, lambda: False)
    whole = table.load(tmp_path / "table")
    assert whole is not None
    assert len(whole) == 1_000_000
    with pytest.raises(FetchError, match="more than 5000000 bytes"):
        table.build(tmp_path / "list", kind, tmp_path / "table", 5_000_000, lambda: False)
    for damaged in (b"garbage", packed[:-20], packed[:100] + b"\0" * 50 + packed[150:]):
        (tmp_path / "list").write_bytes(damaged)
        with pytest.raises(FetchError, match=r"unpacked|begin|one line|without end"):
            table.build(tmp_path / "list", kind, tmp_path / "table", 1 << 30, lambda: False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Filename", "../../etc/passwd"),
        ("Filename", "/etc/passwd"),
        ("Filename", "pool/../x.deb"),
        ("Filename", "pool/./x.deb"),
        ("Filename", "pool//x.deb"),
        ("Filename", "pool/x\x00.deb"),
        ("Filename", "https://evil.example/x.deb"),
        ("Filename", "pool/" + "x" * 600),
        ("Filename", ""),
        ("Size", "-1"),
        ("Size", "9" * 30),
        ("Size", "٣"),
        ("SHA256", "abc"),
        ("Version", "1 2"),
        ("Version", "$(reboot)"),
        ("Architecture", "../amd64"),
    ],
)
def test_fields_that_are_none_are_refused(field: str, value: str) -> None:
    good = {
        "Package": "a",
        "Version": "1",
        "Architecture": "amd64",
        "Filename": "pool/a.deb",
        "Size": "1",
        "SHA256": "0" * 64,
    }
    assert packages._package(good, "trixie").filename == "pool/a.deb"
    with pytest.raises(FetchError, match=f"in {field} of 'a'"):
        packages._package(good | {field: value}, "trixie")


NAMES = st.text(string.ascii_lowercase + string.digits + "+-.", min_size=1, max_size=6)
FIELDS = st.dictionaries(
    st.sampled_from(("Version", "Depends", "Description", "X-Other")),
    st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=20).map(str.strip),
    max_size=3,
)


@given(
    st.lists(st.tuples(NAMES, FIELDS, st.lists(NAMES, max_size=4), st.sampled_from((", ", ",", ",  "))), max_size=12),
    st.integers(1, 40),
    st.sampled_from(("\n", "")),
)
def test_a_table_finds_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    stanzas: list[tuple[str, dict[str, str], list[str], str]],
    piece: int,
    end: str,
) -> None:
    written = []
    for name, fields, provided, comma in stanzas:
        said = {"Package": name, "Version": "1"} | fields
        if provided:
            said["Provides"] = comma.join(f"{each} (= 1)" if len(each) % 2 else each for each in provided)
        written.append(said)
    text = "\n".join(
        "".join(f"{k}: {v}\n" for k, v in said.items()) + (end if i == len(written) - 1 else "")
        for i, said in enumerate(written)
    ).encode()
    base = tmp_path_factory.mktemp("table")
    # However the text falls into pieces.
    scan = table._Scan()
    for at in range(0, len(text), piece):
        scan.take(text[at : at + piece])
    scan.finish()
    (base / "table").write_bytes(text + scan.tables())
    found = table.load(base / "table")
    assert found is not None
    assert len(found) == len(stanzas)
    for name in {each[0] for each in stanzas} | {"nothing"}:
        assert list(found.named(name)) == [said for said in written if said["Package"] == name]
    for name in {each for _, _, provided, _ in stanzas for each in provided} | {"nothing"}:
        wanted = [said for said, (_, _, provided, _) in zip(written, stanzas, strict=True) if name in provided]
        assert list(found.providing(name)) == wanted


# keys


def test_every_key_of_debian_is_the_one_its_fingerprint_names() -> None:
    from pysequoia import Cert

    named = keyring.fingerprints()
    base = Path(str(keyring.__file__)).parent / "keys"
    assert {file.stem for file in base.glob("*.asc")} == set(named)
    for name, fingerprint in named.items():
        found = Cert.from_file(str(base / f"{name}.asc"))
        assert found.fingerprint == fingerprint
        assert not found.is_revoked
    # As Debian publishes them for its stable release.
    assert named["trixie-automatic"] == "04b54c3cdca79751b16bc6b5225629df75b188bd"
    assert named["trixie-security-automatic"] == "5e04a1e3223a19a20706e20f9904613d4cce68c6"
    assert named["trixie-stable"] == "41587f7db8c774bccf131416762f67a0b2c39de4"


def test_keys_of_ones_own_may_be_a_folder(archive: Archive, worlds: Callable[..., World], tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "b.gpg").write_bytes(bytes(archive.key.public))
    (keys / "readme").write_text("not a key")
    assert index(worlds(Config(index_deb=(archive.root,), deb_keys=(str(keys),))), "trixie", "amd64").named("jq")


@pytest.mark.parametrize("content", [None, b"", b"not a key"])
def test_a_file_of_keys_that_is_none(
    archive: Archive, worlds: Callable[..., World], tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "mine.asc"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"deb\.keys"):
        index(worlds(Config(index_deb=(archive.root,), deb_keys=(str(file),))), "trixie", "amd64")


# the real one


@pytest.mark.network
def test_debians_own_archive(worlds: Callable[..., World]) -> None:
    found = indexes(worlds(Config()), "trixie", ("amd64", "arm64"))
    for architecture, each in found.items():
        assert len(each) > 50_000  # type: ignore[arg-type]
        for name in ("jq", "postgresql-17"):
            assert {p.architecture for p in each.named(name)} == {architecture}
        assert {"gawk", "mawk"} <= {p.name for p in each.providing("awk")}
        assert "2025-08" < each.date < release.iso(datetime.now(UTC))
    again = indexes(worlds(Config()), "trixie", ("amd64", "arm64"))
    assert again["arm64"].named("jq") == found["arm64"].named("jq")
