#!/usr/bin/env bash
# Trains the weights that come with the package, from generated scenes: minutes on a GPU, hours on two cores.
#   scripts/train_weights.sh NAME [FOLDER] [--hours H] [--steps N] [--jobs J] [--seed S] [--corpus_only] [options of avseld train]
# NAME is locator_foa, locator_mic or locator_stereo (directions of sounds of any kind), av_foa_generated or audio_foa_generated
# (the 13 classes of STARSS23, with and without video), live_foa or live_mic (these classes in live sound), imaging_foa (their
# energy maps). FOLDER defaults to weights; it gets corpus_..., NAME (the run) and NAME.log. A second call continues.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

hours=18 steps="" jobs=0 seed=0 corpus_only=""
take_options "hours steps jobs seed" "corpus_only" 1 2 "$@"
name="${words[0]}" folder="${words[1]:-weights}"
one_of NAME "$name" locator_foa locator_mic locator_stereo av_foa_generated audio_foa_generated \
    live_foa live_mic imaging_foa
recordings=$(awk "BEGIN {print int($hours * 120 + 0.5)}") # of half a minute
rooms=$(((recordings + 5) / 6))

corpus() { # name, options of synth, then -- and options of dcase
    local made="$folder/corpus_$1" options=()
    shift
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    if [ -f "$made/prepared/manifest.csv" ]; then return; fi
    avseld-prep synth --out "$made/raw" --recordings "$recordings" --seconds 30 --seed $((7000 + seed)) --jobs "$jobs" \
        --train_rooms "$rooms" --test_rooms 8 --test_share 0.02 "${options[@]}"
    avseld-prep dcase --raw "$made/raw" --prepared "$made/prepared" "$@"
}

train() { # corpus, recipe, steps, options
    local data="$folder/corpus_$1/prepared" recipe="$2" n="${steps:-$3}"
    shift 3
    if [ -n "$corpus_only" ]; then return; fi
    train_or_resume "$folder/$name" --config "$recipe" --data.prepared "$data" --seed "$seed" --steps "$n" \
        --validate_every $((n / 10)) "$@" ${more[@]+"${more[@]}"}
}

make_weights() {
    local scenes=starss,easy,reverberant,noisy,crowded
    case "$name" in
        locator_foa)
            corpus locator_foa --preset locator --video none -- --one_class sound
            train locator_foa locator_foa 25000
            ;;
        locator_mic)
            corpus locator_mic --preset locator --video none --formats mic -- --one_class sound --format mic
            train locator_mic locator_mic 1200 --init_from locator_foa
            ;;
        locator_stereo)
            corpus locator_stereo --preset locator --video none --formats stereo -- --one_class sound --format stereo
            train locator_stereo locator_stereo 5000
            ;;
        av_foa_generated)
            corpus scenes --preset "$scenes" --width 128 --fps 10 --boxes detected --
            train scenes av_foa_fused 8000 --data.validate fold3_room5 --schedule.options.cycle_momentum false
            ;;
        audio_foa_generated)
            corpus scenes --preset "$scenes" --width 128 --fps 10 --boxes detected --
            train scenes av_foa_fused 8000 --data.validate fold3_room5 --schedule.options.cycle_momentum false \
                --data.video blank --model.options.vision false --model.options.hidden 224
            ;;
        live_foa) # kernels of the encoder fit those of the network that is not causal
            corpus live_foa --preset "$scenes" --video none --
            train live_foa live_foa 8000 --init_from audio_foa_generated
            ;;
        live_mic)
            corpus live_mic --preset "$scenes" --video none --formats mic -- --format mic
            train live_mic live_mic 2000 --init_from live_foa
            ;;
        imaging_foa) # recordings of a quarter of a minute, those of compare_imaging.sh
            imaging_corpus "$folder/corpus_imaging_foa" $((2 * recordings)) 15 easy "$jobs"
            train imaging_foa imaging_foa 600 --init_from audio_foa_generated --optimizer.options.lr 1.0e-3 \
                --data.validate '[fold3_room22, fold3_room23, fold3_room24]'
            ;;
    esac
}

use_environment
know_more "avseld train"
mkdir -p "$folder"
make_weights 2>&1 | tee -a "$folder/$name.log"
