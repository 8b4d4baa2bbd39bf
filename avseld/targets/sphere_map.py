"""Energy maps on the sphere: the activity of each class and how its energy is spread over directions (DCASE2026).

A network gives, for each class, coefficients of spherical harmonics; their sum is the logit of the energy in a
direction. A single peak of any width around any direction then takes the first order alone, three coefficients that
are a vector in that direction, as in ACCDOA; higher orders make sources that are wide, bent, or several.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.event_batch import EventBatch
from avseld.decoding.sphere_map import GAIN, OFFSET, SphereMapDecoder, harmonics_of_cells
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.energy_maps import REACH_DEG
from avseld.io.events import Events
from avseld.io.sphere_grid import AREA, N_CELLS
from avseld.targets.map_frames import MapFrames, label_frames, soft_iou

DISC = N_CELLS * (1 - np.cos(np.radians(REACH_DEG))) / 2
"""cells of a disc in which a label has energy"""


class SphereMap:
    """Encode, loss and decode of energy maps on the cells of `avseld.io.sphere_grid`.

    Args:
        n_classes: classes.
        sh_order: largest order of the spherical harmonics.
        energies: maps, those of the labels; or gaussian, drawn around each annotated direction.
        frames_per_label: feature frames of a label frame of 100 ms.
        threshold: a class is active above this probability; one, or one of each class.
        apart_deg: peaks of a class that are closer are one source, degrees.
        peak_share: of the largest energy of a class, below which a peak is no source.
        map_weight: weight of the loss of the maps; that of the activity has 1.

    Raises:
        BadInput: another kind of energies.
    """

    by_frame = False

    def __init__(
        self,
        n_classes: int,
        sh_order: int = 6,
        energies: str = "maps",
        frames_per_label: int = 5,
        threshold: Thresholds = 0.5,
        apart_deg: float = 30.0,
        peak_share: float = 0.5,
        map_weight: float = 0.3,
    ) -> None:
        per_class(threshold, n_classes)
        self.n_classes, self.sh_order, self.frames_per_label = n_classes, sh_order, frames_per_label
        self.threshold, self.apart_deg, self.peak_share = threshold, apart_deg, peak_share
        self.map_weight = map_weight
        self.map_frames = MapFrames(n_classes, energies, frames_per_label)
        self.needs_maps = self.map_frames.needs_maps
        self.shapes = {"maps": (n_classes, 1 + (sh_order + 1) ** 2)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window: energy (whole label frame, class, cell); see `MapFrames.encode`."""
        return {"energy": self.map_frames.encode(events, start, n_frames, hop)}

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        return {"energy": self.map_frames.encode_batch(events, start, n_frames)}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the cross-entropy of the activity, and of the maps of active classes soft IoU and cross-entropy.

        The activity is summed over classes, so that the few active ones weigh as much in it as in the maps. Both losses
        of a map weigh its cells by their areas; the cross-entropy is over those of a disc of 20 degrees.

        Args:
            output: maps (batch, frame, class, 1 + harmonic); frames after the last whole label frame are left out.
            target: energy (batch, label frame, class, cell).

        Returns:
            loss, and its parts without weights: activity, iou (1 - soft IoU) and spread, the cross-entropy: scalars.
        """
        energy = target["energy"]
        maps = label_frames(output["maps"], energy.shape[1], self.frames_per_label)
        active = energy.amax(dim=-1) > 0
        activity = self.n_classes * functional.binary_cross_entropy_with_logits(maps[..., 0], active.to(maps))
        coefficients, reference = maps[..., 1:][active], energy[active].to(maps)
        cells = torch.from_numpy(harmonics_of_cells(self.sh_order)).to(maps)
        area = torch.from_numpy(AREA).to(maps)
        logit = GAIN * coefficients @ cells.T + OFFSET
        entropy = functional.binary_cross_entropy_with_logits(logit, reference, weight=area, reduction="none")
        n_maps = max(len(reference), 1)
        iou = (1 - soft_iou(logit.sigmoid(), reference)).sum() / n_maps
        spread = entropy.sum() / (DISC * n_maps)
        return {
            "loss": activity + self.map_weight * (iou + spread), "activity": activity, "iou": iou, "spread": spread,
        }  # fmt: skip

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Return the probability of each class (batch, frame, class)."""
        return output["maps"][..., 0].sigmoid()

    @property
    def decoder(self) -> SphereMapDecoder:
        """What decodes, without torch."""
        return SphereMapDecoder(self.sh_order, self.threshold, self.apart_deg, self.peak_share)

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `SphereMapDecoder.decode`."""
        return self.decoder.decode(output, hop)
