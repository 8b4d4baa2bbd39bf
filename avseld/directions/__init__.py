"""Directions of sound by calculation alone: intensity vectors, time differences, orders of the capsules of an array."""
