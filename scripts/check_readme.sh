#!/usr/bin/env bash
# Runs every command of README.md and docs/getting_started.md, in the order of the page, so that a wrong option or path in
# them fails. Commands are the lines of fenced bash blocks, fenced python blocks, and in tables the code that begins with
# avseld; each page runs in a folder of its own, with made-up recordings and network weights of the names that it uses.
#   scripts/check_readme.sh [FOLDER] [PAGE ...]
# FOLDER defaults to a temporary one, removed afterwards. Some five minutes on two cores. A comment before a block or in a
# table's row shortens its commands, one set of options for each, separated by |, or says why a block is not run:
#   <!-- check: --steps 2 | --quick -->      <!-- check: not run, REASON -->
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_environment test
began=$SECONDS
if [ $# -gt 0 ]; then
    mkdir -p "$1"
    folder="$(cd "$1" && pwd)"
    shift
else
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
fi
if [ $# -eq 0 ]; then set -- README.md docs/getting_started.md; fi
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" CUDA_VISIBLE_DEVICES=""

commands_of() { # page: prints a shell script that runs its commands
    python - "$root" "$1" <<'PYTHON'
import re
import shlex
import sys
from pathlib import Path

root, page = sys.argv[1:]
options: list[str] = []
lines = iter((Path(root) / page).read_text(encoding="utf-8").splitlines())
count = 0


def emit(command: str, more: str) -> None:
    """Print a command with its shortening options, paths of scripts made absolute."""
    global count
    count += 1
    command = re.sub(r"\s+#.*", "", command)
    shown = f"{command} {more}".strip()
    runs = re.sub(r"^scripts/", f"{shlex.quote(root)}/scripts/", shown)
    print(f"begin {shlex.quote(shown)}\n{runs} >>log 2>&1 </dev/null")


for line in lines:
    comment = re.search(r"<!-- check: (.*?) -->", line)
    if comment:
        options = [each.strip() for each in comment[1].split("|")]
    if line.startswith("|"):
        for command in re.findall(r"`((?:avseld|scripts/)[^`]*)`", line):
            if " " in command and not re.search(r"[A-Z]\w*/NAME", command):
                more = options.pop(0) if options else ""
                if not more.startswith("not run"):
                    emit(command, more)
        options = []
    elif line in ("```bash", "```python"):
        block = []
        while (inside := next(lines)) != "```":
            block.append(inside)
        if options[:1] and options[0].startswith("not run"):
            pass
        elif line == "```python":
            count += 1
            print("begin 'a python block'\npython >>log 2>&1 - <<'BLOCK'\n" + "\n".join(block) + "\nBLOCK")
        else:
            for command in filter(None, block):
                more = options.pop(0) if options else ""
                if not more.startswith("not run"):
                    emit(command, more)
        options = []
print(f"[ {count} -gt 0 ]")
PYTHON
}

begin() { # command: says what runs, and remembers it for an error message
    command="$1"
    printf '  %d:%02d  %s\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)) "$command"
}

echo "recordings and network weights"
mkdir -p "$folder/stand_ins"
python "$root/tests/docs/stand_ins.py" "$folder/stand_ins" >"$folder/stand_ins.log" 2>&1 || { tail "$folder/stand_ins.log" >&2; exit 1; }
for page; do
    echo "$page"
    place="$folder/$(basename "$page" .md)"
    mkdir "$place"
    cp -r "$folder/stand_ins/." "$place"
    ln -s "$root/.venv" "$place/.venv"
    commands_of "$page" >"$place/commands.sh"
    (
        cd "$place"
        trap 'tail -n 20 log >&2; echo "check_readme.sh: $page: failed: $command" >&2' ERR
        set -E
        # shellcheck disable=SC1091
        source ./commands.sh
    )
done
printf 'all commands run, %d:%02d\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60))
