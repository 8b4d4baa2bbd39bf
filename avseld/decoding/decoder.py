"""What every decoder has."""

from typing import Protocol

import numpy as np

from avseld.io.events import Events


class Decoder(Protocol):
    """Heads of a network -> events: a frozen dataclass whose fields are plain values, so that files can hold it."""

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording.

        Args:
            output: heads (frame, ...).
            hop: seconds between frames.

        Returns:
            Events; times count from the first frame.
        """
        ...
