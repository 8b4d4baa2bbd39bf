"""STARSS23 and the corpora of its layout (one csv row per source and 100 ms frame) to a prepared folder.

Sources: STARSS23 (arXiv 2306.09126), TAU-NIGENS 2020 and 2021 (arXiv 2006.01919, 2106.06999); folders,
columns and folds in `Sony audio-visual SELD` spec, A.2, and `DCASE baselines` spec, 1.2.
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint
from avseld.io.boxes import Boxes, read_boxes, write_boxes
from avseld.io.manifest import Recording
from data_prep.corpora.recordings import (
    Findings,
    LabelRules,
    boxes_path,
    by_name,
    check_video,
    example,
    labels_of,
    with_duration,
    write_prepared,
)
from data_prep.jobs import visible

log = logging.getLogger(__name__)

STARSS_CLASSES = (
    "female_speech",
    "male_speech",
    "clapping",
    "telephone",
    "laughter",
    "domestic_sounds",
    "footsteps",
    "door",
    "music",
    "musical_instrument",
    "water_tap",
    "bell",
    "knock",
)
NIGENS_2020_CLASSES = (
    "alarm",
    "crying_baby",
    "crash",
    "barking_dog",
    "running_engine",
    "female_scream",
    "female_speech",
    "burning_fire",
    "footsteps",
    "knock",
    "male_scream",
    "male_speech",
    "ringing_phone",
    "piano",
)
NIGENS_2021_CLASSES = tuple(
    name for name in NIGENS_2020_CLASSES if name not in ("running_engine", "burning_fire")
)
DEVELOPMENT = {"foa": "foa_dev", "mic": "mic_dev", "binaural": "binaural_dev", "stereo": "stereo_dev"}


@dataclass(frozen=True)
class Dataset:
    """Where a corpus keeps what, and what its file names say."""

    classes: tuple[str, ...]
    audio: dict[str, str] = field(default_factory=lambda: dict(DEVELOPMENT))
    """folder of each format"""
    labels: str = "metadata_dev"
    videos: tuple[str, ...] = ("video_360x180_dev", "video_dev")
    """folders in the order of preference; the last one holds the originals"""
    boxes: str = "boxes_dev"
    """exact boxes that a scene generator puts beside its videos"""
    name: str = r"(?P<fold>fold\d+)_(?P<room>room\d+)_mix\d+"
    metres_per_unit: float = 0.01
    sample_rate: int = 24000


DATASETS = {
    "starss23": Dataset(STARSS_CLASSES),
    "starss23_eval": Dataset(
        STARSS_CLASSES,
        audio={"foa": "foa_eval", "mic": "mic_eval"},
        labels="metadata_eval",
        videos=("video_360x180_eval", "video_eval"),
        boxes="boxes_eval",
        name=r"mix\d+",
    ),
    "starss22": Dataset(STARSS_CLASSES),
    "stereo2025": Dataset(
        STARSS_CLASSES,
        audio={"stereo": "stereo_dev"},
        videos=("video_dev",),
        name=r"(?P<fold>fold\d+)_(?P<room>room\d+)_.+",
    ),
    "tau_nigens2021": Dataset(NIGENS_2021_CLASSES),
    "tau_nigens2020_eval": Dataset(
        NIGENS_2020_CLASSES,
        audio={"foa": "foa_eval", "mic": "mic_eval"},
        labels="metadata_eval",
        name=r"mix\d+",
    ),
    "tau_nigens2020": Dataset(
        NIGENS_2020_CLASSES, name=r"(?P<fold>fold\d+)_(?P<room>room\d+)_mix\d+(_ov\d)?"
    ),
}


def dcase(
    raw: Path,
    prepared: Path,
    dataset: Literal[
        "starss23",
        "starss23_eval",
        "starss22",
        "stereo2025",
        "tau_nigens2021",
        "tau_nigens2020",
        "tau_nigens2020_eval",
    ] = "starss23",
    format: Literal["foa", "mic", "binaural", "stereo"] = "foa",
    folds: str = "",
    no_labels: bool = False,
    beyond: Literal["refuse", "drop"] = "refuse",
) -> int:
    """Make a prepared folder from a corpus as it is unpacked; the corpus itself is only read.

    Everything is checked before anything is written; a second run writes the same again.

    Args:
        raw: the folder that holds foa_dev, metadata_dev, video_dev.
        prepared: the folder to write.
        dataset: which layout and classes.
        format: which recordings to take.
        folds: only these, separated by commas (fold3,fold4); all if empty.
        no_labels: let recordings without csv pass, as in an evaluation set.
        beyond: whether rows of a csv after the end of the audio stop everything or are left out.

    Raises:
        BadInput: the first thing that is wrong; names file and remedy.
    """
    corpus, findings = DATASETS[dataset], Findings(strict=True)
    _check_places(raw, prepared, corpus)
    recordings = find(raw, corpus, format, findings, no_labels)
    if folds:
        recordings = _of_folds(recordings, folds, raw)
    rules = LabelRules(len(corpus.classes), corpus.metres_per_unit, "polar", beyond)
    checked, labels = [], {}
    for found in tqdm(recordings, "check", unit="recording"):
        recording = with_duration(found, corpus.sample_rate)
        check_video(recording, findings)
        if recording.labels:
            labels[recording.name] = labels_of(recording, rules)
        checked.append(recording)
    _tell_sizes(checked, raw, corpus)
    boxes = {recording.name: _boxes_of(recording, raw, corpus) for recording in checked}
    for recording in checked:
        _adopt_boxes(recording, prepared, boxes[recording.name])
    write_prepared(prepared, checked, labels, corpus.classes)
    return 0


def find(
    raw: Path, corpus: Dataset, format: str, findings: Findings, no_labels: bool = False
) -> list[Recording]:
    """List the recordings of a corpus with everything that belongs to them, paths as found.

    Args:
        raw: the folder that holds the corpus.
        corpus: its layout.
        format: which recordings to take.
        findings: gets names that do not fit, names that come twice, missing csv files.
        no_labels: let recordings without csv pass.

    Raises:
        BadInput: no such folder, or no recording in it.
    """
    if format not in corpus.audio:
        raise BadInput(f"format {format}: this corpus has {', '.join(corpus.audio)}; choose one of them")
    folder = raw / corpus.audio[format]
    if not folder.is_dir():
        raise BadInput(
            f"{folder}: not found; unpack the corpus there, or choose another --format or --dataset"
        )
    sounds = by_name(visible(folder, (".wav",)), findings)
    if not sounds:
        raise BadInput(f"{folder}: no wav file below it; unpack the corpus there")
    recordings = []
    for name, audio in sorted(sounds.items()):
        matched = re.fullmatch(corpus.name, name)
        if matched is None:
            findings.error(
                f"{audio}: the name does not say fold, room and mix (fold3_room21_mix013); rename it"
            )
            continue
        below = audio.relative_to(folder)
        labels = (raw / corpus.labels / below).with_suffix(".csv")
        if not labels.is_file() and not no_labels:
            findings.error(f"{labels}: not found; unpack the labels there, or give --no-labels")
        said = matched.groupdict()
        recordings.append(
            Recording(
                name,
                audio,
                format,
                video=_first(raw / videos / below.with_suffix(".mp4") for videos in corpus.videos),
                boxes=_first([raw / corpus.boxes / below.with_suffix(".npz")]),
                labels=labels if labels.is_file() else None,
                fold=said.get("fold", ""),
                room=said.get("room", ""),
            )
        )
    _note_leftovers(raw, corpus, set(sounds), findings)
    return recordings


def _first(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _note_leftovers(raw: Path, corpus: Dataset, names: set[str], findings: Findings) -> None:
    for folder, suffix in ((corpus.labels, ".csv"), (corpus.videos[-1], ".mp4")):
        lonely = {path.stem for path in visible(raw / folder, (suffix,))} - names
        if lonely:
            findings.warning(
                f"{raw / folder}: {len(lonely)} files without audio ({example(lonely)}); left out"
            )


def _check_places(raw: Path, prepared: Path, corpus: Dataset) -> None:
    inside = [*corpus.audio.values(), corpus.labels, *corpus.videos, corpus.boxes]
    taken = [raw.resolve()] + [(raw / folder).resolve() for folder in inside]
    goal = prepared.resolve()
    if goal in taken or any(folder in goal.parents for folder in taken[1:]):
        raise BadInput(
            f"{prepared}: lies in the corpus itself; choose another folder, such as {raw / 'prepared'}"
        )


def _of_folds(recordings: list[Recording], folds: str, raw: Path) -> list[Recording]:
    wanted = [word.strip() for word in folds.split(",") if word.strip()]
    there = sorted({recording.fold for recording in recordings})
    for fold in wanted:
        if fold not in there:
            raise BadInput(f"{raw}: no recording of {fold}; there are {', '.join(there)}")
    return [recording for recording in recordings if recording.fold in wanted]


def _tell_sizes(recordings: list[Recording], raw: Path, corpus: Dataset) -> None:
    large = [r.name for r in recordings if r.video and (raw / corpus.videos[0]) not in r.video.parents]
    if large and len(large) < sum(recording.video is not None for recording in recordings):
        log.warning(
            "%s: %d videos are not in %s (%s) and are taken from %s; avseld-prep resize makes them",
            raw,
            len(large),
            corpus.videos[0],
            example(large),
            corpus.videos[-1],
        )


def _boxes_of(recording: Recording, raw: Path, corpus: Dataset) -> Boxes | None:
    """The generator's boxes, which speak of the original video, marked as those of the manifest's video."""
    if recording.boxes is None or recording.video is None:
        return None
    boxes = read_boxes(recording.boxes)
    folder = raw / corpus.boxes
    original = (raw / corpus.videos[-1] / recording.boxes.relative_to(folder)).with_suffix(".mp4")
    marks = [fingerprint(path) for path in {original, recording.video} if path.is_file()]
    if boxes.about.get("video") not in (None, *marks):
        raise BadInput(
            f"{recording.boxes}: boxes of another video than {original}; remove or generate them anew"
        )
    return replace(boxes, about=boxes.about | {"video": fingerprint(recording.video)})


def _adopt_boxes(recording: Recording, prepared: Path, boxes: Boxes | None) -> None:
    target = boxes_path(prepared, recording)
    if boxes is None or target is None:
        return
    # Boxes that a detector has made of this very video since then are worth more than a copy made again.
    try:
        made = read_boxes(target, recording.video).about
    except BadInput:
        made = boxes.about
    if made.get("detector") == boxes.about.get("detector"):
        write_boxes(target, boxes)
