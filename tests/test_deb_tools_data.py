"""Debian's tools for data, as people use them, with nothing of the host but what docs/isolation.md states."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.installed import Installed, install
from support.servers import asked, story, through

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.network

#: No tree has it; it must give UTF-8 all the same, without a warning.
_UTF8 = "en_US.UTF-8"
_BERLIN = "Europe/Berlin"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(
        {
            "jq": "1",
            "mariadb": "11.8",
            "memcached": "1",
            "nginx": "1",
            "postgresql": "17",
            "redis": "8",
            "sqlite3": "3",
            "valkey": "8",
        },
        tmp_path_factory,
    )


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install({"postgresql": "15"}, tmp_path_factory)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1, whose key is beside it."""
    place = tmp_path / "server.crt"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=t"]
    alternative = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(tmp_path / "server.key"), "-out"]
    subprocess.run(["openssl", *request, *alternative, str(place)], check=True, capture_output=True)
    return place


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_jq_reads_json(tools: Installed, tmp_path: Path) -> None:
    said = tools.run(["jq", "-r", ".a | @text", "-"], tmp_path, text='{"a": "é"}', LANG="de_DE.UTF-8")
    assert said == "é\n"


def test_jq_knows_patterns_time_zones_and_the_users_modules(tools: Installed, tmp_path: Path) -> None:
    (tmp_path / ".jq").write_text("def twice: . + .;\n")
    program = '(.a | twice | test("^(é)\\\\1$")), (0 | strflocaltime("%H:%M %Z"))'
    said = tools.run(["jq", "-r", program], tmp_path, text='{"a": "é"}', LANG=_UTF8, TZ=_BERLIN)
    assert said == "true\n01:00 CET\n"


def test_sqlite3(tools: Installed, tmp_path: Path) -> None:
    text = """
.headers on
create virtual table words using fts5(word);
insert into words values ('Äpfel'), ('Birnen');
select word, json('[1,2]') as two from words('äpfel');
select datetime(0, 'unixepoch', 'localtime') as epoch;
.backup copy.db
"""
    said = tools.run(["sqlite3", "-batch", "a.db"], tmp_path, text=text, LANG=_UTF8, TZ=_BERLIN)
    assert said.splitlines()[-4:] == ["word|two", "Äpfel|[1,2]", "epoch", "1970-01-01 01:00:00"]
    assert tools.run(["sqlite3", "copy.db", "select count(*) from words"], tmp_path).splitlines()[-1] == "2"


_POSTGRES = """
initdb --auth=trust data >said
pg_ctl start --wait --log log -o "-h '' -k $PGHOST" >>said
read -r pid <data/postmaster.pid
psql -c "create table t as select 'ä' as word"
createdb other
pg_dump postgres >dump
psql -q other <dump >/dev/null
psql other -Atc "select word, upper(word) from t"
pg_ctl restart --wait --log log -o "-h '' -k $PGHOST" >>said
pg_isready -q
psql -At <<'END'
\\echo :greeting
show server_encoding;
show timezone;
select '2026-07-01 12:00+00'::timestamptz;
select '2026-07-01 12:00+00'::timestamptz at time zone 'America/New_York';
select count(*) > 400 from pg_timezone_names;
select 'ä' < 'z' collate "de-x-icu";
select to_tsvector('german', 'Datenbanken');
select xpath('/a/text()', '<a>1</a>');
create extension pgcrypto;
create extension hstore;
create extension unaccent;
create extension "uuid-ossp";
create extension postgres_fdw;
select encode(digest('a', 'sha256'), 'hex') = encode(sha256('a'), 'hex');
select unaccent('é'), length(uuid_generate_v4()::text);
copy (select 7) to program 'read -r one; echo $one >seven';
\\! echo a shell
END
read -r seven <data/seven
echo "$seven"
pgbench -qi 2>/dev/null
pg_basebackup --checkpoint=fast -D base
read -r pid <data/postmaster.pid
mapped "$pid"
pg_ctl stop --mode fast >>said
while read -r line; do case $line in *[Ww]arning*|*ERROR*|*FATAL*) echo "$line";; esac; done <said
while read -r line; do case $line in *[Ww]arning*|*ERROR*|*FATAL*) echo "$line";; esac; done <log
"""


def _postgres(tools: Installed, cwd: Path) -> list[str]:
    (cwd / ".psqlrc").write_text("\\set greeting 'from the home folder'\n")
    host = f"@devshell-{os.getpid()}-{cwd.name}"
    said = story(
        tools, cwd, _POSTGRES, LANG=_UTF8, TZ=_BERLIN, PGHOST=host, PGDATABASE="postgres", PGDATA=f"{cwd}/data"
    )
    return said.splitlines()


_ANSWERS = [
    "SELECT 1",
    "ä|Ä",
    "from the home folder",
    "UTF8",
    "Europe/Berlin",
    "2026-07-01 14:00:00+02",
    "2026-07-01 08:00:00",
    "t",
    "t",
    "'datenbank':1",
    "{1}",
    *["CREATE EXTENSION"] * 5,
    "t",
    "e|36",
    "COPY 1",
    "a shell",
    "7",
]


def test_postgresql_from_initdb_to_stop(tools: Installed, tmp_path: Path) -> None:
    assert _postgres(tools, tmp_path) == _ANSWERS


def test_postgresql_of_the_release_before(older: Installed, tmp_path: Path) -> None:
    assert _postgres(older, tmp_path) == _ANSWERS


_TLS = """
initdb --auth=trust --username=me data >said
pg_ctl start --wait --log log -o "-h $PGHOST -k '' -c ssl=on -c ssl_cert_file=../server.crt \\
    -c ssl_key_file=../server.key" >>said
psql -U me postgres -Atc "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()"
pg_ctl stop >>said
"""


@pytest.mark.usefixtures("certificate")
def test_postgresql_over_tls(tools: Installed, tmp_path: Path, unused_port: int) -> None:
    client = {"PGHOST": "127.0.0.1", "PGPORT": str(unused_port), "PGSSLMODE": "verify-full"}
    said = story(tools, tmp_path, _TLS, PGDATA=f"{tmp_path}/data", PGSSLROOTCERT="server.crt", LANG="C", **client)
    assert said == "t|TLSv1.3\n"


def test_postgresql_is_started_by_its_path(tools: Installed, tmp_path: Path) -> None:
    # As pytest-postgresql and others do, who ask where the programs are.
    script = """
"$BIN/initdb" --auth=trust data >said
"$BIN/pg_ctl" start --wait --log log -D data -o "-h '' -k $PGHOST" >>said
"$BIN/psql" postgres -Atc "set timezone = 'Asia/Tokyo'; select '2026-01-01 00:00+00'::timestamptz"
"$BIN/pg_ctl" stop -D data >>said
"""
    folder = tools.run(["pg_config", "--bindir"], tmp_path).strip()
    said = story(tools, tmp_path, script, BIN=folder, PGHOST=f"@devshell-{os.getpid()}-by-path", LANG=_UTF8)
    assert said == "SET\n2026-01-01 09:00:00+09\n"


def test_postgresql_has_its_sockets_where_its_makers_put_them(tools: Installed, tmp_path: Path) -> None:
    script = """
initdb --auth=trust data >said
while read -r line; do case $line in *unix_socket_directories*) echo "$line";; esac; done <data/postgresql.conf
psql -p 1 2>&1 || :
"""
    said = story(tools, tmp_path, script)
    assert "#unix_socket_directories = '/tmp'" in said
    assert '"/tmp/.s.PGSQL.1"' in said


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone is refused")
def test_postgresql_refuses_root(tools: Installed, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(tools.bin / "initdb"), "data"],
        cwd=tmp_path,
        env=tools.env(tmp_path, LANG=_UTF8),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("initdb: error: cannot be run as root")


_REDIS = """
{server} redis.conf >log &
until {client} -s redis.sock ping 2>/dev/null; do :; done
{client} -s redis.sock set word é
{client} -s redis.sock eval "return cjson.encode({{1, 2}})" 0
mapped "$!"
{client} -s redis.sock shutdown
wait "$!"
{server} redis.conf >log &
until {client} -s redis.sock ping >/dev/null 2>&1; do :; done
until {client} -s redis.sock --raw get word; do :; done
{client} --tls --cacert server.crt -h 127.0.0.1 -p {port} ping
{client} -s redis.sock shutdown nosave
wait "$!"
{server_check} dump.rdb >/dev/null
"""


@pytest.mark.usefixtures("certificate")
@pytest.mark.parametrize("name", ["redis", "valkey"])
def test_redis_keeps_what_it_was_given(tools: Installed, tmp_path: Path, unused_port: int, name: str) -> None:
    (tmp_path / "redis.conf").write_text(
        f"port 0\nunixsocket redis.sock\nsave 3600 1\nappendonly yes\nbind 127.0.0.1\ntls-port {unused_port}\n"
        "tls-cert-file server.crt\ntls-key-file server.key\ntls-ca-cert-file server.crt\ntls-auth-clients no\n"
    )
    script = _REDIS.format(
        server=f"{name}-server", client=f"{name}-cli", server_check=f"{name}-check-rdb", port=unused_port
    )
    said = story(tools, tmp_path, script, LANG=_UTF8, TZ=_BERLIN)
    assert said.splitlines() == ["PONG", "OK", "[1,2]", "é", "PONG"]


_MARIADB = """
mariadb-install-db --datadir="$PWD/data" --auth-root-authentication-method=normal >said
mariadbd --datadir="$PWD/data" --socket="$PWD/s" --skip-networking 2>log &
until mariadb-admin -uroot -S s ping >/dev/null 2>&1; do :; done
mapped "$!"
mariadb -uroot -S s -N <<'END'
select substring_index(version(), '-', 1) >= '11.8', upper('é'), now() <> utc_timestamp(), @@character_set_client;
create database shop;
create table shop.words (word varchar(20)) engine=innodb;
insert into shop.words values ('ß'), ('ẞ');
select word, hex(word), convert(word using cp1250) from shop.words where word = 'ß' limit 1;
install soname 'server_audit';
select nothing;
END
mariadb-dump -uroot -S s shop >dump
mariadb -uroot -S s -e 'create database copy'
mariadb -uroot -S s copy <dump
mariadb -uroot -S s -N -e 'select count(*) from copy.words'
mariadb-admin -uroot -S s shutdown
wait "$!"
"""


def test_mariadb_from_its_first_table_to_shutdown(tools: Installed, tmp_path: Path) -> None:
    (tmp_path / ".my.cnf").write_text("[mariadb-client]\nforce\n[mariadb-dump]\ncompact\n")
    said = story(tools, tmp_path, _MARIADB, LANG=_UTF8, TZ=_BERLIN)
    assert said.splitlines()[:3] == ["1\tÉ\t1\tutf8mb4", "ß\tC39F\tß", "2"]
    assert "Unknown column 'nothing' in 'SELECT'" in said


def test_mariadb_by_its_guardian(tools: Installed, tmp_path: Path) -> None:
    script = """
mariadb-install-db --datadir="$PWD/data" --skip-test-db >said
mariadbd-safe --datadir="$PWD/data" --socket="$PWD/s" --skip-networking >>said 2>&1 &
until mariadb-admin -S s ping 2>/dev/null; do :; done
mariadb -S s -N -e 'select current_user()'
mariadb-admin -S s shutdown
wait "$!"
"""
    said = story(tools, tmp_path, script, USER="nobody" if os.geteuid() == 0 else os.environ.get("USER", ""))
    assert said.splitlines()[0] == "mysqld is alive"


def test_nginx_with_a_folder_of_its_own(tools: Installed, tmp_path: Path) -> None:
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").write_text("hé")
    (tmp_path / "nginx.conf").write_text(
        "events {}\nhttp { server { listen unix:s;\n"
        "location / { root html; gzip on; }\nlocation /again/ { proxy_pass http://unix:s:/; } } }\n"
    )
    script = """
nginx -p . -t -c nginx.conf 2>said
nginx -p . -c nginx.conf
read -r pid <nginx.pid
mapped "$pid"
nginx -p . -s reload
pause
nginx -p . -c nginx.conf -s quit
while [ -e nginx.pid ]; do :; done
nginx
nginx -s quit
while [ -e nginx.pid ]; do :; done
"""
    request = b"GET /again/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    said = asked(tools, tmp_path, script, lambda: through(tmp_path / "s", request), TZ=_BERLIN)
    assert said.startswith("HTTP/1.1 200 OK")
    assert said.endswith("hé")
    assert "GET /again/" in (tmp_path / "access.log").read_text()


def test_memcached(tools: Installed, tmp_path: Path) -> None:
    script = """
memcached -s m.sock &
pause
mapped "$!"
kill "$!"
"""
    request = b"set a 0 0 2\r\nab\r\nget a\r\nquit\r\n"
    said = asked(tools, tmp_path, script, lambda: through(tmp_path / "m.sock", request))
    assert said.split() == ["STORED", "VALUE", "a", "0", "2", "ab", "END"]


def test_both_processors_are_locked(tools: Installed) -> None:
    both = '["linux-x86_64", "linux-aarch64"]'
    manifest, settings, _ = (tools.place.project / "devshell.toml").read_text().partition("[settings]\n")
    other = tools.place.base / "both"
    other.mkdir()
    (other / "devshell.toml").write_text(f"{manifest}{settings}platforms = {both}\n")
    tools.place.run("lock", cwd=other, env={"DEVSHELL_TRUST": str(other)}).ok()
    locked = (other / "devshell.lock").read_text()
    for name in ("jq", "mariadb", "memcached", "nginx", "postgresql", "redis", "sqlite3", "valkey"):
        assert f"[tools.{name}.linux-aarch64]\nartifacts" in locked
    assert "absent" not in locked


def test_nothing_was_written_into_the_store(tools: Installed, older: Installed) -> None:
    tools.place.run("store", "verify").ok()
    older.place.run("store", "verify").ok()
