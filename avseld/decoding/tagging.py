"""Decoding of clip-wise and frame-wise activity; see `avseld.targets.tagging`."""

from dataclasses import dataclass

import numpy as np

from avseld.decoding.frames import sigmoid
from avseld.decoding.segments import median, segments
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events


@dataclass(frozen=True)
class TaggingDecoder:
    """Decodes events with onset and offset, without direction.

    Args:
        high: hysteresis: an event needs a frame above this probability; one for all classes or one per class.
        low: hysteresis: it extends over all neighbouring frames that are not below this probability; None uses `high`
            as published without a low threshold, see `segments`.
        tag_threshold: a class is in the clip above this clip-wise probability; `high` if None.
        smooth: gaps up to this length are closed, seconds.
        salt: events up to this length are dropped, seconds.
        median_frames: width of a median filter over the probabilities, frames; odd, 1 for none.
    """

    high: Thresholds = 0.9
    low: Thresholds | None = 0.5
    tag_threshold: Thresholds | None = None
    smooth: float = 0.25
    salt: float = 0.25
    median_frames: int = 1

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode events with onset and offset, of the classes whose clip-wise probability passes the threshold.

        Args:
            output: frame and clip, (frame, class) logits, possibly of several clips in a row.
            hop: seconds between frames.

        Returns:
            One row per event, by class and onset, without direction.
        """
        n_classes = output["frame"].shape[1]
        high = per_class(self.high, n_classes, "high")
        lows = None if self.low is None else per_class(self.low, n_classes, "low")
        tag = (
            high if self.tag_threshold is None else per_class(self.tag_threshold, n_classes, "tag_threshold")
        )
        probability = median(sigmoid(output["frame"]), self.median_frames)
        probability = np.where(sigmoid(output["clip"]) > tag, probability, 0.0)
        rows = []
        n_smooth, n_salt = round(self.smooth / hop), round(self.salt / hop)
        for label in range(n_classes):
            low = None if lows is None else lows[label]
            for begin, end in segments(probability[:, label], high[label], low, n_smooth, n_salt):
                rows.append((begin * hop, end * hop, label, 0, np.nan, np.nan, np.nan))
        return Events.from_rows(rows)
