#!/bin/sh
# The whole story, from nothing to a project that answers, and back: what was not running before is not running after.
set -eu

step() {
    printf '\n%s\n' "== $1"
    shift
    "$@"
}

finish() {
    status=$?
    # Stopping is not to be cut short.
    trap - EXIT
    trap '' INT TERM HUP
    if [ -n "$started" ]; then
        step 'Stop them' sh tasks/services.sh stop
    fi
    exit "$status"
}

started=''
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

step 'Install what the project imports' sh tasks/setup.sh
step 'Make what browsers load' node --disable-warning=ExperimentalWarning frontend/build.mjs
step 'Make a database' sh tasks/services.sh initdb
sh tasks/services.sh status || started=yes
step 'Start PostgreSQL and Redis' sh tasks/services.sh start
step 'Bring the tables up to date' python manage.py migrate
step 'Serve, and ask' python tasks/check.py
step 'Test' sh tasks/test.sh
step 'Run pre-commit' sh tasks/lint.sh
