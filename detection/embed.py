"""Compute visual embeddings of a video, and the command `embed`: a file for every video of a prepared folder."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from avseld.base.engines import read_engine, threads_of_call
from avseld.base.errors import BadInput
from avseld.base.files import fingerprint, remove_partial, require_file, sha256, takes_paths
from avseld.base.job_shards import read_shard
from avseld.base.next_step import tell_next
from avseld.base.prefetch import prefetch
from avseld.io.embeddings import FOLDER as EMBEDDINGS_FOLDER
from avseld.io.embeddings import VisualEmbeddings, read_embeddings, write_embeddings
from avseld.io.manifest import Recording, read_manifest
from avseld.io.video import VideoInfo, check_panorama, sample_frames, turned, video_info
from detection.weights import RESNET50, VIT_B_16, Release, fetch

logger = logging.getLogger(__name__)

Network = Literal["resnet50", "vit_b_16"]
Crop = Literal["whole", "centre"]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""red, green and blue of ImageNet, with which the weights were trained"""

FRAME_WIDTH_PX = 360
"""width that wider videos are scaled down to, as published"""

SHORT_SIDE_PX, CROP_PX = 232, 224
"""size before and after torchvision's centre crop; a vision transformer takes squares of CROP_PX"""

RELEASES: dict[str, Release] = {"resnet50": RESNET50, "vit_b_16": VIT_B_16}

N_VALUES = {
    ("resnet50", "whole"): 72,
    ("resnet50", "centre"): 49,
    ("vit_b_16", "whole"): 768,
    ("vit_b_16", "centre"): 768,
}
"""values of one embedding: the network's map of 6 x 12 or 7 x 7 places, or the class token of the transformer"""


@dataclass(frozen=True, eq=False)
class FrameEncoder:
    """An image network that turns frames into embeddings."""

    network: nn.Module
    name: str
    crop: Crop
    weights: str
    """SHA-256 of the weights file"""

    @property
    def n_values(self) -> int:
        """Number of values of one embedding."""
        return N_VALUES[self.name, self.crop]

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Compute embeddings.

        They are the last map of ResNet-50, averaged over its channels, rows from the top; or the class token of
        ViT-B/16. The published system (DCASE 2024 baseline, github.com/partha2409/DCASE2024_seld_baseline,
        cls_vid_features.py) takes the centre crop, some 174 degrees of 360.

        Args:
            frames: (n, height, width, 3) RGB, uint8.

        Returns:
            (n, n_values) float32.
        """
        x = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 255
        x = self._resized(x)
        x = (x - x.new_tensor(IMAGENET_MEAN)[:, None, None]) / x.new_tensor(IMAGENET_STD)[:, None, None]
        with torch.inference_mode():
            output = self.network(x)
        return (output.mean(dim=1).flatten(1) if output.ndim == 4 else output).numpy()

    def _resized(self, x: Tensor) -> Tensor:
        """Cut and scale frames (n, 3, height, width) to the size that the network takes."""
        if self.crop == "whole":
            size = (CROP_PX, CROP_PX) if self.name == "vit_b_16" else (FRAME_WIDTH_PX // 2, FRAME_WIDTH_PX)
            return _scaled(x, size)
        height, width = x.shape[2:]
        scale = SHORT_SIDE_PX / min(height, width)
        x = _scaled(x, (round(height * scale), round(width * scale)))
        top, left = (round((size - CROP_PX) / 2) for size in x.shape[2:])
        return x[:, :, top : top + CROP_PX, left : left + CROP_PX]


def load(
    name: Network = "resnet50", weights: Path | None = None, crop: Crop = "whole", threads: int = 0
) -> FrameEncoder:
    """Load an encoder.

    Args:
        name: resnet50 or vit_b_16, of torchvision.
        weights: a file of its state; by default that in torchvision's own cache, else the official release.
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
    return FrameEncoder(network.eval(), name, crop, sha256(path))


def embed_video(
    video: Path, encoder: FrameEncoder, fps: float = 10.0, progress: tqdm | None = None, yaw: float = 0.0
) -> VisualEmbeddings:
    """Compute the embeddings of a video at regular times; it is decoded once, in order.

    Args:
        video: video file.
        encoder: the image network.
        fps: frames per second to process, at their true times.
        progress: updated by the number of frames processed.
        yaw: azimuth of the middle of the picture, degrees; frames are turned so that azimuth 0 is in their middle.

    Raises:
        BadInput: the video cannot be read.
    """
    info = video_info(video)
    times, values = [], []
    for time, frames in prefetch(sample_frames(video, fps, FRAME_WIDTH_PX)):
        times.append(time)
        values.append(encoder(turned(frames, yaw)))
        if progress is not None:
            progress.update(len(time))
    about = _signature(encoder, fingerprint(video), info, fps) | {"duration": info.end}
    about |= {"yaw": yaw} if yaw else {}
    return VisualEmbeddings(np.concatenate(times), np.concatenate(values), about)


def embeddings_of_video(video: Path, n_values: int, yaw: float = 0.0) -> VisualEmbeddings:
    """Compute the embeddings of one video with the encoder whose embeddings have a number of values.

    Args:
        video: video file.
        n_values: values of one embedding, which decides network and crop.
        yaw: azimuth of the middle of the picture, degrees.

    Raises:
        BadInput: no encoder has that number, or the video or the weights cannot be used.
    """
    for (name, crop), count in N_VALUES.items():
        if count == n_values:
            video_info(video)  # a wrong path is reported before weights are fetched
            return embed_video(video, load(name, None, crop), yaw=yaw)  # type: ignore[arg-type]
    raise BadInput(
        f"{video}: no encoder gives {n_values} values a frame; make embeddings for a prepared folder"
    )


@takes_paths
def embed(
    prepared: Path,
    encoder: Network = "resnet50",
    weights: Path | None = None,
    crop: Crop = "whole",
    fps: float = 10.0,
    threads: int = 0,
    force: bool = False,
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
) -> int:
    """Compute the embeddings of every video of a prepared folder and write frames/NAME.npz.

    Existing files of the same video, network, weights, crop and rate are kept.

    Args:
        prepared: folder with manifest.csv.
        encoder: resnet50 or vit_b_16.
        weights: a file of torchvision's weights; by default that in its own cache, else the official release.
        crop: whole (the whole panorama) or centre (as published, some 174 degrees of it).
        fps: frames per second to process.
        threads: processor threads; 0 leaves the choice to torch, and with --engine shares out the cores.
        force: compute everything anew.
        jobs: with --engine, videos processed at once; 0 for one per core.
        shard: share of the videos, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. See docs/clusters.md.
        engine: process several videos at once, each with a network of its own: loky (processes) or dask:ADDRESS, the
            workers of a Dask cluster; by default one video after the other.

    Returns:
        0, or 1 if a recording failed; each failure is logged.

    Raises:
        BadInput: no prepared folder, or no encoder.
    """
    own_shard, workers = read_shard(shard), None if engine is None else read_engine(engine, jobs)
    if workers is not None and workers.name == "threads":
        raise BadInput("--engine threads: torch uses all threads for one video; leave it out, or give loky")
    seen = [each for each in read_manifest(prepared) if each.video is not None]
    recordings = own_shard.of(seen, "videos")
    network = load(encoder, weights, crop, threads)
    logger.info("encoder: %s, %s, weights %s", encoder, crop, network.weights[:8])
    stale = [each for each in recordings if force or not _is_done(each, network, fps)]
    failures: dict[str, str] = {}
    total = round(sum(each.duration for each in stale) * fps)
    with tqdm(total=total or None, unit="frame", desc="embeddings", disable=not stale) as bar:
        embedded: Iterator[EmbeddedVideo]
        if workers is None:
            embedded = (_embed_one(each, network, fps, bar) for each in stale)
        else:
            options = (encoder, weights, crop, threads or threads_of_call(workers))
            embedded = workers.run(_embed_with, [(each, options, fps) for each in stale])
        for name, warning, failure, n_frames in embedded:
            bar.update(n_frames)
            if warning:
                logger.warning(warning)
            if failure:
                failures[name] = failure
    if workers is not None and workers.is_remote:  # what a worker that was lost was writing
        remove_partial(prepared / EMBEDDINGS_FOLDER, [each.name for each in stale])
    logger.info(
        "embeddings: %d recordings now, %d already done",
        len(stale) - len(failures),
        len(recordings) - len(stale),
    )
    for name, why in failures.items():
        logger.error("%s failed: %s", name, why)
    if not failures and all(each.embeddings is not None and each.embeddings.is_file() for each in seen):
        tell_next("avseld-prep", "check", prepared)
    return 1 if failures else 0


class EmbeddedVideo(NamedTuple):
    """What came of a video."""

    name: str
    """of the recording"""
    warning: str
    failure: str
    n_frames: int
    """frames that the progress bar does not know of"""


def _embed_one(recording: Recording, encoder: FrameEncoder, fps: float, bar: tqdm | None) -> EmbeddedVideo:
    """Write the embeddings of a video; an error is returned, not raised."""
    assert recording.video is not None and recording.embeddings is not None
    if bar is not None:
        bar.set_postfix_str(recording.name, refresh=False)
    try:
        flat = check_panorama(recording.video, video_info(recording.video), recording.format)
        found = embed_video(recording.video, encoder, fps, bar, recording.video_yaw)
        write_embeddings(recording.embeddings, found)
    except (BadInput, OSError) as error:
        return EmbeddedVideo(recording.name, "", " ".join(str(error).split()), 0)
    return EmbeddedVideo(recording.name, flat or "", "", len(found.time) if bar is None else 0)


@lru_cache(1)
def _loaded(options: tuple[Network, Path | None, Crop, int]) -> FrameEncoder:
    return load(*options)


def _embed_with(
    recording: Recording, options: tuple[Network, Path | None, Crop, int], fps: float
) -> EmbeddedVideo:
    """Write the embeddings of a video in a worker, which loads its network once."""
    return _embed_one(recording, _loaded(options), fps, None)


def _is_done(recording: Recording, encoder: FrameEncoder, fps: float) -> bool:
    assert recording.video is not None and recording.embeddings is not None
    if not recording.embeddings.is_file() or not recording.video.is_file():
        return False
    try:
        about = read_embeddings(recording.embeddings).about
        signature = _signature(encoder, fingerprint(recording.video), video_info(recording.video), fps)
    except BadInput:
        return False
    return signature.items() <= about.items() and about.get("yaw", 0.0) == recording.video_yaw


def _signature(encoder: FrameEncoder, video: str, info: VideoInfo, fps: float) -> dict[str, object]:
    """List what must be equal for existing embeddings to be kept."""
    placing: dict[str, object] = {**info.placing}
    return placing | {
        "encoder": encoder.name,
        "crop": encoder.crop,
        "weights": encoder.weights,
        "video": video,
        "fps": fps,
    }


def _weights(name: str, weights: Path | None) -> Path:
    if weights is not None:
        require_file(weights, "give a file of torchvision's weights")
        return Path(weights)
    release = RELEASES[name]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / release.name
    if cached.is_file() and sha256(cached).startswith(release.sha256):
        return cached
    return fetch(release)


def _scaled(x: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(x.shape[2:]) == size:
        return x
    return functional.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)
