"""A corpus that lives on the device: windows are gathered there, so that a step asks nothing of the host.

The windows are those of `avseld.data.windows`, to the last bit: the same numbers draw the same stretches, sound is
kept as the 16-bit samples of the files, labels as rows of label frames, boxes as they were detected.
"""

from collections.abc import Iterator

import numpy as np
import soundfile
import torch
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.data.windows import Batch, Numbers, Windows

APART = 1e7
"""seconds between the clocks of two recordings, so that one search finds a time in all of them; 115 days"""

CHECKED = 8
"""windows that are compared with the ordinary ones before training begins"""


def resident_bytes(windows: Windows) -> int:
    """Bytes of the sound of all recordings at 16 bits, which is nearly all that is kept."""
    return int(windows.length.sum()) * windows.n_channels * 2


class Resident:
    """The recordings of a set of windows on a device.

    Args of the constructor:
        windows: ordinary ones, without changes of scenes.
        device: where the corpus goes.

    Raises:
        BadInput: recordings of other than 16 bits, changed scenes, or a target that looks beyond its own frame.
    """

    def __init__(self, windows: Windows, device: torch.device) -> None:
        if windows.augment:
            raise BadInput(
                "data.resident: changed scenes are made on the host; choose never, or leave augment out"
            )
        self.windows, self.device = windows, device
        self.offset = torch.from_numpy(np.concatenate([[0], np.cumsum(windows.length)[:-1]])).to(device)
        self.audio = self._audio()
        self.tables, self.group = self._labels()
        rows = np.array([-(-self._n_frames(n) // self.group) for n in range(len(windows.length))])
        self.row = torch.from_numpy(np.concatenate([[0], np.cumsum(rows)[:-1]])).to(device)
        self.n_rows = torch.from_numpy(rows).to(device)
        if not windows.blank:
            self._see()
        self._check()

    def batch(self, which: Tensor, begin: Tensor) -> Batch:
        """Windows of some recordings from some samples on.

        Args:
            which: (window,) recordings.
            begin: (window,) first samples.

        Returns:
            As `Windows` gives them, each with the window first, on the device.
        """
        windows = self.windows
        sample = begin[:, None] + torch.arange(windows.n_samples, device=self.device)
        beyond = sample >= torch.as_tensor(windows.length, device=self.device)[which, None]
        place = (self.offset[which, None] + sample).clamp(max=len(self.audio) - 1)
        sound = self.audio[place].masked_fill(beyond[..., None], 0)
        item = {"waveform": sound.transpose(1, 2).float() / 32768}
        start = begin.double() / windows.rate
        first = torch.floor(start / windows.hop + 1e-6).long()
        frame = first[:, None] + torch.arange(windows.n_frames, device=self.device)
        row = torch.div(frame, self.group, rounding_mode="floor")
        known = row < self.n_rows[which, None]
        row = self.row[which, None] + row.minimum(self.n_rows[which, None] - 1)
        for name, table in self.tables.items():
            value = table[row]
            item[name] = value * known.reshape(*known.shape, *[1] * (value.ndim - 2)).to(value.dtype)
        if not windows.blank:
            item["boxes"] = self._seen(which, start)
        return item

    def _audio(self) -> Tensor:
        parts = []
        for recording in self.windows.recordings:
            with soundfile.SoundFile(recording.audio) as file:
                if file.subtype != "PCM_16":
                    raise BadInput(
                        f"{recording.audio}: {file.subtype}, not 16 bits; choose data.resident never"
                    )
                parts.append(torch.from_numpy(file.read(dtype="int16", always_2d=True)))
        return torch.cat(parts).to(self.device)

    def _n_frames(self, number: int) -> int:
        return int(self.windows.length[number] / self.windows.rate / self.windows.hop) + 1

    def _labels(self) -> tuple[dict[str, Tensor], int]:
        """Rows of label frames of all recordings, and the frames that share one."""
        windows = self.windows
        group = max(round(0.1 / windows.hop), 1)
        parts: dict[str, list[Tensor]] = {}
        for number, events in enumerate(windows.events):
            n_rows = -(-self._n_frames(number) // group)
            whole = windows.target.encode(events, 0.0, n_rows * group, windows.hop)
            for name, value in whole.items():
                if len(value) != n_rows * group:
                    raise BadInput("data.resident: this target has no value for each frame; choose never")
                parts.setdefault(name, []).append(torch.from_numpy(value[::group].copy()))
        return {name: torch.cat(values).to(self.device) for name, values in parts.items()}, group

    def _see(self) -> None:
        """Boxes, or whatever the view shows, of all videos, by their times one after another."""
        times, values, durations = [], [], []
        for number, sight in enumerate(self.windows.sights):
            seen = None if sight is None else sight.rows()
            known = np.zeros(1) if seen is None else seen[0]
            times.append(known + number * APART)
            values.append(np.zeros((1, *self._row_shape()), np.float32) if seen is None else seen[1])
            durations.append(-1.0 if sight is None else sight.duration)
        self.times = torch.from_numpy(np.concatenate(times)).to(self.device)
        self.seen_rows = torch.from_numpy(np.concatenate(values)).to(self.device)
        self.durations = torch.tensor(durations, dtype=torch.float64, device=self.device)
        count = np.cumsum([0] + [len(each) for each in times])
        self.first_row = torch.from_numpy(count[:-1]).to(self.device)

    def _row_shape(self) -> tuple[int, ...]:
        shape = self.windows.view.shape
        return shape[1:] if self.windows.view.n_times else shape

    def _seen(self, which: Tensor, start: Tensor) -> Tensor:
        view = self.windows.view
        duration = self.durations[which]
        time, clock = start, which.double() * APART
        inside = start < duration
        if view.n_times:
            steps = (torch.arange(view.n_times, device=self.device, dtype=torch.float64) + 0.5) * view.hop
            time, clock, duration = start[:, None] + steps, clock[:, None], duration[:, None]
            inside = (time >= 0) & (time < duration)
        row = torch.searchsorted(self.times, (time + clock + 1e-6).contiguous(), right=True) - 1
        first = self.first_row[which]
        row = row.maximum(first[:, None] if view.n_times else first)
        value = self.seen_rows[row]
        return value * inside.reshape(*inside.shape, *[1] * (value.ndim - inside.ndim)).to(value.dtype)

    def _check(self) -> None:
        """Compare some windows with the ordinary ones."""
        drawn = [self.windows.draw(number) for number in range(CHECKED)]
        which, begin = (torch.tensor(values, device=self.device) for values in zip(*drawn, strict=True))
        ours = self.batch(which, begin)
        for number in range(CHECKED):
            for name, value in self.windows[number].items():
                if not torch.allclose(ours[name][number].cpu(), value, atol=1e-6):
                    raise BadInput(
                        f"data.resident: {name} of this target cannot be kept by the frame; choose never"
                    )


class ResidentBatches:
    """The batches of a stretch of steps, from a corpus on the device; drawn all at once before the first.

    Args of the constructor:
        resident: the corpus.
        numbers: of the windows.
    """

    def __init__(self, resident: Resident, numbers: Numbers) -> None:
        self.resident, self.numbers = resident, numbers

    def __len__(self) -> int:
        return self.numbers.steps

    def __iter__(self) -> Iterator[Batch]:
        drawn = [self.resident.windows.draw(number) for number in self.numbers]
        table = torch.tensor(drawn, device=self.resident.device).reshape(-1, self.numbers.share, 2)
        for step in table:
            yield self.resident.batch(step[:, 0], step[:, 1])


def fits(windows: Windows, device: torch.device) -> bool:
    """Whether the corpus takes less than half of what is free on a CUDA device."""
    if device.type != "cuda" or windows.augment:
        return False
    return resident_bytes(windows) < torch.cuda.mem_get_info(device)[0] / 2
