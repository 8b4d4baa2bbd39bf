"""Rooms and their impulse responses: image sources for the early part, a diffuse tail for the late part.

The early part comes from pyroomacoustics' image source method. Where its images become incomplete, a noise tail of the
same energy and decay takes over (E. A. Lehmann and A. M. Johansson, "Diffuse reverberation model for efficient
image-source simulation of room impulse responses", IEEE TASLP 18(6), 2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyroomacoustics
from pyroomacoustics.directivities import Directivity
from scipy.signal import lfilter

from avseld.base.physics import SPEED_OF_SOUND_M_S
from data_prep.synth.acoustics.formats import ReceiverFormat
from data_prep.synth.acoustics.receivers import Receiver, early_response
from data_prep.synth.sounds.classes import SAMPLE_RATE

MAX_IMAGE_ORDER = 14
"""reflections per image; complete for some 0.1 s, after which reflections are too dense to be told apart"""
FADE_S = 0.02
"""seconds of the cross-fade from images to tail"""
LEVEL_WINDOW_S = 0.04
"""seconds before the tail over which the energy of the images is measured"""
HIGH_BAND_DECAY_RATIO = 0.65
"""decay time of high frequencies relative to low ones: air and walls absorb them more"""
TAIL_LOWPASS = 0.65
"""pole of the one-pole filter that splits the tail into bands: -3 dB at 1.7 kHz"""
CRITICAL_DISTANCE = 0.057
"""metres at 1 m3 and 1 s (H. Kuttruff, Room Acoustics, chapter 5.1)"""
WALL_MARGIN_M = 0.3
"""smallest distance of a source from the walls"""


Size = tuple[float, float, float]
"""length, width and height"""


@dataclass(frozen=True)
class Room:
    """A shoebox room with an array in it; hashable, so that results for a room can be cached."""

    number: int
    size: tuple[float, float, float]
    """metres along x (front), y (left), z (up)"""
    array_position: tuple[float, float, float]
    """metres from the corner"""
    rt60: float
    """reverberation time, seconds until the sound has decayed by 60 dB; 0 for an anechoic room"""
    appearance_seed: int
    """seed of the room's picture"""

    @property
    def absorption(self) -> float:
        """Return the energy absorption of the walls in 0..1, by Eyring's formula solved for it."""
        if self.rt60 == 0:
            return 1.0
        x, y, z = self.size
        surface = 2 * (x * y + y * z + x * z)
        exponent = 24 * np.log(10) / SPEED_OF_SOUND_M_S * x * y * z / (surface * self.rt60)
        return float(1 - np.exp(-exponent))

    @property
    def critical_distance(self) -> float:
        """Return the distance in metres at which direct and reverberant sound have the same level."""
        if self.rt60 == 0:
            return np.inf
        return float(CRITICAL_DISTANCE * np.sqrt(np.prod(self.size) / self.rt60))

    @property
    def max_source_radius(self) -> float:
        """Return the largest radius, metres, at which a circle around the array stays inside the room."""
        x, y, _ = self.array_position
        return min(x, self.size[0] - x, y, self.size[1] - y) - WALL_MARGIN_M


def draw_room(
    number: int,
    rt60_s: tuple[float, float],
    rng: np.random.Generator,
    size_m: tuple[Size, Size] = ((5.0, 4.8, 2.5), (9.0, 7.5, 3.4)),
    array_height_m: tuple[float, float] = (1.2, 1.5),
    min_critical_distance_m: float = 0.0,
) -> Room:
    """Draw the size of a room, the position of the array near its centre, and its reverberation time.

    Args:
        number: room number.
        rt60_s: shortest and longest reverberation time.
        rng: the only source of randomness.
        size_m: smallest and largest length, width and height, metres.
        array_height_m: lowest and highest position of the array above the floor, metres.
        min_critical_distance_m: shortens the longest reverberation time of small rooms, as they have in reality.
    """
    size = rng.uniform(*size_m)
    if min_critical_distance_m:
        longest = float(size.prod()) * (CRITICAL_DISTANCE / min_critical_distance_m) ** 2
        rt60_s = (rt60_s[0], max(rt60_s[0], min(rt60_s[1], longest)))
    centre = size[:2] / 2 + rng.uniform(-0.3, 0.3, 2)
    array_position = (*centre.round(2).tolist(), round(float(rng.uniform(*array_height_m)), 2))
    return Room(
        number,
        tuple(size.round(2).tolist()),
        array_position,
        round(float(rng.uniform(*rt60_s)), 3),
        int(rng.integers(2**31)),
    )


def impulse_responses(
    room: Room,
    positions: np.ndarray,
    format: ReceiverFormat,
    rng: np.random.Generator,
) -> np.ndarray:
    """Compute the impulse responses from source positions to the channels of a format at the array.

    All positions share one tail, so that neighbours on a trajectory can be cross-faded without loss of level.

    Args:
        room: the room.
        positions: (position, 3) metres relative to the array.
        format: its channels.
        rng: randomness of the tail.

    Returns:
        (position, channel, sample) float32. A source at 1 m has gain 1; the delay is the travel time.
    """
    if format.receiver is None:
        early = _image_source_responses(room, positions, format.directivities())
    else:
        early = _directional_responses(room, positions, format.receiver)
    if room.rt60 == 0:
        return early
    return _with_diffuse_tail(early, room, format, rng)


def _shoebox(room: Room, positions: np.ndarray) -> pyroomacoustics.ShoeBox:
    # One thread: the rounding of the sum over images depends on how it is split among threads.
    pyroomacoustics.constants.set("num_threads", 1)
    pyroomacoustics.constants.set("rir_hpf_enable", False)
    pyroomacoustics.constants.set("c", SPEED_OF_SOUND_M_S)
    shoebox = pyroomacoustics.ShoeBox(
        room.size,
        fs=SAMPLE_RATE,
        materials=pyroomacoustics.Material(room.absorption),
        max_order=MAX_IMAGE_ORDER if room.rt60 else 0,
    )
    for position in np.asarray(positions) + room.array_position:
        shoebox.add_source(position)
    return shoebox


def _image_source_responses(
    room: Room, positions: np.ndarray, directivities: Sequence[Directivity]
) -> np.ndarray:
    """Compute early responses (position, channel, sample) of coincident directional channels."""
    latency = pyroomacoustics.constants.get("frac_delay_length") // 2
    shoebox = _shoebox(room, positions)
    places = np.repeat(np.array(room.array_position)[:, None], len(directivities), axis=1)
    shoebox.add_microphone_array(places, directivity=list(directivities))
    shoebox.compute_rir()
    computed = [
        [shoebox.rir[channel][source] for channel in range(len(directivities))]
        for source in range(len(positions))
    ]
    length = max(len(response) for row in computed for response in row) - latency
    early = np.zeros((len(positions), len(directivities), length), np.float32)
    for source, row in enumerate(computed):
        for channel, response in enumerate(row):
            early[source, channel, : len(response) - latency] = response[latency:]
    return early


def _directional_responses(room: Room, positions: np.ndarray, receiver: Receiver) -> np.ndarray:
    """Compute early responses (position, channel, sample) of channels that filter each direction."""
    shoebox = _shoebox(room, positions)
    shoebox.add_microphone_array(np.array(room.array_position)[:, None])
    shoebox.image_source_model()
    farthest = np.linalg.norm(positions, axis=1).max() / SPEED_OF_SOUND_M_S
    duration = MAX_IMAGE_ORDER * min(room.size) / SPEED_OF_SOUND_M_S if room.rt60 else farthest + 0.01
    length = round(duration * SAMPLE_RATE)
    return np.stack(
        [
            early_response(
                receiver,
                (source.images - np.array(room.array_position)[:, None]).T,
                source.damping[0],
                np.asarray(source.orders) <= 1,
                length + 1,
            )
            for source in shoebox.sources
        ]
    )


def _with_diffuse_tail(
    early: np.ndarray, room: Room, format: ReceiverFormat, rng: np.random.Generator
) -> np.ndarray:
    """Replace the late part of early responses (position, channel, sample) by a decaying diffuse field."""
    diffuse_power = np.asarray(format.diffuse_power)
    # Images are complete up to here: those of the next order arrive later, from the closest pair of walls.
    change = round(MAX_IMAGE_ORDER * min(room.size) / SPEED_OF_SOUND_M_S * SAMPLE_RATE)
    fade = round(FADE_S * SAMPLE_RATE)
    window = round(LEVEL_WINDOW_S * SAMPLE_RATE)
    length = max(change + fade, round((room.rt60 + 0.02) * SAMPLE_RATE))
    whole = np.zeros((*early.shape[:2], length), np.float32)
    kept = min(change, early.shape[-1])
    whole[..., :kept] = early[..., :kept]
    # Channel powers over those of a diffuse field of pressure 1: the power of the pressure at the change.
    power = np.square(early[..., change - window : change]).mean() / diffuse_power.mean()
    ramp = np.linspace(0, np.pi / 2, fade, dtype=np.float32)
    whole[..., change - fade : change] *= np.cos(ramp)
    time = (np.arange(length - change + fade) - fade + window / 2) / SAMPLE_RATE
    white = rng.standard_normal((early.shape[1], len(time)), dtype=np.float32)
    low_band = lfilter([1 - TAIL_LOWPASS], [1, -TAIL_LOWPASS], white, axis=-1)
    decay = 3 * np.log(10) / room.rt60
    tail = low_band * np.exp(-decay * time)
    tail = tail + (white - low_band) * np.exp(-decay / HIGH_BAND_DECAY_RATIO * time)
    tail = format.diffuse_field(tail.astype(np.float32)) * np.sqrt(power)
    tail[:, :fade] *= np.sin(ramp)
    whole[..., change - fade :] += tail.astype(np.float32)
    return whole
