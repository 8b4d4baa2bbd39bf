"""The benchmark of the stereo converter makes the same kind of clips both ways."""

import pytest

from data_prep.stereo import benchmark, published


def test_the_benchmark_times_both_ways_by_the_clock_and_of_all_processors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"SECONDS": 2, "WIDTH": 240, "ROUNDS": 1, "N_FRAMES": 5, "N_COMPARED": 5}.items():
        monkeypatch.setattr(benchmark, name, value)
    monkeypatch.setattr(published, "N_FRAMES", 5)
    found = benchmark.bench_stereo()
    assert found["clips"] == 5 and found["unit"] == "s a clip"
    assert found["ratio"] == pytest.approx(found["published"] / found["ours"])
    work, sizes = found["processors"], found["mb"]
    assert work["ratio"] == pytest.approx(work["published"] / work["ours"], rel=0.2) and work["ratio"] > 1
    assert found["luma_db"]["ours"] > found["luma_db"]["published"] > 25
    assert 0 < sizes["ours"] < 3 * sizes["published"]
