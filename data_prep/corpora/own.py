"""Prepare your own recordings: audio of any rate, and videos and labels of the same names."""

import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from avseld.base.engines import THREADS, Engine, read_engine
from avseld.base.errors import BadInput
from avseld.base.files import require_file, require_folder, takes_paths, visible_files
from avseld.base.job_shards import read_shard
from avseld.base.locks import PREPARATION_WAIT_S, writes_alone_into
from avseld.io.array_file import chosen_channels
from avseld.io.array_setup import ArraySetup
from avseld.io.channel_map import Channels, map_for_format
from avseld.io.frame_conventions import Angles, Distance, frame_conventions
from avseld.io.geometry import wrap
from avseld.io.label_files import find_labels
from avseld.io.labels import Coordinates
from avseld.io.manifest import Recording, read_class_list
from avseld.io.resampling import is_converted, sound_info
from avseld.io.suffixes import recordings_below
from avseld.io.video import VIDEOS
from data_prep.corpora.dcase import STARSS_CLASSES
from data_prep.corpora.prepared_folder import Share, write_prepared
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
from data_prep.jobs import FileJob, work_through
from data_prep.media.resample import is_resampled, resample_audio
from data_prep.parts import key_of

log = logging.getLogger(__name__)

NAME = re.compile(r"(?P<fold>fold\d+)_(?P<room>room[^_]+)_.+")


@takes_paths
@writes_alone_into("prepared", PREPARATION_WAIT_S)
def own(
    audio: Path,
    prepared: Path,
    format: Literal["foa", "mic", "binaural", "stereo", "mono"] = "foa",
    video: Path | None = None,
    labels: Path | None = None,
    classes: Path | None = None,
    fold_from: Literal["nothing", "folder", "name"] = "nothing",
    distance: Distance | None = None,
    coordinates: Coordinates = "auto",
    angles: Angles = "deg",
    first_frame: int = 0,
    sample_rate: int = 24000,
    channels: list[int | str] | None = None,
    array: Path | None = None,
    beyond: Literal["refuse", "drop"] = "refuse",
    video_offset: str | None = None,
    video_yaw: str | None = None,
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
) -> int:
    """Make a prepared folder from your own recordings; files of one recording share their name without suffix.

    Everything is checked before anything is written. A second run, after a label was corrected, keeps folds, boxes, and
    offset and yaw of videos that the manifest has.

    Args:
        audio: folder of sound files (wav, flac, w64, aif, caf, ogg, ...), searched with its subfolders; of videos with
            sound (mp4, mov, ...) where there are none: their sound is written into PREPARED/audio.
        prepared: the folder to write.
        format: foa (W Y Z X), mic, binaural, stereo or mono; of stereo files mono takes the mean.
        video: folder of mp4 files; recordings without one are counted.
        labels: folder with a csv (or tsv, xlsx, or txt of Audacity) for every recording, or one sheet for all with a
            column `file`: events (onset and offset, or start and end, or duration; class by name or index; azimuth,
            elevation) or frame csv of DCASE. An empty file has no events.
        classes: text file with one class a line; the 13 classes of STARSS23 if left out.
        fold_from: nothing; the subfolders of `audio` (FOLD/ROOM/NAME.wav or FOLD/NAME.wav); or names such as
            fold3_room21_mix013.
        distance: unit of the distances where no header names one; by default cm in frame csv files and m in sheets.
            Who gives it says that the sixth column of a frame csv without header is a distance.
        coordinates: six columns of a frame csv without header end with azimuth, elevation, distance (polar) or with
            x, y, z (cartesian); by default decided from the numbers of all files, and told.
        angles: unit of azimuth and elevation in frame csv files.
        first_frame: index of the frame that begins at 0 s, 0 or 1.
        sample_rate: Hz of the prepared audio; files of other rates are resampled into PREPARED/audio.
        channels: channels of the files to take, counted from 1, in the order of the format (1,2,3,4); or their names in
            the order of the files (W,X,Y,Z; R,L); or ambix, n3d or fuma, the first order of ambisonics of any order in
            that convention. Such files are written into PREPARED/audio.
        array: array file that `avseld calibrate` wrote, in place of --channels. Labels and videos are in the directions
            of the room (azimuth 0 in front); if microphones are turned, they are turned with them.
        beyond: refuse events after the end of the audio, or drop what is after it.
        video_offset: second of the audio at which the video starts (0.7 if the camera started 0.7 s later); auto finds
            it by the camera's own sound track; or a csv with the columns file and video_offset.
        video_yaw: azimuth of the middle of the picture in the directions of the labels, degrees, positive to the left;
            or a csv with the columns file and video_yaw.
        jobs: number of recordings resampled in parallel; 0 for one per core.
        shard: share of the recordings, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. The last one writes the manifest. See docs/clusters.md.
        engine: threads (the default), loky (processes) or dask:ADDRESS, the workers of a Dask cluster.

    Raises:
        BadInput: the first thing that is wrong; names file and remedy.
    """
    given, own_shard, workers = locals(), read_shard(shard), read_engine(engine, jobs)
    taken = chosen_channels(channels, array)
    setup = taken if isinstance(taken, ArraySetup) and taken.turns_events else None
    if setup is not None:
        _check_turned(setup, video, video_yaw, array)
    findings = Findings(strict=True)
    for folder in (audio, video, labels if labels is None or not labels.is_file() else None):
        _check_folder(folder, prepared)
    names = _classes(classes)
    sounds = by_name(recordings_below(audio, "check --audio"), findings)
    videos = by_name(visible_files(video, VIDEOS), findings) if video else {}
    _check_partners(sounds, videos, video, findings)
    tables = find_labels(labels, sounds) if labels else {}
    frames = frame_conventions(
        labels or audio, {file.path for file in tables.values()}, coordinates, distance, angles, first_frame
    )
    rules = LabelRules(
        len(names),
        frames.metres_per_unit,
        frames.coordinates,
        beyond,
        names,
        frames.degrees_per_unit,
        frames.first_frame,
        frames.sheet_metres_per_unit,
    )
    if labels:
        for name in (name for name in sounds if name not in tables):
            _refuse_absent_labels(labels, name)
    found, events = [], {}
    for name, path in own_shard.of(list(sounds.items()), "recordings"):
        fold, room = _fold_and_room(path.relative_to(audio), fold_from)
        one = Recording(name, path, format, videos.get(name), fold=fold, room=room)
        found.append(with_duration(one, sample_rate, resampled=True, channels=taken))
        if labels:
            read = labels_of(found[-1], rules, tables[name], findings.warning)
            events[name] = read if setup is None else setup.to_array(read)
    recordings = place_videos(found, prepared, video_offset, video_yaw, list(sounds))
    if setup is not None:
        recordings = [replace(one, video_yaw=float(wrap(one.video_yaw - setup.yaw))) for one in recordings]
    for recording in tqdm(recordings, "check", unit="recording"):
        check_video(recording, findings)
    recordings = resampled(recordings, prepared, sample_rate, taken, workers)
    share = Share(own_shard, list(sounds), key_of(own, given, list(sounds)))
    write_prepared(prepared, recordings, events, names, share)
    return 0


def _check_turned(setup: ArraySetup, video: Path | None, video_yaw: str | None, array: Path | None) -> None:
    """Say that directions are turned into those of an array; refuse videos that cannot be turned with them."""
    if video is not None and setup.is_tilted:
        raise BadInput(
            f"{array}: the array is tilted (pitch {setup.pitch:g}, roll {setup.roll:g}), and videos can be turned "
            "about the vertical only; set the array upright, or leave out --video"
        )
    if video is not None and video_yaw is None:
        raise BadInput(
            f"{array}: videos are turned with the array (yaw {setup.yaw:g}); give --video_yaw, the azimuth of the "
            "middle of the picture in the room (0 if the camera faces the front)"
        )
    log.info(
        "directions are turned into those of the microphones: azimuth 0 is where the array faces (yaw %g)",
        setup.yaw,
    )


def _refuse_absent_labels(labels: Path, name: str) -> None:
    if labels.is_dir():
        require_file(labels / f"{name}.csv", "give an empty file if there are no events")
    raise BadInput(f"{labels}: no row of {name}; a row with its file alone says that it has no events")


def resampled(
    recordings: list[Recording],
    prepared: Path,
    sample_rate: int,
    channels: Channels | None = None,
    engine: Engine = THREADS,
) -> list[Recording]:
    """Write audio of another rate, that channels are chosen of, that is lossy or in a video, into PREPARED/audio.

    What has to be written, and how, is said by `avseld.io.resampling`, as prediction reads recordings through it.

    Args:
        recordings: with their audio as found.
        prepared: the prepared folder.
        sample_rate: Hz.
        channels: see `own`.
        engine: does the work.

    Returns:
        The recordings, with the paths of written audio where it was written.

    Raises:
        BadInput: a file cannot be resampled; the reasons are logged.
    """
    rates = {recording.name: sound_info(recording.audio).sample_rate for recording in recordings}
    chosen = {
        recording.name: map_for_format(
            sound_info(recording.audio).channels, recording.format, channels, str(recording.audio)
        )
        for recording in recordings
    }
    due = {
        recording.name: FileJob(
            recording.audio,
            prepared / "audio" / f"{recording.name}.wav",
            (sample_rate, "float", channels, recording.format),
        )
        for recording in recordings
        if is_converted(recording.audio, sample_rate, chosen[recording.name])
    }
    if mixed := sum(each is not None and each.mean for each in chosen.values()):
        log.info("%d of %d recordings are stereo; their mean is taken as mono", mixed, len(recordings))
    if not due:
        return recordings
    if others := ", ".join(map(str, sorted(set(rates.values()) - {sample_rate}))):
        n_others = sum(rate != sample_rate for rate in rates.values())
        what = f"are resampled from {others} to {sample_rate} Hz"
        log.info("%d of %d recordings %s, into %s", n_others, len(recordings), what, prepared / "audio")
    if work_through(list(due.values()), resample_audio, is_resampled, "resample", engine, alone=True):
        raise BadInput(f"{prepared}: not all audio could be resampled; see above")
    return [
        replace(recording, audio=due[recording.name].target) if recording.name in due else recording
        for recording in recordings
    ]


def _check_folder(folder: Path | None, prepared: Path) -> None:
    if folder is None:
        return
    require_folder(folder)
    target = prepared.resolve()
    if folder.resolve() in (target, *target.parents):
        raise BadInput(f"{prepared}: lies in {folder}; choose a folder beside your files")


def _classes(path: Path | None) -> tuple[str, ...]:
    return STARSS_CLASSES if path is None else tuple(read_class_list(path))


def _check_partners(
    sounds: dict[str, Path], videos: dict[str, Path], folder: Path | None, findings: Findings
) -> None:
    if folder is None:
        return
    if not videos.keys() & sounds.keys():
        raise BadInput(
            f"{folder}: no video has the name of a recording (audio: {example(sounds.keys())}; "
            f"video: {example(videos.keys()) or 'none'}); rename them"
        )
    if unpaired := videos.keys() - sounds.keys():
        findings.warning(f"{folder}: {len(unpaired)} videos without audio ({example(unpaired)}); left out")


def _fold_and_room(path: Path, fold_from: str) -> tuple[str, str]:
    if fold_from == "nothing":
        return "", ""
    if fold_from == "folder":
        folders = path.parts[:-1]
        if not folders:
            raise BadInput(f"{path}: lies in no subfolder that could name its fold; give --fold-from nothing")
        return folders[0], folders[1] if len(folders) > 1 else ""
    match = NAME.fullmatch(path.stem)
    if match is None:
        raise BadInput(f"{path}: the name does not say fold and room (fold3_room21_mix013); rename it")
    return match["fold"], match["room"]
