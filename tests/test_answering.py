"""What `export json --full` tells an editor: every state of a project, by the real command."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from devshell import answer

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Place

MANIFEST = '[env]\nGREETING = "hello"\nGONE = { unset = true }\n[path]\nprepend = ["bin"]\n'
NOTHING: dict[str, Any] = json.loads(answer.text(answer.Answer(), {}))


def ask(place: Place, folder: Path | None = None, /, **env: str) -> dict[str, Any]:
    done = place.run("export", "json", "--full", cwd=folder, env=env).ok()
    assert done.err == ""
    value = json.loads(done.out)
    assert isinstance(value, dict)
    assert list(value) == list(NOTHING)
    return value


def state(place: Place) -> str:
    found = ask(place)
    # Whatever is not ready has its reason and what to do, and gives nothing to set.
    if found["state"] != "ready":
        assert found["message"]
        assert found["command"]
        assert (found["environment"], found["tools"], found["path"], found["variables"]) == ("", {}, [], {})
    return str(found["state"])


def inside(variables: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if value is not None}


def test_a_folder_without_a_project_has_nothing(place: Place) -> None:
    assert ask(place) == NOTHING


def test_a_project_goes_through_its_states(place: Place) -> None:
    manifest = place.write("devshell.toml", MANIFEST)
    assert state(place) == "not allowed"
    assert not place.state.exists()
    place.run("allow").ok()
    assert state(place) == "stale"
    place.run("sync").ok()
    assert state(place) == "ready"
    place.write("devshell.toml", MANIFEST.replace("hello", "bye"))
    assert state(place) == "changed"
    manifest.write_text("[tools\n")
    assert state(place) == "broken"
    place.write("devshell.toml", MANIFEST)
    assert state(place) == "ready"
    place.run("deny").ok()
    assert state(place) == "denied"


def test_a_ready_project_has_all_there_is_to_know(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    place.run("allow").ok()
    place.run("sync").ok()
    deep = place.project / "a" / "b"
    deep.mkdir(parents=True)
    found = ask(place, deep, PATH="/usr/bin", GONE="x", GREETING="old")
    root = str(place.project.resolve())
    assert (found["project"], found["name"], found["message"], found["command"]) == (root, "project", "", "")
    store = place.store.resolve()
    assert found["environment"].startswith(f"{store}/")
    assert found["path"] == [f"{root}/bin", f"{found['environment']}/bin"]
    variables = found["variables"]
    assert variables["PATH"] == ":".join([*found["path"], "/usr/bin"])
    assert (variables["GREETING"], variables["GONE"]) == ("hello", None)
    assert (variables["DEVSHELL_OLD_GREETING"], variables["DEVSHELL_OLD_GONE"]) == ("old", "x")
    assert {f"{root}/devshell.toml", f"{root}/devshell.lock", f"{root}/devshell.local.toml"} <= set(found["watch"])
    # A command in a terminal swaps these.
    assert {str(place.state / "ready"), str(place.state / "waiting")} <= set(found["watch"])


def test_what_was_answered_is_what_a_command_gets(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    place.run("allow").ok()
    place.run("sync").ok()
    variables = ask(place, GONE="x")["variables"]
    said = place.run("exec", "--", "env", "-0", env={"GONE": "x"}).ok().out.split("\0")
    got = dict(line.split("=", 1) for line in said if line)
    assert {name: got.get(name) for name in variables} == variables


def test_asked_again_inside_the_difference_is_empty_and_outside_it_is_the_way_back(
    place: Place, tmp_path: Path
) -> None:
    place.write("devshell.toml", MANIFEST)
    place.run("allow").ok()
    place.run("sync").ok()
    before = {"PATH": os.environ["PATH"], "GREETING": "old", "GONE": "x"}
    first = ask(place, None, **before)["variables"]
    # PATH is whole in the answer; what is unset in it is unset for the second question too.
    place.extra = {"PATH": before["PATH"]}
    entered = inside(first)
    again = ask(place, None, **entered)["variables"]
    assert again == first
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    back = ask(place, elsewhere, **entered)
    assert back["state"] == "none"
    assert {name: back["variables"][name] for name in before} == before
    assert all(value is None for name, value in back["variables"].items() if name not in before)


def test_what_may_stay_is_said(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    assert not ask(place)["keep"]
    place.run("allow").ok()
    assert ask(place)["keep"]
    place.run("deny").ok()
    assert not ask(place)["keep"]


def test_problems_have_their_lines_also_where_nothing_is_allowed(place: Place) -> None:
    path = place.write("devshell.toml", '[env]\nA = 1\n\n[tool]\nnode = "22"\n')
    found = ask(place)
    assert found["state"] == "not allowed"
    at = [(problem["file"], problem["line"], problem["key"]) for problem in found["problems"]]
    real = str(path.resolve())
    assert at == [(real, 2, "env.A"), (real, 4, "tool")]
    assert all(problem["message"] and problem["hint"] for problem in found["problems"])
    place.run("allow")
    assert ask(place)["problems"] == found["problems"]


def test_a_broken_lock_is_a_problem_of_the_lock(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    lock = place.write("devshell.lock", "version = 1\nnonsense\n")
    place.run("allow").ok()
    found = ask(place)
    assert found["state"] == "broken"
    assert [problem["file"] for problem in found["problems"]] == [str(lock.resolve())]


@pytest.mark.usefixtures("powerless")
def test_a_project_that_others_may_write_is_refused_with_the_reason(place: Place) -> None:
    path = place.write("devshell.toml", MANIFEST)
    path.chmod(0o666)
    found = ask(place)
    assert (found["state"], found["keep"]) == ("broken", False)
    assert found["problems"][0]["file"] == str(path.resolve())


def test_what_was_only_touched_is_served_by_the_launcher_again(place: Place) -> None:
    manifest = place.write("devshell.toml", MANIFEST)
    place.run("allow").ok()
    place.run("sync").ok()
    before = (place.state / "ready").readlink()
    long_ago = time.time_ns() - 10_000_000_000
    for path in (manifest, place.project / "devshell.lock"):
        os.utime(path, ns=(long_ago, long_ago))
    assert ask(place)["state"] == "ready"
    settled = (place.state / "ready").readlink()
    assert settled != before
    assert ask(place)["state"] == "ready"
    assert (place.state / "ready").readlink() == settled


def test_what_another_release_rendered_is_rendered_again(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    place.run("allow").ok()
    place.run("sync").ok()
    rendered = place.state / "ready" / "answer"
    now = rendered.read_bytes()
    rendered.write_bytes(now.replace(b"_answering=1", b"_answering=0"))
    assert ask(place)["state"] == "ready"
    assert rendered.read_bytes() == now
    rendered.unlink()
    assert ask(place)["state"] == "ready"
    assert rendered.read_bytes() == now


def test_a_folder_that_the_user_trusts_only_waits_for_its_installation(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    found = ask(place, DEVSHELL_TRUST=str(place.project))
    assert (found["state"], found["command"]) == ("stale", "sync")
    # Asking allows nothing.
    assert state(place) == "not allowed"


def test_nothing_of_an_untrusted_project_runs_or_is_taken_over(place: Place) -> None:
    ran = place.project / "ran"
    place.write(
        "devshell.toml",
        f'[env]\nLD_PRELOAD = "x"\n[hooks]\nenv = "touch {ran}"\nactivate.bash = "touch {ran}"\n',
    )
    before = sorted(place.base.rglob("*"))
    assert ask(place)["variables"] == {}
    assert not ran.exists()
    assert sorted(place.base.rglob("*")) == before


def test_a_named_shell_is_answered_for_too(place: Place) -> None:
    place.write("devshell.toml", MANIFEST + '[shells.ci.env]\nGREETING = "ci"\n')
    place.run("allow").ok()
    assert json.loads(place.run("export", "json", "--full", "--in", "ci").ok().out)["state"] == "stale"
    place.run("exec", "--in", "ci", "--", "true").ok()
    found = json.loads(place.run("export", "json", "--full", "--in", "ci").ok().out)
    assert found["variables"]["GREETING"] == "ci"
    place.run("export", "json", "--full", "--in", "none").failed()


def test_full_is_for_json_alone(place: Place) -> None:
    assert "json" in place.run("export", "bash", "--full").failed(2).err


# --- looking before allowing ------------------------------------------------------------------------------------------


def test_what_was_looked_at_is_what_is_allowed(place: Place) -> None:
    place.write("devshell.toml", MANIFEST)
    shown = place.run("allow", "--dry-run").ok()
    assert "GREETING" in shown.err
    assert state(place) == "not allowed"
    seen = shown.out.strip()
    place.write("devshell.toml", MANIFEST.replace("hello", "bye"))
    assert "changed meanwhile" in place.run("allow", "--quiet", "--expect", seen).failed().err
    assert state(place) == "not allowed"
    place.write("devshell.toml", MANIFEST)
    place.run("allow", "--quiet", "--expect", seen).ok()
    assert state(place) == "stale"
