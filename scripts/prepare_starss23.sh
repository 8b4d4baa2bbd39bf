#!/usr/bin/env bash
# Turns an unpacked STARSS23 into a prepared folder: videos at 360x180, labels and manifest, boxes.
#   scripts/prepare_starss23.sh DATA [--format foa|mic|binaural] [options of avseld-prep resize, dcase, avseld-detect boxes]
# DATA holds foa_dev, mic_dev or binaural_dev, metadata_dev and video_dev of the unpacked STARSS23; they are only read.
# Without --format the first of these that is there. Writes DATA/video_360x180_dev and DATA/prepared, for another format
# than foa DATA/prepared_FORMAT. A second run continues.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

format=""
take_options "format" "" 1 1 "$@"
for word in ${more[@]+"${more[@]}"}; do
    if [[ "$word" == --shard* ]]; then
        refuse "--shard: each step waits for all shards of the one before; docs/clusters.md has the job arrays"
    fi
done
data="${words[0]%/}"
if [ -z "$format" ]; then
    format=foa
    for each in binaural mic foa; do
        if [ -d "$data/${each}_dev" ]; then format="$each"; fi
    done
fi
one_of --format "$format" foa mic binaural
prepared="$(prepared_for "$data" "$format")"
script=train_seld_${format/binaural/bin}.sh
use_environment
know_more "avseld-prep resize" "avseld-prep dcase" "avseld-detect boxes"

echo "1/3 videos at 360x180: $data/video_360x180_dev" >&2
if [ -d "$data/video_dev" ]; then
    choose_more avseld-prep resize
    avseld-prep resize --source "$data/video_dev" --target "$data/video_360x180_dev" ${chosen[@]+"${chosen[@]}"}
else
    echo "    no $data/video_dev: nothing to resize" >&2
fi

echo "2/3 labels and manifest: $prepared" >&2
choose_more avseld-prep dcase
avseld-prep dcase --raw "$data" --prepared "$prepared" --format "$format" ${chosen[@]+"${chosen[@]}"}

echo "3/3 boxes: $prepared/boxes" >&2
missing=$(python - "$prepared" <<'PYTHON'
import sys

from avseld.io.boxes import read_boxes
from avseld.base.errors import BadInput
from avseld.io.manifest import read_manifest

missing = 0
for recording in read_manifest(sys.argv[1]):
    if recording.boxes and recording.video:
        try:
            read_boxes(recording.boxes, recording.video)
        except BadInput:
            missing += 1
print(missing)
PYTHON
)
if [ "$missing" -eq 0 ]; then
    echo "    complete; no detection needed" >&2
else
    choose_more avseld-detect boxes
    avseld-detect boxes --prepared "$prepared" ${chosen[@]+"${chosen[@]}"}
fi

echo "ready: $prepared; next: scripts/$script $data" >&2
