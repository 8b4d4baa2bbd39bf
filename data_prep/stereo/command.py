"""The command stereo: clips of 360-degree recordings as a stereo microphone and a camera would take them."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from avseld.base.engines import read_engine
from avseld.base.errors import BadInput
from avseld.base.files import replacing, sha256, takes_paths
from avseld.base.job_shards import Shard, read_shard
from avseld.base.locks import writes_alone_into
from avseld.base.next_step import beside, tell_next
from avseld.base.rates import LABEL_HOP
from data_prep.parts import alone_in
from data_prep.stereo.clips import StereoClip, by_recording, draw_clips, read_clips
from data_prep.stereo.convert import Plan, convert
from data_prep.stereo.path import STILL, read_path
from data_prep.stereo.sources import Source, find_sources

log = logging.getLogger(__name__)

MADE_WITH = ".stereo.json"
"""hidden; what decides the contents of clips of one name"""
MAX_CLIPS = 10_000_000
SECONDS = (0.1, 600.0)


@takes_paths
@writes_alone_into("target")
def stereo(
    source: Path,
    target: Path,
    clips: int = 30_000,
    seed: int = 20250305,
    seconds: float = 5.0,
    times: Path | None = None,
    path: Path | None = None,
    video: str = "auto",
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
) -> int:
    """Make clips of DCASE2025 Task 3 from FOA recordings with 360-degree video: stereo, a camera's picture, labels.

    Clips are drawn as the official generator draws them: recording, start, viewing angle; those that would exceed full
    scale are left out. TARGET gets stereo_dev, metadata_dev and video_dev as in that corpus; unfolded_dev has the
    labels before they are mirrored to the front, with elevation and viewing angle, views_dev where a camera that turns
    looks. A second run makes the clips that are missing.

    Args:
        source: prepared folder, or a corpus with foa_dev, metadata_dev and video_dev (STARSS23).
        target: the folder to write; avseld-prep dcase --dataset stereo2025 --format stereo prepares it.
        clips: number of clips; a larger number later adds clips.
        seed: of the draws.
        seconds: duration of a clip, whole tenths.
        times: clips instead of drawn ones: csv with the columns name (of the recording), start (seconds) and deg
            (viewing angle, whole degrees to the right).
        path: csv with the columns time (seconds of a clip), yaw and pitch (degrees to the left and upwards, added to
            the viewing angle) of a camera that turns.
        video: auto takes the videos of the recordings; a folder of videos NAME.mp4; or none.
        jobs: number of parallel jobs; 0 for one per core.
        shard: share of the recordings, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. The clips are the same whatever N. See docs/clusters.md.
        engine: threads (the default), loky (processes) or dask:ADDRESS, the workers of a Dask cluster.

    Returns:
        0 if all went well, 1 if a recording failed.

    Raises:
        BadInput: no such recordings, a list or path that cannot be read, or clips there that were made otherwise.
    """
    own_shard, workers = read_shard(shard), read_engine(engine, jobs)
    n_frames = _frames(seconds)
    if not 1 <= clips <= MAX_CLIPS:
        raise BadInput(f"--clips {clips}: give a number from 1 to {MAX_CLIPS}")
    if target.resolve() == source.resolve():
        raise BadInput(f"{target}: is the source itself; give another folder")
    plan = Plan(target, STILL if path is None else read_path(path))
    sources = {each.recording.name: each for each in find_sources(source, video)}
    listed = _clips(sources, plan, clips, n_frames, seed, times)
    made_with = {"seconds": seconds, "path": "" if path is None else sha256(path)}
    made_with |= {} if times is not None else {"seed": seed}
    with alone_in(target):
        _check_same(target, made_with)
    groups = list(by_recording(listed).items())
    own = own_shard.of(groups, "recordings")
    failures = []
    done = workers.run(_attempt, [(sources[name], group, plan) for name, group in own])
    with logging_redirect_tqdm([logging.getLogger("data_prep")]):
        for failure in tqdm(done, "stereo", len(own), unit="recording"):
            failures += [failure] if failure else []
    for failure in sorted(failures):
        log.error("%s", failure)
    _tell(target, listed, own, own_shard)
    return int(bool(failures))


def _frames(seconds: float) -> int:
    """Return a duration in label frames.

    Raises:
        BadInput: none, too long, or not in whole tenths.
    """
    frames = round(seconds / LABEL_HOP, 6)
    if not SECONDS[0] <= seconds <= SECONDS[1] or frames % 1:
        raise BadInput(f"--seconds {seconds:g}: give whole tenths from {SECONDS[0]:g} to {SECONDS[1]:g}")
    return int(frames)


def _clips(
    sources: dict[str, Source], plan: Plan, n_clips: int, n_frames: int, seed: int, times: Path | None
) -> list[StereoClip]:
    lengths = {name: each.n_frames for name, each in sources.items()}
    if times is not None:
        return read_clips(times, lengths, n_frames)

    return draw_clips(
        lengths, n_clips, n_frames, seed, lambda clip: plan.exceeds(sources[clip.recording], clip)
    )


def _check_same(target: Path, made_with: dict[str, object]) -> None:
    """Refuse a folder with clips that other options made; note those of this run.

    Raises:
        BadInput: names the options.
    """
    note = target / MADE_WITH
    text = json.dumps(made_with, sort_keys=True)
    if note.is_file() and note.read_text(encoding="utf-8") != text:
        raise BadInput(
            f"{target}: holds clips of another --seed, --seconds, --times or --path; give another folder"
        )
    with replacing(note, keep_same=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _attempt(source: Source, clips: list[StereoClip], plan: Plan) -> str:
    """Make the clips of a recording; return why it failed, else nothing."""
    try:
        convert(source, clips, plan)
    except Exception as error:
        text = " ".join(str(error).split())
        return text if isinstance(error, BadInput) else f"{source.recording.name}: {text}"
    return ""


def _tell(
    target: Path, listed: Sequence[StereoClip], own: Sequence[tuple[str, list[StereoClip]]], shard: Shard
) -> None:
    n_own = sum(len(group) for _, group in own)
    log.info("%s: %d clips of %d recordings", target, n_own, len(own))
    if not shard.is_whole:
        log.info("shard %s of %d clips; the next command is for when all are there", shard, len(listed))
    words = ["--dataset", "stereo2025", "--format", "stereo"]
    tell_next("avseld-prep", "dcase", "--raw", target, "--prepared", beside(target, "prepared"), *words)
