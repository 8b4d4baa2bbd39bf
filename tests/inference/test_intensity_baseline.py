"""The plain localizer on plane waves in noise."""

import numpy as np

from avseld.inference.intensity_baseline import IntensityHistogram
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.metrics.location import locate_frames, location_scores, scores_by_overlap

RATE = 24000


def scene(*waves):
    """Sound and labels of noise bursts (first frame, last frame, azimuth, elevation) in 6 s of weak diffuse noise."""
    rng = np.random.default_rng(0)
    sound = rng.normal(size=(4, 6 * RATE)) * 0.003 / np.sqrt([1, 3, 3, 3])[:, None]
    rows = []
    for source, (first, last, azimuth, elevation) in enumerate(waves):
        x, y, z = unit_vector(azimuth, elevation)
        span = slice(first * RATE // 10, (last + 1) * RATE // 10)
        burst = rng.normal(size=span.stop - span.start) * 0.1
        # Different bands, as sounds have at any one time.
        spectrum = np.fft.rfft(burst)
        frequency = np.fft.rfftfreq(len(burst), 1 / RATE)
        spectrum[(frequency // 500) % 2 == source % 2] = 0
        sound[:, span] += np.array([1, y, z, x])[:, None] * np.fft.irfft(spectrum, len(burst))
        rows += [
            (f * 0.1, (f + 1) * 0.1, 0, source, azimuth, elevation, np.nan) for f in range(first, last + 1)
        ]
    return sound.astype(np.float32), Events.from_rows(rows)


def test_one_and_two_plane_waves_are_found_within_the_grid_and_silence_stays_empty():
    sound, reference = scene((10, 39, 100, 20), (20, 49, -60, -30))
    scores = scores_by_overlap(locate_frames(reference, IntensityHistogram().predict(sound, RATE), 6.0))
    assert scores[1].recall > 0.95 and scores[1].median_deg < 4
    assert scores[2].recall > 0.9 and scores[2].median_deg < 4
    assert scores[0].false_per_minute == 0


def test_a_higher_gate_leaves_fewer_rows_and_noise_alone_has_none():
    sound, reference = scene((10, 29, 0, 0))
    low, high, none = IntensityHistogram().predict_at_gates(sound, RATE, [0.0, 6.0, 60.0])
    assert len(low) > len(high) >= 20 and len(none) == 0
    assert location_scores(locate_frames(reference, high, 6.0)).recall == 1
    silence, _ = scene()
    assert len(IntensityHistogram().predict(silence, RATE)) == 0
    assert len(IntensityHistogram().predict(np.zeros((4, RATE), np.float32), RATE)) == 0
