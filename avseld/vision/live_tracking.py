"""People tracked in live video: only the frames up to now are known, so that gaps are held, not interpolated.

The links are those of `avseld.vision.tracking`; what follows them is causal: a track is shown once it has enough boxes
to be a person, stays at its last place through a gap while its score decays, and is smoothed by running means.
"""

from dataclasses import dataclass

import numpy as np

from avseld.io.boxes import Boxes
from avseld.vision.tracking import (
    MIN_TRACK_SCORE,
    best_links,
    is_late,
    is_person,
    people_in,
    unwrapped,
)

POSITION_S = 0.1
"""time constant of the running mean of positions, seconds: beyond it a walking person would be left behind"""
SIZE_S = 0.4
"""the same of sizes, seconds: they change more slowly, and detectors place edges less accurately than centres"""
SCORE_S = 0.4
"""the same of scores, seconds; a missed box counts as 0"""


@dataclass(eq=False)
class _LiveTrack:
    """One person so far, in few numbers; u of the centre is unwrapped, so that it does not jump at the image seam."""

    time: float
    """of the last box, seconds"""
    last: np.ndarray
    """u and v of the centre, width and height of the last box"""
    smooth: np.ndarray
    """the same as running means"""
    score: float
    """running mean"""
    score_sum: float
    n_boxes: int = 1
    n_frames: int = 1
    """video frames from the first to the last box"""
    n_missed: int = 0
    """video frames since the last box"""
    slot: int | None = None
    """place among the people that are shown; None before the track has enough boxes"""

    def add(self, time: float, place: np.ndarray, score: float) -> None:
        place, since = unwrapped(place, self.last), time - self.time
        share = 1 - np.exp(-since / np.array([POSITION_S, POSITION_S, SIZE_S, SIZE_S]))
        self.smooth = self.smooth + share * (place - self.smooth)
        self.time, self.last = time, place
        self.score_sum += score
        self.n_boxes += 1
        self.n_frames += 1 + self.n_missed
        self.n_missed = 0

    @property
    def is_person(self) -> bool:
        return is_person(self.n_boxes, self.score_sum, self.n_frames)

    @property
    def row(self) -> np.ndarray:
        """x0 y0 x1 y1 and the score."""
        middle, size = self.smooth[:2].copy(), self.smooth[2:]
        middle[0] %= 1.0
        score = np.clip(self.score, MIN_TRACK_SCORE, 1.0)
        return np.concatenate([middle - size / 2, middle + size / 2, [score]])


class LiveTracker:
    """Follows people from video frame to video frame; what it remembers does not grow with time.

    Args:
        n_tracks: people at a time; of more, those who came first are shown.
    """

    def __init__(self, n_tracks: int = 8) -> None:
        self.n_tracks = n_tracks
        self.tracks: list[_LiveTrack] = []
        self.time: float | None = None

    def update(self, time: float, box: np.ndarray, score: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Take the boxes of the next video frame.

        Args:
            time: seconds, later than the frame before.
            box: (box, 4) x0 y0 x1 y1 in 0..1 of width and height.
            score: (box,) in 0..1; 0 is no box.
            label: (box,) class ids of the detector.

        Returns:
            (n_tracks, 5) float32: x0 y0 x1 y1 and a score, 0 where there is nobody. A person keeps one index, and
            between two people it is free for a frame at least. Boxes may leave 0..1 at the image seam.
        """
        taken = {track.slot for track in self.tracks}
        self.tracks = [track for track in self.tracks if not is_late(track, time)]
        place, score = people_in(box, score, label)
        links = best_links(self.tracks, time, place, score)
        share = 1.0 if self.time is None else 1 - np.exp(-(time - self.time) / SCORE_S)
        for one, track in enumerate(self.tracks):
            now = float(score[links[one]]) if one in links else 0.0
            track.score += share * (now - track.score)
            if one in links:
                track.add(time, place[links[one]], now)
            else:
                track.n_missed += 1
        for other in sorted(set(range(len(place))) - set(links.values())):
            here, sure = place[other], float(score[other])
            self.tracks.append(_LiveTrack(time, here, here, sure, sure))
        self.time = time
        self._show(taken)
        return self._rows()

    def _show(self, taken: set[int | None]) -> None:
        """Give a place to people who have enough boxes, the surest first."""
        free = [slot for slot in range(self.n_tracks) if slot not in taken]
        new = [track for track in self.tracks if track.slot is None and track.is_person]
        for track, slot in zip(sorted(new, key=lambda track: -track.score_sum), free, strict=False):
            track.slot = slot

    def _rows(self) -> np.ndarray:
        rows = np.zeros((self.n_tracks, 5), np.float32)
        for track in self.tracks:
            if track.slot is not None:
                rows[track.slot] = track.row
        return rows


def live_tracked(boxes: Boxes, n_tracks: int = 8) -> np.ndarray:
    """Track people through a video as `LiveTracker` would live.

    Args:
        boxes: of its frames.
        n_tracks: people at a time.

    Returns:
        (frame, n_tracks, 5) float32, each row as `LiveTracker.update` returned it.
    """
    tracker = LiveTracker(n_tracks)
    frames = zip(boxes.time, boxes.box, boxes.score, boxes.label, strict=True)
    rows = [tracker.update(float(time), box, score, label) for time, box, score, label in frames]
    return np.array(rows, np.float32).reshape(-1, n_tracks, 5)
