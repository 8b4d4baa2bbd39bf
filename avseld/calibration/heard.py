"""What a recording holds: when something sounds, how loud it is over the noise, and the spectra of its onsets.

Of a sound in a room, its onset alone comes from its source: a few milliseconds later reflections from everywhere are
added. Onsets are windows in which the power exceeds all that was there before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from avseld.directions.bands import in_band
from avseld.directions.steered_power import cross_spectra

BAND_HZ = (200.0, 5000.0)
"""claps and voices are in it, the rumble of rooms is not"""
WINDOW_S = 0.0107
"""duration of a window, which is rounded to a power of two: 256 samples at 24 kHz"""
HOPS = 8
"""windows begin this part of their length apart"""
FLOOR_SHARE = 0.2
"""share of the windows that is taken for noise: a recording is quiet for at least so long"""
MAX_RANGE_DB = 70.0
"""digital silence is taken for noise so far below the loudest window"""
RISE_DB = 6.0
"""by which an onset exceeds what was before it ..."""
BEFORE_S = 0.05
"""... for this long"""
MAX_BELOW_LOUDEST_DB = 15.0
"""onsets of one place that are weaker than its loudest one by more are left out"""
BLOCK_WINDOWS = 2000
"""windows that are transformed at once"""


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Cross-spectra of the onsets of the sounds from one place, less those of the noise.

    Args:
        cross: (channel, channel, bin) complex, of the bins in `BAND_HZ`; each onset counts alike.
        sample_rate: Hz.
        n_fft: samples of a window.
        weight: (bin,) share of the power that is not noise, 0 to 1.
        power: (bin,) of all recorded channels together, noise included.
        n_onsets: number of onsets.
        rise_db: (channel,) level of the loudest window above the noise of the channel.
    """

    cross: np.ndarray
    sample_rate: int
    n_fft: int
    weight: np.ndarray
    power: np.ndarray
    n_onsets: int
    rise_db: np.ndarray

    @property
    def frequency(self) -> np.ndarray:
        """(bin,) Hz."""
        frequencies = np.fft.rfftfreq(self.n_fft, 1 / self.sample_rate)
        return frequencies[in_band(self.n_fft, self.sample_rate, BAND_HZ)]

    def taken(self, gains: np.ndarray) -> "Arrivals":
        """Mix the channels by (output, channel) real gains, as a map of channels does."""
        return replace(self, cross=np.einsum("oc,cdf,pd->opf", gains, self.cross, gains))

    def covariance(self, band_hz: tuple[float, float] = BAND_HZ) -> np.ndarray:
        """Return the real covariance of the channels, (channel, channel), in which all frequencies count alike."""
        kept = (self.frequency >= band_hz[0]) & (self.frequency <= band_hz[1])
        return np.einsum(
            "f,cdf->cd", (self.weight / np.maximum(self.power, 1e-30))[kept], self.cross[..., kept].real
        )


class Heard:
    """A recording in windows.

    Args:
        waveform: (channel, sample).
        sample_rate: Hz.
    """

    def __init__(self, waveform: np.ndarray, sample_rate: int) -> None:
        self.waveform, self.sample_rate = waveform, sample_rate
        self.n_fft = 2 ** round(np.log2(WINDOW_S * sample_rate))
        self.hop = self.n_fft // HOPS
        self.band = in_band(self.n_fft, sample_rate, BAND_HZ)
        self.n_windows = max((waveform.shape[1] - self.n_fft) // self.hop + 1, 0)
        self._window = np.hanning(self.n_fft + 2)[1:-1]
        self.power = np.zeros((len(waveform), self.n_windows))
        """(channel, window) power in the band"""
        for windows in self._blocks():
            self.power[:, windows] = np.square(np.abs(self.spectrum(windows))).sum(axis=-1)
        self.noise = self._noise()
        """(channel, channel, bin) cross-spectra of the noise in a window"""

    def _blocks(self) -> list[range]:
        return [
            range(first, min(first + BLOCK_WINDOWS, self.n_windows))
            for first in range(0, self.n_windows, BLOCK_WINDOWS)
        ]

    def _noise(self) -> np.ndarray:
        """Average the cross-spectra of the quietest windows."""
        total = self.power.sum(axis=0)
        quiet = np.flatnonzero(total <= np.quantile(total, FLOOR_SHARE)) if len(total) else np.zeros(0, int)
        noise = np.zeros((len(self.power), len(self.power), int(self.band.sum())), complex)
        for first in range(0, len(quiet), BLOCK_WINDOWS):
            noise += cross_spectra(self.spectrum(quiet[first : first + BLOCK_WINDOWS]))
        return noise / max(len(quiet), 1)

    def spectrum(self, windows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Transform windows (numbers) into (channel, window, bin of the band)."""
        starts = np.asarray(windows, int) * self.hop
        samples = self.waveform[:, starts[:, None] + np.arange(self.n_fft)]
        return np.fft.rfft(samples * self._window, axis=-1)[..., self.band]

    def time(self, window: int) -> float:
        """Return the time of the middle of a window, seconds."""
        return (window * self.hop + self.n_fft / 2) / self.sample_rate

    @property
    def floor(self) -> np.ndarray:
        """(channel,) power of the noise of a window; of a channel without any, that of a faint one."""
        loudest = self.power.max(axis=1, initial=0.0)
        noise = np.einsum("ccf->c", self.noise).real
        return np.maximum(noise, loudest * 10 ** (-MAX_RANGE_DB / 10))

    def rise_db(self) -> np.ndarray:
        """Return levels above the noise (channel, window), in dB; 0 where a channel is silent."""
        floor = self.floor
        sounding = floor > 0
        ratio = self.power / np.where(sounding, floor, 1.0)[:, None]
        return np.where(sounding[:, None], 10 * np.log10(np.maximum(ratio, 1e-9)), 0.0)

    def onsets(self, first: int, last: int) -> list[int]:
        """Find windows in which sound begins: the first ones that exceed all within `BEFORE_S` before them.

        Args:
            first: window from which on.
            last: window before which.
        """
        total = self.power.sum(axis=0)
        least = float(self.floor.sum())
        before = round(BEFORE_S * self.sample_rate / self.hop)
        found: list[int] = []
        for window in range(max(first, HOPS + 1), min(last, self.n_windows - HOPS // 2)):
            earlier = total[max(window - before, 0) : window - HOPS + 1].max()
            is_free = not found or window - found[-1] >= before
            if is_free and total[window] >= 10 ** (RISE_DB / 10) * max(earlier, least):
                found.append(window)
        return found

    def arrivals(self, first: int, last: int) -> Arrivals:
        """Collect the onsets between two windows: for each, the windows that end within half a window after it.

        Args:
            first: window from which on.
            last: window before which.
        """
        found = self.onsets(first, last)
        n_windows = HOPS // 2 + 1
        crosses = [
            cross_spectra(self.spectrum(range(onset, onset + n_windows))) / n_windows for onset in found
        ]
        powers = np.array([np.einsum("ccf->", cross).real for cross in crosses])
        kept = np.flatnonzero(powers >= powers.max(initial=0.0) * 10 ** (-MAX_BELOW_LOUDEST_DB / 10))
        whole = sum((crosses[each] / powers[each] for each in kept), np.zeros_like(self.noise))
        noise = self.noise * sum(1 / powers[each] for each in kept)
        power, of_noise = (np.einsum("ccf->f", each).real for each in (whole, noise))
        weight = np.clip(1 - of_noise / np.maximum(power, 1e-30), 0, 1)
        rise = self.rise_db()[:, first:last].max(axis=1, initial=0.0)
        return Arrivals(whole - noise, self.sample_rate, self.n_fft, weight, power, len(kept), rise)
