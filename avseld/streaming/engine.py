"""A system on a stream: label frame after label frame, as the sound for them comes in."""

import time
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.streaming.feature_frames import Frames, StoredFrames, WindowFrames, look_ahead_s, stand_alone
from avseld.streaming.runners import Runner, StateRunner, VisualAt, WindowRunner
from avseld.system.build import System


@dataclass(frozen=True)
class Stretch:
    """What the network says of consecutive label frames.

    Args:
        first: its first feature frame, counted from the beginning of the stream.
        heads: (frame, ...), on the processor.
        seconds: time that each part took, by stage: features, network.
    """

    first: int
    heads: dict[str, Tensor]
    seconds: dict[str, float]


class Engine:
    """Features and network of a system on a stream.

    A network with a state (`Model.advance`) gets each frame once; any other one runs in overlapping windows.

    Args:
        system: in evaluation.
        look_ahead: seconds after a label frame that a window reaches, for networks without a state; None for what
            prediction leaves after the kept part of its windows, a few frames.
        visual_at: visual input, or None.

    Attributes:
        look_ahead_s: seconds of sound after a label frame that are waited for.
        n_most: most label frames that one call of `run` gives.
        next_label_frame: that is given next.
        has_state: whether the network carries a state.

    Raises:
        BadInput: a system that tags whole clips, features that do not fit a state, or a look-ahead that does not fit.
    """

    def __init__(
        self, system: System, look_ahead: float | None = None, visual_at: VisualAt | None = None
    ) -> None:
        if system.target.task == "tagging":
            raise BadInput(
                f"{system.blueprint.target.name}: tags whole clips, of which a stream has none; avseld predict runs it"
            )
        self.system = system
        self.has_state = system.model.advance is not None
        alone = stand_alone(system)
        self._runner: Runner
        if self.has_state:
            _check_state(system, look_ahead, alone)
            self._runner = StateRunner(system, visual_at)
        else:
            self._runner = WindowRunner(system, look_ahead, visual_at)
        self.n_most = self._runner.n_most
        self._n_after = self._runner.n_after
        kind = StoredFrames if alone else WindowFrames
        self._frames: Frames = kind(system, self._runner.n_kept)
        self.look_ahead_s = self._n_after * system.hop + look_ahead_s(system) - system.hop
        self._n_samples = 0
        self.next_label_frame = 0

    @property
    def n_channels(self) -> int:
        """Channels of the samples that it takes."""
        return self._frames.n_channels

    @property
    def ready(self) -> int:
        """Label frames that can be given now."""
        system = self.system
        by_features = (self._frames.stop - self._n_after) // system.label_frames
        by_sound = self._n_samples // (system.hop_samples * system.label_frames)
        return max(min(by_features, by_sound) - self.next_label_frame, 0)

    def append(self, samples: np.ndarray) -> None:
        """Take the next samples (channel, sample) float32."""
        self._frames.append(samples)
        self._n_samples += samples.shape[1]

    def skip(self, n: int) -> None:
        """Pass over the next `n` label frames; a network with a state begins anew after them."""
        self.next_label_frame += n
        frame = self.next_label_frame * self.system.label_frames
        self._runner.restart(frame)
        self._frames.window(*self._runner.needed(frame))  # earlier sound is forgotten

    def run(self, n: int) -> Stretch:
        """Give the next `n` label frames, which are ready; at most `n_most`."""
        return self._run(n, None)

    def finish(self) -> list[Stretch]:
        """Give what is left, with silence after the end of the sound; as many frames as prediction gives."""
        system = self.system
        if not self._n_samples:
            return []
        n_frames = max(self._n_samples // system.hop_samples, 1)
        n_label_frames = -(-n_frames // system.label_frames)
        missing = n_label_frames * system.label_frames + self._n_after - self._frames.stop
        self._frames.append(np.zeros((self.n_channels, max(missing, 0) * system.hop_samples), np.float32))
        parts = []
        while (left := n_label_frames - self.next_label_frame) > 0:
            parts.append(self._run(min(left, self.n_most), n_frames))
        return parts

    def _run(self, n: int, n_frames: int | None) -> Stretch:
        """Run the network; of a stream of `n_frames` frames that has ended, no frame after them is given."""
        first = self.next_label_frame * self.system.label_frames
        stop = first + n * self.system.label_frames
        start = time.perf_counter()
        begin, length = self._runner.needed(stop)
        features = self._frames.window(begin, length)
        between = time.perf_counter()
        heads = self._runner.run(features, begin, first, stop, n_frames)
        end = stop if n_frames is None else min(stop, n_frames)
        found = {name: head[: end - first].float().cpu() for name, head in heads.items()}
        self.next_label_frame += n
        return Stretch(first, found, {"features": between - start, "network": time.perf_counter() - between})


def _check_state(system: System, look_ahead: float | None, alone: bool) -> None:
    if look_ahead is not None:
        raise BadInput(
            f"--look_ahead {look_ahead:g}: {system.blueprint.model.name} has one of its own, of "
            f"{system.model.look_ahead_frames * system.hop:g} s; leave it out"
        )
    if not alone:
        raise BadInput(
            f"{system.blueprint.features.name}: features that are smoothed over time or normalized over a window "
            f"cannot be given to {system.blueprint.model.name} frame by frame; choose other features"
        )
