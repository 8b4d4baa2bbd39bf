"""First-order ambisonics for two ears: virtual loudspeakers around a head."""

from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import oaconvolve

from avseld.base.errors import BadInput
from avseld.io.audio import SOUNDS, audio_info
from avseld.io.formats import FORMATS
from data_prep.jobs import FileJob, pair, work_through
from data_prep.media.head_responses import Head, read_sofa, spherical_head
from data_prep.sphere import fibonacci_sphere

BLOCK_S = 20.0
LOUDSPEAKERS = 32


def binaural(source: Path, target: Path, sofa: Path | None = None, jobs: int = 0) -> int:
    """Make binaural recordings of first-order ambisonics; the first channel is the left ear.

    Args:
        source: a folder, or one file: four channels W Y Z X.
        target: a folder beside it, or one wav.
        sofa: head responses; those of a spherical head if left out.
        jobs: how many files at once; 0 for one a core.

    Returns:
        0 if all went well, 1 if a file failed.

    Raises:
        BadInput: nothing there, or an unreadable SOFA file.
    """
    due = pair(source, target, SOUNDS)
    if sofa is not None:
        read_sofa(sofa, audio_info(due[0].source).sample_rate)
    return int(work_through(due, partial(convert, sofa=sofa), _has_two_channels, jobs, "binaural") > 0)


def convert(source: Path, target: Path, sofa: Path | None = None) -> str:
    """Write one recording for two ears, a stretch at a time.

    Args:
        source: ambisonics.
        target: the wav to write, 16 bit.
        sofa: head responses.

    Raises:
        BadInput: other channels than four.
    """
    info = audio_info(source, "foa")
    filters = ear_filters(info.sample_rate, sofa)
    length = filters.shape[-1]
    carry = np.zeros((2, length - 1))
    louder = 0
    with (
        soundfile.SoundFile(str(source)) as read,
        soundfile.SoundFile(str(target), "w", info.sample_rate, 2, "PCM_16", format="WAV") as write,
    ):
        for block in read.blocks(round(BLOCK_S * info.sample_rate), always_2d=True):
            wet = oaconvolve(filters, block.T[None], axes=-1).sum(axis=1)  # (ear, sample)
            wet[:, : length - 1] += carry[:, : wet.shape[1]]
            carry = np.zeros_like(carry)
            left = wet[:, len(block) :]
            carry[:, : left.shape[1]] = left
            heard = wet[:, : len(block)]
            louder += int((np.abs(heard) > 1).sum())
            write.write(np.clip(heard, -1, 1 - 2**-15).T)
    return f"{source}: {louder} samples are louder than full scale and were cut off" if louder else ""


def ear_filters(sample_rate: int, sofa: Path | None = None) -> np.ndarray:
    """Filters (ear, channel, sample) from W Y Z X to two ears, of level 1 for a wave from the front.

    The sound field is played by loudspeakers all around, each of which takes (W + 3 d.(X, Y, Z)) / number, and heard
    by the head.

    Args:
        sample_rate: Hz.
        sofa: head responses; those of a spherical head if left out.
    """
    directions = fibonacci_sphere(LOUDSPEAKERS)
    head: Head = spherical_head(sample_rate, directions) if sofa is None else read_sofa(sofa, sample_rate)
    heard = head.responses[head.nearest(directions)]  # (loudspeaker, ear, sample)
    gains = np.concatenate([np.ones((LOUDSPEAKERS, 1)), 3 * directions[:, [1, 2, 0]]], axis=1) / LOUDSPEAKERS
    filters = np.einsum("ks,kct->sct", gains, heard).transpose(1, 0, 2)
    front = filters[:, 0] + filters[:, 3]
    return filters / np.sqrt(np.square(front).sum(axis=-1).mean())


def _has_two_channels(job: FileJob) -> bool:
    try:
        made, whole = audio_info(job.target), audio_info(job.source)
    except BadInput:
        return False
    return made.channels == FORMATS["binaural"].channels and made.n_samples == whole.n_samples
