#!/bin/sh
# The page must not load anything from elsewhere: no address in the sources but this machine's own.
set -eu

if rg --line-number 'https?://' src | rg --invert-match 'https?://127\.0\.0\.1'; then
    echo 'links: the sources name another host' >&2
    exit 1
fi
echo "links: $(rg --files src test tools | wc -l | tr -d ' ') files, none loads from elsewhere"
