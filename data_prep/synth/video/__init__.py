"""Equirectangular video of generated scenes."""
