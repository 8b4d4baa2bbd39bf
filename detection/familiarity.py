"""How far pictures are from those that a detector was trained on, by their contrast and colour.

A detector of drawn people gives boxes in photographs, too, but wrong ones. Drawn rooms have plain surfaces and sharp
edges; a Gaussian distribution of a few statistics of the training pictures tells them from photographs. The distance
from it is that of Mahalanobis (Lee et al., "A simple unified framework for detecting out-of-distribution samples",
NeurIPS 2018, there of a network's activations).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

SIZE = (192, 96)
"""columns and rows to which pictures are averaged"""
PERCENTILES = (25, 50, 75, 90, 97)
"""of the gradients of brightness"""
N_SCALES = 3
"""gradients are taken of the picture, of halves and of quarters of its resolution"""
BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)
"""weights of red, green and blue (ITU-R BT.601)"""
REGULARIZATION = 1e-3
"""added to the variances"""


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Distribution of the statistics of training pictures.

    Args:
        mean: (statistic,).
        precision: (statistic, statistic) inverse of the covariance.
        threshold: distance from which pictures count as unlike the training pictures.
    """

    mean: np.ndarray
    precision: np.ndarray
    threshold: float

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Familiarity":
        """Create from the entry `familiar` of a card."""
        return cls(np.array(values["mean"]), np.array(values["precision"]), float(values["threshold"]))

    def distance(self, frames: np.ndarray) -> np.ndarray:
        """Compute the distance of frames from the training pictures; 1 is that of a typical training picture.

        Args:
            frames: (n, height, width, 3) RGB, uint8.

        Returns:
            (n,).
        """
        away = np.array([statistics(frame) for frame in frames]).reshape(-1, len(self.mean)) - self.mean
        return np.sqrt(np.einsum("ni,ij,nj->n", away, self.precision, away) / len(self.mean))


def fit(rows: np.ndarray, threshold: float) -> Familiarity:
    """Fit the distribution.

    Args:
        rows: (picture, statistic) from `statistics`.
        threshold: of the distance.
    """
    covariance = np.cov(rows.T) + REGULARIZATION * np.eye(rows.shape[1])
    return Familiarity(rows.mean(axis=0), np.linalg.inv(covariance), threshold)


def statistics(frame: np.ndarray) -> np.ndarray:
    """Compute logarithmic percentiles of the gradients at three scales, mean and deviation of saturation, contrast.

    Args:
        frame: (height, width, 3) RGB, uint8.

    Returns:
        (18,).
    """
    small = np.asarray(Image.fromarray(frame).resize(SIZE, Image.Resampling.BOX)).astype(np.float32)
    brightness = small @ BRIGHTNESS
    values: list[float] = []
    for scale in range(N_SCALES):
        if scale:
            rows, columns = brightness.shape
            brightness = brightness.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
        gradient = np.hypot(np.diff(brightness, axis=0)[:, :-1], np.diff(brightness, axis=1)[:-1])
        values += np.log1p(np.percentile(gradient, PERCENTILES)).tolist()
    brightest, darkest = small.max(axis=-1), small.min(axis=-1)
    saturation = (brightest - darkest) / np.maximum(brightest, 1)
    return np.array([*values, saturation.mean(), saturation.std(), np.log1p(small.std())])
