#!/usr/bin/env bash
# Trains the audio-visual baseline on STARSS23's microphone array with the published recipe.
#   scripts/prepare_starss23.sh DATA --format mic        once
#   scripts/train_seld_mic.sh DATA [RUN] [options of avseld train]
#   scripts/eval_seld.sh RUN
# DATA holds mic_dev, metadata_dev, video_dev and, made by the first script, prepared. RUN defaults to
# runs/av_mic_DATE_TIME, of which runs/av_mic_latest is the last.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

take_options "" "" 1 2 "$@"
use_environment
know_more "avseld train"
train_seld av_mic mic "${words[0]}" "${words[1]:-}"
