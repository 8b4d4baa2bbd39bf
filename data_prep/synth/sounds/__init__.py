"""Synthetic sound events and sound banks."""
