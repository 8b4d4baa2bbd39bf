"""How the frames of a video are to be shown: turned as the header says, and what part of the sphere, for which eye.

The header is the display matrix, and the spherical metadata of the container (boxes sv3d and st3d of mp4 and mov, the
elements Projection and StereoMode of Matroska, the SEI message of H.264 about stereo).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from avseld.base.errors import BadInput

if TYPE_CHECKING:
    import av

Stereo = Literal["top_bottom", "side_by_side", "interleaved"]
Sphere = Literal["whole", "half", "part", "cubemap", "fisheye", "flat", "other"]

PANORAMA_ASPECT = 2.0
"""width to height of an equirectangular frame"""
ASPECT_TOLERANCE = 0.02
NOTE_KEY = "comment"
"""entry of the metadata of a video that says what `avseld-prep resize` did"""
RESIZED = "avseld-prep resize:"
LETTERBOXED = f"{RESIZED} letterboxed, no 360-degree picture"
UNIT = 1 << 16
"""1 in the entries of a display matrix (16.16 fixed point)"""
STRAIGHT = 0.02
"""largest sine of an angle that counts as none, 1 degree, as in ffmpeg"""
BLACK, BRIGHT = 20, 60
"""largest luma of black, which is 16 in many videos; least one of a picture that is not dark as a whole"""
MIN_SIDE_BAR, MIN_POLE_BAR, UNEQUAL_BAR = 0.05, 0.2, 0.02
"""least share of the width, and of the height, of a black bar; largest difference of two"""
STEREO_TYPES: dict[int, Stereo] = {
    1: "side_by_side",
    2: "top_bottom",
    **dict.fromkeys(range(3, 8), "interleaved"),
}
"""AVStereo3DType of FFmpeg (libavutil/stereo3d.h); 0 is one picture, 8 unknown"""
PROJECTIONS: dict[int, Sphere] = {0: "whole", 1: "cubemap", 2: "part", 3: "half", 4: "flat", 5: "fisheye"}
"""AVSphericalProjection of FFmpeg (libavutil/spherical.h)"""


def has_panorama_shape(aspect: float) -> bool:
    """Whether a picture of this width to height is taken for an equirectangular one, where nothing else is known."""
    return abs(aspect - PANORAMA_ASPECT) <= ASPECT_TOLERANCE


@dataclass(frozen=True)
class Orientation:
    """How stored frames are turned and mirrored before they are shown, by quarter turns."""

    transposed: bool = False
    """rows become columns, before the flips"""
    left_right: bool = False
    """flipped left to right"""
    up_down: bool = False
    """flipped upside down"""

    @property
    def is_identity(self) -> bool:
        """Whether frames are shown as they are stored."""
        return not (self.transposed or self.left_right or self.up_down)

    def __str__(self) -> str:
        return "".join(
            word
            for word, done in (("t", self.transposed), ("h", self.left_right), ("v", self.up_down))
            if done
        )


AS_STORED = Orientation()


def orientation_of(frame: "av.VideoFrame", path: Path) -> Orientation:
    """Read the display matrix of a decoded frame.

    Args:
        frame: of the video.
        path: of the video, for messages.

    Raises:
        BadInput: the frame is to be turned by another angle than quarter turns.
    """
    data = next(_side_data(frame, "DISPLAYMATRIX"), None)
    if data is None:
        return AS_STORED
    a, b, _, c, d, *_ = struct.unpack("=9i", data)
    # (x, y) of the stored frame is shown at (a x + c y, b x + d y)
    size = max(abs(a), abs(b), abs(c), abs(d), 1)
    if max(abs(b), abs(c)) <= STRAIGHT * size:
        return Orientation(False, a < 0, d < 0)
    if max(abs(a), abs(d)) <= STRAIGHT * size:
        return Orientation(True, c < 0, b < 0)
    raise BadInput(
        f"{path}: its header turns the picture by {round(np.degrees(np.arctan2(b, a)))} degrees, no quarter turn; "
        "encode it anew with ffmpeg, which turns it"
    )


def shown(frames: np.ndarray, orientation: Orientation) -> np.ndarray:
    """Turn stored frames (..., height, width, channel) as they are to be shown."""
    if orientation.transposed:
        frames = frames.swapaxes(-2, -3)
    if orientation.left_right:
        frames = frames[..., ::-1, :]
    if orientation.up_down:
        frames = frames[..., ::-1, :, :]
    return np.ascontiguousarray(frames)


def stereo_of(frame: "av.VideoFrame") -> Stereo | None:
    """Return how the header says that two eyes share a frame; None if it says nothing, or one eye."""
    for data in _side_data(frame, "STEREO3D"):
        (kind,) = struct.unpack_from("=i", data)
        if kind in STEREO_TYPES:
            return STEREO_TYPES[kind]
    return None


def sphere_of(frame: "av.VideoFrame") -> Sphere | None:
    """Return what the header says about the part of the sphere and the projection; None if it says nothing."""
    data = next(_side_data(frame, "SPHERICAL"), None)
    if data is None:
        return None
    projection, _, _, _, left, top, right, bottom = struct.unpack_from("=4i4I", data)
    sphere = PROJECTIONS.get(projection, "other")
    share = (left + right) / 2**32  # of the width of the sphere that the picture lacks
    if (
        sphere == "part"
        and abs(share - 0.5) < ASPECT_TOLERANCE
        and max(top, bottom) < ASPECT_TOLERANCE * 2**32
    ):
        return "half"
    return sphere


def _side_data(frame: "av.VideoFrame", name: str) -> Iterator[bytes]:
    """Yield the bytes of what accompanies a frame under a name; structures of FFmpeg's libraries."""
    side_data: Any = frame.side_data
    for data in side_data:
        if data.type.name == name:
            yield bytes(data)


def bars_of(luma: np.ndarray) -> str:
    """Say where a picture has black bars of equal width on two sides, as one that was fitted into another shape has.

    Args:
        luma: (height, width), 0 to 255, as shown; some 100 columns are enough.

    Returns:
        `left and right`, `above and below`, or nothing. Bars above and below that are narrow do not count: cameras
        without a view of the poles leave them black.
    """
    for axis, least, where in ((0, MIN_SIDE_BAR, "left and right"), (1, MIN_POLE_BAR, "above and below")):
        bright = np.flatnonzero(luma.max(axis=axis) > BLACK)
        size = luma.shape[1 - axis]
        if not len(bright) or luma.max() < BRIGHT:
            return ""
        first, last = bright[0], size - 1 - bright[-1]
        if min(first, last) >= least * size and abs(first - last) <= max(UNEQUAL_BAR * size, 1):
            return where
    return ""


def note_of(metadata: Mapping[str, str]) -> str:
    """Return what `avseld-prep resize` wrote into the metadata of a container; empty if nothing."""
    found = [
        value for key, value in metadata.items() if key.lower() == NOTE_KEY and value.startswith(RESIZED)
    ]
    return found[0] if found else ""


def why_no_panorama(
    aspect: Fraction, stereo: Stereo | None = None, sphere: Sphere | None = None, letterboxed: bool = False
) -> str | None:
    """Say why a picture is not the whole sphere for one eye, according to its header, and what to do.

    Args:
        aspect: width / height as shown.
        stereo: of the header.
        sphere: of the header.
        letterboxed: whether it stands between black bars.

    Returns:
        The end of a sentence about the picture; None if the header says nothing of the kind.
    """
    if letterboxed:
        return "stands between black bars, no 360-degree picture; resize the original without --letterbox"
    if stereo == "interleaved":
        return "is stereoscopic, both eyes interleaved; export one eye"
    if stereo is not None:
        eye = float(aspect) * (2 if stereo == "top_bottom" else 0.5)
        half = " --degrees 180" if sphere == "half" or abs(eye - 1) <= ASPECT_TOLERANCE else ""
        where = "one above the other" if stereo == "top_bottom" else "side by side"
        return f"is stereoscopic, two eyes {where}; take the left eye with avseld-prep resize --stereo {stereo}{half}"
    if sphere == "half":
        return "shows 180 degrees of 360; put it into a whole panorama with avseld-prep resize --degrees 180"
    if sphere not in (None, "whole"):
        kind = {"part": "a part of the sphere", "flat": "a flat picture"}.get(
            str(sphere), f"a {sphere} projection"
        )
        return f"is {kind}, no whole equirectangular picture; convert it, such as with ffmpeg -vf v360"
    return None


def guess_by_shape(aspect: Fraction) -> str:
    """Say what a picture of another shape than 2:1 may be, and what to do then; empty if nothing is known."""
    for shape, text in (
        (
            1.0,
            "two eyes one above the other (avseld-prep resize --stereo top_bottom), or 180 degrees (--degrees 180)",
        ),
        (4.0, "two eyes side by side (avseld-prep resize --stereo side_by_side)"),
        (
            0.5,
            "two eyes of 180 degrees one above the other (avseld-prep resize --stereo top_bottom --degrees 180)",
        ),
    ):
        if abs(float(aspect) / shape - 1) <= ASPECT_TOLERANCE:
            return f"; is it {text}?"
    return ""
