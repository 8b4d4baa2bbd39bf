"""Histograms of the directions of single-source bins, frame by frame; nothing is trained. First-order ambisonics only.

T. N. T. Nguyen et al., arXiv 2002.05865 and arXiv 2011.07859; constants in docs/sources.md, General architecture.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.features.single_source import directions, is_onset, noise_floor, smoothed_magnitude

STEP_DEG = 5.0
"""width of a bin of the histograms"""
LOWEST_AZIMUTH_DEG, LOWEST_ELEVATION_DEG = -180.0, -45.0
"""centre of the first bin"""
N_AZIMUTHS = 72
"""from -180 to 175 degrees"""
N_ELEVATIONS = 19
"""from -45 to 45 degrees"""


class Histograms(nn.Module):
    """Count the time-frequency bins of each frame by azimuth and by elevation.

    Only bins count that are louder than the noise floor, do not decay, and come from one direction.

    Args:
        sample_rate: Hz.
        n_fft: transform, samples.
        low_hz: range of the bins that count, Hz.
        high_hz: range of the bins that count, Hz.
        loud: required ratio of the magnitude to the noise floor; 0 skips the test.
        onset: required ratio to the magnitude of the frames before; 0 skips the test.
        coherence: required ratio of the first two eigenvalues of the covariance; 0 skips the test.
        smooth_frames: width of the moving average of counts, frames; odd.
        wrap: see `pad_frames`.
    """

    def __init__(
        self,
        sample_rate: int = 24000,
        n_fft: int = 1024,
        low_hz: float = 50.0,
        high_hz: float = 9000.0,
        loud: float = 1.5,
        onset: float = 1.0,
        coherence: float = 5.0,
        smooth_frames: int = 3,
        wrap: bool = False,
    ) -> None:
        super().__init__()
        self.low = max(1, math.floor(low_hz * n_fft / sample_rate))
        self.high = min(math.floor(high_hz * n_fft / sample_rate), n_fft // 2 + 1)
        self.loud, self.onset, self.coherence = loud, onset, coherence
        self.smooth_frames, self.wrap = smooth_frames, wrap

    def forward(self, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """Compute both histograms.

        Args:
            spectrum: (batch, channel = W Y Z X, frame, bin) complex.

        Returns:
            log(1 + count) for azimuth (batch, frame, 72) and elevation (batch, frame, 19), smoothed over neighbouring
            bins and frames.
        """
        batch, frame_and_bin, vector = self.single_source_bins(spectrum)
        n_batches, n_frames = len(spectrum), spectrum.shape[2]
        azimuth = torch.rad2deg(torch.atan2(vector[:, 1], vector[:, 0]))
        elevation = torch.rad2deg(torch.atan2(vector[:, 2], vector[:, :2].norm(dim=1)))
        azimuth_bin = torch.round((azimuth - LOWEST_AZIMUTH_DEG) / STEP_DEG).long() % N_AZIMUTHS
        elevation_bin = (
            torch.round((elevation - LOWEST_ELEVATION_DEG) / STEP_DEG).long().clamp(0, N_ELEVATIONS - 1)
        )
        counts = []
        for index, n_bins in ((azimuth_bin, N_AZIMUTHS), (elevation_bin, N_ELEVATIONS)):
            flat = (batch * n_frames + frame_and_bin[:, 0]) * n_bins + index
            count = torch.bincount(flat, minlength=n_batches * n_frames * n_bins)
            counts.append(count.reshape(n_batches, n_frames, n_bins).to(vector.dtype))
        azimuths = functional.pad(counts[0], (1, 1), mode="circular")
        elevations = functional.pad(counts[1], (1, 1), mode="replicate")
        return self._smooth(azimuths), self._smooth(elevations)

    def single_source_bins(self, spectrum: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Find the bins that count and their directions.

        Args:
            spectrum: (batch, channel = W Y Z X, frame, bin) complex.

        Returns:
            As for `directions`; bins are counted from `low_hz`.
        """
        spectrum = spectrum[..., self.low : self.high]
        magnitude = smoothed_magnitude(spectrum[:, 0], self.wrap)
        chosen = magnitude > 0
        if self.loud:
            chosen = chosen & (magnitude > self.loud * noise_floor(magnitude))
        if self.onset:
            chosen = chosen & is_onset(magnitude, self.onset)
        return directions(spectrum, chosen, self.coherence, self.wrap)

    def _smooth(self, count: Tensor) -> Tensor:
        """Average bins with weights 1/4 1/2 1/4, then frames; (batch, frame, bin + 2) -> (batch, frame, bin)."""
        count = count.unfold(2, 3, 1) @ count.new_tensor([0.25, 0.5, 0.25])
        half = self.smooth_frames // 2
        count = functional.avg_pool2d(
            count[:, None], (self.smooth_frames, 1), 1, (half, 0), count_include_pad=False
        )[:, 0]
        return torch.log1p(count)
