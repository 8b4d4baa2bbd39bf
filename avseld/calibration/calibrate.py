"""The command `calibrate`: claps or words from the front, the left and above in, an array file out."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import check_folder, takes_paths
from avseld.base.next_step import tell_next
from avseld.calibration.channels import N_TAKEN, ChannelState, Places, channel_states, taken_channels
from avseld.calibration.doubts import doubt_of
from avseld.calibration.fitting import FITS, Fit, fit_likeliest, missed_by, setup_of
from avseld.calibration.heard import Arrivals
from avseld.calibration.listening import LONGEST_S, arrivals_of, listen_to_files, read_order
from avseld.calibration.live import Prompts, listen_live, open_microphone
from avseld.calibration.report import channel_table, findings, heard_at
from avseld.io.array_file import read_array, write_array
from avseld.io.array_setup import ArrayFormat, ArraySetup
from avseld.io.channel_map import channel_map

log = logging.getLogger(__name__)


@takes_paths
def calibrate(
    audio: list[Path] | Path | None = None,
    out: Path | None = None,
    input: str | None = None,
    order: list[str] | None = None,
    format: ArrayFormat | None = None,
    channels: list[int | str] | None = None,
    positions: list[float] | None = None,
    array: Path | None = None,
    seconds: float = 4.0,
    record: Path | None = None,
) -> None:
    """Find channel order, polarity, mirrored axes and turn of an array of microphones, and write them to an array file.

    Clap a few times, or speak, two metres in front of the array (of the camera, where there is one), then at its left,
    then above it, with pauses of three seconds between the places.

    Args:
        audio: recording of all places, or one of each (front.wav,left.wav,above.wav).
        out: array file to write, for --array of the other commands; by default nothing is written.
        input: microphone, microphone:NAME or microphone:ID (avseld stream --list lists them): listen live, and tell
            where to clap.
        order: places as they are heard; by default front,left,above. Others are back, right and below; three at right
            angles are needed.
        format: foa (W Y Z X), mic (four microphones) or a_format (four cardioid capsules); by default the one that
            explains what is heard.
        channels: the four channels of the array, counted from 1, or ambix; by default those that work.
        positions: x, y and z of the four microphones in metres, twelve numbers, x to the front of the array, y to the
            left, z up; by default those of the tetrahedron of STARSS23, on a rigid sphere.
        array: an earlier array file, whose format, channels and positions are taken where they are not given.
        seconds: with --input, for which each place is listened to.
        record: with --input, folder that gets front.wav, left.wav and above.wav, for --audio.

    Raises:
        BadInput: a file is unusable, or the evidence is not enough; says what is missing. Nothing is written.
    """
    names = order or ["front", "left", "above"]
    towards = read_order(names)
    if array is not None:
        format, channels, positions = _known(read_array(array), format, channels, positions)
    given = _positions(positions, format)
    places = _listen(audio, input, names, channels, seconds, record)
    states = channel_states(places)
    sys.stdout.write(heard_at(places) + channel_table(states, names))
    sys.stdout.flush()
    file = places.file[names[0]]
    numbers = _chosen(states, places.n_channels, channels, file)
    arrivals = list(arrivals_of(places).values())
    taken = [each.taken(np.eye(places.n_channels)[np.array(numbers) - 1]) for each in arrivals]
    fit = _fit(taken, towards, format, given)
    if fit.best is None:
        raise BadInput(f"{file}: {doubt_of(fit, names, towards)}{fit.hint}; nothing is written")
    setup = replace(setup_of(fit, fit.best, numbers, given), recorded=places.n_channels)
    missed = dict(zip(names, missed_by(setup, fit.best, arrivals, towards).round(1).tolist(), strict=True))
    sys.stdout.write(findings(setup, fit.best, fit.microphones, missed, states))
    sys.stdout.flush()
    if out is None:
        log.info("--out ARRAY.yaml writes it, for --array of the other commands")
        return
    write_array(out, replace(setup, measured={"by": "avseld calibrate", **missed}))
    log.info("%s", out)
    tell_next("avseld", "predict", "--audio", "RECORDING", "--array", out)


def _known(
    setup: ArraySetup,
    format: ArrayFormat | None,
    channels: list[int | str] | None,
    positions: list[float] | None,
) -> tuple[ArrayFormat, list[int | str], list[float] | None]:
    """Return format, channels and positions: those that are given, else those of an earlier setup."""
    known = None if setup.positions is None else [each for row in setup.positions for each in row]
    return format or setup.format, channels or list(setup.channels), positions or known


def _listen(
    audio: Sequence[Path] | Path | None,
    input: str | None,
    names: Sequence[str],
    channels: Sequence[int | str] | None,
    seconds: float,
    record: Path | None,
) -> Places:
    """Read recordings, or listen live; arguments as for `calibrate`."""
    if (audio is None) == (input is None):
        raise BadInput("give --audio RECORDING, or --input microphone to listen live; one of the two")
    if input is None:
        if record is not None:
            raise BadInput(f"--record {record}: keeps what --input hears; leave it out")
        assert audio is not None
        return listen_to_files([audio] if isinstance(audio, Path) else audio, names)
    if not 1 <= seconds <= LONGEST_S:
        raise BadInput(f"--seconds {seconds:g}: choose 1 to {LONGEST_S:g}")
    check_folder(record, "--record")
    return listen_live(open_microphone(input, channels), names, seconds, Prompts(), record)


def _positions(numbers: Sequence[float] | None, format: ArrayFormat | None) -> list[list[float]] | None:
    """Check positions, and return x, y, z of each microphone."""
    if numbers is None:
        return None
    if format not in ("mic", "a_format"):
        raise BadInput(
            "--positions: are those of microphones or capsules; give --format mic or a_format, too"
        )
    if len(numbers) != 12 or not np.isfinite(numbers).all() or np.abs(numbers).max() > 10:
        raise BadInput(
            f"--positions: {len(numbers)} numbers; give x, y and z of four microphones in metres, twelve numbers"
        )
    found = np.array(numbers, float).reshape(4, 3)
    width = np.linalg.svd(found - found.mean(axis=0))[1]
    if width[1] < 0.05 * width[0] or width[0] == 0:
        raise BadInput(
            "--positions: microphones in a line or at a point do not tell directions; correct them"
        )
    return found.tolist()


def _chosen(
    states: Sequence[ChannelState], n_channels: int, channels: Sequence[int | str] | None, file: str
) -> list[int]:
    """Return the numbers of the four channels that are looked at."""
    if channels is None:
        return taken_channels(states, file)
    numbers = [int(index) + 1 for index in channel_map(n_channels, channels, file).order]
    if len(set(numbers)) != N_TAKEN:
        raise BadInput(f"--channels {','.join(map(str, channels))}: name four channels (1,2,3,4)")
    for number in numbers:
        if flaw := states[number - 1].flaw:
            raise BadInput(f"{file}: channel {number} is {flaw}; check its cable and gain, or choose others")
    return numbers


def _fit(
    arrivals: Sequence[Arrivals],
    towards: np.ndarray,
    format: ArrayFormat | None,
    positions: list[list[float]] | None,
) -> Fit:
    """Explain what is heard by the format that is named, or by the likeliest one."""
    if format is None:
        return fit_likeliest(arrivals, towards)
    if format == "foa":
        return FITS[format](arrivals, towards)
    return FITS[format](arrivals, towards, positions)
