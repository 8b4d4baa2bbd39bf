"""Whether pictures are mirrored or turned upside down: sounds of people, labelled alone, against boxes of people."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.io.boxes import Boxes, centre_direction, people
from avseld.io.dcase_csv import frames_of
from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.people_classes import people_classes

CHANGES = {
    "as it is": (1.0, 1.0, 0.0),
    "mirrored left to right (ffmpeg -vf hflip)": (-1.0, 1.0, 0.0),
    "turned upside down (ffmpeg -vf hflip,vflip)": (-1.0, -1.0, 0.0),
    "turned by 180 degrees (own --video_yaw 180)": (1.0, 1.0, 180.0),
}
"""changes of a picture that are tried: signs of azimuth and elevation, degrees added to the azimuth. A picture mirrored
upside down is not: mouths lie above the centres of boxes, and in generated rooms it fits better than the true one"""
NEAR_DEG = 20.0
"""a box within it of the label agrees: a person's box has its centre below the mouth"""
MAX_ELEVATION_DEG = 75.0
"""beyond it azimuths say nothing"""
MIN_FRAMES, MIN_EVENTS = 20, 2
"""least evidence; a person who stands still says in a minute what one frame says, hence events are counted"""
MANY_EVENTS = 8
"""from it on the gain of a change is compared with its spread over events"""
MIN_GAIN, MIN_T = 0.2, 3.0
"""least gain of the share of frames that agree, and its least ratio to the standard error over events"""
MIN_SPREAD = 0.3
"""least deviation of the gain of an event, so that a few equal events are no certainty"""
MAX_AGREEING, MIN_AGREEING = 0.1, 0.9
"""with fewer events: share of the frames that agree, as it is at most the one, changed at least the other"""
SAME_SHARE = 0.1
"""changes whose shares differ by less are all named"""


@dataclass(frozen=True)
class Alone:
    """Frames of one recording in which one sound of people is labelled alone and somebody is seen.

    Args:
        label: (frame,) class.
        event: (frame,) number of the event.
        near: (frame, change) whether a box agrees with the label, for every change of the picture.
    """

    label: np.ndarray
    event: np.ndarray
    near: np.ndarray


def measure(events: Events, boxes: Boxes, classes: Sequence[str]) -> Alone:
    """Compare boxes with labels for every change of the picture.

    Args:
        events: labels of a recording.
        boxes: in the time and the directions that the manifest says.
        classes: names.
    """
    rows, frames = frames_of(events.onset, events.offset)
    alone, first, count = np.unique(frames, return_index=True, return_counts=True)
    rows, frames = rows[first[count == 1]], alone[count == 1]
    kept = np.isin(events.label[rows], people_classes(classes)) & ~np.isnan(events.azimuth[rows])
    kept &= np.abs(np.nan_to_num(events.elevation[rows])) < MAX_ELEVATION_DEG
    rows, frames = rows[kept], frames[kept]
    time = (frames + 0.5) * LABEL_HOP
    start, end = float(boxes.about.get("start", 0.0)), float(boxes.about.get("duration", np.inf))
    found = people(boxes)
    row = boxes.at(time)
    seen = (time >= start) & (time < end) & (len(boxes.time) > 0)
    if len(boxes.time):
        seen &= np.asarray(found.any(axis=(1, 2)))[row]
    rows, frames, row = rows[seen], frames[seen], row[seen]
    azimuth, elevation = events.azimuth[rows], np.nan_to_num(events.elevation[rows])
    box = found[row] if len(rows) else np.zeros((0, 1, 4))
    directions = unit_vector(*centre_direction(box))  # (frame, box, axis)
    near = np.zeros((len(rows), len(CHANGES)), bool)
    for place, (side, up, turn) in enumerate(CHANGES.values()):
        labelled = unit_vector(side * azimuth + turn, up * elevation)[:, None]
        distance = np.where(box.any(axis=-1), angle_between(labelled, directions), np.inf)
        near[:, place] = distance.min(axis=1, initial=np.inf) <= NEAR_DEG
    breaks = (np.diff(frames) > 1) | (np.diff(events.label[rows]) != 0)
    event = np.concatenate([[0], np.cumsum(breaks)]) if len(rows) else np.zeros(0, int)
    return Alone(events.label[rows], event, near)


def warning_of(measured: Sequence[Alone], classes: Sequence[str]) -> str | None:
    """Warn where boxes agree with labels only if the picture is mirrored or turned.

    Args:
        measured: of the recordings that have labels and boxes.
        classes: names.
    """
    measured = [each for each in measured if len(each.label)]
    shares = [
        each.near[each.event == event].mean(axis=0) for each in measured for event in np.unique(each.event)
    ]
    n_frames, n_events = sum(len(each.label) for each in measured), len(shares)
    if n_frames < MIN_FRAMES or n_events < MIN_EVENTS:
        return None
    by_event = np.array(shares)
    share = by_event.mean(axis=0)
    best = int(share.argmax())
    gain = by_event[:, best] - by_event[:, 0]
    error = max(float(gain.std(ddof=1)), MIN_SPREAD) / np.sqrt(n_events)
    certain = n_events >= MANY_EVENTS and gain.mean() >= max(MIN_GAIN, MIN_T * error)
    if not certain and (share[0] > MAX_AGREEING or share[best] < MIN_AGREEING):
        return None
    names = sorted({classes[label] for each in measured for label in each.label})
    fitting = [
        f"{name}, {100 * one:.0f} %"
        for name, one in zip(CHANGES, share, strict=True)
        if one >= share[best] - SAME_SHARE
    ]
    few = "" if n_events >= MANY_EVENTS else "; so few events may mislead, look at them with avseld view"
    return (
        f"in {n_events} events ({n_frames} frames) in which a sound of people ({', '.join(names)}) is labelled alone, "
        f"boxes lie within {NEAR_DEG:.0f} degrees of it {100 * share[0]:.0f} % of the time; they would with the "
        f"picture {' or '.join(fitting)}{few}"
    )
