"""Estimate offset and yaw of videos: which ones bring the boxes of people nearest to the labelled directions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.io.boxes import Boxes, centre_direction, people
from avseld.io.dcase_csv import frames_of
from avseld.io.events import Events
from avseld.io.geometry import wrap

KERNEL_DEG = 8.0
"""deviation of the agreement: one box within 8 degrees of a label counts 0.6, exactly on it 1"""
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
MIN_T = 4.0
"""least ratio of the mean gain to its standard error over blocks: 4392 combinations are tried"""
MIN_GAIN = 0.08
"""least gain of the mean agreement"""
MIN_RATIO = 1.3
MIN_YAW_DEG = 10.0
MIN_OFFSET_S = 0.2
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
    for place, change in enumerate(OFFSETS_S if len(boxes.time) else ()):
        moment = time - change
        row = boxes.at(moment)
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
    lines = []
    yaw = _best_yaw(agreements)
    turned = YAWS_DEG[yaw]
    if yaw != ZERO_YAW:
        declared = sorted({float(wrap(each.yaw + turned)) for each in agreements})
        lines.append(
            f"boxes lie nearer to the labels with the picture turned by {turned:.0f} degrees; is video_yaw "
            f"{' or '.join(f'{value:.0f}' for value in declared)}? (own --video_yaw, or the column of the manifest)"
        )
    for each in agreements:
        values = each.value[:, :, yaw]
        best = int((each.n_frames @ values).argmax())
        if abs(OFFSETS_S[best]) >= MIN_OFFSET_S and _clearly(
            values[:, ZERO_OFFSET], values[:, best], each.n_frames
        ):
            lines.append(
                f"{each.name}: boxes lie nearer to the labels with the video {OFFSETS_S[best]:+.1f} s later; is "
                f"video_offset {each.offset + OFFSETS_S[best]:.1f}? (own --video_offset, or auto by its sound track)"
            )
    return lines


def _best_yaw(agreements: Sequence[Agreement]) -> int:
    """Return the place of the yaw that is clearly better than the declared one, or that of 0."""
    # The best offset at each yaw, so that a late video does not hide a turned one.
    offsets = [np.tensordot(each.n_frames, each.value, 1).argmax(axis=0) for each in agreements]
    every_yaw = np.arange(len(YAWS_DEG))
    values = np.concatenate(
        [each.value[:, offset, every_yaw] for each, offset in zip(agreements, offsets, strict=True)]
    )
    n_frames = np.concatenate([each.n_frames for each in agreements])
    best = int((n_frames @ values).argmax())
    clear = abs(YAWS_DEG[best]) >= MIN_YAW_DEG and _clearly(values[:, ZERO_YAW], values[:, best], n_frames)
    return best if clear else ZERO_YAW


def _clearly(before: np.ndarray, after: np.ndarray, n_frames: np.ndarray) -> bool:
    """Return whether agreement rises much and beyond chance, taking blocks as independent.

    Args:
        before: (block,) agreement as declared.
        after: (block,) agreement after a change.
        n_frames: (block,) labelled frames, the weights.
    """
    gain = float(np.average(after - before, weights=n_frames))
    if len(n_frames) < MIN_BLOCKS or gain < max(
        MIN_GAIN, (MIN_RATIO - 1) * np.average(before, weights=n_frames)
    ):
        return False
    return gain > MIN_T * (np.std(after - before, ddof=1) + 1e-6) / np.sqrt(len(n_frames))
