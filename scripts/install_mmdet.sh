#!/usr/bin/env bash
# Install MMDetection, the optional detector backend: mmcv 2.1.0 built against the torch in .venv, then mmdet 3.3.0.
# There are no ready-made wheels of mmcv for today's torch, hence the build. With it in place this takes seconds.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
cd "$root"

mmcv=mmcv==2.1.0
python=.venv/bin/python
lacking='libGL\|libgthread'  # what OpenCV says it needs on a bare server

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "install_mmdet.sh: $*" >&2; exit "${status:-1}"; }

in_place() {
    "$python" - 2>"$log" <<'EOF'
import warnings

warnings.simplefilter("ignore")
import mmcv._ext  # the compiled operators; a build without them imports as mmcv all the same
import mmdet
import numpy
import torch
from mmcv.ops import nms

boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [1.0, 1.0, 10.0, 10.0], [20.0, 20.0, 30.0, 30.0]])
kept = nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5)[1]
assert kept.tolist() == [0, 2], kept
assert (mmcv.__version__, mmdet.__version__) == ("2.1.0", "3.3.0"), (mmcv.__version__, mmdet.__version__)
print(f"mmcv {mmcv.__version__} and mmdet {mmdet.__version__} work with torch {torch.__version__}")
EOF
}

built() {
    "$python" -c 'import torch, mmcv._ext' 2>"$log" || grep -q "$lacking" "$log"
}

build() {
    # Without --no-build-isolation, or with a newer setuptools, a build "succeeds" that has no operators. CFLAGS replaces
    # Python's own flags, so -O3 must be said; -g0 makes the build a third shorter and the wheel twenty times smaller.
    MMCV_WITH_OPS=1 FORCE_CUDA=0 CFLAGS="-O3 -g0 -DNDEBUG -fwrapv" \
        "$python" -m pip install --no-build-isolation --no-binary mmcv \
        --constraint constraints.txt "$@" "$mmcv"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

if [ ! -x "$python" ]; then
    status=2 fail ".venv is missing; run scripts/test.sh or scripts/quickstart.sh first, they make it"
fi
if in_place; then
    exit 0
fi
if ! "$python" -c 'import torch' 2>/dev/null; then
    status=2 fail "no torch in .venv; run scripts/test.sh or scripts/quickstart.sh first"
fi
if ! command -v "${CXX:-c++}" >/dev/null; then
    status=2 fail "no C++ compiler; on Debian: apt-get install g++"
fi
headers=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
if [ ! -f "$headers/Python.h" ]; then
    status=2 fail "$headers/Python.h is missing; on Debian: apt-get install python3-dev"
fi
if ! command -v nvcc >/dev/null; then
    export CUDA_VISIBLE_DEVICES=  # a GPU without its compiler would end the build; operators for the processor then
fi

install_mmdet() {
    if ! built; then
        say "Building the operators of $mmcv: 6 to 12 minutes on two cores, once."
        "$python" -m pip install --quiet 'setuptools<81' wheel ninja
        build
        if ! built; then
            say "pip had a build in its cache that does not fit; building anew."
            build --no-cache-dir --force-reinstall --no-deps
        fi
    fi
    "$python" -m pip install --constraint constraints.txt --editable '.[mmdet]'
}

alone "$root/.venv.lock" install_mmdet

if in_place; then
    exit 0
fi
if grep -q "$lacking" "$log"; then
    fail "OpenCV lacks system libraries; on Debian: apt-get install libgl1 libglib2.0-0, then run this again"
fi
fail "mmcv or mmdet does not work: $(tail -n 1 "$log")"
