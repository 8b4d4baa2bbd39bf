"""Recordings of somebody who claps or speaks in front of an array, at its left and above it, in generated rooms."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.signal import fftconvolve

from avseld.base.physics import EIGENMIKE_RADIUS_M, SPEED_OF_SOUND_M_S, TETRAHEDRON_DEG
from avseld.base.rotation import rotation_matrix
from avseld.io.geometry import direction, unit_vector
from data_prep.synth.acoustics.formats import ReceiverFormat, receiver_format
from data_prep.synth.acoustics.receivers import OpenArray, Receiver, SphericalArray
from data_prep.synth.acoustics.rooms import Room, impulse_responses
from data_prep.synth.sounds.speech import female_speaker, speech

RATE = 24000
PLACES = ("front", "left", "above")
DISTANCES_M = {"front": 1.5, "left": 1.4, "above": 0.8, "right": 1.4, "back": 1.5}
TOWARDS = {"front": (0, 0), "left": (90, 0), "above": (0, 90), "right": (-90, 0), "back": (180, 0)}


@dataclass(frozen=True)
class Cardioids:
    """Four cardioid capsules that face the corners of a tetrahedron, `radius_m` from its middle."""

    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    radius_m: float = 0.012
    channels: int = 4

    def spectra(self, directions, n_fft):
        facing = unit_vector(*np.array(TETRAHEDRON_DEG).T) @ rotation_matrix(*self.rotation).T
        cosine = directions @ facing.T
        delay = cosine * self.radius_m / SPEED_OF_SOUND_M_S
        frequency = np.fft.rfftfreq(n_fft, 1 / RATE)
        return 0.5 * (1 + cosine)[..., None] * np.exp(2j * np.pi * frequency * delay[..., None])


def turned_sphere(rotation=(0.0, 0.0, 0.0), radius_m=EIGENMIKE_RADIUS_M):
    """Return the array of STARSS23, turned by yaw, pitch and roll."""
    facing = unit_vector(*np.array(TETRAHEDRON_DEG).T) @ rotation_matrix(*rotation).T
    azimuth, elevation = direction(facing)
    return SphericalArray(tuple(zip(azimuth.tolist(), elevation.tolist(), strict=True)), radius_m)


def turned_open(positions, rotation=(0.0, 0.0, 0.0)):
    """Return microphones in the free field, turned by yaw, pitch and roll."""
    return OpenArray(tuple(map(tuple, (np.array(positions) @ rotation_matrix(*rotation).T).tolist())))


@cache
def responses(places=PLACES, receiver: Receiver | None = None, rt60=0.3, seed=0):
    """Return room responses (place, channel, sample) of first-order ambisonics, or of a receiver."""
    room = Room(1, (5.2, 4.6, 2.8), (2.5, 2.2, 1.2), rt60, 0)
    positions = np.array([unit_vector(*TOWARDS[place]) * DISTANCES_M[place] for place in places])
    format = (
        receiver_format("foa")
        if receiver is None
        else ReceiverFormat("", diffuse_power=(1.0,) * 4, receiver=receiver)
    )
    return impulse_responses(room, positions, format, np.random.default_rng(seed))


def clap(random):
    """Return a burst of noise of 4 ms that decays."""
    n = round(0.004 * RATE)
    return random.normal(size=n) * np.exp(-np.arange(n) / (0.001 * RATE))


def claps(random, number=3):
    sound = np.zeros(round((0.5 * number) * RATE))
    for index in range(number):
        burst = clap(random)
        start = round((0.1 + 0.45 * index + random.uniform(0, 0.05)) * RATE)
        sound[start : start + len(burst)] += burst
    return sound / np.abs(sound).max()


def words(random, seconds=2.0):
    sound = speech(female_speaker(random), seconds, random)
    return sound / np.abs(sound).max()


def recording(places=PLACES, receiver=None, rt60=0.3, sound=claps, noise_db=-45.0, pause_s=2.5, seed=0):
    """Record sounds from places, one after the other: (channel, sample)."""
    random = np.random.default_rng(seed)
    heard = [np.zeros((4, round(1.5 * RATE)))]
    for response in responses(tuple(places), receiver, rt60):
        wet = fftconvolve(response, sound(random)[None], axes=-1)
        heard += [0.3 * wet, np.zeros((4, round(pause_s * RATE)))]
    whole = np.concatenate(heard, axis=1)
    whole = 0.5 * whole / np.abs(whole).max()
    return whole + random.normal(size=whole.shape) * 0.5 * 10 ** (noise_db / 20)
