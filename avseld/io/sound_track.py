"""The sound track of a video, on the container's clock: as mono, or block by block with all of its channels.

A container may hold several tracks; the first of those with most channels is read. A track that starts late keeps its
delay, and of one that starts before the zero of the clock, players and this module skip the beginning.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import require_file
from avseld.io.audio import AudioInfo
from avseld.io.suffixes import CONTAINERS

if TYPE_CHECKING:  # functions load it: a training, which reads sound files, starts without
    import av

log = logging.getLogger(__name__)

LOSSLESS = ("flac", "alac", "wavpack", "tta", "mlp", "truehd")
"""codecs beside those of plain samples whose samples are those of the recorder"""
BLOCK_SAMPLES = 1 << 15
"""samples decoded before they are handed on"""
MISSING_END_S = 1.0
"""how much earlier than its header says a track may end before a warning is logged"""


def is_container(path: Path | str) -> bool:
    """Return whether the sound of a file is a track in a container, by the file's suffix."""
    return Path(path).suffix.lower() in CONTAINERS


def track_info(path: Path | str) -> AudioInfo:
    """Read the header of the sound track of a container.

    Args:
        path: mp4, mov, mkv or m4a.

    Returns:
        Rate, channels, and the length from the zero of the container's clock to the end of the track.

    Raises:
        BadInput: missing, unreadable, or without sound track.
    """
    import av

    with _open_track(Path(path)) as (container, stream):
        end = container.duration / av.time_base if container.duration else 0.0
        if stream.duration and stream.time_base:
            end = float(((stream.start_time or 0) + stream.duration) * stream.time_base)
        n_samples = round(end * stream.rate) or sum(map(len, _placed(container.decode(stream), stream.rate)))
        return AudioInfo(stream.rate, stream.channels, n_samples)


def track_subtype(path: Path | str) -> str:
    """Name the kind of samples of a sound track as libsndfile names it, for a wav that keeps all of them.

    Args:
        path: see `track_info`.

    Returns:
        PCM_16, PCM_24, PCM_32, FLOAT or DOUBLE for lossless tracks; LOSSY for AAC, Opus and their like.

    Raises:
        BadInput: as `track_info`.
    """
    with _open_track(Path(path)) as (_, stream):
        codec, kind = stream.codec_context.name, stream.codec_context.format.name.removesuffix("p")
    if not codec.startswith(("pcm_", *LOSSLESS)):
        return "LOSSY"
    if kind == "s32":
        return "PCM_32" if codec.startswith("pcm_s32") else "PCM_24"
    return {"flt": "FLOAT", "dbl": "DOUBLE"}.get(kind, "PCM_16")


def low_passed_channel(path: Path | str) -> int | None:
    """Return the channel of a lossy track that codecs keep below some 120 Hz only, that of low-frequency effects.

    Six channels, such as four of ambisonics and two of stereo, are often encoded as 5.1.

    Args:
        path: see `track_info`.

    Returns:
        Number of the channel, counted from 1; None if there is none.

    Raises:
        BadInput: as `track_info`.
    """
    if track_subtype(path) != "LOSSY":
        return None
    with _open_track(Path(path)) as (_, stream):
        names = [channel.name for channel in stream.layout.channels]
    return names.index("LFE") + 1 if "LFE" in names else None


def track_blocks(path: Path | str) -> Iterator[np.ndarray]:
    """Read the sound track of a container block by block, as many samples as its header says.

    Args:
        path: see `track_info`.

    Yields:
        (sample, channel) float64 in -1..1, from the zero of the container's clock.

    Raises:
        BadInput: as `track_info`, or it cannot be decoded.
    """
    import av

    path = Path(path)
    info = track_info(path)
    done = 0
    with _open_track(path) as (container, stream):
        try:
            for block in _gathered(_placed(container.decode(stream), stream.rate)):
                kept = block[: info.n_samples - done]
                done += len(kept)
                if len(kept):
                    yield kept
        except av.FFmpegError as error:
            raise BadInput(
                f"{path}: its sound track cannot be decoded after {done / info.sample_rate:.1f} s "
                f"({error.strerror}); copy it again from its origin"
            ) from error
    if (missing := info.n_samples - done) > MISSING_END_S * info.sample_rate:
        log.warning(
            "%s: its sound ends after %.1f s, its header says %.1f s; used as far as it goes",
            path,
            done / info.sample_rate,
            info.duration,
        )
    while missing > 0:
        yield np.zeros((min(missing, info.sample_rate), info.channels))
        missing -= info.sample_rate


@contextmanager
def _open_track(path: Path) -> "Iterator[tuple[av.container.InputContainer, av.AudioStream]]":
    import av

    require_file(path)
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        reason = error.strerror or error
        raise BadInput(
            f"{path}: no readable sound track ({reason}); copy it again from its origin"
        ) from error
    with container:
        if not container.streams.audio:
            raise BadInput(f"{path}: holds no sound track; give the sound file, and this as --video")
        yield container, max(container.streams.audio, key=lambda stream: stream.channels)


def _placed(frames: "Iterable[av.AudioFrame]", sample_rate: int) -> Iterator[np.ndarray]:
    """Turn decoded frames into (sample, channel) blocks that begin at the zero of the clock."""
    skipped: int | None = None
    for frame in frames:
        samples = _samples(frame)
        if skipped is None:
            start = float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else 0.0
            skipped = max(-round(start * sample_rate), 0)
            if start > 0:
                yield np.zeros((round(start * sample_rate), samples.shape[1]))
        yield samples[skipped:]
        skipped = max(skipped - len(samples), 0)


def _gathered(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Join short blocks, as codecs have frames of some 20 ms."""
    waiting: list[np.ndarray] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= BLOCK_SAMPLES:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _samples(frame: "av.AudioFrame") -> np.ndarray:
    """Return the samples of a frame in the order of its channels, (sample, channel) float64 in -1..1."""
    array = frame.to_ndarray()
    samples = array.T if frame.format.is_planar else array.reshape(frame.samples, -1)
    if samples.dtype.kind == "f":
        return samples.astype(np.float64)
    full_scale = 2.0 ** (8 * samples.dtype.itemsize - 1)
    middle = full_scale if samples.dtype.kind == "u" else 0.0  # 8-bit samples are unsigned, as in wav files
    return (samples - middle) / full_scale


def read_sound_track(path: Path | str, sample_rate: int) -> np.ndarray | None:
    """Read the sound track of a video as mono at a rate, from the zero of the container's clock.

    Args:
        path: the video.
        sample_rate: Hz.

    Returns:
        (sample,) float32, or None if the video has no sound track.

    Raises:
        BadInput: missing, unreadable, or it cannot be decoded.
    """
    import av

    path = Path(path)
    require_file(path)
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return None
            blocks = list(_placed(_resampled(container, sample_rate), sample_rate))
            return np.concatenate([np.zeros((0, 1)), *blocks])[:, 0].astype(np.float32)
    except (av.FFmpegError, OSError) as error:
        reason = error.strerror or error
        raise BadInput(
            f"{path}: its sound track cannot be read ({reason}); copy it again from its origin"
        ) from error


def _resampled(container: "av.container.InputContainer", sample_rate: int) -> "Iterator[av.AudioFrame]":
    import av

    resampler = av.AudioResampler("fltp", "mono", sample_rate)
    for decoded in container.decode(container.streams.audio[0]):
        yield from resampler.resample(decoded)
    yield from resampler.resample(None)
