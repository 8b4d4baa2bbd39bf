"""Resize equirectangular videos to the size that detectors read."""

from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Literal

from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.io.video import VIDEOS, video_info
from data_prep.jobs import FileJob, pair, work_through, workers
from data_prep.media.ffmpeg import run_ffmpeg

MISSING_END_S = 0.1
"""how much may be missing at the end of a resized video: its last frame has no duration of its own"""
ASPECT_TOLERANCE = 0.005
"""relative difference of aspects that is ignored"""


@takes_paths
def resize(
    source: Path,
    target: Path,
    width: int = 360,
    height: int = 180,
    letterbox: bool = False,
    audio: Literal["drop", "copy"] = "drop",
    jobs: int = 0,
) -> int:
    """Resize every video below a folder with ffmpeg; time stamps are kept, frames are never distorted.

    Source: resize_video.py of the DCASE 2023 audio-visual baseline (360x180, averaged over areas).

    Args:
        source: a folder, or one video.
        target: a folder beside it (the same relative paths), or one mp4.
        width: pixels, even.
        height: pixels, even.
        letterbox: add black bars to frames of another aspect instead of refusing them.
        audio: drop the sound track, or copy it as it is.
        jobs: number of parallel jobs; 0 for one per core.

    Returns:
        0 if all went well, 1 if a file failed.

    Raises:
        BadInput: no video there, or an odd or too small size.
    """
    if width < 2 or height < 2 or width % 2 or height % 2:
        raise BadInput(f"{width}x{height}: H.264 stores even sizes; choose an even width and height")
    due = pair(source, target, VIDEOS)
    threads = max(1, workers(jobs) // len(due))
    work = partial(
        resize_video, width=width, height=height, letterbox=letterbox, audio=audio, threads=threads
    )
    return int(work_through(due, work, partial(_has_size, width, height), jobs, "resize") > 0)


def resize_video(
    source: Path,
    target: Path,
    width: int = 360,
    height: int = 180,
    letterbox: bool = False,
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
        audio: drop the sound track, or copy it as it is.
        threads: for decoding; encoding uses one, so that the bytes do not depend on the machine.

    Returns:
        A complaint of ffmpeg as a remark; empty if none.

    Raises:
        BadInput: unreadable, damaged, or of another aspect without `letterbox`.
    """
    before = video_info(source)
    aspect = Fraction(width, height)
    same = abs(before.aspect / aspect - 1) < ASPECT_TOLERANCE
    if not same and not letterbox:
        raise BadInput(
            f"{source}: {before.width}x{before.height} ({_ratio(before.aspect)}) does not fit "
            f"{width}x{height} ({_ratio(aspect)}); give --letterbox to put it between black bars, "
            "or another --width and --height"
        )
    inner = (width, height) if same else _inside(width, height, before.aspect)
    filters = (
        f"scale={inner[0]}:{inner[1]}:flags=area,pad={width}:{height}:(ow-iw)/2:(oh-ih)/2:black,setsar=1"
    )
    sound = "-map 0:a? -c:a copy" if audio == "copy" else "-an"
    # Time stamps go through as they are: no grid of the frame rate, no shift of a late start to zero.
    times = "-fps_mode passthrough -enc_time_base:v demux"
    codec = "-c:v libx264 -preset medium -crf 18 -pix_fmt yuv420p -threads 1 -movflags +faststart"
    complaint = run_ffmpeg(
        source,
        target,
        ["-copyts", "-threads", str(threads)],
        f"-map 0:v:0 {sound} {times} {codec} -vf {filters}".split(),
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


def _has_size(width: int, height: int, job: FileJob) -> bool:
    try:
        target = video_info(job.target)
    except BadInput:
        return False
    return (target.width, target.height) == (width, height)
