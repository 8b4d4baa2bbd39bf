"""The sounds from the places: in one recording one after the other, or in a recording of each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.calibration.channels import N_TAKEN, Places
from avseld.calibration.heard import HOPS, Arrivals, Heard
from avseld.calibration.places import places_of
from avseld.io.resampling import read_sound, sound_info

TOWARDS = {
    "front": (1.0, 0.0, 0.0), "left": (0.0, 1.0, 0.0), "above": (0.0, 0.0, 1.0),
    "back": (-1.0, 0.0, 0.0), "right": (0.0, -1.0, 0.0), "below": (0.0, 0.0, -1.0),
}  # fmt: skip
"""unit vectors to the places"""
LONGEST_S = 300.0
LEAST_RATE_HZ = 8000
LEAST_RISE_DB = 12.0
"""by which the sounds of a place exceed the noise"""


def read_order(order: Sequence[str]) -> np.ndarray:
    """Return the directions of places, (place, 3).

    Args:
        order: three names of `TOWARDS`.

    Raises:
        BadInput: an unknown name, or places that do not tell how an array is turned and mirrored.
    """
    for name in order:
        if name not in TOWARDS:
            raise BadInput(f"--order {','.join(order)}: '{name}' is none of {', '.join(TOWARDS)}")
    towards = np.array([TOWARDS[name] for name in order])
    if len(order) != 3 or np.linalg.matrix_rank(towards) < 3:
        raise BadInput(
            f"--order {','.join(order)}: three places at right angles are needed, such as front,left,above: two do not "
            "tell a mirrored array from a turned one"
        )
    return towards


def listen_to_files(files: Sequence[Path], order: Sequence[str]) -> Places:
    """Read the sounds from the places.

    Args:
        files: one recording of all places, or one of each.
        order: names of the places.

    Raises:
        BadInput: a file is unusable, or the places are not to be told apart; says what is missing.
    """
    if len(files) not in (1, len(order)):
        raise BadInput(f"--audio: {len(files)} files; give one, or {len(order)}: {', '.join(order)}")
    read = {path: _read(path) for path in files}
    for path in files[1:]:
        for one, other, what in zip(
            _form(read[path]), _form(read[files[0]]), ("channels", "Hz"), strict=True
        ):
            if one != other:
                raise BadInput(f"{path}: {one} {what}, {files[0]} has {other}; record both alike")
    if len(files) == 1:
        return split(read[files[0]], order, str(files[0]))
    return join(
        {name: read[path] for name, path in zip(order, files, strict=True)},
        dict(zip(order, map(str, files), strict=True)),
    )


def _form(heard: Heard) -> tuple[int, int]:
    return len(heard.waveform), heard.sample_rate


def _read(path: Path) -> Heard:
    info = sound_info(path)
    if info.duration > LONGEST_S:
        raise BadInput(
            f"{path}: {info.duration:.0f} s are longer than {LONGEST_S:.0f}; cut out the claps or words"
        )
    if info.sample_rate < LEAST_RATE_HZ:
        raise BadInput(f"{path}: {info.sample_rate} Hz; record at {LEAST_RATE_HZ} Hz or more")
    if info.channels < N_TAKEN:
        raise BadInput(f"{path}: {info.channels} channels; an array of four microphones is needed")
    samples, rate = read_sound(path)
    if not np.isfinite(samples).all():
        raise BadInput(f"{path}: holds samples that are not finite; export it again")
    return Heard(samples, rate)


def split(heard: Heard, order: Sequence[str], file: str) -> Places:
    """Find the places in one recording.

    Args:
        heard: the recording.
        order: names of the places, as they are heard one after the other.
        file: of the recording, for messages.

    Raises:
        BadInput: see `avseld.calibration.places.places_of`.
    """
    return Places(dict.fromkeys(order, heard), places_of(heard, order, file), dict.fromkeys(order, file))


def join(heard: Mapping[str, Heard], files: Mapping[str, str]) -> Places:
    """Take a recording of each place.

    Args:
        heard: by place.
        files: of the recordings, for messages.

    Raises:
        BadInput: one has no sounds.
    """
    spans = {name: places_of(each, [name], files[name])[name] for name, each in heard.items()}
    return Places(dict(heard), spans, dict(files))


def arrivals_of(places: Places) -> dict[str, Arrivals]:
    """Collect the onsets of the sounds of each place.

    Raises:
        BadInput: a place is too quiet, or its sounds have no beginnings.
    """
    found = {}
    for name, span in places.spans.items():
        heard = places.heard[name]
        arrivals = heard.arrivals(span.first - HOPS, span.last)
        rise = float(np.max(arrivals.rise_db))
        if rise < LEAST_RISE_DB:
            raise BadInput(
                f"{places.file[name]}: {name} is {rise:.0f} dB above the noise, {LEAST_RISE_DB:.0f} are needed; clap "
                "louder or nearer"
            )
        if not arrivals.n_onsets:
            raise BadInput(
                f"{places.file[name]}: no sound from {name} begins clearly (at {heard.time(span.first):.1f} s); clap, "
                "or speak with pauses"
            )
        found[name] = arrivals
    return found
