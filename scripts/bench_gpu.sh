#!/usr/bin/env bash
# The published training on one GPU: 20,000 steps of 16 windows with 20 validations, on a generated corpus of 3.8 hours that
# the device keeps. Without --device-check an eighth of it validates; with it there are 3.5 hours more, as in STARSS23.
#   scripts/bench_gpu.sh [FOLDER] [--hours H] [--steps N] [options of avseld train]   seconds of one training
#   scripts/bench_gpu.sh --device-check [FOLDER] [--rehearse] [--json FILE]           a table of paths, and the training
# FOLDER defaults to bench_gpu. The device check ends within six minutes; --rehearse runs it on the CPU with two steps.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

hours=3.8 steps="" device_check=""
take_options "hours steps" "device_check" 0 1 "$@"
folder="${words[0]:-bench_gpu}"
use_environment
if [ -n "$device_check" ]; then
    exec python -m avseld.benchmarking.device_check "$folder/device_check" ${steps:+--steps "$steps"} ${more[@]+"${more[@]}"}
fi
know_more "avseld train"
steps="${steps:-20000}"
[ -f "$folder/prepared/manifest.csv" ] || python "$root/scripts/write_bench_corpus.py" "$folder/prepared" --hours "$hours"
rm -rf "$folder/run"
began=$(date +%s)
avseld train --config av_foa --data.prepared "$folder/prepared" --out "$folder/run" --steps "$steps" \
    --validate_every $((steps / 20)) --data.validate "[fold4]" --data.device_cache auto \
    ${more[@]+"${more[@]}"}
took=$(($(date +%s) - began))
printf '%d steps with 20 validations took %d:%02d, %d steps a second\n' \
    "$steps" $((took / 60)) $((took % 60)) $((steps / (took > 0 ? took : 1)))
