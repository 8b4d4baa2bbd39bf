"""Configuration of a training run: plain dataclasses, read from a flat YAML recipe and from the command line."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

log = logging.getLogger(__name__)

VideoControl = Literal["aligned", "shuffled", "blank"]


@dataclass
class Part:
    """One exchangeable part: a name and the options of its constructor.

    Args:
        name: what it is called in the tables of features, models, targets, optimizers or schedules.
        options: words of its constructor, `--model.options.width 32` say.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Data:
    """Which recordings, and how windows are drawn from them.

    Args:
        prepared: the prepared folder.
        train: folds (fold3), rooms (fold3_room21) or recordings to learn from; a recording that `validate` names by
            its room or its own name is withheld.
        validate: the same, to choose the best weights by.
        test: the same, for the final scores.
        allow_overlap: let the three share recordings, to reproduce a paper that does so.
        format: channel format of the recordings: foa, mic, binaural, stereo, mono.
        chunk: seconds of a window.
        inference_chunk: seconds of a window when whole recordings are run; chunk if left out.
        batch_size: windows of a step, over all processes.
        video: aligned; shuffled takes the boxes of another recording; blank takes none.
        sampling: files draws every recording equally often, as published; duration every second equally often.
        device_cache: whether the whole corpus is kept on the device and windows are gathered there: auto does so on a
            GPU with twice the room; the windows are the same.
        workers: processes that read windows; the windows are the same with any number.
        listen: old name of inference_chunk.
        resident: old name of device_cache.
    """

    prepared: Path
    train: list[str] = field(default_factory=lambda: ["fold3"])
    validate: list[str] = field(default_factory=lambda: ["fold4"])
    test: list[str] = field(default_factory=lambda: ["fold4"])
    allow_overlap: bool = False
    format: str = "foa"
    chunk: float = 1.27
    inference_chunk: float | None = None
    batch_size: int = 16
    video: VideoControl = "aligned"
    sampling: Literal["files", "duration"] = "files"
    device_cache: Literal["auto", "never", "always"] = "auto"
    workers: int = 0
    listen: float | None = None
    resident: Literal["auto", "never", "always"] | None = None

    def __post_init__(self) -> None:
        for old, new in (("listen", "inference_chunk"), ("resident", "device_cache")):
            if (value := getattr(self, old)) is not None:
                log.warning("data.%s is the old name of data.%s", old, new)
                setattr(self, new, value)
                setattr(self, old, None)


@dataclass
class Hardware:
    """Where the training runs; the words are Lightning's own.

    Args:
        accelerator: auto, cpu, gpu, ...
        devices: how many, or auto.
        num_nodes: machines.
        strategy: auto, ddp, ...
        precision: 32-true, bf16-mixed, 16-mixed, ...
        compile: let torch compile what gains by it, half a minute at the start for faster steps: the network and its
            loss on a GPU, the loss alone on a processor.
        deterministic: refuse operations whose results vary from run to run on a GPU.
    """

    accelerator: str = "auto"
    devices: int | str = "auto"
    num_nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"
    compile: bool = False
    deterministic: bool = False


@dataclass
class InitFrom:
    """Pretrained weights from which training starts.

    Args:
        weights: a run folder (its best weights), a safetensors file or a PyTorch checkpoint.
        modules: modules to copy from it, such as `audio_encoder`; every name that both have if left out.
        roles: pretrained parts of a network that is trained in several steps, each a run folder or a file:
            `--init_from.roles.sed RUN`.
        freeze: modules excluded from training.
    """

    weights: Path | None = None
    modules: list[str] = field(default_factory=list)
    roles: dict[str, Path] = field(default_factory=dict)
    freeze: list[str] = field(default_factory=list)
