"""Anything to a prepared folder: corpus readers, media steps, a scene generator and a check."""
