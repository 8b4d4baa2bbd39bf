#!/usr/bin/env bash
# Trains the detector of drawn people that comes with the package (people_drawn): renders pictures of generated scenes with
# their annotations, trains a small YOLOX on them by mmdet, exports it to ONNX, and scores it on pictures of other rooms.
#   scripts/train_detector.sh [FOLDER] [--scenes N] [--iterations N] [--batch_size N] [--seed S] [--jobs J]
#     [options of avseld-prep pictures]
# FOLDER defaults to detector. Less than an hour on two cores. A second call continues. Needs scripts/install_mmdet.sh.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

scenes=1000 iterations=1600 batch_size=16 seed=0 jobs=0
take_options "scenes iterations batch_size seed jobs" "" 0 1 "$@"
folder="${words[0]:-detector}"
use_environment
know_more "avseld-prep pictures"
if ! python -c "import mmcv._ext, mmdet" 2>/dev/null; then
    refuse "mmdet is missing; run scripts/install_mmdet.sh first"
fi

pictures() { # name, seed, scenes, pictures of a scene
    if [ -f "$folder/$1/annotations.json" ]; then return; fi
    rm -rf "${folder:?}/$1" # interrupted
    avseld-prep pictures --out "$folder/$1" --seed "$2" --scenes "$3" --frames "$4" --jobs "$jobs" \
        ${more[@]+"${more[@]}"}
}

train_detector() {
    pictures train $((3 * seed + 1)) "$scenes" 6
    pictures validation $((3 * seed + 2)) $(((scenes + 23) / 24)) 4
    pictures test $((3 * seed + 3)) $(((scenes * 14 + 99) / 100)) 4
    if [ ! -f "$folder/run/last.pth" ]; then
        # One thread: the order in which several add up changes the last digits.
        OMP_NUM_THREADS=1 avseld-detect train --pictures "$folder/train" --validation "$folder/validation" --out "$folder/run" \
            --iterations "$iterations" --batch_size "$batch_size" --seed "$seed"
    fi
    avseld-detect export --checkpoint "$folder/run/last.pth" --out "$folder/people_drawn.onnx" \
        --mmdet_config "$root/detection/shipped/people_drawn_mmdet.py"
    avseld-detect measure --pictures "$folder/test" --weights "$folder/people_drawn.onnx"
}

mkdir -p "$folder"
train_detector 2>&1 | tee -a "$folder/train.log"
