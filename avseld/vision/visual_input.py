"""Visual input of a network: boxes, embeddings of video frames, or both, on the grid of label frames."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.boxes import Boxes, people
from avseld.io.embeddings import VisualEmbeddings
from avseld.vision.live_tracking import live_tracked
from avseld.vision.tracking import tracked

VisualInputKind = Literal["first_boxes", "boxes", "tracks", "live_tracks", "embeddings", "both"]
"""What a network takes from a video: the boxes at the start of a window; or for every label frame boxes, boxes followed
through the video, boxes followed from the past only, embeddings of the video frame, or both boxes and embeddings."""


@dataclass(frozen=True)
class VisualSpec:
    """Visual input of a network for one window of sound.

    Args:
        n_boxes: number of highest-scoring boxes per frame; 0 disables boxes.
        n_label_frames: label frames of a window; 0 takes the boxes at the window's start alone, without their scores.
        hop: seconds between label frames.
        n_values: values of an embedding; 0 disables embeddings.
        tracks: whether boxes are followed through the video, so that each place of the box axis is one person.
        live: whether they are followed from the past only, as in live video.
    """

    n_boxes: int = 6
    n_label_frames: int = 0
    hop: float = 0.1
    n_values: int = 0
    tracks: bool = False
    live: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a window: (n_boxes, 4), (label frame, n_boxes, 5) with scores, or (label frame, 5 n_boxes + n_values)."""
        if self.n_values:
            return (self.n_label_frames, 5 * self.n_boxes + self.n_values)
        return (self.n_label_frames, self.n_boxes, 5) if self.n_label_frames else (self.n_boxes, 4)


def visual_spec(
    kind: VisualInputKind, n_boxes: int, n_values: int, n_label_frames: int, hop: float
) -> VisualSpec:
    """Describe the visual input of a network.

    Args:
        kind: what it takes from a video.
        n_boxes: boxes of a video frame.
        n_values: values of an embedding.
        n_label_frames: label frames of a window.
        hop: seconds between them.

    Raises:
        ValueError: another kind.
    """
    if kind not in get_args(VisualInputKind):
        raise ValueError(f"visual input is one of {', '.join(get_args(VisualInputKind))}, not '{kind}'")
    if kind == "first_boxes":
        return VisualSpec(n_boxes, 0, hop)
    return VisualSpec(
        n_boxes if kind in ("boxes", "tracks", "live_tracks", "both") else 0,
        n_label_frames,
        hop,
        n_values if kind in ("embeddings", "both") else 0,
        tracks=kind in ("tracks", "live_tracks"),
        live=kind == "live_tracks",
    )


class VisualInput:
    """Visual input of any windows of one recording.

    A box or an embedding is valid from the time of its video frame until that of the next, whatever the frame rate.

    Args:
        boxes: of the video; None if the network takes none.
        spec: what the network takes.
        embeddings: of the video, if the network takes them.

    Raises:
        BadInput: embeddings of another image network than the one `spec` expects.
    """

    def __init__(
        self, boxes: Boxes | None, spec: VisualSpec, embeddings: VisualEmbeddings | None = None
    ) -> None:
        self.spec, self.boxes, self.embeddings = spec, boxes, embeddings
        self.duration = min(
            float(each.about.get("duration", np.inf)) for each in (boxes, embeddings) if each is not None
        )
        starts = [float(each.about.get("start", 0.0)) for each in (boxes, embeddings) if each is not None]
        self.start = max(0.0, *starts)
        """second at which the video starts, where it starts later than the sound"""
        self.people: np.ndarray | None = None
        """(video frame, n_boxes, 5 or 4)"""
        if boxes is not None and spec.tracks:
            self.people = (live_tracked if spec.live else tracked)(boxes, spec.n_boxes)
        elif boxes is not None:
            self.people = people(boxes, spec.n_boxes, scored=spec.n_label_frames > 0)
        if embeddings is not None and embeddings.value.shape[1] != spec.n_values:
            raise BadInput(
                f"embeddings of {embeddings.value.shape[1]} values, the network takes {spec.n_values}; make them anew "
                "with avseld-detect embed, or train with --model.options.n_values"
            )

    def at(self, start: np.ndarray) -> np.ndarray:
        """Look up the visual input of windows.

        Each label frame uses the detection valid at its centre. Outside the video the input is zero, see `inside`.

        Args:
            start: (window,) seconds at which windows start.

        Returns:
            (window, *spec.shape) float32, zeros where there is nothing.
        """
        start = np.asarray(start, float)
        time = start
        if self.spec.n_label_frames:
            time = start[:, None] + (np.arange(self.spec.n_label_frames) + 0.5) * self.spec.hop
        return self._at(time, self.inside(time))

    def inside(self, time: np.ndarray) -> np.ndarray:
        """Return (...,) whether the video is seen at times (...,).

        The boxes at the start of a window, as published, are those of the first video frame where a window starts
        before a recording whose video does not start late.
        """
        inside = time < self.duration
        if self.spec.n_label_frames or self.start > 0:
            inside = inside & (time >= self.start)
        return inside

    def rows(self) -> tuple[np.ndarray, np.ndarray] | None:
        """List all values that `at` can return.

        Boxes and embeddings are put on the clock of whichever has more video frames.

        Returns:
            (row,) seconds and (row, *shape of a label frame), or None if there is nothing.
        """
        sources = [each for each in (self.boxes, self.embeddings) if each is not None and len(each.time)]
        if not sources:
            return None
        time = max((np.asarray(each.time, float) for each in sources), key=len)
        return time, self._at(time, np.ones(time.shape, bool))

    def _at(self, time: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Values (*time.shape, *shape of a label frame) at these times, zeros where not inside the video."""
        parts = []
        if self.spec.n_boxes:
            shape = (self.spec.n_boxes, 5 if self.spec.n_label_frames else 4)
            parts.append(_latest_value(time, inside, self.boxes, self.people, shape))
        if self.spec.n_values:
            value = None if self.embeddings is None else self.embeddings.value
            parts.append(_latest_value(time, inside, self.embeddings, value, (self.spec.n_values,)))
        if len(parts) == 1 and not self.spec.n_values:
            return parts[0]
        return np.concatenate([part.reshape(*time.shape, -1) for part in parts], axis=-1)


def _latest_value(
    time: np.ndarray,
    inside: np.ndarray,
    source: Boxes | VisualEmbeddings | None,
    value: np.ndarray | None,
    shape: tuple[int, ...],
) -> np.ndarray:
    if source is None or value is None or len(value) == 0:
        return np.zeros((*time.shape, *shape), np.float32)
    valid = inside.reshape(*inside.shape, *(1 for _ in shape))
    return np.where(valid, value[latest(source.time, time)], np.float32(0))


def latest(known: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Find the latest known time that is not after each time (the first one before the start).

    Args:
        known: (row,) seconds, rising.
        time: (...,) seconds.

    Returns:
        (...,) rows.
    """
    rows = np.searchsorted(known, time + 1e-6, side="right") - 1
    return np.clip(rows, 0, max(len(known) - 1, 0))
