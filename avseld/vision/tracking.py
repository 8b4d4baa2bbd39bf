"""People followed through a video: boxes of single pictures become tracks, without gaps, doubles and passing errors.

A detector looks at every picture anew: it misses people for some tenths of a second at a time, finds some of them
twice, and places the edges of a box differently each time. People do not vanish, and they move slowly; so boxes are
linked from picture to picture (the assignment problem of SORT, Bewley et al., ICIP 2016, on the circle of azimuths),
gaps are filled from both sides, and places are smoothed by straight lines through the boxes around each moment.
The whole video is known, so nothing lags behind.
"""

from dataclasses import dataclass, field

import numpy as np

from avseld.io.boxes import PERSON, Boxes

THRESHOLD = 0.10
"""score above which a box counts, as in `avseld.io.boxes.people`"""
PATIENCE, TRUST = 2.0, 0.2
"""seconds for which somebody may be missed: so many for each box before, and at most"""
NEAR, SPEED, FAR = 0.01, 0.10, 0.08
"""how far somebody may be from where they were: shares of the picture's width at once, more for each second, at most"""
ALIKE, SIZES = 0.10, 0.7
"""how far the middle may have risen or sunk, a share of the picture's height, and the height changed, a logarithm"""
DOUBLE = 0.5
"""share of the smaller of two boxes in the other from which the weaker one is of the same person, or a part of them"""
SEEN = 5
"""boxes that make a track; fewer are a passing error"""
SURE, DENSE = 1.2, 0.12
"""sum of the scores that makes a track, and their mean over its pictures"""
SPREAD_PLACE, SPREAD_SIZE, SPREAD_SCORE = 0.25, 0.6, 0.5
"""seconds (one deviation) over which places, sizes and scores are smoothed"""
FILLED = 0.05
"""weight of a place filled in, where a box that was seen weighs 1"""


@dataclass(eq=False)
class _Track:
    """Boxes of one person so far; the middle's u is unwrapped, so that nothing jumps at the picture's edge."""

    row: list[int] = field(default_factory=list)
    place: list[np.ndarray] = field(default_factory=list)
    """middle u and v, width and height"""
    score: list[float] = field(default_factory=list)

    @property
    def is_somebody(self) -> bool:
        """Whether there are boxes enough, and not just errors that lie on one way by chance."""
        total = sum(self.score)
        pictures = self.row[-1] - self.row[0] + 1
        return len(self.row) >= SEEN and total >= SURE and total / pictures >= DENSE

    def add(self, row: int, place: np.ndarray, score: float) -> None:
        if self.place:
            place = place.copy()
            place[0] += np.round(self.place[-1][0] - place[0])
        self.row.append(row)
        self.place.append(place)
        self.score.append(score)


def tracked(boxes: Boxes, n_tracks: int = 8) -> np.ndarray:
    """Follow people through a video.

    Args:
        boxes: of its pictures, in any order within a picture.
        n_tracks: people at a time; where there are more, those of whom less was seen are left out.

    Returns:
        (time, n_tracks, 5) float32: x0 y0 x1 y1 in 0..1 and a score, how surely somebody is seen around that
        moment, 0 where there is nobody. A person stays at one place of the second axis. Boxes may leave 0..1 at the
        picture's left and right edges; their middle stays within.
    """
    result = np.zeros((len(boxes.time), n_tracks, 5), np.float32)
    free_from = np.zeros(n_tracks, int)
    step = float(np.median(np.diff(boxes.time))) if len(boxes.time) > 1 else 0.1
    found = [track for track in _link(boxes) if track.is_somebody]
    for track in _fewer(found, n_tracks):
        slot = int(np.flatnonzero(free_from <= track.row[0])[0])
        free_from[slot] = track.row[-1] + 1
        result[track.row[0] : track.row[-1] + 1, slot] = _smooth(track, step)
    return result


def _link(boxes: Boxes) -> list[_Track]:
    """Boxes of the same person, picture after picture."""
    live: list[_Track] = []
    done: list[_Track] = []
    kept = (boxes.label == PERSON) & (boxes.score > THRESHOLD)
    low, high = boxes.box[..., :2], boxes.box[..., 2:]
    places = np.concatenate([(low + high) / 2, high - low], axis=-1).astype(float)
    for row, time in enumerate(boxes.time):
        late = [
            track
            for track in live
            if time - boxes.time[track.row[-1]] > min(PATIENCE, TRUST * (1 + len(track.row)))
        ]
        done += late
        live = [track for track in live if track not in late]
        place, score = places[row, kept[row]], boxes.score[row, kept[row]]
        order = np.lexsort([*place.T, -score])  # the order of the file is nothing
        order = order[_single(place[order])]
        place, score = place[order], score[order]
        left = np.ones(len(place), bool)
        if live and len(place):
            from scipy.optimize import linear_sum_assignment  # half a second that a start without boxes saves

            gap = np.array([time - boxes.time[track.row[-1]] for track in live])
            last = np.array([track.place[-1] for track in live])
            cost = _cost(last, gap, place, score)
            for one, other in zip(*linear_sum_assignment(cost), strict=True):
                if cost[one, other] < 1:
                    live[one].add(row, place[other], float(score[other]))
                    left[other] = False
        for other in np.flatnonzero(left):
            fresh = _Track()
            fresh.add(row, place[other], float(score[other]))
            live.append(fresh)
    return done + live


def _cost(last: np.ndarray, gap: np.ndarray, place: np.ndarray, score: np.ndarray) -> np.ndarray:
    """How little (track, box) belong together, 0 to 1; more than 1 where they cannot."""
    aside = np.abs((place[None, :, 0] - last[:, None, 0] + 0.5) % 1.0 - 0.5)
    reach = np.minimum(NEAR + 0.3 * last[:, 2] + SPEED * gap, FAR)[:, None]
    above = np.abs(place[None, :, 1] - last[:, None, 1])
    now, before = np.maximum(place[:, 3], 1e-6), np.maximum(last[:, 3], 1e-6)
    taller = np.abs(np.log(now[None] / before[:, None]))
    cost = 0.7 * aside / reach + 0.1 * above / ALIKE + 0.1 * taller / SIZES + 0.1 * (1 - score[None])
    return np.where((aside > reach) | (above > ALIKE) | (taller > SIZES), 1e3, cost)


def _single(place: np.ndarray) -> np.ndarray:
    """Which boxes (n,), the strongest first, are not those of somebody that a stronger one shows already."""
    apart = np.abs(place[:, None, :2] - place[None, :, :2])
    apart[..., 0] = np.minimum(apart[..., 0] % 1.0, -apart[..., 0] % 1.0)  # across the picture's edge
    extent = np.maximum(place[:, 2:], 1e-9)
    common = np.clip(
        (extent[:, None] + extent[None]) / 2 - apart, 0, np.minimum(extent[:, None], extent[None])
    )
    area = extent.prod(axis=1)
    within = common.prod(axis=2) / np.minimum(area[:, None], area[None])
    kept: list[int] = []
    for one in range(len(place)):
        if not kept or within[one, kept].max() <= DOUBLE:
            kept.append(one)
    return np.array(kept, int)


def _fewer(tracks: list[_Track], n: int) -> list[_Track]:
    """At most n tracks at a time, in the order of their beginnings; those of whom more was seen go first."""
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
    """Boxes and scores (row, 5) of a track from its first to its last row."""
    seen = np.array(track.row) - track.row[0]
    rows = np.arange(seen[-1] + 1)
    place = np.stack([np.interp(rows, seen, value) for value in np.array(track.place).T], axis=1)
    weight = np.full(len(rows), FILLED)
    weight[seen] = 1.0
    middle = _local_lines(place[:, :2], weight, SPREAD_PLACE / step)
    size = _local_means(place[:, 2:], weight, SPREAD_SIZE / step)
    score = np.zeros(len(rows))
    score[seen] = track.score
    score = _local_means(score[:, None], np.ones(len(rows)), SPREAD_SCORE / step)
    middle[:, 0] %= 1.0
    return np.concatenate([middle - size / 2, middle + size / 2, np.clip(score, 0.02, 1.0)], axis=1)


def _kernel(spread: float) -> tuple[np.ndarray, np.ndarray]:
    reach = max(int(np.ceil(3 * spread)), 1)
    by = np.arange(-reach, reach + 1)
    return by, np.exp(-0.5 * (by / max(spread, 1e-3)) ** 2)


def _around(value: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Sum of value (row,) over the rows around each, weighted by a kernel over by = row there - row here."""
    return np.convolve(value, kernel[::-1], mode="full")[len(kernel) // 2 :][: len(value)]


def _local_means(value: np.ndarray, weight: np.ndarray, spread: float) -> np.ndarray:
    _, kernel = _kernel(spread)
    total = _around(weight, kernel)
    return np.stack([_around(weight * column, kernel) / total for column in value.T], axis=1)


def _local_lines(value: np.ndarray, weight: np.ndarray, spread: float) -> np.ndarray:
    """Height at each row (row, column) of the straight line that fits the rows around it best."""
    by, kernel = _kernel(spread)
    zeroth, first, second = (_around(weight, kernel * by**power) for power in (0, 1, 2))
    spare = zeroth * second - first**2
    flat = spare < 1e-6 * zeroth**2
    columns = []
    for column in value.T:
        level, slope = (_around(weight * column, kernel * by**power) for power in (0, 1))
        line = (level * second - slope * first) / np.where(flat, 1.0, spare)
        columns.append(np.where(flat, level / zeroth, line))
    return np.stack(columns, axis=1)
