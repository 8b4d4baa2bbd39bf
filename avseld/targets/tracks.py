"""Track-wise output: each track has one event at most, its class and its direction; trained with any order of tracks.

Y. Cao et al., An improved event-independent network for polyphonic sound event localization and detection (EINV2),
ICASSP 2021, and yinkalario/EIN-SELD @ 9f42da2; three tracks and the aggregated loss: Jinbo-Hu/PSELDNets @ adb5e39
(docs/sources.md, Encoders).
"""

from functools import lru_cache
from itertools import permutations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.base.event_batch import EventBatch
from avseld.base.rates import LABEL_HOP
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.targets.batch_frames import active_rows, batch_spans, gather_events, last_active
from avseld.targets.decoding import mean_of_groups, rows, sigmoid
from avseld.targets.label_frames import frame_spans, rounding_of
from avseld.targets.thresholds import Thresholds, per_class

MOST_TRACKS = 5
"""120 orders; every one is compared in every frame"""

LOSSES = ("tpit", "agg1", "agg2")
ORDERS = ("weighted", "sum")
SHORTEST = 1e-6
"""length below which a predicted vector is not normalized further, so that gradients stay finite"""


class Tracks:
    """Encode, loss and decode of tracks with one event each.

    In a frame with more events than tracks, those that began first are kept; an event that began later enters the
    first track that becomes free. An event stays in its track for the whole window.

    Losses, with p the activity (track, class) and d the direction (track, axis) of the network:

    * tpit: beta BCE(p) + (1 - beta) MSE(d) in the best order of tracks, found in each frame by itself. In silence the
      reference direction is 0.
    * agg1: MSE of the product p * d / |d| (track, class, axis) in the best order.
    * agg2: MSE of the sum of that product over tracks (class, axis), which has no order.

    The heads are outputs of the last linear layer: `sed` before the sigmoid, `doa` before the hyperbolic tangent.

    Args:
        n_classes: classes.
        n_tracks: events at once, 1 to 5; 2 in EINV2, 3 in PSELDNets.
        loss: tpit, agg1 or agg2.
        beta: weight of the activity in tpit, 0 to 1.
        order: what chooses the order of tpit: `weighted`, the loss itself (PSELDNets), or `sum`, BCE + MSE (EINV2).
        frames_per_output: frames that share one output of the network; the loss uses the first of them.
        threshold: a track is active where the probability of its best class is above; one, or one of each class.

    Raises:
        BadInput: an unknown word, or a number out of range.
    """

    # Track numbers depend on the window: the first event in it is in track 0.
    by_frame = False

    def __init__(
        self,
        n_classes: int,
        n_tracks: int = 3,
        loss: str = "tpit",
        beta: float = 0.5,
        order: str = "weighted",
        frames_per_output: int = 1,
        threshold: Thresholds = 0.5,
    ) -> None:
        per_class(threshold, n_classes)
        for option, word, words in (("loss", loss, LOSSES), ("order", order, ORDERS)):
            if word not in words:
                raise BadInput(f"{option}: '{word}' is none of {', '.join(words)}")
        if not 1 <= n_tracks <= MOST_TRACKS:
            raise BadInput(f"n_tracks: {n_tracks}; give 1 to {MOST_TRACKS}")
        if not 0 <= beta <= 1:
            raise BadInput(f"beta: {beta}; give 0 to 1")
        self.n_classes, self.n_tracks, self.threshold = n_classes, n_tracks, threshold
        self.kind, self.frames_per_output = loss, frames_per_output
        self.weights = (beta, 1 - beta)
        self.order_weights = self.weights if order == "weighted" else (1.0, 1.0)
        self.label_hop = LABEL_HOP
        self.shapes = {"sed": (n_tracks, n_classes), "doa": (n_tracks, 3)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window.

        Args:
            events: the whole recording.
            start: start of the window, seconds.
            n_frames: label frames.
            hop: seconds between label frames.

        Returns:
            sed: (frame, track, class), 1 in the class of the track's event; doa: (frame, track, axis = x y z), 0 in
            silence; both float32.

        Raises:
            BadInput: an event of the window without times or direction.
        """
        onset, offset = frame_spans(events, start, hop, rounding_of(2020))
        sed = np.zeros((n_frames, self.n_tracks, self.n_classes), np.float32)
        doa = np.zeros((n_frames, self.n_tracks, 3), np.float32)
        vector = unit_vector(events.azimuth, events.elevation)
        inside = np.flatnonzero((offset > 0) & (onset < n_frames))
        if np.isnan(vector[inside]).any():
            raise BadInput(
                "labels without direction or distance cannot train this target; choose another one"
            )
        free = np.zeros(self.n_tracks, int)  # the first frame after the last event of each track
        for event in inside[np.argsort(onset[inside], kind="stable")]:
            begin = np.maximum(free, max(onset[event], 0))
            track = begin.argmin()
            end = min(offset[event], n_frames)
            if begin[track] < end:
                sed[begin[track] : end, track, events.label[event]] = 1
                doa[begin[track] : end, track] = vector[event]
                free[track] = end
        return {"sed": sed, "doa": doa}

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        onset, offset = batch_spans(events, start, hop, rounding_of(2020))
        begin, track = self._places(onset, offset.clamp(max=n_frames))
        number = last_active(active_rows(begin, offset, n_frames), track, self.n_tracks)
        classes = torch.arange(self.n_classes, device=number.device)
        values = torch.cat([events.label[..., None] == classes, events.directions()], dim=-1)
        target = gather_events(values, number).mT  # (window, frame, track, value)
        return {"sed": target[..., : self.n_classes], "doa": target[..., self.n_classes :]}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the loss in the best order of tracks.

        Args:
            output: sed (batch, frame, track, class) logits, doa (batch, frame, track, axis) before the hyperbolic
                tangent.
            target: as from `encode`, with a batch axis.

        Returns:
            loss; of tpit also its parts sed and doa without weights: scalars.
        """
        step = self.frames_per_output
        logit, direction = output["sed"][:, ::step], output["doa"][:, ::step].tanh()
        active, reference = target["sed"][:, ::step], target["doa"][:, ::step]
        if self.kind != "tpit":
            return {"loss": aggregated_loss(logit, direction, active, reference, self.kind == "agg1")}
        order = best_order(track_errors(logit, direction, active, reference, self.order_weights))
        sed = functional.binary_cross_entropy_with_logits(logit, in_order(active, order))
        doa = (direction - in_order(reference, order)).square().mean()
        return {"loss": self.weights[0] * sed + self.weights[1] * doa, "sed": sed, "doa": doa}

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Return the largest probability of each class in a track (batch, frame, class)."""
        return output["sed"].sigmoid().amax(dim=2)

    def direction_values(self, output: dict[str, Tensor]) -> Tensor:
        """Return the vectors of all tracks (batch, frame, track * axis)."""
        return output["doa"].tanh().flatten(2)

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode events in label frames of 100 ms: each track's most probable class, where it passes the threshold.

        Probabilities and vectors of a track are averaged over a label frame; steps of a network that are whole label
        frames, as in EINV2 and PSELDNets, are not changed by that.

        Args:
            output: sed (frame, track, class) logits, doa (frame, track, axis).
            hop: seconds between frames.

        Returns:
            One row per active track and label frame, ordered by frame, class and track.
        """
        group = round(LABEL_HOP / hop)
        probability = mean_of_groups(sigmoid(output["sed"]), group)
        vector = mean_of_groups(np.tanh(np.asarray(output["doa"], np.float64)), group)
        best = probability.argmax(axis=-1)
        frame, track = np.nonzero(probability.max(axis=-1) > per_class(self.threshold, self.n_classes)[best])
        order = np.lexsort((track, best[frame, track], frame))
        frame, track = frame[order], track[order]
        return rows(frame, best[frame, track], track, vector[frame, track], LABEL_HOP)

    def _places(self, onset: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        """Put events into tracks: (window, row) first and last frame -> frame in which each enters, and its track.

        Of events that no track has room for, the first frame is not before their last.
        """
        by_onset = onset.argsort(dim=1, stable=True)
        onset, offset = (x.gather(1, by_onset) for x in (onset.clamp(min=0), offset))
        free = onset.new_zeros(len(onset), self.n_tracks)
        begins, tracks = [], []
        for first, last in zip(onset.unbind(1), offset.unbind(1), strict=True):
            possible = torch.maximum(free, first[:, None])
            begin = possible.amin(dim=1, keepdim=True)
            track = _first(possible == begin)
            # A row that has no frame left keeps no track busy.
            ends = torch.where(begin < last[:, None], last[:, None], free.gather(1, track))
            free = free.scatter(1, track, ends)
            begins.append(begin)
            tracks.append(track)
        back = by_onset.argsort(dim=1)
        return torch.cat(begins, dim=1).gather(1, back), torch.cat(tracks, dim=1).gather(1, back)


def _first(found: Tensor) -> Tensor:
    """Return the first place (window, 1) along the last axis that is true; on a GPU `argmin` may give another one."""
    place = torch.arange(found.shape[-1], 0, -1, device=found.device)
    return found.shape[-1] - (found * place).amax(dim=-1, keepdim=True)


def track_errors(
    logit: Tensor, direction: Tensor, active: Tensor, reference: Tensor, weights: tuple[float, float]
) -> Tensor:
    """Compute the error between each track of the network and each of the reference.

    Args:
        logit: (batch, frame, track, class).
        direction: (batch, frame, track, axis).
        active: as `logit`, 0 or 1.
        reference: as `direction`.
        weights: of the cross-entropy, a mean over classes, and of the squared error, a mean over axes.

    Returns:
        (batch, frame, track, reference track).
    """
    # BCE(x, y) = softplus(x) - x y, so that no array of all pairs, classes and frames is needed.
    entropy = functional.softplus(logit).sum(-1)[..., None] - logit @ active.mT
    squared = (direction[..., :, None, :] - reference[..., None, :, :]).square().mean(-1)
    return weights[0] * entropy / logit.shape[-1] + weights[1] * squared


@torch.no_grad()
def best_order(error: Tensor) -> Tensor:
    """Find the order of reference tracks with the least error in each frame.

    Args:
        error: (batch, frame, track, reference track).

    Returns:
        (batch, frame, track) reference track of each track.
    """
    every, pairs = _orders(error.shape[-1], error.device)
    return every[error.flatten(-2)[..., pairs].sum(-1).argmin(dim=-1)]


@lru_cache(maxsize=8)
def _orders(n_tracks: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """List all orders (order, track), and the places of their pairs in (track * reference track), on a device.

    Once: a copy in each step would make the GPU wait for the CPU.
    """
    with torch.inference_mode(False):
        every = torch.tensor(list(permutations(range(n_tracks))))
        return every.to(device), (every + n_tracks * torch.arange(n_tracks)).to(device)


def in_order(reference: Tensor, order: Tensor) -> Tensor:
    """Order the tracks (batch, frame, track, value) of a reference as from `best_order`."""
    return reference.gather(2, order[..., None].expand(-1, -1, -1, reference.shape[-1]))


def aggregated_loss(
    logit: Tensor, direction: Tensor, active: Tensor, reference: Tensor, by_track: bool
) -> Tensor:
    """Compute the squared error of activity and direction as one vector for each class (AGG).

    Args:
        logit: (batch, frame, track, class).
        direction: (batch, frame, track, axis) of any length.
        active: as `logit`, 0 or 1.
        reference: as `direction`, unit vectors, 0 in silence.
        by_track: compare the tracks in their best order; else their sum.

    Returns:
        A scalar, the mean over classes, axes and, if they are compared, tracks.
    """
    unit = functional.normalize(direction, dim=-1, eps=SHORTEST)
    ours = logit.sigmoid()[..., None] * unit[..., None, :]
    theirs = active[..., None] * reference[..., None, :]
    if not by_track:
        return (ours.sum(2) - theirs.sum(2)).square().mean()
    ours, theirs = ours.flatten(3), theirs.flatten(3)
    order = best_order(theirs.square().sum(-1)[..., None, :] - 2 * ours.detach() @ theirs.mT)
    return (ours - in_order(theirs, order)).square().mean()
