"""Recordings in sound files or sound tracks of videos, brought to a sample rate and the channels of a format.

Preparation writes what comes out of here into files, and prediction reads it: a recording is predicted alike before and
after its preparation.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr

from avseld.base.errors import BadInput
from avseld.io.audio import FLOATS, AudioInfo, audio_info, open_sound, read_audio, to_int16
from avseld.io.block_resampler import QUALITY, BlockResampler, resampled_length
from avseld.io.channel_map import ChannelMap, Channels, map_for_format
from avseld.io.formats import format_named
from avseld.io.sound_track import is_container, track_blocks, track_info, track_subtype
from avseld.io.suffixes import LOSSY

BLOCK_SAMPLES = 1 << 16
"""samples read at once, so that memory does not grow with the recording"""
MAX_FLOAT = 100.0
"""largest plausible float sample, 40 dB above full scale: beyond it an array holds unscaled integers"""
FINE = ("PCM_24", "PCM_32", *FLOATS)
"""kinds of samples that are not rounded to 16 bits while they are read"""
INTEGERS = ("uint8", "int16", "int32")
"""types of integer samples whose full scale is that of their type, as sound files use them"""


class ReadSection(Protocol):
    """Reads a section of a recording."""

    def __call__(self, start: int, n_samples: int) -> np.ndarray:
        """Read (channel, sample) float32, zeros beyond either end of the recording.

        Args:
            start: first sample; may be negative.
            n_samples: length.
        """
        ...


def sound_info(path: Path | str) -> AudioInfo:
    """Read the header of a sound file, or of the sound track of a video.

    Args:
        path: wav, flac, or mp4, mov, mkv, m4a.

    Raises:
        BadInput: missing, unreadable, or a video without sound.
    """
    return track_info(path) if is_container(path) else audio_info(path)


def sound_subtype(path: Path | str) -> str:
    """Name the kind of samples of a sound file or sound track as libsndfile does; see `track_subtype`."""
    if is_container(path):
        return track_subtype(path)
    with open_sound(path) as file:
        return str(file.subtype)


def stored_subtype(subtype: str) -> str:
    """Name the kind of samples in which preparation writes a converted file: floats stay, others become 16 bits.

    Args:
        subtype: of the file that is converted, as from `sound_subtype`.
    """
    return subtype if subtype in FLOATS else "PCM_16"


def is_converted(path: Path | str, sample_rate: int, chosen: ChannelMap | None) -> bool:
    """Return whether a file is written anew by preparation, rather than used where it lies.

    Args:
        path: see `sound_info`.
        sample_rate: Hz that are wanted.
        chosen: channels that are taken of it; None for all.
    """
    suffix = Path(path).suffix.lower()
    other_rate = sound_info(path).sample_rate != sample_rate
    return other_rate or chosen is not None or suffix in LOSSY or is_container(path)


def describe_conversion(
    path: Path | str, format: str, sample_rate: int, channels: Channels | None = None
) -> str:
    """Say which rate and number of channels of a file are converted, and to what; empty if neither is.

    Arguments and errors as for `open_recording`.
    """
    info = sound_info(path)
    chosen = map_for_format(info.channels, format, channels, str(path))
    words = []
    if info.sample_rate != sample_rate:
        words.append(f"{info.sample_rate} Hz to {sample_rate} Hz")
    if chosen is not None and chosen.mean:
        words.append(f"{info.channels} channels to their mean")
    if chosen is not None and chosen.mixing is not None:
        words.append(f"{info.channels} channels to {format} as its array file says")
    return " and ".join(words)


def resampled_blocks(
    path: Path | str, sample_rate: int, chosen: ChannelMap | None = None
) -> Iterator[np.ndarray]:
    """Read a file, or the sound track of a video, block by block at another sample rate.

    Args:
        path: see `sound_info`.
        sample_rate: Hz.
        chosen: channels to take; None for all.

    Yields:
        (sample, channel) float64; together n * sample_rate / rate samples, rounded up. A file of that rate keeps its
        samples.

    Raises:
        BadInput: unreadable, empty, cut off, or with samples that are not finite.
    """
    info = sound_info(path)
    n_channels = info.channels if chosen is None else chosen.n_channels
    resampler = BlockResampler(info.sample_rate, sample_rate, n_channels)
    for block in source_blocks(path):
        taken = block if chosen is None else chosen.take(block.T).T
        yield resampler.take(taken)
    yield resampler.finish()
    length = resampled_length(info.n_samples, info.sample_rate, sample_rate)
    if resampler.written != length:
        raise RuntimeError(f"{resampler.written} samples instead of {length} came out of the resampler")


def source_blocks(path: Path | str) -> Iterator[np.ndarray]:
    """Read a file, or the sound track of a video, block by block at its own rate.

    Args:
        path: see `sound_info`.

    Yields:
        (sample, channel) float64.

    Raises:
        BadInput: unreadable, empty, cut off, or with samples that are not finite.
    """
    info = sound_info(path)
    if not info.n_samples:
        raise BadInput(f"{path}: holds no samples; remove it or copy it again")
    for block in track_blocks(path) if is_container(path) else _file_blocks(path, info.n_samples):
        if not np.isfinite(block).all():
            raise BadInput(f"{path}: holds samples that are not finite; export it again")
        yield block


def _file_blocks(path: Path | str, n_samples: int) -> Iterator[np.ndarray]:
    read = 0
    with open_sound(path) as reader:
        while read < n_samples:
            block = reader.read(BLOCK_SAMPLES, dtype="float64", always_2d=True)
            read += len(block)
            if not len(block):
                raise BadInput(
                    f"{path}: ends after {read} of {n_samples} samples; copy it again from its origin"
                )
            yield block


def as_stored(samples: np.ndarray, subtype: str) -> np.ndarray:
    """Round converted samples as the file holds them that preparation writes.

    Samples of 24 or 32 bits are rounded there alone: there is no reason to lose them while they are read.

    Args:
        samples: any shape, float64.
        subtype: of the file that they come from.

    Returns:
        The same shape, float32.
    """
    rounded = samples if subtype in FINE else to_int16(samples) / np.float32(32768)
    return rounded.astype(np.float32)


class ResampledFile:
    """A sound file or sound track at any sample rate, read in rising sections; going back reads it from its start.

    Args:
        path: see `sound_info`.
        sample_rate: Hz.
        chosen: channels to take; None for all.
    """

    def __init__(self, path: Path | str, sample_rate: int, chosen: ChannelMap | None = None) -> None:
        info = sound_info(path)
        self.path, self.sample_rate, self.chosen = path, sample_rate, chosen
        self.subtype = sound_subtype(path)
        self.channels = info.channels if chosen is None else chosen.n_channels
        self.n_samples = resampled_length(info.n_samples, info.sample_rate, sample_rate)
        self._rewind()

    def _rewind(self) -> None:
        self._blocks = resampled_blocks(self.path, self.sample_rate, self.chosen)
        self._first = 0  # sample of the recording at which the buffer begins
        self._buffer = np.zeros((0, self.channels), np.float32)

    def __call__(self, start: int, n_samples: int) -> np.ndarray:
        """Read a section; see `ReadSection`."""
        first, last = max(start, 0), min(start + n_samples, self.n_samples)
        section = np.zeros((self.channels, n_samples), np.float32)
        if last <= first:
            return section
        if first < self._first:
            self._rewind()
        while self._first + len(self._buffer) < last:
            block = as_stored(next(self._blocks), self.subtype)
            passed = min(max(first - self._first, 0), len(self._buffer))
            self._buffer = np.concatenate([self._buffer[passed:], block])
            self._first += passed
        inside = self._buffer[first - self._first : last - self._first]
        section[:, first - start : last - start] = inside.T
        return section


def open_recording(
    path: Path | str, format: str, sample_rate: int, channels: Channels | None = None
) -> tuple[ReadSection, int]:
    """Open a file for reading at a sample rate and with the channels of a format.

    Args:
        path: sound file, or video with a sound track, of any rate.
        format: foa, mic, circular, binaural, stereo or mono; decides the number of channels.
        sample_rate: Hz.
        channels: channels of the file to take, see `avseld.io.channel_map.map_for_format`; None takes all.

    Returns:
        The reader of sections, which reads what preparation would write, and the length in samples of `sample_rate`.

    Raises:
        BadInput: missing, unreadable, or another number of channels; says what is expected.
    """
    info = sound_info(path)
    chosen = map_for_format(info.channels, format, channels, str(path))
    if is_converted(path, sample_rate, None):
        file = ResampledFile(path, sample_rate, chosen)
        return file, file.n_samples
    if chosen is None:
        return partial(read_audio, path), info.n_samples
    return partial(_choose_channels, path, chosen, sound_subtype(path)), info.n_samples


def read_sound(
    path: Path | str, format: str | None = None, channels: Channels | None = None
) -> tuple[np.ndarray, int]:
    """Read a whole sound file, or the sound track of a video, at its own rate.

    Args:
        path: see `sound_info`.
        format: decides the number of channels, see `open_recording`; None takes any number of them.
        channels: see `open_recording`; used with a format.

    Returns:
        (channel, sample) float32 in -1..1, and the rate in Hz.

    Raises:
        BadInput: as `open_recording`.
    """
    info = sound_info(path)
    if format is not None:
        read, n_samples = open_recording(path, format, info.sample_rate, channels)
        return read(0, n_samples), info.sample_rate
    if not is_container(path):
        return read_audio(path), info.sample_rate
    return ResampledFile(path, info.sample_rate)(0, info.n_samples), info.sample_rate


def silenced(read: Callable[[int, int], np.ndarray]) -> ReadSection:
    """Return a reader of zeros in place of a recording, (channel, sample) float32 as it would be read.

    Args:
        read: reads sections of the recording.
    """
    return partial(_silence, read(0, 1).shape[0])


def _silence(n_channels: int, start: int, n_samples: int) -> np.ndarray:
    return np.zeros((n_channels, n_samples), np.float32)


def open_array(
    waveform: np.ndarray,
    format: str,
    sample_rate: int,
    rate: int | None = None,
    channels: Channels | None = None,
) -> tuple[ReadSection, int]:
    """Bring an array to a sample rate and the channels of a format.

    Args:
        waveform: (channel, sample) or (sample, channel), the shorter axis being the channels; (sample,) for mono.
            Floats in -1..1, or integers (uint8, int16, int32), which are divided by their full scale.
        format: see `open_recording`.
        sample_rate: Hz wanted.
        rate: Hz of the array; None for `sample_rate`.
        channels: see `open_recording`.

    Returns:
        The reader of sections, and the length in samples of `sample_rate`.

    Raises:
        BadInput: another number of channels or type of samples, samples that are not finite, or a rate that is not
            positive; says what is expected.
    """
    expected = format_named(format).channels
    if waveform.ndim == 1:
        waveform = waveform[None]
    if waveform.ndim != 2 or not waveform.size:
        raise BadInput(
            f"an array of shape {waveform.shape}; {format} needs ({expected}, samples) or (samples, {expected})"
        )
    if waveform.shape[0] > waveform.shape[1]:
        waveform = waveform.T
    chosen = map_for_format(len(waveform), format, channels, f"an array of shape {waveform.shape}")
    samples = _scaled(waveform)
    if chosen is not None:
        samples = chosen.take(samples)
    if rate is not None and rate != sample_rate:
        if rate <= 0:
            raise BadInput(f"sample_rate {rate}: give the array's rate in Hz, such as 48000")
        length = resampled_length(samples.shape[1], rate, sample_rate)
        # As for files: zeros after the end give the sample that rounding up adds.
        tail = np.zeros((len(samples), 2 + int(rate // sample_rate)), np.float32)
        longer = np.concatenate([samples, tail], axis=1)
        samples = np.ascontiguousarray(soxr.resample(longer.T, rate, sample_rate, QUALITY).T[:, :length])
    return partial(section_of, samples), samples.shape[1]


def _scaled(waveform: np.ndarray) -> np.ndarray:
    """Scale samples to float32 in -1..1."""
    kind = waveform.dtype
    if kind.name in INTEGERS:
        full_scale = 2.0 ** (8 * kind.itemsize - 1)
        middle = full_scale if kind.kind == "u" else 0.0  # 8-bit samples are unsigned, as in wav files
        return ((waveform - np.float64(middle)) / full_scale).astype(np.float32)
    if kind.kind != "f":
        raise BadInput(f"an array of {kind}; expected floats in -1..1, or {', '.join(INTEGERS)}")
    samples = waveform.astype(np.float32)
    if not np.isfinite(samples).all():
        raise BadInput("an array with samples that are not finite; expected floats in -1..1")
    if (peak := float(np.abs(samples).max())) > MAX_FLOAT:
        raise BadInput(
            f"an array of {kind} with values up to {peak:g}; expected -1..1: divide integers by their full scale"
        )
    return samples


def _choose_channels(
    path: Path | str, chosen: ChannelMap, subtype: str, start: int, n_samples: int
) -> np.ndarray:
    return as_stored(chosen.take(read_audio(path, start, n_samples).astype(np.float64)), subtype)


def section_of(waveform: np.ndarray, start: int, n_samples: int) -> np.ndarray:
    """Cut a segment from an array (channel, sample), with zeros beyond its ends, like `read_audio` from a file."""
    first, last = max(start, 0), min(start + n_samples, waveform.shape[1])
    segment = np.zeros((len(waveform), n_samples), np.float32)
    if last > first:
        segment[:, first - start : last - start] = waveform[:, first:last]
    return segment
