"""Check the normalization of ambisonic recordings: compare the energy of Y, Z and X with that of W.

In SN3D they have together the energy of W, for a plane wave and for a diffuse field alike; in N3D three times, with the
W of FuMa, which is 3 dB lower, twice as much (`avseld.io.channel_map.CONVENTIONS`). Noise of the channels themselves
looks like N3D, so that only recordings count whose sound has a direction. No labels are needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.directions.bands import in_band
from avseld.directions.intensity import BAND_HZ, MAX_RATIO, MIN_RATIO, NAMED_RATIO, energies, intensity
from avseld.io.audio import audio_info, read_audio
from avseld.io.manifest import Recording

N_FRAMES = 100
"""frames of 100 ms of a recording that are evaluated, evenly spread"""
LOUD_SHARE = 0.5
MIN_DIRECTEDNESS = 0.2
"""least median of |intensity| / energy of W: noise of the channels has 0.08, rooms 0.07 to 0.84"""


@dataclass(frozen=True)
class Gains:
    """Energies of the directional channels relative to W.

    Args:
        ratios: (recording,) of the recordings whose sound has a direction.
    """

    ratios: np.ndarray

    @property
    def ratio(self) -> float:
        """Median over the recordings; NaN without any."""
        return float(np.median(self.ratios)) if len(self.ratios) else np.nan

    @property
    def suspicious(self) -> bool:
        """Whether the recordings are not in SN3D."""
        return bool(self.ratio > MAX_RATIO or self.ratio < MIN_RATIO)

    def words(self, is_fuma_order: bool | None) -> str:
        """Describe what the gains look like, and how to convert them.

        Args:
            is_fuma_order: whether the labels say that the channels are W X Y Z; None if they say nothing.
        """
        low, high = self.ratios.min(), self.ratios.max()
        spread = f"{low:.1f} to {high:.1f}" if len(self.ratios) > 1 else "one recording only"
        found = (
            f"Y, Z and X have together {self.ratio:.2f} times the energy of W "
            f"({len(self.ratios)} recordings, {spread}); in SN3D it is 1"
        )
        if self.ratio < 1:
            return f"{found}; were gains for N3D applied twice? (0.33) convert the recordings anew"
        if is_fuma_order:
            return f"{found}, with the W of FuMa 2: prepare again with --channels fuma, as the order W X Y Z says"
        if is_fuma_order is None:
            likely = "N3D" if self.ratio > NAMED_RATIO else "FuMa"
            return (
                f"{found}, in N3D 3, with the W of FuMa 2; likely {likely}, which labels would confirm: prepare again "
                "with --channels n3d (W Y Z X) or fuma (W X Y Z)"
            )
        if self.ratio > NAMED_RATIO:
            return f"{found}, in N3D 3: prepare again with --channels n3d"
        return f"{found}; with the W of FuMa it is 2, but the order is W Y Z X: raise W by 3 dB"


def measure(recording: Recording) -> tuple[float, float]:
    """Measure the louder frames of a recording.

    Args:
        recording: first-order ambisonics, W first.

    Returns:
        Energy of the other three channels relative to W, and |intensity| relative to it; medians over frames, NaN in
        silence.
    """
    info = audio_info(recording.audio)
    length = round(LABEL_HOP * info.sample_rate)
    n_frames = info.n_samples // length
    picked = np.unique(np.linspace(0, n_frames - 1, min(N_FRAMES, n_frames)).round().astype(int))
    band, window = in_band(length, info.sample_rate, BAND_HZ), np.hanning(length)
    energy, vectors = np.zeros((len(picked), 4)), np.zeros((len(picked), 3))
    for index, frame in enumerate(picked):
        spectrum = np.fft.rfft(read_audio(recording.audio, int(frame) * length, length) * window)[:, band]
        energy[index], vectors[index] = energies(spectrum), intensity(spectrum)
    omni = energy[:, 0]
    loud = (omni > 0) & (omni >= np.quantile(omni, 1 - LOUD_SHARE)) if len(omni) else np.zeros(0, bool)
    if not loud.any():
        return np.nan, np.nan
    ratio = energy[loud, 1:].sum(axis=1) / omni[loud]
    directedness = np.linalg.norm(vectors[loud], axis=1) / omni[loud]
    return float(np.median(ratio)), float(np.median(directedness))


def gains(measured: Sequence[tuple[float, float]]) -> Gains:
    """Collect the recordings whose sound has a direction, each from `measure`."""
    return Gains(np.array([ratio for ratio, directedness in measured if directedness >= MIN_DIRECTEDNESS]))
