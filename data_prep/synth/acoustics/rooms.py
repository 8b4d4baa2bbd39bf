"""Rooms and their responses: image sources at first, diffuse decay after.

The early part comes from pyroomacoustics' image source method; where its images thin out, a noise tail of the
same energy and decay goes on (Lehmann and Johansson, "Diffuse reverberation model for efficient image-source
simulation of room impulse responses", IEEE TASLP 18(6), 2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyroomacoustics
from pyroomacoustics.directivities import Directivity
from scipy.signal import lfilter

from data_prep.synth.acoustics.formats import Format
from data_prep.synth.acoustics.receivers import Receiver, early_response
from data_prep.synth.sounds.classes import SAMPLE_RATE

SPEED_OF_SOUND = 343.0
MAX_ORDER = 14
FADE = 0.02
"""seconds over which images give way to the tail"""
LEVEL_WINDOW = 0.04
"""seconds before the tail in which the energy of the images is measured"""
BRIGHT_DECAY = 0.65
"""how much shorter the tail of high frequencies is"""
WALL_MARGIN = 0.3


@dataclass(frozen=True)
class Room:
    """A shoebox with an array in it; hashable, so that whatever depends on it can be kept."""

    number: int
    size: tuple[float, float, float]
    """metres along x (front), y (left), z (up)"""
    array: tuple[float, float, float]
    """place of the array, metres from the corner"""
    reverberation: float
    """seconds until the sound has decayed by 60 dB; 0 is a room without walls"""
    look: int
    """seed of its picture"""

    @property
    def absorption(self) -> float:
        """Share of the energy that the walls take (Eyring's formula solved for it)."""
        if self.reverberation == 0:
            return 1.0
        x, y, z = self.size
        surface = 2 * (x * y + y * z + x * z)
        exponent = 24 * np.log(10) / SPEED_OF_SOUND * x * y * z / (surface * self.reverberation)
        return float(1 - np.exp(-exponent))

    @property
    def reach(self) -> float:
        """Largest radius in metres at which a source stays inside the room all around the array."""
        distances = [self.array[0], self.size[0] - self.array[0], self.array[1], self.size[1] - self.array[1]]
        return min(distances) - WALL_MARGIN


def draw_room(number: int, reverberation: tuple[float, float], rng: np.random.Generator) -> Room:
    """Draw a room: its size, where the array stands, its reverberation.

    Args:
        number: names it.
        reverberation: shortest and longest time, seconds.
        rng: all of the room comes from it.
    """
    size = rng.uniform((5.0, 4.8, 2.5), (9.0, 7.5, 3.4))
    centre = size[:2] / 2 + rng.uniform(-0.3, 0.3, 2)
    array = (*centre.round(2).tolist(), round(float(rng.uniform(1.2, 1.5)), 2))
    return Room(
        number,
        tuple(size.round(2).tolist()),
        array,
        round(float(rng.uniform(*reverberation)), 3),
        int(rng.integers(2**31)),
    )


def responses(
    room: Room,
    positions: np.ndarray,
    format: Format,
    rng: np.random.Generator,
) -> np.ndarray:
    """Responses from places to the channels of a format, which stand where the array stands.

    All places share one tail, so that neighbours on a path can be cross-faded without a loss of level.

    Args:
        room: the shoebox.
        positions: (place, 3) metres relative to the array.
        format: its channels.
        rng: the tail comes from it.

    Returns:
        (place, channel, sample) float32; a sound at 1 m arrives with gain 1 after its travel time.
    """
    if format.filters is None:
        early = _images(room, positions, format.receivers())
    else:
        early = _filtered(room, positions, format.filters)
    if room.reverberation == 0:
        return early
    return _with_tail(early, room, format, rng)


def travel_time(positions: np.ndarray) -> np.ndarray:
    """Seconds (...,) from places (..., 3) to the array."""
    return np.linalg.norm(positions, axis=-1) / SPEED_OF_SOUND


def _box(room: Room, positions: np.ndarray) -> pyroomacoustics.ShoeBox:
    # One thread, because the sum over images depends on how threads share them.
    pyroomacoustics.constants.set("num_threads", 1)
    pyroomacoustics.constants.set("rir_hpf_enable", False)
    pyroomacoustics.constants.set("c", SPEED_OF_SOUND)
    box = pyroomacoustics.ShoeBox(
        room.size,
        fs=SAMPLE_RATE,
        materials=pyroomacoustics.Material(room.absorption),
        max_order=MAX_ORDER if room.reverberation else 0,
    )
    for position in np.asarray(positions) + room.array:
        box.add_source(position)
    return box


def _images(room: Room, positions: np.ndarray, receivers: Sequence[Directivity]) -> np.ndarray:
    latency = pyroomacoustics.constants.get("frac_delay_length") // 2
    box = _box(room, positions)
    places = np.repeat(np.array(room.array)[:, None], len(receivers), axis=1)
    box.add_microphone_array(places, directivity=list(receivers))
    box.compute_rir()
    found = [
        [box.rir[channel][place] for channel in range(len(receivers))] for place in range(len(positions))
    ]
    length = max(len(response) for row in found for response in row) - latency
    early = np.zeros((len(positions), len(receivers), length), np.float32)
    for place, row in enumerate(found):
        for channel, response in enumerate(row):
            early[place, channel, : len(response) - latency] = response[latency:]
    return early


def _filtered(room: Room, positions: np.ndarray, receiver: Receiver) -> np.ndarray:
    """Responses (place, channel, sample) through a filter for each image's direction."""
    box = _box(room, positions)
    box.add_microphone_array(np.array(room.array)[:, None])
    box.image_source_model()
    nearest = np.linalg.norm(positions, axis=1).max() / SPEED_OF_SOUND
    length = round(
        (MAX_ORDER * min(room.size) / SPEED_OF_SOUND if room.reverberation else nearest + 0.01) * SAMPLE_RATE
    )
    return np.stack(
        [
            early_response(
                receiver,
                (source.images - np.array(room.array)[:, None]).T,
                source.damping[0],
                np.asarray(source.orders) <= 1,
                length + 1,
                SPEED_OF_SOUND,
            )
            for source in box.sources
        ]
    )


def _with_tail(early: np.ndarray, room: Room, format: Format, rng: np.random.Generator) -> np.ndarray:
    diffuse = np.asarray(format.diffuse)
    # Up to here the images are complete: the next order comes back from the nearest pair of walls.
    change = round(MAX_ORDER * min(room.size) / SPEED_OF_SOUND * SAMPLE_RATE)
    fade = round(FADE * SAMPLE_RATE)
    window = round(LEVEL_WINDOW * SAMPLE_RATE)
    length = max(change + fade, round((room.reverberation + 0.02) * SAMPLE_RATE))
    whole = np.zeros((*early.shape[:2], length), np.float32)
    kept = min(change, early.shape[-1])
    whole[..., :kept] = early[..., :kept]
    # The omnidirectional channel has the power of the pressure; other formats have it in their mean.
    measured = np.square(early[..., change - window : change]).mean() / diffuse.mean()
    ramp = np.linspace(0, np.pi / 2, fade, dtype=np.float32)
    whole[..., change - fade : change] *= np.cos(ramp)
    time = (np.arange(length - change + fade) - fade + window / 2) / SAMPLE_RATE
    white = rng.standard_normal((early.shape[1], len(time)), dtype=np.float32)
    dull = lfilter([0.35], [1, -0.65], white, axis=-1)
    rate = 3 * np.log(10) / room.reverberation
    tail = dull * np.exp(-rate * time) + (white - dull) * np.exp(-rate / BRIGHT_DECAY * time)
    tail = format.spread(tail.astype(np.float32)) * np.sqrt(measured)
    tail[:, :fade] *= np.sin(ramp)
    whole[..., change - fade :] += tail.astype(np.float32)
    return whole
