"""Names of weights in a run folder."""

from pathlib import Path

import pytest

from avseld.base.errors import BadInput
from avseld.io.run_weights import beside, kept_file, run_folder, weights_of


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").touch()
    for step in (500, 1500):
        kept_file(folder, step).touch()
    return folder


def test_a_run_with_a_step_names_the_weights_and_the_results_of_that_step(run):
    named = Path(f"{run}@500")
    assert (
        weights_of(run) == run / "model.safetensors" and weights_of(run, "last") == run / "last.safetensors"
    )
    assert weights_of(named) == weights_of(kept_file(run, 500)) == run / "checkpoints" / "step500.safetensors"
    assert weights_of(Path(f"{run}/@500")) == weights_of(
        named
    )  # a folder completed by the shell ends with a slash
    for name in (run, named, kept_file(run, 500), run / "model.safetensors"):
        assert run_folder(name) == run
    assert (
        beside(run, "predictions") == beside(run / "last.safetensors", "predictions") == run / "predictions"
    )
    assert (
        beside(named, "predictions") == beside(kept_file(run, 500), "predictions") == run / "predictions@500"
    )


def test_a_folder_whose_own_name_has_an_at_sign_is_that_folder(run):
    other = run.parent / "run@500"
    other.mkdir()
    (other / "config.yaml").touch()
    assert run_folder(other) == other and weights_of(other) == other / "model.safetensors"


def test_a_step_that_is_not_kept_is_refused_with_those_that_are(run):
    for step in ("501", "best", "-1", ""):
        with pytest.raises(
            BadInput, match=rf"run@{step}: no weights of step {step}; the run keeps 500, 1500$"
        ):
            weights_of(Path(f"{run}@{step}"))
    with pytest.raises(BadInput, match="names a step, and --weights last another"):
        weights_of(Path(f"{run}@500"), "last")
    for step in (500, 1500):
        kept_file(run, step).unlink()
    with pytest.raises(BadInput, match=r"the run keeps none; .*run alone is its best weights"):
        weights_of(Path(f"{run}@500"))
