"""From the samples of an input to those of a system: its channels, its format and its rate, block by block."""

import numpy as np

from avseld.io.block_resampler import BlockResampler
from avseld.io.channel_map import Channels, map_for_format
from avseld.io.resampling import as_stored


class Conversion:
    """Takes the channels of a format from the blocks of an input and brings them to the rate of a system.

    A file that comes through here block by block has the samples that `avseld.io.resampling.open_recording` reads.

    Args:
        rate: Hz of the input.
        n_channels: of the input.
        format: of the system.
        sample_rate: Hz of the system.
        channels: those to take, see `avseld.io.channel_map.map_for_format`; None takes all.
        subtype: kind of the samples of the input; those of 16 bits are rounded as prepared recordings are.
        name: of the input, for messages.

    Raises:
        BadInput: the input has not these channels; says what to choose.
    """

    def __init__(
        self,
        rate: int,
        n_channels: int,
        format: str,
        sample_rate: int,
        channels: Channels | None,
        subtype: str,
        name: str,
    ) -> None:
        self._map = map_for_format(n_channels, format, channels, name)
        self._subtype = subtype
        self.n_channels = n_channels if self._map is None else self._map.n_channels
        self.taken = np.arange(n_channels) if self._map is None else self._map.order
        """(channel,) indices of the channels of the input that are used"""
        self._resampler = BlockResampler(rate, sample_rate, self.n_channels)

    @property
    def resamples(self) -> bool:
        """Whether the rates differ."""
        return self._resampler.rate != self._resampler.sample_rate

    @property
    def delay(self) -> float:
        """Seconds that samples wait in the filter of the resampler, as of the last block."""
        return self._resampler.delay

    def take(self, block: np.ndarray) -> np.ndarray:
        """Convert the next samples.

        Args:
            block: (sample, channel) of the input.

        Returns:
            (channel, sample) float32 of the system; the last of them come out later.
        """
        wide = block.astype(np.float64)
        taken = wide if self._map is None else self._map.take(wide.T).T
        return self._finished(self._resampler.take(taken))

    def finish(self) -> np.ndarray:
        """Return the samples (channel, sample) that did not come out yet."""
        return self._finished(self._resampler.finish())

    def _finished(self, samples: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(as_stored(samples, self._subtype).T)
