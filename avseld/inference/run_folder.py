"""The folder of a training run: its configuration, its weights, and the recordings it is evaluated on."""

from pathlib import Path

import yaml

from avseld.base.errors import BadInput
from avseld.io.manifest import Recording, pick, read_manifest

WEIGHTS = {"best": "model.safetensors", "last": "last.safetensors"}


def read_config(run: Path) -> dict:
    """Read the complete configuration of a run.

    Raises:
        BadInput: the folder holds no readable configuration.
    """
    path = run / "config.yaml"
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise BadInput(f"{path}: not found; give the folder of a run made by avseld train") from None
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: no readable YAML ({' '.join(str(error).split())}); restore it") from error


def prepared_folder(run: Path, prepared: Path | None = None) -> Path:
    """Return the prepared folder to work on: the one given, or the one of the training.

    Args:
        run: run folder.
        prepared: another prepared folder, or None.

    Raises:
        BadInput: no configuration, or the training's folder is not there.
    """
    if prepared is not None:
        return prepared
    place = Path(read_config(run)["data"]["prepared"])
    if not place.is_dir():
        raise BadInput(
            f"{place}: the prepared folder of {run / 'config.yaml'} is not there; say where with --prepared"
        )
    return place


def recordings_of(run: Path, prepared: Path | None, fold: str) -> list[Recording]:
    """List the recordings of a fold, in the channel format of the run.

    Args:
        run: run folder; its config.yaml names the prepared folder and the folds.
        prepared: another prepared folder, or None for the one of the training.
        fold: test, validate or train as in the recipe, or the name of a fold, a room or a recording.

    Raises:
        BadInput: no configuration, or no recording of that name.
    """
    data = read_config(run)["data"]
    recordings = read_manifest(prepared_folder(run, prepared))
    recordings = [recording for recording in recordings if recording.format == data["format"]]
    return pick(recordings, data[fold] if fold in ("test", "validate", "train") else [fold])
