"""Weights files: one that is given, or an official release, downloaded once and checked by its hash."""

import hashlib
import http.client
import logging
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from avseld.base.cache_folder import cache_folder
from avseld.base.errors import BadInput
from avseld.base.files import replacing, sha256
from detection.shipped import find, shipped

logger = logging.getLogger(__name__)

TIMEOUT_S = 30
"""how long a server may not answer before the download is given up"""


@dataclass(frozen=True)
class Release:
    """An official weights file."""

    url: str
    sha256: str
    """hexadecimal digits of the file's SHA-256: all 64, or the first ones where only these are published"""

    @property
    def name(self) -> str:
        """File name."""
        return self.url.rpartition("/")[2]


# The two ONNX files belong to YOLOX release 0.1.1rc0, which states no hashes: these are the ones that several
# independent public projects recorded after downloading them. mmdet writes the first eight digits into the name.
_YOLOX = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
_MMDET = "https://download.openmmlab.com/mmdetection/v2.0/yolox"
TINY = Release(
    f"{_YOLOX}/yolox_tiny.onnx", "427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7"
)
NANO = Release(
    f"{_YOLOX}/yolox_nano.onnx", "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d"
)
MMDET_TINY = Release(
    f"{_MMDET}/yolox_tiny_8x8_300e_coco/yolox_tiny_8x8_300e_coco_20211124_171234-b4047906.pth", "b4047906"
)

_TORCHVISION = "https://download.pytorch.org/models"
RESNET50 = Release(f"{_TORCHVISION}/resnet50-11ad3fa6.pth", "11ad3fa6")
VIT_B_16 = Release(f"{_TORCHVISION}/vit_b_16-c867db91.pth", "c867db91")

RELEASES = {release.name: release for release in (TINY, NANO, MMDET_TINY)}
DEFAULT = {"onnx": TINY, "mmdet": MMDET_TINY}
"""backend -> release: YOLOX-tiny, the detector of the published audio-visual baseline"""


def find_weights(backend: str, weights: Path | None = None) -> Path:
    """Find the weights file for a backend; a release is downloaded if need be.

    Args:
        backend: a key of `DEFAULT`.
        weights: a file, the name of a detector that comes with the package (`people_drawn`) or the bare name of a
            release (`yolox_nano.onnx`); None takes the backend's default.

    Raises:
        BadInput: the file is missing, the release is neither in the cache nor can be downloaded, or the detector is not
            for this backend.
    """
    if weights is None:
        return fetch(DEFAULT[backend])
    weights = Path(weights)
    if weights.is_file():
        return weights
    if str(weights) in RELEASES:
        return fetch(RELEASES[str(weights)])
    if (ours := find(weights)) is not None:
        if backend != "onnx":
            raise BadInput(f"{weights}: runs with --backend onnx only, not with {backend}")
        return ours
    names = ", ".join([*shipped(), *RELEASES])
    raise BadInput(f"{weights}: not found; give a weights file, or one of {names}")


def fetch(release: Release) -> Path:
    """Return the path of a release in the cache; download it if it is not there yet.

    Raises:
        BadInput: the file in the cache or on the server has another hash, or there is no network; nothing is
            kept of a failed download.
    """
    target = cache_folder() / release.name
    if target.is_file():
        if not sha256(target).startswith(release.sha256):
            raise BadInput(
                f"{target}: not the released file (SHA-256 differs); remove it, or give --weights FILE"
            )
        return target
    logger.info("fetching %s", release.url)
    with replacing(target) as temporary:
        try:
            digest = _download(release.url, temporary)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = " ".join(str(getattr(error, "reason", None) or error).split())
            raise BadInput(
                f"{release.url}: cannot be fetched ({reason}); put it at {target}, or give --weights FILE"
            ) from error
        if not digest.startswith(release.sha256):
            raise BadInput(
                f"{release.url}: not the released file (SHA-256 {digest[:8]}... instead of "
                f"{release.sha256[:8]}...); put the right one at {target}, or give --weights FILE"
            )
    return target


def _download(url: str, path: Path) -> str:
    """Download a URL to a file and return its SHA-256; raise if the transfer ends early."""
    digest, received = hashlib.sha256(), 0
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, path.open("wb") as file:
        announced = int(answer.headers.get("Content-Length") or 0)
        with tqdm(total=announced or None, unit="B", unit_scale=True, desc=url.rpartition("/")[2]) as bar:
            while block := answer.read(1 << 16):
                digest.update(block)
                received += file.write(block)
                bar.update(len(block))
    if received < announced:
        raise ConnectionError(f"the transfer ended after {received} of {announced} bytes")
    return digest.hexdigest()
