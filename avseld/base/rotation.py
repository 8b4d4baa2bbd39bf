"""Rotations of an array of microphones by yaw, pitch and roll, as matrices.

x points to the front, y to the left, z up (STARSS23, arXiv 2306.09126); angles are in degrees.
"""

import numpy as np


def rotation_matrix(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Return the matrix that turns directions in the axes of an array into those of the room.

    The array is first rolled about its own front, then its front is raised, then it is turned about the vertical
    (intrinsic z-y'-x'' angles).

    Args:
        yaw: azimuth in the room to which the front of the array points, degrees, positive to the left.
        pitch: elevation to which it points, degrees, positive up.
        roll: turn about the front, degrees; positive raises the left side.

    Returns:
        (3, 3), orthogonal with determinant 1; columns are the front, left and top of the array in the room.
    """
    (cy, cp, cr), (sy, sp, sr) = (
        trigonometric(np.radians([yaw, pitch, roll])) for trigonometric in (np.cos, np.sin)
    )
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    about_y = np.array([[cp, 0, -sp], [0, 1, 0], [sp, 0, cp]])
    about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    return about_z @ about_y @ about_x


def rotation_angles(matrix: np.ndarray) -> tuple[float, float, float]:
    """Return yaw, pitch and roll of a rotation, the inverse of `rotation_matrix`.

    Args:
        matrix: (3, 3), orthogonal with determinant 1.

    Returns:
        Degrees; yaw and roll in [-180, 180], pitch in [-90, 90]. Of an array that points straight up or down, yaw and
        roll are one angle: roll is 0.
    """
    pitch = float(np.degrees(np.arctan2(matrix[2, 0], np.hypot(matrix[0, 0], matrix[1, 0]))))
    if np.hypot(matrix[0, 0], matrix[1, 0]) < 1e-9:
        return float(np.degrees(np.arctan2(-matrix[0, 1], matrix[1, 1]))), pitch, 0.0
    yaw = float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    roll = float(np.degrees(np.arctan2(matrix[2, 1], matrix[2, 2])))
    return yaw, pitch, roll


def angle_of(matrix: np.ndarray) -> float:
    """Return the angle of a rotation (3, 3), degrees; 180 for a mirror image."""
    if np.linalg.det(matrix) < 0:
        return 180.0
    return float(np.degrees(np.arccos(np.clip((np.trace(matrix) - 1) / 2, -1, 1))))


def nearest_orthogonal(matrix: np.ndarray) -> np.ndarray:
    """Return the orthogonal matrix, a rotation or a mirror image of one, that is nearest to a matrix (3, 3).

    Source: P. H. Schönemann, A generalized solution of the orthogonal Procrustes problem, Psychometrika 31, 1966.
    """
    left, _, right = np.linalg.svd(matrix)
    return left @ right
