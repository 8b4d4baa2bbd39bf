"""What the outputs of a YOLOX in ONNX mean: raw or decoded boxes, probabilities or logits, decided by a probe picture.

Exporters differ in what they leave to the caller, while the declared shapes are the same: (n, cell, 5 + class). The
values differ: raw centres are offsets of some cells, those of decoded boxes run over the whole input with their cells.
"""

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np

from avseld.base.errors import BadInput

log = logging.getLogger(__name__)

Boxes = Literal["raw", "centres", "corners"]

LINEAR = 0.8
"""least correlation of decoded centres with the places of their cells: it is 0.99 or more for YOLOX-nano and
people_drawn, and that of their raw offsets between -0.75 and 0.05"""
SLOPE_TOLERANCE = 0.3
"""largest difference of the slope of that line from 1"""
MAX_RAW_CELLS = 8.0
"""largest median of raw offsets: the network moves the centre of a box by few cells"""
UNRELATED = 0.5
"""correlation with the places of the cells, in size, below which larger offsets are those of an untrained network (0.15
for random weights)"""
PROBABILITY_TOLERANCE = 1e-3
"""how far beyond 0 and 1 probabilities may lie by rounding in float16"""
ORDERED = 0.99
"""least share of boxes whose second corner lies behind the first; of centres and sizes it is 0.25 or less"""
N_COCO_CLASSES = 80
REMEDY = "give a YOLOX with raw or decoded outputs of all cells, as avseld-detect export or YOLOX's exporter write it"


@dataclass(frozen=True)
class OutputLayout:
    """Meaning of the outputs of a YOLOX.

    Args:
        boxes: raw offsets and logarithmic sizes; centres and sizes; or two corners.
        unit: (2,) input pixels of 1 in decoded boxes: (1, 1), or width and height of the input.
        logits: whether objectness and classes have to go through a sigmoid.
    """

    boxes: Boxes
    unit: tuple[float, float] = (1.0, 1.0)
    logits: bool = False

    def corners(self, output: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """Compute boxes.

        Args:
            output: (..., 4 or more) as the network gives it.
            cell: (..., 3) column, row and stride of its cells.

        Returns:
            (..., 4) x0 y0 x1 y1 in pixels of the network's input.
        """
        one, two = output[..., :2], output[..., 2:4]
        unit = np.array(self.unit, np.float32)
        if self.boxes == "raw":
            with np.errstate(over="ignore"):
                centre, half = (one + cell[..., :2]) * cell[..., 2:], np.exp(two) * cell[..., 2:] / 2
        elif self.boxes == "centres":
            centre, half = one * unit, two * unit / 2
        else:
            return np.concatenate([one * unit, two * unit], axis=-1)
        return np.concatenate([centre - half, centre + half], axis=-1)

    def probabilities(self, output: np.ndarray) -> np.ndarray:
        """Return objectness and classes (..., 1 + class) of outputs (..., 5 + class) as probabilities."""
        value = output[..., 4:]
        return 1 / (1 + np.exp(-np.clip(value, -60, 60))) if self.logits else value


def recognise(output: np.ndarray, cell: np.ndarray, width: int, height: int) -> OutputLayout:
    """Decide what outputs mean.

    Args:
        output: (image, cell, 5 + class) of a probe picture with contents, float32.
        cell: (cell, 3) column, row and stride.
        width: of the input, pixels.
        height: of the input, pixels.

    Raises:
        BadInput: neither raw nor decoded boxes, or no objectness; says what to give.
    """
    if output.shape[-1] == 4 + N_COCO_CLASSES:
        raise BadInput(
            f"gives {output.shape[-1]} values a cell, no objectness: another network than YOLOX; {REMEDY}"
        )
    if not np.isfinite(output[..., :2]).all() or not np.isfinite(output[..., 4:]).all():
        raise BadInput(f"gives outputs that are no numbers for a probe picture; {REMEDY}")
    place = (cell[:, :2] + 0.5) * cell[:, 2:]  # centres of the cells, input pixels
    value = output[..., 4:]
    logits = bool(value.min() < -PROBABILITY_TOLERANCE or value.max() > 1 + PROBABILITY_TOLERANCE)
    middles: dict[Boxes, np.ndarray] = {"centres": output[..., :2]}
    if float(np.mean(output[..., 2:4] > output[..., :2])) > ORDERED:
        middles["corners"] = (output[..., :2] + output[..., 2:4]) / 2
    for boxes in ("corners", "centres"):  # the first corners run with the cells, too
        for unit in ((1.0, 1.0), (float(width), float(height))):
            if boxes in middles and _runs_with(middles[boxes] * np.array(unit), place):
                return OutputLayout(boxes, unit, logits)
    if float(np.median(np.abs(output[..., :2] - 0.5))) <= MAX_RAW_CELLS:
        return OutputLayout("raw", logits=logits)
    if max(_correlation(output[..., axis], place[:, axis]) for axis in range(2)) < UNRELATED:
        log.warning("the network moves boxes by many cells, as one that was hardly trained")
        return OutputLayout("raw", logits=logits)
    raise BadInput(f"gives boxes that are neither raw nor decoded as YOLOX has them; {REMEDY}")


def _correlation(value: np.ndarray, place: np.ndarray) -> float:
    """Compute the size of the correlation of a value (image, cell) with the places (cell,) of the cells; 1 for NaN."""
    flat = np.clip(value.ravel().astype(float), -1e6, 1e6)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = abs(np.corrcoef(flat, np.broadcast_to(place, value.shape).ravel())[0, 1])
    return float(size) if np.isfinite(size) else 1.0


def _runs_with(middle: np.ndarray, place: np.ndarray) -> bool:
    """Return whether centres (image, cell, 2) run with the places (cell, 2) of their cells, pixel by pixel."""
    for axis in range(2):
        x = np.broadcast_to(place[:, axis], middle.shape[:-1]).ravel().astype(float)
        y = np.clip(middle[..., axis].ravel().astype(float), -1e6, 1e6)
        x, y = x - x.mean(), y - np.median(y)
        if not np.any(y) or not np.any(x):
            return False
        y = y - y.mean()
        product, spread = float(x @ y), float(x @ x)
        if product < LINEAR * np.sqrt(spread * float(y @ y)) or abs(product / spread - 1) > SLOPE_TOLERANCE:
            return False
    return True
