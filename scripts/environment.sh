# Sourced by the other scripts: makes .venv beside them if need be, installs the project in it, puts it first on the
# path. One lock, so that two scripts started together do not install on top of each other.
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

use_environment() { # [extra]: install the project, with an extra if one is named
    local extra="${1:-}" venv="$root/.venv" stamp wanted
    stamp="$venv/.avseld-${extra:-plain}"
    if [ ! -x "$venv/bin/python" ]; then
        echo "== making $venv"
        "${PYTHON:-python3}" -m venv "$venv"
    fi
    # shellcheck disable=SC1091
    export PATH="$venv/bin:$PATH" VIRTUAL_ENV="$venv"
    wanted="$(cat "$root/setup.cfg" "$root/pyproject.toml" | cksum)"
    if [ -z "$extra" ] && [ "$(cat "$venv/.avseld-test" 2>/dev/null)" = "$wanted" ]; then
        return # the test extra holds everything that the project alone needs
    fi
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        echo "== installing avseld${extra:+ with its $extra extra} (some 5 GB the first time, a minute or two on a fast line)"
        python -m pip install --quiet --disable-pip-version-check --upgrade pip
        # With a CPU-only torch wheel at hand pip would pair it with a torchvision that cannot load: name the pair first.
        python -m pip install --quiet --disable-pip-version-check "torch==2.11.*" "torchvision==0.26.*"
        python -m pip install --quiet --disable-pip-version-check --editable "$root${extra:+[$extra]}"
        echo "$wanted" >"$stamp"
    fi
}

train_pair() { # first, second: names of functions that train; side by side, since one training hardly gains from two cores
    if [ "$(nproc 2>/dev/null || echo 1)" -lt 2 ]; then
        "$1"
        "$2"
        return
    fi
    local log="$folder/$2.log" second
    echo "($2 trains beside it, its progress is in $log)"
    OMP_NUM_THREADS=1 "$2" >"$log" 2>&1 &
    second=$!
    trap 'kill $second 2>/dev/null' EXIT
    OMP_NUM_THREADS=1 "$1"
    if ! wait $second; then
        tail -n 3 "$log" >&2
        return 1
    fi
    trap - EXIT
}

train_seld() { # recipe, format, DATA, [RUN], options of avseld train
    local recipe="$1" format="$2" data="$3" run="runs/$1" prepared
    shift 3
    if [ $# -gt 0 ] && [[ "$1" != -* ]]; then
        run="$1"
        shift
    fi
    prepared="$data/prepared"
    if [ "$format" != foa ]; then prepared="$data/prepared_$format"; fi
    if [ ! -f "$prepared/manifest.csv" ] && [ "$format" != foa ] && [ -f "$data/prepared/manifest.csv" ]; then
        avseld-prep dcase --raw "$data" --prepared "$prepared" --format "$format"
        mkdir -p "$prepared/boxes" # the videos are the same, so are the people in them
        find "$data/prepared/boxes" -name '*.npz' -exec cp -n {} "$prepared/boxes/" \;
    fi
    if [ ! -f "$prepared/manifest.csv" ]; then
        echo "$(basename "$0"): $prepared: not found; run scripts/prepare_starss23.sh $data first" >&2
        exit 2
    fi
    avseld train --config "$recipe" --data.prepared "$prepared" --out "$run" "$@"
    echo "== next: scripts/eval_seld.sh $run"
}
