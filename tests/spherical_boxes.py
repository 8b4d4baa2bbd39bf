"""Spherical metadata in mp4 files: the boxes st3d and sv3d of Spherical Video V2 (github.com/google/spatial-media)."""

import struct
from pathlib import Path

STEREO_MODES = {"mono": 0, "top_bottom": 1, "side_by_side": 2}
ANCESTORS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
"""boxes around the entry of the video codec"""
ENTRY_FIELDS = 78
"""bytes of a visual sample entry before the boxes in it"""


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, *content: bytes) -> bytes:
    return box(kind, bytes(4), *content)


def spherical(
    stereo: str | None = None, left: float = 0.0, yaw: float = 0.0, projection: bytes = b"equi"
) -> bytes:
    """Make the boxes of a spherical video.

    Args:
        stereo: a key of STEREO_MODES; None writes no box about it.
        left: share of the sphere that the picture lacks at its left, and as much at its right; 0.25 for 180 degrees.
        yaw: degrees of the pose.
        projection: equi, or cbmp.
    """
    pose = struct.pack(">iii", round(yaw * 65536), 0, 0)
    edges = (
        struct.pack(">IIII", 0, 0, *[round(left * (2**32 - 1))] * 2) if projection == b"equi" else bytes(8)
    )
    inside = box(b"proj", full_box(b"prhd", pose), full_box(projection, edges))
    first = b"" if stereo is None else full_box(b"st3d", bytes([STEREO_MODES[stereo]]))
    return first + box(b"sv3d", full_box(b"svhd", b"test\0"), inside)


def add_to_video(path: Path, boxes: bytes) -> Path:
    """Insert boxes into the entry of the H.264 codec of an mp4 whose index stands behind its data."""
    data = bytearray(path.read_bytes())
    place, end, around = 0, len(data), []
    for kind in (*ANCESTORS, b"avc1"):
        while True:
            size, name = struct.unpack_from(">I4s", data, place)
            if name == kind:
                break
            place += size
            assert place < end, kind
        around.append(place)
        end = place + size
        place += 16 if kind == b"stsd" else 8
    assert data.find(b"mdat") < around[0]  # offsets of the data stay
    data[end:end] = boxes
    for start in around:
        struct.pack_into(">I", data, start, struct.unpack_from(">I", data, start)[0] + len(boxes))
    path.write_bytes(data)
    return path
