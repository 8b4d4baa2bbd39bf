"""What the scripts of this folder share: the checkout, which frames are kept, comparison with stored values."""

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # tests/reference/filled.py


def arguments(text: str, parts: list[str]) -> argparse.Namespace:
    """Parse CHECKOUT, --parts and --out, and put the checkout first on the import path."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="folder of the reference implementation")
    parser.add_argument("--parts", default=",".join(parts), help=f"which of {', '.join(parts)} to make anew")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of reference values, here by default")
    given = parser.parse_args()
    given.parts = given.parts.split(",")
    if not given.checkout.is_dir() or not set(given.parts) <= set(parts):
        parser.error(
            f"{given.checkout} is no folder, or --parts names something else than {', '.join(parts)}"
        )
    sys.path.insert(0, str(given.checkout.resolve()))
    return given


def some(count: int, every: int) -> np.ndarray:
    """Return every `every`-th index of `count` and the last: enough to compare, small enough to keep."""
    return np.unique(np.r_[0:count:every, count - 1])


def difference(stored: object, made: object) -> float:
    """Return the largest difference between two arrays, of which either may hold NaN in the same places."""
    stored, made = np.asarray(stored, float), np.asarray(made, float)
    if stored.shape != made.shape or (np.isnan(stored) != np.isnan(made)).any():
        return math.inf
    return float(np.nan_to_num(np.abs(stored - made)).max(initial=0.0))


def write_arrays(path: Path, made: dict[str, np.ndarray]) -> None:
    """Replace arrays of an .npz file, keep its others, and print how far each is from the one that was there."""
    with np.load(path) as file:
        values = dict(file)
    for key, value in made.items():
        if np.asarray(value).dtype.kind in "fiu" and key in values:
            print(f"{key}: differs from the stored values by {difference(values[key], value):.3g}")
        values[key] = value
    np.savez_compressed(path, **values)
    print(f"wrote {path}, {path.stat().st_size / 1e6:.2f} MB")


def adpit_loss(function: Callable, stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compute a published ADPIT loss and its gradient for the stored output and target."""
    import torch

    output = torch.from_numpy(stored["loss/output"]).requires_grad_()
    value = function(output, torch.from_numpy(stored["loss/target"]))
    value.backward()
    return {"loss/value": np.array(value.item()), "loss/grad": output.grad.numpy()}


def make_parts(text: str, name: str, parts: dict[str, Callable]) -> None:
    """Make the parts of an .npz file that the command line asks for.

    Args:
        text: description of the script.
        name: the file, from the folder of reference values on.
        parts: by name, (stored arrays, folder) -> arrays; called in the order of --parts.
    """
    given = arguments(text, list(parts))
    path = given.out / name
    with np.load(path) as file:
        stored = dict(file)
    made = {}
    for part in given.parts:
        made |= parts[part](stored, given.out)
    write_arrays(path, made)


def nested(value: object) -> object:
    """Return arrays as lists and NaN as None, as JSON has it."""
    if isinstance(value, np.ndarray | list | tuple):
        return [nested(entry) for entry in value]
    number = float(value)  # type: ignore[arg-type]
    return None if math.isnan(number) else number


def write_scores(path: Path, made: dict[str, object]) -> None:
    """Replace a JSON file of scores, and say which differ from those that were there."""
    stored = json.loads(path.read_text()) if path.exists() else {}
    print(f"{path.name}: {'equal to' if stored == made else 'other than'} the stored values")
    path.write_text(json.dumps(made, indent=1))


def without_distance(source: Path, target: Path) -> Path:
    """Copy CSV files of six columns to `target` without the last; scorers before 2024 take six columns as a vector."""
    for path in sorted(source.rglob("*.csv")):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        rows = [",".join(line.split(",")[:5]) for line in path.read_text().split()]
        copy.write_text("\n".join(rows) + "\n")
    return target
