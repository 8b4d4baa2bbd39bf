"""Energy maps of 32-channel recordings: the labels of DCASE2026."""
