"""The benchmark of energy maps compares the same maps."""

import pytest

from data_prep.imaging import benchmark


def test_the_benchmark_times_both_ways_to_the_same_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "SOUND_S", 0.2)
    found = benchmark.bench_energy_maps(seconds=0.2)
    assert found["difference"] <= 5.01e-7  # files have six digits
    assert found["ratio"] == pytest.approx(found["ours"] / found["published"]) and found["ratio"] > 1
