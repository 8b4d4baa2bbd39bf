"""Prediction with trained systems: the predictor, run folders, prediction files and the command `predict`."""
