"""Benchmark of scoring: both scorers give the same scores, and ours is faster."""

from avseld.benchmarking.metrics import bench_metrics, scenes


def test_both_scorers_give_the_same_scores_and_ours_is_faster(monkeypatch) -> None:
    monkeypatch.setattr("avseld.benchmarking.metrics.N_FILES", 6)
    result = bench_metrics(generated=100)
    assert result["recordings"] == 6
    assert result["difference"] < 1e-9
    assert result["ratio"] == result["published"] / result["ours"] > 1
    assert result["jackknife"]["published"] > result["jackknife"]["ours"]
    assert result["many"]["recordings"] == 100


def test_generated_scenes_repeat_with_their_seed() -> None:
    first, second = list(scenes(3)), list(scenes(3))
    assert all(
        a == b for pair, other in zip(first, second, strict=True) for a, b in zip(pair, other, strict=True)
    )
    assert all(len(reference) > len(prediction) > 0 for reference, prediction in first)
