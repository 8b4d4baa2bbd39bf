#!/usr/bin/env bash
# From an empty folder to a table of scores in minutes, without a data set: generates audio-visual scenes, detects the
# people in the video, trains an audio-visual network and its audio-only baseline, and scores both on scenes in rooms that
# are not in training.
#   scripts/quickstart.sh [FOLDER] [--boxes detected|exact] [--weights NAME] [--seed K] [--recordings N] [--seconds S]
#     [--steps N] [options of avseld train]
# FOLDER defaults to quickstart, weights of the detector to people_drawn, which comes with the package; --boxes exact takes
# the places of people from the generator. A second call continues.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

boxes=detected weights=people_drawn seed=0 recordings=70 seconds=30 steps=800
take_options "boxes weights seed recordings seconds steps" "" 0 1 "$@"
folder="${words[0]:-quickstart}"
one_of --boxes "$boxes" detected exact
use_environment
know_more "avseld train"
began=$SECONDS
step() { printf '\n== %s (%d:%02d)\n' "$1" $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)); }

step "1/4 scenes: $recordings of $seconds s, 6 rooms for training (one of them for validation), 3 other rooms for test"
avseld-prep synth --out "$folder/raw" --preset simple --recordings "$recordings" --test_share 0.15 --seconds "$seconds" \
    --width 360 --fps 10 --seed "$seed"
avseld-prep dcase --raw "$folder/raw" --prepared "$folder/prepared"

step "2/4 boxes of people in the video"
boxes_of_people "$folder/prepared" "$boxes" "$weights"

train() { # name, options...
    local run="$folder/$1"
    shift
    train_or_resume "$run" --config av_foa_fused --data.prepared "$folder/prepared" --data.validate fold3_room5 --seed "$seed" \
        --steps "$steps" --validate_every $((steps / 4)) "$@" ${more[@]+"${more[@]}"}
}
audio_visual() { train audio_visual; }
audio_only() { train audio_only --data.video blank --model.options.vision false --model.options.hidden 224; }
step "3/4 training: audio-visual network and audio-only baseline, which has no visual branch and is about as large"
echo "(recipe av_foa_fused, which learns fast and is not the published one; that is av_foa)"
train_pair audio_visual audio_only

step "4/4 scores on the test rooms"
avseld evaluate --run "$folder/audio_visual" --controls aligned,shuffled --untrained >"$folder/audio_visual.txt"
avseld evaluate --run "$folder/audio_only" >"$folder/audio_only.txt"
echo
avseld compare --markdown --scores ER,F,LE,LR,seld_score --out "$folder/comparison" \
    "audio-visual=$folder/audio_visual:aligned" \
    "audio-visual, videos of other recordings=$folder/audio_visual:shuffled" \
    "audio-only=$folder/audio_only:blank" \
    "untrained=$folder/audio_visual:untrained"
echo
echo "losses, scores, a figure: tensorboard --logdir $folder"
echo "reference and prediction: $(ls "$folder"/audio_visual/evaluation/*.png)"
echo "the same on the video:    $(ls "$folder"/audio_visual/evaluation/*.mp4)"
printf 'took %d:%02d\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60))
