#!/usr/bin/env bash
# Trains the same encoder for directions and for energy maps on the same generated scenes, and scores both by DCASE2026.
#   scripts/compare_imaging.sh [FOLDER] [--steps N] [--seeds "0"] [--systems "directions maps"] [--recordings N] [--seconds S]
#     [--preset PRESET] [--threshold X] [options of avseld train]
# FOLDER defaults to imaging. Scenes (easy) in first-order ambisonics, and with the 32 channels from which the official rules make
# their energy maps; test rooms are others than those of the training. "maps" is the recipe imaging_foa, "directions" the
# same network for Multi-ACCDOA, drawn as Gaussians of 10 degrees; "typical" has lobes whose widths are not learned,
# "harmonics" is the recipe imaging_harmonics. All have the same windows, N steps (1500) and augmentation (rotate). Predictions above a threshold (0.1) are scored by the definition of the published
# ranking. On two cores two trainings run side by side. A second call continues. Writes FOLDER/imaging.json and imaging.md.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

steps=1500 seeds=0 systems="directions maps" recordings=200 seconds=15 preset=easy threshold=0.1
take_options "steps seeds systems recordings seconds preset threshold" "" 0 1 "$@"
folder="${words[0]:-imaging}"
[ "$steps" -ge 1 ] || refuse "--steps $steps: give at least 1"
for system in $systems; do
    [[ " directions maps typical harmonics " == *" $system "* ]] ||
        refuse "--systems $system: give some of directions, maps, typical, harmonics"
done
use_environment
know_more "avseld train"
imaging_corpus "$folder" "$recordings" "$seconds" "$preset" 0
train() { # system, recipe, options
    train_or_resume "$folder/$1_$seed" --config "$2" --data.prepared "$folder/prepared" --data.train '[fold3]' \
        --data.validate '[fold3_room22, fold3_room23, fold3_room24]' --data.test '[fold4]' --data.chunk 2.5 --augment rotate \
        --seed "$seed" --steps "$steps" --validate_every $((steps < 3 ? 1 : steps / 3)) "${@:3}" ${more[@]+"${more[@]}"}
}
train_maps() { train maps imaging_foa; }
train_directions() {
    train directions imaging_foa --target '{name: multi_accdoa, options: {threshold: 0.3, unify_deg: 15}}'
}
train_typical() { train typical imaging_foa --target.options.map_weight 0; }
train_harmonics() { train harmonics imaging_harmonics; }
step() { printf '\n== %s\n' "$1"; }

for seed in $seeds; do
    read -r -a left <<<"$systems"
    while [ ${#left[@]} -gt 0 ]; do
        step "${left[*]:0:2}, seed $seed: $steps steps each"
        if [ ${#left[@]} -gt 1 ]; then train_pair "train_${left[0]}" "train_${left[1]}"; else "train_${left[0]}"; fi
        left=("${left[@]:2}")
    done
    for system in $systems; do
        if [ ! -d "$folder/maps_of/${system}_$seed" ]; then
            avseld predict --run "$folder/${system}_$seed" --fold test --threshold "$threshold" \
                --maps "$folder/maps_of/${system}_$seed"
        fi
    done
done
step "the table"
python "$root/scripts/table_of_imaging.py" "$folder"
