#!/bin/sh
# PostgreSQL and Redis, for this project alone: their data in .services, their sockets in $PGHOST, no port on any
# network. usage: services.sh initdb | start | stop | status | reset
set -eu

say() {
    printf 'services: %s\n' "$*"
}

# Run a server's program: not as root, and with the project's folders its own.
own() {
    python3.13 "$here/unprivileged.py" --own "$SERVICES" --own "$PGHOST" "$@"
}

postgresql_answers() {
    pg_isready -q
}

redis_answers() {
    [ "$(redis-cli -s "$PGHOST/redis.sock" ping 2>/dev/null)" = PONG ]
}

# Run a command that has much to say, of which only a failure is worth reading.
quietly() {
    "$@" >"$SERVICES/tasks.log" 2>&1 || {
        cat "$SERVICES/tasks.log" >&2
        return 1
    }
}

# Whole or not at all: a folder that was cut off while it was made has another name.
initdb_once() {
    [ ! -e "$PGDATA" ] || return 0
    rm -rf "$PGDATA.new"
    # PostgreSQL's own rules for text, so that nothing depends on which languages the machine knows.
    quietly own initdb -D "$PGDATA.new" --username="$PGUSER" --auth=trust --encoding=UTF8 --locale=C \
        --locale-provider=builtin --builtin-locale=C.UTF-8 --no-instructions
    printf 'create database %s\n' "$PGDATABASE" | quietly own postgres --single -c exit_on_error=true -D "$PGDATA.new" postgres
    mv "$PGDATA.new" "$PGDATA"
    say "a database in ${PGDATA#"$PWD/"}, made by $(initdb --version)"
}

start_postgresql() {
    if ! postgresql_answers; then
        own pg_ctl start --silent --wait --log="$SERVICES/postgresql.log" --options="-k $PGHOST -h ''" || true
        if ! postgresql_answers; then
            tail -n 20 "$SERVICES/postgresql.log" >&2
            say 'PostgreSQL does not start; the end of its log stands above' >&2
            return 1
        fi
    fi
    say "PostgreSQL $(psql -d postgres -Atc 'show server_version') answers in $PGHOST"
}

start_redis() {
    if ! redis_answers; then
        quietly own redis-server --daemonize yes --port 0 --unixsocket "$PGHOST/redis.sock" --unixsocketperm 700 \
            --dir "$SERVICES" --pidfile "$SERVICES/redis.pid" --logfile "$SERVICES/redis.log" --save ''
        tries=0
        until redis_answers; do
            tries=$((tries + 1))
            if [ "$tries" -gt 100 ]; then
                tail -n 20 "$SERVICES/redis.log" >&2
                say 'Redis does not start; the end of its log stands above' >&2
                return 1
            fi
            sleep 0.1
        done
    fi
    say "Redis $(redis-cli -s "$PGHOST/redis.sock" info server | tr -d '\r' | sed -n 's/^redis_version://p') answers in $PGHOST"
}

# A file may outlive its process, and the number in it be another's by now: only who answers is stopped.
stop_postgresql() {
    [ -e "$PGDATA/postmaster.pid" ] || return 0
    pg_isready -q || [ $? -eq 1 ] || return 0
    own pg_ctl stop --silent --wait --mode=fast
    say 'PostgreSQL has stopped'
}

stop_redis() {
    [ -e "$SERVICES/redis.pid" ] || return 0
    redis_answers || return 0
    redis-cli -s "$PGHOST/redis.sock" shutdown nosave
    # Its last act. The process itself may be seen for longer, in a container where nobody reaps it.
    while [ -e "$SERVICES/redis.pid" ]; do
        sleep 0.1
    done
    say 'Redis has stopped'
}

# The folder of sockets goes too, which need not be in the project; `start` makes it again.
stop_both() {
    stop_redis
    stop_postgresql
    rmdir "$PGHOST" 2>/dev/null || true
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
[ -d "$SERVICES" ] || mkdir -m 700 "$SERVICES"

case ${1-} in
initdb)
    initdb_once
    ;;
start)
    initdb_once
    start_postgresql
    start_redis
    ;;
stop)
    stop_both
    ;;
status)
    postgresql_answers && redis_answers
    ;;
reset)
    stop_both
    rm -rf "$SERVICES"
    say 'the database is gone'
    ;;
*)
    printf 'usage: services.sh initdb | start | stop | status | reset\n' >&2
    exit 2
    ;;
esac
