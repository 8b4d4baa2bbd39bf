#!/usr/bin/env bash
# Scores a run on its test recordings by the DCASE 2022/2023 metrics, and draws one of them.
#   scripts/eval_seld.sh RUN [options of avseld evaluate]
# Uses the weights of the last step (--weights last), as the published results do, not those of the best validation.
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
