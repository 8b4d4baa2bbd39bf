"""Public entry point for prediction from Python: `load(run).predict(audio, video=None)`."""

from avseld.inference.predictor import Predictor, load

__all__ = ["Predictor", "load"]
