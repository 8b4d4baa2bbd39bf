#!/usr/bin/env bash
# Trains the audio-visual network with a transformer as audio encoder, on ambisonics or binaural recordings.
#   scripts/prepare_starss23.sh DATA        once
#   scripts/train_seld_vit.sh DATA [RUN] [--format foa|binaural] [options of avseld train]
#   scripts/eval_seld.sh RUN
# RUN defaults to runs/av_vit_DATE_TIME or runs/av_vit_bin_DATE_TIME, of which runs/av_vit_latest or runs/av_vit_bin_latest
# is the last. --legacy true uses the published encoder, whose tokens are frequency bins.
set -euo pipefail
if [ $# -lt 1 ] || [[ "$1" == -* ]]; then
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
format=foa words=()
while [ $# -gt 0 ]; do
    case "$1" in
        --format) format="$2"; shift 2 ;;
        *) words+=("$1"); shift ;;
    esac
done
case "$format" in
    foa) recipe=av_vit ;;
    binaural) recipe=av_vit_bin ;;
    *) echo "train_seld_vit.sh: --format $format is none of foa, binaural" >&2; exit 2 ;;
esac
use_environment
train_seld "$recipe" "$format" "${words[@]}"
