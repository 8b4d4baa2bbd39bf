"""Weights in a run folder and their names: RUN, RUN@STEP, or a file of it."""

import re
from pathlib import Path

from avseld.base.errors import BadInput

CONFIG = "config.yaml"
"""the recipe of a run; a folder that holds one is a run folder"""
CHECKPOINTS = "checkpoints"
"""folder of a run with what it is resumed from, and the weights of single steps"""
WEIGHTS = {"best": "model.safetensors", "last": "last.safetensors"}
"""weights of the best validation and of the last step, in the run folder"""
KEPT = re.compile(r"step(\d+)\.safetensors")
"""name of a file with the weights of a step"""


def kept_file(folder: Path, step: int) -> Path:
    """Return the path of the weights of a step, whether or not they are kept."""
    return folder / CHECKPOINTS / f"step{step}.safetensors"


def kept_steps(folder: Path) -> list[int]:
    """List the steps whose weights a run folder keeps."""
    found = [KEPT.fullmatch(path.name) for path in (folder / CHECKPOINTS).glob("step*.safetensors")]
    return sorted(int(match[1]) for match in found if match)


def split_step(run: Path) -> tuple[Path, str | None]:
    """Split RUN@STEP into the run and the step as text; None where no step is named.

    Args:
        run: a run folder, RUN@STEP, or anything else, which is returned as it is.
    """
    place, at, step = str(run).rpartition("@")
    if not at or run.exists() or not (Path(place) / CONFIG).is_file():
        return run, None
    return Path(place), step


def run_folder(run: Path) -> Path:
    """Return the folder of a run.

    Args:
        run: a run folder, RUN@STEP, or a weights file in it. Other paths are returned as they are.
    """
    if run.suffix == ".safetensors":
        homes = [run.parent, run.parent.parent] if run.parent.name == CHECKPOINTS else [run.parent]
        return next((home for home in homes if (home / CONFIG).is_file()), run)
    return split_step(run)[0]


def weights_of(run: Path, choice: str = "best") -> Path:
    """Return the weights file that a name stands for; it may be missing where no step is named.

    Args:
        run: a run folder, RUN@STEP, or a file.
        choice: best or last, of a run folder.

    Raises:
        BadInput: a step whose weights are not kept, or one beside `last`; lists the kept steps.
    """
    if run.is_file() or run.suffix == ".safetensors":
        return run
    folder, text = split_step(run)
    if text is None:
        return folder / WEIGHTS[choice]
    if choice != "best":
        raise BadInput(f"{run}: names a step, and --weights {choice} another; leave one of them out")
    step = int(text) if re.fullmatch(r"\d{1,12}", text) else None
    if step is None or not kept_file(folder, step).is_file():
        kept = ", ".join(map(str, kept_steps(folder)))
        there = f"the run keeps {kept}" if kept else f"the run keeps none; {folder} alone is its best weights"
        raise BadInput(f"{run}: no weights of step {text!r}; {there}".replace("'", ""))
    return kept_file(folder, step)


def beside(run: Path, name: str) -> Path:
    """Return the path in a run folder of what was made with its weights; that of a step has it in its name.

    Args:
        run: a run folder, RUN@STEP, or a weights file in it.
        name: such as predictions: RUN/predictions, or RUN/predictions@STEP.
    """
    _, step = split_step(run)
    kept = KEPT.fullmatch(run.name)
    if kept and run.parent.name == CHECKPOINTS:
        step = kept[1]
    return run_folder(run) / (name if step is None else f"{name}@{step}")
