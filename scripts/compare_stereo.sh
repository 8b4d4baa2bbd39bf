#!/usr/bin/env bash
# Trains the stereo baseline of DCASE2025 with the picture of a camera and without, and tells where vision helps.
#   scripts/compare_stereo.sh [FOLDER] [--steps N] [--seeds "0"] [--recordings N] [--seconds S] [--clips N]
#     [--clip_seconds S] [--preset "PRESET,..."] [--threshold X] [--width W] [--fps X] [options of avseld train]
# FOLDER defaults to stereo. Generated scenes (easy and reverberant) in first-order ambisonics with 360-degree video become N
# clips (800) of 5 s in stereo, seen by a camera of 100 degrees; test rooms are others than those of the training. "video" is
# the recipe seldnet_2025_stereo_av with the boxes of people that the shipped detector finds in the camera's pictures, "audio" the
# same without a picture and with more layers of attention, so that both have as many parameters: the same clips, windows,
# N steps (1800) and augmentation (rotate, which exchanges left and right, and mix). Features are mid_side and distances weigh
# less than in the recipe, which was meant for a hundred times as many windows. On two cores the two trainings of a seed run
# side by side. A second call continues. Writes FOLDER/stereo.json and stereo.md.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

steps=1800 seeds=0 recordings=80 seconds=15 clips=800 clip_seconds=5 preset=easy,reverberant threshold=0.3 width=1280 fps=10
take_options "steps seeds recordings seconds clips clip_seconds preset threshold width fps" "" 0 1 "$@"
folder="${words[0]:-stereo}"
[ "$steps" -ge 1 ] || refuse "--steps $steps: give at least 1"
use_environment
know_more "avseld train"
raw="$folder/raw" prepared="$folder/prepared"
features='{name: mid_side, options: {sample_rate: 24000, n_fft: 1024, hop: 480, n_mels: 64}}'
avseld-prep synth --out "$raw" --preset "$preset" --recordings "$recordings" --test_share 0.25 --seconds "$seconds" \
    --width "$width" --fps "$fps" --seed 6000 --train_rooms 15 --test_rooms 6
avseld-prep stereo --source "$raw" --target "$folder/stereo" --clips "$clips" --seconds "$clip_seconds" --seed 1
avseld-prep dcase --raw "$folder/stereo" --prepared "$prepared" --dataset stereo2025 --format stereo
avseld-detect boxes --prepared "$prepared" --weights people_drawn --field_deg 100 --fps 5

train() { # system, options of its network
    train_or_resume "$folder/$1_$seed" --config seldnet_2025_stereo_av --data.prepared "$prepared" --data.train '[fold3]' \
        --data.validate '[fold3_room13, fold3_room14, fold3_room15]' --data.test '[fold4]' --data.allow_overlap false \
        --data.chunk "$clip_seconds" --data.batch_size 8 --target.options.threshold "$threshold" \
        --target.options.distance_scale 5 --features "$features" --augment rotate,mix --update.clip 1.0 \
        --schedule '{name: one_cycle, options: {}}' --seed "$seed" --steps "$steps" \
        --validate_every $((steps < 4 ? 1 : steps / 4)) "${@:2}" ${more[@]+"${more[@]}"}
}
train_video() { train video --model.options '{visual: boxes, n_layers: 1, feedforward: 128, wrap: false}'; }
train_audio() { train audio --model.options '{visual: none, n_attention: 5}' --data.video blank; }
step() { printf '\n== %s\n' "$1"; }

for seed in $seeds; do
    step "video and audio, seed $seed: $steps steps each"
    train_pair train_video train_audio
    for system in audio video; do
        run="$folder/${system}_$seed" controls='[blank]'
        if [ "$system" = video ]; then controls='[aligned, shuffled, blank]'; fi
        if [ ! -f "$run/evaluation/scores.json" ]; then
            avseld evaluate --run "$run" --controls "$controls" --figures 0 >/dev/null
        fi
    done
done
step "the table"
python "$root/scripts/table_of_stereo.py" "$folder"
