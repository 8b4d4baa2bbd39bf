#!/usr/bin/env bash
# Runs the whole test suite in .venv, which it makes if need be. Arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_environment test
cd "$root"
exec python -m pytest "$@"
