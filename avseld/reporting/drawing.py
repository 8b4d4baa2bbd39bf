"""The command `plot`: a figure or an overlay of one recording, or the figures of a run."""

import logging
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.io.audio import audio_info, read_audio
from avseld.io.events import Events
from avseld.io.manifest import read_class_list
from avseld.reporting.figures import figure
from avseld.reporting.material import Material, from_prepared, from_run
from avseld.reporting.movie import overlay
from avseld.reporting.panels import six_panels

log = logging.getLogger(__name__)

N_FIGURES = 8
FIGURE = (".png", ".pdf", ".svg")
MOVIE = ".mp4"


def plot(
    run: Path | None = None,
    prepared: Path | None = None,
    recording: str | None = None,
    predictions: Path | None = None,
    audio: Path | None = None,
    reference: Path | None = None,
    prediction: Path | None = None,
    video: Path | None = None,
    boxes: Path | None = None,
    classes: Path | None = None,
    format: str | None = None,
    out: Path | None = None,
    start: float = 0.0,
    stop: float | None = None,
    fps: float = 10.0,
    width: int = 960,
    all: bool = False,
    style: Literal["one", "six"] = "one",
) -> None:
    """Draw spectrogram, activity and directions (png, pdf, svg), or directions on the 360-degree video (mp4).

    Give a run, or a prepared folder and a recording, or single files.

    Args:
        run: run folder; draws its test recordings into RUN/figures and the first with a video as mp4.
        prepared: prepared folder (with --run: where it is now).
        recording: name of a recording of the prepared folder.
        predictions: folder of predicted csv files, with --prepared.
        audio: the recording.
        reference: csv of a prepared folder or of DCASE.
        prediction: csv of a prepared folder or of DCASE.
        video: equirectangular video, for an mp4.
        boxes: boxes file of the video.
        classes: text file with a class name a line.
        format: foa, mic, binaural, stereo or mono; by the number of channels if absent.
        out: file to write, png, pdf, svg or mp4; with --run, the folder.
        start: seconds at which the picture begins.
        stop: seconds at which it ends; absent: the end.
        fps: pictures a second of an mp4.
        width: pixels of an mp4.
        all: with --run, all test recordings and not the first eight.
        style: one draws reference and prediction in one another; six beside one another, as SELDnet's figures do.

    Raises:
        BadInput: files missing or unusable, or options that do not belong together.
    """
    if run is not None:
        _plot_run(from_run(run, prepared), out or run / "figures", start, stop, fps, width, all, style)
        return
    if out is None:
        raise BadInput("--out is missing; name the png or mp4 to write")
    if prepared is not None:
        if recording is None:
            raise BadInput(f"{prepared}: which of its recordings? name one with --recording")
        material = from_prepared(prepared, [recording], predictions)[0]
    elif audio is not None:
        names = read_class_list(classes) if classes else []
        material = Material(audio.stem, audio, names, format, video, boxes, reference, prediction)
    else:
        raise BadInput("nothing to draw; give --run RUN, --prepared DIR --recording NAME, or --audio WAV")
    draw(material, out, start, stop, fps, width, style)
    log.info("%s", out)


def draw(
    material: Material,
    out: Path,
    start: float = 0.0,
    stop: float | None = None,
    fps: float = 10.0,
    width: int = 960,
    style: str = "one",
) -> None:
    """Write one figure or one overlay, told by the suffix of `out`.

    Raises:
        BadInput: a file is missing or unusable, or another suffix.
    """
    suffix = out.suffix.lower()
    reference, prediction = material.events()
    if suffix == MOVIE:
        if material.video is None:
            raise BadInput(
                f"{out}: {material.name} has no video to draw on; name one with --video, or write a png"
            )
        overlay(
            material.video, out, reference, prediction, material.found_boxes(), material.classes,
            material.audio, fps, width, material.format, start, stop, material.name,
        )  # fmt: skip
    elif suffix in FIGURE:
        sample_rate = audio_info(material.audio, material.format).sample_rate
        samples = read_audio(material.audio)
        if style == "six":
            nothing = Events.empty()
            picture = six_panels(
                samples, sample_rate, reference or nothing, prediction or nothing, material.classes, start, stop,
                material.name,
            )  # fmt: skip
        else:
            picture = figure(
                samples, sample_rate, reference, prediction, material.classes, start, stop, material.name
            )
        with replacing(out) as temporary:
            picture.savefig(temporary)
    else:
        raise BadInput(f"{out}: '{suffix}' is none of {', '.join((*FIGURE, MOVIE))}; choose another suffix")


def _plot_run(
    materials: list[Material],
    folder: Path,
    start: float,
    stop: float | None,
    fps: float,
    width: int,
    all_of_them: bool,
    style: str,
) -> None:
    chosen = materials if all_of_them else materials[:N_FIGURES]
    for material in tqdm(chosen, desc="figures", disable=None, leave=False):
        draw(material, folder / f"{material.name}.png", start, stop, style=style)
    log.info("%d figures of %d test recordings in %s", len(chosen), len(materials), folder)
    filmed = next((material for material in materials if material.video and material.video.is_file()), None)
    if filmed is None:
        log.warning("no test recording has a video: no overlay")
        return
    target = folder / f"{filmed.name}.mp4"
    draw(filmed, target, start, stop, fps, width)
    log.info("overlay in %s", target)
