"""Benchmark of the scores of energy maps: the plain scorer gives the same scores, and drawn references pay off."""

from avseld.benchmarking import imaging


def test_plain_and_cached_scores_are_the_same_and_thin_maps_are_scored_faster(tmp_path, monkeypatch):
    monkeypatch.setattr(imaging, "SHORT_S", 0.5)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    full, thinned = imaging._made(tmp_path, "mix0", imaging.SHORT_S, 3)
    assert full[0] == thinned[0] and thinned[1].stat().st_size < full[1].stat().st_size / 3
    for pair in (full, thinned):
        plain, ours = imaging._plainly([pair]), imaging._ours([pair], tmp_path / "cache")
        assert 0 < ours["score"] < 1 and abs(plain["score"] - ours["score"]) < imaging.LARGEST_DIFFERENCE
        assert ours["same_s"] < ours["new_s"] < plain["plain_s"]
        assert ours["other_confidences_s"] < ours["first_s"]


def test_memory_is_read_at_every_quarter_of_the_recordings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _, pair = imaging._made(tmp_path, "minute", 0.3, 4)
    links = imaging._linked(tmp_path, pair, 4)
    assert len({reference for reference, _ in links}) == 4
    memory = imaging._watched(links, tmp_path / "cache")["memory_mb"]
    assert len(memory) == imaging.N_PARTS and all(0 < one < 10_000 for one in memory)
