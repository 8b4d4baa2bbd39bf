"""Energy maps of the sounds of a recording: the labels of DCASE2026, as their generator makes them or corrected."""

from collections.abc import Collection

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.io.energy_maps import CENTIMETRES, EnergyMap, merge_doubled
from avseld.io.events import Events
from data_prep.imaging.outlines import around_sound, filled_outlines, standardised
from data_prep.imaging.pictures import pictures
from data_prep.imaging.sparse_maps import sparse_maps

CORRECTIONS = {
    "momentum": "the accelerated steps that the generator means to take",
    "wavelengths": "phases of each band's own wavelength, in place of that of 5 kHz for all",
    "seam": "interpolation on the sphere, without a gap at the seam and the poles",
    "doubled": "one annotation a sound, not one for each of its polygons",
    "first_row": "the first row of the labels too, which the generator takes for a header",
}
"""defects of the label generator that can be corrected, by name"""


def maps_of_sounds(spectra: np.ndarray, events: Events, corrected: Collection[str] = ()) -> list[EnergyMap]:
    """Make the energy maps of a recording.

    Args:
        spectra: (frame, band, window, capsule), of `band_spectra`.
        events: one row for each sound and frame of 100 ms, in the order of the file.
        corrected: names of corrections.

    Returns:
        In the order of the frames, and within one of the rows; sounds without energy around them have none.
    """
    maps = sparse_maps(spectra, "wavelengths" in corrected, "momentum" in corrected)
    energies = np.median(maps, axis=1)
    frames = np.round(events.onset / LABEL_HOP).astype(int)
    made: list[EnergyMap] = []
    for frame in np.unique(frames[frames < len(energies)]):
        picture = pictures(energies[frame : frame + 1], "seam" in corrected)[0]
        for row in np.flatnonzero(frames == frame):
            made.extend(_annotations(picture, events, int(row), int(frame)))
    return merge_doubled(made) if "doubled" in corrected else made


def _annotations(picture: np.ndarray, events: Events, row: int, frame: int) -> list[EnergyMap]:
    """Return the annotation of a sound as many times as it has polygons, as the generator writes it."""
    near = around_sound(picture, events.azimuth[row], events.elevation[row])
    polygons = tuple(map(standardised, filled_outlines(near)))
    distance = float(events.distance[row]) * CENTIMETRES
    one = EnergyMap(frame, int(events.label[row]), int(events.source[row]), polygons, distance)
    return [one] * len(polygons)
