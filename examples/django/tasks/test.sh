#!/bin/sh
# The frontend's tests, and Django's in a database that it makes for them and drops.
set -eu

node --disable-warning=ExperimentalWarning --test --test-reporter=dot frontend/*.test.ts
python manage.py test
