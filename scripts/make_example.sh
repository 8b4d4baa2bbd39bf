#!/usr/bin/env bash
# Makes the recording that comes with the package, avseld/examples/example.mp4, and its picture, docs/images/example.png: ten
# seconds of a generated room that no weights were trained on, first-order ambisonics (AAC, 384 kb/s) and 360-degree video.
#   scripts/make_example.sh [FOLDER] [options of avseld-prep synth]
# FOLDER gets the scenes, by default a temporary one. Half a minute on two cores.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
take_options "" "" 0 1 "$@"
use_environment
know_more "avseld-prep synth"

folder="${words[0]:-}"
if [ -z "$folder" ]; then
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
fi
name=fold4_room7_mix001
avseld-prep synth --out "$folder/raw" --recordings 8 --seconds 10 --preset easy --train_rooms 1 --test_rooms 7 \
    --test_share 0.99 --seed 2027 --width 640 --fps 10 ${more[@]+"${more[@]}"}
avseld-prep dcase --raw "$folder/raw" --prepared "$folder/prepared"
sound=("$folder"/raw/foa_dev/*/$name.wav) video=("$folder"/raw/video_dev/*/$name.mp4)
example="$root/avseld/examples/example"
mkdir -p "$(dirname "$example")"
# Intensity stereo and noise substitution, by which AAC saves bits, would lose the directions.
"$(python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')" -y -v error -i "${video[0]}" -i "${sound[0]}" \
    -map 0:v -map 1:a -c:v copy -c:a aac -b:a 384k -aac_is 0 -aac_pns 0 -fflags +bitexact -flags:a +bitexact "$example.mp4"
cp "$folder/prepared/labels/$name.csv" "$example.labels.csv"

avseld predict "$example.mp4" --run av_foa_generated --detector people_drawn --out "$folder/example.csv"
avseld plot --audio "$example.mp4" --video "$example.mp4" --prediction "$folder/example.csv" \
    --reference "$example.labels.csv" --classes "$folder/prepared/classes.txt" --out "$folder/example.mp4" --fps 10 --width 640
python - "$folder/example.mp4" "$root/docs/images/example.png" <<'PYTHON'
import sys

from PIL import Image

from avseld.io.video import FrameReader

SECOND = 4.4
film, picture = sys.argv[1:]
with FrameReader(film) as frames:
    Image.fromarray(frames.at(SECOND)[0]).quantize(256).save(picture, optimize=True)
PYTHON
