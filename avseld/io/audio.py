"""Audio files: header, sections read by seeking, and rounding to integers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from avseld.base.errors import BadInput
from avseld.io.formats import format_named

SOUNDS = (".wav", ".flac")
"""suffixes of the files that are taken for recordings"""


@dataclass(frozen=True)
class AudioInfo:
    """Header of an audio file."""

    sample_rate: int
    channels: int
    n_samples: int

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return self.n_samples / self.sample_rate


def audio_info(path: Path | str, format: str | None = None, sample_rate: int | None = None) -> AudioInfo:
    """Read the header; refuse another sample rate or number of channels.

    Args:
        path: wav, flac or another format that libsndfile reads.
        format: foa, mic, circular, binaural, stereo or mono; decides the number of channels.
        sample_rate: Hz.

    Raises:
        BadInput: missing, unreadable, wrong rate or wrong channel count.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: not found; check the path")
    try:
        header = soundfile.info(str(path))
    except soundfile.SoundFileError as error:
        raise BadInput(f"{path}: no readable audio ({error}); expected a wav or flac file") from error
    if sample_rate is not None and header.samplerate != sample_rate:
        raise BadInput(
            f"{path}: {header.samplerate} Hz instead of {sample_rate}; resample it with avseld-prep resample"
        )
    if format is not None and header.channels != (expected := format_named(format).channels):
        raise BadInput(
            f"{path}: {header.channels} channels instead of {expected} for {format}; name the right format"
        )
    return AudioInfo(header.samplerate, header.channels, header.frames)


def read_audio(path: Path | str, start: int = 0, n_samples: int | None = None) -> np.ndarray:
    """Read a section of a file, zero-padded where it extends beyond the file on either side.

    Args:
        path: audio file.
        start: first sample; may be negative.
        n_samples: length of the section; None reads to the end.

    Returns:
        (channel, sample) float32 in -1..1.

    Raises:
        BadInput: missing or unreadable.
    """
    try:
        with soundfile.SoundFile(str(path)) as file:
            stop = file.frames if n_samples is None else start + n_samples
            first, last = min(max(start, 0), file.frames), min(max(stop, 0), file.frames)
            file.seek(first)
            # Integers are scaled while they are transposed: the same values as read as float32, in half the time.
            is_int16 = file.subtype == "PCM_16"
            inside = file.read(last - first, dtype="int16" if is_int16 else "float32", always_2d=True)
            if len(inside) != last - first:
                raise BadInput(
                    f"{path}: ends after {first + len(inside)} samples, its header says {file.frames}"
                )
    except (soundfile.SoundFileError, OSError) as error:
        raise BadInput(f"{path}: no readable audio ({error}); expected a wav or flac file") from error
    section = np.zeros((inside.shape[1], stop - start), np.float32)
    offset = first - start
    scale = np.float32(1 / 32768 if is_int16 else 1)
    np.multiply(inside.T, scale, out=section[:, offset : offset + len(inside)])
    return section


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Round samples in -1..1 to 16-bit integers, clipped at full scale; see `to_integers`."""
    return to_integers(samples)[0]


def to_integers(samples: np.ndarray, bits: int = 16) -> tuple[np.ndarray, int]:
    """Round samples to the nearest integers, as `soundfile.write` takes them; clipped at full scale.

    The inverse of reading integers as floats (x / 32768 for 16 bits): such samples return to their value. libsndfile,
    which writes x * 32767, does not do that.

    Args:
        samples: any shape, in -1..1.
        bits: of a sample, 16, 24 or 32.

    Returns:
        The integers, int16 or (aligned to the upper bits) int32, and how many samples were clipped.
    """
    scaled = np.round(samples * 2.0 ** (bits - 1))
    limit = 2 ** (bits - 1)
    clipped = int(np.count_nonzero((scaled >= limit + 1) | (scaled < -limit)))
    whole = np.clip(scaled, -limit, limit - 1).astype(np.int64)
    return (whole.astype(np.int16) if bits == 16 else (whole << (32 - bits)).astype(np.int32)), clipped
