"""Features: waveform (batch, channel, sample) -> (batch, feature, frame, bin), each an `nn.Module`."""

from avseld.features.spatial import AmplitudeIPD, LogAmplitudeIV

FEATURES = {"amplitude_ipd": AmplitudeIPD, "logamplitude_iv": LogAmplitudeIV}
