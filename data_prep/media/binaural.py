"""Render first-order ambisonics binaurally: virtual loudspeakers around a head."""

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from scipy.signal import oaconvolve

from avseld.base.engines import read_engine
from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.base.job_shards import read_shard
from avseld.base.sphere import fibonacci_sphere
from avseld.io.audio import FLOATS, audio_info
from avseld.io.formats import FORMATS
from avseld.io.suffixes import SOUNDS
from data_prep.jobs import FileJob, pair, work_through
from data_prep.media.head_responses import HeadResponses, read_sofa, spherical_head
from data_prep.media.resample import remark_on_level

BLOCK_S = 20.0
"""duration that is rendered at once, so that memory does not grow with the recording"""
N_LOUDSPEAKERS = 32
"""virtual loudspeakers, well above the four channels that they play"""


@takes_paths
def binaural(
    source: Path,
    target: Path,
    sofa: Path | None = None,
    subtype: Literal["PCM_16", "keep"] = "PCM_16",
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
) -> int:
    """Render recordings of first-order ambisonics binaurally; the first channel is the left ear.

    Args:
        source: a folder, or one file: four channels W Y Z X.
        target: a folder beside it, or one wav.
        sofa: SOFA file of head-related impulse responses; those of a spherical head if left out.
        subtype: 16-bit integers, or keep the samples of float recordings.
        jobs: number of parallel jobs; 0 for one per core.
        shard: share of the files, I/N (2/8 is the second of eight), for N programs that share the work; auto in a SLURM
            job array. See docs/clusters.md.
        engine: threads (the default), loky (processes) or dask:ADDRESS, the workers of a Dask cluster.

    Returns:
        0 if all went well, 1 if a file failed.

    Raises:
        BadInput: nothing there, or an unreadable SOFA file.
    """
    own_shard, workers = read_shard(shard), read_engine(engine, jobs)
    due = pair(source, target, SOUNDS)
    if sofa is not None:
        read_sofa(sofa, audio_info(due[0].source).sample_rate)
    work = partial(convert, sofa=sofa, subtype=subtype)
    return int(work_through(own_shard.of(due), work, _has_two_channels, "binaural", workers) > 0)


def convert(
    source: Path, target: Path, sofa: Path | None = None, subtype: Literal["PCM_16", "keep"] = "PCM_16"
) -> str:
    """Render one recording block by block.

    Args:
        source: first-order ambisonics, W Y Z X.
        target: the wav to write.
        sofa: SOFA file of head-related impulse responses.
        subtype: see `binaural`.

    Returns:
        A remark on clipped samples, or on a recording so quiet that few values are left; else empty.

    Raises:
        BadInput: other channels than four.
    """
    info = audio_info(source, "foa")
    filters = binaural_filters(info.sample_rate, sofa)
    length = filters.shape[-1]
    carry = np.zeros((2, length - 1))  # tail of the blocks before
    n_clipped, peak = 0, 0.0
    subtype_in = soundfile.info(str(source)).subtype
    subtype_out = subtype_in if subtype == "keep" and subtype_in in FLOATS else "PCM_16"
    with (
        soundfile.SoundFile(str(source)) as read,
        soundfile.SoundFile(str(target), "w", info.sample_rate, 2, subtype_out, format="WAV") as write,
    ):
        for block in read.blocks(round(BLOCK_S * info.sample_rate), always_2d=True):
            wet = oaconvolve(filters, block.T[None], axes=-1).sum(axis=1)  # (ear, sample)
            wet[:, : length - 1] += carry[:, : wet.shape[1]]
            carry = np.zeros_like(carry)
            tail = wet[:, len(block) :]
            carry[:, : tail.shape[1]] = tail
            output = wet[:, : len(block)]
            peak = max(peak, float(np.abs(output).max(initial=0.0)))
            if subtype_out == "PCM_16":
                n_clipped += int((np.abs(output) > 1).sum())
                output = np.clip(output, -1, 1 - 2**-15)
            write.write(output.T)
    return remark_on_level(source, subtype_in, subtype_out, n_clipped, peak)


def binaural_filters(sample_rate: int, sofa: Path | None = None) -> np.ndarray:
    """Compute filters from W Y Z X to two ears, with unit energy for a plane wave from the front.

    The sound field is decoded to loudspeakers all around, each of which plays (W + 3 d.(X, Y, Z)) / number, d its
    direction, and filtered with the responses of the head.

    Args:
        sample_rate: Hz.
        sofa: SOFA file of head-related impulse responses; those of a spherical head if left out.

    Returns:
        (ear, channel, sample)
    """
    directions = fibonacci_sphere(N_LOUDSPEAKERS)
    head: HeadResponses = (
        spherical_head(sample_rate, directions) if sofa is None else read_sofa(sofa, sample_rate)
    )
    responses = head.responses[head.nearest(directions)]  # (loudspeaker, ear, sample)
    gains = (
        np.concatenate([np.ones((N_LOUDSPEAKERS, 1)), 3 * directions[:, [1, 2, 0]]], axis=1) / N_LOUDSPEAKERS
    )
    filters = np.einsum("ks,kct->sct", gains, responses).transpose(1, 0, 2)
    front = filters[:, 0] + filters[:, 3]
    return filters / np.sqrt(np.square(front).sum(axis=-1).mean())


def _has_two_channels(job: FileJob) -> bool:
    try:
        target, source = audio_info(job.target), audio_info(job.source)
    except BadInput:
        return False
    return target.channels == FORMATS["binaural"].channels and target.n_samples == source.n_samples
