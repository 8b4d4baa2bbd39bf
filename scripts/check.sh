#!/usr/bin/env bash
# What must hold before a change is merged: format, lint, types, import contracts, tests.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_environment test
cd "$root"
ruff format --check .
ruff check .
mypy
lint-imports
exec scripts/test.sh "$@"
