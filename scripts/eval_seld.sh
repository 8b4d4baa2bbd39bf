#!/usr/bin/env bash
# Scores a run on its test recordings by the DCASE 2022/2023 metrics, and draws one of them.
#   scripts/eval_seld.sh [RUN] [options of avseld evaluate]
# RUN defaults to the newest run in runs.
# Uses the weights of the last step (--weights last), as the published results do, not those of the best validation.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

take_options "" "" 0 1 "$@"
use_environment
know_more "avseld evaluate"
run="${words[0]:-}"
if [ -z "$run" ]; then
    weights="$(ls -t runs/*/last.safetensors 2>/dev/null | head -n 1 || true)"
    [ -n "$weights" ] || refuse "no run in $PWD/runs; name one"
    run="$(cd "$(dirname "$weights")" && pwd -P)"
    echo "== the newest run: $run"
fi
avseld evaluate --run "$run" --weights last ${more[@]+"${more[@]}"}
