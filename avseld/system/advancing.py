"""Recordings run stretch by stretch with the state of the network carried: for networks that can run a stream.

A recording is predicted as a stream of the same sound would be; `avseld.decoding.stretches` has the arithmetic. Memory
does not grow with its length.
"""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from avseld.decoding.stretches import Stretch, predicted_frames, stretches_of
from avseld.system.build import System


def advance(
    system: System, waveform: Tensor, visual: Tensor | None, state: Mapping[str, Tensor] | None
) -> tuple[dict[str, Tensor], Mapping[str, Tensor]]:
    """Run the next stretch of one or several streams.

    Args:
        system: in evaluation; its model can run a stream.
        waveform: (batch, channel, sample) the samples that the frames of the stretch cover.
        visual: (batch, label frame, ...) or None.
        state: of the stretch before; None at the beginning.

    Returns:
        The heads (batch, frame, ...), float32, `look_ahead_frames` before those of the stretch; and the state.
    """
    dtype, device = next(system.model.parameters()).dtype, system.device
    step: Callable[..., tuple[dict[str, Tensor], Mapping[str, Tensor]]] | None = system.model.advance
    assert step is not None
    with torch.inference_mode():
        with system.full_precision():
            features: Tensor = system.features(waveform.to(device, dtype), centered=False)
        seen = None if visual is None else visual.to(device, dtype)
        heads, state = step(features.contiguous(memory_format=torch.channels_last), seen, state)
    return {name: heads[name].float() for name in system.target.shapes}, state


def iterate_advanced(
    system: System,
    n_frames: int,
    at_once: int,
    sound_of: Callable[[Stretch], Tensor],
    visual_of: Callable[[Stretch], Tensor | None],
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Run one or several recordings of the same length from beginning to end.

    Args:
        system: in evaluation; its model can run a stream.
        n_frames: feature frames of the recordings.
        at_once: windows in a stretch.
        sound_of: stretch -> (batch, channel, sample) as `stretch_samples` says, zeros beyond the recording.
        visual_of: stretch -> (batch, label frame, ...) or None.

    Yields:
        First frame of a stretch, and the heads (batch, frame, ...) from there on; together all of the recording.
    """
    state: Mapping[str, Tensor] | None = None
    ahead = system.model.look_ahead_frames
    for stretch in stretches_of(system.lengths, n_frames, ahead, at_once):
        heads, state = advance(system, sound_of(stretch), visual_of(stretch), state)
        first, kept = predicted_frames(stretch, n_frames, ahead)
        if kept.start < kept.stop:
            yield first, {name: head[:, kept] for name, head in heads.items()}
