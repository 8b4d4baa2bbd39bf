#!/usr/bin/env bash
# Trains the same encoder for directions and for energy maps on the same generated scenes, and scores both by DCASE2026.
#   scripts/compare_imaging.sh [FOLDER] [--steps N] [--seeds "0"] [--recordings N] [--seconds S] [--preset PRESET]
#     [--threshold X] [options of avseld train]
# FOLDER defaults to imaging. Scenes (easy) in first-order ambisonics, and with the 32 channels from which the official rules make
# their energy maps; test rooms are others than those of the training. "directions" is Multi-ACCDOA, drawn as Gaussians
# of 10 degrees, "maps" the target sphere_map of the recipe imaging_foa: the same encoder, windows, N steps (600) and
# augmentation (rotate). Predictions above a threshold (0.1) are scored by the definition of the published ranking.
# On two cores the two trainings of a seed run side by side. A second call continues. Writes FOLDER/imaging.json and imaging.md.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

steps=600 seeds=0 recordings=64 seconds=15 preset=easy threshold=0.1
take_options "steps seeds recordings seconds preset threshold" "" 0 1 "$@"
folder="${words[0]:-imaging}"
[ "$steps" -ge 1 ] || refuse "--steps $steps: give at least 1"
use_environment
know_more "avseld train"
raw="$folder/raw" prepared="$folder/prepared"
avseld-prep synth --out "$raw" --preset "$preset" --recordings "$recordings" --test_share 0.25 --seconds "$seconds" \
    --video none --formats foa,eigenmike --seed 5000 --train_rooms 15 --test_rooms 6
avseld-prep energy_maps --source "$raw/eigen_dev" --labels "$raw/metadata_dev" --target "$raw/labels_dev"
avseld-prep dcase --raw "$raw" --prepared "$prepared"

train() { # system, options of its target
    train_or_resume "$folder/$1_$seed" --config imaging_foa --data.prepared "$prepared" --data.train '[fold3]' \
        --data.validate '[fold3_room14, fold3_room15]' --data.test '[fold4]' --data.chunk 2.5 --augment rotate \
        --seed "$seed" --steps "$steps" --validate_every $((steps < 2 ? 1 : steps / 2)) "${@:2}" ${more[@]+"${more[@]}"}
}
train_maps() { train maps; }
train_directions() { train directions --target '{name: multi_accdoa, options: {threshold: 0.3, unify_deg: 15}}'; }
step() { printf '\n== %s\n' "$1"; }

for seed in $seeds; do
    step "directions and maps, seed $seed: $steps steps each"
    train_pair train_maps train_directions
    for system in directions maps; do
        if [ ! -d "$folder/maps_of/${system}_$seed" ]; then
            avseld predict --run "$folder/${system}_$seed" --fold test --threshold "$threshold" \
                --maps "$folder/maps_of/${system}_$seed"
        fi
    done
done
step "the table"
python "$root/scripts/table_of_imaging.py" "$folder"
