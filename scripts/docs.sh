#!/usr/bin/env bash
# Builds the documentation into site/, in .venv, which it makes if need be. Fails on a broken link, on a docstring that
# does not fit its signature, and on a public name without a docstring.
#   scripts/docs.sh [options of mkdocs build]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_environment docs
cd "$root"
exec python -m mkdocs build --strict "$@"
