"""What a network is shown of a video: boxes, what an image network says of the pictures, or both."""

from dataclasses import dataclass

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.boxes import Boxes, people
from avseld.io.embeddings import VisualEmbeddings
from avseld.io.npz import latest
from avseld.vision.tracking import tracked

SEES = ("first_boxes", "boxes", "tracks", "frames", "both")


@dataclass(frozen=True)
class View:
    """What a network is shown of a video for one window of sound."""

    n_boxes: int = 6
    """the best so many; 0 for none"""
    n_times: int = 0
    """label frames of a window; 0 shows the boxes at the window's start alone, without their scores"""
    hop: float = 0.1
    """seconds between label frames"""
    n_values: int = 0
    """values of an image network for each picture; 0 for none"""
    tracks: bool = False
    """whether boxes are followed through the video, so that each place of the box axis is one person"""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a window: (n_boxes, 4), (label frame, n_boxes, 5) with scores, or (label frame, 5 n_boxes + n_values)."""
        if self.n_values:
            return (self.n_times, 5 * self.n_boxes + self.n_values)
        return (self.n_times, self.n_boxes, 5) if self.n_times else (self.n_boxes, 4)


def view_of(sees: str, n_boxes: int, n_values: int, n_times: int, hop: float) -> View:
    """The view of a network that says by `sees` what it is shown.

    Args:
        sees: first_boxes, boxes, tracks, frames or both.
        n_boxes: boxes of a picture.
        n_values: values of a picture.
        n_times: label frames of a window.
        hop: seconds between them.
    """
    if sees not in SEES:
        raise ValueError(f"a network sees {', '.join(SEES)}, not '{sees}'")
    if sees == "first_boxes":
        return View(n_boxes, 0, hop)
    return View(
        n_boxes if sees in ("boxes", "tracks", "both") else 0,
        n_times,
        hop,
        n_values if sees in ("frames", "both") else 0,
        tracks=sees == "tracks",
    )


class Seen:
    """One video as a view shows it, for any windows.

    A box or a picture holds from the time at which it was looked at until the next one, whatever the rate.

    Args of the constructor:
        boxes: of the video; None where the view has none.
        view: what is shown.
        frames: what an image network says of the video, where the view has that.

    Raises:
        BadInput: frames of another image network than the view's.
    """

    def __init__(self, boxes: Boxes | None, view: View, frames: VisualEmbeddings | None = None) -> None:
        self.view, self.boxes, self.frames = view, boxes, frames
        self.duration = min(
            float(each.about.get("duration", np.inf)) for each in (boxes, frames) if each is not None
        )
        if boxes is not None:
            self.people = (
                tracked(boxes, view.n_boxes)
                if view.tracks
                else people(boxes, view.n_boxes, scored=view.n_times > 0)
            )
        if frames is not None and frames.value.shape[1] != view.n_values:
            raise BadInput(
                f"frames of {frames.value.shape[1]} values, the network takes {view.n_values}; make them anew with "
                "avseld-detect embed, or train with --model.options.n_values"
            )

    def at(self, start: np.ndarray) -> np.ndarray:
        """What is seen in windows that start at (window,) seconds.

        A label frame is shown what holds at its middle; nothing is seen before the start and after the end of the
        video, but the published view, which shows the first boxes before the start.

        Returns:
            (window, *view.shape) float32, zeros where there is nothing.
        """
        start = np.asarray(start, float)
        time, inside = start, start < self.duration
        if self.view.n_times:
            time = start[:, None] + (np.arange(self.view.n_times) + 0.5) * self.view.hop
            inside = (time >= 0) & (time < self.duration)
        parts = []
        if self.view.n_boxes:
            parts.append(self._at(time, inside, self.boxes, getattr(self, "people", None), self._box_shape()))
        if self.view.n_values:
            value = None if self.frames is None else self.frames.value
            parts.append(self._at(time, inside, self.frames, value, (self.view.n_values,)))
        if len(parts) == 1 and not self.view.n_values:
            return parts[0]
        return np.concatenate([part.reshape(*time.shape, -1) for part in parts], axis=-1)

    def rows(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Everything that is ever shown: (row,) seconds and (row, *shape of a moment); None if there is nothing.

        Boxes and frames are put on the clock of whichever looks more often.
        """
        sources = [each for each in (self.boxes, self.frames) if each is not None and len(each.time)]
        if not sources:
            return None
        time = max((np.asarray(each.time, float) for each in sources), key=len)
        everywhere = np.ones(time.shape, bool)
        parts = []
        if self.view.n_boxes:
            found = getattr(self, "people", None)
            parts.append(self._at(time, everywhere, self.boxes, found, self._box_shape()))
        if self.view.n_values:
            value = None if self.frames is None else self.frames.value
            parts.append(self._at(time, everywhere, self.frames, value, (self.view.n_values,)))
        if len(parts) == 1 and not self.view.n_values:
            return time, parts[0]
        return time, np.concatenate([part.reshape(len(time), -1) for part in parts], axis=-1)

    def _box_shape(self) -> tuple[int, int]:
        return (self.view.n_boxes, 5 if self.view.n_times else 4)

    @staticmethod
    def _at(
        time: np.ndarray,
        inside: np.ndarray,
        source: Boxes | VisualEmbeddings | None,
        value: np.ndarray | None,
        shape: tuple[int, ...],
    ) -> np.ndarray:
        if source is None or value is None or len(value) == 0:
            return np.zeros((*time.shape, *shape), np.float32)
        there = inside.reshape(*inside.shape, *(1 for _ in shape))
        return np.where(there, value[latest(source.time, time)], np.float32(0))
