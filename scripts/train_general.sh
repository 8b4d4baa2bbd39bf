#!/usr/bin/env bash
# Trains the general architecture (Nguyen et al. 2020): sound event detection, direction estimation, and their alignment.
#   scripts/train_general.sh CORPUS [RUNS] [--sed sed_m|sed_t] [--doa doa_iv|doa_gcc|hist] [--panns FILE]
#     [--sed_corpus PREPARED] [--fine_tune] [--quick] [options of avseld train]
# CORPUS is TAU-NIGENS Spatial Sound Events 2020 as unpacked; avseld-prep synth --layout tau_nigens2020 generates one.
# doa_gcc uses the microphone array, the others first-order ambisonics. --panns is a checkpoint that initializes sed_t.
# --sed_corpus trains the event detection on single-channel recordings of the same classes instead, with folds train,
# validate and test; --fine_tune trains its modules on in the alignment.
# RUNS defaults to runs/general. --quick is for a generated corpus: minutes on two cores. A second call continues.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

runs="" sed="sed_m" doa="doa_iv" panns="" sed_corpus="" fine_tune="" quick=""
take_options "sed doa panns sed_corpus" "fine_tune quick" 1 2 "$@"
corpus="${words[0]}" runs="${words[1]:-runs/general}"
one_of --sed "$sed" sed_m sed_t
one_of --doa "$doa" doa_iv doa_gcc hist
format=foa
case "$doa" in
    doa_iv) roles="doa:general_doa_iv" ;;
    doa_gcc) roles="doa:general_doa_gcc" format=mic ;;
    hist) roles="azimuth:general_azi_hist elevation:general_ele_hist" ;;
esac
use_environment
know_more "avseld train"
prepared="$corpus/prepared_$format"
if [ ! -f "$prepared/manifest.csv" ]; then
    avseld-prep dcase --dataset tau_nigens2020 --format "$format" --raw "$corpus" --prepared "$prepared"
fi
short=()
if [ -n "$quick" ]; then
    short=(--steps 200 --validate_every 100 --data.batch_size 8 --data.chunk 3.0 --optimizer.options.lr 2.0e-3 \
        --schedule.name one_cycle --schedule.options '{}')
fi
module() { # recipe, run, options...
    local recipe="$1" run="$2"
    shift 2
    train_or_resume "$run" --config "$recipe" --data.prepared "$prepared" --data.format "$format" \
        ${short[@]+"${short[@]}"} "$@" ${more[@]+"${more[@]}"}
}
start=() # later words win
if [ -n "$sed_corpus" ]; then
    start=(--data.prepared "$sed_corpus" --data.format mono --data.train '[train]' --data.validate '[validate]' --data.test '[test]')
fi
if [ "$sed" = sed_t ] && [ -n "$panns" ]; then start+=(--init_from.roles.panns "$panns"); fi
echo "== sound event detection: $sed"
module "general_$sed" "$runs/$sed" ${start[@]+"${start[@]}"}
aligned=(--init_from.roles.sed "$runs/$sed") parts="$sed"
for role in $roles; do
    recipe="${role#*:}" name="${role%%:*}"
    echo "== direction of arrival: ${recipe#general_}"
    module "$recipe" "$runs/${recipe#general_}"
    aligned+=("--init_from.roles.$name" "$runs/${recipe#general_}")
    parts="$parts, ${recipe#general_}"
done
echo "== alignment"
module general_alignment "$runs/${sed}_$doa" "${aligned[@]}" --model.options.sed "$sed" --model.options.doa "$doa" \
    --model.options.fine_tune "$([ -n "$fine_tune" ] && echo true || echo false)" --features.options.parts "[$parts]"
avseld evaluate --run "$runs/${sed}_$doa" --untrained
