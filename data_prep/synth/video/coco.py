"""COCO annotations of the people in a rendered frame.

Lin et al., "Microsoft COCO: Common Objects in Context" (arXiv 1405.0312): boxes x y width height in pixels, of the
visible part; `iscrowd` marks what is neither learnt nor counted.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from data_prep.synth.video.camera import SeenPerson

CATEGORY = {"id": 1, "name": "person"}
"""the one category, as COCO numbers it"""
MIN_VISIBLE_SHARE = 0.25
"""people, or parts of them at the edge of the frame, of whom less can be seen are marked as `iscrowd`"""
MIN_PART_SHARE = 0.2
"""parts at the edge of the frame that are narrower than this share of the person are marked as `iscrowd`"""
EDGE_TOLERANCE_PX = 1
"""an edge of the visible pixels that is this near to that of all pixels is the exact edge of the sprite"""


def annotate(people: list[SeenPerson]) -> Iterator[dict[str, Any]]:
    """Yield the annotations of a frame, without `id` and `image_id`.

    A person across the left and right edge of the frame is seen as two parts, and gets two boxes that end at the edges.

    Args:
        people: of the frame.
    """
    for person in people:
        exact = person.placed.box()
        for turn in (-1, 0, 1):
            part = np.clip(exact + np.array([turn, 0, turn, 0]), 0, 1)
            if part[2] > part[0] and part[3] > part[1]:
                yield from _annotate_part(person, part, (part[2] - part[0]) / (exact[2] - exact[0]))


def _annotate_part(person: SeenPerson, part: np.ndarray, share: float) -> Iterator[dict[str, Any]]:
    """Annotate a part of a person, or nothing where it covers no pixel.

    Args:
        person: the person.
        part: (4,) x0 y0 x1 y1 of the part in 0..1.
        share: width of the part over that of the person.
    """
    rows, columns = person.whole.shape
    box = part * np.array([columns, rows, columns, rows])
    here = np.zeros(columns, bool)
    here[int(np.floor(box[0])) : int(np.ceil(box[2]))] = True
    whole, visible = person.whole & here, person.visible & here
    if not whole.any():
        return
    seen_share = visible.sum() / whole.sum()
    if visible.any():
        all_edges, seen_edges = _edges(whole), _edges(visible)
        box = np.where(np.abs(seen_edges - all_edges) <= EDGE_TOLERANCE_PX, box, seen_edges)
    yield {
        "category_id": CATEGORY["id"],
        "bbox": [round(float(value), 2) for value in (*box[:2], *(box[2:] - box[:2]))],
        "area": int(visible.sum()),
        "iscrowd": int(seen_share < MIN_VISIBLE_SHARE or share < MIN_PART_SHARE),
        "visible_share": round(float(seen_share), 3),
    }


def _edges(mask: np.ndarray) -> np.ndarray:
    """Find the box x0 y0 x1 y1 of the pixels of a mask (row, column)."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)
