#!/usr/bin/env bash
# Trains SELDnet (Adavanne et al. 2018) or a DCASE baseline derived from it, and scores it on the test recordings.
#   scripts/train_seldnet.sh CORPUS [RUN] [--recipe seldnet_2018] [--dataset ansim] [--overlap 1] [--split 1] [--quick] [options]
# CORPUS is unpacked as published: TUT Sound Events 2018 for seldnet_2018 (--dataset ansim, resim, cansim, cresim or real;
# --overlap and --split choose one of its parts), TAU Spatial Sound Events 2019 for seldnet_2019, TAU-NIGENS 2020 for
# seldnet_2020; avseld-prep synth --layout generates one. RUN defaults to runs/RECIPE, or runs/RECIPE_PART for others.
# --quick is for a generated corpus: minutes on two cores instead of hours on a GPU. Other options go to avseld train.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

recipe="seldnet_2018" dataset="" overlap=1 split="" quick=""
take_options "recipe dataset overlap split" "quick" 1 2 "$@"
corpus="${words[0]}" run="${words[1]:-}"
one_of --recipe "$recipe" seldnet_2018 seldnet_2019 seldnet_2020
use_environment
know_more "avseld train"
short=()
case "$recipe" in
    seldnet_2018)
        dataset="${dataset:-ansim}"
        case "$dataset" in # the splits of the recorded corpus are called 1, 8 and 9
            cansim | cresim) format=circular ;;
            *) format=foa ;;
        esac
        prepare=(tut --dataset "$dataset" --format "$format" --overlap "$overlap" --split "${split:-1}")
        short=(--data.format "$format")
        case "$dataset" in resim | cansim | cresim) short+=(--data.chunk 1.486077097505669) ;; esac # 256 frames
        ;;
    seldnet_2019) prepare=(tut --dataset "${dataset:-dcase2019}" --format foa) ;;
    seldnet_2020) prepare=(dcase --dataset "${dataset:-tau_nigens2020}") ;;
esac
if [ -n "$quick" ]; then # a quarter of the channels and a smaller weight of the DOA loss, to learn in minutes
    short+=(--steps 600 --validate_every 150 --data.batch_size 8 --optimizer.options.lr 5.0e-3 --schedule.name one_cycle \
        --model.options.momentum 0.1 --model.options.width 16 --target.options.doa_weight 5)
    if [ "$dataset" = ansim ]; then short+=(--data.chunk 1.486077097505669); fi
fi
place="${dataset:-$recipe}" # a folder for each part of a corpus
if [ "$overlap${split:-1}" != 11 ]; then place="${place}_ov${overlap}_split${split:-1}"; fi
prepared="$corpus/prepared_$place"
if [ -z "$run" ]; then
    case "$place" in
        ansim | "$recipe") run="runs/$recipe" ;;
        *) run="runs/${recipe}_$place" ;;
    esac
fi
if [ ! -f "$prepared/manifest.csv" ]; then
    avseld-prep "${prepare[@]}" --raw "$corpus" --prepared "$prepared"
fi
train_or_resume "$run" --config "$recipe" --data.prepared "$prepared" ${short[@]+"${short[@]}"} ${more[@]+"${more[@]}"}
avseld evaluate --run "$run" --untrained
