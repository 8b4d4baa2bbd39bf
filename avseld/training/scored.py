"""Recordings that are scored at each validation: run whole, counted, and shared out among the processes."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch

from avseld.base.errors import BadInput
from avseld.config import Data
from avseld.data.device_cache import kept_on_device
from avseld.data.device_recordings import DeviceRecordings, recordings_bytes
from avseld.data.device_streams import recordings_on_device
from avseld.data.visual import visual_inputs
from avseld.data.windows import WindowSource, check_annotation, reference
from avseld.evaluation.validation import RecordingResult, Validator
from avseld.io.events import Events
from avseld.io.manifest import Recording
from avseld.training.processes import gather_objects
from avseld.vision.visual_input import VisualInput

log = logging.getLogger(__name__)

N_EXAMPLES = 3
"""recordings whose predictions are kept, to be drawn"""


class ScoredRecordings:
    """Some recordings, their references, and the results of the last validation.

    Args:
        validator: runs and counts a recording.
        recordings: to score.
        references: events of each.
        visual: visual input of each, None where there is none.
        device_cache: whether they are kept on the device, see `avseld.config.Data`.
    """

    def __init__(
        self,
        validator: Validator,
        recordings: Sequence[Recording],
        references: Sequence[Events],
        visual: Sequence[VisualInput | None],
        device_cache: str,
    ) -> None:
        self.validator, self.recordings, self.references = validator, list(recordings), list(references)
        self.visual, self.device_cache = list(visual), device_cache
        self.rank, self.n_processes = 0, 1
        """number of this process, and of all"""
        self.results: list[tuple[int, RecordingResult]] = []
        self.examples: dict[int, Events] = {}
        """predictions of the first recordings of this process, by their place in the list"""

    @property
    def share(self) -> list[int]:
        """Places of the recordings of this process."""
        return list(range(self.rank, len(self.recordings), self.n_processes))

    @cached_property
    def on_device(self) -> DeviceRecordings | None:
        """This process's share of the recordings on the device, or None."""
        system = self.validator.system
        target = system.target
        ranks_reduced = target.ranked is not None and target.reduce is not None
        if self.validator.task != "seld" or ranks_reduced or target.probabilities is not None:
            return None
        recordings = [self.recordings[place] for place in self.share]
        references = [self.references[place] for place in self.share]
        visual = [self.visual[place] for place in self.share]
        return kept_on_device(
            self.device_cache,
            recordings_bytes(system, recordings),
            system.device,
            lambda: recordings_on_device(system, recordings, references, visual),
        )

    def run(self) -> None:
        """Run this process's share, whole and exactly as prediction does, and count."""
        self.results, self.examples = [], {}
        if self.on_device is not None:
            self._run_on_device(self.on_device)
            return
        for place in self.share:
            visual = self.visual[place]
            recording, events = self.recordings[place], self.references[place]
            boxes = visual.at if visual else None
            self._keep(place, self.validator.evaluate_recording(recording, events, boxes))

    def gather(self) -> list[RecordingResult]:
        """Collect the results of all processes, in the order of the recordings."""
        gathered = [item for part in gather_objects(self.results) for item in part]
        return [one for _, one in sorted(gathered, key=lambda item: item[0])]

    def _run_on_device(self, recordings: DeviceRecordings) -> None:
        """Run recordings in batches; the host counts one batch while the device runs the next."""
        system, share = self.validator.system, self.share
        reduce = system.target.reduce
        waiting: list[tuple[int, dict[str, torch.Tensor], torch.Tensor]] = []
        for outputs in recordings.run():
            fetched = []
            for one in outputs:
                heads = reduce(one.heads, system.hop) if reduce else one.heads
                heads = {name: value.to("cpu", non_blocking=True) for name, value in heads.items()}
                fetched.append((share[one.place], heads, one.losses.to("cpu", non_blocking=True)))
            self._count(waiting, recordings.loss_names)
            if system.device.type == "cuda":
                torch.cuda.current_stream(system.device).synchronize()
            waiting = fetched
        self._count(waiting, recordings.loss_names)

    def _count(
        self, fetched: Sequence[tuple[int, dict[str, torch.Tensor], torch.Tensor]], names: Sequence[str]
    ) -> None:
        for place, heads, losses in fetched:
            by_name = dict(zip(names, losses.tolist(), strict=True))
            result = self.validator.device_result(self.references[place], heads, by_name["loss"])
            self._keep(place, replace(result, losses=by_name))

    def _keep(self, place: int, result: RecordingResult) -> None:
        """Keep what is scored of a recording, and of the first ones the prediction, which is drawn."""
        if len(self.examples) < N_EXAMPLES:
            self.examples[place] = result.prediction
        self.results.append((place, replace(result, prediction=Events.empty(), probability=None)))


def mean_losses(results: Sequence[RecordingResult]) -> dict[str, float]:
    """Average each part of the loss over recordings."""
    return {name: float(np.mean([one.losses[name] for one in results])) for name in results[0].losses}


def of_validation(
    validator: Validator, windows: WindowSource, data: Data, recordings: Sequence[Recording]
) -> ScoredRecordings:
    """Collect what the recordings of the validation are scored with.

    Args:
        validator: scores them.
        windows: of the training.
        data: how recordings are shown and kept.
        recordings: to validate on.

    Raises:
        BadInput: labels that lack what the target is trained with.
    """
    system = validator.system
    n_classes, with_energies = len(system.blueprint.classes), system.target.needs_maps
    references = [reference(recording, n_classes, with_energies) for recording in recordings]
    check_annotation(system.target, recordings, references, windows.n_frames, windows.hop)
    shown = visual_inputs(recordings, data.video, windows.visual_spec, windows.seed)
    visual = [shown[recording.name] for recording in recordings]
    return ScoredRecordings(validator, recordings, references, visual, data.device_cache)


def some_of_training(validator: Validator, windows: WindowSource, data: Data, n: int) -> ScoredRecordings:
    """Choose recordings of the training to score, evenly over their list.

    Args:
        validator: scores them.
        windows: of the training; recordings with an event without times can't be scored.
        data: how recordings are kept.
        n: number of recordings; all where there are no more.

    Raises:
        BadInput: none can be scored.
    """
    recordings, references, visual = windows.some(n)
    if not recordings:
        raise BadInput(
            f"evaluate_training: {n}; the labels of the training recordings have no times to score, leave it out"
        )
    if len(recordings) < n:
        log.info("evaluate_training: %d training recordings can be scored, no more", len(recordings))
    return ScoredRecordings(validator, recordings, references, visual, data.device_cache)
