"""Audio-visual sound event localization and detection: train, score and look at SELD systems."""

__version__ = "0.1.0"
