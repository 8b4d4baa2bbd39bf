"""An exported network, applied to recordings of any length."""

import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import require_file
from avseld.decoding.windows import Reader, VisualAt, at_their_time
from avseld.io.boxes import Boxes, read_boxes
from avseld.io.channel_map import Channels
from avseld.io.embeddings import VisualEmbeddings, read_embeddings
from avseld.io.events import Events, concatenate
from avseld.io.resampling import open_array, open_recording
from avseld.io.sound_track import is_container
from avseld.onnx_runtime.description import Description, GraphFile, read_description
from avseld.onnx_runtime.running import Graph, Heads, iterate_heads
from avseld.vision.visual_input import VisualInput


class ExportedNetwork:
    """An exported network that predicts events in recordings.

    Args:
        graph: of the network; `advance` of it runs a live stream.
        without_video: the graph for recordings without video; None if zeros stand for none.
    """

    def __init__(self, graph: Graph, without_video: Graph | None = None) -> None:
        self.graph, self._without_video, self.description = graph, without_video, graph.description
        self.decoder = graph.description.build_decoder()

    def graph_for(self, visual_at: VisualAt | None) -> Graph:
        """Return the graph that runs a recording with this visual input, or with none."""
        return self._without_video if visual_at is None and self._without_video is not None else self.graph

    @property
    def classes(self) -> list[str]:
        """Class names; the label of an event is an index into them."""
        return self.description.classes

    def predict(
        self,
        audio: Path | str | np.ndarray,
        boxes: Path | str | Boxes | None = None,
        embeddings: Path | str | VisualEmbeddings | None = None,
        sample_rate: int | None = None,
        channels: Channels | None = None,
    ) -> Events:
        """Predict the events of one recording of any length.

        Args:
            audio: a sound file of any sample rate, or an array (channel, sample) or (sample, channel): floats in
                -1..1, or integers (uint8, int16, int32), which are divided by their full scale.
            boxes: people in the video, a boxes file (.npz) of `avseld-detect boxes`; None for no video.
            embeddings: of the video, a file (.npz) of `avseld-detect embed`, for networks that take them.
            sample_rate: Hz of an array; None for the network's rate.
            channels: channels of the recording to take, counted from 1, in the order of the format; None takes all.

        Returns:
            One row per active source and label frame.

        Raises:
            BadInput: wrong type, channel count or length, an unreadable file, or a visual input that it does not take.
        """
        parts = self.stretches(audio, boxes, embeddings, sample_rate, channels)
        return concatenate(events for _, events in parts).with_classes(self.classes)

    def stretches(
        self,
        audio: Path | str | np.ndarray,
        boxes: Path | str | Boxes | None = None,
        embeddings: Path | str | VisualEmbeddings | None = None,
        sample_rate: int | None = None,
        channels: Channels | None = None,
    ) -> Iterator[tuple[float, Events]]:
        """Predict a recording of any length stretch by stretch, in memory that does not grow with it.

        Arguments and errors as for `predict`.

        Yields:
            Second of the recording up to which it is predicted, and the events since the last one.
        """
        read, n_samples = self._open(audio, sample_rate, channels)
        visual_at = self._visual_at(boxes, embeddings)
        for first, heads in iterate_heads(self.graph_for(visual_at), read, n_samples, visual_at):
            n_frames = len(next(iter(heads.values())))
            yield (first + n_frames) * self.description.lengths.hop, self.decode(first, heads)

    def decode(self, first: int, heads: Heads) -> Events:
        """Decode a stretch to events at their time in the recording.

        Args:
            first: first feature frame of the stretch.
            heads: (frame, ...).
        """
        lengths = self.description.lengths
        events = at_their_time(lengths, first, self.decoder.decode(heads, lengths.hop))
        return events.with_classes(self.classes)

    def _open(
        self, audio: Path | str | np.ndarray, sample_rate: int | None, channels: Channels | None
    ) -> tuple[Reader, int]:
        """Check a recording and return what reads its sections, and its length in samples."""
        format, rate = self.description.format, self.description.sample_rate
        if isinstance(audio, str | Path):
            if sample_rate is not None:
                raise BadInput(f"{audio}: sample_rate is for arrays; a file has its own, leave it out")
            if is_container(audio) and find_spec("av") is None:
                raise BadInput(
                    f"{audio}: sound tracks of videos need PyAV; pip install av, or give a wav file"
                )
            name = str(audio)
            read, n_samples = open_recording(audio, format, rate, channels)
        else:
            name = "the array"
            read, n_samples = open_array(np.asarray(audio), format, rate, sample_rate, channels)
        least = self.description.lengths.n_fft
        if n_samples < least:
            raise BadInput(
                f"{name}: {n_samples} samples are shorter than one frame of {least}; record longer"
            )
        return read, n_samples

    def _visual_at(
        self, boxes: Path | str | Boxes | None, embeddings: Path | str | VisualEmbeddings | None
    ) -> VisualAt | None:
        """Read what is seen; None without a video."""
        spec = self.description.visual
        for given, taken, what in (
            (boxes, spec is not None and spec.n_boxes, "boxes"),
            (embeddings, spec is not None and spec.n_values, "embeddings"),
        ):
            if given is not None and not taken:
                raise BadInput(f"{self.description.name} takes no {what} of a video; leave them out")
        if spec is None or (boxes is None and embeddings is None):
            return None
        boxes = read_boxes(boxes) if isinstance(boxes, str | Path) else boxes
        embeddings = read_embeddings(embeddings) if isinstance(embeddings, str | Path) else embeddings
        return VisualInput(boxes, spec, embeddings).at


def load(folder: Path | str, threads: int | None = None) -> ExportedNetwork:
    """Load an exported network; nothing in the folder is executed but the operators of its graph.

    Args:
        folder: as `avseld export` has written it.
        threads: of the computation; None for one per core.

    Raises:
        BadInput: missing or damaged files, or a graph that is not the one that was exported.
    """
    about = read_description(Path(folder))
    graph = _load_graph(Path(folder), about, about.graph, threads)
    if about.without_video is None:
        return ExportedNetwork(graph)
    other = _load_graph(Path(folder), about.of_sound_alone, about.without_video, threads)
    return ExportedNetwork(graph, other)


def _load_graph(folder: Path, about: Description, graph: GraphFile, threads: int | None) -> Graph:
    """Load a graph of a folder."""
    path = folder / graph.file
    require_file(path, "copy the whole folder again")
    serialized = path.read_bytes()
    if hashlib.sha256(serialized).hexdigest() != graph.sha256:
        raise BadInput(f"{path}: is not the graph that was exported (sha256 differs); copy the folder again")
    try:
        return Graph(about, serialized, threads)
    except BadInput:
        raise
    except Exception as error:  # ONNX Runtime has errors of many kinds
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"{path}: ONNX Runtime cannot load it ({reason}); update onnxruntime") from error
