"""Single steps on sound and picture: videos to the size that detectors read, audio to one rate."""

import subprocess
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr

from avseld.base.errors import BadInput
from avseld.io.audio import audio_info
from avseld.io.video import VIDEOS, video_info
from data_prep.jobs import Job, pair, work_through, workers

SOUNDS = (".wav", ".flac", ".ogg")
BLOCK = 1 << 16
"""Samples read at once, so that memory does not grow with the recording."""
BITS = {"PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
SHORTER = 0.1
"""Seconds that may be missing at the end of a resized video (its last frame has no duration of its own)."""


def resize(
    source: Path,
    target: Path,
    width: int = 360,
    height: int = 180,
    letterbox: bool = False,
    audio: Literal["drop", "copy"] = "drop",
    jobs: int = 0,
) -> int:
    """Resize every video below a folder with ffmpeg; times of frames stay, pictures are never distorted.

    Source: resize_video.py of the DCASE 2023 audio-visual baseline (360x180, averaged over areas).

    Args:
        source: a folder, or one video.
        target: a folder beside it (the same relative paths), or one mp4.
        width: pixels, even.
        height: pixels, even.
        letterbox: keep pictures of another shape whole between black bars instead of refusing them.
        audio: leave the sound track out, or copy it as it is.
        jobs: how many at once; 0 for one a core.

    Returns:
        0 if all went well, 1 if a file failed.

    Raises:
        BadInput: no video there, or a size that cannot be.
    """
    if width < 2 or height < 2 or width % 2 or height % 2:
        raise BadInput(f"{width}x{height}: H.264 stores even sizes; choose an even width and height")
    due = pair(source, target, VIDEOS)
    threads = max(1, workers(jobs) // len(due))
    work = partial(
        resize_video, width=width, height=height, letterbox=letterbox, audio=audio, threads=threads
    )
    return int(work_through(due, work, partial(_has_size, width, height), jobs, "resize") > 0)


def resize_video(
    source: Path,
    target: Path,
    width: int = 360,
    height: int = 180,
    letterbox: bool = False,
    audio: Literal["drop", "copy"] = "drop",
    threads: int = 1,
) -> str:
    """Resize one video (H.264, constant quality), keeping the time stamps of its frames.

    Args:
        source: a video.
        target: the mp4 to write.
        width: pixels, even.
        height: pixels, even.
        letterbox: add black bars where the shapes differ.
        audio: leave the sound track out, or copy it as it is.
        threads: for decoding; encoding uses one, so that the bytes do not depend on the machine.

    Returns:
        A remark, empty if there is nothing to say.

    Raises:
        BadInput: unreadable, damaged, or of another shape and no letterbox wanted.
    """
    before = video_info(source)
    shape = Fraction(width, height)
    same = abs(before.aspect / shape - 1) < 0.005
    if not same and not letterbox:
        raise BadInput(
            f"{source}: {before.width}x{before.height} ({_ratio(before.aspect)}) does not fit "
            f"{width}x{height} ({_ratio(shape)}); give --letterbox to put it between black bars, "
            "or another --width and --height"
        )
    inner = (width, height) if same else _inside(width, height, before.aspect)
    filters = (
        f"scale={inner[0]}:{inner[1]}:flags=area,pad={width}:{height}:(ow-iw)/2:(oh-ih)/2:black,setsar=1"
    )
    complaint = _ffmpeg(source, target, filters, audio == "copy", threads)
    after = video_info(target)
    if after.end < before.end - SHORTER:
        raise BadInput(
            f"{source}: only {after.end:.2f} of {before.end:.2f} s can be decoded ({complaint}); "
            "copy it again from its origin"
        )
    return f"{source}: {complaint}" if complaint else ""


def resample(
    source: Path,
    target: Path,
    sample_rate: int = 24000,
    subtype: Literal["PCM_16", "keep"] = "PCM_16",
    jobs: int = 0,
) -> int:
    """Resample every audio file below a folder; channels stay, lengths are exact to the sample.

    Args:
        source: a folder, or one wav, flac or ogg file.
        target: a folder beside it (the same relative paths), or one wav.
        sample_rate: Hz.
        subtype: 16-bit integers, or the source's own sample format.
        jobs: how many at once; 0 for one a core.

    Returns:
        0 if all went well, 1 if a file failed.

    Raises:
        BadInput: no audio there, or a rate that cannot be.
    """
    if sample_rate < 1:
        raise BadInput(f"sample rate {sample_rate}: choose a positive number of Hz")
    work = partial(resample_audio, sample_rate=sample_rate, subtype=subtype)
    due = pair(source, target, SOUNDS)
    return int(work_through(due, work, partial(_has_rate, sample_rate), jobs, "resample") > 0)


def resample_audio(
    source: Path, target: Path, sample_rate: int = 24000, subtype: Literal["PCM_16", "keep"] = "PCM_16"
) -> str:
    """Resample one file block by block with soxr (quality HQ), so that memory stays flat at any length.

    n samples become n * sample_rate / rate samples, rounded up; a file of the wanted rate keeps its samples.

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
    kept = soundfile.info(str(source)).subtype
    subtype_out = kept if subtype == "keep" and kept in (*BITS, "FLOAT", "DOUBLE") else "PCM_16"
    length = -(-info.n_samples * sample_rate // info.sample_rate)
    # A plain wav counts its bytes with 32 bits.
    container = "RF64" if length * info.channels * 8 >= 1 << 32 else "WAV"
    stream = soxr.ResampleStream(info.sample_rate, sample_rate, info.channels, dtype="float64", quality="HQ")
    clipped = read = written = 0
    with (
        soundfile.SoundFile(str(source)) as reader,
        soundfile.SoundFile(
            str(target), "w", sample_rate, info.channels, subtype_out, format=container
        ) as writer,
    ):
        while read < info.n_samples:
            block = reader.read(BLOCK, dtype="float64", always_2d=True)
            read += len(block)
            _check_block(source, block, read, info.n_samples)
            if info.sample_rate != sample_rate:
                last = read >= info.n_samples
                # The filter's tail: silence after the end, enough for the sample that rounding up adds.
                tail = np.zeros((last * (2 + info.sample_rate // sample_rate), info.channels))
                block = stream.resample_chunk(np.concatenate([block, tail]), last=last)
            block = block[: length - written]
            stored, over = _quantise(block, BITS.get(subtype_out))
            writer.write(stored)
            written, clipped = written + len(block), clipped + over
    if written != length:
        raise RuntimeError(f"{written} samples instead of {length} came out of the resampler")
    return f"{source}: {clipped} samples clipped at full scale" if clipped else ""


def _check_block(source: Path, block: np.ndarray, read: int, n_samples: int) -> None:
    if not len(block):
        raise BadInput(f"{source}: ends after {read} of {n_samples} samples; copy it again from its origin")
    if not np.isfinite(block).all():
        raise BadInput(f"{source}: holds samples that are not finite; export it again")


def _quantise(block: np.ndarray, bits: int | None) -> tuple[np.ndarray, int]:
    # libsndfile reads x / 32768 but writes x * 32767: int16 would not survive, hence a rounding of our own.
    if bits is None:
        return block, 0
    scaled = np.round(block * 2.0 ** (bits - 1))
    limit = 2 ** (bits - 1)
    over = int(np.count_nonzero((scaled >= limit + 1) | (scaled < -limit)))
    whole = np.clip(scaled, -limit, limit - 1).astype(np.int64)
    return (whole.astype(np.int16) if bits == 16 else (whole << (32 - bits)).astype(np.int32)), over


def _ffmpeg(source: Path, target: Path, filters: str, with_sound: bool, threads: int) -> str:
    """Run the ffmpeg that moviepy uses; its last complaint, empty if there is none.

    Raises:
        BadInput: it gave up.
    """
    from moviepy.config import FFMPEG_BINARY

    before = f"-nostdin -v error -y -copyts -threads {threads} -i".split()
    sound = "-map 0:a? -c:a copy" if with_sound else "-an"
    # Stamps go through as they are: no grid of the frame rate, no shift of a late start to zero.
    times = "-fps_mode passthrough -enc_time_base:v demux"
    codec = "-c:v libx264 -preset medium -crf 18 -pix_fmt yuv420p -threads 1 -movflags +faststart"
    after = f"-map 0:v:0 {sound} {times} {codec} -vf".split()
    command = [FFMPEG_BINARY, *before, str(source.absolute()), *after, filters, str(target.absolute())]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    complaint = " ".join((done.stderr.strip().splitlines() or [""])[-1].split())
    if done.returncode:
        raise BadInput(f"{source}: ffmpeg cannot resize it ({complaint}); check the video and the disk space")
    return complaint


def _ratio(aspect: Fraction) -> str:
    near = aspect.limit_denominator(20)
    return f"{near.numerator}:{near.denominator}"


def _inside(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    if aspect > Fraction(width, height):
        return width, max(2, 2 * round(width / aspect / 2))
    return max(2, 2 * round(height * aspect / 2)), height


def _has_size(width: int, height: int, job: Job) -> bool:
    try:
        there = video_info(job.target)
    except BadInput:
        return False
    return (there.width, there.height) == (width, height)


def _has_rate(sample_rate: int, job: Job) -> bool:
    try:
        return audio_info(job.target).sample_rate == sample_rate
    except BadInput:
        return False
