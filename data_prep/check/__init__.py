"""Checks of raw and prepared folders: consistency of files, orientation of axes."""
