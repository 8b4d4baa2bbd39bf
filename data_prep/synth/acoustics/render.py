"""Rendering of scene plans to audio and labels."""

from collections.abc import Callable

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import oaconvolve

from avseld.base.physics import SPEED_OF_SOUND_M_S
from avseld.base.rates import LABEL_HOP, samples
from avseld.io.events import Events, concatenate
from avseld.io.geometry import wrap
from data_prep.synth.acoustics.channel_errors import ErrorRanges, apply_errors, self_noise
from data_prep.synth.acoustics.formats import ReceiverFormat
from data_prep.synth.acoustics.noises import NOISE_CUTOFF_HZ, draw_noise
from data_prep.synth.acoustics.rooms import impulse_responses
from data_prep.synth.motion import to_spherical
from data_prep.synth.rendering import Rendering
from data_prep.synth.scene import Scene, SoundEvent
from data_prep.synth.sounds.classes import SAMPLE_RATE
from data_prep.synth.sounds.events import BLOCK_SAMPLES, active_blocks

MAX_PEAK = 0.95
"""full scale is 1; louder recordings are scaled down to leave room for resampling"""
MIN_ACTIVE_SHARE = 0.5
"""a label frame is active where the sound is active for more than this share of it"""
SILENT_RMS = 0.01
"""level against which the noise is set in a scene without events"""


DrySound = Callable[[int, float, np.random.Generator], np.ndarray]
"""(class index, longest duration in seconds, rng) -> dry sound (sample,) at the common level"""


def render(scene: Scene, format: ReceiverFormat, dry: DrySound, seed: np.random.SeedSequence) -> Rendering:
    """Render a scene in a recording format.

    Args:
        scene: the plan.
        format: channels to render to.
        dry: generates the sounds of the events.
        seed: randomness of sounds, tails and noise. It is spawned from: a seed of the same state gives the same sounds
            in every format.
    """
    sound_seed, tail_seed, noise_seed = seed.spawn(3)
    length = samples(scene.duration, SAMPLE_RATE, "duration of the scene")
    wet = np.zeros((len(format.diffuse_power), length), np.float32)
    rows = []
    for event, own_sound_seed, own_tail_seed in zip(
        scene.events, sound_seed.spawn(len(scene.events)), tail_seed.spawn(len(scene.events)), strict=True
    ):
        sound = dry(event.label, event.duration, np.random.default_rng(own_sound_seed))
        rows.append(event_labels(event, sound, scene.duration))
        add_event(wet, scene, event, sound, format, np.random.default_rng(own_tail_seed))
    labels = concatenate(rows).sorted()
    draw_ambience = draw_noise if scene.any_noise else diffuse_noise
    noise = draw_ambience(length, format, np.random.default_rng(noise_seed))
    noise *= _noise_gain(wet, noise, labels, scene.snr_db)
    if scene.array_errors:
        return Rendering(*_as_recorded(wet, noise, format, seed.spawn(1)[0]), labels)
    peak = np.abs(wet + noise).max(initial=0.0)
    gain = np.float32(min(1.0, MAX_PEAK / peak) if peak > 0 else 1.0)
    return Rendering(format.mix_down(wet * gain), format.mix_down(noise * gain), labels)


def _as_recorded(
    wet: np.ndarray, noise: np.ndarray, format: ReceiverFormat, seed: np.random.SeedSequence
) -> tuple[np.ndarray, np.ndarray]:
    """Give events and noise (channel, sample) the errors of an array's microphones, their noise and any level."""
    errors = ErrorRanges()
    level_seed, error_seed, noise_seed = seed.spawn(3)
    level = np.float32(10 ** (np.random.default_rng(level_seed).uniform(*errors.level_db) / 20))
    wet, noise = (
        apply_errors(format.mix_down(sound) * level, format, errors, np.random.default_rng(error_seed))
        for sound in (wet, noise)
    )
    noise = noise + self_noise(noise.shape, errors, np.random.default_rng(noise_seed))
    gain = np.float32(min(1.0, MAX_PEAK / max(np.abs(wet + noise).max(initial=0.0), 1e-9)))
    return wet * gain, noise * gain


def event_extents(scene: Scene, dry: DrySound, seed: np.random.SeedSequence) -> np.ndarray:
    """Compute when each event becomes active and inactive.

    Args:
        scene: the plan.
        dry: as for `render`.
        seed: as for `render`, in the same state.

    Returns:
        (event, 2) seconds: onset and offset.
    """
    extents = []
    for event, own_seed in zip(scene.events, seed.spawn(3)[0].spawn(len(scene.events)), strict=True):
        sound = dry(event.label, event.duration, np.random.default_rng(own_seed))
        active = np.flatnonzero(active_blocks(sound))
        first, last = (active[0], active[-1] + 1) if len(active) else (0, 0)
        extents.append([event.onset + block * BLOCK_SAMPLES / SAMPLE_RATE for block in (first, last)])
    return np.minimum(np.array(extents).reshape(-1, 2), scene.duration)


def event_labels(event: SoundEvent, sound: np.ndarray, duration: float) -> Events:
    """Label the frames in which an event is active, with its position at the centre of each frame.

    Angles are rounded to degrees and distances to centimetres, as in the files of STARSS23.

    Args:
        event: the event.
        sound: its dry sound (sample,).
        duration: of the scene, seconds.
    """
    active = active_blocks(sound)
    blocks_per_frame = round(LABEL_HOP * SAMPLE_RATE / BLOCK_SAMPLES)
    first = round(event.onset * SAMPLE_RATE / BLOCK_SAMPLES)
    n_frames = int(duration / LABEL_HOP + 1e-6)
    blocks = np.zeros((n_frames + 1) * blocks_per_frame)
    stop = min(first + len(active), len(blocks))
    blocks[first:stop] = active[: stop - first]
    share = blocks.reshape(-1, blocks_per_frame).mean(axis=1)[:n_frames]
    frame = np.flatnonzero(share > MIN_ACTIVE_SHARE)
    azimuth, elevation, distance = to_spherical(event.trajectory.position((frame + 0.5) * LABEL_HOP))
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
    recording: np.ndarray,
    scene: Scene,
    event: SoundEvent,
    sound: np.ndarray,
    format: ReceiverFormat,
    rng: np.random.Generator,
) -> None:
    """Add one event with its reverberation to a recording, in place.

    Args:
        recording: (channel, sample), changed.
        scene: the plan, for its room.
        event: the event.
        sound: its dry sound (sample,).
        format: channels of the recording.
        rng: randomness of the reverberation tail.
    """
    stop = event.onset + len(sound) / SAMPLE_RATE
    waypoints = event.trajectory.waypoints(event.onset, stop)
    positions = event.trajectory.position(waypoints)
    responses = align_direct_sound(impulse_responses(scene.room, positions, format, rng), positions)
    knots = np.round((waypoints - event.onset) * SAMPLE_RATE).astype(int)
    wet = convolve_moving(sound, responses, knots) * np.float32(10 ** (event.gain_db / 20))
    first = round(event.onset * SAMPLE_RATE)
    target = recording[:, first : first + wet.shape[1]]
    target += wet[:, : target.shape[1]]


def align_direct_sound(responses: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Give the direct sound of all waypoints the travel time of the nearest one.

    Neighbouring responses are cross-faded; direct sounds a fraction of a millisecond apart would cancel each other at
    high frequencies during the fade. As a consequence, moving sources have no Doppler shift.

    Args:
        responses: (waypoint, channel, sample).
        positions: (waypoint, 3) metres.

    Returns:
        Responses of the same shape.
    """
    if len(responses) == 1:
        return responses
    distance = np.linalg.norm(positions, axis=1)
    advance = (distance - distance.min()) / SPEED_OF_SOUND_M_S
    length = next_fast_len(responses.shape[-1], real=True)
    phase = np.exp(2j * np.pi * rfftfreq(length, 1 / SAMPLE_RATE) * advance[:, None, None])
    return irfft(rfft(responses, length) * phase.astype(np.complex64), length)[..., : responses.shape[-1]]


def convolve_moving(sound: np.ndarray, responses: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Convolve a sound with responses that change from one waypoint to the next.

    The input is split by triangular weights, one per waypoint, that add up to 1, so that the output has no jumps.

    Args:
        sound: (sample,).
        responses: (waypoint, channel, sample).
        knots: (waypoint,) samples at which the weight of a waypoint is 1, increasing from 0.

    Returns:
        (channel, sample) float32, as long as sound and response together.
    """
    if len(responses) == 1:
        return oaconvolve(responses[0], sound[None], axes=-1).astype(np.float32)
    wet = np.zeros((responses.shape[1], len(sound) + responses.shape[2] - 1), np.float32)
    sample = np.arange(len(sound))
    for waypoint, response in enumerate(responses):
        start = knots[max(waypoint - 1, 0)]
        stop = min(knots[min(waypoint + 1, len(knots) - 1)] + 1, len(sound))
        if start >= stop:
            continue
        weight = np.interp(sample[start:stop], knots, np.arange(len(knots)) == waypoint)
        piece = oaconvolve(response, (sound[start:stop] * weight).astype(np.float32)[None], axes=-1)
        wet[:, start : start + piece.shape[1]] += piece
    return wet


def diffuse_noise(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    """Draw ambient noise: a low-pass spectrum, as of ventilation and traffic, in a diffuse field.

    Ambisonic channels of a diffuse field are uncorrelated, so that independent noises are exact there.

    Args:
        length: samples.
        format: channels of the recording.
        rng: the only source of randomness.

    Returns:
        (channel, sample) float32; the pressure has power 1.
    """
    slope, corner_hz = rng.uniform(0.5, 1.0), rng.uniform(80, 250)
    size = next_fast_len(length, real=True)
    white = rng.standard_normal((len(format.diffuse_power), size), dtype=np.float32)
    frequency = rfftfreq(size, 1 / SAMPLE_RATE)
    shape = (1 + (frequency / corner_hz) ** 2) ** (-slope / 2) + 0.02
    shape *= frequency > NOISE_CUTOFF_HZ
    shape /= np.sqrt(np.square(shape).mean())
    coloured = irfft(rfft(white) * shape.astype(np.float32), size)[:, :length]
    return format.diffuse_field(coloured)


def _noise_gain(wet: np.ndarray, noise: np.ndarray, labels: Events, snr_db: float) -> np.float32:
    """Compute the noise gain for a signal-to-noise ratio: power of all channels over frames with active events."""
    hop = round(LABEL_HOP * SAMPLE_RATE)
    frames = np.unique(np.round(labels.onset / LABEL_HOP).astype(int))
    energy = np.square(wet[:, : wet.shape[1] // hop * hop]).reshape(len(wet), -1, hop).sum(axis=(0, 2))
    event_energy = energy[frames].mean() if len(frames) else (SILENT_RMS**2) * hop
    noise_energy = np.square(noise).sum() / noise.shape[1] * hop
    return np.float32(np.sqrt(event_energy / noise_energy * 10 ** (-snr_db / 10)))
