"""The command `stream`: events of live sound while it sounds."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from avseld.base.errors import BadInput, Interrupted
from avseld.base.files import takes_paths
from avseld.inference.predictor import load
from avseld.inference.thresholds import set_threshold
from avseld.io.array_file import chosen_channels
from avseld.io.channel_map import Channels
from avseld.streaming.assembly import assembled
from avseld.streaming.inputs import list_devices
from avseld.streaming.sources import PcmFormat
from avseld.streaming.wishes import Wishes

DEFAULT_RATE_HZ = 24000
"""that devices are listed for where no run says one"""


@takes_paths
def stream(
    run: Path | None = None,
    input: str | None = None,
    list: bool = False,
    video: str | None = None,
    channels: list[int | str] | None = None,
    array: Path | None = None,
    step: float | Literal["auto"] = 0.1,
    look_ahead: float | None = None,
    simulate: bool = False,
    clock: bool = True,
    keep: bool = False,
    out: list[Path] | Path | None = None,
    send: list[str] | str | None = None,
    json: bool = False,
    view: bool = False,
    record: Path | None = None,
    seconds: float | None = None,
    detector: Path | None = None,
    detector_fps: float | None = None,
    video_offset: float = 0.0,
    video_yaw: float = 0.0,
    block: float = 0.02,
    rate: int | None = None,
    pcm_rate: int | None = None,
    pcm_format: PcmFormat = "s16le",
    pcm_channels: int | None = None,
    threshold: float | None = None,
    threads: int = 0,
    weights: Literal["best", "last"] = "best",
    device: str = "cpu",
) -> int:
    """Find events in live sound, from a microphone, a pipe, or a file played at its own speed.

    Args:
        run: run folder, RUN@STEP, safetensors file, or name of shipped weights.
        input: microphone, microphone:NAME or microphone:ID; a sound file or video; or - for raw samples of a pipe.
        list: list the sound devices, and with --run which of them can serve it, and why not.
        video: camera, camera:ID, a network stream (rtsp://...) or a video file, for weights with visual input and for
            --view; by default the picture of a file that has one; none for no picture.
        channels: of the input, those to take, counted from 1, in the order of the format (2,3,4,5), or their names, or
            ambix, n3d or fuma; see avseld predict.
        array: array file of the microphones, as avseld calibrate writes it, in place of --channels; four capsules are
            made ambisonics, and directions are turned to the room.
        step: seconds of events that are found together; auto takes the smallest that this machine holds.
        look_ahead: seconds of sound after an event that are waited for, by default as little as in prediction; networks
            for live sound have one of their own.
        simulate: play a file at its own speed, as if it were heard; without it a file is run as fast as possible.
        clock: with --simulate; --clock false lets the clock stand still while the machine computes, so that latencies
            are those of the method alone.
        keep: skip nothing where the machine is too slow; the latency grows then.
        out: files to write while the stream runs: .csv (DCASE rows, and NAME.events.csv) or .jsonl.
        send: programs to send events to: udp:HOST:PORT (JSON), osc:HOST:PORT, ws:[HOST:]PORT (a WebSocket server).
        json: print JSON lines instead of a table.
        view: serve a page with directions, activity and latency on this machine, and open it in the browser.
        record: folder that gets what is heard as wav, events and faults.
        seconds: end after so many.
        detector: weights of the detector of people, or its name; by default YOLOX-tiny, fetched once.
        detector_fps: pictures a second in which people are looked for; by default as in training, else 10.
        video_offset: second of the sound at which a video file starts; -X for a camera whose pictures come X s late.
        video_yaw: azimuth of the middle of the picture, degrees, positive to the left.
        block: seconds that the sound card may hold back.
        rate: Hz to open the sound card with; by default that of the run, or the card's own.
        pcm_rate: Hz of raw samples; by default that of the run.
        pcm_format: of raw samples.
        pcm_channels: of raw samples; by default those of the run's format.
        threshold: decision threshold in place of the run's, 0 to 1.
        threads: processor threads of the network; 0 takes one, as more make its small steps slower.
        weights: best or last.
        device: cpu, cuda, ...

    Returns:
        Exit status: 0; 3 where sound was lost, 4 where a channel is dead or two are one, 5 where it was too loud, 6
        where the camera stopped, 7 where results could not be written.

    Raises:
        BadInput: files or devices are missing or unusable, or options do not fit together.
    """
    taken = chosen_channels(channels, array)
    if list:
        sys.stdout.write(_devices(run, taken, weights))
        return 0
    if run is None or input is None:
        raise BadInput(
            "--run RUN and --input microphone, FILE or - are needed; avseld weights lists weights, avseld stream "
            "--list the devices"
        )
    wishes = Wishes(
        input=input, video=video, channels=taken, step=step, look_ahead=look_ahead, simulate=simulate, clock=clock,
        keep=keep, out=_listed(out), send=_listed(send), json=json, view=view, record=record, detector=detector,
        detector_fps=detector_fps, video_offset=video_offset, video_yaw=video_yaw, block=block, rate=rate,
        pcm_rate=pcm_rate, pcm_format=pcm_format, pcm_channels=pcm_channels, threads=threads,
    )  # fmt: skip
    wishes.check()
    predictor = load(run, weights, device)
    set_threshold(predictor.system, threshold)
    stop = threading.Event()
    with ended_by_signals(stop), assembled(predictor, wishes, stop) as session:
        session.run(stop, seconds)
    sys.stderr.write(session.summary_text)
    sys.stdout.flush()  # a pipe that nobody reads ends the command here
    return session.status


def _listed(value: Any) -> Any:
    """Return an option of one or several values as a list."""
    return [] if value is None else [value] if isinstance(value, str | Path) else value


def _devices(run: Path | None, channels: Channels | None, weights: Literal["best", "last"]) -> str:
    """Write the table of sound devices, for a run if there is one."""
    if run is None:
        return list_devices(None, DEFAULT_RATE_HZ, channels, "")
    system = load(run, weights, "cpu").system
    return list_devices(
        system.blueprint.format, system.sample_rate, channels, f"{run}: {system.blueprint.format}"
    )


@contextmanager
def ended_by_signals(stop: threading.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a stream at its next step, so that its outputs are whole; a second one interrupts.

    Args:
        stop: is set.
    """
    before = {}

    def end(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise Interrupted("interrupted", number)
        stop.set()

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
