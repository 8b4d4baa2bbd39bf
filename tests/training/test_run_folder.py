"""Run folders: one training in each, moved ones, broken checkpoints and configurations."""

import shutil
from pathlib import Path

import plane_waves
import pytest
import torch
from learning import learn, train_briefly
from safetensors.torch import load_file

from avseld.base.errors import BadInput
from avseld.base.locks import sole_writer
from avseld.config import Data, InitFrom, Part, Update
from avseld.evaluation.evaluate import evaluate
from avseld.evaluation.validation import Validator
from avseld.inference.predict import predict
from avseld.io.run_weights import kept_file, kept_steps, weights_of
from avseld.metrics.formulas import Scores
from avseld.training.callbacks import AtomicCheckpoints
from avseld.training.module import Learner
from avseld.weights.start import with_files


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return plane_waves.make(tmp_path_factory.mktemp("plane_waves"), seconds=3)


def scored(monkeypatch, *scores):
    """Let validations have these scores."""
    rest = list(scores)
    monkeypatch.setattr(
        Validator, "scores", lambda self, results: Scores(2023, "macro", values={"seld_score": rest.pop(0)})
    )


@pytest.fixture(scope="module")
def stopped(prepared, tmp_path_factory):
    """Train a run that was killed after its second validation of three; the first one was the best."""
    out = tmp_path_factory.mktemp("runs") / "stopped"
    with pytest.MonkeyPatch.context() as patched:
        scored(patched, 0.5, 0.6)
        with pytest.raises(IndexError):
            train_briefly(prepared, out, steps=3, validate_every=1, best_by="seld_score")
    return out


@pytest.fixture
def copy(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "copy")


def resume(prepared, out):
    train_briefly(prepared, out, steps=3, validate_every=1, best_by="seld_score", resume=True)


def as_of_an_earlier_version(checkpoint):
    """Give scores the names that they had: scores/F."""
    callbacks = {name.replace("score/", "scores/"): state for name, state in checkpoint["callbacks"].items()}
    history = [
        {name.replace("score/", "scores/"): value for name, value in row.items()}
        for row in checkpoint["history"]
    ]
    assert any("'scores/seld_score'" in name for name in callbacks)
    return checkpoint | {"callbacks": callbacks, "history": history}


def test_the_best_weights_of_a_run_whose_folder_was_moved_stay(prepared, stopped, copy, monkeypatch, recwarn):
    before, elsewhere = (
        load_file(copy / "model.safetensors"),
        (stopped / "checkpoints" / "best.ckpt").read_bytes(),
    )
    kept = (copy / "checkpoints" / "best.ckpt").read_bytes()
    last = copy / "checkpoints" / "last.ckpt"
    torch.save(as_of_an_earlier_version(torch.load(last, weights_only=True)), last)
    scored(monkeypatch, 0.55)
    resume(prepared, copy)
    assert (copy / "metrics.csv").read_text().startswith("step,loss/validate,score/seld_score\n")
    after = load_file(copy / "model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)
    last = load_file(copy / "last.safetensors")
    assert not all(torch.equal(last[name], after[name]) for name in after)
    assert (copy / "checkpoints" / "best.ckpt").read_bytes() == kept
    assert (stopped / "checkpoints" / "best.ckpt").read_bytes() == elsewhere
    assert not [str(each.message) for each in recwarn if "dirpath" in str(each.message)]


def test_better_weights_of_a_run_whose_folder_was_moved_are_the_best(prepared, copy, monkeypatch):
    scored(monkeypatch, 0.45)
    resume(prepared, copy)
    best, last = (load_file(copy / f"{name}.safetensors") for name in ("model", "last"))
    assert all(torch.equal(best[name], last[name]) for name in best)


def test_a_second_training_into_a_run_folder_is_refused_while_the_first_runs(prepared, copy, tmp_path):
    for out, resumed in ((copy, True), (copy, False), (tmp_path / "new", False)):
        with sole_writer(out), pytest.raises(BadInput, match="another program is writing into it"):
            train_briefly(prepared, out, steps=3, validate_every=1, resume=resumed)


def test_a_training_does_not_begin_in_a_folder_of_something_else(prepared, tmp_path):
    before = sorted(prepared.rglob("*"))
    with pytest.raises(BadInput, match=r"holds other files \(audio, boxes, .*\); name a new folder"):
        train_briefly(prepared, prepared)
    with pytest.raises(BadInput, match=r"holds other files \(audio, boxes, .*\); name a new folder"):
        train_briefly(prepared, prepared, seed=[0, 1])
    with pytest.raises(BadInput, match=r"manifest.csv: is a file; name a folder"):
        train_briefly(prepared, prepared / "manifest.csv")
    assert sorted(prepared.rglob("*")) == before


def test_half_written_files_of_a_killed_run_are_removed_when_it_is_resumed(prepared, copy, monkeypatch):
    left = [copy / "checkpoints" / ".best.950c918f.partial.ckpt", copy / ".last.0123abcd.partial.safetensors"]
    other = copy / "predictions" / ".a.0123abcd.partial.csv"
    other.parent.mkdir()
    for path in (*left, other):
        path.touch()
    scored(monkeypatch, 0.5)
    resume(prepared, copy)
    assert not any(path.exists() for path in left) and other.exists()


def checkpoints(path):
    """Write broken checkpoints one after the other; yields what the message must say."""
    whole = torch.load(path, weights_only=True)
    size = path.stat().st_size
    content = path.read_bytes()
    for raw, says in (
        (b"", "is empty"),
        (b"a text", "is no checkpoint"),
        (content[: size // 2], "or was cut off"),
    ):
        path.write_bytes(raw)
        yield says
    for other in ({"a": 1}, torch.ones(3), [whole]):
        torch.save(other, path)
        yield "no checkpoint of a run"
    for name in ("state_dict", "loops", "lr_schedulers", "callbacks", "optimizer_states", "global_step"):
        torch.save({key: value for key, value in whole.items() if key != name}, path)
        yield f"no checkpoint of a run, {name} is missing"
    torch.save({**whole, "random_state": {"python": 1}}, path)
    yield "numpy is missing with random_state"


def test_what_is_wrong_with_a_checkpoint_is_said_in_one_line_with_its_name(copy):
    path = copy / "checkpoints" / "last.ckpt"
    for says in checkpoints(path):
        with pytest.raises(BadInput) as error:
            AtomicCheckpoints().load_checkpoint(path)
        message = str(error.value)
        assert message.startswith(f"{path}: ") and says in message, message
        assert "resume from another" in message and "\n" not in message and "weights_only" not in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state_dict", {"a": torch.ones(1)}),
        ("optimizer_states", ["x"]),
        ("loops", {"fit_loop": 3}),
        ("history", 3),
    ],
)
def test_a_checkpoint_of_another_training_is_named(prepared, copy, name, value):
    path = copy / "checkpoints" / "last.ckpt"
    torch.save(torch.load(path, weights_only=True) | {name: value}, path)
    with pytest.raises(BadInput, match=r"copy/checkpoints/last\.ckpt: "):
        resume(prepared, copy)


def test_a_killed_run_of_a_network_that_draws_resumes_to_the_weights_of_an_uninterrupted_one(
    prepared, tmp_path, monkeypatch
):
    def fused(name, **changes):
        return learn(
            "av_foa_fused", prepared, tmp_path / name, 3,
            {"batch_size": 2, "chunk": 1.0, "validate": ["fold3_room5"]}, validate_every=1,
            options={"model": {"video_dropout": 0.5, "hidden": 16}}, update=Update(average=0.9),
            augment=[Part("rotate"), Part("mix"), Part("mask")], **changes,
        )  # fmt: skip

    def killed(self, *words):
        if self.global_step == 1:
            raise KeyboardInterrupt
        return training_step(self, *words)

    training_step = Learner.training_step
    with monkeypatch.context() as patched, pytest.raises((KeyboardInterrupt, SystemExit)):
        patched.setattr(Learner, "training_step", killed)
        fused("killed")
    fused("killed", resume=True)
    fused("whole")
    for name in ("last.safetensors", "model.safetensors"):
        resumed, whole = (load_file(tmp_path / run / name) for run in ("killed", "whole"))
        assert all(torch.equal(resumed[key], whole[key]) for key in whole), name
    assert (tmp_path / "killed" / "metrics.csv").read_text() == (
        tmp_path / "whole" / "metrics.csv"
    ).read_text()


def test_the_weights_of_chosen_steps_are_kept_as_they_are_used(prepared, tmp_path, caplog):
    def run(name, cached, keep_every):
        data = Data(prepared, validate=["fold3_room5_mix003"], batch_size=2, device_cache=cached)
        return train_briefly(
            prepared, tmp_path / name, data=data, keep_every=keep_every, update=Update(average=0.9)
        )

    def kept(folder, step):
        return load_file(weights_of(Path(f"{folder}@{step}")))

    out, listed = run("files", "never", 2), run("cached", "always", [2, 5, 9])
    assert kept_steps(out) == [2, 4] and kept_steps(listed) == [2, 5]
    assert "keep_every: the training ends at step 5, before step 9" in caplog.text
    one, other = kept(out, 2), kept(listed, 2)  # a stretch of a cached corpus ends there
    last, of_last_step = load_file(listed / "last.safetensors"), kept(listed, 5)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert all(torch.equal(last[name], of_last_step[name]) for name in one)
    assert not all(torch.equal(last[name], one[name]) for name in one)

    predict(Path(f"{out}@2"), device="cpu")
    evaluate(Path(f"{out}@4"), figures=0, device="cpu")
    assert list((out / "predictions@2").glob("*.csv")) and list(
        (out / "evaluation@4" / "aligned").glob("*.csv")
    )
    assert not (out / "predictions").exists() and not (out / "evaluation").exists()
    started = with_files(InitFrom(Path(f"{out}@2"), roles={"sed": Path(f"{out}@4")}))
    assert (started.weights, started.roles["sed"]) == (kept_file(out, 2), kept_file(out, 4))
    with pytest.raises(BadInput, match=r"files@3: no weights of step 3; the run keeps 2, 4$"):
        predict(Path(f"{out}@3"), device="cpu")
