#!/usr/bin/env bash
# Scores a run on its test recordings as DCASE2022/2023 did, and draws one of them.
#   scripts/eval_seld.sh RUN [options of avseld evaluate]
# The published numbers are those of the last step, not of the best validation: hence --weights last.
set -euo pipefail
if [ $# -lt 1 ] || [[ "$1" == -* ]]; then
    sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_environment
run="$1"
shift
avseld evaluate --run "$run" --weights last "$@"
