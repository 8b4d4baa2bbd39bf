"""Average precision of segmentation masks by the rules of COCO (T.-Y. Lin et al., Microsoft COCO, arXiv 1405.0312).

As in cocodataset/cocoapi, `PythonAPI/pycocotools/cocoeval.py`: thresholds 0.50 to 0.95, 100 detections in an image,
precision at 101 recalls.
"""

from collections.abc import Sequence

import numpy as np

COCO_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MAX_DETECTIONS = 100


def average_precisions(images: Sequence[tuple[np.ndarray, np.ndarray]], n_references: int) -> np.ndarray:
    """Compute the average precision of one class at each threshold.

    Args:
        images: for each, the overlap (detection, reference) of its masks, and the confidence (detection,).
        n_references: of all images, at least one.

    Returns:
        (threshold,).
    """
    hits, scores = [np.zeros((len(COCO_THRESHOLDS), 0), bool)], [np.zeros(0)]
    for overlaps, score in images:
        order = np.argsort(-score, kind="stable")[:MAX_DETECTIONS]
        hits.append(np.array([_matched(overlaps[order], least) for least in COCO_THRESHOLDS]))
        scores.append(score[order])
    order = np.argsort(-np.concatenate(scores), kind="stable")
    found = np.cumsum(np.concatenate(hits, axis=1)[:, order], axis=1)
    precision = found / (np.arange(found.shape[1]) + 1 + np.spacing(1))
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    best = np.concatenate([best, np.zeros((len(best), 1))], axis=1)
    recall = found / n_references
    return np.array(
        [row[np.searchsorted(own, RECALLS)].mean() for row, own in zip(best, recall, strict=True)]
    )


def _matched(overlaps: np.ndarray, least: float) -> np.ndarray:
    """Give each detection, the most confident first, the free reference that it overlaps most: (detection,) found."""
    free = np.ones(overlaps.shape[1], bool)
    found = np.zeros(len(overlaps), bool)
    for detection, row in enumerate(overlaps):
        candidates = np.where(free, row, -1.0)
        if len(row) and candidates.max() >= min(least, 1 - 1e-10):
            # Of equal overlaps the last one is taken, as there.
            free[len(row) - 1 - np.argmax(candidates[::-1])] = False
            found[detection] = True
    return found
