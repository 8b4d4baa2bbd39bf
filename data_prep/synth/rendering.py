"""A rendered recording: events, noise and labels. Imports no renderer, so that every renderer may return one."""

from dataclasses import dataclass

import numpy as np

from avseld.io.events import Events


@dataclass(frozen=True, eq=False)
class Rendering:
    """A rendered recording."""

    events: np.ndarray
    """(channel, sample): all events with their reverberation"""
    noise: np.ndarray
    """(channel, sample): ambient noise"""
    labels: Events
    """one row per source and label frame"""

    @property
    def mix(self) -> np.ndarray:
        """Return the recording, (channel, sample)."""
        return self.events + self.noise
