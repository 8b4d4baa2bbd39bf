# Sourced by the other scripts: makes .venv beside them if need be, installs the project in it, puts it first on the
# path. Scripts that are started together install one after the other.
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$root/scripts/options.sh"
source "$root/scripts/runs.sh"

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
        # Quoted here: where a function within ends the script, local variables are gone when the trap runs.
        trap "rm -rf $(printf %q "$lock.d")" EXIT
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
