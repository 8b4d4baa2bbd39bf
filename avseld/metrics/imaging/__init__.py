"""Scores of energy maps on the sphere: DCASE2026 Task 3, semantic acoustic imaging, by the dates of its definitions."""

from avseld.metrics.imaging.directions import maps_of_directions
from avseld.metrics.imaging.first_definition import MaskScores
from avseld.metrics.imaging.folders import MapPairs, Missing, match_files, open_maps, score_masks
from avseld.metrics.imaging.matching import Records
from avseld.metrics.imaging.predicted import maps_of
from avseld.metrics.imaging.scores import Definition, ImagingScores, jackknife, jackknife_of_gain, scores_of
from avseld.metrics.imaging.thinning import thin_to

__all__ = [
    "Definition",
    "ImagingScores",
    "MapPairs",
    "MaskScores",
    "Missing",
    "Records",
    "jackknife",
    "jackknife_of_gain",
    "maps_of",
    "maps_of_directions",
    "match_files",
    "open_maps",
    "score_masks",
    "scores_of",
    "thin_to",
]
