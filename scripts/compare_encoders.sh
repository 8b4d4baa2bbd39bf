#!/usr/bin/env bash
# Trains networks with different encoders for the same time on the same generated scenes, and scores them in the same rooms.
#   scripts/compare_encoders.sh [FOLDER] [--minutes M] [--systems "baseline resnet_conformer ..."] [--seeds "0"]
#     [--augmentations "none rotate mix mask all"] [--augmented SYSTEM] [--recordings N] [--seconds S] [--trial_steps N]
#     [--baseline SYSTEM] [options of avseld train]
# FOLDER defaults to encoders. Reverberant, noisy and crowded scenes, first-order ambisonics, sound alone. M minutes of
# training steps each (10 by default), without start-up and validation: a training of N steps (24) on this machine measures
# the steps a second of each and chooses the precision; FOLDER/steps.csv keeps them, and can be copied from a quiet machine.
# SYSTEM (seldnet_2024) is trained with each of the augmentations, too, every other system with rotate. On two cores
# trainings run one after the other, on all cores. A second call continues. Writes FOLDER/encoders.json and encoders.md,
# with the gain over a SYSTEM (baseline). What a look-ahead of 0, 100 and 300 ms costs: --systems "bidirectional live_0 live_1
# live_3" --augmented bidirectional --augmentations rotate --baseline bidirectional.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

minutes=10 seeds=0 recordings=240 seconds=20 trial_steps=24 augmented=seldnet_2024 baseline=baseline augmentations="none rotate mix mask all"
systems="baseline field_resnet_conformer seldnet_2024 cst resnet_conformer_small resnet_conformer einv2 htsat"
take_options "minutes seeds recordings seconds trial_steps systems augmented augmentations baseline" "" 0 1 "$@"
folder="${words[0]:-encoders}"
[ "$trial_steps" -ge 2 ] || refuse "--trial_steps $trial_steps: give at least 2"
use_environment
know_more "avseld train"
avseld-prep synth --out "$folder/raw" --preset reverberant,noisy,crowded --recordings "$recordings" --test_share 0.25 \
    --seconds "$seconds" --video none --seed 4000 --train_rooms 15 --test_rooms 6
prepared="$folder/prepared"
avseld-prep dcase --raw "$folder/raw" --prepared "$prepared"

options_of() { # system: sets the array options to its recipe, batch and rate for short trainings
    local accdoa='{name: multi_accdoa, options: {threshold: 0.3, unify_deg: 15}}'
    case "$1" in
        baseline) # the audio-only baseline of the fused network
            options=(--config av_foa_fused --model.options.vision false --model.options.hidden 224) ;;
        field_resnet_conformer)
            options=(--config av_foa_fused --model.options.vision false --model.options.encoder field_resnet_conformer
                --data.batch_size 8 --optimizer.options.lr 1.0e-3) ;;
        seldnet_2024)
            options=(--config seldnet_2024 --target "$accdoa" --data.batch_size 16 --optimizer.options.lr 3.0e-3) ;;
        resnet_conformer)
            options=(--config resnet_conformer_multi --data.chunk 5.0 --data.batch_size 8) ;;
        resnet_conformer_small) # half the width and blocks, and a fifth of the frames after the first stage
            options=(--config resnet_conformer_multi --data.chunk 5.0 --data.batch_size 8 --model.options.encoder
                '{name: resnet_conformer, options: {width: 128, n_blocks: 4, frame_pooling: [5, 1, 1]}}') ;;
        cst) options=(--config cst_ule --data.batch_size 16) ;;
        einv2) options=(--config einv2 --data.batch_size 4) ;;
        htsat) options=(--config pseldnets_htsat_maccdoa --data.batch_size 4 --optimizer.options.lr 3.0e-4) ;;
        live_*) # label frames that it looks ahead
            options=(--config live_foa --model.options.look_ahead "${1#live_}") ;;
        bidirectional) # the network of live_foa that sees all of a window, in windows as long
            options=(--config live_foa --model '{name: fused, options: {hidden: 224, vision: false, frames_per_step: 5}}') ;;
        *) refuse "--systems $1: give some of baseline, field_resnet_conformer, seldnet_2024, cst, resnet_conformer_small,
            resnet_conformer, einv2, htsat, bidirectional, live_0, live_1, live_3" ;;
    esac
    options+=(--data.prepared "$prepared" --challenge 2023 --schedule '{name: one_cycle, options: {}}' --data.format foa
        --data.train '[fold3]' --data.validate '[fold3_room13, fold3_room14, fold3_room15]' --data.test '[fold4]'
        --data.allow_overlap false --data.video blank --update.clip 1.0 ${more[@]+"${more[@]}"})
}
augmentation() { # its word: sets the array augment
    case "$1" in
        none) augment=(--augment null) ;;
        rotate | mix | mask) augment=(--augment "$1") ;;
        all) augment=(--augment rotate,mix,mask) ;;
        *) refuse "--augmentations $1: give some of none, rotate, mix, mask, all" ;;
    esac
}
step() { printf '\n== %s\n' "$1"; }

measure() { # system: its line in steps.csv: seconds of a step, and the precision; validation is kept short
    local trial="$folder/trials/$1"
    mkdir -p "$folder/trials"
    [ -f "$folder/steps.csv" ] || echo "system,s_per_step,precision" >"$folder/steps.csv"
    if grep -q "^$1," "$folder/steps.csv"; then return; fi
    step "$1: seconds of a step"
    options_of "$1"
    rm -rf "${trial:?}"
    avseld train --out "$trial" "${options[@]}" --augment rotate --steps "$trial_steps" \
        --data.validate "[$(awk -F, '$7 == "fold3" { print $1; exit }' "$prepared/manifest.csv")]" \
        --validate_every $((trial_steps > 11 ? trial_steps / 6 : 1)) --hardware.precision auto >/dev/null
    python "$root/scripts/table_of_encoders.py" "$folder" --measured "$1" >>"$folder/steps.csv"
}
train() { # system, run, augmentation, seed
    local line steps precision
    line="$(grep "^$1," "$folder/steps.csv")"
    precision="${line##*,}"
    steps="$(awk -F, -v minutes="$minutes" '{ steps = int(minutes * 60 / $2); print steps < 1 ? 1 : steps }' <<<"$line")"
    options_of "$1"
    augmentation "$3"
    step "$2, seed $4: $steps steps in $minutes minutes"
    train_or_resume "$folder/$2_$4" "${options[@]}" "${augment[@]}" --seed "$4" --steps "$steps" \
        --validate_every $((steps < 2 ? 1 : steps / 2)) --hardware.precision "$precision"
    if [ ! -f "$folder/$2_$4/evaluation/scores.json" ]; then
        avseld evaluate --run "$folder/$2_$4" --challenge 2023 --figures 0 >/dev/null
    fi
}
for system in $systems $augmented; do measure "$system"; done
for seed in $seeds; do
    for system in $systems; do train "$system" "$system" rotate "$seed"; done
    for word in $augmentations; do
        if [ "$word" = rotate ] && [[ " $systems " == *" $augmented "* ]]; then continue; fi # trained above
        train "$augmented" "${augmented}_$word" "$word" "$seed"
    done
done
step "the table"
python "$root/scripts/table_of_encoders.py" "$folder" --baseline "$baseline"
