"""Scores of localization without classes: every row, of whatever class, is a sound in a direction.

In each label frame, predicted rows are assigned to the reference sounds at the least sum of angles. A hit is an
assigned row within 20 degrees; every other predicted row is false. Reference rows of one frame with the same direction
are one sound: nobody can tell two sounds in one place apart by their direction.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.io.dcase_csv import frames_of
from avseld.io.events import Events
from avseld.io.geometry import angle_between, fold, unit_vector
from avseld.metrics.assignment import assign

HIT_DEG = 20.0
"""largest angle of a hit: the threshold of the DCASE scores"""


@dataclass(frozen=True, eq=False)
class LocationFrames:
    """Label frames of one or several recordings, with the sounds in them.

    Args:
        sources: (frame,) number of reference sounds.
        polyphony: (frame,) largest number of reference sounds at once in the recording of the frame.
        predicted: (frame,) number of predicted rows.
        hits: (frame,) number of rows within `HIT_DEG` of their sound.
        match_frame: (match,) frame of each assigned pair.
        match_deg: (match,) its angle, degrees.
    """

    sources: np.ndarray
    polyphony: np.ndarray
    predicted: np.ndarray
    hits: np.ndarray
    match_frame: np.ndarray
    match_deg: np.ndarray

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True)
class LocationScores:
    """Scores of localization without classes; NaN where nothing is counted.

    Args:
        minutes: duration of the frames.
        n_references: reference sounds, one a frame in which a source is active.
        median_deg: median angle of assigned pairs, whatever it is, degrees.
        recall: share of reference sounds with a hit.
        false_per_minute: predicted rows that are no hit, a minute.
    """

    minutes: float
    n_references: int
    median_deg: float
    recall: float
    false_per_minute: float

    def as_dict(self) -> dict[str, float | None]:
        """Return the scores by name, None for NaN, as JSON takes them."""
        return {name: None if np.isnan(value) else value for name, value in asdict(self).items()}


def locate_frames(
    reference: Events, prediction: Events, duration: float = 0.0, planar: bool = False
) -> LocationFrames:
    """Assign the predicted rows of a recording to its reference sounds, frame by frame.

    Args:
        reference: annotated events with directions.
        prediction: predicted events with directions.
        duration: seconds; the last event ends the recording if it is later.
        planar: compare azimuths mirrored from the rear to the front alone, as DCASE 2025 does for stereo.

    Raises:
        ValueError: an event without direction.
    """
    true_frame, true_vector = _rows(reference, planar, unique=True)
    frame, vector = _rows(prediction, planar, unique=False)
    n_frames = int(
        max(
            np.ceil(duration / LABEL_HOP - 0.005), *(each.max(initial=-1) + 1 for each in (frame, true_frame))
        )
    )
    sources, predicted = np.bincount(true_frame, minlength=n_frames), np.bincount(frame, minlength=n_frames)
    first_true, first = np.cumsum(sources) - sources, np.cumsum(predicted) - predicted
    match_frame, match_deg = [np.zeros(0, int)], [np.zeros(0)]
    # Frames with as many sounds and rows are assigned at once.
    for n, m in np.unique(np.stack([sources, predicted], axis=1), axis=0):
        if n and m:
            cells = np.flatnonzero((sources == n) & (predicted == m))
            a = true_vector[first_true[cells][:, None] + np.arange(n)]
            b = vector[first[cells][:, None] + np.arange(m)]
            angle = angle_between(a[:, :, None], b[:, None])
            rows, columns = assign(angle)
            match_deg.append(angle[np.arange(len(cells))[:, None], rows, columns].ravel())
            match_frame.append(np.repeat(cells, min(n, m)))
    where, degrees = np.concatenate(match_frame), np.concatenate(match_deg)
    hits = np.bincount(where[degrees <= HIT_DEG], minlength=n_frames)
    polyphony = np.full(n_frames, sources.max(initial=0))
    return LocationFrames(sources, polyphony, predicted, hits, where, degrees)


def concatenate_frames(parts: Iterable[LocationFrames]) -> LocationFrames:
    """Join the frames of several recordings.

    Raises:
        ValueError: there are none.
    """
    parts = list(parts)
    shift = np.cumsum([0, *(len(part) for part in parts)])
    return LocationFrames(
        np.concatenate([part.sources for part in parts]),
        np.concatenate([part.polyphony for part in parts]),
        np.concatenate([part.predicted for part in parts]),
        np.concatenate([part.hits for part in parts]),
        np.concatenate([part.match_frame + shift[index] for index, part in enumerate(parts)]),
        np.concatenate([part.match_deg for part in parts]),
    )


def location_scores(frames: LocationFrames, where: np.ndarray | None = None) -> LocationScores:
    """Compute the scores of some frames.

    Args:
        frames: of any number of recordings.
        where: (frame,) bool, the frames to score; all if None.
    """
    where = np.ones(len(frames), bool) if where is None else where
    minutes = where.sum() * LABEL_HOP / 60
    n_references = int(frames.sources[where].sum())
    hits = frames.hits[where].sum()
    angles = frames.match_deg[where[frames.match_frame]]
    return LocationScores(
        float(minutes),
        n_references,
        float(np.median(angles)) if len(angles) else np.nan,
        float(hits / n_references) if n_references else np.nan,
        float((frames.predicted[where].sum() - hits) / minutes) if minutes else np.nan,
    )


def scores_by_overlap(frames: LocationFrames) -> dict[int, LocationScores]:
    """Compute the scores of the frames with 0, 1, 2, ... simultaneous reference sounds, by their number."""
    return {int(n): location_scores(frames, frames.sources == n) for n in np.unique(frames.sources)}


def scores_by_polyphony(frames: LocationFrames) -> dict[int, LocationScores]:
    """Compute the scores of the recordings with at most 0, 1, 2, ... sounds at once, silence in them included."""
    return {int(n): location_scores(frames, frames.polyphony == n) for n in np.unique(frames.polyphony)}


def choose_threshold(
    thresholds: np.ndarray, false_per_minute: np.ndarray, recall: np.ndarray, wanted: float
) -> int:
    """Choose the threshold with the highest recall among those with few enough false rows.

    Args:
        thresholds: (threshold,) candidates.
        false_per_minute: (threshold,) on a validation set with silence in it.
        recall: (threshold,) there.
        wanted: largest number of false rows a minute.

    Returns:
        Index of the choice; that with the fewest false rows if none has few enough. Ties go to the higher threshold,
        which is safer on other recordings.
    """
    rate = np.asarray(false_per_minute, float)
    allowed = rate <= wanted if (rate <= wanted).any() else rate == rate.min()
    rank = np.where(allowed, np.nan_to_num(np.asarray(recall, float)), -1.0)
    best = np.flatnonzero(rank == rank.max())
    return int(best[np.argmax(np.asarray(thresholds)[best])])


def _rows(events: Events, planar: bool, unique: bool) -> tuple[np.ndarray, np.ndarray]:
    """List the rows frame by frame: frame (row,) ascending, and unit vector (row, 3)."""
    azimuth = fold(events.azimuth) if planar else events.azimuth
    elevation = np.zeros_like(azimuth) if planar else events.elevation
    if np.isnan(azimuth).any() or np.isnan(elevation).any():
        raise ValueError("an event has no direction")
    row, frame = frames_of(events.onset, events.offset)
    table = np.stack([frame, azimuth[row], elevation[row]], axis=1)
    table = np.unique(table, axis=0) if unique else table[np.argsort(frame, kind="stable")]
    return table[:, 0].astype(int), unit_vector(table[:, 1], table[:, 2])
