"""Choice of the recordings to train on, to validate on and to test on."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from avseld.base.archive import is_file
from avseld.base.errors import BadInput
from avseld.config import Data
from avseld.io.manifest import Recording, disjoint, matches, pick, read_manifest, with_labels
from avseld.io.run_config import PARTS
from avseld.vision.visual_input import VisualSpec

log = logging.getLogger(__name__)

PUBLISHED_FOLD = r"fold\d+(_room\d+)?"
"""names of the folds and rooms in recipes"""


def choose(data: Data, spec: VisualSpec | None = None, labelled: bool = True) -> dict[str, list[Recording]]:
    """Choose the recordings to train on, to validate on and to test on.

    Where the manifest has none of the folds of the data but folds train, validate and test, these are taken and written
    into `data`; see `own_folds`. Where `validate` or `test` names rooms or recordings of a training fold, training goes
    without these. With `video: aligned` or `shuffled`, training leaves out what has no video with boxes or frames, as
    the network takes them, and says how many.

    Args:
        data: names the prepared folder and the folds.
        spec: visual input of the network.
        labelled: refuse a prepared folder without any labels.

    Raises:
        BadInput: no labels, a name that matches nothing, parts that overlap, or nothing left to train on.
    """
    there = [recording for recording in read_manifest(data.prepared) if recording.format == data.format]
    if not there:
        raise BadInput(f"{data.prepared}/manifest.csv: no recording of format {data.format}; prepare some")
    if labelled and not any(recording.labels for recording in there):
        with_labels(there, Path(data.prepared))
    own_folds(data, there)
    parts = {name: pick(there, getattr(data, name), f"data.{name}") for name in PARTS}
    folds = {recording.fold for recording in there}
    for name in ("validate", "test"):
        held = {r.name for r in pick(there, [token for token in getattr(data, name) if token not in folds])}
        if held and not data.allow_overlap:
            parts["train"] = [recording for recording in parts["train"] if recording.name not in held]
            log.info("%d recordings are withheld from training to %s", len(held), name)
    disjoint({"train": parts["train"], "test": parts["test"]}, data.allow_overlap)
    disjoint({"train": parts["train"], "validate": parts["validate"]}, data.allow_overlap)
    disjoint({"validate": parts["validate"], "test": parts["test"]}, data.allow_overlap)
    if data.video != "blank":
        parts["train"] = with_video(parts["train"], spec)
    if not parts["train"]:
        raise BadInput(
            f"{data.prepared}: nothing left to train on; check data.train, the boxes and the frames"
        )
    return parts


def own_folds(data: Data, recordings: Sequence[Recording]) -> None:
    """Take the folds train, validate and test of one's own recordings where the published ones do not exist.

    Without a fold validate, the best weights are selected on test, as the published baselines do, and it is said.

    Args:
        data: its train, validate and test are replaced.
        recordings: of the manifest, in the format of the data.

    Raises:
        BadInput: the manifest has no folds at all.
    """
    asked = [token for name in PARTS for token in getattr(data, name)]
    if any(matches(recording, token) for recording in recordings for token in asked):
        return
    folds = {recording.fold for recording in recordings if recording.fold}
    if not folds:
        raise BadInput(
            f"{data.prepared}: {len(recordings)} recordings without folds; make some with "
            f"avseld-prep split {data.prepared} --parts train=0.7,validate=0.1,test=0.2"
        )
    if not {"train", "test"} <= folds or any(not re.fullmatch(PUBLISHED_FOLD, token) for token in asked):
        return
    data.train, data.test = ["train"], ["test"]
    data.validate = ["validate"] if "validate" in folds else ["test"]
    log.info("%s: the folds are train, %s and test", data.prepared, data.validate[0])
    if "validate" not in folds:
        data.allow_overlap = True
        log.warning(
            "%s: no fold validate; the best weights are selected on test, whose scores are then optimistic",
            data.prepared,
        )


def visible(recording: Recording, spec: VisualSpec | None = None) -> bool:
    """Tell whether a recording has the files of its visual input: boxes, embeddings or both."""
    spec = spec or VisualSpec()
    wanted = [recording.boxes] * (spec.n_boxes > 0) + [recording.embeddings] * (spec.n_values > 0)
    return all(path is not None and is_file(path) for path in wanted)


def with_video(recordings: Sequence[Recording], spec: VisualSpec | None = None) -> list[Recording]:
    """Choose the recordings that have a video and the files of its visual input; logs how many have not."""
    kept = [r for r in recordings if r.video is not None and visible(r, spec)]
    if missing := len(recordings) - len(kept):
        silent = sum(recording.video is None for recording in recordings)
        log.info(
            "%d of %d recordings are left out of audio-visual training: %d without video, %d without boxes or frames",
            missing,
            len(recordings),
            silent,
            missing - silent,
        )
    return kept
