"""Track-wise output: each track has one event at most, its class and its direction; trained with any order of tracks.

Y. Cao et al., An improved event-independent network for polyphonic sound event localization and detection (EINV2),
ICASSP 2021, and yinkalario/EIN-SELD @ 9f42da2; three tracks and the aggregated loss: Jinbo-Hu/PSELDNets @ adb5e39
(docs/sources.md, Encoders).
"""

from itertools import permutations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.base.event_batch import EventBatch
from avseld.base.rates import LABEL_HOP
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.decoding.tracks import TracksDecoder
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.targets.batch_frames import (
    active_rows,
    batch_spans,
    first_batch_rows,
    gather_events,
    last_active,
)
from avseld.targets.label_frames import first_rows, frame_spans, rounding_of
from avseld.targets.losses import first_of_steps

MOST_TRACKS = 5
"""120 orders; every one is compared in every frame"""

LOSSES = ("tpit", "agg1", "agg2")
ORDERS = ("weighted", "sum")
SHORTEST = 1e-6
"""length below which a predicted vector is not normalized further, so that gradients stay finite"""


class Tracks:
    """Encode, loss and decode of tracks with one event each.

    In a frame with more events than tracks, those that began first are kept; an event that began later enters the
    first track that becomes free. An event stays in its track for the whole window. Rows of the labels that follow one
    another without a pause, of one class and source, are one event (prepared labels of DCASE have a row for every
    100 ms); of such rows, those before the window do not count.

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
        self.orders = {torch.device("cpu"): all_orders(n_tracks)}
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
        onset, offset = onset[inside], np.minimum(offset[inside], n_frames)
        event = first_rows(*(x[inside] for x in (events.onset, events.offset, events.label, events.source)))
        first, last = onset.copy(), offset.copy()
        np.minimum.at(first, event, onset)
        np.maximum.at(last, event, offset)
        free = np.zeros(self.n_tracks, int)  # the first frame after the last event of each track
        found = np.unique(event)
        for number in found[np.argsort(first[found], kind="stable")]:
            possible = np.maximum(free, max(first[number], 0))
            track = possible.argmin()
            begin = possible[track]
            if begin < last[number]:
                free[track] = last[number]
            for row in np.flatnonzero(event == number):
                span = slice(max(begin, onset[row]), max(offset[row], 0))
                sed[span, track, events.label[inside[row]]] = 1
                doa[span, track] = vector[inside[row]]
        return {"sed": sed, "doa": doa}

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        onset, offset = batch_spans(events, start, hop, rounding_of(2020))
        inside = (offset > 0) & (onset < n_frames)
        offset = offset.clamp(max=n_frames)
        event = first_batch_rows(events, inside)
        outside = torch.full_like(onset, torch.inf)
        first = outside.scatter_reduce(1, event, torch.where(inside, onset, torch.inf), "amin")
        last = (-outside).scatter_reduce(1, event, offset, "amax")
        begin, track = (x.gather(1, event) for x in self._places(first, last))
        number = last_active(active_rows(torch.maximum(onset, begin), offset, n_frames), track, self.n_tracks)
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
        logit, direction, active, reference = (
            first_of_steps(values[name], self.frames_per_output)
            for values in (output, target)
            for name in self.shapes
        )
        direction = direction.tanh()
        if self.kind == "agg2":
            return {"loss": aggregated_loss(logit, direction, active, reference)}
        orders = self._orders(logit.device)
        if self.kind == "agg1":
            return {"loss": aggregated_loss(logit, direction, active, reference, orders)}
        order = best_order(track_errors(logit, direction, active, reference, self.order_weights), orders)
        sed = functional.binary_cross_entropy_with_logits(logit, in_order(active, order))
        doa = (direction - in_order(reference, order)).square().mean()
        return {"loss": self.weights[0] * sed + self.weights[1] * doa, "sed": sed, "doa": doa}

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Return the largest probability of each class in a track (batch, frame, class)."""
        return output["sed"].sigmoid().amax(dim=2)

    def direction_values(self, output: dict[str, Tensor]) -> Tensor:
        """Return the vectors of all tracks (batch, frame, track * axis)."""
        return output["doa"].tanh().flatten(2)

    @property
    def decoder(self) -> TracksDecoder:
        """What decodes, without torch."""
        return TracksDecoder(self.threshold)

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `TracksDecoder.decode`."""
        return self.decoder.decode(output, hop)

    def _orders(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return `all_orders` on a device; copied once, as a copy in each step would make the GPU wait for the CPU."""
        if device not in self.orders:
            with torch.inference_mode(False):
                every, pairs = self.orders[torch.device("cpu")]
                self.orders[device] = every.to(device), pairs.to(device)
        return self.orders[device]

    def _places(self, first: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Put events into tracks: (window, event) first and last frame -> frame in which each enters, and its track.

        Of events that no track has room for, the first frame is not before their last. Numbers without event have an
        infinite first frame.
        """
        by_onset = first.argsort(dim=1, stable=True)
        first, last = (x.gather(1, by_onset) for x in (first.clamp(min=0), last))
        # Frame and track as one number, so that the least one is the first track of those that are free earliest.
        track = torch.arange(self.n_tracks, device=first.device)
        begins, ends = (x[..., None] * self.n_tracks + track for x in (first, last))
        free = track.to(first.dtype).expand(len(first), -1)
        # A GPU is not asked how many events there are, as it would have to be waited for.
        n_events = first.shape[1] if first.is_cuda else int(first.isfinite().sum(dim=1).max())
        entered = torch.full_like(first, torch.inf)
        for event in range(n_events):
            possible = torch.maximum(free, begins[:, event])
            best = possible.amin(dim=1, keepdim=True)
            # The end of a row that has no frame left changes nothing: later rows begin after it.
            free = torch.where(possible == best, torch.maximum(free, ends[:, event]), free)
            entered[:, event] = best[:, 0]
        begin = torch.div(entered, torch.full_like(entered, self.n_tracks), rounding_mode="floor")
        place = torch.where(entered.isfinite(), entered - begin * self.n_tracks, 0).long()
        back = by_onset.argsort(dim=1)
        return begin.gather(1, back), place.gather(1, back)


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
def best_order(error: Tensor, orders: tuple[Tensor, Tensor]) -> Tensor:
    """Find the order of reference tracks with the least error in each frame.

    Args:
        error: (batch, frame, track, reference track).
        orders: from `all_orders`.

    Returns:
        (batch, frame, track) reference track of each track.
    """
    every, pairs = orders
    return every[error.flatten(-2)[..., pairs].sum(-1).argmin(dim=-1)]


def all_orders(n_tracks: int) -> tuple[Tensor, Tensor]:
    """List all orders (order, track), and the places of their pairs in (track * reference track)."""
    every = torch.tensor(list(permutations(range(n_tracks))))
    return every, every + n_tracks * torch.arange(n_tracks)


def in_order(reference: Tensor, order: Tensor) -> Tensor:
    """Order the tracks (batch, frame, track, value) of a reference as from `best_order`."""
    return reference.gather(2, order[..., None].expand(-1, -1, -1, reference.shape[-1]))


def aggregated_loss(
    logit: Tensor,
    direction: Tensor,
    active: Tensor,
    reference: Tensor,
    orders: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Compute the squared error of activity and direction as one vector for each class (AGG).

    Args:
        logit: (batch, frame, track, class).
        direction: (batch, frame, track, axis) of any length.
        active: as `logit`, 0 or 1.
        reference: as `direction`, unit vectors, 0 in silence.
        orders: from `all_orders`, to compare the tracks in the best of them; None: compare their sum.

    Returns:
        A scalar, the mean over classes, axes and, if they are compared, tracks.
    """
    unit = functional.normalize(direction, dim=-1, eps=SHORTEST)
    ours = logit.sigmoid()[..., None] * unit[..., None, :]
    theirs = active[..., None] * reference[..., None, :]
    if orders is None:
        return (ours.sum(2) - theirs.sum(2)).square().mean()
    ours, theirs = ours.flatten(3), theirs.flatten(3)
    order = best_order(theirs.square().sum(-1)[..., None, :] - 2 * ours.detach() @ theirs.mT, orders)
    return (ours - in_order(theirs, order)).square().mean()
