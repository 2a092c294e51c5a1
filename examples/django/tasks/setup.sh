#!/bin/sh
# .venv with what requirements.txt pins, on the project's own Python. What is right already is left alone.
set -eu

python=$DEVSHELL_ENV/bin/python3.13
made_of=$("$python" -c 'import sys; print(sys.version, sys.base_prefix)')
export UV_PYTHON_DOWNLOADS=never
if [ "$(cat .venv/made-of 2>/dev/null)" != "$made_of" ] || ! .venv/bin/python -c '' 2>/dev/null; then
    uv venv --quiet --clear --python "$python" .venv
    printf '%s\n' "$made_of" >.venv/made-of
fi
uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.txt
.venv/bin/python -c '
import django, platform, psycopg
print(f"setup: Django {django.__version__}, psycopg {psycopg.__version__}, on Python {platform.python_version()}")
'
