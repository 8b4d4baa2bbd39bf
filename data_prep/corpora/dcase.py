"""Prepare STARSS23 and the corpora of its layout: one csv row per source and frame of 100 ms.

Sources: STARSS23 (arXiv 2306.09126), STARSS22 (arXiv 2206.01948), TAU-NIGENS 2020 and 2021 (arXiv 2006.01919,
2106.06999) and the descriptions that come with them.
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint, replacing, require_folder, takes_paths, visible_files
from avseld.base.job_shards import read_shard
from avseld.base.locks import PREPARATION_WAIT_S, writes_alone_into
from avseld.io.boxes import Boxes, read_boxes, write_boxes
from avseld.io.classes import STARSS_CLASSES
from avseld.io.manifest import Recording
from avseld.io.suffixes import sounds_below
from avseld.io.unfolded import UNFOLDED_SUFFIX, read_unfolded, unfolded_beside
from data_prep.corpora.checksums import verify
from data_prep.corpora.maps import read_merged, report_merged, with_own_maps
from data_prep.corpora.one_class import merge_classes, one_class_list
from data_prep.corpora.prepared_folder import Share, boxes_path, check_place, write_prepared
from data_prep.corpora.recordings import (
    Findings,
    LabelRules,
    by_name,
    check_video,
    example,
    labels_of,
    with_duration,
)
from data_prep.corpora.video_place import place_videos
from data_prep.parts import key_of

log = logging.getLogger(__name__)

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
DatasetName = Literal[
    "starss23",
    "starss23_eval",
    "starss22",
    "stereo2025",
    "tau_nigens2021",
    "tau_nigens2020",
    "tau_nigens2020_eval",
]
"""keys of `DATASETS`"""
DEVELOPMENT = {"foa": "foa_dev", "mic": "mic_dev", "binaural": "binaural_dev", "stereo": "stereo_dev"}


@dataclass(frozen=True)
class Dataset:
    """Folders, classes and file names of a corpus."""

    classes: tuple[str, ...]
    audio: dict[str, str] = field(default_factory=lambda: dict(DEVELOPMENT))
    """format -> folder"""
    labels: str = "metadata_dev"
    videos: tuple[str, ...] = ("video_360x180_dev", "video_dev")
    """folders in order of preference; the last one holds the originals"""
    unfolded: str = "unfolded_dev"
    """folder of stereo labels before they were mirrored to the front, where they do not lie beside the labels"""
    boxes: str = "boxes_dev"
    """folder of the exact boxes that the scene generator writes"""
    maps: str = "labels_dev"
    """folder of the energy maps of the labels (DCASE2026), NAME_std.json"""
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


@takes_paths
@writes_alone_into("prepared", PREPARATION_WAIT_S)
def dcase(
    raw: Path,
    prepared: Path,
    dataset: DatasetName = "starss23",
    format: Literal["foa", "mic", "binaural", "stereo"] = "foa",
    folds: str = "",
    no_labels: bool = False,
    beyond: Literal["refuse", "drop"] = "refuse",
    one_class: str = "",
    video_offset: str | None = None,
    video_yaw: str | None = None,
    checksums: Path | None = None,
    shard: str | None = None,
) -> int:
    """Make a prepared folder from a corpus as it is unpacked; the corpus itself is only read.

    Everything is checked before anything is written. A second run writes the same files again and keeps folds, boxes,
    and offset and yaw of videos that the manifest has.

    Args:
        raw: the folder that holds foa_dev, metadata_dev, video_dev.
        prepared: the folder to write.
        dataset: layout and classes.
        format: format of the recordings.
        folds: only these, separated by commas (fold3,fold4); all if empty.
        no_labels: accept recordings without csv, as in an evaluation set.
        beyond: refuse or drop rows of a csv that begin after the end of the audio.
        one_class: merge all classes into one of this name (sound), to train a network that locates sounds of any
            kind.
        video_offset: second of the audio at which the video starts (0.7 if the camera started 0.7 s later); auto finds
            it by the camera's own sound track; or a csv with the columns file and video_offset.
        video_yaw: azimuth of the middle of the picture in the directions of the labels, degrees, positive to the left;
            or a csv with the columns file and video_yaw.
        checksums: published MD5 sums that the files are compared with: an index of soundata, the record of Zenodo as
            JSON, or the output of md5sum.
        shard: share of the recordings, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. The last one writes the manifest. See docs/clusters.md.

    Raises:
        BadInput: the first thing that is wrong; names file and remedy.
    """
    given, own_shard = locals(), read_shard(shard)
    corpus, findings = DATASETS[dataset], Findings(strict=True)
    classes = one_class_list(one_class) if one_class else corpus.classes
    check_place(prepared, raw, [*corpus.audio.values(), corpus.labels, *corpus.videos, corpus.boxes])
    recordings = find(raw, corpus, format, findings, no_labels)
    verify(raw, checksums)
    if folds:
        recordings = _of_folds(recordings, folds, raw)
    rules = LabelRules(len(corpus.classes), corpus.metres_per_unit, "polar", beyond)
    names = [recording.name for recording in recordings]
    recordings = own_shard.of(recordings, "recordings")
    recordings = [with_duration(recording, corpus.sample_rate) for recording in recordings]
    recordings = place_videos(recordings, prepared, video_offset, video_yaw, names)
    if one_class:  # maps name their classes
        recordings = [replace(recording, maps=None) for recording in recordings]
    labels, n_merged = {}, {}
    for recording in tqdm(recordings, "check", unit="recording"):
        check_video(recording, findings)
        if recording.maps:
            n_merged[recording.name] = read_merged(recording.maps, len(classes))[1]
        if recording.labels:
            events = labels_of(recording, rules)
            labels[recording.name] = merge_classes(events) if one_class else events
    _warn_about_sizes(recordings, raw, corpus)
    boxes = {recording.name: _boxes_of(recording, raw, corpus) for recording in recordings}
    for recording in recordings:
        _copy_boxes(recording, prepared, boxes[recording.name])
        if not one_class:
            _copy_unfolded(recording, prepared, raw, corpus)
    report_merged(sum(n_merged.values()))
    recordings = [
        with_own_maps(one, prepared, read_merged(one.maps, len(classes))[0])
        if one.maps and n_merged[one.name]
        else one
        for one in recordings
    ]
    write_prepared(
        prepared, recordings, labels, classes, Share(own_shard, names, key_of(dcase, given, names))
    )
    return 0


def find(
    raw: Path, corpus: Dataset, format: str, findings: Findings, no_labels: bool = False
) -> list[Recording]:
    """List the recordings of a corpus with their video, boxes and labels, paths as found.

    Args:
        raw: the folder that holds the corpus.
        corpus: its layout.
        format: format of the recordings.
        findings: receives names that do not fit, repeated names, missing csv files.
        no_labels: accept recordings without csv.

    Raises:
        BadInput: no such folder, or no recording in it.
    """
    if format not in corpus.audio:
        raise BadInput(f"format {format}: this corpus has {', '.join(corpus.audio)}; choose one of them")
    folder = raw / corpus.audio[format]
    require_folder(folder, "unpack the corpus there, or choose another --format or --dataset")
    sounds = by_name(sounds_below(folder, "unpack the corpus there"), findings)
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
        parts = matched.groupdict()
        recordings.append(
            Recording(
                name,
                audio,
                format,
                video=_first(raw / videos / below.with_suffix(".mp4") for videos in corpus.videos),
                boxes=_first([raw / corpus.boxes / below.with_suffix(".npz")]),
                labels=labels if labels.is_file() else None,
                maps=_first([(raw / corpus.maps / below).with_name(f"{name}_std.json")]),
                fold=parts.get("fold", ""),
                room=parts.get("room", ""),
            )
        )
    _note_leftovers(raw, corpus, set(sounds), findings)
    return recordings


def _first(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _note_leftovers(raw: Path, corpus: Dataset, names: set[str], findings: Findings) -> None:
    for folder, suffix in ((corpus.labels, ".csv"), (corpus.videos[-1], ".mp4")):
        files = visible_files(raw / folder, (suffix,))
        unpaired = {path.stem for path in files if not path.name.endswith(UNFOLDED_SUFFIX)} - names
        if unpaired:
            findings.warning(
                f"{raw / folder}: {len(unpaired)} files without audio ({example(unpaired)}); left out"
            )


def _of_folds(recordings: list[Recording], folds: str, raw: Path) -> list[Recording]:
    chosen = [word.strip() for word in folds.split(",") if word.strip()]
    existing = sorted({recording.fold for recording in recordings})
    for fold in chosen:
        if fold not in existing:
            raise BadInput(f"{raw}: no recording of {fold}; there are {', '.join(existing)}")
    return [recording for recording in recordings if recording.fold in chosen]


def _warn_about_sizes(recordings: list[Recording], raw: Path, corpus: Dataset) -> None:
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
    """Read the generator's boxes, made from the original video, and mark them as made from the manifest's video."""
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


def _copy_unfolded(recording: Recording, prepared: Path, raw: Path, corpus: Dataset) -> None:
    """Copy the labels before they were mirrored to the front: from beside the labels, or from the folder for them."""
    if recording.labels is None:
        return
    in_folder = raw / corpus.unfolded / recording.labels.relative_to(raw / corpus.labels)
    source = _first([unfolded_beside(recording.labels), in_folder])
    if source is None:
        return
    read_unfolded(source, len(corpus.classes))
    with replacing(prepared / "labels" / f"{recording.name}{UNFOLDED_SUFFIX}", keep_same=True) as temporary:
        temporary.write_bytes(source.read_bytes())


def _copy_boxes(recording: Recording, prepared: Path, boxes: Boxes | None) -> None:
    target = boxes_path(prepared, recording)
    if boxes is None or target is None:
        return
    # Boxes that a detector has made from this video in the meantime are kept.
    try:
        existing = read_boxes(target, recording.video)
    except BadInput:
        write_boxes(target, boxes)
        return
    same_detector = existing.about.get("detector") == boxes.about.get("detector")
    if same_detector and not existing.equals(boxes):
        write_boxes(target, boxes)
