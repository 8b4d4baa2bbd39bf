"""What an image network says of a video's pictures, and the verb `frames`: a file for every video, made once."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint
from avseld.base.prefetch import ahead
from avseld.io.embeddings import Frames, read_frames, write_frames
from avseld.io.manifest import Recording, read_manifest
from avseld.io.video import sample_frames, video_info
from detection.weights import RESNET50, VIT_B_16, Release, fetch, sha256

logger = logging.getLogger(__name__)

Network = Literal["resnet50", "vit_b_16"]
Crop = Literal["whole", "centre"]

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""of ImageNet's red, green and blue, for which the weights were learned"""

PICTURE_WIDTH = 360
"""pixels that a wider video is scaled down to, as published"""

SHORT_SIDE, WINDOW = 232, 224
"""pixels of the published centre crop; a vision transformer takes squares of WINDOW"""

RELEASES: dict[str, Release] = {"resnet50": RESNET50, "vit_b_16": VIT_B_16}

N_VALUES = {
    ("resnet50", "whole"): 72,
    ("resnet50", "centre"): 49,
    ("vit_b_16", "whole"): 768,
    ("vit_b_16", "centre"): 768,
}
"""Values of a picture: the network's map of 6 x 12 or 7 x 7 places, or the transformer's word for the whole."""


@dataclass(frozen=True, eq=False)
class Encoder:
    """An image network that describes pictures."""

    network: nn.Module
    name: str
    crop: Crop
    weights: str
    """SHA-256 of the weights file"""

    @property
    def n_values(self) -> int:
        """Values of a picture."""
        return N_VALUES[self.name, self.crop]

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Describe pictures.

        ResNet-50's last map, averaged over its channels, rows from the top; or the class token of ViT-B/16.
        `DCASE baselines` spec, section 2.3: the published system looks at the centre crop, some 174 degrees of 360.

        Args:
            pictures: (n, height, width, 3) RGB, uint8.

        Returns:
            (n, n_values) float32.
        """
        x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255
        x = self._framed(x)
        x = (x - x.new_tensor(MEAN)[:, None, None]) / x.new_tensor(DEVIATION)[:, None, None]
        with torch.inference_mode():
            said = self.network(x)
        return (said.mean(dim=1).flatten(1) if said.ndim == 4 else said).numpy()

    def _framed(self, x: Tensor) -> Tensor:
        """The part of the pictures that is looked at, in the size that the network takes."""
        if self.crop == "whole":
            size = (WINDOW, WINDOW) if self.name == "vit_b_16" else (PICTURE_WIDTH // 2, PICTURE_WIDTH)
            return _resized(x, size)
        height, width = x.shape[2:]
        scale = SHORT_SIDE / min(height, width)
        x = _resized(x, (round(height * scale), round(width * scale)))
        top, left = (round((size - WINDOW) / 2) for size in x.shape[2:])
        return x[:, :, top : top + WINDOW, left : left + WINDOW]


def load(
    name: Network = "resnet50", weights: Path | None = None, crop: Crop = "whole", threads: int = 0
) -> Encoder:
    """Make an encoder.

    Args:
        name: resnet50 or vit_b_16, of torchvision.
        weights: a file of its state; torchvision's own cache, or the official release if left out.
        crop: whole panorama, or the published crop of its centre.
        threads: processor threads; 0 leaves the choice to torch.

    Raises:
        BadInput: an unknown name, or weights that are missing, unreadable or of another network.
    """
    if (name, crop) not in N_VALUES:
        raise BadInput(f"encoder {name}, crop {crop}: choose resnet50 or vit_b_16, whole or centre")
    if threads:
        torch.set_num_threads(threads)
    path = _weights(name, weights)
    from torchvision.models import resnet50, vit_b_16  # slow to import

    network: nn.Module = {"resnet50": resnet50, "vit_b_16": vit_b_16}[name](weights=None)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise BadInput(f"{path}: no weights of {name} ({reason}); give torchvision's file") from error
    if name == "resnet50":
        network = nn.Sequential(*list(network.children())[:-2])
    else:
        network.heads = nn.Identity()
    return Encoder(network.eval(), name, crop, sha256(path))


def encode(video: Path, encoder: Encoder, fps: float = 10.0, progress: tqdm | None = None) -> Frames:
    """Look at a video once, in order, at regular times.

    Args:
        video: video file.
        encoder: describes its pictures.
        fps: pictures a second, at their true times.
        progress: told how many pictures were looked at.

    Raises:
        BadInput: the video cannot be read.
    """
    info = video_info(video)
    times, values = [], []
    for time, pictures in ahead(sample_frames(video, fps, PICTURE_WIDTH)):
        times.append(time)
        values.append(encoder(pictures))
        if progress is not None:
            progress.update(len(time))
    about = _signature(encoder, fingerprint(video), fps) | {"duration": info.end}
    return Frames(np.concatenate(times), np.concatenate(values), about)


def frames_of_video(video: Path, n_values: int) -> Frames:
    """Describe one video with the encoder that gives so many values a picture.

    Raises:
        BadInput: no encoder gives that many, or the video or the weights cannot be used.
    """
    for (name, crop), count in N_VALUES.items():
        if count == n_values:
            video_info(video)  # a wrong path is said before weights are fetched
            return encode(video, load(name, None, crop))  # type: ignore[arg-type]
    raise BadInput(
        f"{video}: no encoder gives {n_values} values a picture; make frames for a prepared folder"
    )


def frames(
    prepared: Path,
    encoder: Network = "resnet50",
    weights: Path | None = None,
    crop: Crop = "whole",
    fps: float = 10.0,
    threads: int = 0,
    force: bool = False,
) -> int:
    """Describe every video of a prepared folder and write frames/NAME.npz.

    What is there already from the same video, network, weights, crop and rate is left alone.

    Args:
        prepared: folder with manifest.csv.
        encoder: resnet50 or vit_b_16.
        weights: a file of torchvision's weights; its own cache or the official release if left out.
        crop: whole (the whole panorama) or centre (as published, some 174 degrees of it).
        fps: pictures per second to look at.
        threads: processor threads; 0 leaves the choice to torch.
        force: describe everything anew.

    Returns:
        0, or 1 if a recording failed; each failure is logged.

    Raises:
        BadInput: no prepared folder, or no encoder.
    """
    recordings = [each for each in read_manifest(prepared) if each.video is not None]
    network = load(encoder, weights, crop, threads)
    logger.info("encoder: %s, %s, weights %s", encoder, crop, network.weights[:8])
    stale = [each for each in recordings if force or not _done(each, network, fps)]
    failures: dict[str, str] = {}
    total = round(sum(each.duration for each in stale) * fps)
    with tqdm(total=total or None, unit="picture", desc="frames", disable=not stale) as bar:
        for recording in stale:
            bar.set_postfix_str(recording.name, refresh=False)
            assert recording.video is not None and recording.frames is not None
            try:
                write_frames(recording.frames, encode(recording.video, network, fps, bar))
            except (BadInput, OSError) as error:
                failures[recording.name] = " ".join(str(error).split())
    logger.info(
        "frames: %d recordings now, %d there already",
        len(stale) - len(failures),
        len(recordings) - len(stale),
    )
    for name, why in failures.items():
        logger.error("%s failed: %s", name, why)
    return 1 if failures else 0


def _done(recording: Recording, encoder: Encoder, fps: float) -> bool:
    assert recording.video is not None and recording.frames is not None
    if not recording.frames.is_file() or not recording.video.is_file():
        return False
    try:
        about = read_frames(recording.frames).about
    except BadInput:
        return False
    return _signature(encoder, fingerprint(recording.video), fps).items() <= about.items()


def _signature(encoder: Encoder, video: str, fps: float) -> dict[str, object]:
    """What must agree for frames to count as done."""
    return {
        "encoder": encoder.name,
        "crop": encoder.crop,
        "weights": encoder.weights,
        "video": video,
        "fps": fps,
    }


def _weights(name: str, weights: Path | None) -> Path:
    if weights is not None:
        if not Path(weights).is_file():
            raise BadInput(f"{weights}: not found; give a file of torchvision's weights")
        return Path(weights)
    release = RELEASES[name]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / release.name
    if cached.is_file() and sha256(cached).startswith(release.sha256):
        return cached
    return fetch(release)


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(x.shape[2:]) == size:
        return x
    return functional.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)
