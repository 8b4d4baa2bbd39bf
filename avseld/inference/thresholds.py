"""Decision thresholds of trained systems: set at prediction, or tried one after the other on the same output."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from avseld.base.errors import BadInput
from avseld.inference.predictor import Predictor
from avseld.io.events import Events, concatenate
from avseld.io.manifest import Recording
from avseld.system.build import System
from avseld.system.inference import decode_heads, iterate_heads
from avseld.vision.visual_input import VisualInput


def set_threshold(system: System, threshold: float | None) -> None:
    """Decode with another threshold from now on.

    Args:
        system: its target has one threshold.
        threshold: of a probability or vector length; None changes nothing.

    Raises:
        BadInput: not between 0 and 1, or a target without such a threshold.
    """
    if threshold is None:
        return
    if not 0 <= threshold <= 1:
        raise BadInput(f"threshold {threshold}: give 0 to 1")
    if system.target.threshold is None:
        raise BadInput(
            f"threshold: {system.blueprint.target.name} has no single threshold; set its options in the recipe"
        )
    system.target.threshold = threshold


@contextmanager
def threshold_of(system: System, threshold: float) -> Iterator[None]:
    """Decode with another threshold inside the block; arguments and errors as for `set_threshold`."""
    before = system.target.threshold
    set_threshold(system, threshold)
    try:
        yield
    finally:
        system.target.threshold = before


def predict_at_thresholds(
    predictor: Predictor, recording: Recording, thresholds: Sequence[float], visual: VisualInput | None = None
) -> list[Events]:
    """Predict a recording once and decode it with several thresholds.

    Args:
        predictor: the trained system.
        recording: of a prepared folder.
        thresholds: as for `set_threshold`.
        visual: visual input, or None.

    Returns:
        Events by threshold, in its order.

    Raises:
        BadInput: as `Predictor.predict` and `set_threshold`.
    """
    read, n_samples = predictor.reader(recording.audio)
    parts: list[list[Events]] = [[] for _ in thresholds]
    stretches = iterate_heads(
        predictor.system, read, n_samples, visual.at if visual else None, predictor.batch_size
    )
    for first, heads in stretches:
        for index, threshold in enumerate(thresholds):
            with threshold_of(predictor.system, threshold):
                parts[index].append(decode_heads(predictor.system, first, heads))
    return [concatenate(part) for part in parts]
