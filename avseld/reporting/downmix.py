"""Stereo downmix of recordings of any channel format, for playback."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from avseld.base.errors import BadInput
from avseld.io.channel_map import Channels, n_taken
from avseld.io.formats import FORMATS_BY_CHANNELS
from avseld.io.resampling import open_recording, sound_info

STEREO = {
    "foa": [[1, 1, 0, 0], [1, -1, 0, 0]],
    "mic": [[1, 0, 1, 0], [0, 1, 0, 1]],
    "circular": [[0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 0]],
    "binaural": [[1, 0], [0, 1]],
    "stereo": [[1, 0], [0, 1]],
    "mono": [[1], [1]],
}
"""left and right as weighted sums of channels; foa: W + Y and W - Y, cardioids to the left and right; mic: the two
left and the two right capsules (STARSS22: azimuths 45, -45, 135, -135 degrees); circular: the microphones at 90 and
-90 degrees (TUT Sound Events 2018: one every 45 degrees from the front)"""
PEAK = 0.9
BLOCK_SAMPLES = 1 << 19


def stereo_blocks(
    path: Path | str,
    format: str | None = None,
    start: float = 0.0,
    stop: float | None = None,
    channels: Channels | None = None,
) -> tuple[Iterator[np.ndarray], int]:
    """Downmix a segment to stereo, normalized to a peak of 0.9, block by block.

    Args:
        path: sound file, or video with a sound track.
        format: foa, mic, circular, binaural, stereo or mono; by the number of channels if None (4: foa).
        start: start of the segment, seconds.
        stop: its end, seconds; None for the end of the file.
        channels: channels to take, counted from 1, in the order of the format; None takes all.

    Returns:
        Blocks of (sample, 2) float32, and the sample rate in Hz.

    Raises:
        BadInput: missing, unreadable, or a number of channels that no format has.
    """
    header = sound_info(path)
    n_channels = header.channels if channels is None else n_taken(channels)
    format = format or FORMATS_BY_CHANNELS.get(n_channels)
    if format is None:
        raise BadInput(
            f"{path}: {n_channels} channels; give 1, 2 or 4, or name the format ({', '.join(STEREO)})"
        )
    read, n_samples = open_recording(path, format, header.sample_rate, channels)
    mix = np.array(STEREO[format], np.float32)
    first = round(start * header.sample_rate)
    last = n_samples if stop is None else min(round(stop * header.sample_rate), n_samples)

    def mixed() -> Iterator[np.ndarray]:
        for begin in range(first, last, BLOCK_SAMPLES):
            yield (mix @ read(begin, min(BLOCK_SAMPLES, last - begin))).T

    peak = max((float(np.abs(block).max()) for block in mixed()), default=0.0)
    return (block * (PEAK / peak if peak else 0.0) for block in mixed()), header.sample_rate


def write_stereo(
    path: Path | str,
    target: Path,
    format: str | None = None,
    start: float = 0.0,
    stop: float | None = None,
    channels: Channels | None = None,
) -> None:
    """Write the downmix of a segment as 16-bit stereo WAV; arguments as for `stereo_blocks`.

    Raises:
        BadInput: as `stereo_blocks`.
    """
    blocks, sample_rate = stereo_blocks(path, format, start, stop, channels)
    with soundfile.SoundFile(str(target), "w", sample_rate, 2, "PCM_16") as file:
        for block in blocks:
            file.write(block)
