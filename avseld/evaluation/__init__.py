"""Scores of predictions: validation, the commands `evaluate` and `score`, ablation of the video."""
