"""Clipping, accumulation, averaged weights and warm-up: each does what it says, and resumes bit for bit."""

import os
import signal
from types import SimpleNamespace

import plane_waves
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from avseld.base.errors import BadInput, Interrupted
from avseld.config import Data, Hardware, Part, Update
from avseld.training.module import Learner
from avseld.training.optimizers import schedule_of
from avseld.training.schedules import tri_stage_factor
from avseld.training.step_log import NORMS_PER_LOSSES
from avseld.training.train import train
from avseld.training.updates import WeightAverage, check_update, clip_gradients, parts_of

ALL = Update(clip=0.05, accumulate=2, average=0.9, warmup=2)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return plane_waves.make(tmp_path_factory.mktemp("plane_waves"))


def small_training(prepared, out, update, resume=False, lr=1e-3):
    train(
        Data(prepared, validate=["fold3_room5"], batch_size=4),
        Part("logamplitude_iv"),
        Part("avcrnn", {"width": 8, "hidden": 16}),
        Part("multi_accdoa"),
        Part("adam", {"lr": lr}),
        out,
        schedule=Part("cosine"),
        steps=4,
        validate_every=2,
        update=update,
        hardware=Hardware("cpu", 1),
        resume=resume,
    )


def test_a_training_with_all_of_them_resumes_bit_for_bit(prepared, tmp_path, monkeypatch):
    small_training(prepared, tmp_path / "whole", ALL)
    step = Learner.training_step

    def stop_in_the_second_epoch(learner, batch, number):
        if learner.global_step == 3:
            raise RuntimeError("stopped")
        return step(learner, batch, number)

    monkeypatch.setattr(Learner, "training_step", stop_in_the_second_epoch)
    with pytest.raises(RuntimeError, match="stopped"):
        small_training(prepared, tmp_path / "stopped", ALL)
    monkeypatch.undo()
    small_training(prepared, tmp_path / "stopped", ALL, resume=True)
    for name in ("last.safetensors", "model.safetensors"):
        resumed, whole = load_file(tmp_path / "stopped" / name), load_file(tmp_path / "whole" / name)
        assert all(torch.equal(resumed[key], whole[key]) for key in whole), name
    states = [
        torch.load(tmp_path / one / "checkpoints" / "last.ckpt", weights_only=True)
        for one in ("whole", "stopped")
    ]
    for one, other in zip(states[0]["average"]["average"], states[1]["average"]["average"], strict=True):
        assert torch.equal(one, other)
    live = {name.removeprefix("system.model."): value for name, value in states[0]["state_dict"].items()}
    saved = load_file(tmp_path / "whole" / "last.safetensors")
    assert not torch.equal(live["fc_xyz.weight"], saved["fc_xyz.weight"]), (
        "the average is saved, not the last weights"
    )
    assert torch.equal(states[0]["average"]["step"], torch.tensor(4.0))


class OneWeight:
    """A system of one weight, whose loss is the sum of its outputs."""

    def __init__(self):
        self.model = nn.Linear(1, 1, bias=False)

    def __call__(self, waveform, visual):
        return self.model(waveform)

    def training_loss(self, output, batch):
        return {"loss": output.sum()}


@pytest.mark.parametrize("clip", [None, 0.5])
def test_the_norm_of_gradients_is_that_of_the_loss_before_it_was_scaled_for_16_bits(clip):
    scaler = SimpleNamespace(get_scale=lambda: 1024.0)
    trainer = SimpleNamespace(precision_plugin=SimpleNamespace(scaler=scaler), log_every_n_steps=1)
    learner = SimpleNamespace(
        system=OneWeight(), update=Update(clip=clip), trainer=trainer, global_step=NORMS_PER_LOSSES - 1,
        zero_grad=lambda set_to_none: None, manual_backward=lambda loss: (1024 * loss).backward(),
    )  # fmt: skip
    Learner._learn(learner, {"waveform": torch.full((2, 1), 3.0)})
    assert learner.gradient_norm.item() == 6
    assert learner.system.model.weight.grad.item() == pytest.approx(1024 * (6 if clip is None else clip))
    norms = Learner._norms(learner, learner.global_step)[learner.global_step]
    assert norms[1] == 6


def test_the_average_is_that_of_the_formula_and_exchanging_twice_changes_no_bit():
    model, values = nn.Linear(1, 1, bias=False), [1.0, 5.0, -2.0]
    model.weight.data.fill_(values[0])
    average = WeightAverage(model, 0.25)
    expected = values[0]
    for step, value in enumerate(values[1:], start=1):
        model.weight.data.fill_(value)
        average.update()
        share = min((1 + step) / (10 + step), 0.25)
        expected = share * expected + (1 - share) * value
    with average.in_use():
        assert model.weight.item() == pytest.approx(expected, rel=1e-6)
    assert model.weight.item() == values[-1]


def test_gradients_are_shrunk_to_the_norm_whatever_the_scale_of_the_loss():
    for scale in (1.0, 1024.0):
        model = nn.Linear(3, 2)
        for weight in model.parameters():
            weight.grad = scale * torch.full_like(weight, 2.0)
        norm = clip_gradients(model, 0.5, scale)
        assert norm.item() == pytest.approx(2 * 8**0.5)
        left = torch.cat([weight.grad.flatten() for weight in model.parameters()]) / scale
        assert left.norm().item() == pytest.approx(0.5, rel=1e-5) and (left > 0).all()


def test_the_parts_of_a_batch_are_its_windows_in_order():
    batch = {"waveform": torch.arange(12.0).reshape(6, 2), "accdoa": torch.arange(6)}
    parts = parts_of(batch, 3)
    assert [part["accdoa"].tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]
    assert torch.equal(torch.cat([part["waveform"] for part in parts]), batch["waveform"])
    with pytest.raises(BadInput, match="no multiple of 4"):
        parts_of(batch, 4)


def test_the_learning_rate_rises_to_its_first_value_before_the_schedule_begins():
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=0.8)
    schedule = schedule_of(Part("linear", {"last": 0.0}), optimizer, 8, warmup=3)
    rates = []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.64, 0.48, 0.32, 0.16])
    with pytest.raises(BadInput, match="one_cycle begins with one"):
        schedule_of(Part("one_cycle"), optimizer, 8, warmup=3)
    with pytest.raises(BadInput, match=r"tri_stage begins with one \(schedule.options.rising\)"):
        schedule_of(Part("tri_stage"), optimizer, 8, warmup=3)
    with pytest.raises(BadInput, match="8 of 8 steps"):
        schedule_of(Part("cosine"), optimizer, 8, warmup=8)


def test_three_stages_begin_at_their_first_factor_and_end_at_their_last():
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=0.8)
    options = {"rising": 0.2, "holding": 0.3, "first": 0.5, "last": 0.0625}
    schedule = schedule_of(Part("tri_stage", options), optimizer, 10)
    rates = []
    for _ in range(11):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:6] == pytest.approx([0.4, 0.6, 0.8, 0.8, 0.8, 0.8])
    assert rates[10] == pytest.approx(0.05) and rates[6] / rates[5] == pytest.approx(rates[7] / rates[6])
    for wrong, says in (
        ({"rising": 0.5}, "rising 0.5 and holding 0.6 are shares"),
        ({"last": 0.0}, "last 0 are"),
        ({"fall": "linear"}, "fall 'linear' is none of exponential, cosine"),
    ):
        with pytest.raises(BadInput, match=says):
            schedule_of(Part("tri_stage", wrong), optimizer, 10)


def test_the_last_stage_may_be_half_a_cosine():
    rates = [tri_stage_factor(step, 100, 0.1, 0.3, last=0.2, fall="cosine") for step in range(102)]
    assert rates[:40] == pytest.approx([tri_stage_factor(step, 100, 0.1, 0.3) for step in range(40)])
    assert rates[40] == 1 and rates[60] == pytest.approx(0.8)
    assert rates[70] == pytest.approx(0.6) and rates[100] == rates[101] == pytest.approx(0.2)


@pytest.mark.parametrize("words", [{"clip": 0.0}, {"clip": float("nan")}, {"accumulate": 0}, {"average": 1.0},
                                   {"warmup": -1}])  # fmt: skip
def test_values_without_a_meaning_are_refused(words):
    with pytest.raises(BadInput, match=f"update.{next(iter(words))}"):
        check_update(Update(**words))


def test_a_stop_within_an_epoch_saves_the_average_too_and_resumes_bit_for_bit(
    prepared, tmp_path, monkeypatch
):
    out, step = tmp_path / "stopped", Learner.training_step
    small_training(prepared, tmp_path / "whole", ALL)

    def signalled(learner, batch, number):
        if learner.global_step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(learner, batch, number)

    with monkeypatch.context() as patched, pytest.raises(Interrupted, match="stopped at step 3"):
        patched.setattr(Learner, "training_step", signalled)
        small_training(prepared, out, ALL)
    checkpoint = torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)
    live = checkpoint["state_dict"]["system.model.fc_xyz.weight"]
    saved = load_file(out / "last.safetensors")["fc_xyz.weight"]
    assert not torch.equal(saved, live)
    assert any(
        torch.equal(saved, each) for each in checkpoint["average"]["average"] if each.shape == saved.shape
    )
    small_training(prepared, out, ALL, resume=True)
    for name in ("last.safetensors", "model.safetensors"):
        resumed, whole = load_file(out / name), load_file(tmp_path / "whole" / name)
        assert all(torch.equal(resumed[key], whole[key]) for key in whole), name
