"""Pictures of a prediction beside its reference, in TensorBoard."""

import math
import time
from concurrent.futures import Future, ThreadPoolExecutor

from lightning.pytorch.loggers import TensorBoardLogger

from avseld.io.audio import read_audio
from avseld.io.events import Events
from avseld.io.manifest import Recording

INTERVAL_S = 15.0
"""least time between two drawings"""
LONGEST_S = 60.0
"""seconds of a recording that are drawn, from its beginning"""


class PredictionDrawing:
    """Draws predictions of a recording in a thread: a drawing takes a second of Python.

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
        self.drawn_at_s = -math.inf

    def draw(
        self, recording: Recording, reference: Events, prediction: Events, step: int, is_last: bool
    ) -> None:
        """Start a drawing, unless the one before is recent.

        Args:
            recording: its spectrogram is drawn.
            reference: its labels.
            prediction: its predicted events.
            step: of the training.
            is_last: whether no further validation follows.
        """
        now = time.monotonic()
        if now - self.drawn_at_s < INTERVAL_S and not is_last:
            return
        self.wait()
        self.drawn_at_s = now
        self.drawing = self.thread.submit(self._draw, recording, reference, prediction, step)

    def wait(self) -> None:
        """Wait for the drawing that was started last, and raise what it raised."""
        if self.drawing is not None:
            self.drawing.result()

    def _draw(self, recording: Recording, reference: Events, prediction: Events, step: int) -> None:
        from avseld.reporting import figure  # loads matplotlib, which nothing else in a training needs

        stop = min(recording.duration, LONGEST_S)
        drawn = figure(
            read_audio(recording.audio, 0, round(stop * self.sample_rate)),
            self.sample_rate,
            reference.within(0, stop),
            prediction.within(0, stop),
            self.classes,
            title=recording.name,
        )
        self.board.experiment.add_figure("prediction", drawn, step)
