"""Check a raw corpus or a prepared folder: every finding on one line, nothing is changed."""

import logging
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from tqdm import tqdm

from avseld.base.archive import is_file
from avseld.base.errors import BadInput
from avseld.base.files import fingerprint, takes_paths
from avseld.base.next_step import beside, tell_next
from avseld.base.rates import LABEL_HOP
from avseld.io.alignment import boxes_of
from avseld.io.boxes import read_boxes
from avseld.io.cut_off import decode_sound
from avseld.io.cut_off_video import decode_video
from avseld.io.manifest import Recording, read_classes, read_manifest
from avseld.io.suffixes import SOUNDS
from data_prep.check import mirrored
from data_prep.check.classes import ClassCounts
from data_prep.check.directions import Directions, Report
from data_prep.check.video_agreement import agreement, warnings_of
from data_prep.corpora.dcase import DATASETS, Dataset, DatasetName, find
from data_prep.corpora.recordings import (
    LabelRules,
    check_video,
    example,
    labels_of,
    with_duration,
)

log = logging.getLogger(__name__)

CONFIGS = {"foa": "av_foa", "mic": "av_mic", "binaural": "av_bin"}
"""recipe to begin with, by channel format"""


@takes_paths
def check(
    folder: Path,
    dataset: DatasetName = "starss23",
    sample_rate: int = 24000,
    whole: bool = False,
) -> int:
    """Check a raw or a prepared folder and print one finding a line to standard output.

    Args:
        folder: a prepared folder (it holds manifest.csv), or a raw corpus.
        dataset: the layout of a raw corpus.
        sample_rate: Hz that all audio must have.
        whole: decode all sound and video, which finds damage in the middle of a file, and takes long.

    Returns:
        1 if there is an error, 0 if there are at most warnings.

    Raises:
        BadInput: the folder is neither of the two.
    """
    report = Report(strict=False)
    if (folder / "manifest.csv").is_file():
        _check_prepared(folder, sample_rate, whole, report)
    elif any((folder / audio).is_dir() for audio in DATASETS[dataset].audio.values()):
        _check_raw(folder, DATASETS[dataset], sample_rate, whole, report)
    else:
        raise BadInput(
            f"{folder}: holds neither manifest.csv nor {', '.join(DATASETS[dataset].audio.values())}; "
            "check the path, or name another --dataset"
        )
    for kind, lines in (("error", report.errors), ("warning", report.warnings), ("", report.notes)):
        for line in lines:
            sys.stdout.write(f"{kind}: {line}\n" if kind else f"{line}\n")
    sys.stdout.write(f"{len(report.errors)} errors, {len(report.warnings)} warnings\n")
    if (folder / "manifest.csv").is_file() and not report.errors:
        _tell_next(folder)
    return int(bool(report.errors))


def _tell_next(prepared: Path) -> None:
    """Log how to split a folder without folds, or to train on one with folds; nothing without labels."""
    recordings = read_manifest(prepared)
    folds = {one.fold for one in recordings if one.fold}
    config = CONFIGS.get(recordings[0].format) if recordings else None
    if not any(one.labels for one in recordings):
        return
    if not folds and len(recordings) > 2:
        parts = "train=0.7,validate=0.15,test=0.15"
        tell_next("avseld-prep", "split", "--prepared", prepared, "--parts", parts)
    elif config and len(folds) > 1:
        video = () if any(one.video for one in recordings) else ("--data.video", "blank")
        words = ("--config", config, "--data.prepared", prepared, *video, "--out", beside(prepared, "run"))
        tell_next("avseld", "train", *words)


def _check_prepared(folder: Path, sample_rate: int, whole: bool, report: Report) -> None:
    recordings, classes = [], []
    with report.noting():
        classes = read_classes(folder)
    with report.noting():
        recordings = read_manifest(folder)
    rules = LabelRules(len(classes), classes=tuple(classes)) if classes else LabelRules(sys.maxsize)
    counts = ClassCounts(len(classes))
    _check_all(recordings, rules, sample_rate, report, counts, prepared=True, whole=whole)
    report.notes += counts.lines(classes) if any(recording.labels for recording in recordings) else []
    _check_leaks(recordings, report)
    missing = {recording.name for recording in recordings if recording.boxes and not is_file(recording.boxes)}
    if missing:
        report.warning(
            f"{folder}: {len(missing)} boxes files not made yet ({example(missing)}); run avseld-detect boxes"
        )


def _check_raw(folder: Path, corpus: Dataset, sample_rate: int, whole: bool, report: Report) -> None:
    rules = LabelRules(len(corpus.classes), corpus.metres_per_unit, "polar")
    counts = None
    for format, audio in corpus.audio.items():
        if (folder / audio).is_dir():
            found: list[Recording] = []
            with report.noting():
                found = find(folder, corpus, format, report)
            # Both formats of a corpus share their labels.
            counts = ClassCounts(len(corpus.classes))
            _check_all(found, rules, sample_rate, report, counts, prepared=False, whole=whole)
            _check_leaks(found, report)
    report.notes += counts.lines(corpus.classes) if counts else []
    _unique(report)


def _check_all(
    recordings: Sequence[Recording],
    rules: LabelRules,
    sample_rate: int,
    report: Report,
    counts: ClassCounts,
    prepared: bool,
    whole: bool,
) -> None:
    # In a raw corpus the boxes are of the original video; the preparation compares them with it.
    directions, agreements, alone = Directions(), [], []
    for listed in tqdm(recordings, "check", unit="recording"):
        recording, readable, boxes = listed, False, None
        with report.noting():
            recording, readable = with_duration(listed, sample_rate, warn=report.warning), True
            if prepared and abs(listed.duration - recording.duration) > 1e-3:
                report.error(
                    f"{recording.audio}: lasts {recording.duration:.6g} s, the manifest says "
                    f"{listed.duration:.6g}; make the prepared folder anew"
                )
        with report.noting():
            if readable:
                directions.add_sound(recording)
        with report.noting():
            check_video(recording, report)
        for read_through in (_decode_sound, _decode_video) if whole else ():
            with report.noting():
                read_through(recording)
        with report.noting():
            if prepared:
                boxes = boxes_of(recording)
            elif recording.boxes and recording.boxes.is_file():
                read_boxes(recording.boxes)
        with report.noting():
            known = recording if readable else replace(recording, duration=math.inf)
            events = labels_of(known, rules, warn=report.warning)
            counts.add(events)
            if boxes is not None and len(events):
                agreements.append(
                    agreement(recording.name, events, boxes, recording.video_offset, recording.video_yaw)
                )
                alone.append(mirrored.measure(events, boxes, rules.classes))
            if readable and len(events):
                directions.add(recording, events)
    directions.report(report)
    report.warnings += warnings_of(agreements)
    if turned := mirrored.warning_of(alone, rules.classes):
        report.warning(turned)
    _report_contents(recordings, report)


def _decode_sound(recording: Recording) -> None:
    if is_file(recording.audio) and recording.audio.suffix.lower() in SOUNDS:
        decode_sound(recording.audio)


def _decode_video(recording: Recording) -> None:
    if recording.video is not None and recording.video.is_file():
        decode_video(recording.video)


def _report_contents(recordings: Sequence[Recording], report: Report) -> None:
    with_video = sum(recording.video is not None for recording in recordings)
    with_labels = sum(recording.labels is not None for recording in recordings)
    formats = ", ".join(sorted({recording.format for recording in recordings}))
    report.notes.append(
        f"{len(recordings)} recordings ({formats}), {with_video} with video, {with_labels} with labels"
    )


def _check_leaks(recordings: Sequence[Recording], report: Report) -> None:
    rooms = defaultdict(set)
    for recording in recordings:
        if recording.room:
            rooms[recording.room].add(recording.fold)
    for room, folds in sorted(rooms.items()):
        if len(folds) > 1:
            report.warning(
                f"{room} is in {' and '.join(sorted(folds))}; if it is one place, scores on it are flattered"
            )
    kinds: tuple[tuple[str, Callable[[Recording], Path | None]], ...] = (
        ("audio", lambda recording: recording.audio),
        ("video", lambda recording: recording.video),
    )
    for what, path_of in kinds:
        same = defaultdict(list)
        for recording in recordings:
            path = path_of(recording)
            if path and path.is_file():
                same[fingerprint(path)].append(recording)
        for copies in same.values():
            if what == "audio" or _see_the_same(copies):
                _report_copies(what, copies, report)


def _see_the_same(recordings: Sequence[Recording]) -> bool:
    """Return whether two recordings with one video have a moment of it in common, as sections by time have not."""
    seen = sorted((-one.video_offset, (one.duration or math.inf) - one.video_offset) for one in recordings)
    return any(before[1] > after[0] + LABEL_HOP for before, after in pairwise(seen))


def _report_copies(what: str, copies: list[Recording], report: Report) -> None:
    if len(copies) < 2:
        return
    names = ", ".join(sorted(recording.name for recording in copies))
    if len({recording.fold for recording in copies}) > 1:
        report.error(f"{names}: the same {what} in different folds; remove all but one, else scores are void")
    else:
        report.warning(f"{names}: the same {what}; remove all but one")


def _unique(report: Report) -> None:
    # Both formats of a corpus share labels and videos, whose findings would be listed twice.
    report.errors[:] = list(dict.fromkeys(report.errors))
    report.warnings[:] = list(dict.fromkeys(report.warnings))
