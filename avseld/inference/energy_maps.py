"""Energy maps of predicted recordings (DCASE2026): a file for each, as small as a submission asks for."""

import logging
from collections.abc import Sequence
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.inference.submission import one_a_frame
from avseld.io.classes import STARSS_CLASSES
from avseld.io.energy_maps import MAX_FILE_BYTES, write_energy_maps
from avseld.io.events import Events
from avseld.metrics.imaging import maps_of, thin_to
from avseld.system.build import System

log = logging.getLogger(__name__)


def check_maps(system: System, classes: Sequence[str]) -> None:
    """Refuse a system that cannot draw energy maps; warn of classes that are not those of the challenge.

    Args:
        system: that predicts.
        classes: of the predictions.

    Raises:
        BadInput: it predicts no classes with directions in space.
    """
    if system.target.task != "seld" or system.target.planar:
        raise BadInput("--maps: the system predicts no events with azimuth and elevation; leave it out")
    if tuple(classes) != tuple(STARSS_CLASSES):
        log.warning(
            "--maps: the classes are not the %d of DCASE2026; category_id is the index in the own list",
            len(STARSS_CLASSES),
        )


def maps_path(folder: Path, name: str) -> Path:
    """Return the file of a recording in a folder of energy maps."""
    return folder / f"{name}.json"


def write_maps(path: Path, events: Events) -> None:
    """Write the energy maps of a recording; where they take more than 20 MiB they are thinned, with a warning.

    Args:
        path: the file.
        events: predicted, of the whole recording.
    """
    maps = maps_of(one_a_frame(events, LABEL_HOP))
    if write_energy_maps(path, maps) <= MAX_FILE_BYTES:
        return
    kept, level, left_out = thin_to(maps, MAX_FILE_BYTES)
    write_energy_maps(path, kept)
    log.warning(
        "%s: for the 20 MiB of a submission, points below %g %% of a map's largest energy and the %d least confident "
        "maps are left out",
        path, 100 * level, left_out,
    )  # fmt: skip
