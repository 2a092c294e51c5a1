from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from devshell import ready

if TYPE_CHECKING:
    from conftest import Place


def young(place: Place) -> list[str]:
    record = ready.decode((place.state / "ready" / "record").read_bytes())
    assert record is not None
    return [path for path, _, young in record.watched if young]


def test_what_was_young_is_settled_by_the_next_command(place: Place) -> None:
    manifest = place.write("devshell.toml", '[env]\nA = "1"\n')
    place.run("allow").ok()
    place.run("sync").ok()
    assert young(place)
    long_ago = time.time_ns() - 10_000_000_000
    for path in (manifest, place.project / "devshell.lock"):
        os.utime(path, ns=(long_ago, long_ago))
    place.run("sync").ok()
    assert not young(place)
    before = (place.state / "ready").readlink()
    assert place.run("exec", "--", "sh", "-c", "echo $A").ok().out == "1\n"
    assert (place.state / "ready").readlink() == before


def test_while_it_is_young_it_is_compared_by_content(place: Place) -> None:
    manifest = place.write("devshell.toml", '[env]\nA = "1"\n')
    place.run("allow").ok()
    place.run("sync").ok()
    when = manifest.stat().st_mtime_ns
    manifest.write_text('[env]\nA = "2"\n')
    os.utime(manifest, ns=(when, when))
    assert "changed since it was allowed" in place.run("exec", "--", "true").failed().err
