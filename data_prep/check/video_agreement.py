"""Estimate offset and yaw of videos: which ones bring the boxes of people nearest to the labelled directions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.io.boxes import Boxes, centre_direction, people
from avseld.io.dcase_csv import frames_of
from avseld.io.events import Events
from avseld.io.geometry import wrap

KERNEL_DEG = 5.0
"""deviation of the agreement: one box within 5 degrees of a label counts 0.6, exactly on it 1"""
YAWS_DEG = np.arange(-180.0, 180.0, 5.0)
OFFSETS_S = np.arange(-30, 31) * LABEL_HOP
"""up to 3 s: what two people who start two devices differ by"""
MAX_FRAMES = 300
"""labelled frames evaluated per recording, evenly spread"""
MAX_ELEVATION_DEG = 60.0
"""near the poles azimuths of boxes say little"""
BLOCK_S = 5.0
"""frames of one block share their fate; significance counts blocks"""
MIN_BLOCKS = 4
MIN_PROMINENCE = 4.0
"""least height of the agreement at the best yaw above that of other yaws, in their deviations: below it, boxes and
labels have nothing to do with one another, as where nobody makes the sounds; it reaches 3.7 by chance"""
MIN_T = 2.5
"""least ratio of the gain of a yaw to its standard error over blocks"""
MIN_YAW_GAIN, MIN_YAW_RATIO = 0.08, 0.3
"""least gain of the mean agreement by a yaw, and least part of the agreement before"""
MIN_OFFSET_GAIN, MIN_OFFSET_RATIO = 0.03, 0.1
"""the same for an offset, which only people who walk show; videos in time gain up to 0.005"""
MIN_YAW_DEG = 10.0
MIN_OFFSET_S = 0.3
"""smaller differences are within the rounding of labels and boxes"""

ZERO_OFFSET, ZERO_YAW = int(np.argmin(np.abs(OFFSETS_S))), int(np.argmin(np.abs(YAWS_DEG)))


@dataclass(frozen=True)
class Agreement:
    """Agreement of the boxes of one recording with its labels, in stretches of 5 s.

    Args:
        name: of the recording.
        offset: of its video in the manifest, seconds.
        yaw: of its video in the manifest, degrees.
        n_frames: (block,) labelled frames.
        value: (block, offset, yaw), mean over the frames, 0 to 1, for every change of offset and yaw that is tried.
    """

    name: str
    offset: float
    yaw: float
    n_frames: np.ndarray
    value: np.ndarray


def agreement(name: str, events: Events, boxes: Boxes, offset: float = 0.0, yaw: float = 0.0) -> Agreement:
    """Compare labels and boxes for every change of offset and yaw.

    Args:
        name: of the recording.
        events: its labels.
        boxes: in the time and the directions that the manifest says.
        offset: of its video in the manifest, seconds.
        yaw: of its video in the manifest, degrees.
    """
    placed = np.flatnonzero(
        ~np.isnan(events.azimuth) & ~np.isnan(events.onset) & (np.abs(events.elevation) < MAX_ELEVATION_DEG)
    )
    rows, frames = frames_of(events.onset[placed], events.offset[placed])
    picked = np.unique(np.linspace(0, len(rows) - 1, min(MAX_FRAMES, len(rows))).round().astype(int))
    time = (frames[picked] + 0.5) * LABEL_HOP
    label = events.azimuth[placed][rows[picked]]
    found = people(boxes)
    present = np.asarray(found.any(axis=-1))
    most = max(int(present.sum(axis=1).max(initial=0)), 1)
    found, present = found[:, :most], present[:, :most]
    azimuth, _ = centre_direction(found)
    _, block, n_frames = np.unique(time // BLOCK_S, return_inverse=True, return_counts=True)
    value = np.zeros((len(n_frames), len(OFFSETS_S), len(YAWS_DEG)))
    start, end = float(boxes.about.get("start", 0.0)), float(boxes.about.get("duration", np.inf))
    # The nearest detection, not the latest: at two frames a second that one is a quarter of a second old on average.
    step = float(np.median(np.diff(boxes.time))) if len(boxes.time) > 1 else 0.0
    for place, change in enumerate(OFFSETS_S if len(boxes.time) else ()):
        moment = time - change
        row = boxes.at(moment + max(step - LABEL_HOP, 0.0) / 2)
        seen = present[row] & ((moment >= start) & (moment < end))[:, None]
        distance = wrap((label[:, None] - azimuth[row])[..., None] - YAWS_DEG)
        near = np.exp(-0.5 * np.square(distance / KERNEL_DEG)) * seen[..., None]
        np.add.at(value[:, place], block, near.max(axis=1))
    return Agreement(name, offset, yaw, n_frames, value / n_frames[:, None, None])


def warnings_of(agreements: Sequence[Agreement]) -> list[str]:
    """Warn about a yaw of all videos and an offset of each that would bring boxes clearly nearer to the labels.

    The yaw is estimated from all recordings together, because a camera stands where it stands; the offset of each one
    by itself, because devices are started by hand.

    Args:
        agreements: of the recordings that have labels and boxes.
    """
    agreements = [each for each in agreements if each.value.any()]
    if not agreements:
        return []
    offsets = [_total(each).argmax(axis=0) for each in agreements]
    every_yaw = np.arange(len(YAWS_DEG))
    # The best offset at each yaw, so that a late video does not hide a turned one.
    values = np.concatenate(
        [each.value[:, offset, every_yaw] for each, offset in zip(agreements, offsets, strict=True)]
    )
    n_frames = np.concatenate([each.n_frames for each in agreements])
    mean = n_frames @ values / n_frames.sum()
    best = int(mean.argmax())
    spread = 1.4826 * np.median(np.abs(mean - np.median(mean)))  # deviation of a normal distribution
    if len(n_frames) < MIN_BLOCKS or mean[best] - np.median(mean) < MIN_PROMINENCE * spread:
        return []
    lines, yaw = [], ZERO_YAW
    if _is_turned(values[:, ZERO_YAW], values[:, best], n_frames, float(YAWS_DEG[best])):
        yaw = best
        declared = sorted({float(wrap(each.yaw + YAWS_DEG[yaw])) for each in agreements})
        lines.append(
            f"boxes lie nearer to the labels with the picture turned by {YAWS_DEG[yaw]:.0f} degrees; is video_yaw "
            f"{' or '.join(f'{value:.0f}' for value in declared)}? (own --video_yaw, or the column of the manifest)"
        )
    for each in agreements:
        by_offset = _total(each)[:, yaw]
        change = OFFSETS_S[by_offset.argmax()]
        gain, before = by_offset.max() - by_offset[ZERO_OFFSET], by_offset[ZERO_OFFSET]
        if abs(change) >= MIN_OFFSET_S - 1e-9 and gain >= max(MIN_OFFSET_GAIN, MIN_OFFSET_RATIO * before):
            lines.append(
                f"{each.name}: boxes lie nearer to the labels with the video {change:+.1f} s later; is video_offset "
                f"{each.offset + change:.1f}? (own --video_offset, or auto by its sound track)"
            )
    return lines


def _total(agreement: Agreement) -> np.ndarray:
    """Average over the frames of a recording: (offset, yaw)."""
    return np.tensordot(agreement.n_frames, agreement.value, 1) / agreement.n_frames.sum()


def _is_turned(before: np.ndarray, after: np.ndarray, n_frames: np.ndarray, change: float) -> bool:
    """Return whether a change of yaw raises the agreement much and beyond chance.

    Args:
        before: (block,) agreement as declared.
        after: (block,) agreement after the change.
        n_frames: (block,) labelled frames, the weights.
        change: degrees.
    """
    gain = float(np.average(after - before, weights=n_frames))
    error = np.std(after - before, ddof=1) / np.sqrt(len(n_frames))
    least = max(MIN_YAW_GAIN, MIN_YAW_RATIO * np.average(before, weights=n_frames))
    return abs(change) >= MIN_YAW_DEG and gain >= least and gain > MIN_T * error
