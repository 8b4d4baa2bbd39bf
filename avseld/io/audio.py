"""Audio files: header, sections read by seeking, and rounding to integers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from avseld.base.archive import archive_of, open_file
from avseld.base.errors import BadInput
from avseld.base.files import require_file
from avseld.io.channel_map import wrong_channels
from avseld.io.formats import format_named
from avseld.io.suffixes import CONTAINERS, EXTRACT

OPTION = "avseld-prep own or resample "
"""where channels are chosen for good"""
FLOATS = ("FLOAT", "DOUBLE")
"""kinds of samples that may be no numbers"""
LARGEST = 1e6
"""a sample beyond it is no sound; full scale is 1"""
BLOCK_SAMPLES = 1 << 20
"""samples of all channels read at once"""


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
    require_file(path)
    if path.suffix.lower() in CONTAINERS:
        raise BadInput(f"{path}: a container, no sound file; {EXTRACT.format(source=path)}")
    try:
        with open_sound(path) as file:
            header = AudioInfo(file.samplerate, file.channels, file.frames)
    except soundfile.SoundFileError as error:
        raise BadInput(
            f"{path}: no readable audio ({error}); expected a wav, flac or other sound file"
        ) from error
    if sample_rate is not None and header.sample_rate != sample_rate:
        raise BadInput(
            f"{path}: {header.sample_rate} Hz instead of {sample_rate}; resample it with avseld-prep resample "
            f"--sample_rate {sample_rate}"
        )
    if format is not None and header.channels != format_named(format).channels:
        raise BadInput(f"{path}: {wrong_channels(header.channels, format, OPTION)}")
    return header


@contextmanager
def open_sound(path: Path | str) -> Iterator[soundfile.SoundFile]:
    """Open a sound file, which may lie in an archive, for the time of a block."""
    if archive_of(path) is None:
        with soundfile.SoundFile(str(path)) as sound:
            yield sound
        return
    with open_file(path) as file, soundfile.SoundFile(file) as sound:
        yield sound


def read_audio(path: Path | str, start: int = 0, n_samples: int | None = None) -> np.ndarray:
    """Read a section of a file, zero-padded where it extends beyond the file on either side.

    Args:
        path: audio file.
        start: first sample; may be negative.
        n_samples: length of the section; None reads to the end.

    Returns:
        (channel, sample) float32 in -1..1.

    Raises:
        BadInput: missing or unreadable, or samples that are no numbers.
    """
    try:
        with open_sound(path) as file:
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
            if file.subtype in FLOATS and not (np.abs(inside) <= LARGEST).all():
                raise BadInput(_no_sound(path, inside, first, file.samplerate))
    except (soundfile.SoundFileError, OSError) as error:
        raise BadInput(
            f"{path}: no readable audio ({error}); expected a wav, flac or other sound file"
        ) from error
    section = np.zeros((inside.shape[1], stop - start), np.float32)
    offset = first - start
    scale = np.float32(1 / 32768 if is_int16 else 1)
    np.multiply(inside.T, scale, out=section[:, offset : offset + len(inside)])
    return section


def check_samples(path: Path | str) -> None:
    """Refuse a file with samples that are no numbers, or far beyond full scale; only files of floats can have them.

    Args:
        path: audio file; all of it is read if it holds floats.

    Raises:
        BadInput: names the file and the time.
    """
    with open_sound(path) as file:
        if file.subtype not in FLOATS:
            return
        first = 0
        for block in file.blocks(BLOCK_SAMPLES // file.channels, dtype="float32", always_2d=True):
            if not (np.abs(block) <= LARGEST).all():
                raise BadInput(_no_sound(path, block, first, file.samplerate))
            first += len(block)


def _no_sound(path: Path | str, block: np.ndarray, first: int, sample_rate: int) -> str:
    wrong = int(np.argmax(~(np.abs(block) <= LARGEST).all(axis=1)))
    value = block[wrong][~(np.abs(block[wrong]) <= LARGEST)][0]
    return f"{path}: a sample of {value:g} after {(first + wrong) / sample_rate:.3f} s; export it again"


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
