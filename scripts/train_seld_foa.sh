#!/usr/bin/env bash
# Trains the audio-visual baseline on STARSS23's first-order ambisonics with the published recipe.
#   scripts/prepare_starss23.sh DATA        once
#   scripts/train_seld_foa.sh DATA [RUN] [options of avseld train]
#   scripts/eval_seld.sh RUN
# DATA holds foa_dev, metadata_dev, video_dev and, made by the first script, prepared. RUN defaults to runs/av_foa.
set -euo pipefail
if [ $# -lt 1 ] || [[ "$1" == -* ]]; then
    sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_environment
data="$1"
shift
run="runs/av_foa"
if [ $# -gt 0 ] && [[ "$1" != -* ]]; then
    run="$1"
    shift
fi
if [ ! -f "$data/prepared/manifest.csv" ]; then
    echo "train_seld_foa.sh: $data/prepared: not found; run scripts/prepare_starss23.sh $data first" >&2
    exit 2
fi
avseld train --config av_foa --data.prepared "$data/prepared" --out "$run" "$@"
echo "== next: scripts/eval_seld.sh $run"
