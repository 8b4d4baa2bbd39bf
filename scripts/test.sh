#!/usr/bin/env bash
# Runs the whole test suite in .venv, which it makes if need be. Arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_environment test
cd "$root"
# Two processes of one thread each gain more than one of two; a file's tests stay together and share what they make. Files
# keep their order, long trainings first (tests/conftest.py); xdist would put files of few tests, which these are, last.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec python -m pytest -n 2 --durations=25 --durations-min=4 --dist loadfile --no-loadscope-reorder "$@"
