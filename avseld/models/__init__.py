"""Models: (batch, feature, frame, bin) and boxes -> {head: (batch, frame, ...)}."""

from avseld.models.avcrnn import AudioVisualCRNN

MODELS = {"avcrnn": AudioVisualCRNN}
