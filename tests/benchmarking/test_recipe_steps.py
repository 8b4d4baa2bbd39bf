"""Any recipe is timed beside the same network written plainly."""

import pytest

from avseld.base.errors import BadInput
from avseld.benchmarking import recipe_steps
from avseld.benchmarking.bench import bench
from avseld.models.plain_layers import uses_pytorch_layers
from avseld.recipes.reading import read_recipe


@pytest.fixture
def quick(monkeypatch):
    """Time one round, in this process."""
    monkeypatch.setattr(recipe_steps, "ROUNDS", 1)
    monkeypatch.setattr(recipe_steps, "MEASURED_WINDOWS", 1)
    monkeypatch.setattr(recipe_steps, "alone", lambda work, *words: {"peak_mb": 1.0} | work(*words))


def test_a_recipe_is_timed_in_training_and_prediction_both_ways(quick, capsys):
    bench("train", recipe=read_recipe("general_ele_hist"))
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert float(lines["ratio"]) == pytest.approx(float(lines["ours"]) / float(lines["plain"]), rel=1e-2)
    assert lines["parameters"] == "445155" and float(lines["window_s"]) == 4.0


def test_the_plain_way_runs_with_the_layers_of_pytorch_and_ours_does_not(quick, monkeypatch):
    seen = []
    recipe = read_recipe("general_ele_hist")
    monkeypatch.setattr(
        recipe_steps, "forward_pass", lambda system: lambda: seen.append(uses_pytorch_layers())
    )
    for work in recipe_steps._passes(recipe, 1).values():
        work()
    assert seen == [False, True]


def test_another_benchmark_takes_no_recipe():
    with pytest.raises(BadInput, match="metrics: takes no recipe; --config goes with train"):
        bench("metrics", recipe=read_recipe("av_foa"))
