#!/usr/bin/env bash
# Adapts shipped weights to twenty recordings in rooms and of classes that they were not trained on, and trains the same network
# from scratch in the same steps; scores both on recordings in other rooms. All recordings are generated.
#   scripts/adapt.sh [FOLDER] [--weights NAME] [--steps N] [--seed S] [options of avseld train]
# FOLDER defaults to adapted. NAME defaults to audio_foa_generated. Some ten minutes on two cores; a second call continues.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

weights="audio_foa_generated" steps=300 seed=0
take_options "weights steps seed" "" 0 1 "$@"
folder="${words[0]:-adapted}"
use_environment
know_more "avseld train"

# Six rooms of four recordings to train on, one of which is withheld to choose the best weights, and three rooms to test.
avseld-prep synth --out "$folder/raw" --recordings 36 --seconds 20 --preset reverberant --train_rooms 6 --test_rooms 3 \
    --test_share 0.33 --video none --seed $((5150 + seed))
# Labels as a user's own: events with names, eight classes of which no name is one of the weights'; other sounds are not labelled.
python - "$folder/raw/metadata_dev" "$folder/labels" <<'PYTHON'
import sys
from pathlib import Path

from avseld.io.classes import class_indices
from avseld.io.dcase_csv import read_dcase
from avseld.io.events import write_events
from data_prep.corpora.dcase import STARSS_CLASSES

NAMES = {
    "female_speech": "woman", "male_speech": "man", "clapping": "applause", "telephone": "phone",
    "domestic_sounds": "appliance", "footsteps": "steps", "bell": "doorbell", "knock": "knocking",
}  # fmt: skip
source, target = map(Path, sys.argv[1:])
kept = class_indices(STARSS_CLASSES, list(NAMES))
names = [NAMES.get(name, "") for name in STARSS_CLASSES]
for path in sorted(source.rglob("*.csv")):
    events, _ = read_dcase(path)
    write_events(target / path.name, events.select(kept[events.label] >= 0), names)
(target / "classes.txt").write_text("\n".join(NAMES.values()) + "\n", encoding="utf-8")
PYTHON
avseld-prep own --audio "$folder/raw/foa_dev" --labels "$folder/labels" --classes "$folder/labels/classes.txt" --fold_from name \
    --prepared "$folder/prepared"

train() { # run, options
    local run="$folder/$1"
    shift
    train_or_resume "$run" "$@" --data.prepared "$folder/prepared" --data.validate fold3_room1 --seed "$seed" \
        --steps "$steps" --validate_every $((steps / 3)) ${more[@]+"${more[@]}"}
}
train adapted --init_from "$weights"
train scratch --config "$folder/adapted" --init_from null
for run in adapted scratch; do
    avseld predict --run "$folder/$run" --device cpu
    echo "== $run"
    avseld score --run "$folder/$run"
done
