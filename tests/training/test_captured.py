"""A training step from a corpus on the device: what it asks of the host, and what seeds it."""

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from avseld.augment.features import Mask, Shift
from avseld.base.draws import EachGenerator, ManyGenerators, generators
from avseld.base.errors import BadInput
from avseld.benchmarking.corpus import CLASSES, write_corpus
from avseld.benchmarking.operators import AUGMENTED, Operators, count_operators
from avseld.config import Data, Hardware, Part
from avseld.data.augmentation import augmentation
from avseld.data.device_cache import DeviceCache
from avseld.data.device_streams import recordings_on_device
from avseld.data.visual import visual_inputs
from avseld.data.windows import Windows, reference
from avseld.evaluation.validation import Validator
from avseld.io.manifest import read_manifest
from avseld.models.plain_layers import pytorch_layers
from avseld.system.build import Blueprint, System
from avseld.training.captured import CapturedStep, drawing_on_host
from avseld.training.run_files import claim
from avseld.training.schedules import linear_factor
from avseld.training.train import train

CPU = torch.device("cpu")
SYSTEMS = {
    "av_foa": (Part("amplitude_ipd"), Part("avcrnn", {"width": 4, "hidden": 4}), Part("multi_accdoa")),
    "log amplitude, wrapped boxes": (
        Part("logamplitude_iv"), Part("avcrnn", {"width": 4, "hidden": 4, "wrap": True}), Part("multi_accdoa"),
    ),
    "fused": (Part("sound_field"), Part("fused", {"hidden": 8}), Part("multi_accdoa")),
    "live": (
        Part("sound_field"), Part("live", {"hidden": 8, "frames_per_step": 10, "vision": True}), Part("multi_accdoa"),
    ),
    "distance": (
        Part("logmel_iv"), Part("seldnet_attention", {"width": 4, "hidden": 8, "n_heads": 2}), Part("multi_accddoa"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captured")
    write_corpus(folder, 5, 4)
    return folder


def system_of(name):
    torch.manual_seed(0)
    return System(Blueprint(*SYSTEMS[name], CLASSES, chunk=1.2 if name == "distance" else 1.27))


@pytest.mark.parametrize(
    ("name", "augmented"), [*((name, False) for name in SYSTEMS), ("av_foa", True), ("fused", True)]
)
def test_a_step_asks_nothing_of_the_host(prepared, name, augmented):
    system = system_of(name).train()
    changes = augmentation(system, list(AUGMENTED) if augmented else [], "foa")
    cache = DeviceCache(Windows(read_manifest(prepared), system, Data(prepared), 0, changes), CPU)
    optimizer = torch.optim.Adam(system.model.parameters(), fused=True)

    def learn(batch):
        optimizer.zero_grad()
        loss = system.training_loss(system(batch["waveform"], batch.get("visual")), batch)["loss"]
        loss.backward()
        return loss.detach()[None]

    step = CapturedStep(learn, optimizer, cache)
    places = cache.places(range(4))
    with pytorch_layers():  # the path of a GPU
        step(places)  # tables of constants are made in the first step
        with Operators() as operators:
            step(places)
    assert len(operators.names) > 500 and not operators.asking


def test_the_operators_of_a_step_of_av_foa_are_few(prepared):
    counts = count_operators(system_of("av_foa"), system_of("av_foa"), prepared)
    most = {"batch": 6, "features": 20, "loss": 95, "optimizer": 2, "all": 700}
    assert all(counts["plain"][part] <= n for part, n in most.items())
    most |= {"batch": 115, "features": 62, "all": 850}
    assert all(counts["augmented"][part] <= n for part, n in most.items())


def test_an_operator_that_waits_for_the_device_is_found():
    with Operators() as operators:
        torch.ones(3)[torch.tensor([True, False, True])].sum().item()
    assert {name.split(".")[0] for name in operators.asking} >= {"nonzero", "_local_scalar_dense"}


def test_only_changes_of_features_that_draw_on_the_device_are_recorded():
    class Other(torch.nn.Module):
        pass

    changes = [Mask(), Shift(), Other()]
    assert drawing_on_host(changes[:2]) == [] and drawing_on_host(changes) == ["Other"]


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20),
    st.lists(st.one_of(st.none(), st.integers(1, 2**32 - 1)), max_size=6),
)
def test_draws_of_many_generators_are_those_of_each(seed, indices, bounds):
    one_by_one = EachGenerator([np.random.default_rng([seed, i]) for i in indices], np.arange(len(indices)))
    many = generators(seed, indices)
    assert isinstance(many, ManyGenerators)
    for number, bound in enumerate(bounds):
        drawn = [each.random() if bound is None else each.integers(bound) for each in (many, one_by_one)]
        assert drawn[0].tolist() == drawn[1].tolist()
        chosen = np.arange(len(indices)) % 2 == number % 2
        some = [each.some(chosen) for each in (many, one_by_one)]
        assert some[0].uniform(-6, 6).tolist() == some[1].uniform(-6, 6).tolist()
        assert some[0].place.tolist() == some[1].place.tolist()


def test_windows_are_drawn_alike_one_by_one_and_together(prepared):
    windows = Windows(read_manifest(prepared), system_of("av_foa"), Data(prepared), 5)
    numbers = np.concatenate([np.arange(300), [2**31, 2**32 + 3]])
    for chosen in (numbers[:300], numbers):
        assert windows.draw_all(chosen).tolist() == [list(windows.draw(int(number))) for number in chosen]


@pytest.mark.parametrize("name", SYSTEMS)
def test_validation_on_the_device_gives_the_scores_of_ordinary_validation(prepared, name):
    system = system_of(name).eval()
    recordings = read_manifest(prepared)[:3]
    references = [reference(recording, len(CLASSES)) for recording in recordings]
    shown = visual_inputs(recordings, "aligned", system.visual_spec, 0)
    visual = [shown[recording.name] for recording in recordings]
    with torch.no_grad():  # so that something is active
        for head in system.model.modules():
            if isinstance(head, torch.nn.Linear):
                head.weight.mul_(2)
    validator, cached = (
        Validator(system, 2024 if name == "distance" else 2023),
        recordings_on_device(system, recordings, references, visual),
    )
    outputs = [output for batch in cached.run() for output in batch]
    for place, (recording, events, seen) in enumerate(zip(recordings, references, visual, strict=True)):
        ordinary = validator.evaluate_recording(recording, events, seen.at)
        heads = outputs[place].heads
        if system.target.reduce is not None:
            heads = system.target.reduce(heads, system.hop)
        ours = validator.device_result(events, heads, float(outputs[place].losses[0]))
        assert outputs[place].place == place
        assert ours.loss == pytest.approx(ordinary.loss, rel=1e-5)
        assert len(ours.prediction) == len(ordinary.prediction)
        np.testing.assert_allclose(ours.prediction.azimuth, ordinary.prediction.azimuth, atol=0.01)
        np.testing.assert_array_equal(ours.counts["seld"].tp, ordinary.counts["seld"].tp)


@pytest.mark.parametrize("cached", ["always", "never"])
def test_the_learning_rate_that_is_logged_is_that_of_the_step(prepared, tmp_path, cached):
    data = Data(prepared, ["fold3"], ["fold4"], ["fold4"], True, batch_size=4, device_cache=cached)
    train(
        data, *SYSTEMS["av_foa"], Part("adam", {"lr": 0.01}), tmp_path / "run", schedule=Part("linear", {"last": 0.1}),
        steps=20, validate_every=20, hardware=Hardware("cpu", 1),
    )  # fmt: skip
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    logged = {one.step: one.value for one in events.Scalars("lr/Adam")}
    assert logged.keys() == {9, 19}
    for step, rate in logged.items():
        assert rate == pytest.approx(0.01 * linear_factor(step, 20, 0.1))


def test_where_a_corpus_cannot_be_cached_auto_reads_files_and_always_says_why(
    prepared, tmp_path, monkeypatch
):
    monkeypatch.setattr("avseld.data.device_cache.fits", lambda n_bytes, device: True)  # as on a large GPU
    folder = tmp_path / "float"
    write_corpus(folder, 5, 4)
    for recording in read_manifest(folder):
        sound, rate = soundfile.read(recording.audio, dtype="float32")
        soundfile.write(recording.audio, sound, rate, subtype="FLOAT")
    words = {"steps": 2, "validate_every": 2, "hardware": Hardware("cpu", 1)}
    for choice in ("auto", "always"):
        data = Data(folder, ["fold3"], ["fold4"], ["fold4"], True, batch_size=4, device_cache=choice)
        if choice == "auto":
            train(data, *SYSTEMS["av_foa"], Part("adam"), tmp_path / choice, **words)
            assert (tmp_path / choice / "model.safetensors").is_file()
        else:
            with pytest.raises(BadInput, match="not 16 bits"):
                train(data, *SYSTEMS["av_foa"], Part("adam"), tmp_path / choice, **words)


def test_a_loss_that_is_not_finite_stops_training_in_one_line(prepared, tmp_path):
    data = Data(prepared, ["fold3"], ["fold4"], ["fold4"], True, batch_size=4, device_cache="always")
    with pytest.raises(BadInput, match="loss is not finite at step"):
        train(
            data, *SYSTEMS["av_foa"], Part("adam", {"lr": 1e30}), tmp_path / "run", steps=20, validate_every=10,
            hardware=Hardware("cpu", 1),
        )  # fmt: skip


@pytest.mark.parametrize("launcher", ["RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK"])
def test_only_the_first_process_of_any_launcher_claims_the_run_folder(tmp_path, monkeypatch, launcher):
    (tmp_path / "config.yaml").write_text("steps: 1")
    monkeypatch.setenv(launcher, "1")
    claim(tmp_path, resume=False)
    monkeypatch.setenv(launcher, "0")
    with pytest.raises(BadInput, match="holds a run already"):
        claim(tmp_path, resume=False)


def test_a_run_whose_recipe_has_old_names_of_data_is_resumed(prepared, tmp_path):
    words = {"steps": 4, "validate_every": 2, "hardware": Hardware("cpu", 1)}
    data = Data(prepared, ["fold3"], ["fold4"], ["fold4"], True, batch_size=4)
    train(data, *SYSTEMS["av_foa"], Part("adam"), tmp_path / "run", **words)
    config = tmp_path / "run" / "config.yaml"
    text = config.read_text()
    assert "listen" not in text and "resident" not in text
    config.write_text(text.replace("inference_chunk", "listen").replace("device_cache", "resident"))
    train(data, *SYSTEMS["av_foa"], Part("adam"), tmp_path / "run", resume=True, **words)
