"""The folder of a training run: its weights, and the recordings it is evaluated on."""

import logging
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.io.manifest import Recording, matches, of_format, pick, with_labels
from avseld.io.run_config import PARTS, of_fold, parts_of, prepared_folder, read_config
from avseld.io.run_weights import CONFIG, run_folder

log = logging.getLogger(__name__)


def folder_of(run: Path) -> Path | None:
    """Return the folder of a run; None for weights that lie in none.

    Args:
        run: run folder, RUN@STEP, or a safetensors file.
    """
    place = run_folder(run)
    return place if (place / CONFIG).is_file() else None


def recordings_for_weights(weights: Path, format: str, prepared: Path | None, fold: str) -> list[Recording]:
    """List the recordings of a prepared folder that weights without a run folder take.

    Args:
        weights: for messages.
        format: channel format that they take.
        prepared: the prepared folder.
        fold: name of a fold, a room or a recording; test stands for all where no fold is called so.

    Raises:
        BadInput: no prepared folder is given, or no recording of that name or format.
    """
    if prepared is None:
        raise BadInput(
            f"{weights}: weights without a run folder; say which recordings with --prepared PREPARED, or give "
            "sound files"
        )
    recordings = of_format(prepared, format, weights)
    if fold == "test" and not any(matches(recording, fold) for recording in recordings):
        log.info("%s: all %d recordings are taken; --fold chooses some", prepared, len(recordings))
        return recordings
    return pick(recordings, [fold], "--fold")


def labelled_recordings_of(run: Path, prepared: Path | None, fold: str) -> list[Recording]:
    """List the recordings of a fold that have labels, to be scored; arguments and errors as for `recordings_of`.

    Raises:
        BadInput: none has labels.
    """
    return with_labels(recordings_of(run, prepared, fold), prepared_folder(run, prepared))


def recordings_of(run: Path, prepared: Path | None, fold: str) -> list[Recording]:
    """List the recordings of a fold, in the channel format of the run.

    Args:
        run: run folder or RUN@STEP; its config.yaml names the prepared folder and the folds.
        prepared: another prepared folder, or None for the one of the training.
        fold: test, validate or train as in the recipe, or the name of a fold, a room or a recording; all for all
            recordings, which is also taken where the manifest has no folds.

    Raises:
        BadInput: no configuration, or no recording of that name.
    """
    place = prepared_folder(run, prepared)
    parts, format = parts_of(run), read_config(run)["data"]["format"]
    recordings = of_format(place, format, run)
    if fold in PARTS and not parts[fold] and any(recording.fold for recording in recordings):
        raise BadInput(f"{run_folder(run) / CONFIG}: data.{fold} is empty; say which recordings with --fold")
    asked = f" ({', '.join(parts[fold])} in {run_folder(run) / CONFIG})" if fold in PARTS else ""
    return of_fold(recordings, fold, parts, place, f"--fold {fold}{asked}" if asked else "--fold")
