"""The command `plot`: a figure or an overlay of one recording, or the figures of a run."""

import logging
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import replacing, takes_paths
from avseld.io.events import Events
from avseld.io.manifest import read_class_list
from avseld.io.resampling import read_sound
from avseld.io.run_weights import beside
from avseld.reporting.figures import figure
from avseld.reporting.published_figures import SIDE_BY_SIDE, side_by_side
from avseld.reporting.recording_files import RecordingFiles, from_prepared, from_run, panorama_of
from avseld.reporting.video_overlay import overlay

log = logging.getLogger(__name__)

N_FIGURES = 8
FIGURE_SUFFIXES = (".png", ".pdf", ".svg")
VIDEO_SUFFIX = ".mp4"


@takes_paths
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
    video_offset: float = 0.0,
    video_yaw: float = 0.0,
    out: Path | None = None,
    start: float = 0.0,
    stop: float | None = None,
    fps: float = 10.0,
    width: int = 960,
    all: bool = False,
    style: Literal["one", "six", "xyz", "seven"] = "one",
) -> None:
    """Draw spectrogram, activity and directions (png, pdf, svg), or directions on the 360-degree video (mp4).

    Give a run, or a prepared folder and a recording, or single files.

    Args:
        run: run folder, or RUN@STEP; draw its test recordings into RUN/figures, and the first one with a video as mp4.
        prepared: prepared folder (with --run: its present place).
        recording: name of a recording of the prepared folder.
        predictions: folder of predicted csv files, with --prepared.
        audio: audio file of the recording.
        reference: its labels, in any format that `avseld-prep own` reads; of a sheet with a column `file`, its rows.
        prediction: the same.
        video: equirectangular video, for an mp4; by default the picture of an audio file that has one.
        boxes: boxes file of the video.
        classes: text file with one class name per line.
        format: foa, mic, binaural, stereo or mono; by default from the number of channels.
        video_offset: with --video, the second of the audio at which the video starts.
        video_yaw: with --video, the azimuth of the middle of its picture, degrees.
        out: file to write, png, pdf, svg or mp4; with --run, the folder.
        start: start of the drawn segment, seconds.
        stop: its end, seconds; by default the end of the recording.
        fps: frames per second of an mp4.
        width: pixels of an mp4.
        all: with --run, draw all test recordings, not only the first eight.
        style: one draws reference and prediction into the same panels; six side by side, with azimuth and elevation;
            xyz side by side, with x, y and z as in the figure of SELDnet (seven is another name of it).

    Raises:
        BadInput: files are missing or unusable, or options do not fit together.
    """
    if run is not None:
        _plot_run(from_run(run, prepared), out or beside(run, "figures"), start, stop, fps, width, all, style)
        return
    if out is None:
        raise BadInput("--out is missing; name the png or mp4 to write")
    if prepared is not None:
        if recording is None:
            raise BadInput(f"{prepared}: which of its recordings? name one with --recording")
        files = from_prepared(prepared, [recording], predictions)[0]
    elif audio is not None:
        names = read_class_list(classes) if classes else []
        picture = video or panorama_of(audio)
        files = RecordingFiles(
            audio.stem, audio, names, format, picture, boxes, reference, prediction, video_offset, video_yaw
        )
    else:
        raise BadInput("nothing to draw; give --run RUN, --prepared DIR --recording NAME, or --audio WAV")
    if audio is not None and video is not None and out.suffix.lower() != VIDEO_SUFFIX:
        log.warning("%s: a figure shows no video; write an mp4 to draw on the video", out)
    draw(files, out, start, stop, fps, width, style)
    log.info("%s", out)


def draw(
    files: RecordingFiles,
    out: Path,
    start: float = 0.0,
    stop: float | None = None,
    fps: float = 10.0,
    width: int = 960,
    style: str = "one",
) -> None:
    """Write one figure or one video overlay, depending on the suffix of `out`; arguments as for `plot`.

    Raises:
        BadInput: a file is missing or unusable, or another suffix.
    """
    suffix = out.suffix.lower()
    reference, prediction = files.load_events()
    if suffix == VIDEO_SUFFIX:
        if files.video is None:
            raise BadInput(
                f"{out}: {files.name} has no video to draw on; name one with --video, or write a png"
            )
        overlay(
            files.video, out, reference, prediction, files.load_boxes(), files.classes,
            files.audio, fps, width, files.format, start, stop, files.name,
            files.video_offset, files.video_yaw,
        )  # fmt: skip
    elif suffix in FIGURE_SUFFIXES:
        samples, sample_rate = read_sound(files.audio, files.format, files.channels)
        if style in SIDE_BY_SIDE:
            nothing = Events.empty()
            drawn = side_by_side(
                samples, sample_rate, reference or nothing, prediction or nothing, files.classes, start, stop,
                files.name, style,
            )  # fmt: skip
        else:
            drawn = figure(
                samples, sample_rate, reference, prediction, files.classes, start, stop, files.name
            )
        with replacing(out) as temporary:
            drawn.savefig(temporary)
    else:
        raise BadInput(
            f"{out}: '{suffix}' is none of {', '.join((*FIGURE_SUFFIXES, VIDEO_SUFFIX))}; choose another suffix"
        )


def _plot_run(
    recordings: list[RecordingFiles],
    folder: Path,
    start: float,
    stop: float | None,
    fps: float,
    width: int,
    all_recordings: bool,
    style: str,
) -> None:
    chosen = recordings if all_recordings else recordings[:N_FIGURES]
    for files in tqdm(chosen, desc="figures", disable=None, leave=False):
        draw(files, folder / f"{files.name}.png", start, stop, style=style)
    log.info("%d figures of %d test recordings in %s", len(chosen), len(recordings), folder)
    with_video = next((files for files in recordings if files.video and files.video.is_file()), None)
    if with_video is None:
        log.warning("no test recording has a video: no overlay")
        return
    target = folder / f"{with_video.name}.mp4"
    draw(with_video, target, start, stop, fps, width)
    log.info("overlay in %s", target)
