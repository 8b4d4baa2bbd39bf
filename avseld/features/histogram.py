"""Histograms of the directions from which single sources are heard, frame by frame: nothing here is learned.

T. N. T. Nguyen et al., Robust source counting and DOA estimation (arXiv 2002.05865) and A general network architecture
(arXiv 2011.07859); `General architecture` spec, sections 3 and 9. First-order ambisonics only.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.features.single_source import directions, noise_floor, rising, running_magnitude

STEP_DEG, N_AZIMUTHS, N_ELEVATIONS = 5.0, 72, 19
"""azimuth from -180 up to 175 and elevation from -45 to 45 degrees"""


class Histograms(nn.Module):
    """Votes of the bins of each frame for azimuths and for elevations.

    A bin votes if it is louder than the noise floor, does not die away, and is heard from one direction.

    Args of the constructor:
        sample_rate: Hz.
        n_fft: samples of the transform.
        low_hz, high_hz: range of bins that vote.
        loud: how many times the noise floor; 0 skips the test.
        onset: how many times the level just before; 0 skips the test.
        coherence: how many times the second eigenvalue the first one must be; 0 skips the test.
        smooth_frames: votes are averaged over so many frames, odd.
        wrap: see `surrounded`.
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
        """Count the votes.

        Args:
            spectrum: (batch, channel = W Y Z X, frame, bin) complex.

        Returns:
            log(1 + votes) for azimuth (batch, frame, 72) and elevation (batch, frame, 19), smoothed over neighbours
            and frames.
        """
        batch, place, vector = self.votes(spectrum)
        n_batches, n_frames = len(spectrum), spectrum.shape[2]
        azimuth = torch.rad2deg(torch.atan2(vector[:, 1], vector[:, 0]))
        elevation = torch.rad2deg(torch.atan2(vector[:, 2], vector[:, :2].norm(dim=1)))
        chosen = torch.round((azimuth + 180) / STEP_DEG).long() % N_AZIMUTHS
        level = (torch.round((elevation + 45) / STEP_DEG).long()).clamp(0, N_ELEVATIONS - 1)
        counts = []
        for index, n_bins in ((chosen, N_AZIMUTHS), (level, N_ELEVATIONS)):
            flat = (batch * n_frames + place[:, 0]) * n_bins + index
            count = torch.bincount(flat, minlength=n_batches * n_frames * n_bins)
            counts.append(count.reshape(n_batches, n_frames, n_bins).to(vector.dtype))
        around, along = counts
        around = functional.pad(around, (1, 1), mode="circular")
        along = functional.pad(along, (1, 1), mode="replicate")
        return self._smooth(around), self._smooth(along)

    def votes(self, spectrum: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The bins that vote; arguments and result as for `directions`."""
        spectrum = spectrum[..., self.low : self.high]
        magnitude = running_magnitude(spectrum[:, 0], self.wrap)
        chosen = magnitude > 0
        if self.loud:
            chosen = chosen & (magnitude > self.loud * noise_floor(magnitude))
        if self.onset:
            chosen = chosen & rising(magnitude, self.onset)
        return directions(spectrum, chosen, self.coherence, self.wrap)

    def _smooth(self, count: Tensor) -> Tensor:
        """Neighbours with a quarter each, then frames; (batch, frame, bin + 2) -> (batch, frame, bin)."""
        count = count.unfold(2, 3, 1) @ count.new_tensor([0.25, 0.5, 0.25])
        half = self.smooth_frames // 2
        count = functional.avg_pool2d(
            count[:, None], (self.smooth_frames, 1), 1, (half, 0), count_include_pad=False
        )[:, 0]
        return torch.log1p(count)
