"""The time between a recording and a video, from the camera's own sound track."""

from pathlib import Path

import numpy as np
import scipy.signal

from avseld.base.errors import BadInput
from avseld.io.resampling import resampled_blocks
from avseld.io.sound_track import read_sound_track

ANALYSIS_RATE_HZ = 8000
"""rate at which both sounds are compared: most of what a camera's microphone records lies below 4 kHz"""
HOP_S = 0.01
"""step of the compared levels, finer than a video frame"""
WINDOW_SAMPLES = 256
N_BANDS = 16
"""bands of equal width on a logarithmic axis, whose levels are compared one by one"""
LOWEST_HZ = 150.0
SMOOTHING_S = 0.5
"""levels are compared against their mean over this time, so that rooms and gains do not matter"""
MAX_LEVEL_STEP_DB = 20.0
"""larger changes of a level count as this: silence before the first sound is infinitely faint"""
MIN_OVERLAP_S = 2.0
"""least time that both must have in common"""
MIN_PEAK = 8.0
"""least height of the peak of the correlation, in standard deviations of it"""
GUARD_S = 0.3
"""the second highest peak is looked for beyond this distance from the highest"""
MIN_LEAD = 1.2
"""least ratio of the highest to the second highest peak"""


def estimate_offset(audio: Path, video: Path) -> float:
    """Estimate when a video starts, by correlating its sound track with a recording.

    The levels of bands are compared, not waveforms: clocks that differ by 100 parts per million shift a waveform of a
    minute by 6 ms, many periods, which the levels do not notice.

    Args:
        audio: the recording.
        video: a video with a sound track.

    Returns:
        Seconds of the recording at which the video starts, to about 5 ms.

    Raises:
        BadInput: no sound track, or no clear match.
    """
    track = read_sound_track(video, ANALYSIS_RATE_HZ)
    if track is None:
        raise BadInput(f"{video}: has no sound track to find its start by; give --video_offset in seconds")
    recorded, filmed = levels(_first_channel(audio)), levels(track)
    if min(recorded.shape[1], filmed.shape[1]) * HOP_S < MIN_OVERLAP_S:
        raise BadInput(f"{video}: shorter than {MIN_OVERLAP_S:g} s; give --video_offset in seconds")
    correlation = sum(
        scipy.signal.correlate(one, other, "full", "fft") for one, other in zip(recorded, filmed, strict=True)
    )
    lags = np.arange(correlation.size) - (filmed.shape[1] - 1)
    overlap = np.minimum(lags + filmed.shape[1], recorded.shape[1]) - np.maximum(lags, 0)
    correlation = np.where(overlap * HOP_S >= MIN_OVERLAP_S, correlation, 0) / np.sqrt(np.maximum(overlap, 1))
    best = int(np.argmax(correlation))
    away = np.abs(lags - lags[best]) * HOP_S > GUARD_S
    spread = float(np.std(correlation[away]))
    second = float(np.max(correlation[away], initial=0.0))
    if correlation[best] <= max(MIN_PEAK * spread, MIN_LEAD * second):
        raise BadInput(
            f"{video}: its sound track does not clearly match {audio}; give --video_offset in seconds, or check that "
            "they belong together"
        )
    return float((lags[best] + _vertex(correlation, best)) * HOP_S)


def levels(sound: np.ndarray) -> np.ndarray:
    """Compute the levels of bands against their running mean.

    Args:
        sound: (sample,) at 8 kHz.

    Returns:
        (band, step of 10 ms) dB, each band of unit variance.
    """
    hop = round(HOP_S * ANALYSIS_RATE_HZ)
    frequency, _, spectrum = scipy.signal.stft(
        sound, ANALYSIS_RATE_HZ, "hann", WINDOW_SAMPLES, WINDOW_SAMPLES - hop, padded=True
    )
    edges = np.geomspace(LOWEST_HZ, ANALYSIS_RATE_HZ / 2, N_BANDS + 1)
    band = np.digitize(frequency, edges) - 1
    power = np.stack([np.square(np.abs(spectrum[band == k])).sum(axis=0) for k in range(N_BANDS)])
    decibel = 10 * np.log10(power + 1e-3 * power.mean(axis=1, keepdims=True) + 1e-20)
    width = max(round(SMOOTHING_S / HOP_S), 1)
    change = decibel - scipy.ndimage.uniform_filter1d(decibel, width, axis=1)
    change = np.clip(change, -MAX_LEVEL_STEP_DB, MAX_LEVEL_STEP_DB)
    return change / (change.std(axis=1, keepdims=True) + 1e-9)


def _first_channel(path: Path) -> np.ndarray:
    """Read the first channel, W of ambisonics, at the rate of the comparison: (sample,) float32."""
    blocks = resampled_blocks(path, ANALYSIS_RATE_HZ)
    return np.concatenate([block[:, 0].astype(np.float32) for block in blocks])


def _vertex(values: np.ndarray, place: int) -> float:
    """Return where between its neighbours a peak is highest, in steps: the vertex of the parabola through the three."""
    if not 0 < place < len(values) - 1:
        return 0.0
    before, peak, after = values[place - 1 : place + 2]
    curvature = before - 2 * peak + after
    return float(0.5 * (before - after) / curvature) if curvature < 0 else 0.0
