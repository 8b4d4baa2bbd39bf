"""Measure how often `avseld calibrate` is right, refuses to say anything, or is wrong.

    python scripts/measure_calibration.py [--rooms 100] [--arms 8]

Somebody claps, or speaks, in front of an array, at its left and above it, in generated rooms of any size and with
reverberation times of 0.15 to 0.8 s. The arms do not point exactly; the channels have any order and polarity, the array
faces anywhere, its microphones differ as real ones do (`data_prep.synth.acoustics.channel_errors`), and there is noise.
An array file is right if it puts every direction within 15 degrees.
"""

import argparse
import io
import json
import logging
import sys
import tempfile
from collections import Counter
from contextlib import redirect_stdout
from itertools import permutations
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import fftconvolve
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from clapped_rooms import RATE, Cardioids, claps, turned_open, turned_sphere, words

from avseld.base.errors import BadInput
from avseld.base.physics import TETRAHEDRON_DEG
from avseld.base.rotation import rotation_matrix
from avseld.calibration.calibrate import calibrate
from avseld.io.array_file import read_array
from avseld.io.array_setup import ArraySetup
from avseld.io.geometry import angle_between, unit_vector
from data_prep.synth.acoustics.channel_errors import ErrorRanges, apply_errors
from data_prep.synth.acoustics.formats import ReceiverFormat, receiver_format
from data_prep.synth.acoustics.rooms import Room, impulse_responses

SQUARE = ((0.023, 0.023, 0.0), (-0.023, 0.023, 0.0), (-0.023, -0.023, 0.0), (0.023, -0.023, 0.0))
"""metres, the microphones of a ReSpeaker with four of them"""
ARRAYS = {
    "foa": None,
    "mic": turned_sphere,
    "a_format": Cardioids,
    "square": lambda turn: turned_open(SQUARE, turn),
}
POSITIONS = {
    "mic": unit_vector(*np.array(TETRAHEDRON_DEG).T), "square": np.array(SQUARE),
}  # fmt: skip
OPTIONS = {"square": {"format": "mic", "positions": [each for row in SQUARE for each in row]}}
EVERYWHERE = np.concatenate([np.eye(3), -np.eye(3)])
RIGHT_DEG = 15.0


def draw(array: str, sound, arms_deg: float, random: np.random.Generator) -> tuple[np.ndarray, float]:
    """Draw a recording (channel, sample) of somebody who claps or speaks, and where the array faces, degrees."""
    size = random.uniform((3.5, 3.0, 2.4), (8.0, 6.5, 3.2))
    place = (*(size[:2] / 2 + random.uniform(-0.3, 0.3, 2)), random.uniform(0.8, 1.4))
    room = Room(1, tuple(size.tolist()), tuple(map(float, place)), random.uniform(0.15, 0.8), 0)
    yaw = random.uniform(-180, 180)
    farthest = np.minimum([1.6, 1.6, 0.9], [*(size[:2] / 2 - 0.4), size[2] - place[2] - 0.2])
    towards = np.eye(3) + np.tan(np.radians(arms_deg)) * random.normal(size=(3, 3)) / 2**0.5
    towards *= random.uniform([0.8, 0.8, 0.4], farthest)[:, None] / np.linalg.norm(
        towards, axis=1, keepdims=True
    )
    receiver = None if array == "foa" else ARRAYS[array]((yaw, 0.0, 0.0))
    format = (
        receiver_format("foa")
        if receiver is None
        else ReceiverFormat("", diffuse_power=(1.0,) * 4, receiver=receiver)
    )
    pauses = np.zeros((4, round(2.5 * RATE)))
    parts = [pauses]
    for response in impulse_responses(room, towards, format, random):
        parts += [fftconvolve(response, sound(random)[None], axes=-1), pauses]
    heard = np.concatenate(parts, axis=1)
    heard *= 0.5 / np.abs(heard).max()
    if receiver is None:
        turn = np.eye(4)
        turn[np.ix_([3, 1, 2], [3, 1, 2])] = rotation_matrix(yaw).T
        heard = turn @ heard
    recorded = apply_errors(heard.astype(np.float32), format, ErrorRanges(), random)
    return recorded + random.normal(size=heard.shape) * 0.5 * 10 ** (random.uniform(-60, -35) / 20), yaw


def error_of(setup: ArraySetup, array: str, order: list[int], signs: list[int], yaw: float) -> float:
    """Return the largest angle, degrees, between directions and where a setup puts them; 180 for a wrong polarity."""
    turn = rotation_matrix(yaw)
    if array in POSITIONS:
        there, said, polarity = np.empty((4, 3)), np.empty((4, 3)), np.empty(4)
        there[order] = POSITIONS[array] @ turn.T
        said[np.array(setup.channels) - 1] = POSITIONS[array] @ setup.rotation.T
        polarity[np.array(setup.channels) - 1] = setup.polarity
        agrees = abs(sum(sign * polarity[channel] for channel, sign in zip(order, signs, strict=True))) == 4
        return float(angle_between(said, there).max()) if agrees else 180.0
    heard = EVERYWHERE @ turn
    facing = unit_vector(*np.array(TETRAHEDRON_DEG).T)
    channels = np.c_[np.ones(6), heard[:, [1, 2, 0]]] if array == "foa" else 0.5 * (1 + heard @ facing.T)
    recorded = np.empty_like(channels)
    recorded[:, order] = channels * signs
    wyzx = setup.channel_map(4, "here").take(recorded.T).T
    return float(angle_between(wyzx[:, [3, 1, 2]] * np.sign(wyzx[:, :1]), EVERYWHERE).max())


def outcome(array: str, sound, arms_deg: float, seed: int, folder: Path) -> str:
    """Calibrate with one recording, and say what came out."""
    random = np.random.default_rng(seed)
    heard, yaw = draw(array, sound, arms_deg, random)
    order = list(list(permutations(range(4)))[random.integers(24)])
    signs = np.where(random.random(4) < 0.2, -1, 1)
    recorded = np.empty_like(heard)
    recorded[order] = heard * signs[:, None]
    soundfile.write(folder / "clap.wav", recorded.T, RATE, "PCM_24")
    try:
        with redirect_stdout(io.StringIO()):
            calibrate(folder / "clap.wav", folder / "array.yaml", **OPTIONS.get(array, {}))
    except BadInput:
        return "refused"
    setup = read_array(folder / "array.yaml")
    if setup.format != ("mic" if array == "square" else array):
        return "another format"
    error = error_of(setup, array, order, signs.tolist(), yaw)
    return "right" if error <= RIGHT_DEG else "within 30 degrees" if error <= 30 else "wrong"


def main() -> None:
    """Print what came out, by array and sound."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rooms", type=int, default=100, help="rooms for each array and sound")
    parser.add_argument("--arms", type=float, default=8.0, help="degrees by which arms miss the directions")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    counts: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for sound in (claps, words):
            for array in ARRAYS:
                seeds = tqdm(range(options.rooms), desc=f"{array}, {sound.__name__}", unit="room")
                found = Counter(outcome(array, sound, options.arms, seed, Path(folder)) for seed in seeds)
                counts[f"{array}, {sound.__name__}"] = dict(found)
    sys.stdout.write(json.dumps(counts, indent=1) + "\n")


if __name__ == "__main__":
    main()
