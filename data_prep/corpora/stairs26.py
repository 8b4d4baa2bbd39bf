"""Prepare STAIRS26, the development set of DCASE2026 Task 3: recordings of 32 capsules and energy maps.

Of the 32 channels, four are taken: capsules 6, 10, 26 and 22, which are the microphones of STARSS23, and the channels
that the evaluation set has (docs/sources.md, DCASE2026). Video and annotated directions are those of STARSS23: its
video_dev and metadata_dev may be unpacked beside.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from avseld.base.engines import THREADS, Engine, read_engine
from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.base.job_shards import read_shard
from avseld.base.locks import PREPARATION_WAIT_S, writes_alone_into
from avseld.directions.eigenmike import N_CAPSULES, TETRAHEDRON
from avseld.io.audio import audio_info
from avseld.io.channel_map import MONO_REMEDY
from avseld.io.classes import STARSS_CLASSES
from avseld.io.energy_maps import EnergyMap, files_of
from avseld.io.label_maps import events_of
from avseld.io.manifest import Recording
from data_prep.corpora.checksums import verify
from data_prep.corpora.dcase import Dataset, find
from data_prep.corpora.maps import read_merged, report_merged, with_own_maps
from data_prep.corpora.prepared_folder import Share, check_place, write_prepared
from data_prep.corpora.recordings import Findings, LabelRules, check_video, labels_of, with_duration
from data_prep.corpora.video_place import place_videos
from data_prep.jobs import FileJob, work_through
from data_prep.media.resample import resample_audio
from data_prep.parts import key_of

log = logging.getLogger(__name__)

STAIRS26 = Dataset(STARSS_CLASSES, audio={"mic": "eigen_dev"})
MAPS = STAIRS26.maps
CAPSULES = tuple(number + 1 for number in TETRAHEDRON)
"""channels of the Eigenmike, counted from 1, in the order of STARSS23's microphones: 6, 10, 26, 22"""
LABEL_RULES = LabelRules(len(STARSS_CLASSES), STAIRS26.metres_per_unit, "polar")


@takes_paths
@writes_alone_into("prepared", PREPARATION_WAIT_S)
def stairs26(
    raw: Path,
    prepared: Path,
    no_labels: bool = False,
    checksums: Path | None = None,
    jobs: int = 0,
    engine: str | None = None,
    shard: str | None = None,
) -> int:
    """Make a prepared folder from STAIRS26 (DCASE2026 Task 3): four of 32 channels, energy maps, labels.

    The corpus is only read. Maps that its generator wrote twice, as it does for sounds over the seam of the panorama,
    are merged; the log says how many. Labels are those of STARSS23 where metadata_dev lies beside; without, their
    directions are the centres of the maps.

    Args:
        raw: the folder that holds eigen_dev and labels_dev (NAME_std.json), and of STARSS23 metadata_dev and
            video_dev, if they are there.
        prepared: the folder to write.
        no_labels: accept recordings without maps and csv.
        checksums: published MD5 sums: the record of Zenodo as JSON, or the output of md5sum.
        jobs: number of recordings read in parallel; 0 for one per core.
        engine: threads (the default), loky (processes) or dask:ADDRESS, the workers of a Dask cluster.
        shard: share of the recordings, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. The last one writes the manifest. See docs/clusters.md.

    Returns:
        0 if all went well, 1 if the channels of a recording could not be taken.

    Raises:
        BadInput: the first thing that is wrong; names file and remedy.
    """
    given, own_shard, workers = locals(), read_shard(shard), read_engine(engine, jobs)
    findings = Findings(strict=True)
    check_place(prepared, raw, [*STAIRS26.audio.values(), STAIRS26.labels, MAPS, *STAIRS26.videos])
    maps = files_of(raw / MAPS) if (raw / MAPS).is_dir() else {}
    found = find(raw, STAIRS26, "mic", findings, no_labels=True)
    recordings = [replace(recording, maps=maps.get(recording.name)) for recording in found]
    verify(raw, checksums)
    names = [recording.name for recording in recordings]
    recordings = own_shard.of(recordings, "recordings")
    for recording in recordings:
        check_channels(recording.audio)
        if not no_labels and recording.maps is None:
            raise BadInput(
                f"{raw / MAPS}: no {recording.name}_std.json; unpack labels_dev.zip there, or give --no-labels"
            )
    recordings, failures = take_capsules(recordings, prepared, workers)
    if failures:
        return 1
    recordings = place_videos(recordings, prepared, names=names)
    entries, labels, n_merged = [], {}, 0
    for recording in tqdm(recordings, "maps", unit="recording"):
        check_video(recording, findings)
        kept: list[EnergyMap] = []
        if recording.maps:
            kept, merged = read_merged(recording.maps, len(STARSS_CLASSES))
            n_merged += merged
            entries.append(with_own_maps(recording, prepared, kept) if merged else recording)
        else:
            entries.append(recording)
        if recording.labels:
            labels[recording.name] = labels_of(recording, LABEL_RULES)
        elif recording.maps:
            labels[recording.name] = events_of(kept)
    report_merged(n_merged)
    _report_derived(entries)
    write_prepared(
        prepared, entries, labels, STARSS_CLASSES, Share(own_shard, names, key_of(stairs26, given, names))
    )
    return 0


def check_channels(path: Path) -> None:
    """Refuse a recording that has not the 32 channels at 24 kHz.

    Raises:
        BadInput: names the file, and what may have changed it.
    """
    info = audio_info(path, sample_rate=STAIRS26.sample_rate)
    if info.channels == N_CAPSULES:
        return
    why = "take the files of 32ch_audio_dev.zip themselves"
    if info.channels == 1:
        why = f"{MONO_REMEDY}; {why}"
    elif info.channels == len(CAPSULES):
        why = f"{why}; four channels of the array are prepared by avseld-prep dcase --format mic, or avseld-prep own"
    raise BadInput(f"{path}: {info.channels} channels instead of {N_CAPSULES}; {why}")


def take_capsules(
    recordings: Sequence[Recording], prepared: Path, engine: Engine = THREADS
) -> tuple[list[Recording], int]:
    """Write the four channels of each recording into the prepared folder; existing files of the right form are kept.

    Args:
        recordings: with their audio of 32 channels.
        prepared: folder for audio/NAME.wav.
        engine: does the work.

    Returns:
        The recordings with their new audio and its duration, and the number of failures.
    """
    due = [FileJob(one.audio, prepared / "audio" / f"{one.name}.wav") for one in recordings]
    work = partial(
        resample_audio, sample_rate=STAIRS26.sample_rate, subtype="keep", channels=CAPSULES, format="mic"
    )
    failures = work_through(due, work, _is_taken, "capsules", engine, alone=True)
    if failures:
        return [], failures
    made = [replace(one, audio=job.target) for one, job in zip(recordings, due, strict=True)]
    return [with_duration(one, STAIRS26.sample_rate) for one in made], 0


def _is_taken(job: FileJob) -> bool:
    try:
        return (
            audio_info(job.target, "mic", STAIRS26.sample_rate).n_samples == audio_info(job.source).n_samples
        )
    except BadInput:
        return False


def _report_derived(entries: Sequence[Recording]) -> None:
    if derived := [one.name for one in entries if one.maps and not one.labels]:
        log.info(
            "%d recordings have no csv (%s): the directions of their labels are the centres of their energy maps; "
            "unpack metadata_dev of STARSS23 beside for the annotated ones",
            len(derived), derived[0],
        )  # fmt: skip
