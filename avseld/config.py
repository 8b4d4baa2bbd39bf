"""Configuration of a training run: plain dataclasses, read from a flat YAML recipe and from the command line."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

log = logging.getLogger(__name__)

DeviceCacheChoice = Literal["auto", "never", "always"]

OLD_DATA_NAMES = {"listen": "inference_chunk", "resident": "device_cache"}
"""former name of a field of `Data` -> its name"""

VideoControl = Literal["aligned", "shuffled", "blank"]


@dataclass
class Part:
    """One exchangeable part: a name and the options of its constructor.

    Args:
        name: name of the part, or package.module:Class; --model.help (--features.help, ...) lists names and options.
        options: options of the part, for example --model.options.width 32.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Data:
    """Recordings, and how windows are drawn from them.

    Args:
        prepared: the prepared folder, or a folder of shards.
        train: folds (fold3), rooms (fold3_room21) or recordings to train on; recordings that `validate` or `test`
            lists by room or name are left out.
        validate: the same, to select the best weights.
        test: the same, for the final scores.
        allow_overlap: allow the three to share recordings, to reproduce a paper that does so.
        format: channel format of the recordings: foa, mic, binaural, stereo, mono.
        chunk: length of a training window, seconds.
        inference_chunk: length of a window when whole recordings are run, seconds; chunk if left out.
        batch_size: windows per step, over all processes.
        video: aligned uses the recording's own video, shuffled that of another recording, blank none.
        sampling: files draws every recording with the same probability, as published; duration in proportion to its
            length.
        device_cache: keep the whole corpus in device memory and gather windows there: auto does so on a GPU with twice
            the memory that it needs; the windows are the same.
        workers: processes that read windows; the windows do not depend on it. Of shards 1, 2 or 4 share the buffer.
        shuffle_buffer: MB of sound that each training process holds, to draw windows from, where `prepared` is a folder
            of shards (`avseld-prep shards`); it holds one recording of each of four streams at least.
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
    device_cache: DeviceCacheChoice = "auto"
    workers: int = 0
    shuffle_buffer: float = 2048.0
    listen: float | None = None
    resident: Literal["auto", "never", "always"] | None = None

    def __post_init__(self) -> None:
        self.prepared = Path(self.prepared)  # from Python it may be a str
        for old, new in OLD_DATA_NAMES.items():
            if (value := getattr(self, old)) is not None:
                log.warning("data.%s is the old name of data.%s", old, new)
                setattr(self, new, value)
                setattr(self, old, None)


@dataclass
class Hardware:
    """Devices and precision of a training; values as for Lightning's Trainer.

    Args:
        accelerator: auto, cpu, gpu, ...
        devices: number of devices, or auto.
        num_nodes: number of machines.
        strategy: auto, ddp, ...
        precision: 32-true, bf16-mixed, 16-mixed, ...; auto tries some steps and takes the fastest of 32-true and bf16,
            compiled or not, with recordings read or kept in memory, and says so; the run's recipe holds what was taken.
        compile: use torch.compile (about 30 s at the start): network and loss on a GPU, the loss alone on a CPU.
        deterministic: raise an error for operations whose results vary between runs on a GPU.
    """

    accelerator: str = "auto"
    devices: int | str = "auto"
    num_nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"
    compile: bool = False
    deterministic: bool = False


@dataclass
class Update:
    """What a training step does beside the optimizer.

    Args:
        clip: largest norm of the gradients of all weights together; larger ones are shrunk by one factor.
        accumulate: equal parts into which the windows of a step are divided; they are computed one after the other
            and their gradients added up, for batches that do not fit into memory.
        average: decay of an exponential moving average of the weights, such as 0.999; it is validated and saved in
            place of the last weights.
        warmup: steps over which the learning rate rises linearly to its first value; the schedule begins after them.
    """

    clip: float | None = None
    accumulate: int = 1
    average: float | None = None
    warmup: int = 0


@dataclass
class InitFrom:
    """Pretrained weights from which training starts.

    Args:
        weights: a run folder (its best weights), RUN@STEP (those of a step that `keep_every` has kept), a safetensors
            file, a PyTorch checkpoint, or the name of weights as `avseld weights` lists them.
        modules: modules to copy, such as `audio_encoder`; all that both networks have if left out.
        roles: pretrained parts of a network that is trained in several steps, each a run folder or a file:
            `--init_from.roles.sed RUN`.
        freeze: modules excluded from training.
        random: train although modules that are never trained here have random weights.
    """

    weights: Path | None = None
    modules: list[str] = field(default_factory=list)
    roles: dict[str, Path] = field(default_factory=dict)
    freeze: list[str] = field(default_factory=list)
    random: bool = False

    def __post_init__(self) -> None:
        self.weights = None if self.weights is None else Path(self.weights)
        self.roles = {role: Path(path) for role, path in self.roles.items()}


@dataclass
class Recipe:
    """All arguments of a training, as `avseld.recipe` reads them; `avseld.train` runs it.

    Args:
        data: recordings and windows.
        features: input features.
        model: the network.
        target: the output format with its loss.
        optimizer: adam, adamw or sgd, with torch's options.
        out: the run folder; `avseld.train` may give it instead.
        schedule: learning rate over the steps.
        steps: batches to learn from.
        validate_every: steps between validations.
        validate_first: score the untrained system, too.
        seed: of weights, windows and everything else that is random.
        legacy: the published rounding and averaging, defects included.
        challenge: the year whose scores are computed.
        best_by: score of a validation by which the best weights are kept.
        patience: validations without a better score after which training stops.
        keep_every: steps between weights that are kept, too, or a list of steps.
        evaluate_training: recordings of the training that are scored at each validation, too.
        init_from: weights of another run to start from.
        augment: changes of the training windows, in their order.
        update: gradient clipping and accumulation, weight averaging, warm-up.
        hardware: where it runs.
    """

    data: Data
    features: Part
    model: Part
    target: Part
    optimizer: Part
    out: Path | None = None
    schedule: Part | None = None
    steps: int = 20000
    validate_every: int = 1000
    validate_first: bool = False
    seed: int = 0
    legacy: bool = False
    challenge: int = 2023
    best_by: str | None = None
    patience: int | None = None
    keep_every: int | list[int] | None = None
    evaluate_training: int | None = None
    init_from: InitFrom | None = None
    augment: list[Part] | None = None
    update: Update | None = None
    hardware: Hardware | None = None
