from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devshell import ready, trust
from devshell.errors import TrustError
from devshell.snapshot import File, Role, Snapshot
from devshell.trust import Standing

if TYPE_CHECKING:
    from conftest import Place
    from devshell.shells.rendering import Watched

pytestmark = pytest.mark.usefixtures("own_folders")


def snapshot(root: str = "/work/pro", *, manifest: bytes = b"[tools]\n", dotenv: bytes | None = None) -> Snapshot:
    return Snapshot(
        root,
        (
            File(f"{root}/devshell.toml", Role.MANIFEST, manifest, mtime_ns=10**18),
            File(f"{root}/devshell.local.toml", Role.LOCAL, None),
            File(f"{root}/devshell.lock", Role.LOCK, None),
            File(f"{root}/.env", Role.DOTENV, dotenv),
        ),
    )


def test_the_trust_hash_is_stable() -> None:
    assert trust.trust_hash(snapshot()) == "sha256:de7d370e11c484a9dc5a6da27c86d318f4efd85d8e856dc1fb9d4536835aa639"


def test_allow_is_for_exactly_this_content() -> None:
    assert trust.standing(snapshot()) is Standing.UNKNOWN
    trust.allow(snapshot())
    assert trust.standing(snapshot()) is Standing.ALLOWED
    assert trust.standing(snapshot(manifest=b"[tools]\n#")) is Standing.CHANGED
    assert trust.standing(snapshot(dotenv=b"")) is Standing.CHANGED
    assert trust.standing(snapshot()) is Standing.ALLOWED, "changed back is trusted again"


def test_every_file_counts_present_or_absent() -> None:
    base = snapshot()
    trust.allow(base)
    for number, file in enumerate(base.files):
        other = replace(file, content=b"x" if file.content is None else None)
        files = (*base.files[:number], other, *base.files[number + 1 :])
        assert trust.standing(Snapshot(base.root, files)) is Standing.CHANGED
    moved = Snapshot(base.root, (replace(base.files[0], path="/work/pro/other.toml"), *base.files[1:]))
    assert trust.standing(moved) is Standing.CHANGED


def scripts(folder: Path, watched: tuple[Watched, ...]) -> dict[str, bytes]:
    assert {Path(file.reference).parent for file in watched if file.reference} <= {folder}
    return {"record": b"x"}


def test_trust_is_for_one_place() -> None:
    trust.allow(snapshot("/work/pro-e"))
    assert trust.standing(snapshot("/work/pro-evil")) is Standing.UNKNOWN
    assert trust.standing(snapshot("/work/pro-e/vil")) is Standing.UNKNOWN
    assert trust.standing(snapshot("/work")) is Standing.UNKNOWN


def test_deny_takes_it_back_and_what_was_rendered_with_it(own_folders: Place) -> None:
    trust.allow(snapshot())
    for shell in (None, "ci"):
        trust.render(snapshot(), shell, (), scripts)
    assert Path(ready.file("/work/pro", "ci")).read_bytes() == b"x"
    trust.deny("/work/pro")
    assert trust.standing(snapshot()) is Standing.DENIED
    assert not list((own_folders.base / "state").rglob("*ready*"))
    with pytest.raises(TrustError, match="denied"):
        trust.require(snapshot(), lambda *_: True)
    trust.allow(snapshot())
    assert trust.standing(snapshot()) is Standing.ALLOWED


def test_nothing_is_rendered_for_what_is_not_trusted(own_folders: Place) -> None:
    with pytest.raises(TrustError):
        trust.render(snapshot(), None, (), scripts)
    assert not list((own_folders.base / "state").rglob("*ready*"))


def test_new_content_drops_what_was_rendered_for_the_old() -> None:
    trust.allow(snapshot())
    trust.render(snapshot(), None, (), scripts)
    trust.allow(snapshot(manifest=b"new"))
    assert not Path(ready.file("/work/pro", None)).exists()


def test_state_is_private_whatever_the_umask(own_folders: Place) -> None:
    before = os.umask(0)
    try:
        trust.allow(snapshot(dotenv=b"SECRET=1\n"))
        trust.render(snapshot(dotenv=b"SECRET=1\n"), None, (), scripts)
    finally:
        os.umask(before)
    state = own_folders.base / "state" / "projects" / "work" / "pro" / ".state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    for path in state.rglob("*"):
        if path.is_symlink():
            continue
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize(
    ("named", "covered"),
    [
        ("/work/pro-e", True),
        ("/work", True),
        ("/work/", True),
        ("/", True),
        ("/work/pro", False),
        ("/work/pro-evil", False),
        ("work/pro-e", False),
        (".", False),
        ("", False),
    ],
)
def test_the_environment_names_folders_component_by_component(
    named: str, covered: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVSHELL_TRUST", named)
    assert trust.covered_by_environment("/work/pro-e") is bool(covered)
    if covered:
        trust.require(snapshot("/work/pro-e"), None)
        assert trust.standing(snapshot("/work/pro-e")) is Standing.ALLOWED
    else:
        with pytest.raises(TrustError) as caught:
            trust.require(snapshot("/work/pro-e"), None)
        assert "devshell allow" in (caught.value.hint or "")


def test_asking_decides() -> None:
    with pytest.raises(TrustError):
        trust.require(snapshot(), lambda *_: False)
    assert trust.standing(snapshot()) is Standing.UNKNOWN
    trust.require(snapshot(), lambda *_: True)
    assert trust.standing(snapshot()) is Standing.ALLOWED


def test_differences_are_those_since_the_last_word() -> None:
    assert [c.path for c in trust.differences(snapshot())] == ["/work/pro/devshell.toml"]
    trust.allow(snapshot())
    (change,) = trust.differences(snapshot(manifest=b"new"))
    assert (change.old, change.new) == (b"[tools]\n", b"new")
    (added,) = trust.differences(snapshot(dotenv=b"A=1"))
    assert (added.role, added.old, added.new) == (Role.DOTENV, None, b"A=1")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"format": 2}', b'{"format": 1, "hash": 1}', b"\xff"])
def test_a_damaged_record_is_no_trust(own_folders: Place, damage: bytes) -> None:
    trust.allow(snapshot())
    (record,) = (own_folders.base / "state").rglob("record.json")
    record.write_bytes(damage)
    assert trust.standing(snapshot()) is not Standing.ALLOWED
    trust.allow(snapshot())
    assert trust.standing(snapshot()) is Standing.ALLOWED
