#!/usr/bin/env bash
# Measures what vision adds: the fused audio-visual network against an audio-only baseline of about as many parameters,
# on generated scenes in which a camera can help; three seeds, scored on held-out rooms.
#   scripts/demo_vision.sh [FOLDER] [--seeds "0 1 2"] [--steps N] [--recordings N] [--seconds S]
#     [--boxes detected|simulated|exact] [--weights NAME] [options of avseld train]
# FOLDER defaults to demo_vision. People are detected by people_drawn, which comes with the package, or by other weights;
# --boxes simulated takes the generator's boxes with the errors of YOLOX-Nano on pictures of real people, exact those
# without errors. Half an hour to an hour and a half on two cores; a second call continues. Writes
# FOLDER/vision.json, FOLDER/vision.md, and pictures of an example in which vision helps and of one in which it misleads.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

seeds="0 1 2" steps=1200 recordings=192 seconds=30 boxes=detected weights=people_drawn
take_options "seeds steps recordings seconds boxes weights" "" 0 1 "$@"
folder="${words[0]:-demo_vision}"
one_of --boxes "$boxes" detected simulated exact
use_environment
know_more "avseld train"
began=$SECONDS
step() { printf '\n== %s (%d:%02d)\n' "$1" $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)); }

step "scenes: $recordings of $seconds s, four presets"
avseld-prep synth --out "$folder/raw" --preset reverberant,noisy,crowded,easy --recordings "$recordings" \
    --test_share 0.333 --seconds "$seconds" --width 360 --fps 10 --seed 3000 --train_rooms 16 --test_rooms 8 \
    --boxes "$([ "$boxes" = simulated ] && echo detected || echo exact)"
avseld-prep dcase --raw "$folder/raw" --prepared "$folder/prepared"
step "boxes of people in the video"
boxes_of_people "$folder/prepared" "$boxes" "$weights"

train() { # name, options
    local run="$folder/${1}_$seed"
    shift
    # Validation on rooms 13 to 16 of the training fold, one of each preset.
    train_or_resume "$run" --config av_foa_fused --data.prepared "$folder/prepared" --seed "$seed" \
        --data.validate "[fold3_room13, fold3_room14, fold3_room15, fold3_room16]" \
        --steps "$steps" --validate_every $((steps / 3)) "$@" ${more[@]+"${more[@]}"}
}
audio_visual() { train audio_visual; }
audio_only() { train audio_only --data.video blank --model.options.vision false --model.options.hidden 224; }
for seed in $seeds; do
    step "seed $seed: audio-visual network and audio-only baseline"
    train_pair audio_visual audio_only
    avseld evaluate --run "$folder/audio_visual_$seed" --controls aligned,shuffled,blank,silent \
        --parts "$folder/raw/presets.csv" >/dev/null
    avseld evaluate --run "$folder/audio_only_$seed" --figures 0 >/dev/null
done

step "what vision adds on the test rooms"
python "$root/scripts/table_of_vision.py" "$folder" --seeds "$seeds"
python "$root/scripts/pictures_of_vision.py" "$folder" "$folder" --seed "${seeds%% *}"
printf 'took %d:%02d\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60))
