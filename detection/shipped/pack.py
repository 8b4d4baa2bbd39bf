"""Pack a detector for shipping: its ONNX file, and a card with its scores and the look of its training pictures.

`python -m detection.shipped.pack MODEL.onnx OUT --training PICTURES --test PICTURES [--photographs FOLDER]`
"""

import argparse
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avseld.base.errors import BadInput
from avseld.base.files import replacing, sha256, visible_files
from detection.backends.onnx import CLASSES_KEY, load
from detection.familiarity import Familiarity, fit
from detection.familiarity import statistics as picture_statistics
from detection.measure import read_pictures, score_pictures

log = logging.getLogger(__name__)

MAX_PICTURES = 1500
"""pictures from which the distribution is estimated, evenly spaced in the training set"""
ACCEPTED_PERCENTILE, REFUSED_PERCENTILE = 99.0, 5.0
"""the limit lies between these percentiles of the distances of generated pictures and of photographs, at their
geometric mean"""
DIGITS = 5
"""significant digits of the distribution in the card"""


def pack(
    model: Path, out: Path, training: Path, test: Path, words: dict[str, Any], photographs: Path | None
) -> Path:
    """Write the ONNX file and the card of a detector.

    Args:
        model: ONNX file from `avseld-detect export`.
        out: the ONNX file to write; the card lies beside it, NAME.json.
        training: pictures it was trained on.
        test: pictures of other rooms.
        words: about, license, trained_on, command, limits.
        photographs: folder of pictures that must not count as familiar; None leaves the limit at that of the training.

    Returns:
        The card.

    Raises:
        BadInput: no detector, or a folder without pictures.
    """
    detector = load(model)
    familiarity, calibration = calibrate(training, test, photographs)
    card = words | {
        "name": out.stem,
        "sha256": sha256(model),
        "size": [detector.width, detector.height],
        "classes": json.loads(
            detector.session.get_modelmeta().custom_metadata_map.get(CLASSES_KEY, '["person"]')
        ),
        "parameters": count_parameters(model),
        "scores": score_pictures(read_pictures(test), detector),
        "familiar": {
            "threshold": round(familiarity.threshold, 3),
            "calibration": calibration,
            "mean": _rounded(familiarity.mean),
            "precision": _rounded(familiarity.precision),
        },
    }
    with replacing(out) as temporary:
        shutil.copyfile(model, temporary)
    path = out.with_suffix(".json")
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return path


def calibrate(training: Path, test: Path, photographs: Path | None) -> tuple[Familiarity, dict[str, Any]]:
    """Fit the distribution of training pictures and choose the limit of the distance.

    Every other picture and photograph chooses the limit, the rest measures it.

    Args:
        training: pictures of the training.
        test: pictures of other rooms.
        photographs: folder of pictures that must not count as familiar, or None.

    Returns:
        The distribution and its limit, and how it was chosen.
    """
    rows = np.array([picture_statistics(each.pixels) for each in _spread(training)])
    familiarity = fit(rows, np.inf)
    generated = np.array([familiarity.distance(each.pixels[None])[0] for each in read_pictures(test)])
    limit = float(np.percentile(generated[::2], ACCEPTED_PERCENTILE))
    calibration: dict[str, Any] = {"generated": _quantiles(generated)}
    if photographs is not None:
        real = np.array([familiarity.distance(each[None])[0] for each in _photographs(photographs)])
        limit = float(np.sqrt(limit * np.percentile(real[::2], REFUSED_PERCENTILE)))
        calibration |= {
            "photographs": _quantiles(real),
            "photographs_refused": f"{int((real[1::2] > limit).sum())} of {len(real[1::2])}",
        }
    calibration["generated_refused"] = f"{int((generated[1::2] > limit).sum())} of {len(generated[1::2])}"
    return Familiarity(familiarity.mean, familiarity.precision, limit), calibration


def count_parameters(model: Path) -> int:
    """Count the numbers in the weights of an ONNX file."""
    import onnx

    return sum(int(np.prod(each.dims)) for each in onnx.load(str(model)).graph.initializer)


def _spread(folder: Path) -> list[Any]:
    """Read at most `MAX_PICTURES` pictures, evenly spaced."""
    count = len(json.loads((folder / "annotations.json").read_text(encoding="utf-8"))["images"])
    step = -(-count // MAX_PICTURES)
    return [each for number, each in enumerate(read_pictures(folder)) if number % step == 0]


def _photographs(folder: Path) -> list[np.ndarray]:
    """Read the pictures below a folder, each content once."""
    unique = {path.read_bytes(): path for path in visible_files(folder, (".jpg", ".jpeg", ".png"))}
    if not unique:
        raise BadInput(f"{folder}: no pictures")
    return [np.asarray(Image.open(path).convert("RGB")) for path in unique.values()]


def _quantiles(distance: np.ndarray) -> dict[str, float]:
    shares = (1, 5, 50, 95, 99)
    return {f"{share}%": round(float(np.percentile(distance, share)), 2) for share in shares}


def _rounded(values: np.ndarray) -> Any:
    return np.vectorize(lambda value: float(f"{value:.{DIGITS}g}"))(values).tolist()


def main() -> None:
    """Run the module from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--training", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--photographs", type=Path)
    for name in ("about", "license", "trained_on", "command", "limits"):
        parser.add_argument(f"--{name}", default="")
    options = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    paths = [options.pop(name) for name in ("model", "out", "training", "test", "photographs")]
    model, out, training, test, photographs = paths
    log.info("%s", pack(model, out, training, test, options, photographs).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
