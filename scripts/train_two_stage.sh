#!/usr/bin/env bash
# Trains the two-stage system of DCASE2019 Task 3 (Cao et al. 2019) and scores the test folds together.
#   scripts/train_two_stage.sh CORPUS [RUNS] [--format mic|foa] [--folds "1 2 3 4"] [--quick] [options of avseld train]
# CORPUS is TAU Spatial Sound Events 2019 as unpacked (foa_dev, mic_dev, metadata_dev); avseld-prep synth --layout dcase2019
# generates one. Per fold: sound event detection (stage 1), then directions, initialized from its convolutions (stage 2).
# RUNS defaults to runs/two_stage. --quick is for a generated corpus: minutes on two cores. A second call continues.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

format="mic" folds="1 2 3 4" quick=""
take_options "format folds" "quick" 1 2 "$@"
corpus="${words[0]}" runs="${words[1]:-runs/two_stage}"
one_of --format "$format" mic foa
use_environment
know_more "avseld train"
prepared="$corpus/prepared_$format"
if [ ! -f "$prepared/manifest.csv" ]; then
    avseld-prep tut --dataset dcase2019 --format "$format" --sample_rate 32000 --raw "$corpus" --prepared "$prepared"
fi
short=()
if [ -n "$quick" ]; then
    short=(--steps 200 --validate_every 100 --data.batch_size 8 --schedule.name one_cycle --schedule.options '{}')
fi
inputs=(--data.prepared "$prepared" --data.format "$format")
if [ "$format" = foa ]; then
    inputs+=(--features.name logmel_iv --features.options "{sample_rate: 32000, n_fft: 1024, win_length: null, hop: 320, n_mels: 96, low_hz: 50, pad_mode: reflect}")
fi
stage() { # recipe, run, options...
    local recipe="$1" run="$2"
    shift 2
    train_or_resume "$run" --config "$recipe" "${inputs[@]}" ${short[@]+"${short[@]}"} "$@" ${more[@]+"${more[@]}"}
}
for fold in $folds; do
    others="$(for k in 1 2 3 4; do [ "$k" = "$fold" ] || printf 'split%s,' "$k"; done)"
    split=(--data.train "[${others%,}]" --data.validate "[split$fold]" --data.test "[split$fold]")
    echo "== fold $fold, stage 1: sound event detection"
    stage two_stage_sed "$runs/fold${fold}_sed" "${split[@]}"
    echo "== fold $fold, stage 2: direction of arrival"
    stage two_stage "$runs/fold$fold" "${split[@]}" --init_from.roles.sed "$runs/fold${fold}_sed"
    avseld evaluate --run "$runs/fold$fold" --untrained
done
echo "== all folds"
rm -rf "$runs/pooled"
mkdir -p "$runs/pooled/labels" "$runs/pooled/predictions"
cp "$prepared/classes.txt" "$runs/pooled/"
for fold in $folds; do
    cp "$runs/fold$fold/evaluation/blank/"*.csv "$runs/pooled/predictions/"
done
for path in "$runs/pooled/predictions/"*.csv; do
    cp "$prepared/labels/$(basename "$path")" "$runs/pooled/labels/"
done
avseld score "$runs/pooled/labels" "$runs/pooled/predictions" --challenge 2019
