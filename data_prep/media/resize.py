"""Resize equirectangular videos to the size that detectors read."""

from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Literal

from avseld.base.engines import read_engine
from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.base.job_shards import read_shard
from avseld.io.picture import LETTERBOXED, NOTE_KEY, RESIZED, guess_by_shape, why_no_panorama
from avseld.io.video import VIDEOS, VideoInfo, video_info
from data_prep.jobs import FileJob, pair, work_through
from data_prep.media.ffmpeg import run_ffmpeg

MISSING_END_S = 0.1
"""how much may be missing at the end of a resized video: its last frame has no duration of its own"""
PackedStereo = Literal["top_bottom", "side_by_side"]
EYE_ASPECTS: dict[PackedStereo | None, Fraction] = {
    None: Fraction(1), "top_bottom": Fraction(2), "side_by_side": Fraction(1, 2),
}  # fmt: skip
"""width to height of one eye's picture to those of the frame"""
EYE_FILTERS: dict[PackedStereo | None, tuple[str, ...]] = {
    None: (),
    "top_bottom": ("crop=iw:ih/2:0:0",),
    "side_by_side": ("crop=iw/2:ih:0:0",),
}
ASPECT_TOLERANCE = 0.005
"""relative difference of aspects that is ignored"""


@takes_paths
def resize(
    source: Path,
    target: Path,
    width: int = 360,
    height: int = 180,
    letterbox: bool = False,
    stereo: PackedStereo | None = None,
    degrees: Literal[180, 360] = 360,
    audio: Literal["drop", "copy"] = "drop",
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
) -> int:
    """Resize every video below a folder with ffmpeg; time stamps are kept, frames are never distorted.

    Videos are turned as their header says. A stereoscopic video or one of 180 degrees, as far as header or shape say,
    is refused unless --stereo and --degrees make it a whole panorama for one eye.

    Source: resize_video.py of the DCASE 2023 audio-visual baseline (360x180, averaged over areas).

    Args:
        source: a folder, or one video.
        target: a folder beside it (the same relative paths), or one mp4.
        width: pixels, even.
        height: pixels, even.
        letterbox: add black bars to frames of another aspect instead of refusing them; the result says that it is no
            360-degree picture.
        stereo: of stereoscopic videos, how the two eyes share a frame: top_bottom or side_by_side; the left eye, above
            or at the left, is kept.
        degrees: 180 for videos of the front half of the sphere, which are put into the middle of a black panorama.
        audio: drop the sound track, or copy it as it is.
        jobs: number of parallel jobs; 0 for one per core.
        shard: share of the files, I/N (2/8 is the second of eight), for N programs that share the work; auto in a SLURM
            job array. See docs/clusters.md.
        engine: threads (the default), loky (processes) or dask:ADDRESS, the workers of a Dask cluster.

    Returns:
        0 if all went well, 1 if a file failed.

    Raises:
        BadInput: no video there, an odd or too small size, or options that do not fit together.
    """
    own_shard, workers = read_shard(shard), read_engine(engine, jobs)
    if width < 2 or height < 2 or width % 2 or height % 2:
        raise BadInput(f"{width}x{height}: H.264 stores even sizes; choose an even width and height")
    if degrees == 180 and letterbox:
        raise BadInput("--letterbox: leave it out; --degrees 180 makes a whole panorama")
    due = own_shard.of(pair(source, target, VIDEOS))
    threads = max(1, workers.n_workers // max(len(due), 1))
    work = partial(
        resize_video,
        width=width,
        height=height,
        letterbox=letterbox,
        stereo=stereo,
        degrees=degrees,
        audio=audio,
        threads=threads,
    )
    is_done = partial(_is_resized, width, height, _note(letterbox, stereo, degrees == 180))
    return int(work_through(due, work, is_done, "resize", workers) > 0)


def resize_video(
    source: Path,
    target: Path,
    width: int = 360,
    height: int = 180,
    letterbox: bool = False,
    stereo: PackedStereo | None = None,
    degrees: Literal[180, 360] = 360,
    audio: Literal["drop", "copy"] = "drop",
    threads: int = 1,
) -> str:
    """Resize one video (H.264, constant quality), keeping the time stamps of its frames.

    Args:
        source: a video.
        target: the mp4 to write.
        width: pixels, even.
        height: pixels, even.
        letterbox: add black bars where the aspects differ.
        stereo: how two eyes share a frame, of which the left one is kept.
        degrees: 180 for the front half of the sphere.
        audio: drop the sound track, or copy it as it is.
        threads: for decoding; encoding uses one, so that the bytes do not depend on the machine.

    Returns:
        A complaint of ffmpeg as a remark; empty if none.

    Raises:
        BadInput: unreadable, damaged, stereoscopic or of 180 degrees without the option for it, or of another aspect
            without `letterbox`.
    """
    before = video_info(source)
    half = degrees == 180
    _check_layout(source, before, stereo, half)
    picture = before.aspect * EYE_ASPECTS[stereo] * (2 if half else 1)
    # An equirectangular picture is the sphere whatever its shape.
    same = abs(picture / Fraction(width, height) - 1) < ASPECT_TOLERANCE or before.sphere == (
        "half" if half else "whole"
    )
    if not same and (not letterbox or stereo is not None):
        raise BadInput(f"{source}: {_misfit(before, picture, width, height, stereo, half)}")
    inner = (width, height) if same else _inside(width, height, picture)
    inner = (inner[0] // 4 * 2, inner[1]) if half else inner
    filters = ",".join(
        (
            *EYE_FILTERS[stereo],
            # What the header says of the picture before must not go into the new one.
            *(("sidedata=delete:type=STEREO3D", "sidedata=delete:type=SPHERICAL") if stereo or half else ()),
            f"scale={inner[0]}:{inner[1]}:flags=area",
            f"pad={width}:{height}:(ow-iw)/2:(oh-ih)/2:black",
            "setsar=1",
        )
    )
    sound = "-map 0:a? -c:a copy" if audio == "copy" else "-an"
    # Time stamps go through as they are: no grid of the frame rate, no shift of a late start to zero.
    times = "-fps_mode passthrough -enc_time_base:v demux"
    codec = "-c:v libx264 -preset medium -crf 18 -pix_fmt yuv420p -threads 1 -movflags +faststart -strict unofficial"
    said = _note(not same, stereo, half)
    note = ["-metadata", f"{NOTE_KEY}={said}"] if said else []
    complaint = run_ffmpeg(
        source,
        target,
        ["-copyts", "-threads", str(threads)],
        [*f"-map 0:v:0 {sound} {times} {codec} -vf {filters}".split(), *note],
    )
    after = video_info(target)
    if after.end < before.end - MISSING_END_S:
        raise BadInput(
            f"{source}: only {after.end:.2f} of {before.end:.2f} s can be decoded ({complaint}); "
            "copy it again from its origin"
        )
    return f"{source}: {complaint}" if complaint else ""


def _ratio(aspect: Fraction) -> str:
    near = aspect.limit_denominator(20)
    return f"{near.numerator}:{near.denominator}"


def _inside(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    if aspect > Fraction(width, height):
        return width, max(2, 2 * round(width / aspect / 2))
    return max(2, 2 * round(height * aspect / 2)), height


def _note(letterbox: bool, stereo: PackedStereo | None, half: bool) -> str:
    """Return what the metadata of a resized video say about its picture; empty for one that was a panorama before."""
    if stereo is not None or half:
        return f"{RESIZED} a whole panorama of {stereo or 'one picture'}, {180 if half else 360} degrees"
    return LETTERBOXED if letterbox else ""


def _check_layout(source: Path, info: VideoInfo, stereo: PackedStereo | None, half: bool) -> None:
    """Refuse a video of which the header says something else than the options.

    Raises:
        BadInput: names the option that is missing or wrong.
    """
    if stereo is not None and info.stereo not in (None, stereo):
        raise BadInput(f"{source}: its header says {info.stereo}, not {stereo}; correct --stereo")
    if half and info.sphere not in (None, "half"):
        raise BadInput(f"{source}: its header says {info.sphere}, not 180 degrees; leave out --degrees")
    sphere = None if info.sphere == "flat" or half else info.sphere
    flaw = why_no_panorama(info.aspect, None if stereo else info.stereo, sphere, info.letterboxed)
    if flaw is not None:
        raise BadInput(f"{source}: {flaw}")


def _misfit(
    before: VideoInfo, picture: Fraction, width: int, height: int, stereo: PackedStereo | None, half: bool
) -> str:
    """Say that a picture does not fit the size, and what it may be."""
    shape = f"{before.width}x{before.height} ({_ratio(before.aspect)})"
    goal = f"{width}x{height} ({_ratio(Fraction(width, height))})"
    if stereo is not None or half:
        options = f"--stereo {stereo} " * (stereo is not None) + "--degrees 180 " * half
        return (
            f"{shape} with {options}gives {_ratio(picture)}, which does not fit {goal}; correct the options"
        )
    if guess := guess_by_shape(before.aspect):
        return f"{shape} does not fit {goal}{guess}"
    return (
        f"{shape} does not fit {goal}; give another --width and --height, or --letterbox to put it between black bars: "
        "its boxes have no directions then"
    )


def _is_resized(width: int, height: int, note: str, job: FileJob) -> bool:
    try:
        target = video_info(job.target)
    except BadInput:
        return False
    # Pictures that fit get no bars.
    notes = (note, "") if note == LETTERBOXED else (note,)
    return (target.width, target.height) == (width, height) and target.note in notes
