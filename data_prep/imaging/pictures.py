"""Energies of directions drawn on the sphere of 360 x 180 pixels (docs/sources.md, DCASE2026)."""

from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import ConvexHull, Delaunay

from avseld.base.sphere import unit_vector
from avseld.io.energy_maps import HEIGHT, WIDTH
from data_prep.imaging.sparse_maps import lattice

INSIDE = 1e-9
"""by how much a weight in a triangle may fall short of 0"""


def pictures(energies: np.ndarray, on_sphere: bool = False) -> np.ndarray:
    """Interpolate energies linearly between the directions of the lattice.

    Args:
        energies: (frame, direction).
        on_sphere: interpolate in triangles on the sphere, from pixel x at azimuth 180 - x and y at elevation 90 - y, so
            that the picture has no seam and no end at the poles; the label generator interpolates in the plane of
            azimuth and elevation, where both have gaps, and stretches 360 pixels over both ends of the circle.

    Returns:
        (frame, 180, 360).
    """
    weights = _sphere_weights() if on_sphere else _plane_weights()
    return (weights @ energies.T).T.reshape(-1, HEIGHT, WIDTH)


@lru_cache(maxsize=1)
def _plane_weights() -> csr_array:
    """Return weights (pixel, direction) of a Delaunay triangulation in degrees, 0 outside of the hull."""
    x, y, z = lattice().T
    points = np.degrees(np.stack([np.arctan2(y, x), np.arcsin(z)], axis=1))
    triangles = Delaunay(points)
    azimuth, elevation = np.meshgrid(np.linspace(180, -180, WIDTH), np.linspace(90, -90, HEIGHT))
    pixels = np.stack([azimuth.ravel(), elevation.ravel()], axis=1)
    triangle = triangles.find_simplex(pixels)
    inside = np.flatnonzero(triangle >= 0)
    to_weights = triangles.transform[triangle[inside]]
    two = np.einsum("pij,pj->pi", to_weights[:, :2], pixels[inside] - to_weights[:, 2])
    weights = np.column_stack([two, 1 - two.sum(axis=1)])
    return _sparse(inside, triangles.simplices[triangle[inside]], weights)


@lru_cache(maxsize=1)
def _sphere_weights() -> csr_array:
    """Return weights (pixel, direction) of the triangles of the sphere, the hull of the lattice.

    A pixel's direction is a sum of the corners of its triangle with weights of 0 or more; divided by their sum they
    are those of the point where the direction meets the triangle.
    """
    directions = lattice()
    corners = ConvexHull(directions).simplices
    inverse = np.linalg.inv(directions[corners].transpose(0, 2, 1))  # (triangle, corner, axis)
    azimuth, elevation = np.meshgrid(180.0 - np.arange(WIDTH), 90.0 - np.arange(HEIGHT))
    pixels = unit_vector(azimuth.ravel(), elevation.ravel())
    near = np.argmax(pixels @ directions.T, axis=1)
    chosen = np.zeros(len(pixels), int)
    weights = np.zeros((len(pixels), 3))
    for direction in range(len(directions)):
        own = np.flatnonzero(near == direction)
        around = np.flatnonzero((corners == direction).any(axis=1))
        found = np.einsum("tca,pa->ptc", inverse[around], pixels[own])
        best = np.argmax(found.min(axis=2), axis=1)
        chosen[own], weights[own] = around[best], found[np.arange(len(own)), best]
    lost = np.flatnonzero(weights.min(axis=1) < -INSIDE)  # the nearest corner is not one of their triangle's
    found = np.einsum("tca,pa->ptc", inverse, pixels[lost])
    chosen[lost] = np.argmax(found.min(axis=2), axis=1)
    weights[lost] = found[np.arange(len(lost)), chosen[lost]]
    weights = np.maximum(weights, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return _sparse(np.arange(len(pixels)), corners[chosen], weights)


def _sparse(pixels: np.ndarray, corners: np.ndarray, weights: np.ndarray) -> csr_array:
    """Make a matrix (pixel, direction) of three weights for each of some pixels."""
    shape = (WIDTH * HEIGHT, len(lattice()))
    return csr_array((weights.ravel(), (np.repeat(pixels, 3), corners.ravel())), shape=shape)
