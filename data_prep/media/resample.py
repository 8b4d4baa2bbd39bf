"""Resample audio files to one rate."""

from functools import partial
from pathlib import Path
from typing import Literal

import soundfile

from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.io.audio import SOUNDS, audio_info, to_integers
from avseld.io.resampling import resampled_blocks, resampled_length
from data_prep.jobs import FileJob, pair, work_through

SOURCES = (*SOUNDS, ".ogg")
BITS = {"PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
"""sample formats of integers; others are written as they are"""


@takes_paths
def resample(
    source: Path,
    target: Path,
    sample_rate: int = 24000,
    subtype: Literal["PCM_16", "keep"] = "PCM_16",
    jobs: int = 0,
) -> int:
    """Resample every audio file below a folder; channels are kept, lengths are exact to the sample.

    Args:
        source: a folder, or one wav, flac or ogg file.
        target: a folder beside it (the same relative paths), or one wav.
        sample_rate: Hz.
        subtype: 16-bit integers, or the source's own sample format.
        jobs: number of parallel jobs; 0 for one per core.

    Returns:
        0 if all went well, 1 if a file failed.

    Raises:
        BadInput: no audio there, or a rate that is not positive.
    """
    if sample_rate < 1:
        raise BadInput(f"sample rate {sample_rate}: choose a positive number of Hz")
    work = partial(resample_audio, sample_rate=sample_rate, subtype=subtype)
    due = pair(source, target, SOURCES)
    return int(work_through(due, work, partial(_has_rate, sample_rate), jobs, "resample") > 0)


def resample_audio(
    source: Path, target: Path, sample_rate: int = 24000, subtype: Literal["PCM_16", "keep"] = "PCM_16"
) -> str:
    """Resample one file block by block with soxr (quality HQ), so that memory does not grow with its length.

    n samples become n * sample_rate / rate samples, rounded up; a file that has the rate keeps its samples.

    Args:
        source: wav, flac or ogg.
        target: the wav to write.
        sample_rate: Hz.
        subtype: 16-bit integers, or the source's own sample format.

    Returns:
        How many samples were clipped, as a remark; empty if none.

    Raises:
        BadInput: unreadable, empty, cut off, or with samples that are not finite.
    """
    info = audio_info(source)
    if not info.n_samples:
        raise BadInput(f"{source}: holds no samples; remove it or copy it again")
    subtype_in = soundfile.info(str(source)).subtype
    subtype_out = subtype_in if subtype == "keep" and subtype_in in (*BITS, "FLOAT", "DOUBLE") else "PCM_16"
    length = resampled_length(info.n_samples, info.sample_rate, sample_rate)
    # The header of a plain wav holds its size in 32 bits.
    container = "RF64" if length * info.channels * 8 >= 1 << 32 else "WAV"
    clipped = 0
    with soundfile.SoundFile(
        str(target), "w", sample_rate, info.channels, subtype_out, format=container
    ) as writer:
        for block in resampled_blocks(source, sample_rate):
            if subtype_out in BITS:
                block, over = to_integers(block, BITS[subtype_out])
                clipped += over
            writer.write(block)
    return f"{source}: {clipped} samples clipped at full scale" if clipped else ""


def is_resampled(job: FileJob) -> bool:
    """Return whether the target of a job has the rate that is its argument, and the whole length of its source."""
    sample_rate = job.arguments[0]
    try:
        target, source = audio_info(job.target), audio_info(job.source)
    except BadInput:
        return False
    return target.sample_rate == sample_rate and target.n_samples == resampled_length(
        source.n_samples, source.sample_rate, sample_rate
    )


def _has_rate(sample_rate: int, job: FileJob) -> bool:
    try:
        return audio_info(job.target).sample_rate == sample_rate
    except BadInput:
        return False
