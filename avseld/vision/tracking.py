"""People tracked through a video: boxes of single video frames become tracks without gaps, duplicates and false boxes.

A detector treats every frame on its own: it misses people for tenths of a second at a time, detects some of them twice,
and places the edges of a box differently each time. People do not vanish, and they move slowly; so boxes are linked
from frame to frame (the assignment problem of SORT, A. Bewley et al., Simple online and realtime tracking, ICIP 2016,
on the circle of azimuths), gaps are interpolated, and positions are smoothed by local linear regression. The whole
video is known, so nothing lags behind.

Constants are chosen by hand, see docs/sources.md, Tracking of people. u and v are shares of the width and height of the
equirectangular frame: u 0.01 is 3.6 degrees of azimuth, v 0.01 is 1.8 degrees of elevation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from avseld.base.assignment import assign_rows
from avseld.io.boxes import PERSON, Boxes

MIN_SCORE = 0.10
"""score above which a box is used, as in `avseld.io.boxes.people`"""

MAX_GAP_S = 2.0
"""longest gap in a track, seconds: beyond it another person may have come"""
GAP_PER_BOX_S = 0.2
"""gap allowed for each box of the track so far, seconds: a track of few boxes may be a false one"""

STEP_U = 0.01
"""largest azimuth difference between linked boxes of adjacent frames, before the three terms below: detector noise"""
STEP_PER_WIDTH = 0.3
"""added, as a share of the width of the last box: wide boxes are close people, whose edges vary more"""
SPEED_U_PER_S = 0.10
"""added for each second of a gap: 36 degrees per second, a person who walks past the camera"""
MAX_STEP_U = 0.08
"""upper limit of the sum: 29 degrees; farther boxes belong to other people"""
MAX_STEP_V = 0.10
"""largest elevation difference between linked boxes: 18 degrees; people rise and sit down, but rarely jump"""
MAX_LOG_HEIGHT_RATIO = 0.7
"""largest difference of the logarithms of their heights: a factor of 2, as when the legs are hidden"""

AZIMUTH_COST = 0.7
"""weight of the azimuth difference in the cost of a link: the most reliable cue"""
ELEVATION_COST = 0.1
"""weight of the elevation difference"""
HEIGHT_COST = 0.1
"""weight of the height ratio"""
SCORE_COST = 0.1
"""weight of 1 - score, which prefers the surer of two equal boxes"""
NO_LINK = 1e3
"""cost of a pair that can't be linked, above every sum of the weights"""

MAX_OVERLAP = 0.5
"""intersection over the smaller box above which two boxes count as one person, or as a part of one"""

MIN_BOXES = 5
"""boxes of a track; fewer are a false detection"""
MIN_SCORE_SUM = 1.2
"""sum of the scores of a track: five boxes of 0.24, or twelve at the limit of 0.10"""
MIN_MEAN_SCORE = 0.12
"""mean score over all frames between first and last box, missed ones as 0: chance links are sparse"""

POSITION_SD_S = 0.25
"""standard deviation of the smoothing kernel of positions, seconds: people move within half a second"""
SIZE_SD_S = 0.6
"""the same of sizes, seconds: they change more slowly, and detectors place edges less accurately than centres"""
SCORE_SD_S = 0.5
"""the same of scores, seconds"""
INTERPOLATED_WEIGHT = 0.05
"""weight of an interpolated position in smoothing, where a detected one has 1"""
MIN_TRACK_SCORE = 0.02
"""smallest score of a track: 0 would mean that nobody is there"""


class Linkable(Protocol):
    """A track to which boxes are linked.

    Attributes:
        time: seconds of its last box.
        n_boxes: number of its boxes.
        last: (4,) u and v of the centre, width and height of its last box.
    """

    time: float

    @property
    def n_boxes(self) -> int:
        """Number of its boxes."""

    @property
    def last(self) -> np.ndarray:
        """Its last box."""


@dataclass(eq=False)
class _Track:
    """Boxes of one person so far; u of the centre is unwrapped, so that it does not jump at the image seam."""

    time: float = 0.0
    row: list[int] = field(default_factory=list)
    place: list[np.ndarray] = field(default_factory=list)
    """u and v of the centre, width and height"""
    score: list[float] = field(default_factory=list)

    @property
    def n_boxes(self) -> int:
        return len(self.row)

    @property
    def last(self) -> np.ndarray:
        return self.place[-1]

    @property
    def is_person(self) -> bool:
        return is_person(self.n_boxes, sum(self.score), self.row[-1] - self.row[0] + 1)

    def add(self, row: int, time: float, place: np.ndarray, score: float) -> None:
        if self.place:
            place = unwrapped(place, self.last)
        self.time = time
        self.row.append(row)
        self.place.append(place)
        self.score.append(score)


def is_person(n_boxes: int, score_sum: float, n_frames: int) -> bool:
    """Tell a person from false detections that were linked by chance.

    Args:
        n_boxes: boxes of a track.
        score_sum: sum of their scores.
        n_frames: video frames from the first to the last of them.
    """
    return n_boxes >= MIN_BOXES and score_sum >= MIN_SCORE_SUM and score_sum / n_frames >= MIN_MEAN_SCORE


def unwrapped(place: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Move a place (4,) by whole pictures to where its track is."""
    place = place.copy()
    place[0] += np.round(last[0] - place[0])
    return place


def tracked(boxes: Boxes, n_tracks: int = 8) -> np.ndarray:
    """Track people through a video.

    Args:
        boxes: of its frames, in any order within a frame.
        n_tracks: people at a time; of more, those with the smallest sum of scores are left out.

    Returns:
        (frame, n_tracks, 5) float32: x0 y0 x1 y1 in 0..1 and a score, smoothed over time, 0 where there is nobody. A
        person keeps one index of the second axis. Boxes may leave 0..1 at the image seam; their centre stays within.
    """
    result = np.zeros((len(boxes.time), n_tracks, 5), np.float32)
    free_from = np.zeros(n_tracks, int)
    step = float(np.median(np.diff(boxes.time))) if len(boxes.time) > 1 else 0.1
    people = [track for track in _link(boxes) if track.is_person]
    for track in _strongest(people, n_tracks):
        slot = int(np.flatnonzero(free_from <= track.row[0])[0])
        free_from[slot] = track.row[-1] + 1
        result[track.row[0] : track.row[-1] + 1, slot] = _smooth(track, step)
    return result


def _link(boxes: Boxes) -> list[_Track]:
    """Link the boxes of each person, frame after frame."""
    live: list[_Track] = []
    done: list[_Track] = []
    for row, time in enumerate(boxes.time):
        done += [track for track in live if is_late(track, time)]
        live = [track for track in live if not is_late(track, time)]
        place, score = people_in(boxes.box[row], boxes.score[row], boxes.label[row])
        links = best_links(live, time, place, score)
        for one, other in links.items():
            live[one].add(row, time, place[other], float(score[other]))
        for other in sorted(set(range(len(place))) - set(links.values())):
            track = _Track()
            track.add(row, time, place[other], float(score[other]))
            live.append(track)
    return done + live


def people_in(box: np.ndarray, score: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose the boxes of people in one video frame, each person once.

    Args:
        box: (box, 4) x0 y0 x1 y1 in 0..1.
        score: (box,).
        label: (box,) class ids.

    Returns:
        (person, 4) u and v of the centre, width and height; and (person,) scores.
    """
    kept = (label == PERSON) & (score > MIN_SCORE)
    low, high = box[kept, :2], box[kept, 2:]
    place, score = np.concatenate([(low + high) / 2, high - low], axis=-1).astype(float), score[kept]
    order = np.lexsort([*place.T, -score])  # independent of the order in the file
    order = order[_without_duplicates(place[order])]
    return place[order], score[order]


def is_late(track: Linkable, time: float) -> bool:
    """Tell whether a track ended too long before a time to be continued."""
    return time - track.time > min(MAX_GAP_S, GAP_PER_BOX_S * (1 + track.n_boxes))


def best_links(live: Sequence[Linkable], time: float, place: np.ndarray, score: np.ndarray) -> dict[int, int]:
    """Choose which boxes of a video frame continue which tracks.

    Args:
        live: tracks that are not late.
        time: of the frame, seconds.
        place: (person, 4) from `people_in`.
        score: (person,).

    Returns:
        {track: person}, places in the two lists.
    """
    if not live or not len(place):
        return {}
    gap = np.array([time - track.time for track in live])
    cost = _cost(np.array([track.last for track in live]), gap, place, score)
    pairs = zip(*assign_rows(cost), strict=True)
    return {int(one): int(other) for one, other in pairs if cost[one, other] < 1}


def _cost(last: np.ndarray, gap: np.ndarray, place: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Compute the cost (track, box) of linking: 0 to 1, `NO_LINK` where they can't be linked."""
    aside = np.abs((place[None, :, 0] - last[:, None, 0] + 0.5) % 1.0 - 0.5)
    reach = np.minimum(STEP_U + STEP_PER_WIDTH * last[:, 2] + SPEED_U_PER_S * gap, MAX_STEP_U)[:, None]
    above = np.abs(place[None, :, 1] - last[:, None, 1])
    now, before = np.maximum(place[:, 3], 1e-6), np.maximum(last[:, 3], 1e-6)
    taller = np.abs(np.log(now[None] / before[:, None]))
    cost = (
        AZIMUTH_COST * aside / reach
        + ELEVATION_COST * above / MAX_STEP_V
        + HEIGHT_COST * taller / MAX_LOG_HEIGHT_RATIO
        + SCORE_COST * (1 - score[None])
    )
    impossible = (aside > reach) | (above > MAX_STEP_V) | (taller > MAX_LOG_HEIGHT_RATIO)
    return np.where(impossible, NO_LINK, cost)


def _without_duplicates(place: np.ndarray) -> np.ndarray:
    """Choose boxes, the strongest first, that do not overlap a stronger one: their indices (n,)."""
    apart = np.abs(place[:, None, :2] - place[None, :, :2])
    apart[..., 0] = np.minimum(apart[..., 0] % 1.0, -apart[..., 0] % 1.0)  # across the image seam
    extent = np.maximum(place[:, 2:], 1e-9)
    common = np.clip(
        (extent[:, None] + extent[None]) / 2 - apart, 0, np.minimum(extent[:, None], extent[None])
    )
    area = extent.prod(axis=1)
    within = common.prod(axis=2) / np.minimum(area[:, None], area[None])
    kept: list[int] = []
    for one in range(len(place)):
        if not kept or within[one, kept].max() <= MAX_OVERLAP:
            kept.append(one)
    return np.array(kept, int)


def _strongest(tracks: list[_Track], n: int) -> list[_Track]:
    """Choose at most n tracks at a time, by their sums of scores; returned in the order of their beginnings."""
    last = max((track.row[-1] for track in tracks), default=0)
    busy = np.zeros(last + 2, int)
    chosen = []
    for track in sorted(tracks, key=lambda track: -sum(track.score)):
        rows = slice(track.row[0], track.row[-1] + 1)
        if busy[rows].max() < n:
            busy[rows] += 1
            chosen.append(track)
    return sorted(chosen, key=lambda track: track.row[0])


def _smooth(track: _Track, step: float) -> np.ndarray:
    """Interpolate and smooth a track: boxes and scores (row, 5) from its first to its last row."""
    seen = np.array(track.row) - track.row[0]
    rows = np.arange(seen[-1] + 1)
    place = np.stack([np.interp(rows, seen, value) for value in np.array(track.place).T], axis=1)
    weight = np.full(len(rows), INTERPOLATED_WEIGHT)
    weight[seen] = 1.0
    middle = _local_lines(place[:, :2], weight, POSITION_SD_S / step)
    size = _local_means(place[:, 2:], weight, SIZE_SD_S / step)
    score = np.zeros(len(rows))
    score[seen] = track.score
    score = _local_means(score[:, None], np.ones(len(rows)), SCORE_SD_S / step)
    middle[:, 0] %= 1.0
    return np.concatenate(
        [middle - size / 2, middle + size / 2, np.clip(score, MIN_TRACK_SCORE, 1.0)], axis=1
    )


def _kernel(spread: float) -> tuple[np.ndarray, np.ndarray]:
    reach = max(int(np.ceil(3 * spread)), 1)
    by = np.arange(-reach, reach + 1)
    return by, np.exp(-0.5 * (by / max(spread, 1e-3)) ** 2)


def _around(value: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Sum value (row,) over the rows around each, weighted by a kernel over the offsets of rows."""
    return np.convolve(value, kernel[::-1], mode="full")[len(kernel) // 2 :][: len(value)]


def _local_means(value: np.ndarray, weight: np.ndarray, spread: float) -> np.ndarray:
    _, kernel = _kernel(spread)
    total = _around(weight, kernel)
    return np.stack([_around(weight * column, kernel) / total for column in value.T], axis=1)


def _local_lines(value: np.ndarray, weight: np.ndarray, spread: float) -> np.ndarray:
    """Smooth (row, column) by local linear regression."""
    by, kernel = _kernel(spread)
    zeroth, first, second = (_around(weight, kernel * by**power) for power in (0, 1, 2))
    determinant = zeroth * second - first**2
    flat = determinant < 1e-6 * zeroth**2
    columns = []
    for column in value.T:
        level, slope = (_around(weight * column, kernel * by**power) for power in (0, 1))
        line = (level * second - slope * first) / np.where(flat, 1.0, determinant)
        columns.append(np.where(flat, level / zeroth, line))
    return np.stack(columns, axis=1)
