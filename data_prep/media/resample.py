"""Resample audio files, and the sound of videos, to one rate."""

import logging
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from avseld.base.engines import read_engine
from avseld.base.errors import BadInput
from avseld.base.files import takes_paths, visible_files
from avseld.base.job_shards import read_shard
from avseld.io.array_file import chosen_channels
from avseld.io.array_setup import ArraySetup
from avseld.io.audio import FLOATS, audio_info, to_integers
from avseld.io.block_resampler import resampled_length
from avseld.io.channel_map import ChannelMap, Channels, channel_map, map_for_format, words_of
from avseld.io.cut_off import cut_off_sound
from avseld.io.resampling import (
    resampled_blocks,
    sound_info,
    sound_subtype,
    stored_subtype,
)
from avseld.io.sound_track import is_container, low_passed_channel
from avseld.io.suffixes import CONTAINERS, SOUNDS
from data_prep.jobs import FileJob, pair, work_through

log = logging.getLogger(__name__)

Subtype = Literal["PCM_16", "keep", "float"]
QUIET = 10**-2.5
"""largest sample, 50 dB below full scale, below which 16 bits leave some 200 values or fewer"""
BITS = {"PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
"""sample formats of integers; others are written as they are"""


@takes_paths
def resample(
    source: Path,
    target: Path,
    sample_rate: int = 24000,
    subtype: Subtype = "PCM_16",
    channels: list[int | str] | None = None,
    array: Path | None = None,
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
) -> int:
    """Resample every audio file below a folder; lengths are exact to the sample, channels are kept or chosen.

    Where there are no sound files, the sound of videos is taken out of them: the track with most channels, in their
    stored order, from the zero of the container's clock, so that sound and picture stay in time.

    Args:
        source: a folder, or one sound file (wav, flac, w64, aif, caf, ogg, ...) or video (mp4, mov, mkv, webm).
        target: a folder beside it (the same relative paths), or one wav.
        sample_rate: Hz.
        subtype: 16-bit integers, or the source's own sample format.
        channels: channels to take, counted from 1, in the order to write (1,2,3,4); or their names in the order of the
            file (W,X,Y,Z), which are brought to W Y Z X; or ambix, n3d or fuma, the first order of ambisonics of any
            order in that convention, which is brought to W Y Z X in SN3D.
        array: array file that `avseld calibrate` wrote, in place of --channels: ambisonics are written as W Y Z X in
            SN3D that faces the front, microphones in their order.
        jobs: number of parallel jobs; 0 for one per core.
        shard: share of the files, I/N (2/8 is the second of eight), for N programs that share the work; auto in a SLURM
            job array. See docs/clusters.md.
        engine: threads (the default), loky (processes) or dask:ADDRESS, the workers of a Dask cluster.

    Returns:
        0 if all went well, 1 if a file failed.

    Raises:
        BadInput: no audio there, or a rate that is not positive.
    """
    own_shard, workers = read_shard(shard), read_engine(engine, jobs)
    if sample_rate < 1:
        raise BadInput(f"sample rate {sample_rate}: choose a positive number of Hz")
    taken = chosen_channels(channels, array)
    if isinstance(taken, ArraySetup) and taken.turns_events:
        log.warning(
            "%s: microphones cannot be turned by their samples; what is found in these files lies in the directions of "
            "the array (yaw %g degrees)", array, taken.yaw,
        )  # fmt: skip
    work = partial(resample_audio, sample_rate=sample_rate, subtype=subtype, channels=taken)
    no_sounds = source.is_dir() and not visible_files(source, SOUNDS) and visible_files(source, CONTAINERS)
    due = own_shard.of(pair(source, target, (SOUNDS[0], *CONTAINERS) if no_sounds else SOUNDS))
    return int(work_through(due, work, partial(_has_rate, sample_rate, taken), "resample", workers) > 0)


def resample_audio(
    source: Path,
    target: Path,
    sample_rate: int = 24000,
    subtype: Subtype = "PCM_16",
    channels: Channels | None = None,
    format: str | None = None,
) -> str:
    """Resample one file block by block with soxr (quality HQ), so that memory does not grow with its length.

    n samples become n * sample_rate / rate samples, rounded up; a file that has the rate keeps its samples.

    Args:
        source: sound file, or video with sound.
        target: the wav to write.
        sample_rate: Hz.
        subtype: 16-bit integers, or the source's own sample format; float keeps that of floats alone.
        channels: see `resample`.
        format: of the recording, which decides the number of channels; None takes any.

    Returns:
        A remark on a file that was cut off, on clipped samples, or on a recording so quiet that few values are left;
        else empty.

    Raises:
        BadInput: unreadable, empty, cut off, or with samples that are not finite.
    """
    info = sound_info(source)
    if not info.n_samples:
        raise BadInput(f"{source}: holds no samples; remove it or copy it again")
    subtype_in = sound_subtype(source)
    subtype_out = "PCM_16"
    if subtype == "float" or (subtype == "keep" and subtype_in not in BITS):
        subtype_out = stored_subtype(subtype_in)
    elif subtype == "keep":
        subtype_out = subtype_in
    chosen = _chosen(info.channels, format, channels, source)
    n_channels = info.channels if chosen is None else chosen.n_channels
    length = resampled_length(info.n_samples, info.sample_rate, sample_rate)
    # The header of a plain wav holds its size in 32 bits.
    container = "RF64" if length * n_channels * 8 >= 1 << 32 else "WAV"
    clipped, peak = 0, 0.0
    with soundfile.SoundFile(
        str(target), "w", sample_rate, n_channels, subtype_out, format=container
    ) as writer:
        if channels:
            writer.comment = _comment(channels)
        for block in resampled_blocks(source, sample_rate, chosen):
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            if subtype_out in BITS:
                block, over = to_integers(block, BITS[subtype_out])
                clipped += over
            writer.write(block)
    remarks = [
        cut_off_sound(source),
        remark_on_level(source, subtype_in, subtype_out, clipped, peak),
        remark_on_low_pass(source),
    ]
    return "; ".join(filter(None, remarks))


def _chosen(
    n_channels: int, format: str | None, channels: Channels | None, source: Path
) -> ChannelMap | None:
    if format is not None:
        return map_for_format(n_channels, format, channels, str(source))
    return channel_map(n_channels, channels, str(source)) if channels else None


def remark_on_low_pass(source: Path) -> str:
    """Say that a channel of the sound track of a video is low-passed by its codec; empty if none is."""
    if not is_container(source) or (channel := low_passed_channel(source)) is None:
        return ""
    return (
        f"{source}: channel {channel} of its sound track is one of low-frequency effects, without sound above 120 Hz; "
        "export the recording with another layout or codec"
    )


def remark_on_level(source: Path, subtype_in: str, subtype_out: str, clipped: int, peak: float) -> str:
    """Say what was lost by writing integers, and how to keep it; empty if nothing.

    Args:
        source: the file that was read.
        subtype_in: kind of its samples.
        subtype_out: kind of the samples that were written.
        clipped: samples beyond full scale.
        peak: largest magnitude, full scale is 1.
    """
    remedy = "--subtype keep" if subtype_in != subtype_out and subtype_in in (*BITS, *FLOATS) else ""
    if clipped:
        return f"{source}: {clipped} samples clipped at full scale; " + (
            f"keep them with {remedy}" if remedy else "lower the level of the recording"
        )
    if subtype_out == "PCM_16" and 0 < peak < QUIET and remedy:
        return (
            f"{source}: the loudest sample lies {-20 * np.log10(peak):.0f} dB below full scale, so that 16 bits leave "
            f"{round(peak * 2**15) * 2 + 1} values; keep all with {remedy}, or raise the level"
        )
    return ""


def is_resampled(job: FileJob) -> bool:
    """Return whether the target of a job has the rate and the channels of its arguments, and the whole length."""
    sample_rate, _, channels, format = job.arguments
    try:
        target, source = audio_info(job.target), sound_info(job.source)
        chosen = _chosen(source.channels, format, channels, job.source)
    except BadInput:
        return False
    if target.channels != (source.channels if chosen is None else chosen.n_channels):
        return False
    if _channels_of(job.target) != _comment(channels):
        return False
    return target.sample_rate == sample_rate and target.n_samples == resampled_length(
        source.n_samples, source.sample_rate, sample_rate
    )


def _comment(channels: Channels | None) -> str:
    """Return the note in a wav that says which channels of its source it has."""
    return f"channels {words_of(channels)}" if channels else ""


def _channels_of(path: Path) -> str:
    with soundfile.SoundFile(str(path)) as file:
        note = str(file.comment)
    return note if note.startswith("channels ") else ""


def _has_rate(sample_rate: int, channels: Channels | None, job: FileJob) -> bool:
    try:
        same_rate = audio_info(job.target).sample_rate == sample_rate
        return same_rate and _channels_of(job.target) == _comment(channels)
    except BadInput:
        return False
