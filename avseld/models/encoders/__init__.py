"""Encoders of audio features: (batch, feature, frame, bin) -> embeddings along time."""
