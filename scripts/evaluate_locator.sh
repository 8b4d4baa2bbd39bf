#!/usr/bin/env bash
# Scores how well trained systems locate sounds of any class: on real sounds through measured rooms, and on real recordings.
#   scripts/evaluate_locator.sh --sounds FOLDER --responses FILE[,FILE] [--runs RUN[,RUN]] [--real FOLDER] [--out FOLDER]
# --sounds: sound files, one subfolder per kind; --responses: first-order room responses (any sample rate, FuMa or ambiX)
# --real: NAME.wav (W Y Z X, 24 kHz) and NAME.csv (DCASE labels) side by side; --out: locator by default
# --recordings 48 --seconds 10 --snr_db 15 --seed 0: of the test set; it is kept if it is there
# --threshold T, or --false_rows N --choose_on PREPARED: thresholds of the runs, see avseld locate --help
# Prints a table for each set: baseline (intensity histogram), the runs, the untrained network; draws OUT/*/locate.png.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

sounds="" responses="" runs="" real="" out="locator" recordings=48 seconds=10 snr_db=15 seed=0
take_options "sounds responses runs real out recordings seconds snr_db seed" "" 0 0 "$@"
[ -n "$sounds" ] && [ -n "$responses" ] || { refuse "give --sounds and --responses"; }
use_environment
know_more "avseld locate"
if [ -n "$real" ]; then
    for audio in "$real"/*.wav; do
        [ -f "${audio%.wav}.csv" ] || refuse "${audio%.wav}.csv: not found; put the labels beside the audio"
    done
fi

set="$out/rooms_${recordings}x${seconds}_${snr_db}dB_seed$seed"
if [ ! -d "$set/raw" ]; then
    avseld-prep convolve --sounds "$sounds" --responses "$responses" --out "$set/raw" --recordings "$recordings" \
        --seconds "$seconds" --snr_db "$snr_db" --seed "$seed"
fi
avseld-prep dcase --raw "$set/raw" --prepared "$set/prepared" --one_class sound
printf '\n== real sounds through measured rooms\n'
avseld locate --prepared "$set/prepared" --runs "$runs" --per recording --out "$set" ${more[@]+"${more[@]}"}

if [ -n "$real" ]; then
    staged="$(mktemp -d)"
    trap 'rm -rf "$staged"' EXIT
    mkdir "$staged/audio" "$staged/labels"
    for audio in "$real"/*.wav; do
        cp "$(realpath "$audio")" "$staged/audio/"
        cp "$(realpath "${audio%.wav}.csv")" "$staged/labels/"
    done
    avseld-prep own --audio "$staged/audio" --labels "$staged/labels" --prepared "$staged/prepared"
    printf '\n== real recordings\n'
    avseld locate --prepared "$staged/prepared" --runs "$runs" --per overlap --out "$out/real" ${more[@]+"${more[@]}"}
fi
