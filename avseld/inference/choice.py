"""What a recording is taken for where nobody says it: its channel format, and the shipped weights for it."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.channel_map import Channels, n_taken, takes, wrong_channels
from avseld.io.formats import FORMATS, FORMATS_BY_CHANNELS, format_named
from avseld.io.resampling import open_recording, sound_info
from avseld.io.sound_track import is_container
from avseld.weights import Card, for_format, shipped

log = logging.getLogger(__name__)

SECTION_S = 0.5
"""duration of the sections in which channels are compared"""
MAX_SECTIONS = 20
CONTAINER_S = 30.0
"""seconds from the beginning of a sound track within which they lie: a track is decoded up to the last of them"""
BAND_HZ = (100.0, 300.0)
"""where the capsules of an array of some centimetres receive the same wave: at 300 Hz it is 1.1 m long"""
LOUD_SHARE = 0.25
"""share of the sections that decides, the loudest ones: in quiet ones the noise of each microphone covers the waves"""
CAPSULE_CORRELATION = 0.7
CAPSULE_SPREAD_DB = 3.0
"""least correlation of two of four capsules in that band, and largest difference of their levels, medians over the
loudest sections. Of generated arrays 91 % are inside, the rest has noisy microphones; 87 recordings of first-order
ambisonics, 51 of them of real rooms, have correlations below 0. A wave from the front, left and above has positive
ones, but levels of W and of X, Y, Z that differ by 4.8 dB or more (SN3D)"""


def format_of(path: Path, format: str | None = None, channels: Channels | None = None) -> str:
    """Decide the channel format of a recording.

    Args:
        path: sound file, or video with a sound track.
        format: what the user says it is; None decides by the number of channels.
        channels: channels that are taken, see `avseld.io.channel_map`; None for all. The description of an array says
            the format.

    Raises:
        BadInput: unreadable, or a number of channels that decides nothing.
    """
    if format is not None:
        format_named(format)
        return format
    if channels is not None and not isinstance(channels, Sequence):
        return channels.output
    n_channels = n_taken(channels) if channels is not None else sound_info(path).channels
    if n_channels not in FORMATS_BY_CHANNELS:
        raise BadInput(
            f"{path}: {n_channels} channels; choose those to take, such as the first four of ambisonics "
            f"(--channels 1,2,3,4, or ambix, n3d, fuma), or name the format (--format {', '.join(FORMATS)})"
        )
    return FORMATS_BY_CHANNELS[n_channels]


def describe_guess(recordings: str, format: str) -> str:
    """Say what recordings are taken for, and what else they may be by their number of channels.

    Args:
        recordings: their names.
        format: as from `format_of`.
    """
    about = FORMATS[format]
    others = [other for other, each in FORMATS.items() if each.channels == about.channels and other != format]
    otherwise = f"; a guess by their number, else give --format {' or '.join(others)}" if others else ""
    return f"{recordings}: {about.channels} channels, taken as {format}: {about.about}{otherwise}"


def warn_of_capsules(path: Path, channels: Channels | None = None) -> None:
    """Log a warning where a recording that is taken for first-order ambisonics looks like that of four microphones."""
    if looks_like_capsules(path, channels):
        log.warning(
            "%s: looks like four capsules rather than first-order ambisonics (below 300 Hz its channels are alike): "
            "give --format mic; as ambisonics its directions are wrong",
            path,
        )


def looks_like_capsules(path: Path, channels: Channels | None = None) -> bool:
    """Return whether four channels are those of a small array of microphones, as far as low frequencies show.

    There the pressure at all capsules is the same, while X, Y and Z of ambisonics have signs and levels that depend on
    the direction.

    Args:
        path: sound file, or video with a sound track.
        channels: channels to take, counted from 1; None for all.
    """
    rate = sound_info(path).sample_rate
    read, n_samples = open_recording(path, "foa", rate, channels)
    length = min(round(SECTION_S * rate), n_samples)
    end = min(n_samples, round(CONTAINER_S * rate)) if is_container(path) else n_samples
    count = min(MAX_SECTIONS, max(end // max(length, 1), 1))
    starts = np.linspace(0, max(end - length, 0), count).astype(int)
    found = [_likeness(read(int(start), length), rate) for start in starts]
    loudest = sorted((one for one in found if one is not None), reverse=True)
    if not loudest:
        return False
    chosen = np.array(loudest[: max(round(LOUD_SHARE * len(loudest)), 1)])
    _, correlation, spread_db = np.median(chosen, axis=0)
    return bool(correlation > CAPSULE_CORRELATION and spread_db < CAPSULE_SPREAD_DB)


def _likeness(section: np.ndarray, rate: int) -> tuple[float, float, float] | None:
    """Compare the channels of a section in `BAND_HZ`.

    Returns:
        Level, smallest correlation of two channels, and largest difference of levels in dB; None where one is silent.
    """
    spectrum = np.fft.rfft(section * np.hanning(section.shape[1]), axis=1)
    frequency = np.fft.rfftfreq(section.shape[1], 1 / rate)
    band = spectrum[:, (frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1])]
    product = (band @ band.conj().T).real
    level = np.sqrt(np.diag(product))
    if not band.shape[1] or not level.min() > 0:
        return None
    least = (product / np.outer(level, level)).min()
    return float(level.mean()), float(least), float(20 * np.log10(level.max() / level.min()))


def weights_for(path: Path, format: str) -> Card:
    """Choose shipped weights for a recording.

    Args:
        path: the recording, for messages.
        format: its channel format.

    Raises:
        BadInput: no weights of that format come with the package; says what there is.
    """
    cards = for_format(format)
    if cards:
        return cards[0]
    there: dict[str, list[str]] = {}
    for card in shipped().values():
        there.setdefault(card.format, []).append(card.name)
    names = "; ".join(f"for {each} {', '.join(of)}" for each, of in there.items())
    elsewhere = ", or give the file of another recorder and this one as --video" if is_container(path) else ""
    raise BadInput(
        f"{path}: no weights for {format} recordings come with the package, but {names}; train on your own with "
        f"avseld train and give --run RUN{elsewhere}"
    )


def check_channels(path: Path, run: Path, format: str) -> None:
    """Refuse a recording whose number of channels cannot be brought to that of the format that a run takes.

    Args:
        path: the recording.
        run: that was named for it.
        format: channel format of the run.

    Raises:
        BadInput: says which channels to take, or where there are weights for the recording.
    """
    n_channels, expected = sound_info(path).channels, FORMATS[format].channels
    if takes(format, n_channels):
        return
    if n_channels > expected:
        raise BadInput(f"{path}: {wrong_channels(n_channels, format, named=False)}")
    own = FORMATS_BY_CHANNELS.get(n_channels, "")
    remedy = f"give a run that was trained on {own or 'such'} recordings"
    if own and for_format(own):
        remedy = f"leave out --run to take {for_format(own)[0].name}, or {remedy}"
    raise BadInput(
        f"{path}: {n_channels} channels, and {run} takes {format} recordings of {expected}; {remedy}"
    )


def describe_weights(card: Card) -> str:
    """Say which weights were chosen, for what, and which others there are for the format."""
    others = [other.name for other in for_format(card.format) if other.name != card.name]
    also = f"; others: {', '.join(f'--run {other}' for other in others)}" if others else ""
    return f"weights {card.name}, as the recording is {card.format}: {card.about}{also}"
