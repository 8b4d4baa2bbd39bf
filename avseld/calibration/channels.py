"""The channels of a recording: silent, identical, clipped or late ones, and which are those of the microphones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avseld.base.errors import BadInput
from avseld.calibration.heard import Heard
from avseld.calibration.places import Span
from avseld.io.channel_map import AMBISONIC_CHANNELS

N_TAKEN = 4
LEAST_RISE_DB = 6.0
"""by which a channel that works rises above its noise in some sound"""
SAME_SHARE = 1e-3
"""of the power of a channel, which remains if another one is subtracted from it: less is the same signal"""
FULL_SCALE = 0.999
CLIPPED_RUN = 3
"""successive samples at full scale that are clipped"""
LATE_S = 0.012
"""by which a channel that was processed lags; first reflections, which are all that a channel of ambisonics may hear of
a sound, are sooner"""
LONGEST_DELAY_S = 0.2
"""of a channel that was processed"""


@dataclass(frozen=True)
class ChannelState:
    """What is known of one channel.

    Args:
        number: counted from 1.
        peak_db: largest sample, dB relative to full scale.
        rise_db: level above its noise by place.
        n_clipped: clipped samples.
        same_as: number of an earlier channel with the same signal; 0 for none.
        delay_s: seconds by which it lags behind the others.
    """

    number: int
    peak_db: float
    rise_db: Mapping[str, float]
    n_clipped: int
    same_as: int
    delay_s: float

    @property
    def flaw(self) -> str:
        """Why it is no microphone that works; empty if it is one."""
        if np.isinf(self.peak_db):
            return "silent"
        if max(self.rise_db.values()) < LEAST_RISE_DB:
            return "dead: it hears none of the sounds"
        if self.same_as:
            return f"the same as channel {self.same_as}"
        return ""

    @property
    def remark(self) -> str:
        """Why it seems to be no microphone of the array; empty if it may be one."""
        if self.flaw or abs(self.delay_s) <= LATE_S:
            return self.flaw
        word = "late" if self.delay_s > 0 else "early"
        return f"{1000 * abs(self.delay_s):.0f} ms {word}, as a processed signal"


@dataclass(frozen=True, eq=False)
class Places:
    """The recordings of the places.

    Args:
        heard: by place; of one recording the same for all.
        spans: windows by place.
        file: by place, for messages.
    """

    heard: Mapping[str, Heard]
    spans: Mapping[str, Span]
    file: Mapping[str, str]

    @property
    def n_channels(self) -> int:
        """Channels of the recordings."""
        return len(next(iter(self.heard.values())).waveform)

    def sound(self, name: str) -> np.ndarray:
        """Return the samples of a place, (channel, sample)."""
        heard, span = self.heard[name], self.spans[name]
        return heard.waveform[:, span.first * heard.hop : span.last * heard.hop + heard.n_fft]


def channel_states(places: Places) -> list[ChannelState]:
    """Look at every channel of the recordings of the places."""
    sounds = [places.sound(name) for name in places.spans]
    rises = {
        name: places.heard[name].rise_db()[:, span.first : span.last].max(axis=1, initial=0.0)
        for name, span in places.spans.items()
    }
    whole = list({id(heard): heard.waveform for heard in places.heard.values()}.values())
    peaks = np.max([np.abs(each).max(axis=1, initial=0.0) for each in whole], axis=0)
    working = [
        c for c in range(places.n_channels) if max(rise[c] for rise in rises.values()) >= LEAST_RISE_DB
    ]
    delays = _delays(places, working) if working else dict.fromkeys(range(places.n_channels), 0.0)
    return [
        ChannelState(
            channel + 1,
            float(20 * np.log10(peaks[channel])) if peaks[channel] > 0 else -np.inf,
            {name: float(rise[channel]) for name, rise in rises.items()},
            sum(_clipped(each[channel]) for each in whole),
            next((1 + other for other in working if other < channel and _same(sounds, other, channel)), 0),
            delays[channel],
        )
        for channel in range(places.n_channels)
    ]


def _clipped(samples: np.ndarray) -> int:
    """Count samples in runs at full scale."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (np.abs(samples) >= FULL_SCALE).astype(int), [0]])))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= CLIPPED_RUN].sum())


def _same(sounds: Sequence[np.ndarray], first: int, second: int) -> bool:
    """Return whether two channels hold the same signal, up to a gain that is the same for all places."""
    a, b = (np.concatenate([sound[channel] for sound in sounds]) for channel in (first, second))
    power = float(b @ b)
    gain = float(a @ b) / max(float(a @ a), 1e-30)
    return power > 0 and float(np.square(b - gain * a).sum()) < SAME_SHARE * power


def _delays(places: Places, working: Sequence[int]) -> dict[int, float]:
    """Measure by how much each working channel lags behind most others, seconds; in the place where it lags least.

    In other places, a channel of ambisonics may hear reflections alone.
    """
    delays = dict.fromkeys(range(places.n_channels), np.inf)
    for name, span in places.spans.items():
        heard = places.heard[name]
        reach = round(LONGEST_DELAY_S * heard.sample_rate / heard.hop)
        level = heard.rise_db()[:, max(span.first - reach, 0) : span.last + reach]
        begins = np.maximum(np.diff(np.maximum(level, 0.0), axis=1), 0.0)
        spectrum = np.fft.rfft(begins, 2 * begins.shape[1])
        together = np.fft.irfft(spectrum[working] * spectrum[working].sum(axis=0).conj())
        around = np.concatenate([together[:, -reach:], together[:, : reach + 1]], axis=1)
        lags = around.argmax(axis=1) * heard.hop / heard.sample_rate
        agreeing = (np.abs(lags[:, None] - lags) <= LATE_S).sum(axis=1)
        for channel, lag in zip(working, lags - lags[int(agreeing.argmax())], strict=True):
            delays[channel] = min(delays[channel], float(lag), key=abs)
    return {channel: delay if np.isfinite(delay) else 0.0 for channel, delay in delays.items()}


def taken_channels(states: Sequence[ChannelState], file: str) -> list[int]:
    """Choose the channels of the four microphones, if no others can be meant.

    Args:
        states: of all channels.
        file: of the recording, for messages.

    Returns:
        Numbers of channels, counted from 1.

    Raises:
        BadInput: not four of them work; says which, and why others do not.
    """
    working = [state.number for state in states if not state.flaw]
    able = working if len(working) <= N_TAKEN else [state.number for state in states if not state.remark]
    if len(able) == N_TAKEN:
        return able
    flaws = "; ".join(f"channel {state.number} is {state.remark}" for state in states if state.remark)
    if len(able) < N_TAKEN:
        what = f"channels {', '.join(map(str, able))} work" if able else "no channel works"
        raise BadInput(
            f"{file}: {what} of {len(states)}, four are needed"
            + (f" ({flaws}); check cables, gains and the settings of the recorder" if flaws else "")
        )
    ambix = (
        ", or --channels ambix for ambisonics of a higher order" if len(states) in AMBISONIC_CHANNELS else ""
    )
    raise BadInput(
        f"{file}: channels {', '.join(map(str, able))} of {len(states)} may be microphones"
        + (f" ({flaws})" if flaws else "")
        + f"; say which four are (--channels {','.join(map(str, able[1 : 1 + N_TAKEN]))}){ambix}"
    )
