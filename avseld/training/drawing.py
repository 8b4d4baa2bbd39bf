"""Pictures of a prediction beside its reference, in TensorBoard."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from avseld.io.audio import read_audio
from avseld.io.events import Events
from avseld.io.manifest import Recording

INTERVAL_S = 15.0
"""least time between two drawings, for each recording that is drawn"""
LONGEST_S = 60.0
"""seconds of a recording that are drawn or played, from its beginning"""
PEAK = 0.9
"""of the sound that is played"""


@dataclass(frozen=True)
class Drawn:
    """A recording to draw: its spectrogram, its labels, its predicted events."""

    recording: Recording
    reference: Events
    prediction: Events


class PredictionDrawing:
    """Draws predictions of recordings in a thread: a drawing takes a second of Python.

    Where validations follow each other within seconds not each of them is drawn, but always the last.

    Args:
        board: receives the figures.
        classes: class names.
        sample_rate: of the recordings, Hz.
    """

    def __init__(self, board: TensorBoardLogger, classes: list[str], sample_rate: int) -> None:
        self.board, self.classes, self.sample_rate = board, classes, sample_rate
        self.thread = ThreadPoolExecutor(1)
        self.drawing: Future[None] | None = None
        self.next_s = -math.inf

    def play(self, recording: Recording, step: int) -> None:
        """Give TensorBoard the sound of a recording, one channel at a peak of 0.9.

        Args:
            recording: at most a minute of it.
            step: of the training.
        """
        n_samples = round(min(recording.duration, LONGEST_S) * self.sample_rate)
        sound = read_audio(recording.audio, 0, n_samples)
        # Of ambisonics and of arrays the first channel: the omnidirectional one, or a microphone.
        mono = sound.mean(axis=0) if len(sound) <= 2 else sound[0]
        loudest = float(np.abs(mono).max())
        self.board.experiment.add_audio(
            f"sound/{recording.name}",
            torch.from_numpy(mono * (PEAK / loudest if loudest else 1.0))[None],
            step,
            sample_rate=self.sample_rate,
        )

    def draw(self, recordings: Sequence[Drawn], step: int, is_last: bool) -> None:
        """Start a drawing, unless the one before is recent.

        Args:
            recordings: a figure each.
            step: of the training.
            is_last: whether no further validation follows.
        """
        now = time.monotonic()
        if now < self.next_s and not is_last:
            return
        self.wait()
        self.next_s = now + INTERVAL_S * len(recordings)
        self.drawing = self.thread.submit(self._draw, recordings, step)

    def wait(self) -> None:
        """Wait for the drawing that was started last, and raise what it raised."""
        if self.drawing is not None:
            self.drawing.result()

    def _draw(self, recordings: Sequence[Drawn], step: int) -> None:
        from avseld.reporting import figure  # loads matplotlib, which nothing else in a training needs

        for each in recordings:
            stop = min(each.recording.duration, LONGEST_S)
            drawn = figure(
                read_audio(each.recording.audio, 0, round(stop * self.sample_rate)),
                self.sample_rate,
                each.reference.within(0, stop),
                each.prediction.within(0, stop),
                self.classes,
                title=each.recording.name,
                fitted=False,
            )
            self.board.experiment.add_figure(f"prediction/{each.recording.name}", drawn, step)
