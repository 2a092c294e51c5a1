"""examples/django: a project with its own PostgreSQL and Redis, for users, for root, and for root in a container."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conftest import Place, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "django"
TASKS = EXAMPLE / "tasks"
CONTAINER = ROOT / "tests" / "support" / "container.py"
MADE = shutil.ignore_patterns(".cache", ".devshell", ".services", ".venv", "dist", "__pycache__")
ANSWER = re.compile(r"^check: GET \S+ → (.*)$", re.MULTILINE)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can stop being root")


def running(base: Path) -> list[str]:
    """Return the commands of processes that work in a folder, but for those that ended and that nobody reaped."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if Path(os.readlink(process / "cwd")).is_relative_to(base.resolve()):
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


def started(place: Place, *words: str, before: tuple[str, ...] = (), env: dict[str, str] | None = None) -> Result:
    """Run devshell in the project, through another command where one is named."""
    done = subprocess.run(
        [*before, sys.executable, "-m", "devshell", "-C", str(place.project), *words],
        cwd=ROOT,
        env=place.env | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def somebody(place: Place) -> tuple[str, ...]:
    """Return what runs a command as somebody who is not root, to whom the place then belongs."""
    if os.geteuid() != 0:
        return ()
    python = place.run("which", "python3.13").ok().out.strip()
    return (python, str(TASKS / "unprivileged.py"), "--own", str(place.base))


def whole(place: Place) -> None:
    """Nothing that ran wrote into the store."""
    place.run("store", "verify").ok()


def hosts(project: str) -> tuple[str, str, str]:
    """Return what the project's `hooks.env` makes of the folder of sockets, and of the addresses."""
    env = {
        "PATH": os.environ["PATH"],
        "SERVICES": f"{project}/.services",
        "PGHOST": f"{project}/.services/run",
        "PGPORT": "5432",
    }
    env |= {"DATABASE_URL": "theirs", "REDIS_URL": "theirs", "LC_ALL": "C.UTF-8"}
    script = '. "$0"; printf "%s\\n" "$PGHOST" "$DATABASE_URL" "$REDIS_URL" "$LC_ALL"'
    command = ["bash", "-euc", script, str(TASKS / "env.bash")]
    host, database, redis, locale = subprocess.run(
        command, env=env, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert locale == "C.UTF-8"
    return host, database, redis


def test_sockets_are_in_the_project_where_their_path_can_be_used() -> None:
    assert hosts("/home/you/harbour") == ("/home/you/harbour/.services/run", "theirs", "theirs")
    # 107 bytes for `.s.PGSQL.5432` on Linux, 103 on macOS.
    longest = "/" + "x" * (103 - len("/" + "/.services/run" + "/.s.PGSQL.5432"))
    assert hosts(longest)[0] == f"{longest}/.services/run"
    for odd in (f"{longest}x", "/a b", "/100%", "/a?b", "/é", "/a'b", '/a"b', "/a$b"):
        host, database, redis = hosts(odd)
        assert re.fullmatch(r"/tmp/harbour-\d+-\d+", host), odd  # noqa: S108 - nothing is made there
        assert database == f"postgresql://harbour@/harbour?host={host}"
        assert redis == f"unix://{host}/redis.sock"
        assert hosts(odd)[0] == host
    assert hosts("/a b")[0] != hosts("/a c")[0]


def unprivileged(folder: Path, *command: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, str(TASKS / "unprivileged.py"), "--own", str(folder), *command],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "before", [(), pytest.param((sys.executable, str(CONTAINER)), marks=needs_root)], ids=["here", "container"]
)
def test_a_command_runs_as_somebody_who_is_not_root(tmp_path: Path, before: tuple[str, ...]) -> None:
    # A program and a folder behind a folder that is closed to others, as root's home is.
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    shutil.copy(os.path.realpath("/bin/sh"), closed / "sh")
    script = 'id -u; pwd; [ -x "$0" ] || echo "$0"; echo hello >"greeting of $1"; cat "greeting of $1"; exit 7'
    done = unprivileged(closed / "own", str(closed / "sh"), "-c", script, str(closed / "sh"), "a b", before=before)
    assert (done.returncode, done.stderr) == (7, "")
    user, where, said = done.stdout.splitlines()
    assert int(user) != 0
    assert (where, said) == (str(closed / "own"), "hello")
    assert (closed / "own").stat().st_mode & 0o777 == 0o700
    # Whoever it was before, the next one may write what is there.
    assert unprivileged(closed / "own", "sh", "-c", "echo more >>'greeting of a b'").returncode == 0


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own").symlink_to("/etc")
    done = unprivileged(tmp_path / "own", "sh", "-c", "id")
    assert done.returncode == 1
    assert done.stderr == f"unprivileged: {tmp_path / 'own'} is somebody else's, or no folder; remove it\n"


@needs_root
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    os.chown(tmp_path / "own", 12345, 12345)
    assert "is somebody else's" in unprivileged(tmp_path / "own", "id").stderr
    assert (tmp_path / "own").stat().st_uid == 12345


@pytest.fixture
def harbour(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A copy of the example, allowed and installed. Tests that run beside one another share what is downloaded."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = tmp_path_factory.getbasetemp().parent / "harbour"
        place.extra |= {"DEVSHELL_DATA_DIR": str(shared / "data"), "DEVSHELL_CACHE_DIR": str(shared / "cache")}
    shutil.copytree(EXAMPLE, place.project, dirs_exist_ok=True, ignore=MADE)
    place.run("allow").ok()
    started(place, "sync", "--locked").ok()
    return place


def story(place: Place, before: tuple[str, ...] = (), env: dict[str, str] | None = None) -> str:
    """Run all of it, twice, and hold its answers against what is pinned; return what it said the first time."""
    first, again = (started(place, "run", "all", before=before, env=env).ok().out for _ in range(2))
    for said in (first, again):
        found = ANSWER.search(said)
        assert found, said
        answer = json.loads(found[1])
        assert (answer["ferry"], answer["route"], answer["leaves"]) == ("Petrel", "Salt Bay", "09:20")
        assert answer["asked"] == 1
        assert answer["postgresql"].startswith("17.")
        assert answer["redis"].startswith("8.")
        assert said.count("Passed") == 4
        assert "Failed" not in said
        assert said.count("has stopped") == 2
        assert running(place.base) == []
    assert "a database in .services/postgresql" in first
    assert "Applying departures.0002_timetable... OK" in first
    assert "a database in" not in again
    assert "No migrations to apply." in again
    return first


@pytest.mark.network
def test_the_whole_story(harbour: Place) -> None:
    said = story(harbour)
    assert f"answers in {hosts(str(harbour.project.resolve()))[0]}" in said
    assert not (harbour.project / ".git").exists()

    # What ran before goes on, and its count with it.
    harbour.run("run", "start").ok()
    harbour.run("run", "start").ok()
    asked = [json.loads(ANSWER.findall(harbour.run("run", "check").ok().out)[0])["asked"] for _ in range(2)]
    assert asked == [1, 2]
    assert "has stopped" not in harbour.run("run", "all").ok().out
    assert running(harbour.base)
    harbour.run("run", "reset").ok()
    assert running(harbour.base) == []
    assert not (harbour.project / ".services").exists()

    interrupted(harbour)
    broken(harbour)
    whole(harbour)


def interrupted(place: Place) -> None:
    """Ctrl-C in the middle leaves nothing behind."""
    with subprocess.Popen(
        [sys.executable, "-m", "devshell", "run", "all"],
        cwd=place.project,
        env=place.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        heard = []
        for line in process.stdout:
            heard.append(line)
            if line.startswith("== Serve"):
                os.killpg(process.pid, signal.SIGINT)
    # The code where the shell that runs tasks says it, the signal where it dies of it as others do.
    assert process.returncode in {130, -signal.SIGINT}, "".join(heard)
    assert "services: PostgreSQL has stopped\n" in heard
    assert running(place.base) == []


def broken(place: Place) -> None:
    """A failure in the middle fails the whole, and leaves nothing behind either."""
    right = (EXAMPLE / "departures" / "views.py").read_text()
    place.write("departures/views.py", right.replace("leaves__gte", "leaves__lt"))
    failed = place.run("run", "all")
    assert failed.code == 1
    assert "check: the departure is 'Mergulhão|Lighthouse Island|07:40', not 'Petrel|Salt Bay|09:20'" in failed.err
    assert running(place.base) == []
    place.write("departures/views.py", f"{right}import os\n")
    failed = place.run("run", "lint")
    assert failed.code == 1
    assert "F401" in failed.out
    place.write("departures/views.py", right)


@pytest.mark.network
@needs_root
def test_the_whole_story_for_root_in_a_container(harbour: Place) -> None:
    # There are no user namespaces there, and few of root's powers.
    story(harbour, before=(sys.executable, str(CONTAINER)))
    assert (harbour.project / ".services").stat().st_uid != 0
    whole(harbour)


@pytest.mark.network
@needs_root
def test_the_whole_story_for_a_user_in_a_deep_folder(harbour: Place) -> None:
    user = somebody(harbour)
    far = Place(harbour.base / "a folder, 100% too long for a socket" / ("x" * 60), harbour.env)
    shutil.copytree(EXAMPLE, far.project, dirs_exist_ok=True, ignore=MADE)
    started(far, "allow", before=user).ok()
    found = re.search(r"answers in (/tmp/harbour-\S+)", story(far, before=user))
    assert found
    # Sockets outside of the project go when the services do.
    assert not Path(found[1]).exists()
    whole(harbour)


@pytest.mark.network
def test_the_services_of_the_documentation(harbour: Place) -> None:
    user = somebody(harbour)
    block = re.search(r"```toml\n(.*?)```", (ROOT / "docs" / "services.md").read_text(), re.DOTALL)
    assert block
    # A short path, which the documentation asks for.
    with tempfile.TemporaryDirectory(prefix="small", dir=harbour.base.anchor + "tmp") as base:
        small = Place(Path(base), harbour.env)
        small.write("devshell.toml", block[1])
        shutil.copy(EXAMPLE / "devshell.lock", small.project)
        before = (*user, "--own", base) if user else ()
        for words in (("allow",), ("sync",)):
            started(small, *words, before=before).ok()
        try:
            said = started(small, "run", "psql", "-Atc", "select 40 + 2", before=before).ok()
            assert said.out.splitlines()[-1] == "42"
            started(small, "run", "start", before=before).ok()
            count = ("exec", "--", "sh", "-c", 'redis-cli -s "$PGHOST/redis.sock" incr asked')
            assert started(small, *count, before=before).ok().out == "1\n"
        finally:
            stopped = started(small, "run", "stop", before=before)
        stopped.ok()
        assert running(small.base) == []
