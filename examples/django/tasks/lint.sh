#!/bin/sh
# pre-commit over all files. It looks at what git tracks: where this folder is no repository of its own, at a
# repository that is kept in .cache, so that none appears in the folder or around it.
set -eu

export PRE_COMMIT_HOME="$PWD/.cache/pre-commit"
if [ "$(git rev-parse --show-toplevel 2>/dev/null)" != "$(pwd -P)" ]; then
    export GIT_DIR="$PWD/.cache/lint.git" GIT_WORK_TREE="$PWD"
    mkdir -p .cache
    git init --quiet
    git add --all
fi
exec pre-commit run --all-files
