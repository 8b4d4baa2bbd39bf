#!/usr/bin/env bash
# Trains the audio-visual network with a transformer as audio encoder, on ambisonics or binaural recordings.
#   scripts/prepare_starss23.sh DATA        once
#   scripts/train_seld_vit.sh DATA [RUN] [--format foa|binaural] [options of avseld train]
#   scripts/eval_seld.sh RUN
# RUN defaults to runs/av_vit_DATE_TIME or runs/av_vit_bin_DATE_TIME, of which runs/av_vit_latest or runs/av_vit_bin_latest
# is the last. --legacy true uses the published encoder, whose tokens are frequency bins.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

format=foa
take_options "format" "" 1 2 "$@"
one_of --format "$format" foa binaural
case "$format" in
    foa) recipe=av_vit ;;
    binaural) recipe=av_vit_bin ;;
esac
use_environment
know_more "avseld train"
train_seld "$recipe" "$format" "${words[0]}" "${words[1]:-}"
