"""Where the time between a sound and its event goes: planned before a stream begins, and measured while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

RESOLUTION_S = 0.0005
"""seconds to which durations are counted"""
LONGEST_S = 20.0
"""durations beyond it are counted as it; the worst one is kept exactly"""

STAGES: Mapping[str, str] = {
    "block": "sound waits in the device until its block is full",
    "resampling": "filter between the two rates",
    "step": "label frames that are said together",
    "look-ahead": "sound after a label frame that enters it",
    "features": "transform, spectra, directions",
    "network": "network",
    "output": "decoding, and handing on to the outputs",
}
"""stage -> what happens in it; together the latency of a sound at the beginning of its label frame"""
BESIDE: Mapping[str, str] = {"detector": "people in one picture, beside the network"}
"""stages that no event waits for"""
LATENCY = "latency"


class Durations:
    """Durations in memory of a fixed size, however many there are."""

    def __init__(self) -> None:
        self._counts = np.zeros(round(LONGEST_S / RESOLUTION_S) + 1, np.int64)
        self.worst = 0.0
        self.n = 0

    def add(self, seconds: float) -> None:
        """Count a duration; a negative one counts as none."""
        self._counts[min(round(max(seconds, 0.0) / RESOLUTION_S), len(self._counts) - 1)] += 1
        self.worst = max(self.worst, seconds)
        self.n += 1

    def quantile(self, share: float) -> float:
        """Return the duration, to `RESOLUTION_S`, below which a share of all lies; NaN without any."""
        if not self.n:
            return float("nan")
        reached = np.cumsum(self._counts) >= share * self.n
        return min(float(np.argmax(reached)) * RESOLUTION_S, self.worst)


@dataclass
class Budget:
    """Stages of the latency.

    Args:
        planned: stage -> seconds, before the stream begins.
        measured: stage, or `LATENCY` -> durations.
    """

    planned: dict[str, float] = field(default_factory=dict)
    measured: dict[str, Durations] = field(default_factory=dict)

    def add(self, stage: str, seconds: float) -> None:
        """Count a measured duration."""
        self.measured.setdefault(stage, Durations()).add(seconds)

    @property
    def latency(self) -> float:
        """Planned seconds from a sound at the beginning of its label frame to its event."""
        return sum(seconds for stage, seconds in self.planned.items() if stage in STAGES)

    def plan(self) -> str:
        """Write the plan in one line."""
        stages = " + ".join(
            f"{stage} {_ms(self.planned[stage])}" for stage in STAGES if stage in self.planned
        )
        beside = "".join(
            f"; beside it {stage} {_ms(self.planned[stage])}" for stage in BESIDE if stage in self.planned
        )
        return f"latency, ms: {stages} = {_ms(self.latency)}{beside}"

    def table(self) -> str:
        """Write planned and measured milliseconds of each stage."""
        rows = [("ms", "planned", "p50", "p95", "worst")]
        for stage in (*STAGES, *BESIDE, LATENCY):
            known = {**self.planned, LATENCY: self.latency} if self.planned else {}
            if stage not in known and stage not in self.measured:
                continue
            planned = _ms(known[stage]) if stage in known else "-"
            one = self.measured.get(stage)
            measured = (
                ("-",) * 3
                if one is None
                else (_ms(one.quantile(0.5)), _ms(one.quantile(0.95)), _ms(one.worst))
            )
            rows.append((stage, planned, *measured))
        return "".join(f"{row[0]:<11}" + "".join(f"{cell:>9}" for cell in row[1:]) + "\n" for row in rows)

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Return it for JSON, in seconds."""
        stages: dict[str, dict[str, float]] = {}
        for stage, seconds in {**self.planned, LATENCY: self.latency}.items():
            stages.setdefault(stage, {})["planned"] = round(seconds, 5)
        for stage, one in self.measured.items():
            measured = {"p50": one.quantile(0.5), "p95": one.quantile(0.95), "worst": one.worst}
            stages.setdefault(stage, {}).update({name: round(value, 5) for name, value in measured.items()})
        return stages


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f}" if seconds >= 0.01 else f"{1000 * seconds:.1f}"
