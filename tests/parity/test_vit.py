"""The published transformer encoder against values of its implementation, and ours, whose tokens are time steps."""

import numpy as np
import pytest
import torch

from avseld.base.errors import BadInput
from avseld.models import AudioVisualCRNN
from avseld.models.encoders.transformer import positions

# Output (batch, track, axis, class, frame) of MRSAudio/MRSAudio_Main @ e6427da for weights and input by formula.
PUBLISHED = {(0, 0, 0, 0, 0): 0.6855446, (0, 1, 2, 5, 40): 0.0976619, (1, 2, 0, 31, 127): -0.7972774}
MEAN, DEVIATION = 0.005372997, 0.634942


def network(n_features: int, n_classes: int, **options) -> AudioVisualCRNN:
    return AudioVisualCRNN(n_features, 257, {"accdoa": (3, 3, n_classes)}, encoder="vit", **options)


def filled(model: torch.nn.Module) -> torch.nn.Module:
    """Set element i of parameter k to 0.05 sin(0.37 i + 0.11 k)."""
    for k, weight in enumerate(model.parameters()):
        i = torch.arange(weight.numel(), dtype=torch.float64)
        weight.data = (0.05 * torch.sin(0.37 * i + 0.11 * k)).reshape(weight.shape).float()
    return model.eval()


def test_the_published_encoder_gives_the_published_output():
    model = filled(network(3, 32, legacy=True))
    j = torch.arange(2 * 3 * 257 * 128, dtype=torch.float64)
    audio = (1 + torch.sin(0.013 * j)).reshape(2, 3, 257, 128).float().transpose(2, 3)
    j = torch.arange(2 * 2 * 6 * 37, dtype=torch.float64)
    vectors = (0.5 + 0.5 * torch.cos(0.7 * j)).reshape(2, 2, 6, 37).float()
    with torch.no_grad():
        output = model.from_vectors(audio, vectors)["accdoa"].permute(0, 2, 3, 4, 1).numpy()
    # The order in which the weights were filled is not known; with this one all values agree within 2e-5.
    for place, value in PUBLISHED.items():
        assert output[place] == pytest.approx(value, abs=3e-5)
    assert output.mean() == pytest.approx(MEAN, abs=1e-6)
    assert output.std() == pytest.approx(DEVIATION, abs=3e-5)


@pytest.mark.parametrize(("n_features", "total"), [(7, 1_169_375), (3, 1_169_339)])
def test_the_encoder_has_the_published_number_of_parameters_and_ours_about_as_many(n_features, total):
    legacy, ours = (
        sum(w.numel() for w in network(n_features, 32, legacy=flag).parameters()) for flag in (True, False)
    )
    assert legacy == total and abs(ours / total - 1) < 0.05


def test_a_window_gives_the_same_output_alone_and_in_a_batch():
    for legacy in (True, False):
        model, x = network(3, 4, legacy=legacy).eval(), torch.randn(3, 3, 128, 257)
        with torch.no_grad():
            together, alone = model(x)["accdoa"], model(x[1:2])["accdoa"]
        assert torch.allclose(together[1], alone[0], atol=1e-5)


def test_tokens_are_time_steps_by_default_and_frequency_bins_as_published():
    """A sound at the end of a window changes the encoding of its end most only if tokens are time steps."""
    x = torch.zeros(1, 3, 128, 257)
    late = x.clone()
    late[:, :, 112:, 40:60] = 3.0
    for legacy in (False, True):
        torch.manual_seed(0)
        encoder = network(3, 4, legacy=legacy).eval().audio_encoder
        with torch.no_grad():
            change = (encoder(late) - encoder(x)).norm(dim=2)[0]
        assert change.shape == (8,)
        assert bool(change.argmax() == 7 and change[7] > 2 * change[:6].max()) is not legacy


def test_windows_of_any_length_are_encoded_except_by_the_published_encoder():
    model = network(3, 4).eval()
    with torch.no_grad():
        assert model(torch.randn(1, 3, 500, 257))["accdoa"].shape[1] == 500
    with pytest.raises(BadInput, match="takes 128 frames of 257 bins, not 500 of 257"):
        network(3, 4, legacy=True)(torch.randn(1, 3, 500, 257))
    with pytest.raises(BadInput, match="'mlp' is none of cnn, vit"):
        AudioVisualCRNN(3, 257, {"accdoa": (3, 3, 4)}, encoder="mlp")


def test_all_time_steps_have_different_positional_encodings():
    place = positions(600, 128)
    apart = torch.cdist(place, place) + 100 * torch.eye(600)
    assert apart.min() > 0.1 and np.isfinite(place).all()
