"""Stereo from first-order ambisonics: two cardioids to the left and the right of where a camera looks."""

import numpy as np


def stereo(foa: np.ndarray, azimuth: np.ndarray | float) -> np.ndarray:
    """Turn a sound field so that a camera's azimuth is in front, and take the left and the right of it: W + Y', W - Y'.

    Elevation does not matter: tilting the camera turns the field about the axis through both sides.

    Source: github.com/SonyResearch/dcase2025_stereo_seld_data_generator.

    Args:
        foa: (channel, sample) W Y Z X, SN3D.
        azimuth: that the camera looks at, degrees, positive to the left; one number, or (sample,) for one that turns.

    Returns:
        (2, sample) left, right.
    """
    turn = np.radians(-np.asarray(azimuth, float))
    side = np.sin(turn) * foa[3] + np.cos(turn) * foa[1]
    return np.stack([foa[0] + side, foa[0] - side])


def loudest(foa: np.ndarray) -> np.ndarray:
    """Compute the largest magnitude that `stereo` can have at each sample, whatever the azimuth.

    Args:
        foa: (channel, sample) W Y Z X.

    Returns:
        (sample,)
    """
    return np.abs(foa[0]) + np.hypot(foa[1], foa[3])
