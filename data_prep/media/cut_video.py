"""Cut a section out of a video, on the clock of its container."""

from pathlib import Path

from avseld.base.errors import BadInput
from avseld.io.video import frame_start, video_info
from data_prep.media.ffmpeg import run_ffmpeg

SEEK_MARGIN_S = 1e-4
"""how much earlier than a frame ffmpeg seeks, so that rounding does not lose it"""


def cut_video(source: Path, target: Path, start: float, stop: float) -> str:
    """Encode the frames of a section anew (H.264), without audio.

    Args:
        source: a video.
        target: the mp4 to write.
        start: seconds.
        stop: seconds; a video that ends before is used as far as it goes.

    Returns:
        A remark on a video that ends before; else empty.

    Raises:
        BadInput: ffmpeg cannot read it, or it ends before the clip begins.
    """
    info = video_info(source)
    if start >= info.end - 1e-3:
        raise BadInput(
            f"{source}: ends at {info.end:.2f} s, before the clip from {start:.2f} s; leave its video out"
        )
    if stop <= info.start + 1e-3:
        raise BadInput(
            f"{source}: starts at {info.start:.2f} s, after the clip until {stop:.2f} s; leave its video out"
        )
    # Seek on the container's clock, so that a stream that starts late keeps its delay in the clip. The frame that is
    # shown when the clip begins has begun before.
    first = max(frame_start(source, start) - SEEK_MARGIN_S, 0.0)
    times = "-fps_mode passthrough -enc_time_base:v demux"
    # Spherical metadata are kept, which ffmpeg calls unofficial.
    coding = "-c:v libx264 -preset fast -crf 18 -pix_fmt yuv420p -strict unofficial"
    moved = f"setpts=max(round(PTS-{start - first:.6f}/TB)\\,0),trim=end={stop - start:.6f}"
    run_ffmpeg(
        source,
        target,
        ["-seek_timestamp", "1", "-ss", f"{first:.6f}"],
        f"-map 0:v:0 -an {times} {coding} -vf {moved}".split(),
    )
    if stop > info.end + 0.1:
        return f"{source}: ends at {info.end:.2f} s, within the clip from {start:.2f} s"
    return ""
