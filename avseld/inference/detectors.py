"""The detectors of people and encoders of video frames that are installed, as entry points of packages."""

import inspect
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from avseld.base.errors import BadInput
from avseld.io.boxes import Boxes
from avseld.io.embeddings import VisualEmbeddings

OWN = "detection"
"""the package of our own detector and encoder"""
DEFAULT = "default"
"""name of the entry point that is taken where nobody names another"""


OPTIONS = {"fps": "fps", "looked_at": "width", "tiles": "tiles", "field_deg": "field_deg", "weights": "like"}
"""entry of the description of boxes -> option of a detector that makes such boxes"""


def options_like(sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """List the options of a detector that makes boxes as those of a training were made; none if in several ways.

    Args:
        sources: each way, as from `avseld.io.boxes.source_of`.
    """
    if len(sources) != 1:
        return {}
    return {OPTIONS[key]: value for key, value in sources[0].items() if key in OPTIONS}


def detect(video: Path, **options: Any) -> Boxes:
    """Detect the people in a video with the detector that is installed under `avseld.detectors`.

    The library imports no detector itself, so that it can be used and tested without one.

    Args:
        video: the file.
        options: weights, like, fps, width, tiles, field_deg; a detector of another package gets those that it has.
            Weights that are the name of an installed detector or of its package, not of a file, choose this detector.

    Raises:
        BadInput: the video is unreadable, or there is no detector, several without a choice, or it has no weights.
    """
    name = str(options.get("weights", ""))
    if name in _names("avseld.detectors") and not Path(name).is_file():
        del options["weights"]
        find = _installed("avseld.detectors", name)
    else:
        find = _installed("avseld.detectors")
    known = inspect.signature(find).parameters
    try:
        return find(video, **{name: value for name, value in options.items() if name in known})
    except BadInput as error:
        raise BadInput(str(error).replace("--weights FILE", "--detector FILE")) from error


def picture_detector(**options: Any) -> Any:
    """Load the detector of live pictures that is installed under `avseld.picture_detectors`.

    Args:
        options: weights, like, fps, width, tiles, field_deg, threads; see `detection.live.picture_detector`. A
            detector of another package gets those that it has.

    Returns:
        (time in seconds, picture (height, width, 3) RGB uint8) -> `Boxes` of one row; with `width`, to which wider
        pictures are scaled, and `about`, which says how the boxes are made.

    Raises:
        BadInput: there is no such detector, several without a choice, or it has no weights.
    """
    load = _installed("avseld.picture_detectors")
    known = inspect.signature(load).parameters
    try:
        return load(**{name: value for name, value in options.items() if name in known})
    except BadInput as error:
        raise BadInput(str(error).replace("--weights FILE", "--detector FILE")) from error


def encode(video: Path, n_values: int, yaw: float = 0.0) -> VisualEmbeddings:
    """Compute embeddings of the frames of a video with the encoder that is installed under `avseld.encoders`.

    Args:
        video: the file.
        n_values: values of an embedding, which the encoder must have.
        yaw: azimuth of the middle of the picture, degrees.

    Raises:
        BadInput: the video is unreadable, or no encoder has this many values, or it has no weights.
    """
    embed = _installed("avseld.encoders")
    if not yaw:
        return embed(video, n_values)
    if "yaw" not in inspect.signature(embed).parameters:
        raise BadInput(
            f"--video_yaw {yaw:g}: the installed encoder of frames cannot turn them; turn the video"
        )
    return embed(video, n_values, yaw=yaw)


def _names(group: str) -> dict[str, EntryPoint]:
    """Map the names by which the entry points of a group are chosen: their own, or that of their package."""
    found: dict[str, EntryPoint] = {}
    for each in entry_points(group=group):
        name = getattr(each, "name", DEFAULT)
        found[each.module.split(".")[0] if name == DEFAULT else name] = each
    return found


def _installed(group: str, name: str | None = None) -> Any:
    """Load an entry point of a group.

    Args:
        group: such as avseld.detectors.
        name: a key of `_names`; None takes the one called `default`, of another package rather than our own.

    Raises:
        BadInput: none, or several defaults of other packages.
    """
    candidates = _names(group)
    if name is not None:
        return candidates[name].load()
    defaults = {key: each for key, each in candidates.items() if getattr(each, "name", DEFAULT) == DEFAULT}
    others = [key for key in defaults if key != OWN]
    if not defaults:
        raise BadInput(f"no package offers {group}: default; install avseld again, or another one that does")
    if len(others) > 1:
        values = " and ".join(defaults[key].value for key in others)
        choose = f"choose with --detector {' or '.join(defaults)}, or " if group == "avseld.detectors" else ""
        raise BadInput(f"{group}: default is offered by {values}; {choose}remove one")
    return defaults[others[0] if others else OWN].load()
