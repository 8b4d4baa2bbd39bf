# Sourced by the other scripts: makes .venv beside them if need be, installs the project in it, puts it first on the
# path. Scripts that are started together install one after the other.
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

alone() { # lock file, command...: run the command while no other script holds this lock
    local lock="$1" held
    shift
    if command -v flock >/dev/null; then
        (
            flock --nonblock 9 || { echo "== another script is installing; waiting for it" && flock 9; }
            "$@"
        ) 9>"$lock"
        return
    fi
    # Where there is no flock (macOS) a folder is the lock: only one process can make it. One whose process is gone is moved
    # away, which again only one process can do.
    until mkdir "$lock.d" 2>/dev/null; do
        held="$(cat "$lock.d/process" 2>/dev/null || true)"
        if [ -n "$held" ] && ! kill -0 "$held" 2>/dev/null && mv "$lock.d" "$lock.$$" 2>/dev/null; then
            rm -rf "$lock.$$"
        else
            sleep 0.2
        fi
    done
    (
        trap 'rm -rf "$lock.d"' EXIT
        echo $$ >"$lock.d/process"
        "$@"
    )
}

install_project() { # extra, stamp file, what it must hold
    local extra="$1" stamp="$2" expected="$3" python="$root/.venv/bin/python"
    if [ ! -x "$python" ]; then
        echo "== making $root/.venv"
        "${PYTHON:-python3}" -m venv "$root/.venv"
    fi
    if [ "$(cat "$stamp" 2>/dev/null)" = "$expected" ]; then
        return # another script has installed it meanwhile
    fi
    echo "== installing avseld${extra:+ with its $extra extra} (some 5 GB the first time, a minute or two on a fast line)"
    "$python" -m pip install --quiet --disable-pip-version-check --upgrade pip
    "$python" -m pip install --quiet --disable-pip-version-check \
        --constraint "$root/constraints.txt" --editable "$root${extra:+[$extra]}"
    echo "$expected" >"$stamp"
}

use_environment() { # [extra]: install the project, with an extra if one is named
    local extra="${1:-}" venv="$root/.venv" stamp expected
    stamp="$venv/.avseld-${extra:-plain}"
    expected="$(cat "$root/setup.cfg" "$root/pyproject.toml" "$root/constraints.txt" | cksum)"
    export PATH="$venv/bin:$PATH" VIRTUAL_ENV="$venv"
    if [ -z "$extra" ] && [ "$(cat "$venv/.avseld-test" 2>/dev/null)" = "$expected" ]; then
        return # the test extra holds everything that the project alone needs
    fi
    if [ "$(cat "$stamp" 2>/dev/null)" != "$expected" ]; then
        alone "$root/.venv.lock" install_project "$extra" "$stamp" "$expected"
    fi
}

one_of() { # option, value, allowed values...
    local option="$1" value="$2" allowed
    shift 2
    for allowed in "$@"; do [ "$value" != "$allowed" ] || return 0; done
    echo "$(basename "$0"): $option $value: give one of $*" >&2
    return 2
}

boxes_of_people() { # prepared folder of generated scenes, detected|exact|simulated, weights of the detector
    local prepared="$1" boxes="$2" weights="$3" marker="$1/boxes.txt" wanted="$2"
    if [ "$boxes" = detected ]; then wanted="detected by $weights"; fi
    if [ "$(cat "$marker" 2>/dev/null || echo "$wanted")" != "$wanted" ]; then
        echo "$(basename "$0"): $prepared has boxes $(cat "$marker"), not $wanted; give another folder" >&2
        return 2
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

prepared_for() { # DATA in the layout of STARSS23, format: its prepared folder
    if [ "$2" = foa ]; then echo "$1/prepared"; else echo "$1/prepared_$2"; fi
}

train_seld() { # recipe, format, DATA, [RUN], options of avseld train
    local recipe="$1" format="$2" data="$3" run="" prepared other
    shift 3
    if [ $# -gt 0 ] && [[ "$1" != -* ]]; then
        run="$1"
        shift
    fi
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
        echo "$(basename "$0"): $prepared: not found; run scripts/prepare_starss23.sh $data --format $format first" >&2
        exit 2
    fi
    if [ -z "$run" ]; then
        run="runs/${recipe}_$(date +%Y%m%d_%H%M%S)"
        mkdir -p runs
        ln -sfn "$(basename "$run")" "runs/${recipe}_latest"
    fi
    avseld train --config "$recipe" --data.prepared "$prepared" --out "$run" "$@"
    echo "== next: scripts/eval_seld.sh $run"
}
