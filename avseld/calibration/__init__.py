"""Calibration of an array of microphones by sounds from the front, the left and above: the command `calibrate`."""
