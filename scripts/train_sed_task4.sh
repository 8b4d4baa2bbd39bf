#!/usr/bin/env bash
# Trains a CNN of DCASE2019 Task 4 (Kong et al. 2019): domestic sound events, from weak or synthetic labels.
#   scripts/train_sed_task4.sh CORPUS [RUN] [--layers 5|9|13] [--labels weak|synthetic|frames] [--quick] [options]
# CORPUS holds audio and metadata as published; avseld-prep synth --layout task4 generates one. Labels: weak uses clip
# labels, synthetic the clip labels of synthetic clips, frames their onsets and offsets. RUN defaults to runs/sed_task4.
# --quick is for a generated corpus: minutes on two cores.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

layers=9 labels=weak quick=""
take_options "layers labels" "quick" 1 2 "$@"
corpus="${words[0]}" run="${words[1]:-runs/sed_task4}"
one_of --layers "$layers" 5 9 13
one_of --labels "$labels" weak synthetic frames
chosen_labels=()
case "$labels" in
    weak) ;;
    synthetic) chosen_labels=(--data.train "[synthetic]") ;;
    frames) chosen_labels=(--data.train "[synthetic]" --target.options.loss frame --model.options.clip_from frames) ;;
esac
short=()
if [ -n "$quick" ]; then
    short=(--steps 160 --validate_every 80 --data.batch_size 8 --schedule.name one_cycle --schedule.options '{}')
fi
use_environment
know_more "avseld train"
prepared="$corpus/prepared"
if [ ! -f "$prepared/manifest.csv" ]; then
    avseld-prep task4 --raw "$corpus" --prepared "$prepared"
fi
train_or_resume "$run" --config "sed_cnn$layers" --data.prepared "$prepared" ${chosen_labels[@]+"${chosen_labels[@]}"} \
    ${short[@]+"${short[@]}"} ${more[@]+"${more[@]}"}
avseld evaluate --run "$run" --untrained
