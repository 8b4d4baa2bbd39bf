#!/usr/bin/env bash
# The quick start at full length: three seeds of the audio-visual network and of its audio-only baseline on the same
# scenes, scored on rooms that are not in training; mean and standard deviation over the seeds.
#   scripts/demo.sh [FOLDER] [--seeds "0 1 2"] [--steps N] [--recordings N] [--seconds S] [--boxes detected|exact]
#     [--weights NAME] [options of avseld train]
# FOLDER defaults to demo. People are detected by people_drawn, which comes with the package, or by other weights; --boxes
# exact takes their places from the generator. At most two hours on two cores, minutes on a GPU; a second call continues.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

seeds="0 1 2" steps=1000 recordings=140 seconds=30 boxes=detected weights=people_drawn
take_options "seeds steps recordings seconds boxes weights" "" 0 1 "$@"
folder="${words[0]:-demo}"
one_of --boxes "$boxes" detected exact
use_environment
know_more "avseld train"
began=$SECONDS
step() { printf '\n== %s (%d:%02d)\n' "$1" $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)); }

step "scenes: $recordings of $seconds s"
# The quick start uses the scenes of seed 0; these are others.
avseld-prep synth --out "$folder/raw" --preset simple --recordings "$recordings" --test_share 0.2 --seconds "$seconds" \
    --width 360 --fps 10 --seed 1000
avseld-prep dcase --raw "$folder/raw" --prepared "$folder/prepared"
step "boxes of people in the video"
boxes_of_people "$folder/prepared" "$boxes" "$weights"

rows_aligned="" rows_shuffled="" rows_audio_only="" rows_untrained=""
train() { # video control, options
    local run="$folder/${1}_$seed" control="$1"
    shift
    train_or_resume "$run" --config av_foa_fused --data.prepared "$folder/prepared" --seed "$seed" \
        --data.video "$control" --steps "$steps" --validate_every $((steps / 5)) "$@" ${more[@]+"${more[@]}"}
}
audio_visual() { train aligned; }
audio_only() { train blank --model.options.vision false --model.options.hidden 224; }
for seed in $seeds; do
    step "seed $seed: audio-visual network and audio-only baseline"
    train_pair audio_visual audio_only
    avseld evaluate --run "$folder/aligned_$seed" --controls aligned,shuffled --untrained >/dev/null
    avseld evaluate --run "$folder/blank_$seed" >/dev/null
    rows_aligned+=",$folder/aligned_$seed:aligned"
    rows_shuffled+=",$folder/aligned_$seed:shuffled"
    rows_audio_only+=",$folder/blank_$seed:blank"
    rows_untrained+=",$folder/aligned_$seed:untrained"
done

step "scores on the test rooms"
avseld compare --markdown --scores ER,F,LE,LR,seld_score --out "$folder/comparison" \
    "audio-visual=${rows_aligned#,}" \
    "audio-visual, videos of other recordings=${rows_shuffled#,}" \
    "audio-only=${rows_audio_only#,}" \
    "untrained=${rows_untrained#,}" | tee "$folder/table.md"
printf 'took %d:%02d\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60))
