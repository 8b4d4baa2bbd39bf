"""What a user asks of a stream: the options of the command, checked against each other."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from avseld.base.errors import BadInput
from avseld.io.channel_map import Channels
from avseld.streaming.sources import PcmFormat

MICROPHONE = "microphone"
PIPE = "-"


@dataclass(frozen=True)
class Wishes:
    """Options of `avseld.streaming.stream.stream`, which describes them."""

    input: str
    video: str | None = None
    channels: Channels | None = None
    step: float | Literal["auto"] = 0.1
    look_ahead: float | None = None
    simulate: bool = False
    clock: bool = True
    keep: bool = False
    out: list[Path] = field(default_factory=list)
    send: list[str] = field(default_factory=list)
    json: bool = False
    view: bool = False
    record: Path | None = None
    detector: Path | None = None
    detector_fps: float | None = None
    video_offset: float = 0.0
    video_yaw: float = 0.0
    block: float = 0.02
    rate: int | None = None
    pcm_rate: int | None = None
    pcm_format: PcmFormat = "s16le"
    pcm_channels: int | None = None
    threads: int = 0

    @property
    def is_microphone(self) -> bool:
        """Whether the input is a sound device."""
        return self.input == MICROPHONE or self.input.startswith(f"{MICROPHONE}:")

    @property
    def device_name(self) -> str:
        """Name or number of the sound device; empty for the default one."""
        return self.input.partition(":")[2]

    @property
    def is_file(self) -> bool:
        """Whether the input is a file."""
        return not self.is_microphone and self.input != PIPE

    @property
    def clock_runs(self) -> bool:
        """Whether time passes while the machine computes."""
        return not self.is_file or (self.simulate and self.clock)

    def check(self) -> None:
        """Refuse options that do not fit together.

        Raises:
            BadInput: says which, and what to do.
        """
        if self.simulate and not self.is_file:
            raise BadInput(f"--simulate: plays a file, not {self.input}; leave it out")
        if not self.clock and not self.simulate:
            raise BadInput("--clock false: is for a simulated stream; give --simulate and a file as --input")
        if self.step != "auto" and not self.step > 0:
            raise BadInput(f"--step {self.step:g}: choose 0.1 seconds or more, or auto")
        if not 0 < self.block <= 1:
            raise BadInput(f"--block {self.block:g}: choose up to 1 second, such as 0.02")
        given = {"pcm_rate": self.pcm_rate, "pcm_channels": self.pcm_channels}
        for name, value in given.items():
            if value is not None and self.input != PIPE:
                raise BadInput(f"--{name} {value}: describes raw samples, --input -; leave it out")
            if value is not None and value < 1:
                raise BadInput(f"--{name} {value}: choose 1 or more")
        if self.rate is not None and not self.is_microphone:
            raise BadInput(f"--rate {self.rate}: is that of a microphone; leave it out")
        if self.detector_fps is not None and not self.detector_fps > 0:
            raise BadInput(
                f"--detector_fps {self.detector_fps:g}: choose a positive number of pictures a second"
            )
