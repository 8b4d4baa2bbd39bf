"""Visual input of recordings: boxes and embeddings read for the videos that a run uses."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.config import VideoControl
from avseld.data.folds import visible
from avseld.io.alignment import boxes_of, embeddings_of
from avseld.io.boxes import is_perspective, source_of
from avseld.io.manifest import Recording
from avseld.vision.visual_input import VisualInput, VisualSpec

log = logging.getLogger(__name__)


def load_visual_input(recording: Recording, spec: VisualSpec | None = None) -> VisualInput:
    """Read the visual input of one recording.

    Args:
        recording: names the files of boxes and of embeddings, the video of both, and how it lies against the sound.
        spec: what the network takes from a video.

    Raises:
        BadInput: a file is missing, damaged or of another video.
    """
    spec = spec or VisualSpec()
    boxes = embeddings = None
    if spec.n_boxes:
        boxes = boxes_of(recording)
        if boxes is None:
            raise BadInput(f"{recording.boxes}: not found; make it with avseld-detect boxes")
    if spec.n_values:
        embeddings = embeddings_of(recording)
    visual = VisualInput(boxes, spec, embeddings)
    if visual.duration < recording.duration - LABEL_HOP:
        log.warning(
            "%s: the video ends at %.1f s, the audio at %.1f s; it is used as far as it goes",
            recording.name,
            visual.duration,
            recording.duration,
        )
    return visual


def visual_inputs(
    recordings: Sequence[Recording], control: VideoControl, spec: VisualSpec | None = None, seed: int = 0
) -> dict[str, VisualInput | None]:
    """Load the visual input of each recording: of its own video, of that of another recording, or None.

    Args:
        recordings: all of them.
        control: aligned, shuffled or blank.
        spec: what the network takes from a video.
        seed: decides which other recording.

    Raises:
        BadInput: fewer than two videos to shuffle.
    """
    shown: dict[str, VisualInput | None] = {recording.name: None for recording in recordings}
    if control == "blank":
        return shown
    seen = [r for r in recordings if visible(r, spec)]
    source = list(seen)
    if control == "shuffled":
        if len(seen) < 2:
            raise BadInput(
                "video: shuffled needs at least two recordings with boxes; run avseld-detect boxes (or embed)"
            )
        order = np.random.default_rng([seed, 0x5EED]).permutation(len(seen))
        source = [seen[order[(int(place) + 1) % len(order)]] for place in np.argsort(order)]
    for recording, other in zip(seen, source, strict=True):
        shown[recording.name] = load_visual_input(
            replace(other, duration=0.0) if other is not recording else recording, spec
        )
    return shown


def warn_about_edges(visuals: Iterable[VisualInput | None], wrap: bool) -> None:
    """Warn about boxes of perspective pictures for a network that lets boxes continue beyond the seam of a panorama.

    Args:
        visuals: as from `visual_inputs`.
        wrap: whether the network does so.
    """
    seen = [visual.boxes.about for visual in visuals if visual is not None and visual.boxes is not None]
    flat = [about for about in seen if is_perspective(about)]
    if wrap and flat:
        log.warning(
            "boxes of %d of %d videos are of pictures such as %g x %g, which are no panoramas: the network takes both "
            "of their edges for one place; give --model.options.wrap false, or another model that has it",
            len(flat),
            len(seen),
            flat[0]["width"],
            flat[0]["height"],
        )


def box_sources(visuals: Iterable[VisualInput | None]) -> list[dict[str, Any]]:
    """List how the boxes of some recordings were made, each way once.

    Args:
        visuals: as from `visual_inputs`; those without boxes are passed over.
    """
    found: list[dict[str, Any]] = []
    for visual in visuals:
        source = {} if visual is None or visual.boxes is None else source_of(visual.boxes.about)
        if source and source not in found:
            found.append(source)
    return found
