"""Features: modules that turn a waveform (batch, channel, sample) into (batch, feature, frame, bin)."""

from avseld.features.array_sound_field import ArraySoundField
from avseld.features.correlation import LogMelGCC
from avseld.features.general import GeneralFeatures
from avseld.features.interaural import Interaural
from avseld.features.log_mel import LogMel, LogMelIV
from avseld.features.magnitude import MagnitudePhase
from avseld.features.mid_side import MidSide
from avseld.features.salsa import SalsaLite
from avseld.features.sound_field import SoundField
from avseld.features.spatial import AmplitudeIPD, LogAmplitudeIV
from avseld.features.statistics import learn_statistics
from avseld.features.waveform import Waveform

FEATURES = {
    "amplitude_ipd": AmplitudeIPD,
    "logamplitude_iv": LogAmplitudeIV,
    "logmel": LogMel,
    "logmel_iv": LogMelIV,
    "logmel_gcc": LogMelGCC,
    "salsa_lite": SalsaLite,
    "magnitude_phase": MagnitudePhase,
    "general": GeneralFeatures,
    "interaural": Interaural,
    "mid_side": MidSide,
    "sound_field": SoundField,
    "array_sound_field": ArraySoundField,
    "waveform": Waveform,
}

__all__ = ["FEATURES", "learn_statistics"]
