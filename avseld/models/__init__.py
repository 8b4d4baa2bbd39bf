"""Models: (batch, feature, frame, bin) and boxes -> {head: (batch, frame, ...)}."""

from avseld.models.aligned import AlignedSystems
from avseld.models.av_conformer import AVConformer
from avseld.models.avcrnn import AudioVisualCRNN
from avseld.models.cnn import CNN
from avseld.models.einv2 import EINV2
from avseld.models.encoder_heads import EncoderHeads
from avseld.models.encoder_heads_visual import VisualEncoderHeads
from avseld.models.fused import FusedCRNN
from avseld.models.general import GeneralNetwork, GeneralSystem
from avseld.models.live import LiveCRNN
from avseld.models.mvanet import MVANet
from avseld.models.pseldnets import PSELDNets, PSELDNetsEINV2
from avseld.models.pseldnets_backbones import PSELDNetsCRNN, PSELDNetsPaSST
from avseld.models.seldnet import SELDnet, SeldNet
from avseld.models.two_stage import CRNN10, TwoStage
from avseld.models.visual_attention import SeldNetVisual

MODELS = {
    "avcrnn": AudioVisualCRNN,
    "encoder_heads": EncoderHeads,
    "encoder_heads_visual": VisualEncoderHeads,
    "einv2": EINV2,
    "fused": FusedCRNN,
    "live": LiveCRNN,
    "seldnet": SELDnet,
    "seldnet_attention": SeldNet,
    "seldnet_visual": SeldNetVisual,
    "crnn10": CRNN10,
    "two_stage": TwoStage,
    "mvanet": MVANet,
    "av_conformer": AVConformer,
    "cnn": CNN,
    "pseldnets": PSELDNets,
    "pseldnets_einv2": PSELDNetsEINV2,
    "pseldnets_passt": PSELDNetsPaSST,
    "pseldnets_crnn": PSELDNetsCRNN,
    "general": GeneralNetwork,
    "general_system": GeneralSystem,
    "aligned_systems": AlignedSystems,
}
