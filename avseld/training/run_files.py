"""The run folder: whether it is free, the recipe in it, its last checkpoint."""

import logging
import shlex
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from avseld.base.errors import BadInput
from avseld.base.files import check_folder, remove_partial, replacing, visible
from avseld.base.processes import is_first_process
from avseld.config import OLD_DATA_NAMES
from avseld.io.classes import listed
from avseld.io.manifest import read_classes
from avseld.io.run_config import read_config
from avseld.io.run_weights import CHECKPOINTS, CONFIG, WEIGHTS
from avseld.system.checkpoint import classes_of_weights
from avseld.weights.start import is_name

log = logging.getLogger(__name__)


def last_checkpoint(out: Path) -> Path | None:
    """Find the last checkpoint of a run; None where it was stopped before the first one."""
    path = out / CHECKPOINTS / "last.ckpt"
    if path.is_file():
        return path
    log.info("%s: not found; the run starts at its first step", path)
    return None


def run_of_each_seed(recipe: dict[str, Any], out: Path, resume: bool) -> list[tuple[int, Path]]:
    """List seeds with the folders of their runs; keep the recipe of several seeds, by which they are resumed.

    Args:
        recipe: of all; its seed is a list.
        out: folder of the runs.
        resume: whether the folders may be in use.

    Raises:
        BadInput: no seeds, a seed twice, or a folder that is in use.
    """
    seeds = recipe["seed"]
    if not seeds or len(set(seeds)) < len(seeds):
        raise BadInput(f"seed: {seeds}; give one seed, or several different ones")
    folders = [(seed, out / f"seed{seed}") for seed in seeds]
    if not resume:
        check_empty(out, [path.name for path in out.glob("seed*")])
        for _, folder in folders:
            claim(folder, resume)
        if is_first_process():
            write_config(out / "seeds.yaml", recipe)
    return folders


def claim(out: Path, resume: bool) -> None:
    """Refuse a run folder that is in use; remove what a killed run left half-written.

    Only the first process does so, since it creates the folder itself.

    Args:
        out: the run folder, into which no other program writes (`avseld.base.locks`).
        resume: whether it holds a run that goes on.

    Raises:
        BadInput: it holds a run or something else, or none to resume.
    """
    if not is_first_process():
        return
    check_folder(out, "--out")
    taken = (out / CONFIG).exists()
    if taken and not resume:
        raise BadInput(
            f"{out}: holds a run already; choose another --out, or continue it with --resume {out}"
        )
    if resume and not taken:
        raise BadInput(f"{out}: holds no run to resume; start one without --resume")
    if not resume:
        check_empty(out)
    remove_partial(out, ("model", "last", "metrics", "config", "seeds"))
    remove_partial(out / CHECKPOINTS, ("best", "last", "step"))


def check_empty(out: Path, own: Collection[str] = ()) -> None:
    """Refuse a folder that holds the files of something else; hidden files do not count.

    Args:
        out: folder of a run, or of the runs of several seeds.
        own: names that it may hold.

    Raises:
        BadInput: it holds others; names some.
    """
    others = sorted(path.name for path in visible(out) if path.name not in own)
    if others:
        some = ", ".join(others[:3]) + (", ..." if others[3:] else "")
        raise BadInput(f"--out {out}: holds other files ({some}); name a new folder")


def check_same_classes(out: Path, prepared: Path | str) -> None:
    """Refuse to resume with another list of classes: the checkpoint would fit, with the names exchanged.

    Args:
        out: the run folder.
        prepared: the prepared folder of today.

    Raises:
        BadInput: the lists differ.
    """
    weights = out / WEIGHTS["last"]
    before = classes_of_weights(weights) if weights.is_file() else None
    if before is not None and before != read_classes(prepared):
        raise BadInput(
            f"{prepared}/classes.txt: other classes than those of the run ({listed(before)}); resume with its own "
            f"list, or start another run with --init_from.weights {out}"
        )


def check_same_recipe(path: Path, recipe: dict[str, Any]) -> None:
    """Refuse to resume under another recipe: only hardware, workers and the data's place may change."""
    before, now = read_config(path.parent), plain(recipe)
    before["data"].setdefault("inference_chunk", before["data"].get("listen"))
    for config in (before, now):
        config.pop("hardware", None)
        for name in ("prepared", "workers", "device_cache", *OLD_DATA_NAMES):
            config["data"].pop(name, None)
    for name in sorted(set(before) | set(now)):
        if before.get(name) != now.get(name):
            raise BadInput(
                f"{path}: {name} is {before.get(name)} there and {now.get(name)} now; resume with the run's own "
                f"recipe, or start another run from its weights with --init_from {shlex.quote(str(path.parent))}"
            )


def write_config(path: Path, recipe: dict[str, Any]) -> None:
    """Write the recipe of a run."""
    with replacing(path) as temporary:
        temporary.write_text(yaml.safe_dump(plain(recipe), sort_keys=False), encoding="utf-8")


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Write the scores of all validations as csv.

    Args:
        path: of the csv file.
        history: step and scores of each validation.
    """
    # A resumed run of an earlier version may lack a score: its cells stay empty.
    names = list(dict.fromkeys(name for row in history for name in row))
    lines = [",".join(names)]
    lines += [",".join(f"{row[name]:.9g}" if name in row else "" for name in names) for row in history]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Turn dataclasses and paths into what YAML knows, paths absolute so that the file works from any folder.

    Names of weights (`avseld weights` lists them) are no paths, although arguments that take both have that type.
    """
    if hasattr(value, "__dataclass_fields__"):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in OLD_DATA_NAMES}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Path):
        return str(value if is_name(value) else value.absolute())
    return value
