"""Any encoder goes with any temporal model and any target that fits."""

import pytest
import torch
from encoder_material import N_FEATURES, N_FRAMES, SMALL, n_bins_of
from system_material import blueprint

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.io.events import Events
from avseld.models.avcrnn import AudioVisualCRNN
from avseld.models.encoders import ENCODERS
from avseld.models.temporal import TEMPORAL_MODELS
from avseld.system.build import System

SHAPES = {"accdoa": (3, 3, 13)}
TARGETS = ["accdoa", "multi_accdoa", "multi_accddoa", "sed_doa"]


def small(encoder: str) -> dict:
    """Name an encoder with the options that make it small."""
    return {"name": encoder, "options": SMALL.get(encoder, {})}


def shape_of(encoder: str) -> tuple[int, int, int]:
    """Features, frames and bins that an encoder takes."""
    return N_FEATURES, N_FRAMES.get(encoder, [100])[0], n_bins_of(encoder)


@pytest.mark.parametrize("temporal", TEMPORAL_MODELS)
@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_learns_with_every_temporal_model(name, temporal):
    n_features, n_frames, n_bins = shape_of(name)
    options = {"encoder": small(name), "temporal": temporal, "hidden": 16, "width": 16}
    model = AudioVisualCRNN(n_features, n_bins, SHAPES, **options)
    output = model(torch.randn(2, n_features, n_frames, n_bins), torch.rand(2, 6, 4))["accdoa"]
    assert output.shape == (2, n_frames, 3, 3, 13)
    output.square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.parameters())


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("encoder", ["cnn", "vit", "sound_field"])
def test_every_encoder_trains_with_every_target_that_fits(encoder, target):
    model = Part("avcrnn", {"encoder": {"name": encoder}, "hidden": 8, "width": 8})
    features = Part("sound_field", {"hop": 240})
    system = System(blueprint(features=features, model=model, target=Part(target), chunk=1.2))
    heads = system(torch.randn(2, 4, 28_800) * 0.1)
    label = system.target.encode(Events.empty(), 0.0, system.window_frames, system.hop)
    batch = {name: torch.from_numpy(value)[None].expand(2, *value.shape) for name, value in label.items()}
    assert set(heads) == set(system.target.shapes)
    loss = system.training_loss(heads, batch)["loss"]
    loss.backward()
    assert torch.isfinite(loss)


def test_an_encoder_has_options_of_its_own():
    narrow = {"name": "vit", "options": {"token": 32, "n_blocks": 1, "width": 24}}
    model = AudioVisualCRNN(6, 64, SHAPES, encoder=narrow, hidden=8)
    assert len(model.audio_encoder.blocks) == 1 and model.audio_encoder.n_outputs == 24
    assert model.vision_encoder[1].out_features == 64


def test_a_name_with_options_builds_what_the_name_alone_builds():
    models = []
    for encoder in ("cnn", {"name": "cnn"}, {"name": "cnn", "options": {}}):
        torch.manual_seed(0)
        models.append(AudioVisualCRNN(7, 64, SHAPES, encoder=encoder))
    for other in models[1:]:
        assert all(torch.equal(a, b) for a, b in zip(models[0].parameters(), other.parameters(), strict=True))


def test_the_published_transformer_is_chosen_by_legacy_or_by_name():
    for words in ({"encoder": "vit", "legacy": True}, {"encoder": "vit_published"}):
        model = AudioVisualCRNN(3, 257, SHAPES, **words)
        assert type(model.audio_encoder) is ENCODERS["vit_published"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"encoder": "mlp"}, "encoder: 'mlp' is none of cnn, vit"),
        (
            {"encoder": {"name": "vit", "options": {"tokens": 3}}},
            "encoder.options.tokens: vit has no such option",
        ),
        ({"encoder": {"nmae": "vit"}}, "encoder: give a name or"),
        ({"encoder": {"name": "vit", "tokens": 3}}, "encoder: give a name or"),
        ({"temporal": "lstm"}, "temporal: 'lstm' is none of gru, gru_attention"),
        (
            {"temporal": {"name": "gru_attention", "options": {"n_heads": 7}}},
            "256 units are no multiple of 7 heads",
        ),
        ({"encoder": "sound_field"}, "choose --features.name sound_field"),
    ],
)
def test_an_unknown_encoder_or_temporal_model_is_refused(words, says):
    with pytest.raises(BadInput, match=says):
        AudioVisualCRNN(7, 64, SHAPES, **words)


def test_a_network_that_needs_vectors_refuses_an_encoder_without():
    with pytest.raises(
        BadInput, match="encoder: this network needs one with vectors that rotate with the scene"
    ):
        System(blueprint(features=Part("sound_field"), model=Part("fused", {"encoder": "cnn"}), chunk=1.2))
