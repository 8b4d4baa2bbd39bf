"""Choice of the recordings to train on, to validate on and to test on."""

import logging
from collections.abc import Sequence

from avseld.base.errors import BadInput
from avseld.config import Data
from avseld.io.manifest import Recording, disjoint, pick, read_manifest
from avseld.vision.visual_input import VisualSpec

log = logging.getLogger(__name__)


def choose(data: Data, spec: VisualSpec | None = None) -> dict[str, list[Recording]]:
    """Choose the recordings to train on, to validate on and to test on.

    Where `validate` or `test` names rooms or recordings of a training fold, training goes without these. With
    `video: aligned` or `shuffled`, training leaves out what has no video with boxes or frames, as the network
    takes them, and says how many.

    Raises:
        BadInput: a name that matches nothing, parts that overlap, or nothing left to train on.
    """
    there = [recording for recording in read_manifest(data.prepared) if recording.format == data.format]
    if not there:
        raise BadInput(f"{data.prepared}/manifest.csv: no recording of format {data.format}; prepare some")
    parts = {name: pick(there, getattr(data, name)) for name in ("train", "validate", "test")}
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


def visible(recording: Recording, spec: VisualSpec | None = None) -> bool:
    """Tell whether a recording has the files of its visual input: boxes, embeddings or both."""
    spec = spec or VisualSpec()
    wanted = [recording.boxes] * (spec.n_boxes > 0) + [recording.embeddings] * (spec.n_values > 0)
    return all(path is not None and path.is_file() for path in wanted)


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
