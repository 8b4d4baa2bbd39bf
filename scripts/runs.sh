# Sourced by environment.sh: trainings that a second call continues, and what comes before and after them.

train_or_resume() { # RUN, options of avseld train: train a run, or continue one that was interrupted
    local run="$1"
    shift
    if [ -f "$run/checkpoints/last.ckpt" ]; then
        echo "== $run: goes on, with the options that it began with"
        avseld train --resume "$run"
        return
    fi
    if [ -f "$run/config.yaml" ] && ! ls "$run"/*.safetensors >/dev/null 2>&1; then
        rm -rf "${run:?}" # interrupted before its first checkpoint; a folder with weights is for avseld train to refuse
    fi
    avseld train --out "$run" "$@"
}

imaging_corpus() { # folder, recordings, seconds of each, preset, jobs: scenes with the energy maps of DCASE2026 in folder/prepared
    avseld-prep synth --out "$1/raw" --preset "$4" --recordings "$2" --test_share 0.2 --seconds "$3" --jobs "$5" \
        --video none --formats foa,eigenmike --seed 5000 --train_rooms 24 --test_rooms 8
    avseld-prep energy_maps --source "$1/raw/eigen_dev" --labels "$1/raw/metadata_dev" --target "$1/raw/labels_dev"
    avseld-prep dcase --raw "$1/raw" --prepared "$1/prepared"
}

boxes_of_people() { # prepared folder of generated scenes, detected|exact|simulated, weights of the detector
    local prepared="$1" boxes="$2" weights="$3" marker="$1/boxes.txt" wanted="$2"
    if [ "$boxes" = detected ]; then wanted="detected by $weights"; fi
    if [ "$(cat "$marker" 2>/dev/null || echo "$wanted")" != "$wanted" ]; then
        refuse "$prepared has boxes $(cat "$marker"), not $wanted; give another folder"
    fi
    echo "$wanted" >"$marker"
    case "$boxes" in
        detected) avseld-detect boxes --prepared "$prepared" --weights "$weights" --replace_generated true ;;
        exact) echo "exact boxes, by the generator" ;;
        simulated) echo "boxes by the generator, with simulated errors of a detector" ;;
    esac
}

train_pair() { # first, second: names of functions that train; side by side, since one training hardly gains from two cores
    if [ "$(nproc 2>/dev/null || echo 1)" -lt 2 ]; then
        "$1"
        "$2"
        return
    fi
    local log="$folder/$2.log" second
    echo "($2 trains beside it, its progress is in $log)"
    set -m # a process group of its own, so that its commands end with it
    OMP_NUM_THREADS=1 "$2" >"$log" 2>&1 &
    second=$!
    set +m
    # The number itself: where the first training ends the script, local variables are gone when the trap runs.
    trap "kill -- -$second 2>/dev/null" EXIT
    OMP_NUM_THREADS=1 "$1"
    if ! wait $second; then
        tail -n 3 "$log" >&2
        return 1
    fi
    trap - EXIT
}

prepared_for() { # DATA in the layout of STARSS23, format: its prepared folder
    if [ "$2" = foa ]; then echo "$1/prepared"; else echo "$1/prepared_$2"; fi
}

train_seld() { # recipe, format, DATA, RUN or nothing; more is passed on to avseld train
    local recipe="$1" format="$2" data="$3" run="$4" prepared other
    prepared="$(prepared_for "$data" "$format")"
    for other in foa mic binaural; do # another format of the same videos: the same people are in them
        if [ -f "$prepared/manifest.csv" ] || [ ! -d "$data/${format}_dev" ]; then break; fi
        other="$(prepared_for "$data" "$other")"
        if [ ! -f "$other/manifest.csv" ]; then continue; fi
        mkdir -p "$prepared/boxes"
        find "$other/boxes" -name '*.npz' -exec cp -n {} "$prepared/boxes/" \;
        avseld-prep dcase --raw "$data" --prepared "$prepared" --format "$format"
    done
    if [ ! -f "$prepared/manifest.csv" ]; then
        refuse "$prepared: not found; run scripts/prepare_starss23.sh $data --format $format first"
    fi
    if [ -z "$run" ]; then
        run="runs/${recipe}_$(date +%Y%m%d_%H%M%S)"
        mkdir -p runs
        ln -sfn "$(basename "$run")" "runs/${recipe}_latest"
    fi
    avseld train --config "$recipe" --data.prepared "$prepared" --out "$run" ${more[@]+"${more[@]}"}
    echo "== next: scripts/eval_seld.sh $run"
}
