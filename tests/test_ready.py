from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell import ready, rendered
from devshell.ready import Ready

if TYPE_CHECKING:
    from conftest import Place

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
plans = st.lists(st.lists(texts, min_size=1, max_size=4).map(tuple), max_size=4).map(tuple)

GOLDEN = b"devshell ready 2\0/p\0/s/x\x001\x001\0/p/f\0\0\x001\x003\0set\0A\0b\xff\0"


def same(one: Ready, other: Ready | None) -> bool:
    return other is not None and all(getattr(one, name) == getattr(other, name) for name in Ready.__slots__)


def test_the_record_is_stable() -> None:
    record = Ready("/p", "/s/x", 1, (("/p/f", "", ""),), (("set", "A", "b\udcff"),))
    assert ready.encode(record) == GOLDEN
    assert same(record, ready.decode(GOLDEN))


@given(texts, texts, st.integers(0, 99), st.lists(st.tuples(texts, texts, texts), max_size=4).map(tuple), plans)
def test_a_record_reads_back(
    root: str,
    environment: str,
    tools: int,
    watched: tuple[tuple[str, str, str], ...],
    plan: tuple[tuple[str, ...], ...],
) -> None:
    record = Ready(root, environment, tools, watched, plan)
    assert same(record, ready.decode(ready.encode(record)))


@given(st.binary(max_size=100))
def test_any_bytes_are_a_record_or_not(content: bytes) -> None:
    found = ready.decode(content)
    assert found is None or same(found, ready.decode(ready.encode(found)))


@pytest.mark.parametrize("cut", range(len(GOLDEN)))
def test_a_cut_record_is_none(cut: int) -> None:
    assert ready.decode(GOLDEN[:cut]) is None


def pair(folder: Path, *, age: float = 100.0) -> tuple[Path, Path]:
    path, reference = folder / "file", folder / "reference"
    path.write_bytes(b"one")
    when = path.stat().st_mtime_ns - int(age * 1e9)
    os.utime(path, ns=(when, when))
    reference.write_bytes(b"one")
    os.utime(reference, ns=(when, when))
    return path, reference


def test_an_old_file_is_judged_by_its_time_alone(tmp_path: Path) -> None:
    path, reference = pair(tmp_path)
    assert ready.unchanged(str(path), str(reference), "")
    path.write_bytes(b"two")
    assert not ready.unchanged(str(path), str(reference), "")


@pytest.mark.parametrize("shift", [1, -1, 10**9, -(10**9)])
def test_newer_and_older_both_count_as_changed(tmp_path: Path, shift: int) -> None:
    path, reference = pair(tmp_path)
    when = path.stat().st_mtime_ns + shift
    os.utime(path, ns=(when, when))
    assert not ready.unchanged(str(path), str(reference), "")


def test_a_young_file_is_judged_by_content_too(tmp_path: Path) -> None:
    path, reference = pair(tmp_path)
    assert ready.unchanged(str(path), str(reference), "young")
    when = path.stat().st_mtime_ns
    path.write_bytes(b"two")
    os.utime(path, ns=(when, when))
    assert not ready.unchanged(str(path), str(reference), "young")
    assert ready.unchanged(str(path), str(reference), "")


@pytest.mark.parametrize(
    ("age", "expected"), [(0, True), (1_999_999_999, True), (2_000_000_001, False), (-5_000_000_000, True)]
)
def test_a_file_is_young_until_two_seconds_have_passed(age: int, expected: object) -> None:
    now = 1_800_000_000_000_000_000
    assert rendered.young(now - age, now) is expected


def test_absence_is_watched(tmp_path: Path) -> None:
    path, reference = pair(tmp_path)
    assert not ready.unchanged(str(path), "", "")
    path.unlink()
    assert ready.unchanged(str(path), "", "")
    assert not ready.unchanged(str(path), str(reference), "")


def test_a_reference_that_is_gone_is_a_change(tmp_path: Path) -> None:
    path, reference = pair(tmp_path)
    reference.unlink()
    assert not ready.unchanged(str(path), str(reference), "")


def test_a_record_counts_only_for_its_own_project_and_store(own_folders: Place) -> None:
    store = own_folders.base / "data" / "store"
    environment = store / "environment"
    environment.mkdir(parents=True)
    root = str(own_folders.project.resolve())

    def keep(record: Ready) -> Ready | None:
        path = Path(ready.file(root, None))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ready.encode(record))
        return ready.load(root)

    good = Ready(root, str(environment.resolve()), 1, (), ())
    assert keep(good) is None, "there is no manifest"
    own_folders.write("devshell.toml", "")
    assert keep(good) is not None
    assert keep(Ready("/elsewhere", good.environment, 1, (), ())) is None
    assert keep(Ready(root, str(store / "gone"), 1, (), ())) is None
    assert keep(Ready(root, str(own_folders.base), 1, (), ())) is None


def test_the_start_up_path_imports_nothing_heavy() -> None:
    code = "import sys; before = set(sys.modules); import devshell.quick; print(*sorted(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in found if not name.startswith("devshell")} <= {"__future__"}
