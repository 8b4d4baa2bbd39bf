"""Targets (output formats): encode, loss and decode of each in one class, and the shapes of the heads it needs."""

from avseld.targets.accdoa import ACCDOA
from avseld.targets.activity import Activity
from avseld.targets.bins import DirectionBins
from avseld.targets.multi_accddoa import MultiACCDDOA
from avseld.targets.multi_accdoa import MultiACCDOA
from avseld.targets.sed_coordinates import SedCoordinates
from avseld.targets.sed_doa import SedDoa
from avseld.targets.sed_doa_distance import SedDoaDistance
from avseld.targets.sphere_lobes import SphereLobes
from avseld.targets.sphere_map import SphereMap
from avseld.targets.tagging import Tagging
from avseld.targets.tracks import Tracks
from avseld.targets.two_stage import TwoStageTarget

TARGETS = {
    "multi_accdoa": MultiACCDOA,
    "multi_accddoa": MultiACCDDOA,
    "accdoa": ACCDOA,
    "sed_doa": SedDoa,
    "sed_doa_distance": SedDoaDistance,
    "sed_coordinates": SedCoordinates,
    "tracks": Tracks,
    "two_stage": TwoStageTarget,
    "tagging": Tagging,
    "activity": Activity,
    "bins": DirectionBins,
    "sphere_map": SphereMap,
    "sphere_lobes": SphereLobes,
}
