"""Decoding without torch: heads of a network -> events, a decoder for each output format; windows of recordings.

Targets decode with them, and so does the runtime of exported networks, which has no torch.
"""

from avseld.decoding.accdoa import AccdoaDecoder
from avseld.decoding.activity import ActivityDecoder
from avseld.decoding.bins import BinsDecoder
from avseld.decoding.decoder import Decoder
from avseld.decoding.multi_accddoa import MultiAccddoaDecoder
from avseld.decoding.multi_accdoa import MultiAccdoaDecoder
from avseld.decoding.sed_coordinates import SedCoordinatesDecoder
from avseld.decoding.sed_doa import SedDoaDecoder
from avseld.decoding.sed_doa_distance import SedDoaDistanceDecoder
from avseld.decoding.sphere_lobes import SphereLobesDecoder
from avseld.decoding.sphere_map import SphereMapDecoder
from avseld.decoding.tagging import TaggingDecoder
from avseld.decoding.tracks import TracksDecoder
from avseld.decoding.two_stage import TwoStageDecoder

DECODERS: dict[str, type[Decoder]] = {
    "multi_accdoa": MultiAccdoaDecoder,
    "multi_accddoa": MultiAccddoaDecoder,
    "accdoa": AccdoaDecoder,
    "sed_doa": SedDoaDecoder,
    "sed_doa_distance": SedDoaDistanceDecoder,
    "sed_coordinates": SedCoordinatesDecoder,
    "tracks": TracksDecoder,
    "two_stage": TwoStageDecoder,
    "tagging": TaggingDecoder,
    "activity": ActivityDecoder,
    "bins": BinsDecoder,
    "sphere_map": SphereMapDecoder,
    "sphere_lobes": SphereLobesDecoder,
}
"""name of an output format, as in `avseld.targets.TARGETS` -> its decoder"""
