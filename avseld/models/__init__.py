"""Models: (batch, feature, frame, bin) and boxes -> {head: (batch, frame, ...)}."""

from avseld.models.avcrnn import AudioVisualCRNN
from avseld.models.seldnet import SELDnet, SeldNet

MODELS = {"avcrnn": AudioVisualCRNN, "seldnet": SELDnet, "seldnet_attention": SeldNet}
