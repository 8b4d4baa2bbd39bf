"""Files that were cut off: headers of sound and video name more than there is, though players play them."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import av
import soundfile

from avseld.base.errors import BadInput
from avseld.io.audio import BLOCK_SAMPLES
from avseld.io.suffixes import SOUNDS
from avseld.io.video import decode
from avseld.io.video_header import moving_pictures, open_video, stream_start

UNKNOWN_LENGTHS = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
"""lengths in the header of a file that was written as a stream"""
OGG_PAGE_BYTES = 65_307
"""largest page of an ogg file"""
OGG_LAST_PAGE = 4
"""flag of the page that ends a stream"""
COPY_AGAIN = "copy it again from its origin"
VIDEO_TOLERANCE_S = 0.2
"""how much earlier than its header says the last packet of a video may end: headers round"""
GAP_S = 0.5
"""time without a frame that no camera leaves"""
SEEK_BACK_S = 1.0
"""time before the end of a video from which its last packets are read"""


def _riff(head: bytes) -> int:
    return int.from_bytes(head[4:8], "little") + 8 if head[8:12] == b"WAVE" else 0


def _rf64(head: bytes) -> int:
    return int.from_bytes(head[20:28], "little") + 8 if head[12:16] == b"ds64" else 0


def _form(head: bytes) -> int:
    return int.from_bytes(head[4:8], "big") + 8


def _w64(head: bytes) -> int:
    return int.from_bytes(head[16:24], "little")


def _au(head: bytes) -> int:
    size = int.from_bytes(head[8:12], "big")
    return size if size in UNKNOWN_LENGTHS else size + int.from_bytes(head[4:8], "big")


LENGTHS: dict[bytes, Callable[[bytes], int]] = {
    b"RIFF": _riff, b"RF64": _rf64, b"BW64": _rf64, b"FORM": _form, b"riff": _w64, b".snd": _au,
}  # fmt: skip
"""first bytes of a format -> length of the file in bytes that its header names"""


def missing_bytes(path: Path | str) -> int:
    """Return how many bytes a sound file has less than its header says.

    Args:
        path: wav, RF64, AIFF, Wave64 or AU; 0 for other kinds, and for streams whose header says no length.
    """
    with Path(path).open("rb") as file:
        head = file.read(32)
        there = file.seek(0, 2)
    said = LENGTHS[head[:4]](head) if head[:4] in LENGTHS else 0
    return 0 if said in UNKNOWN_LENGTHS or said - 8 in UNKNOWN_LENGTHS else max(0, said - there)


def cut_off_sound(path: Path | str) -> str | None:
    """Say that a sound file was cut off, from its header and its end.

    Args:
        path: of the file.

    Returns:
        One line, or None for a file that is whole or whose kind does not show it, such as a video with sound.

    Raises:
        BadInput: the end of a compressed file cannot be decoded.
    """
    if Path(path).suffix.lower() not in SOUNDS:
        return None
    with Path(path).open("rb") as file:
        lacks_end = _lacks_last_page(file)
    missing = missing_bytes(path)
    with soundfile.SoundFile(str(path)) as sound:
        duration = sound.frames / sound.samplerate
        if sound.format == "FLAC" and sound.frames:
            _read(path, sound, sound.frames - 1)
    if not missing and not lacks_end:
        return None
    what = f"{missing} bytes that its header names are not there" if missing else "its last page is not there"
    return (
        f"{path}: was cut off: {what}; the {duration:.2f} s that are there are used, copy it again if there should be "
        "more"
    )


def decode_sound(path: Path | str) -> None:
    """Decode a sound file to its end.

    Args:
        path: of the file.

    Raises:
        BadInput: damaged within; says from when on.
    """
    with soundfile.SoundFile(str(path)) as sound:
        for first in range(0, sound.frames, BLOCK_SAMPLES // sound.channels):
            _read(path, sound, first)


def _read(path: Path | str, sound: soundfile.SoundFile, first: int) -> None:
    try:
        sound.seek(first)
        wanted = min(BLOCK_SAMPLES // sound.channels, sound.frames - first)
        whole = len(sound.read(wanted, dtype="int16", always_2d=True)) == wanted
    except soundfile.SoundFileError:
        whole = False
    if not whole:
        raise BadInput(f"{path}: cannot be decoded after {first / sound.samplerate:.2f} s; {COPY_AGAIN}")


def _lacks_last_page(file: BinaryIO) -> bool:
    if file.read(4) != b"OggS":
        return False
    size = file.seek(0, 2)
    file.seek(max(0, size - OGG_PAGE_BYTES))
    end = file.read()
    page = end.rfind(b"OggS")
    return page < 0 or len(end) < page + 6 or not end[page + 5] & OGG_LAST_PAGE


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
