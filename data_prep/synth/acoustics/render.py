"""A plan becomes sound and labels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import oaconvolve

from avseld.base.rates import LABEL_HOP, samples
from avseld.io.events import Events, concatenate
from avseld.io.geometry import wrap
from data_prep.synth.acoustics.formats import Format
from data_prep.synth.acoustics.rooms import SPEED_OF_SOUND, responses
from data_prep.synth.motion import seen_from_array
from data_prep.synth.scene import Scene, SoundEvent
from data_prep.synth.sounds.classes import SAMPLE_RATE
from data_prep.synth.sounds.events import BLOCK, active_blocks

LOUDEST = 0.95
COVERED = 0.5
"""share of a label frame that has to sound"""


@dataclass(frozen=True, eq=False)
class Rendering:
    """What a recording holds, before its parts are added up."""

    events: np.ndarray
    """(channel, sample) float32: all events with their reverberation"""
    noise: np.ndarray
    """(channel, sample) float32: what is there without them"""
    labels: Events
    """one row per source and label frame"""

    @property
    def mix(self) -> np.ndarray:
        """(channel, sample) the recording."""
        return self.events + self.noise


Dry = Callable[[int, float, np.random.Generator], np.ndarray]
"""(class, longest seconds, chance) -> one dry sound (sample,) at the common level"""


def render(scene: Scene, format: Format, dry: Dry, seed: np.random.SeedSequence) -> Rendering:
    """Render a scene in a format.

    Args:
        scene: the plan.
        format: channels.
        dry: makes the sounds.
        seed: of the sounds, the tails and the noise; sounds and labels are the same in every format.
    """
    sound_seed, tail_seed, noise_seed = seed.spawn(3)
    length = samples(scene.seconds, SAMPLE_RATE, "duration of the scene")
    heard = np.zeros((len(format.diffuse), length), np.float32)
    rows = []
    for event, one, other in zip(
        scene.events, sound_seed.spawn(len(scene.events)), tail_seed.spawn(len(scene.events)), strict=True
    ):
        sound = dry(event.label, event.seconds, np.random.default_rng(one))
        rows.append(label_rows(event, sound, scene.seconds))
        add_event(heard, scene, event, sound, format, np.random.default_rng(other))
    labels = concatenate(rows).sorted()
    noise = diffuse_noise(length, format, np.random.default_rng(noise_seed))
    noise *= _noise_gain(heard, noise, labels, scene.snr_db)
    peak = np.abs(heard + noise).max(initial=0.0)
    gain = np.float32(min(1.0, LOUDEST / peak) if peak > 0 else 1.0)
    return Rendering(format.mixed(heard * gain), format.mixed(noise * gain), labels)


def extents(scene: Scene, dry: Dry, seed: np.random.SeedSequence) -> np.ndarray:
    """When each event of a scene is first and last heard: (event, 2) seconds; the seed as for `render`."""
    found = []
    for event, one in zip(scene.events, seed.spawn(3)[0].spawn(len(scene.events)), strict=True):
        active = np.flatnonzero(active_blocks(dry(event.label, event.seconds, np.random.default_rng(one))))
        first, last = (active[0], active[-1] + 1) if len(active) else (0, 0)
        found.append([event.onset + block * BLOCK / SAMPLE_RATE for block in (first, last)])
    return np.minimum(np.array(found).reshape(-1, 2), scene.seconds)


def label_rows(event: SoundEvent, sound: np.ndarray, seconds: float) -> Events:
    """Label frames in which a sound is heard for more than half of the time, with its place in their middle.

    Angles are whole degrees and distances whole centimetres, as in the files of STARSS23.
    """
    active = active_blocks(sound)
    blocks_per_frame = round(LABEL_HOP * SAMPLE_RATE / BLOCK)
    first = round(event.onset * SAMPLE_RATE / BLOCK)
    n_frames = int(seconds / LABEL_HOP + 1e-6)
    grid = np.zeros((n_frames + 1) * blocks_per_frame)
    stop = min(first + len(active), len(grid))
    grid[first:stop] = active[: stop - first]
    share = grid.reshape(-1, blocks_per_frame).mean(axis=1)[:n_frames]
    frame = np.flatnonzero(share > COVERED)
    azimuth, elevation, distance = seen_from_array(event.path.position((frame + 0.5) * LABEL_HOP))
    return Events(
        frame * LABEL_HOP,
        (frame + 1) * LABEL_HOP,
        np.full(len(frame), event.label),
        np.full(len(frame), event.source),
        wrap(np.round(azimuth)),
        np.round(elevation),
        np.round(distance, 2),
    )


def add_event(
    heard: np.ndarray,
    scene: Scene,
    event: SoundEvent,
    sound: np.ndarray,
    format: Format,
    rng: np.random.Generator,
) -> None:
    """Add one event with its reverberation to (channel, sample) sound, in place."""
    stop = event.onset + len(sound) / SAMPLE_RATE
    points = event.path.way_points(event.onset, stop)
    positions = event.path.position(points)
    found = responses(scene.room, positions, format, rng)
    knots = np.round((points - event.onset) * SAMPLE_RATE).astype(int)
    wet = through(sound, aligned(found, positions), knots) * np.float32(10 ** (event.gain_db / 20))
    first = round(event.onset * SAMPLE_RATE)
    stretch = heard[:, first : first + wet.shape[1]]
    stretch += wet[:, : stretch.shape[1]]


def aligned(found: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Give the direct sound of all way points the travel time of the nearest one.

    Neighbouring responses are cross-faded; were their direct sounds a fraction of a millisecond apart, the
    fade would cancel high frequencies. The price is that a moving source has no Doppler shift.

    Args:
        found: (point, channel, sample) responses.
        positions: (point, 3) metres.
    """
    if len(found) == 1:
        return found
    distance = np.linalg.norm(positions, axis=1)
    early = (distance - distance.min()) / SPEED_OF_SOUND
    length = next_fast_len(found.shape[-1], real=True)
    turn = np.exp(2j * np.pi * rfftfreq(length, 1 / SAMPLE_RATE) * early[:, None, None])
    return irfft(rfft(found, length) * turn.astype(np.complex64), length)[..., : found.shape[-1]]


def through(sound: np.ndarray, found: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Send a sound through responses that change from one way point to the next.

    Each way point's share of the input rises from the way point before and falls towards the next; the shares
    add up to the input, so that nothing jumps.

    Args:
        sound: (sample,).
        found: (point, channel, sample) responses.
        knots: (point,) samples at which a way point alone counts, rising from 0.

    Returns:
        (channel, sample) as long as sound and response together.
    """
    if len(found) == 1:
        return oaconvolve(found[0], sound[None], axes=-1).astype(np.float32)
    wet = np.zeros((found.shape[1], len(sound) + found.shape[2] - 1), np.float32)
    sample = np.arange(len(sound))
    for point, response in enumerate(found):
        start = knots[max(point - 1, 0)]
        stop = min(knots[min(point + 1, len(knots) - 1)] + 1, len(sound))
        if start >= stop:
            continue
        weight = np.interp(sample[start:stop], knots, np.arange(len(knots)) == point)
        piece = oaconvolve(response, (sound[start:stop] * weight).astype(np.float32)[None], axes=-1)
        wet[:, start : start + piece.shape[1]] += piece
    return wet


def diffuse_noise(length: int, format: Format, rng: np.random.Generator) -> np.ndarray:
    """Noise of ventilation and streets from everywhere: levels and coherence of a diffuse field.

    Ambisonic channels of a diffuse field are uncorrelated, so independent ones are exact.

    Args:
        length: samples.
        format: its channels.
        rng: all comes from it.

    Returns:
        (channel, sample) float32; the pressure has power 1.
    """
    slope, corner = rng.uniform(0.5, 1.0), rng.uniform(80, 250)
    size = next_fast_len(length, real=True)
    white = rng.standard_normal((len(format.diffuse), size), dtype=np.float32)
    frequency = rfftfreq(size, 1 / SAMPLE_RATE)
    shape = (1 + (frequency / corner) ** 2) ** (-slope / 2) + 0.02
    shape *= frequency > 20
    shape /= np.sqrt(np.square(shape).mean())
    coloured = irfft(rfft(white) * shape.astype(np.float32), size)[:, :length]
    return format.spread(coloured)


def _noise_gain(heard: np.ndarray, noise: np.ndarray, labels: Events, snr_db: float) -> np.float32:
    """Gain at which events, where some are active, stand `snr_db` above the noise: power of all channels."""
    hop = round(LABEL_HOP * SAMPLE_RATE)
    frames = np.unique(np.round(labels.onset / LABEL_HOP).astype(int))
    energy = np.square(heard[:, : heard.shape[1] // hop * hop]).reshape(len(heard), -1, hop).sum(axis=(0, 2))
    level = energy[frames].mean() if len(frames) else (0.01**2) * hop
    quiet = np.square(noise).sum() / noise.shape[1] * hop
    return np.float32(np.sqrt(level / quiet * 10 ** (-snr_db / 10)))
