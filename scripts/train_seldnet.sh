#!/usr/bin/env bash
# Trains SELDnet (Adavanne et al. 2018) or a DCASE baseline derived from it, and scores it on the test recordings.
#   scripts/train_seldnet.sh CORPUS [RUN] [--recipe seldnet_2018] [--dataset ansim] [--quick] [options of avseld train]
# CORPUS is unpacked as published: TUT Sound Events 2018 for seldnet_2018 (--dataset ansim, resim, cansim, cresim or real),
# TAU Spatial Sound Events 2019 for seldnet_2019, TAU-NIGENS 2020 for seldnet_2020; avseld-prep synth --layout generates one.
# RUN defaults to runs/RECIPE. --quick is for a generated corpus: minutes on two cores instead of hours on a GPU.
set -euo pipefail
if [ $# -lt 1 ] || [[ "$1" == -* ]]; then
    sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
corpus="$1" run="" recipe="seldnet_2018" dataset="" quick="" more=()
shift
if [ $# -gt 0 ] && [[ "$1" != -* ]]; then run="$1" && shift; fi
while [ $# -gt 0 ]; do
    case "$1" in
        --recipe) recipe="$2"; shift 2 ;;
        --dataset) dataset="$2"; shift 2 ;;
        --quick) quick=yes; shift ;;
        *) more+=("$1"); shift ;;
    esac
done
use_environment
case "$recipe" in
    seldnet_2018) prepare=(tut --dataset "${dataset:-ansim}") ;;
    seldnet_2019) prepare=(tut --dataset "${dataset:-dcase2019}" --format foa) ;;
    seldnet_2020) prepare=(dcase --dataset "${dataset:-tau_nigens2020}") ;;
    *) echo "train_seldnet.sh: --recipe $recipe is none of seldnet_2018, seldnet_2019, seldnet_2020" >&2; exit 2 ;;
esac
short=()
if [ -n "$quick" ]; then # a quarter of the channels and a smaller weight of the DOA loss, to learn in minutes
    short=(--steps 600 --validate_every 150 --data.batch_size 8 --optimizer.options.lr 5.0e-3 --schedule.name one_cycle \
        --model.options.momentum 0.1 --model.options.width 16 --target.options.doa_weight 5)
    if [ "$recipe" = seldnet_2018 ]; then short+=(--data.chunk 1.486077097505669); fi
fi
run="${run:-runs/$recipe}"
prepared="$corpus/prepared_${dataset:-$recipe}"
if [ ! -f "$prepared/manifest.csv" ]; then
    avseld-prep "${prepare[@]}" --raw "$corpus" --prepared "$prepared"
fi
avseld train --config "$recipe" --data.prepared "$prepared" --out "$run" ${short[@]+"${short[@]}"} ${more[@]+"${more[@]}"}
avseld evaluate --run "$run" --untrained
