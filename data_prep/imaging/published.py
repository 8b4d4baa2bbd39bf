"""The label generator of DCASE2026 written plainly, matrix by matrix and pixel by pixel, to compare with.

Source: AudibleLight/starss_acoustic_images, generate_acoustic_image_dataset.py (docs/sources.md, DCASE2026). The
outlines are those of this package, since OpenCV is no dependency of it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import griddata
from scipy.linalg import eigh
from scipy.signal.windows import tukey
from scipy.sparse.linalg import LinearOperator, eigsh

from avseld.io.energy_maps import HEIGHT, SIGMA_DEG, WIDTH
from avseld.io.events import Events
from data_prep.imaging.bands import (
    BAND_CENTRES_HZ,
    BAND_WIDTH_HZ,
    SAMPLE_RATE,
    WINDOW_SAMPLES,
    WINDOWS_A_FRAME,
)
from data_prep.imaging.outlines import SMALLEST, filled_outlines, standardised
from data_prep.imaging.sparse_maps import MAX_STEPS, MOMENTUM_DELAY, SMALLEST_CHANGE


def covariances(sound: np.ndarray, centre_hz: float) -> np.ndarray:
    """Compute the covariance of a band in each frame, (frame, 32, 32), of a sound (sample, 32)."""
    n_windows = len(sound) // WINDOW_SAMPLES
    windows = sound[: n_windows * WINDOW_SAMPLES].reshape(n_windows, WINDOW_SAMPLES, -1)
    spectra = np.fft.fft(windows * tukey(WINDOW_SAMPLES, 1.0)[None, :, None], axis=1)
    low = int((centre_hz - BAND_WIDTH_HZ / 2) * WINDOW_SAMPLES / SAMPLE_RATE)
    high = int((centre_hz + BAND_WIDTH_HZ / 2) * WINDOW_SAMPLES / SAMPLE_RATE)
    band = spectra[:, low : high + 1].sum(axis=1)
    products = band[:, :, None].conj() * band[:, None, :]
    n_frames = n_windows // WINDOWS_A_FRAME
    return (
        products[: n_frames * WINDOWS_A_FRAME].reshape(n_frames, WINDOWS_A_FRAME, *products.shape[1:]).sum(1)
    )


def normalised(covariance: np.ndarray) -> np.ndarray:
    """Divide the eigenvalues by the largest and rebuild the matrix; zeros if none is above 0."""
    values, vectors = eigh(covariance)
    values = np.clip(values / values.max(), 0, None) if values.max() > 0 else np.zeros_like(values)
    return (vectors * values) @ vectors.conj().T


def lipschitz(waves: np.ndarray) -> float:
    """Return twice the largest eigenvalue of |A^H A|^2, by products with vectors; A (capsule, direction)."""

    def times(x: np.ndarray) -> np.ndarray:
        return np.sum(waves.conj() * (((waves * x.reshape(-1)) @ waves.conj().T) @ waves), axis=0).real

    n = waves.shape[1]
    return 2 * float(eigsh(LinearOperator((n, n), times, dtype=float), 1, return_eigenvectors=False)[0])


def explain(
    covariance: np.ndarray, waves: np.ndarray, start: np.ndarray, momentum: bool = False
) -> np.ndarray:
    """Find the energies (direction,) of plane waves that explain a covariance (32, 32), from a start (direction,)."""
    slope = lipschitz(waves)

    def misfit(x: np.ndarray) -> np.ndarray:
        return (waves * x) @ waves.conj().T - covariance

    def gradient(x: np.ndarray) -> np.ndarray:
        return 2 * np.sum(waves.conj() * (misfit(x) @ waves), axis=0).real

    penalty = np.maximum(0, -gradient(np.zeros_like(start)) / slope).max() * slope / 5

    def objective(x: np.ndarray) -> float:
        return np.sum(np.abs(misfit(x)) ** 2) + penalty * (0.5 * np.sum(np.abs(x)) + 0.5 * np.sum(x**2))

    solution, previous, before, seen = start.copy(), start, objective(start), False
    for step in range(1, MAX_STEPS + 1):
        share = (step - 1) / (step + MOMENTUM_DELAY) if momentum else 0.0
        at = solution + share * (solution - previous)
        previous = solution
        shrink = penalty / slope
        solution = np.maximum(0, (at - gradient(at) / slope - 0.5 * shrink) / (shrink + 1))
        now = objective(solution)
        seen |= now != 0
        change = abs(now - before) / (now or before or 1.0)
        if change < SMALLEST_CHANGE and seen:
            break
        before = now
    return solution


def maps_plainly(sound: np.ndarray, waves: np.ndarray, momentum: bool = False) -> np.ndarray:
    """Compute the energies of each band and frame after the other.

    Args:
        sound: (sample, 32) at 24 kHz.
        waves: (band, 32, direction) complex.
        momentum: whether steps are accelerated.

    Returns:
        (frame, band, direction).
    """
    bands = []
    for centre, own in zip(BAND_CENTRES_HZ, waves, strict=True):
        solution, frames = np.zeros(own.shape[1]), []
        for covariance in covariances(sound, centre):
            solution = explain(normalised(covariance), own, solution, momentum)
            frames.append(solution)
        bands.append(frames)
    return np.array(bands).transpose(1, 0, 2)


def picture_plainly(energies: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Interpolate the energies (direction,) of directions (direction, 3) on 180 x 360 pixels."""
    x, y, z = directions.T
    points = np.degrees(np.stack([np.arctan2(y, x), np.arcsin(z)], axis=1))
    pixels = np.meshgrid(np.linspace(180, -180, WIDTH), np.linspace(90, -90, HEIGHT))
    return griddata(points, energies, tuple(pixels), fill_value=0.0)


def near_plainly(picture: np.ndarray, azimuth: float, elevation: float) -> np.ndarray:
    """Multiply a picture by a Gaussian around a direction; small values become 0."""
    x, y = int((180 - azimuth) % 360), int(90 - elevation)
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    across = (columns - x + WIDTH / 2) % WIDTH - WIDTH / 2
    squared = (rows - y) ** 2 + (np.cos(np.radians(90 - y)) * across) ** 2
    scaled = picture * np.exp(-squared / (2 * SIGMA_DEG**2))
    return np.where(scaled < SMALLEST, 0, scaled)


def write_plainly(
    path: Path, sound: np.ndarray, events: Events, waves: np.ndarray, directions: np.ndarray
) -> None:
    """Make the file of labels of a recording.

    Args:
        path: JSON to write.
        sound: (sample, 32).
        events: a row for each sound and frame.
        waves: (band, 32, direction) complex.
        directions: (direction, 3).
    """
    energies = np.median(maps_plainly(sound, waves), axis=1)
    frames = np.round(events.onset * 10).astype(int)
    annotations: list[dict[str, Any]] = []
    for frame in np.unique(frames[frames < len(energies)]):
        picture = picture_plainly(energies[frame], directions)
        for row in np.flatnonzero(frames == frame):
            near = near_plainly(picture, events.azimuth[row], events.elevation[row])
            polygons = [standardised(each).tolist() for each in filled_outlines(near)]
            annotation = {
                "metadata_frame_index": int(frame),
                "instance_id": int(events.source[row]),
                "category_id": int(events.label[row]),
                "segmentation": [[[int(x), int(y), value] for x, y, value in points] for points in polygons],
                "distance": float(events.distance[row]) * 100,
            }
            annotations += [annotation] * len(polygons)
    path.write_text(json.dumps({"annotations": annotations}, indent=4), encoding="utf-8")
