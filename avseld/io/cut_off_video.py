"""Videos that were cut off or damaged: their headers name more than can be read, though players play them."""

from pathlib import Path

import av

from avseld.base.errors import BadInput
from avseld.io.cut_off import COPY_AGAIN
from avseld.io.video import decode
from avseld.io.video_header import moving_pictures, open_video, stream_start

VIDEO_TOLERANCE_S = 0.2
"""how much earlier than its header says the last packet of a video may end: headers round"""
GAP_S = 0.5
"""time without a frame that no camera leaves"""
SEEK_BACK_S = 1.0
"""time before the end of a video from which its last packets are read"""


def cut_off_video(path: Path | str) -> str | None:
    """Say that a video was cut off: its last packets are not there. Nothing is decoded.

    Args:
        path: of the file.

    Returns:
        One line, or None for a whole one.

    Raises:
        BadInput: missing, unreadable, or without a video stream.
    """
    path = Path(path)
    said, streams = _said_end(path)
    end = _end_of_packets(path, streams, said - SEEK_BACK_S)
    if end < said - VIDEO_TOLERANCE_S:
        end = _end_of_packets(path, streams)
    if end >= said - VIDEO_TOLERANCE_S:
        return None
    return (
        f"{path}: was cut off: it ends after {end:.2f} s, its header says {said:.2f} s; used as far as it goes, "
        f"{COPY_AGAIN}"
    )


def decode_video(path: Path | str) -> None:
    """Decode a video to its end.

    Args:
        path: of the file.

    Raises:
        BadInput: unreadable, or damaged within; says from when on.
    """
    path = Path(path)
    end = 0.0
    for each in decode(path):
        if each.frame.is_corrupt:
            raise BadInput(f"{path}: is damaged at {each.start:.2f} s; {COPY_AGAIN}")
        if end and each.start > end + GAP_S:
            raise BadInput(f"{path}: holds no frame from {end:.2f} to {each.start:.2f} s; {COPY_AGAIN}")
        end = each.start + each.length
    said, streams = _said_end(path)
    if len(streams) == 1 and end < said - VIDEO_TOLERANCE_S:
        raise BadInput(f"{path}: only {end:.2f} of {said:.2f} s can be decoded; {COPY_AGAIN}")


def _said_end(path: Path) -> tuple[float, list[int]]:
    """Return the end of a video that its header says, seconds, and the streams that it is the end of."""
    with open_video(path) as container:
        stream = moving_pictures(container)
        if stream.duration is not None and stream.time_base is not None:
            return stream_start(stream) + float(stream.duration * stream.time_base), [stream.index]
        # Matroska says the end of all streams together.
        streams = [each.index for each in container.streams if each.type in ("video", "audio")]
        return ((container.start_time or 0) + (container.duration or 0)) / av.time_base, streams


def _end_of_packets(path: Path, streams: list[int], begin: float = 0.0) -> float:
    """Find the end of the packets of some streams that can be read from a time on, seconds."""
    end = 0.0
    with open_video(path) as container:
        try:
            if begin > 0:
                container.seek(int(begin * av.time_base), backward=True)
            for packet in container.demux(streams):
                if packet.pts is not None and packet.time_base is not None and not packet.is_corrupt:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        except av.FFmpegError:
            return end
    return end
