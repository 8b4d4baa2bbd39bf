"""Training windows of a corpus in shards: archives are read in order, and windows drawn from a buffer of recordings.

Which windows they are is decided by `avseld.data.shard_order`. Here recordings are read, decoded and held while their
windows are due: 16-bit samples, events, boxes or embeddings. What is held is never saved: a process that begins in the
middle of a training reads the recordings of its next windows again.
"""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from avseld.augment.scenes import Window
from avseld.base.archive import open_file
from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP, exact_div
from avseld.config import Data
from avseld.data.shard_order import Interval, ShardOrder, VisitId
from avseld.data.visual import load_visual_input
from avseld.data.windows import Batch, SceneChange, WindowSource, check_annotation, evenly, has_times
from avseld.io.channel_map import wrong_channels
from avseld.io.events import Events, read_events
from avseld.io.manifest import Recording
from avseld.io.shards import KINDS, ShardIndex, read_index
from avseld.system.build import System
from avseld.vision.visual_input import VisualInput

BYTES_PER_SAMPLE = 2
MB = 1e6
N_CHECKED = 8
"""recordings that are read before training begins, to show at once what is wrong with all of them"""
MOST_ARRIVALS = 8
"""recordings read in order before a window; more of them are the buffer of a run that is resumed, which fills up as it
is needed"""
AGAIN = "write the shards anew with avseld-prep shards"


class Held(NamedTuple):
    """A recording in memory."""

    samples: np.ndarray
    """(sample, channel) int16"""
    events: Events
    visual: VisualInput | None


class Buffer:
    """The recordings of a lane that a process holds."""

    def __init__(self) -> None:
        self.held: dict[VisitId, Held] = {}
        self.newest = VisitId(-1, -1)
        """visit that was read last"""
        self.due: tuple[int, int, int, int] | None = None
        """epoch, first and last visit and number of visits of the last window"""

    @property
    def n_bytes(self) -> int:
        """Bytes of the sound that is held."""
        return sum(each.samples.nbytes for each in self.held.values())


class ShardWindows(WindowSource):
    """Windows of recordings in shards, read from the beginning of an archive to its end.

    Args:
        recordings: of a folder of shards; their lengths are those of the index, no archive is opened for them.
        system: decides sample rate, window and target.
        data: names the folder, the size of the buffer and the number of windows of a step.
        seed: of the draw.
        augment: changes of a window before it is encoded, in their order; another window comes from the buffer.

    Raises:
        BadInput: a recording outside of the archives, of another rate or number of channels, too short, without labels;
            a target that needs energy maps, or the corpus is to be kept on the device.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        system: System,
        data: Data,
        seed: int,
        augment: Sequence[SceneChange] = (),
    ) -> None:
        super().__init__(recordings, system, data, seed, augment)
        if data.device_cache == "always":
            raise BadInput("data.device_cache: always, but shards are read as training goes on; choose auto")
        if self.target.needs_maps:
            raise BadInput(
                f"{data.prepared}: archives hold no energy maps; train from the prepared folder they were made of, "
                "or with --target.options.energies gaussian"
            )
        self.index = read_index(data.prepared)
        self.rows = rows_of(self.index, recordings)
        self.length = self.index.samples[self.rows]
        self._check(data.format)
        self.n_classes, self.shuffled = len(system.blueprint.classes), data.video == "shuffled"
        self.batch_size, self.buffer = data.batch_size, data.shuffle_buffer * MB
        self.offset = np.array([recording.video_offset for recording in recordings])
        self.yaw = np.array([recording.video_yaw for recording in recordings])
        self.n_processes = 1
        self._set_chances()
        _, _, self.visual_inputs = self.some(N_CHECKED)
        self._forget()

    def _check(self, format: str) -> None:
        """Refuse recordings that cannot be trained on, by the index alone."""
        index, rows = self.index, self.rows
        for wrong, what in (
            (index.sample_rate[rows] != self.rate, "{rate} Hz instead of " + str(self.rate)),
            (index.channels[rows] != self.n_channels, "{channels}"),
        ):
            if wrong.any():
                row = int(rows[np.argmax(wrong)])
                channels = wrong_channels(int(index.channels[row]), format, "")
                said = what.format(rate=index.sample_rate[row], channels=channels)
                raise BadInput(
                    f"{index.member(row, 'audio')}: {said}; {AGAIN}, of recordings of this rate and format"
                )
        short = self.length < self.n_samples
        if short.any() and not self.pads:
            which = int(np.argmax(short))
            raise self._too_short(self.recordings[which].audio, self.length[which] / self.rate)
        for recording in self.recordings:
            if recording.labels is None:
                raise BadInput(
                    f"{recording.name}: the manifest names no labels; prepare it with its metadata"
                )

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what a reading process finds by itself: the list of recordings, and what is held."""
        return self.__dict__ | {"recordings": [], "visual_inputs": [], "orders": {}, "buffers": {}}

    def _forget(self) -> None:
        self.orders: dict[int, ShardOrder] = {}
        self.buffers: dict[tuple[int, int], Buffer] = {}

    def shared_by(self, n_processes: int) -> None:
        """Say how many processes share the windows of a step.

        Raises:
            BadInput: fewer archives than processes.
        """
        exact_div(self.batch_size, n_processes, "windows of a batch and processes")
        if n_processes != self.n_processes:
            self._forget()
        self.n_processes = n_processes
        self.order(0)

    def order(self, rank: int) -> ShardOrder:
        """Return the order in which a process reads.

        Args:
            rank: number of the process.
        """
        if rank not in self.orders:
            weight = self.weights()
            # As many windows in an epoch as cover the recordings once: what is read is about what is trained on.
            covering = np.maximum(self.length / self.n_samples, 1).mean()
            self.orders[rank] = ShardOrder(
                self.index.shard[self.rows],
                self.length * self.n_channels * BYTES_PER_SAMPLE,
                covering * weight / weight.mean(),
                self.buffer,
                self.seed,
                rank,
                self.n_processes,
            )
        return self.orders[rank]

    def __getitem__(self, number: int) -> Batch:
        """Return a window: waveform (channel, sample), visual input unless blank, and the target's arrays."""
        step, place = divmod(number, self.batch_size)
        rank, place = divmod(place, self.batch_size // self.n_processes)
        order = self.order(rank)
        lane, in_lane = order.lane_of(step, self.batch_size // self.n_processes, place)
        interval, at = order.find(lane, in_lane)
        visit, held = int(interval.visit[at]), interval.held(at)
        buffer = self.buffers.setdefault((rank, lane), Buffer())
        self._refresh(buffer, interval, visit, held)
        random = np.random.default_rng([self.seed, number])

        def another() -> Window:
            end = np.cumsum(interval.n_windows[held])
            drawn = int(held[np.searchsorted(end, random.integers(end[-1]), side="right")])
            return self._window(buffer, interval, drawn, random)

        return self._changed(self._window(buffer, interval, visit, random), random, another)

    def _refresh(self, buffer: Buffer, interval: Interval, visit: int, held: np.ndarray) -> None:
        """Drop the recordings whose time is over, and read those that have arrived since, in their order."""
        due_now = (interval.epoch, int(held[0]), int(held[-1]), len(held))
        if buffer.due == due_now:
            return
        buffer.due = due_now
        ids = [interval.id(place) for place in held]
        due = set(ids)
        for old in [each for each in buffer.held if each not in due]:
            del buffer.held[old]
        new = [place for place, each in zip(held, ids, strict=True) if each > buffer.newest]
        if len(new) > MOST_ARRIVALS:
            new = []
        for place in new:
            self._load(buffer, interval, int(place))
        buffer.newest = max(buffer.newest, ids[-1])

    def _load(self, buffer: Buffer, interval: Interval, visit: int) -> Held:
        name = interval.id(visit)
        if name not in buffer.held:
            which = int(interval.recording[visit])
            shown = self._shown_with(interval, visit) if self.shuffled else which
            buffer.held[name] = self._read(which, shown)
        return buffer.held[name]

    def _shown_with(self, interval: Interval, visit: int) -> int | None:
        """Choose the recording whose video is shown with another sound: the one read before, or the second of all."""
        first = 0 if visit < interval.n_before else interval.n_before
        last = interval.n_before if visit < interval.n_before else len(interval.recording)
        other = visit - 1 if visit > first else visit + 1
        return int(interval.recording[other]) if other < last else None

    def _window(self, buffer: Buffer, interval: Interval, visit: int, random: np.random.Generator) -> Window:
        held = self._load(buffer, interval, visit)
        begin = self._begin(int(interval.recording[visit]), random)
        inside = held.samples[begin : begin + self.n_samples]
        waveform = np.zeros((self.n_channels, self.n_samples), np.float32)
        np.multiply(inside.T, np.float32(1 / 32768), out=waveform[:, : len(inside)])
        start = begin / self.rate
        return Window(waveform, held.events, start, self._shown(held.visual, start), self.visual_layout)

    def _recording(self, which: int) -> Recording:
        """Make a recording of the index, as reading processes have no manifest."""
        row = int(self.rows[which])
        audio = self.index.member(row, "audio")
        assert audio is not None
        return Recording(
            self.index.key[row].decode(),
            audio,
            "",
            boxes=self.index.member(row, "boxes"),
            labels=self.index.member(row, "labels"),
            duration=float(self.length[which] / self.rate),
            video_offset=float(self.offset[which]),
            video_yaw=float(self.yaw[which]),
            embeddings=self.index.member(row, "embeddings"),
        )

    def _read(self, which: int, shown: int | None) -> Held:
        """Read a recording, with the video of a recording.

        Raises:
            BadInput: damaged files, or labels that the target cannot be trained with.
        """
        recording = self._recording(which)
        samples = self._samples(recording, int(self.length[which]))
        return Held(samples, self._events(recording), None if shown is None else self._visual(shown))

    def _samples(self, recording: Recording, length: int) -> np.ndarray:
        try:
            # In one piece: a disk across a network is asked once.
            with open_file(recording.audio) as file, soundfile.SoundFile(io.BytesIO(file.read())) as sound:
                if sound.subtype != "PCM_16":
                    raise BadInput(f"{recording.audio}: {sound.subtype}, not 16 bits; {AGAIN}")
                samples = sound.read(dtype="int16", always_2d=True)
            if samples.shape != (length, self.n_channels):
                raise BadInput(f"{recording.audio}: {len(samples)} samples, the index says {length}; {AGAIN}")
        except soundfile.SoundFileError as error:
            raise BadInput(f"{recording.audio}: no readable audio ({error}); {AGAIN}") from error
        return samples

    def _events(self, recording: Recording) -> Events:
        assert recording.labels is not None
        events = read_events(recording.labels, self.n_classes)
        if events.duration > recording.duration + LABEL_HOP:
            raise BadInput(
                f"{recording.labels}: labels until {events.duration:.1f} s, but {recording.audio} ends at "
                f"{recording.duration:.1f} s; they belong to another recording"
            )
        check_annotation(self.target, [recording], [events], self.n_frames, self.hop)
        return events

    def _visual(self, which: int) -> VisualInput | None:
        if self.blank:
            return None
        recording = self._recording(which)
        wanted = [recording.boxes] * (self.visual_spec.n_boxes > 0)
        wanted += [recording.embeddings] * (self.visual_spec.n_values > 0)
        if any(path is None for path in wanted):
            return None
        return load_visual_input(recording, self.visual_spec)

    def some(self, n: int) -> tuple[list[Recording], list[Events], list[VisualInput | None]]:
        """Choose at most n recordings whose events have times, evenly over their list; with events and visual input."""
        places = evenly(range(len(self.rows)), n)
        events = [self._events(self._recording(place)) for place in places]
        usable = [(place, own) for place, own in zip(places, events, strict=True) if has_times(own)]
        return (
            [self.recordings[place] for place, _ in usable],
            [own for _, own in usable],
            [self._visual(place) for place, _ in usable],
        )


def rows_of(index: ShardIndex, recordings: Sequence[Recording]) -> np.ndarray:
    """Find recordings of a manifest in the index of its shards.

    Returns:
        (recording,) rows of the index.

    Raises:
        BadInput: a recording, or its labels, boxes or embeddings, lies outside of the archives.
    """
    number = {f"{index.archive(place)}": place for place in range(len(index.names))}
    row_of = {
        pair: row for row, pair in enumerate(zip(index.shard.tolist(), index.key.tolist(), strict=True))
    }
    rows = []
    for recording in recordings:
        audio = recording.audio
        archive, _, member = str(audio).rpartition(os.sep)  # of names, as there may be hundreds of thousands
        row = row_of.get((number.get(archive, -1), member.removesuffix(f".{KINDS['audio']}").encode()))
        if row is None:
            raise BadInput(f"{audio}: not in the index {index.folder / 'members.csv'}; {AGAIN}")
        rows.append(row)
        for kind in ("labels", "boxes"):
            path: Path | None = getattr(recording, kind)
            if path is not None and path != index.member(row, kind):
                raise BadInput(
                    f"{path}: lies beside the archives; enter it in the prepared folder, and {AGAIN}"
                )
    return np.array(rows, np.int64)
