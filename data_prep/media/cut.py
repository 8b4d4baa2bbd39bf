"""Cut long recordings into clips: audio in every format, video and labels of a recording together."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from avseld.base.engines import read_engine
from avseld.base.errors import BadInput
from avseld.base.files import require_folder, takes_paths, visible_files
from avseld.base.job_shards import read_shard
from avseld.base.locks import writes_alone_into
from avseld.base.next_step import beside, tell_next
from avseld.base.rates import LABEL_HOP
from avseld.io.audio import audio_info
from avseld.io.cut_off import cut_off_sound
from avseld.io.dcase_csv import Coordinates
from avseld.io.formats import FORMATS_BY_CHANNELS
from avseld.io.manifest import Recording
from avseld.io.suffixes import LOSSY, SOUNDS, none_below
from avseld.io.video import VIDEOS, video_info
from data_prep.clip_list import ListedClip, joined_files, read_clip_list
from data_prep.corpora.video_place import place_videos
from data_prep.jobs import FileJob, work_through
from data_prep.media.clip_table import PLACES, remove_other_sections, write_places
from data_prep.media.clips import Clip, check_on_label_frame, equal_clips, listed_clips
from data_prep.media.cut_labels import WholeLabels, cut_labels, read_all_labels, warn_of_late_events
from data_prep.media.cut_video import cut_video
from data_prep.parts import Parts, all_parts, alone_in, forget_parts, key_of, part_name, read_part

log = logging.getLogger(__name__)

BLOCK_SAMPLES = 1 << 16
"""samples read at once, so that memory does not grow with the recording"""


@takes_paths
@writes_alone_into("target")
def cut(
    source: Path,
    target: Path,
    seconds: float = 10.0,
    hop: float | None = None,
    times: Path | None = None,
    rest: bool = False,
    video_offset: str | None = None,
    video_yaw: str | None = None,
    coordinates: Coordinates = "auto",
    first_frame: int = 0,
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
) -> int:
    """Cut recordings into clips; NAME.wav, NAME.mp4 and NAME.csv become NAME_000.wav, NAME_000.mp4, NAME_000.csv.

    Files of one name anywhere below the source are one recording: its formats (foa_dev, mic_dev, ...), its video, its
    labels (in any format that `avseld-prep own` reads, also one sheet with a column `file`; frame csv stays frame csv).
    All labels are read before anything is written. Audio is cut to the sample and copied without loss; a video is
    encoded anew, so that it can begin between two key frames. A video that starts late or early is cut at the times
    of the sound; TARGET/videos.csv says where it starts within a clip and how it is turned, for --video_offset and
    --video_yaw of `avseld-prep own` and `dcase`.

    Args:
        source: folder, searched with its subfolders.
        target: a folder beside it; gets the same subfolders.
        seconds: duration of a clip.
        hop: seconds from one clip to the next; the duration of a clip if left out.
        times: list of clips, instead of clips of equal length: csv with the columns name, start, stop (seconds) and
            perhaps clip, split, prompt; or JSON of such entries (recording, or foa_fn, wav_fn and vid_fn; start, stop;
            clip, split, prompt). `avseld-prep split --times` enters splits and prompts into the manifest.
        rest: keep the rest at the end as a shorter clip.
        video_offset: second of the audio at which the video starts (0.7 if the camera started 0.7 s later); auto finds
            it by the camera's own sound track; or a csv with the columns file and video_offset, or a manifest.csv.
        video_yaw: azimuth of the middle of the picture in the directions of the labels, degrees, positive to the left;
            or a csv with the columns file and video_yaw.
        coordinates: six columns of a frame csv without header end with azimuth, elevation, distance (polar) or with
            x, y, z (cartesian); by default decided from the numbers of all files, and told.
        first_frame: index of the frame that begins at 0 s in frame csv files, 0 or 1.
        jobs: number of parallel jobs; 0 for one per core.
        shard: share of the files, I/N (2/8 is the second of eight), for N programs that share the work; auto in a SLURM
            job array. See docs/clusters.md.
        engine: threads (the default), loky (processes) or dask:ADDRESS, the workers of a Dask cluster.

    Returns:
        0 if all went well, 1 if a file failed.

    Raises:
        BadInput: no audio, files of a recording that do not fit, or times beyond its end; names the first.
    """
    given, own_shard, workers = locals(), read_shard(shard), read_engine(engine, jobs)
    require_folder(source)
    if target.resolve() == source.resolve() or source.resolve() in target.resolve().parents:
        raise BadInput(f"{target}: lies in {source}; give a folder beside it")
    entries = None if times is None else read_clip_list(times)
    files: dict[str, list[Path]] = {}
    found_files = visible_files(source, (*SOUNDS, *VIDEOS))
    joined = joined_files(entries or [], {path.stem for path in found_files})
    for path in found_files:
        files.setdefault(joined.get(path.stem, path.stem), []).append(path)
    lengths = {name: _duration(paths) for name, paths in files.items()}
    durations = {name: length for name, length in lengths.items() if length is not None}
    if not durations:
        raise BadInput(f"{source}: {none_below(source, SOUNDS)}; check the path")
    labels = read_all_labels(source, durations, coordinates, first_frame)
    warn_of_late_events(labels, durations)
    listed = None if entries is None else listed_clips(entries, durations)
    wholes = [
        Whole(
            name,
            files[name],
            labels.get(name, []),
            equal_clips(name, duration, seconds, hop or seconds, rest)
            if listed is None
            else listed.get(name, []),
        )
        for name, duration in durations.items()
    ]
    own = own_shard.of(wholes, "recordings")
    places = _places(
        {each.name: each.files for each in own}, target, video_offset, video_yaw, list(durations)
    )
    due, table = _jobs(own, places, source, target)
    everything = due if own_shard.is_whole else _jobs(wholes, None, source, target)[0]
    _check_targets(everything)
    parts = Parts(target, key_of(cut, given, [str(path.absolute()) for path in found_files]))
    with alone_in(target):
        remove_other_sections(target, due)
    failed = work_through(due, _cut, has_length, "cut", workers, alone=True)
    if own_shard.is_whole:
        forget_parts(target)
        _tell_preparation(wholes, everything, target, write_places(target, table), times, entries)
        return int(failed > 0)
    parts.put(part_name(own_shard), json.dumps(table))
    with parts.joined(all_parts(own_shard), PLACES) as paths:
        if paths is not None:
            table = {clip: (offset, yaw) for path in paths for clip, (offset, yaw) in read_part(path).items()}
            _tell_preparation(wholes, everything, target, write_places(target, table), times, entries)
    return int(failed > 0)


@dataclass(frozen=True)
class Whole:
    """A recording before it is cut: its files, labels and clips."""

    name: str
    files: list[Path]
    labels: list[WholeLabels]
    clips: list[Clip]

    @property
    def has_video(self) -> bool:
        """Whether one of the files is a video."""
        return any(path.suffix.lower() in VIDEOS for path in self.files)


def _jobs(
    wholes: Sequence[Whole], places: Mapping[str, tuple[float, float]] | None, source: Path, target: Path
) -> tuple[list[FileJob], dict[str, tuple[float, float]]]:
    """List the files to make of recordings.

    Args:
        wholes: the recordings.
        places: offset (s) and yaw (degrees) of the video of each; None lists videos for all clips, seen in them or not.
        source: folder of the files.
        target: folder of the clips.

    Returns:
        The files, and offset and yaw of the video of each clip that has one.
    """
    due: list[FileJob] = []
    table: dict[str, tuple[float, float]] = {}
    for whole in wholes:
        offset, yaw = (0.0, 0.0) if places is None else places[whole.name]
        videos = {path for path in whole.files if path.suffix.lower() in VIDEOS}
        starts = {} if places is None else {path: video_info(path).start for path in videos}
        for clip in whole.clips:
            for found in whole.labels:
                if found.dialect:
                    check_on_label_frame(clip, whole.name)
                due.append(_label_job(found, source, target, clip))
            for path in whole.files:
                if path not in starts:
                    due.append(_job(path, source, target, clip))
                elif (on_video := section_of_video(clip, offset, starts[path])) is not None:
                    due.append(_job(path, source, target, on_video))
                    table[f"{clip.name}.mp4"] = (max(offset - clip.start, 0.0), yaw)
    return due, table


def _tell_preparation(
    wholes: Sequence[Whole],
    due: list[FileJob],
    target: Path,
    places: Path | None,
    times: Path | None,
    entries: Sequence[ListedClip] | None,
) -> None:
    """Log the command that makes a prepared folder of the clips."""
    words = _one_format(due, target)
    words += ["--video", target] if any(whole.has_video for whole in wholes) else []
    words += ["--labels", target] if any(whole.labels for whole in wholes) else []
    if places is not None:
        words += ["--video_offset", places, "--video_yaw", places]
    prepared = beside(target, "prepared")
    if entries and any(entry.split or entry.prompt for entry in entries):
        log.info(
            "%s: after preparation, avseld-prep split --prepared %s --times %s enters its splits and prompts",
            times, prepared, times,
        )  # fmt: skip
    tell_next("avseld-prep", "own", *words, "--prepared", prepared)


def _one_format(due: Sequence[FileJob], target: Path) -> list[str | Path]:
    """Return the options of `avseld-prep own` for the clips: of one format, where there are several of each."""
    sounds = [job for job in due if job.source.suffix.lower() in SOUNDS]
    if len({job.target.stem for job in sounds}) == len(sounds):
        return ["--audio", target]
    channels = {job.target.parent: audio_info(job.source).channels for job in sounds}
    folder = max(channels, key=lambda folder: channels[folder])
    format = FORMATS_BY_CHANNELS.get(channels[folder], "foa")
    return ["--audio", folder, *(["--format", format] if format != "foa" else [])]


def _check_targets(due: list[FileJob]) -> None:
    """Refuse two clips that would be written into one file."""
    sources: dict[Path, Path] = {}
    for job in due:
        if job.target in sources:
            raise BadInput(
                f"{job.source}: its clip would be written to {job.target}, like that of {sources[job.target]}; rename "
                "one of the clips, or put the two files into folders of their own"
            )
        sources[job.target] = job.source


def section_of_video(clip: Clip, offset: float, starts: float = 0.0) -> Clip | None:
    """Return the section of a video that is seen in a clip.

    Args:
        clip: section of the sound.
        offset: second of the sound at which the clock of the video starts.
        starts: second of that clock at which its first frame starts.

    Returns:
        The section on the clock of the video; None if the clip ends before the first frame.
    """
    if clip.stop - offset <= max(starts, 0.0) + 1e-3:
        return None
    return Clip(clip.name, max(clip.start - offset, 0.0), clip.stop - offset)


def _places(
    files: Mapping[str, list[Path]], target: Path, offset: str | None, yaw: str | None, names: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Find offset and yaw of the video of each recording, as `avseld-prep own` does."""
    recordings = []
    for name, paths in files.items():
        sounds = [path for path in paths if path.suffix.lower() in SOUNDS]
        videos = [path for path in paths if path.suffix.lower() in VIDEOS]
        if sounds:
            recordings.append(Recording(name, sounds[0], "mono", videos[0] if videos else None))
    placed = place_videos(recordings, target, offset, yaw, names)
    return {one.name: (one.video_offset, one.video_yaw) for one in placed}


def _duration(paths: list[Path]) -> float | None:
    """Read the duration of a recording, seconds; its audio files must agree."""
    sounds = [path for path in paths if path.suffix.lower() in SOUNDS]
    lengths = {path: audio_info(path).duration for path in sounds}
    for shortened in filter(None, map(cut_off_sound, sounds)):
        log.warning("%s", shortened)
    if lengths and max(lengths.values()) - min(lengths.values()) > LABEL_HOP:
        longest, shortest = max(lengths, key=lengths.__getitem__), min(lengths, key=lengths.__getitem__)
        raise BadInput(
            f"{shortest}: {lengths[shortest]:.2f} s, but {longest} {lengths[longest]:.2f} s; they are not one recording"
        )
    return min(lengths.values()) if lengths else None


def _job(path: Path, source: Path, target: Path, clip: Clip) -> FileJob:
    suffix = path.suffix.lower()
    suffix = ".wav" if suffix in LOSSY else suffix
    made = (target / path.relative_to(source)).with_name(
        f"{clip.name}{'.mp4' if suffix in VIDEOS else suffix}"
    )
    return FileJob(path, made, (clip.start, clip.stop))


def _label_job(labels: WholeLabels, source: Path, target: Path, clip: Clip) -> FileJob:
    made = (target / labels.path.relative_to(source)).with_name(f"{clip.name}.csv")
    return FileJob(labels.path, made, (clip.start, clip.stop, labels))


def _cut(source: Path, target: Path, start: float, stop: float, labels: WholeLabels | None = None) -> str:
    if labels is not None:
        return cut_labels(labels, target, start, stop)
    if source.suffix.lower() in SOUNDS:
        return cut_sound(source, target, start, stop)
    return cut_video(source, target, start, stop)


def cut_sound(source: Path, target: Path, start: float, stop: float) -> str:
    """Copy the samples from round(start * rate) up to round(stop * rate) without change.

    Args:
        source: sound file.
        target: the file to write, of the same kind; a wav of floats for lossy kinds.
        start: seconds.
        stop: seconds.
    """
    with soundfile.SoundFile(str(source)) as read:
        first, last = round(start * read.samplerate), min(round(stop * read.samplerate), read.frames)
        whole = ("PCM_", "ALAC")  # integers of any width
        kind = "int32" if read.subtype.startswith(whole) else "float64"
        read.seek(first)
        kept = (
            (read.subtype, read.format)
            if target.suffix.lower() == source.suffix.lower()
            else ("FLOAT", "WAV")
        )
        with soundfile.SoundFile(
            str(target), "w", read.samplerate, read.channels, kept[0], format=kept[1]
        ) as write:
            while (left := last - read.tell()) > 0:
                write.write(read.read(min(left, BLOCK_SAMPLES), dtype=kind, always_2d=True))
    return ""


def has_length(job: FileJob) -> bool:
    """Return whether an existing clip has the length that would be written."""
    start, stop = job.arguments[:2]
    if job.target.suffix.lower() not in SOUNDS:
        return True
    try:
        target, source = audio_info(job.target), audio_info(job.source)
    except BadInput:
        return False
    rate = source.sample_rate
    return target.n_samples == min(round(stop * rate), source.n_samples) - round(start * rate)
