#!/usr/bin/env bash
# Trains the audio-visual baseline on binaural recordings in the STARSS23 layout.
#   scripts/prepare_starss23.sh DATA --format binaural        once
#   scripts/train_seld_bin.sh DATA [RUN] [options of avseld train]
#   scripts/eval_seld.sh RUN
# DATA holds binaural_dev, metadata_dev, video_dev and, made by the first script, prepared. RUN defaults to
# runs/av_bin_DATE_TIME, of which runs/av_bin_latest is the last.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

take_options "" "" 1 2 "$@"
use_environment
know_more "avseld train"
train_seld av_bin binaural "${words[0]}" "${words[1]:-}"
