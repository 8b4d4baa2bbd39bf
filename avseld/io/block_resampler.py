"""Resampling block by block."""

import numpy as np
import soxr

QUALITY = "HQ"
"""of soxr: 20 bits, as `librosa.resample(..., res_type="soxr_hq")`"""


def resampled_length(n_samples: int, rate: int, sample_rate: int) -> int:
    """Compute the length of a recording after resampling, rounded up to a sample."""
    return -(-n_samples * sample_rate // rate)


class BlockResampler:
    """Resamples a recording or a stream block by block, to the samples that it would have as a whole.

    Args:
        rate: Hz of the blocks.
        sample_rate: Hz wanted; the same as `rate` leaves the samples as they are.
        n_channels: of a sample.
    """

    def __init__(self, rate: int, sample_rate: int, n_channels: int) -> None:
        self.rate, self.sample_rate, self.n_channels = rate, sample_rate, n_channels
        self.read = self.written = 0
        """samples taken and given so far"""
        self._stream = soxr.ResampleStream(rate, sample_rate, n_channels, dtype="float64", quality=QUALITY)

    @property
    def delay(self) -> float:
        """Seconds of what was taken that did not come out yet."""
        return self.read / self.rate - self.written / self.sample_rate

    def take(self, block: np.ndarray) -> np.ndarray:
        """Resample the next samples: (sample, channel) -> (sample, channel) float64; the last ones come out later."""
        self.read += len(block)
        if self.rate != self.sample_rate:
            block = self._stream.resample_chunk(np.ascontiguousarray(block, np.float64))
        self.written += len(block)
        return block

    def finish(self) -> np.ndarray:
        """Return the samples that did not come out yet: together n * sample_rate / rate, rounded up."""
        if self.rate == self.sample_rate:
            return np.zeros((0, self.n_channels))
        # Zeros after the end flush the filter and give the sample that rounding up adds.
        tail = np.zeros((2 + self.rate // self.sample_rate, self.n_channels))
        missing = resampled_length(self.read, self.rate, self.sample_rate) - self.written
        block = self._stream.resample_chunk(tail, last=True)[:missing]
        self.written += len(block)
        return block
