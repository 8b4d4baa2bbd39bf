"""The command `view`: one self-contained HTML file with recordings, their directions over time and their sound."""

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from PIL import Image
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import replacing, takes_paths
from avseld.io.array_file import read_array
from avseld.io.boxes import Boxes, people
from avseld.io.events import ARRAYS, Events
from avseld.io.example import or_example
from avseld.io.geometry import wrap
from avseld.io.manifest import read_class_list
from avseld.io.resampling import sound_info
from avseld.io.run_weights import beside
from avseld.io.video import open_panorama
from avseld.reporting.class_names import names_beside
from avseld.reporting.colours import COLOURS, colour
from avseld.reporting.downmix import stereo_blocks
from avseld.reporting.energy_maps import maps_beside, page_maps
from avseld.reporting.page import data_text, page_template
from avseld.reporting.recording_files import RecordingFiles, from_prepared, from_run, panorama_of
from avseld.reporting.tracks import clip_events

log = logging.getLogger(__name__)

MP3_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
FALLBACK_RATE_HZ = 24000
"""for recordings whose rate MP3 does not support"""
SHORTEST_STEP_S = 0.01
"""between frames of the video; no video has more"""
STILL_WIDTH = 512
"""pixels"""
DECIMALS = {"onset": 3, "offset": 3, "azimuth": 1, "elevation": 1, "distance": 2, "onscreen": 0}


@takes_paths
def view(
    run: Path | None = None,
    prepared: Path | None = None,
    recordings: list[str] | None = None,
    predictions: Path | None = None,
    out: Path | None = None,
    first: int = 5,
    seconds: float = 60.0,
    picture_every: float = 1.0,
    metres_per_unit: float | None = None,
    audio: Path | None = None,
    video: Path | None = None,
    prediction: Path | None = None,
    reference: Path | None = None,
    classes: Path | None = None,
    video_offset: float = 0.0,
    video_yaw: float = 0.0,
    array: Path | None = None,
    maps: Path | None = None,
) -> None:
    """Write an HTML file that shows and plays recordings with reference and prediction, without network access.

    Args:
        run: run folder, or RUN@STEP; show its test recordings.
        prepared: prepared folder (with --run: its present place).
        recordings: folds, rooms or names to show.
        predictions: folder of predicted csv files, with --prepared.
        out: the HTML file; with --run by default RUN/view.html.
        first: largest number of recordings.
        seconds: length shown of each, from its beginning.
        picture_every: seconds between frames of the video; 0 for none.
        metres_per_unit: unit of the distances in the predictions, 0.01 for centimetres, 1 for metres; by default
            metres in Cartesian files, as avseld predict writes them, else centimetres.
        audio: one sound file instead of a run or a prepared folder; the HTML file is by default NAME.html beside its
            prediction, or in the current folder.
        video: with --audio, its 360-degree video; by default the picture of a file that has one.
        prediction: with --audio, csv as avseld predict writes it.
        reference: with --audio, its labels in any format that `avseld-prep own` reads.
        classes: with --audio, text file with one class name per line; by default those of the prediction's folder, of
            the labels' prepared folder, or of the NAME.events.csv beside the prediction.
        video_offset: with --video, the second of the audio at which it starts.
        video_yaw: with --video, the azimuth of the middle of its picture, degrees.
        array: with --audio, the array file that `avseld calibrate` wrote, as for `avseld predict`.
        maps: energy maps of DCASE2026 to lay over the picture: a folder of NAME.json or NAME_std.json, or one file.

    Raises:
        BadInput: files are missing or unusable, or options do not fit together.
    """
    if array is not None and audio is None:
        raise BadInput(f"--array {array}: needs --audio, the sound of the recording")
    if audio is not None:
        names = read_class_list(classes) if classes else names_beside(prediction, reference)
        if not names:
            log.info("classes are shown as numbers; --classes FILE names them, one a line")
        audio = or_example(audio)
        picture = video or panorama_of(audio)
        setup = None if array is None else read_array(array)
        chosen_files = [
            RecordingFiles(
                audio.stem, audio, names, setup.output if setup else None, picture, None, reference, prediction,
                video_offset, video_yaw, setup,
            )
        ]  # fmt: skip
        out = out or (prediction.parent if prediction else Path()) / f"{audio.stem}.html"
    elif run is not None:
        chosen_files, out = from_run(run, prepared, recordings), out or Path(f"{beside(run, 'view')}.html")
    elif prepared is not None:
        chosen_files = from_prepared(prepared, recordings, predictions)
    else:
        raise BadInput("nothing to view; give --run RUN, --prepared DIR or --audio FILE")
    if out is None:
        raise BadInput("--out is missing; name the html file to write")
    if not chosen_files:
        raise BadInput(f"{prepared}: no recording in its manifest; make it anew with avseld-prep")
    chosen_files = [replace(files, maps=maps) for files in chosen_files]
    write_view(out, chosen_files, first, seconds, picture_every, metres_per_unit)


def write_view(
    out: Path,
    recordings: Sequence[RecordingFiles],
    first: int = 5,
    seconds: float = 60.0,
    picture_every: float = 1.0,
    metres_per_unit: float | None = None,
) -> None:
    """Write the page of some recordings; arguments as for `view`.

    Args:
        out: the HTML file.
        recordings: their files; the classes are those of the first.
        first: largest number of recordings.
        seconds: length shown of each.
        picture_every: seconds between frames of the video; 0 for none.
        metres_per_unit: unit of the distances in the predictions.

    Raises:
        BadInput: a file is missing or unusable, or a number is too small.
    """
    if first < 1 or not seconds > 0 or picture_every < 0:
        raise BadInput(
            f"--first {first}, --seconds {seconds:g}, --picture_every {picture_every:g}: too small"
        )
    if 0 < picture_every < SHORTEST_STEP_S:
        raise BadInput(
            f"--picture_every {picture_every:g}: give {SHORTEST_STEP_S:g} s or more between frames, or 0 for no video"
        )
    shown = [
        _recording(files, seconds, picture_every, metres_per_unit)
        for files in tqdm(recordings[:first], desc="recordings", disable=None, leave=False)
    ]
    write_page(out, recordings[0].classes, shown)
    left_out = f", {len(recordings) - first} left out (--first)" if len(recordings) > first else ""
    log.info("%s: %d recordings%s, %.1f MB", out, len(shown), left_out, out.stat().st_size / 1e6)


def write_page(out: Path, classes: list[str], recordings: list[dict[str, Any]]) -> None:
    """Insert data into the page template and write it.

    Args:
        out: the HTML file.
        classes: class names by index.
        recordings: one dictionary each, as the script of the page reads it.
    """
    n_colours = max(len(classes), len(COLOURS), *(1 + max(_labels(r), default=0) for r in recordings))
    data = {
        "classes": classes,
        "colours": [colour(label) for label in range(n_colours)],
        "recordings": recordings,
    }
    page = page_template("viewer").replace("@DATA@", data_text(data))
    with replacing(out) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def _recording(
    files: RecordingFiles, seconds: float, picture_every: float, metres_per_unit: float | None
) -> dict[str, Any]:
    duration = sound_info(files.audio).duration
    stop = min(seconds, duration)
    reference, prediction = files.load_events(metres_per_unit)
    boxes = files.load_boxes()
    video = files.video if files.video and picture_every else None
    return {
        "name": files.name,
        "duration": round(stop, 3),
        "prompt": files.prompt,
        "note": f"the first {stop:g} of {duration:.1f} s" if stop < duration else "",
        "audio": _sound(files, stop),
        "stills": {
            "step": picture_every or 1.0,
            "images": _stills(files, stop, picture_every) if video else [],
        },
        "reference": None if reference is None else _table(clip_events(reference, 0.0, stop)),
        "prediction": None if prediction is None else _table(clip_events(prediction, 0.0, stop)),
        "boxes": None if boxes is None else _boxes(boxes, stop),
        "maps": None if files.maps is None else page_maps(maps_beside(files.maps, files.name), stop),
    }


def _sound(files: RecordingFiles, stop: float) -> str:
    blocks, sample_rate = stereo_blocks(files.audio, files.format, 0.0, stop, files.channels)
    samples = np.concatenate(list(blocks))
    if sample_rate not in MP3_RATES_HZ:
        samples, sample_rate = soxr.resample(samples, sample_rate, FALLBACK_RATE_HZ), FALLBACK_RATE_HZ
    file = io.BytesIO()
    # Constant bit rate, so that browsers can seek; 0 is the best quality and 1 the smallest file.
    soundfile.write(file, samples, sample_rate, format="MP3", bitrate_mode="CONSTANT", compression_level=0.6)
    return "data:audio/mpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _stills(files: RecordingFiles, stop: float, every: float) -> list[str]:
    assert files.video is not None
    stills = []
    with open_panorama(files.video, STILL_WIDTH, files.video_offset, files.video_yaw) as source:
        for time in np.arange(0.0, stop, every):
            frame, ended = source.at(float(time))
            if ended is not None:
                break
            file = io.BytesIO()
            Image.fromarray(frame).save(file, "JPEG", quality=60)
            stills.append("data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode())
    return stills


def _table(events: Events) -> dict[str, list[float | int | None]]:
    events = replace(events, azimuth=wrap(events.azimuth))
    return {name: [_number(value, DECIMALS.get(name)) for value in getattr(events, name)] for name in ARRAYS}


def _number(value: float, decimals: int | None) -> float | int | None:
    if decimals is None:
        return int(value)
    return None if np.isnan(value) else round(float(value), decimals)


def _boxes(boxes: Boxes, stop: float) -> dict[str, list[Any]]:
    rows = boxes.time < stop
    person_boxes = people(boxes)[rows]
    time = [round(float(time), 3) for time in boxes.time[rows]]
    box = [[[round(float(x), 4) for x in box] for box in row if box.any()] for row in person_boxes]
    late = bool(time) and time[0] > 0  # the script shows the first row before its time, too
    return {"time": [0.0] * late + time, "box": [[]] * late + box}


def _labels(recording: dict[str, Any]) -> list[int]:
    return [
        label for kind in ("reference", "prediction") for label in (recording[kind] or {}).get("label", [])
    ]
