"""Sound event detection trained on clip-wise (weak) or frame-wise (strong) labels.

Q. Kong et al., Cross-task learning for audio tagging, sound event detection and spatial localization: DCASE 2019
baseline systems, arXiv 1904.03476; qiuqiangkong/dcase2019_task4 @ d54cde2 (`pytorch/losses.py`, `utils/utilities.py`,
`utils/vad.py`; docs/sources.md, DCASE2019 Task 4 system).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.base.event_batch import EventBatch
from avseld.decoding.frames import sigmoid
from avseld.decoding.tagging import TaggingDecoder
from avseld.decoding.thresholds import per_class
from avseld.io.events import Events
from avseld.targets.batch_frames import active_rows, divide, first_frames, last_active
from avseld.targets.label_frames import first_tick

LOSSES = ("clip", "frame")


class Tagging:
    """Encode, loss and decode of clip-wise and frame-wise activity, without direction.

    Args:
        n_classes: classes.
        loss: clip compares the clip's prediction with the classes in it (weak labels; strong ones are reduced to weak
            ones); frame compares every frame and needs labels with times.
        high: hysteresis: an event needs a frame above this probability; one for all classes or one per class.
        low: hysteresis: it extends over all neighbouring frames that are not below this probability; None uses `high`
            as published without a low threshold, see `segments`.
        tag_threshold: a class is in the clip above this clip-wise probability; `high` if None.
        smooth: gaps up to this length are closed, seconds.
        salt: events up to this length are dropped, seconds.
        median_frames: width of a median filter over the probabilities, frames; odd, 1 for none.

    Raises:
        BadInput: an unknown loss, an even median filter, or another number of thresholds than of classes.
    """

    task = "tagging"
    pads = True
    """clips shorter than a window are padded with silence"""
    by_frame = False
    """the labels of a clip belong to no frame"""
    label_hop = None
    """events are decoded at the network's frame rate"""

    def __init__(
        self,
        n_classes: int,
        loss: str = "clip",
        high: float | Sequence[float] = 0.9,
        low: float | Sequence[float] | None = 0.5,
        tag_threshold: float | Sequence[float] | None = None,
        smooth: float = 0.25,
        salt: float = 0.25,
        median_frames: int = 1,
    ) -> None:
        if loss not in LOSSES:
            raise BadInput(f"loss: '{loss}' is none of {', '.join(LOSSES)}")
        if median_frames < 1 or median_frames % 2 == 0:
            raise BadInput(f"median_frames: {median_frames} is not odd; choose 1, 3, 5, ...")
        self.n_classes, self.kind = n_classes, loss
        self.high = per_class(high, n_classes, "high")
        self.low = None if low is None else per_class(low, n_classes, "low")
        self.tag = (
            self.high if tag_threshold is None else per_class(tag_threshold, n_classes, "tag_threshold")
        )
        self.smooth, self.salt, self.median_frames = smooth, salt, median_frames
        self.shapes = {"frame": (n_classes,), "clip": (n_classes,)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window.

        An event fills the frames from round(onset / hop) to round(offset / hop), both included, as published.

        Args:
            events: the whole recording; those without times count for all of it.
            start: start of the window, seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            clip: (class,), and with loss frame also frame: (frame, class); 0 or 1, float32.

        Raises:
            BadInput: an event without times, with loss frame.
        """
        timed = ~np.isnan(events.onset)
        if self.kind == "frame" and not timed.all():
            raise BadInput(
                "labels without times cannot train frame by frame; choose target.options.loss clip"
            )
        clip = np.zeros(self.n_classes, np.float32)
        clip[events.label[~timed]] = 1
        frame = np.zeros((n_frames, self.n_classes), np.float32)
        first = first_tick(start, hop)
        for row in np.flatnonzero(timed):
            onset, offset = (
                round(float(time) / hop) - first for time in (events.onset[row], events.offset[row])
            )
            if offset >= 0 and onset < n_frames:
                frame[max(onset, 0) : offset + 1, events.label[row]] = 1
        clip = np.maximum(clip, frame.max(axis=0, initial=0))
        return {"clip": clip, "frame": frame} if self.kind == "frame" else {"clip": clip}

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        first = first_frames(start, hop)
        onset, offset = (divide(time, hop).round() - first for time in (events.onset, events.offset))
        active = active_rows(onset, offset + 1, n_frames)  # without those that have no times
        frame = (last_active(active, events.label, self.n_classes) > 0).float()
        untimed = events.onset.isnan().float()
        weak = torch.zeros_like(frame[:, 0]).scatter_reduce(1, events.label, untimed, "amax")
        clip = torch.maximum(weak, frame.amax(dim=1))
        return {"clip": clip, "frame": frame} if self.kind == "frame" else {"clip": clip}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the mean binary cross-entropy.

        Args:
            output: frame and clip, (batch, frame, class) logits; clip is constant over frames.
            target: as from `encode`, with a batch axis.

        Returns:
            loss: a scalar.
        """
        if self.kind == "clip":
            return {"loss": functional.binary_cross_entropy_with_logits(output["clip"][:, 0], target["clip"])}
        n_frames = min(output["frame"].shape[1], target["frame"].shape[1])
        return {
            "loss": functional.binary_cross_entropy_with_logits(
                output["frame"][:, :n_frames], target["frame"][:, :n_frames]
            )
        }

    @property
    def decoder(self) -> TaggingDecoder:
        """What decodes, without torch."""
        return TaggingDecoder(
            self.high.tolist(),
            None if self.low is None else self.low.tolist(),
            self.tag.tolist(),
            self.smooth,
            self.salt,
            self.median_frames,
        )

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `TaggingDecoder.decode`."""
        return self.decoder.decode(output, hop)

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Multiply clip-wise and frame-wise probability (batch, frame, class)."""
        return output["frame"].sigmoid() * output["clip"].sigmoid()

    def probabilities(self, output: dict[str, np.ndarray]) -> np.ndarray:
        """Multiply clip-wise and frame-wise probability, for figures.

        Args:
            output: as for `decode`.

        Returns:
            (frame, class).
        """
        return sigmoid(output["clip"]) * sigmoid(output["frame"])

    def ranked(
        self, output: dict[str, np.ndarray], target: dict[str, np.ndarray]
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return reference and probability of the clip, for average precision.

        Args:
            output: as for `decode`.
            target: as from `encode`, of the same clip.

        Returns:
            clip: reference and probability, both (1, class).
        """
        return {"clip": (target["clip"][None], self.tags(output)[None])}

    def tags(self, output: dict[str, np.ndarray]) -> np.ndarray:
        """Compute the probability that a class is in the recording: the largest of its clips.

        Args:
            output: as for `decode`.

        Returns:
            (class,).
        """
        return sigmoid(np.max(output["clip"], axis=0))
