"""The folder of a training run: its weights, and the recordings it is evaluated on."""

import logging
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.io.manifest import Recording, pick, read_manifest
from avseld.io.run_config import PARTS, parts_of, prepared_folder, read_config, tokens_of

log = logging.getLogger(__name__)

WEIGHTS = {"best": "model.safetensors", "last": "last.safetensors"}


def recordings_of(run: Path, prepared: Path | None, fold: str) -> list[Recording]:
    """List the recordings of a fold, in the channel format of the run.

    Args:
        run: run folder; its config.yaml names the prepared folder and the folds.
        prepared: another prepared folder, or None for the one of the training.
        fold: test, validate or train as in the recipe, or the name of a fold, a room or a recording; all for all
            recordings, which is also taken where the manifest has no folds.

    Raises:
        BadInput: no configuration, or no recording of that name.
    """
    place = prepared_folder(run, prepared)
    parts, format = parts_of(run), read_config(run)["data"]["format"]
    listed = read_manifest(place)
    recordings = [recording for recording in listed if recording.format == format]
    if not recordings:
        there = ", ".join(sorted({recording.format for recording in listed})) or "none"
        raise BadInput(f"{place}: no recordings of format {format}, which {run} takes; there are {there}")
    if fold not in PARTS:
        return pick(recordings, [fold], "--fold")
    if not any(recording.fold for recording in recordings):
        log.warning("%s: the manifest has no folds; all %d recordings are taken", place, len(recordings))
        return recordings
    tokens = tokens_of(fold, parts, recordings)
    return pick(recordings, tokens, f"--fold {fold} ({', '.join(tokens)} in {run / 'config.yaml'})")
