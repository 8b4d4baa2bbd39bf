#!/usr/bin/env bash
# Trains all systems on the same generated scenes and scores them on the same test rooms with the same metric.
#   scripts/compare_systems.sh [FOLDER] [--seed K] [--recordings N] [--seconds S] [--systems "seldnet_2018 ..."]
#     [options of avseld train]
# FOLDER defaults to compare. First-order ambisonics, 24 kHz, 13 classes: older systems get other rates and labels than
# published. About ten minutes per system on one core, an hour in all on two; a second call continues.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

seed=2000 recordings=140 seconds=20
systems="av_foa_quick seldnet_2018 seldnet_2020 seldnet_2024 two_stage general sed_cnn9"
take_options "seed recordings seconds systems" "" 0 1 "$@"
folder="${words[0]:-compare}"
use_environment
know_more "avseld train"
avseld-prep synth --out "$folder/raw" --preset simple --recordings "$recordings" --test_share 0.2 --seconds "$seconds" \
    --width 360 --fps 10 --seed "$seed"
prepared="$folder/prepared"
avseld-prep dcase --raw "$folder/raw" --prepared "$prepared"

train() { # recipe, run, steps, batch size, options...
    local recipe="$1" run="$folder/$2" steps="$3" windows="$4"
    shift 4
    train_or_resume "$run" --config "$recipe" --data.prepared "$prepared" --steps "$steps" \
        --validate_every $((steps / 4)) --data.batch_size "$windows" --challenge 2023 --schedule.name one_cycle \
        --schedule.options '{}' --data.format foa --data.train '[fold3]' --data.validate '[fold3_room5]' \
        --data.test '[fold4]' --data.allow_overlap false --data.video blank "$@" ${more[@]+"${more[@]}"}
}
with() { printf '{sample_rate: 24000, n_fft: 1024, win_length: null, hop: 240, n_mels: 64, pad_mode: reflect%s}' "$1"; }

run_av_foa_quick() { train av_foa_quick av_foa_quick 600 16 --data.video aligned; }
run_seldnet_2018() { # a quarter of the channels and a smaller weight of the DOA loss, to learn in minutes
    train seldnet_2018 seldnet_2018 600 8 --data.chunk 1.28 --optimizer.options.lr 5.0e-3 --target.options.label_hop 0.1 \
        --model.options.momentum 0.1 --model.options.width 16 --target.options.doa_weight 5 \
        --features.options.sample_rate 24000 --features.options.n_fft 512 --features.options.hop 240
}
run_seldnet_2020() {
    train seldnet_2020 seldnet_2020 400 16 --model.options.momentum 0.1 --optimizer.options.lr 3.0e-3
}
run_seldnet_2024() { train seldnet_2024 seldnet_2024 400 16 --optimizer.options.lr 3.0e-3; }
run_two_stage() {
    local inputs=(--features.name logmel_iv --features.options "$(with '')" --target.options.label_hop 0.1 --data.inference_chunk 20)
    train two_stage_sed two_stage_sed 260 8 "${inputs[@]}"
    train two_stage two_stage 260 8 "${inputs[@]}" --init_from.roles.sed "$folder/two_stage_sed"
}
run_general() {
    train general_sed_m general_sed_m 200 8 --data.chunk 3.0 --optimizer.options.lr 2.0e-3
    train general_doa_iv general_doa_iv 240 8 --data.chunk 3.0 --optimizer.options.lr 2.0e-3
    train general_alignment general 200 8 --data.chunk 3.0 --optimizer.options.lr 3.0e-3 \
        --init_from.roles.sed "$folder/general_sed_m" --init_from.roles.doa "$folder/general_doa_iv"
}
run_sed_cnn9() { # trained on strong labels here
    train sed_cnn9 sed_cnn9 160 8 --data.chunk 10 --target.options.loss frame --model.options.clip_from frames \
        --features.options "$(with ', low_hz: 50')" --target.options.high 0.5 --target.options.low 0.3
}
for system in $systems; do
    printf '\n== %s\n' "$system"
    "run_$system"
    avseld evaluate --run "$folder/$system" --challenge 2023 --untrained
done
python "$root/scripts/table_of_systems.py" "$prepared" "$folder" $systems | tee "$folder/table.md"
