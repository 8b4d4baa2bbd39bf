#!/usr/bin/env bash
# Trains the general architecture (Nguyen et al. 2020): sound event detection, direction estimation, and their alignment.
#   scripts/train_general.sh CORPUS [RUNS] [--sed sed_m|sed_t|RUN] [--doa doa_iv|doa_gcc|hist|hist_untrained|RUN]
#     [--panns FILE] [--sed_corpus PREPARED] [--format foa|mic] [--fine_tune] [--quick] [options of avseld train]
# CORPUS is TAU-NIGENS Spatial Sound Events 2020 as unpacked; avseld-prep synth --layout tau_nigens2020 generates one.
# doa_gcc uses the microphone array, the others first-order ambisonics; hist_untrained aligns the histograms of directions
# as they are. RUN is a trained run of any system; --format says of which recordings, foa unless given. --panns is a
# checkpoint that initializes sed_t. --sed_corpus trains the event detection on single-channel recordings of the same
# classes instead, with folds train, validate and test; --fine_tune trains both systems on in the alignment.
# RUNS defaults to runs/general. --quick is for a generated corpus: minutes on two cores. A second call continues.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

runs="" sed="sed_m" doa="doa_iv" panns="" sed_corpus="" format="" fine_tune="" quick=""
take_options "sed doa panns sed_corpus format" "fine_tune quick" 1 2 "$@"
corpus="${words[0]}" runs="${words[1]:-runs/general}"
recipe="general_alignment" roles="" sed_run="" doa_run=""
case "$sed" in
    sed_m | sed_t) ;;
    *)
        [ -d "$sed" ] || refuse "--sed $sed: give one of sed_m sed_t, or the folder of a run"
        sed_run="${sed%/}" sed="$(basename "$sed")" recipe="general_alignment_systems"
        ;;
esac
case "$doa" in
    doa_iv) roles="doa:general_doa_iv" ;;
    doa_gcc) roles="doa:general_doa_gcc" format="${format:-mic}" ;;
    hist) roles="azimuth:general_azi_hist elevation:general_ele_hist" ;;
    hist_untrained) recipe="general_alignment_hist" ;;
    *)
        [ -d "$doa" ] || refuse "--doa $doa: give one of doa_iv doa_gcc hist hist_untrained, or the folder of a run"
        doa_run="${doa%/}" doa="$(basename "$doa")" recipe="general_alignment_systems"
        ;;
esac
if [ "$doa" = hist ] && [ -n "$sed_run" ]; then
    refuse "--doa hist are two modules, which go with sed_m and sed_t; give hist_untrained, doa_iv, or the folder of a run"
fi
format="${format:-foa}"
one_of --format "$format" foa mic
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
if [ -z "$sed_run" ]; then
    echo "== sound event detection: $sed"
    sed_run="$runs/$sed"
    module "general_$sed" "$sed_run" ${start[@]+"${start[@]}"}
fi
aligned=(--init_from.roles.sed "$sed_run" --model.options.fine_tune "$([ -n "$fine_tune" ] && echo true || echo false)") parts="$sed"
if [ -n "$doa_run" ]; then aligned+=(--init_from.roles.doa "$doa_run"); fi
for role in $roles; do
    name="${role%%:*}" own="${role#*:}"
    echo "== direction of arrival: ${own#general_}"
    module "$own" "$runs/${own#general_}"
    aligned+=("--init_from.roles.$name" "$runs/${own#general_}")
    parts="$parts, ${own#general_}"
done
if [ "$recipe" = general_alignment ]; then
    aligned+=(--model.options.sed "$sed" --model.options.doa "$doa" --features.options.parts "[$parts]")
else # systems come with the sizes of their runs
    kept=()
    while [ ${#more[@]} -gt 0 ]; do
        case "${more[0]}" in
            --model.options.narrow) more=("${more[@]:2}") ;;
            --model.options.narrow=*) more=("${more[@]:1}") ;;
            *) kept+=("${more[0]}") more=("${more[@]:1}") ;;
        esac
    done
    more=(${kept[@]+"${kept[@]}"})
fi
echo "== alignment"
module "$recipe" "$runs/${sed}_$doa" "${aligned[@]}"
avseld evaluate --run "$runs/${sed}_$doa" --untrained
