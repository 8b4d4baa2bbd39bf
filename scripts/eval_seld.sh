#!/usr/bin/env bash
# Scores a run on its test recordings by the DCASE 2022/2023 metrics, and draws one of them.
#   scripts/eval_seld.sh [RUN] [options of avseld evaluate]
# RUN defaults to the newest run in runs.
# Uses the weights of the last step (--weights last), as the published results do, not those of the best validation.
set -euo pipefail
usage() {
    sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}
if [ "${1:-}" = -h ] || [ "${1:-}" = --help ]; then usage; fi
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_environment
if [ $# -gt 0 ] && [[ "$1" != -* ]]; then
    run="$1"
    shift
else
    weights="$(ls -t runs/*/last.safetensors 2>/dev/null | head -n 1 || true)"
    if [ -z "$weights" ]; then
        echo "eval_seld.sh: no run in $PWD/runs; name one" >&2
        usage
    fi
    run="$(cd "$(dirname "$weights")" && pwd -P)"
    echo "== the newest run: $run"
fi
avseld evaluate --run "$run" --weights last "$@"
