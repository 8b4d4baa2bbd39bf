"""The command `plot`: a figure or an overlay of one recording, or the figures of a run."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import replacing, require_file, takes_paths
from avseld.io.array_file import read_array
from avseld.io.energy_maps import FRAME_S
from avseld.io.events import Events
from avseld.io.example import or_example
from avseld.io.feature_files import names_in, open_features, read_description
from avseld.io.manifest import read_class_list
from avseld.io.resampling import read_sound
from avseld.io.run_weights import beside
from avseld.io.video import open_panorama
from avseld.reporting.class_names import names_beside
from avseld.reporting.energy_maps import maps_beside, maps_figure
from avseld.reporting.feature_figures import feature_figure
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
    array: Path | None = None,
    video_offset: float = 0.0,
    video_yaw: float = 0.0,
    out: Path | None = None,
    start: float = 0.0,
    stop: float | None = None,
    fps: float = 10.0,
    width: int = 960,
    all: bool = False,
    style: Literal["one", "six", "xyz", "seven"] = "one",
    features: Path | None = None,
    maps: list[Path] | None = None,
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
        classes: with --audio, text file with one class name per line; by default those beside the prediction or the
            reference, as for `avseld view`.
        format: foa, mic, circular, binaural, stereo or mono; by default from the number of channels.
        array: with --audio, the array file that `avseld calibrate` wrote, as for `avseld predict`.
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
        features: folder that `avseld features` wrote: draw the maps of its recordings, or of --recording, below the
            events, into `out` or FOLDER/figures.
        maps: with --recording or --audio, files or folders of energy maps (DCASE2026), separated by commas: draw those
            of the moment --start over the 360-degree picture, a panel for each.

    Raises:
        BadInput: files are missing or unusable, or options do not fit together.
    """
    if array is not None and audio is None:
        raise BadInput(f"--array {array}: needs --audio, the sound of the recording")
    if features is not None:
        _plot_features(features, prepared, recording, reference, out, start, stop, all)
        return
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
        # Names of events are those of the classes that were predicted: too few for a reference.
        beside_them = (prediction, None) if reference is None else (None, reference)
        names = read_class_list(classes) if classes else names_beside(*beside_them)
        audio = or_example(audio)
        require_file(audio)
        picture = video or panorama_of(audio)
        setup = None if array is None else read_array(array)
        files = RecordingFiles(
            audio.stem, audio, names, format or (setup.output if setup else None), picture, boxes, reference,
            prediction, video_offset, video_yaw, setup,
        )  # fmt: skip
    else:
        raise BadInput("nothing to draw; give --run RUN, --prepared DIR --recording NAME, or --audio WAV")
    if audio is not None and video is not None and not maps and out.suffix.lower() != VIDEO_SUFFIX:
        log.warning("%s: a figure shows no video; write an mp4 to draw on the video", out)
    if maps:
        _draw_maps(files, maps, out, start, width)
    else:
        draw(files, out, start, stop, fps, width, style)
    log.info("%s", out)


def _draw_maps(files: RecordingFiles, maps: Sequence[Path], out: Path, start: float, width: int) -> None:
    """Draw the energy maps of a moment; arguments as for `plot`."""
    if out.suffix.lower() not in FIGURE_SUFFIXES:
        raise BadInput(f"--out {out}: energy maps of a moment are a picture; name a png, pdf or svg")
    background = None
    if files.video is not None:
        with open_panorama(files.video, width, files.video_offset, files.video_yaw) as source:
            background, _ = source.at(start)
    panels = {str(place): maps_beside(place, files.name) for place in maps}
    drawn = maps_figure(panels, int(start / FRAME_S + 1e-6), files.classes, background)
    with replacing(out) as temporary:
        drawn.savefig(temporary)


def _plot_features(
    folder: Path,
    prepared: Path | None,
    recording: str | None,
    reference: Path | None,
    out: Path | None,
    start: float,
    stop: float | None,
    all_recordings: bool,
) -> None:
    """Draw the features of one recording or of several; arguments as for `plot`."""
    description, mean, deviation = read_description(folder)
    there = names_in(folder, description)
    if not there:
        raise BadInput(f"{folder}: holds no features yet; run avseld features again")
    chosen = [recording] if recording else there if all_recordings else there[:N_FIGURES]
    one_file = recording is not None and out is not None and out.suffix.lower() in FIGURE_SUFFIXES
    home = out or folder / "figures"
    if not one_file and home.suffix.lower() in (*FIGURE_SUFFIXES, VIDEO_SUFFIX):
        raise BadInput(
            f"--out {home}: names one figure; choose its recording with --recording, or name a folder"
        )
    prepared = prepared or Path(description.prepared)
    for name in tqdm(chosen, desc="figures", disable=None, leave=False):
        files = _labels_beside(prepared, name, reference)
        with open_features(folder, name, description) as values:
            drawn = feature_figure(
                values,
                description,
                (mean, deviation),
                files.load_events()[0],
                files.classes,
                start,
                stop,
                name,
            )
        with replacing(home if one_file else home / f"{name}.png") as temporary:
            drawn.savefig(temporary)
    log.info("%s", home if one_file else f"{len(chosen)} figures of {len(there)} recordings in {home}")


def _labels_beside(prepared: Path, name: str, reference: Path | None) -> RecordingFiles:
    """Locate the labels of a recording whose features are drawn; none where there is no prepared folder any more."""
    if reference is None and not (prepared / "manifest.csv").is_file():
        log.warning("%s: not there, so no events are drawn; --prepared says where the labels are", prepared)
        return RecordingFiles(name, Path(), [])
    if reference is not None:
        return RecordingFiles(name, Path(), [], reference=reference)
    return from_prepared(prepared, [name], None)[0]


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
            files.video_offset, files.video_yaw, files.channels,
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
