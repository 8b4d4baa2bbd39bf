"""Energy maps as lobes around the vectors of Multi-ACCDOA, for networks whose predictions rotate with the scene.

The map of a class on the sphere grid is the largest of its lobes, one around the vector of each track, with a width
that the network predicts. Vectors are learned as in Multi-ACCDOA, their lengths being the activity; soft IoU with the
maps of the labels adds the widths, and moves the vectors to where the energy is. Every track of an active class stands
for one of its sources (`avseld.targets.adpit`), so that no lobe has to be left out.
"""

import numpy as np
import torch
from torch import Tensor

from avseld.base.event_batch import EventBatch
from avseld.decoding.lobes import lobes
from avseld.decoding.sphere_lobes import SphereLobesDecoder
from avseld.decoding.thresholds import Thresholds
from avseld.io.events import Events
from avseld.io.sphere_grid import DIRECTIONS
from avseld.targets.map_frames import MapFrames, label_frames, soft_iou
from avseld.targets.multi_accdoa import MultiACCDOA

SHORT = 0.1
"""length below which the gradient of a vector's direction does not grow"""


class SphereLobes:
    """Encode, loss and decode of energy maps whose sources are lobes.

    Args:
        n_classes: classes.
        energies: maps, those of the labels; or gaussian, drawn around each annotated direction.
        frames_per_label: feature frames of a label frame of 100 ms.
        threshold: a track is active above this mean vector length; one, or one of each class.
        unify_deg: active tracks of one class closer than this are merged, degrees.
        map_weight: weight of 1 - soft IoU beside the squared error of the vectors; both are means over frames and
            classes, silent ones too.

    Raises:
        BadInput: another kind of energies.
    """

    by_frame = False

    def __init__(
        self,
        n_classes: int,
        energies: str = "maps",
        frames_per_label: int = 5,
        threshold: Thresholds = 0.3,
        unify_deg: float = 15.0,
        map_weight: float = 0.3,
    ) -> None:
        self.vectors = MultiACCDOA(n_classes, threshold, unify_deg)
        self.map_frames = MapFrames(n_classes, energies, frames_per_label)
        self.needs_maps = self.map_frames.needs_maps
        self.frames_per_label, self.map_weight = frames_per_label, map_weight
        self.threshold, self.unify_deg = threshold, unify_deg
        self.shapes = self.vectors.shapes | {"width": (self.vectors.n_tracks, n_classes)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window.

        Args:
            events: the whole recording.
            start: start of the window, seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            accdoa: (frame, dummy track = 6, axis, class) float32, of the sources that have energy; energy: (whole label
            frame, class, cell) float16.

        Raises:
            BadInput: rows without direction, or without map where it is needed; see `MapFrames.encode`.
        """
        energy = self.map_frames.encode(events, start, n_frames, hop)
        heard = self.map_frames.with_energy(events)
        return self.vectors.encode(heard, start, n_frames, hop) | {"energy": energy}

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        energy = self.map_frames.encode_batch(events, start, n_frames)
        heard = self.map_frames.batch_with_energy(events)
        return self.vectors.encode_batch(heard, start, n_frames, hop) | {"energy": energy}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the squared error of the vectors, and of the maps of active classes 1 - soft IoU.

        Args:
            output: accdoa (batch, frame, track = 3, axis, class) and width (batch, frame, track, class).
            target: accdoa (batch, frame, dummy track = 6, axis, class) and energy (batch, label frame, class, cell);
                label frames that the output does not reach are left out.

        Returns:
            loss, and its parts without weights: vectors, and iou, the mean of 1 - soft IoU of active classes: scalars.
        """
        vectors = self.vectors.loss(output, target)["loss"]
        n_labels = output["accdoa"].shape[1] // self.frames_per_label
        energy = target["energy"][:, :n_labels]
        active = energy.amax(dim=-1) > 0
        vector, width = (
            label_frames(output[name], n_labels, self.frames_per_label).movedim(-1, 2)[active]
            for name in ("accdoa", "width")
        )  # (map, track, axis), (map, track)
        centre = vector / torch.linalg.vector_norm(vector, dim=-1, keepdim=True).clamp(min=SHORT)
        cells = torch.from_numpy(DIRECTIONS).to(vector)
        found = lobes(centre @ cells.T, width[..., None], torch).amax(dim=1)
        missed = (1 - soft_iou(found, energy[active].to(found))).sum()
        return {
            "loss": vectors + self.map_weight * missed / active.numel(),
            "vectors": vectors,
            "iou": missed / max(len(found), 1),
        }

    def assigned(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """Return the reference that each track is compared with: (batch, frame, track, axis, class)."""
        return self.vectors.assigned(output, target)

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Return the length of the longest vector of each class, 1 at most (batch, frame, class)."""
        return self.vectors.class_activity(output)

    def direction_values(self, output: dict[str, Tensor]) -> Tensor:
        """Return the vectors of all tracks and classes (batch, frame, track * axis * class)."""
        return self.vectors.direction_values(output)

    @property
    def decoder(self) -> SphereLobesDecoder:
        """What decodes, without torch."""
        return SphereLobesDecoder(self.threshold, self.unify_deg)

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `SphereLobesDecoder.decode`."""
        return self.decoder.decode(output, hop)
