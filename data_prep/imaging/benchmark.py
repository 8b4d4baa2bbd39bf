"""Energy maps of a recording timed beside the official steps written plainly: `avseld bench energy_maps`."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from avseld.base.rates import LABEL_HOP
from avseld.base.sphere import unit_vector
from avseld.directions.eigenmike import N_CAPSULES, capsule_positions, steering
from avseld.io.audio import read_audio, to_int16
from avseld.io.dcase_csv import read_dcase, write_dcase
from avseld.io.energy_maps import read_energy_maps
from avseld.io.events import Events
from data_prep.imaging.bands import BAND_CENTRES_HZ, SAMPLE_RATE
from data_prep.imaging.command import make_maps
from data_prep.imaging.published import write_plainly
from data_prep.imaging.sparse_maps import COMMON_FREQUENCY_HZ, SPEED_OF_SOUND_M_S, lattice

SECONDS = 5.0
SOUND_S = 0.5
"""length of a sound; two sound at once, from directions that change then"""
NOISE = 0.01
"""of each capsule, relative to a sound"""
REPEATS = 3


def bench_energy_maps(seconds: float = SECONDS) -> dict[str, Any]:
    """Time the maps of a generated recording, from wav and csv to JSON, in this process.

    Args:
        seconds: of the recording.

    Returns:
        `ours` and `published`, seconds of recording a second, and their `ratio`; `first_s`, the time of the first
        recording, for which waves and triangles are made; `difference`, the largest between energies of both.
    """
    with TemporaryDirectory() as folder:
        sound, labels, ours, plain = (
            Path(folder) / name for name in ("mix.wav", "mix.csv", "ours.json", "plain.json")
        )
        _write_recording(sound, labels, seconds)
        times = []
        for _ in range(1 + REPEATS):
            begin = time.perf_counter()
            make_maps(sound, ours, labels)
            times.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        _write_plainly(sound, plain, labels)
        plain_s = time.perf_counter() - begin
        difference = _difference(ours, plain)
    return {
        "ours": seconds / min(times[1:]),
        "published": seconds / plain_s,
        "ratio": plain_s / min(times[1:]),
        "unit": "seconds of 32 channels a second",
        "first_s": times[0],
        "difference": difference,
    }


def _write_recording(sound: Path, labels: Path, seconds: float) -> None:
    """Write plane waves on the open array, two at once, with noise, and their labels."""
    random = np.random.default_rng(0)
    length = round(SOUND_S * SAMPLE_RATE)
    frequency = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    parts, rows = [], []
    for turn in range(round(seconds / SOUND_S)):
        part = NOISE * random.standard_normal((length, N_CAPSULES))
        for source in range(2):
            azimuth, elevation = int(random.integers(-180, 180)), int(random.integers(-60, 61))
            advance = capsule_positions() @ unit_vector(azimuth, elevation) / SPEED_OF_SOUND_M_S
            spectrum = np.fft.rfft(random.standard_normal(length))[:, None]
            part += np.fft.irfft(spectrum * np.exp(2j * np.pi * np.outer(frequency, advance)), length, axis=0)
            frames = range(round(turn * SOUND_S / LABEL_HOP), round((turn + 1) * SOUND_S / LABEL_HOP))
            rows += [
                (frame * LABEL_HOP, (frame + 1) * LABEL_HOP, source, source, azimuth, elevation, 2.0)
                for frame in frames
            ]
        parts.append(part)
    mix = np.concatenate(parts)
    soundfile.write(sound, to_int16(0.5 * mix / np.abs(mix).max()), SAMPLE_RATE, subtype="PCM_16")
    write_dcase(labels, Events.from_rows(rows).sorted())


def _write_plainly(sound: Path, target: Path, labels: Path) -> None:
    events = read_dcase(labels)[0].select(slice(1, None))
    waves = steering(lattice(), SPEED_OF_SOUND_M_S / COMMON_FREQUENCY_HZ)
    directions = lattice()
    write_plainly(target, read_audio(sound).T, events, np.stack([waves] * len(BAND_CENTRES_HZ)), directions)


def _difference(one: Path, other: Path) -> float:
    """Return the largest difference of the energies of two files; infinite where sounds or pixels differ."""
    maps, others = read_energy_maps(one), read_energy_maps(other)
    points, other_points = (
        np.concatenate([points for each in side for points in each.polygons]) for side in (maps, others)
    )
    same = [each.key for each in maps] == [each.key for each in others]
    if not same or points.shape != other_points.shape or (points[:, :2] != other_points[:, :2]).any():
        return float("inf")
    return float(np.abs(points - other_points).max())
