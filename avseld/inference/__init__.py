"""Prediction on recordings with a trained system."""
