"""How a network runs on a stream: in overlapping windows, or with its state carried on."""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.system.build import System

VisualAt = Callable[[float, int], np.ndarray]
"""(second at which it begins, label frames) -> (1, *shape) visual input of these label frames; for a network that takes
the boxes at one time, 0 label frames"""


class Runner(Protocol):
    """A network on a stream; all frames are feature frames, counted from the beginning of the stream.

    Attributes:
        n_after: frames after the ones that are given which it needs.
        n_most: most label frames that it gives at once.
        n_kept: frames of the longest stretch that it needs.
    """

    n_after: int
    n_most: int
    n_kept: int

    def needed(self, stop: int) -> tuple[int, int]:
        """Return first frame and number of frames that it needs to give those before `stop`."""
        ...

    def run(
        self, features: Tensor, begin: int, first: int, stop: int, n_frames: int | None
    ) -> dict[str, Tensor]:
        """Give the heads (frame, ...) of the frames from `first` to `stop`.

        Args:
            features: (feature, frame, bin), as `needed` says.
            begin: its first frame.
            first: frame that is given first.
            stop: frame after the last one.
            n_frames: frames of the stream, if it has ended.
        """
        ...

    def restart(self, frame: int) -> None:
        """Begin anew at a frame: those before it are not given."""


class WindowRunner:
    """Runs any network in overlapping windows of its usual length, of which the newest part is kept.

    Each run sees the sound of a whole window up to the present. Prediction keeps the middle of its windows, here all
    but the end of a window is past: networks that look ahead say something else near the end of their window.

    Args:
        system: in evaluation.
        look_ahead: seconds after a label frame that a window reaches; None for what prediction leaves after the kept
            part of its windows.
        visual_at: visual input, or None.

    Raises:
        BadInput: a look-ahead that is longer than the window.
    """

    def __init__(self, system: System, look_ahead: float | None, visual_at: VisualAt | None) -> None:
        self._system, self._visual_at = system, visual_at
        left = system.run_frames - system.margin - system.kept_frames
        self.n_after = left if look_ahead is None else round(look_ahead / system.hop)
        self.n_kept = system.run_frames
        self.n_most = (system.run_frames - self.n_after) // system.label_frames
        if self.n_after < 0 or self.n_most < 1:
            longest = (system.run_frames - system.label_frames) * system.hop
            raise BadInput(
                f"--look_ahead {look_ahead:g}: windows have {system.run_frames * system.hop:.2f} s; choose 0 to "
                f"{longest:.2f}"
            )
        self._masked = system.blueprint.legacy or bool(system.features.state_dict())

    def needed(self, stop: int) -> tuple[int, int]:
        """Return first frame and number of frames of the window that gives the frames before `stop`."""
        return stop + self.n_after - self._system.run_frames, self._system.run_frames

    def run(
        self, features: Tensor, begin: int, first: int, stop: int, n_frames: int | None
    ) -> dict[str, Tensor]:
        """Give the heads (frame, ...) of the frames from `first` to `stop`; see `Runner.run`."""
        system = self._system
        with torch.inference_mode():
            if self._masked:
                # As in prediction: frames beyond a recording are zeros, the mean of a standardized feature.
                frame = torch.arange(begin, begin + system.run_frames)
                inside = (frame >= 0) & (frame < (stop + self.n_after if n_frames is None else n_frames))
                features = features * inside.to(features)[:, None]
            x = features[None].contiguous(memory_format=torch.channels_last)
            heads = system.model(x, self._visual(begin))
        return {name: head[0, first - begin : stop - begin] for name, head in heads.items()}

    def _visual(self, begin: int) -> Tensor | None:
        if self._visual_at is None:
            return None
        system = self._system
        n_label_frames = system.visual_spec.n_label_frames
        # Boxes at one time are those where the kept part of a window begins.
        frame = begin if n_label_frames else begin + system.margin
        visual = self._visual_at(frame * system.hop, n_label_frames)
        return torch.as_tensor(visual).to(system.device, torch.float32)

    def restart(self, frame: int) -> None:
        """Do nothing: a window holds the sound before a frame anyway."""


class StateRunner:
    """Runs a network that carries a state through a stream (`Model.advance`): it gets each frame once.

    Args:
        system: in evaluation.
        visual_at: visual input, or None.
    """

    def __init__(self, system: System, visual_at: VisualAt | None) -> None:
        self._system, self._visual_at = system, visual_at
        self.n_after = system.model.look_ahead_frames
        self.n_most = max(system.kept_frames // system.label_frames, 1)
        self.n_kept = self.n_most * system.label_frames + self.n_after
        self.restart(0)

    def restart(self, frame: int) -> None:
        """Forget what was before a frame."""
        self._state: Mapping[str, Tensor] | None = None
        self._next = frame  # that the network gets
        self._early = self.n_after  # heads that belong to frames before the beginning

    def needed(self, stop: int) -> tuple[int, int]:
        """Return first frame and number of frames that it did not get yet."""
        return self._next, stop + self.n_after - self._next

    def run(
        self, features: Tensor, begin: int, first: int, stop: int, n_frames: int | None
    ) -> dict[str, Tensor]:
        """Give the heads (frame, ...) of the frames from `first` to `stop`; see `Runner.run`."""
        assert self._system.model.advance is not None
        with torch.inference_mode():
            x = features[None].contiguous(memory_format=torch.channels_last)
            visual = self._visual(begin, features.shape[1], n_frames)
            heads, self._state = self._system.model.advance(x, visual, self._state)
        self._next += features.shape[1]
        late, self._early = self._early, 0
        return {name: head[0, late:] for name, head in heads.items()}

    def _visual(self, begin: int, length: int, n_frames: int | None) -> Tensor | None:
        """Look up the visual input of frames; nobody is seen after the end of a stream."""
        if self._visual_at is None:
            return None
        system = self._system
        n_label_frames = length // system.label_frames
        visual = torch.as_tensor(self._visual_at(begin * system.hop, n_label_frames))
        if n_frames is not None:
            first = begin // system.label_frames
            inside = torch.arange(first, first + n_label_frames) < -(-n_frames // system.label_frames)
            visual = visual * inside.view(1, -1, *[1] * (visual.ndim - 2))
        return visual.to(system.device, torch.float32)
