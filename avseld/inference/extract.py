"""The command `features`: the features of recordings as a network is given them, one file each."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from avseld.base.archive import archive_of
from avseld.base.errors import BadInput, CannotWrite
from avseld.base.feature_maps import unnamed_maps
from avseld.base.files import remove_partial, takes_paths
from avseld.base.locks import writes_alone_into
from avseld.base.next_step import tell_next
from avseld.config import Data
from avseld.data.folds import choose, visible
from avseld.data.statistics import measured, standardization
from avseld.data.windows import Windows
from avseld.decoding.windows import window_grid
from avseld.inference.predictor import load
from avseld.inference.run_folder import folder_of
from avseld.io.channel_map import channel_names
from avseld.io.feature_files import (
    DESCRIPTION,
    FeatureDescription,
    Form,
    read_description,
    write_description,
    writing_features,
)
from avseld.io.manifest import Recording, of_format, read_classes
from avseld.io.resampling import open_recording
from avseld.io.run_config import PARTS, of_fold, prepared_folder
from avseld.recipes.building import build_system
from avseld.recipes.reading import read_recipe, recipe_of
from avseld.recipes.role_systems import with_role_systems
from avseld.system.build import System
from avseld.system.device import device_named
from avseld.system.inference import iterate_features

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """What features are computed with.

    Args:
        system: in evaluation, on its device.
        data: prepared folder, channel format, folds, window.
        seed: of the windows from which mean and deviation are computed.
        learned: whether the statistics of the system are those of a training.
        name: of the recipe's parts or of the run, for the description.
    """

    system: System
    data: Data
    seed: int
    learned: bool
    name: str


@takes_paths
@writes_alone_into("out")
def features(
    out: Path,
    recipe: dict[str, Any] | None = None,
    run: Path | None = None,
    prepared: Path | None = None,
    fold: str = "all",
    form: Form = "npy",
    raw: bool = False,
    statistics: str = "train",
    device: str = "auto",
) -> int:
    """Write the features of the recordings of a prepared folder as a network is given them, one file a recording.

    Every file holds an array (channel, frame, bin) in float32; frame k is centred on k times the hop. features.json
    has the names, units and bin axes of the channels, statistics.npz mean and deviation. A second call makes what is
    missing.

    Args:
        out: folder of the features.
        recipe: the same as --config: a recipe, a YAML file or a run folder whose recipe is taken; options of it may
            follow as for `avseld train`, such as --features.options.hop 480 or --data.format mic.
        run: run folder, safetensors file or name of shipped weights, in place of a recipe; with its mean and
            deviation.
        prepared: prepared folder; with --run by default the one of the training.
        fold: recordings to write: all, test, validate or train as in the recipe, or the name of a fold, a room or a
            recording.
        form: npy, or h5 with mean, deviation and description in every file.
        raw: write the values before standardization, in their units.
        statistics: recordings from whose windows mean and deviation are computed, as --fold; with --run only for
            features that are not standardized.
        device: cpu, cuda, ..., or auto.

    Returns:
        1 if a recording failed, else 0.

    Raises:
        BadInput: files are missing or unusable, features that the channel format does not allow, or a folder with
            other features.
    """
    source = (
        _from_run(run, recipe, prepared, device)
        if run is not None
        else _from_recipe(recipe, prepared, device)
    )
    recordings = _recordings(source, fold, "--fold")
    system = source.system
    layer = standardization(system.features)
    known = source.learned and layer is not None
    measured_ones = [] if known else _measured_recordings(source, statistics)
    description = _description(source, form, raw, statistics, measured_ones)
    mean, deviation = _statistics(source, measured_ones, out, description)
    if layer is not None:  # another processor may round otherwise: a folder has one mean
        layer.mean.copy_(layer.mean.new_tensor(mean[:, None]))
        layer.deviation.copy_(layer.deviation.new_tensor(deviation[:, None]))
        if raw:
            layer.reset()
    failures = _write_all(system, recordings, out, description, (mean, deviation))
    tell_next("avseld", "plot", "--features", out)
    return 1 if failures else 0


def _from_recipe(recipe: dict[str, Any] | None, prepared: Path | None, device: str) -> Source:
    """Build the system of a recipe; its statistics are still to be computed."""
    if recipe is None:
        raise BadInput("features of which network? give --config RECIPE or --run RUN")
    data = dict(recipe.get("data") or {})
    if prepared is not None:
        data["prepared"] = str(prepared)
    if not data.get("prepared"):
        raise BadInput("which recordings? give --prepared PREPARED")
    made = recipe_of({**recipe, "data": data})
    classes = read_classes(made.data.prepared)
    system = build_system(replace(made, model=with_role_systems(made.model, made.init_from)), classes)
    return Source(system.eval().to(device_named(device)), made.data, made.seed, False, made.features.name)


def _from_run(run: Path, recipe: dict[str, Any] | None, prepared: Path | None, device: str) -> Source:
    """Load the system of a run, or weights without a run folder."""
    if recipe is not None:
        raise BadInput("--run has its own recipe; give --config with options of it, or --run alone")
    system = load(run, device=device).system
    blueprint, home = system.blueprint, folder_of(run)
    if home is None:
        if prepared is None:
            raise BadInput(
                f"{run}: weights without a run folder; say which recordings with --prepared PREPARED"
            )
        # Without the folds of a training, a fold stands for itself, and statistics are those of all recordings.
        data = Data(prepared, ["all"], ["validate"], ["test"], format=blueprint.format, chunk=blueprint.chunk)
        return Source(system, data, 0, True, str(run))
    words = read_recipe(home)
    made = recipe_of({**words, "data": {**words["data"], "prepared": str(prepared_folder(home, prepared))}})
    return Source(system, made.data, made.seed, True, str(run.resolve()))


def _recordings(source: Source, fold: str, option: str) -> list[Recording]:
    """List the recordings of a fold in the format of the features."""
    data = source.data
    remedy = " (--data.format chooses, if the features allow it)"
    there = of_format(data.prepared, data.format, source.name, remedy)
    parts = {part: [str(token) for token in getattr(data, part)] for part in PARTS}
    return of_fold(there, fold, parts, data.prepared, option)


def _description(
    source: Source, form: Form, raw: bool, statistics: str, recordings: Sequence[Recording]
) -> FeatureDescription:
    """Describe the features, and what they are made with, as far as it changes a value.

    Args:
        source: of the features.
        form: of the files.
        raw: whether values are written before standardization.
        statistics: fold of the recordings of the statistics.
        recordings: these; none where the statistics are those of a run.
    """
    system = source.system
    part, blueprint = system.features, system.blueprint
    names = channel_names(blueprint.format)
    maps = part.feature_maps(names) if part.feature_maps else unnamed_maps(part.n_features, part.n_bins)
    layer = standardization(part)
    made_with: dict[str, Any] = {
        "features": json.loads(json.dumps(asdict(blueprint.features))),
        "frames_per_window": system.run_frames,
        "legacy": blueprint.legacy,
    }
    if not recordings and layer is not None:
        values = np.concatenate([layer.mean.cpu().numpy().ravel(), layer.deviation.cpu().numpy().ravel()])
        made_with["statistics"] = f"of {source.name}"
        made_with["statistics_sha256"] = hashlib.sha256(values.tobytes()).hexdigest()
    else:
        chosen = [recording.name for recording in recordings]
        text = json.dumps([chosen, source.seed, system.window_samples])
        made_with["statistics"] = f"of {len(chosen)} recordings of {statistics}, seed {source.seed}"
        made_with["statistics_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    return FeatureDescription(
        form,
        system.hop,
        system.sample_rate,
        blueprint.format,
        (part.n_features, part.n_bins),
        list(maps),
        layer is not None and not raw,
        made_with,
        str(source.data.prepared.resolve()),
    )


def _measured_recordings(source: Source, statistics: str) -> Sequence[Recording]:
    """List the recordings of the statistics: for train those that a training of the recipe takes."""
    if statistics != "train" or source.data.train == ["all"]:
        return _recordings(source, statistics, "--statistics")
    data = replace(source.data, video="blank")
    try:
        chosen = choose(data, labelled=False)["train"]
    except BadInput as error:
        raise BadInput(
            f"{error} (mean and deviation of the features come from the training part; --statistics all or FOLD takes "
            "other recordings)"
        ) from None
    if source.data.video == "blank":
        return chosen
    spec = source.system.visual_spec
    seen = [recording for recording in chosen if recording.video is not None and visible(recording, spec)]
    return seen or chosen  # before boxes are made, too


def _statistics(
    source: Source, recordings: Sequence[Recording], out: Path, description: FeatureDescription
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation, (channel, bin) each: those in the folder, of the run, or of some recordings.

    Raises:
        BadInput: the folder holds features that were made with something else.
    """
    if (out / DESCRIPTION).is_file():
        known, mean, deviation = read_description(out)
        _refuse_others(out, known, description)
        return mean, deviation
    layer = standardization(source.system.features)
    if layer is None or recordings:
        data = replace(source.data, video="blank")
        place = source.system.device
        windows = Windows(recordings, source.system, data, source.seed, labelled=False)
        log.info("mean and deviation: windows of %d recordings", len(recordings))
        layer = measured(source.system.cpu(), windows)  # where a training computes them
        source.system.to(place)
    mean, deviation = (values[:, 0].cpu().numpy().copy() for values in (layer.mean, layer.deviation))
    write_description(out, description, mean, deviation)
    return mean, deviation


def _refuse_others(out: Path, known: FeatureDescription, description: FeatureDescription) -> None:
    """Refuse to add to a folder what does not go with what is there."""
    before, now = asdict(known), json.loads(json.dumps(asdict(description)))
    for name in ("form", "hop", "sample_rate", "format", "standardized", "source"):
        if json.loads(json.dumps(before[name])) != now[name]:
            raise BadInput(
                f"{out}: holds other features ({name} {_short(before[name])}, now {_short(now[name])}); name another "
                "--out, or remove the folder"
            )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 160 else f"{text[:157]}..."


def _write_all(
    system: System,
    recordings: Sequence[Recording],
    out: Path,
    description: FeatureDescription,
    statistics: tuple[np.ndarray, np.ndarray],
) -> int:
    """Write the files that are missing or older than their sound; return how many failed."""
    paths = {recording.name: out / f"{recording.name}.{description.form}" for recording in recordings}
    remove_partial(out, paths)
    due = [recording for recording in recordings if not _newer(paths[recording.name], recording.audio)]
    if len(due) < len(recordings):
        log.info("%d of %d files are there already", len(recordings) - len(due), len(recordings))
    failures = []
    with logging_redirect_tqdm([logging.getLogger("avseld")]):
        for recording in tqdm(due, desc="features", unit="recording", disable=None):
            try:
                _write(system, recording, paths[recording.name], description, statistics)
            except CannotWrite:
                raise
            except (BadInput, OSError) as error:
                failures.append(str(error))
    log.info("%s: %d files of %s", out, len(due) - len(failures), shape_words(description))
    for failure in failures:
        log.error("%s", failure)
    return len(failures)


def shape_words(description: FeatureDescription) -> str:
    """Say what an array is: 10 channels (4 log-mel, 6 GCC-PHAT) x frames of 10 ms x 96 bins."""
    kinds = [each.kind for each in description.maps]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    channels, bins = description.shape
    return f"{channels} channels ({counts}) x frames every {1000 * description.hop:.4g} ms x {bins} bins"


def _newer(path: Path, source: Path) -> bool:
    source = archive_of(source) or source
    return path.is_file() and source.is_file() and path.stat().st_mtime >= source.stat().st_mtime


def _write(
    system: System,
    recording: Recording,
    path: Path,
    description: FeatureDescription,
    statistics: tuple[np.ndarray, np.ndarray],
) -> None:
    """Write the features of one recording, in memory that does not grow with its length."""
    read, n_samples = open_recording(recording.audio, recording.format, system.sample_rate)
    n_frames = int(window_grid(system.lengths, n_samples).n_frames[0])
    with writing_features(path, description, n_frames, *statistics) as write:
        for first, values in iterate_features(system, read, n_samples):
            write(first, values)
