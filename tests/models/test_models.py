import numpy as np
import pytest
import torch

from avseld.base.errors import BadInput
from avseld.models import AudioVisualCRNN
from avseld.models.gaussian_vectors import gaussian_vectors
from avseld.models.visual_attention import VisualAttention

SHAPES = {"accdoa": (3, 3, 13)}


def filled(model: torch.nn.Module) -> torch.nn.Module:
    """Set element i of parameter k to 0.05 sin(0.37 i + 0.11 k)."""
    for k, weight in enumerate(model.parameters()):
        i = np.arange(weight.numel())
        weight.data = torch.from_numpy(0.05 * np.sin(0.37 * i + 0.11 * k)).float().reshape(weight.shape)
    return model.eval()


def wave(shape, scale, offset) -> torch.Tensor:
    return torch.from_numpy(offset(np.arange(np.prod(shape)) * scale)).float().reshape(shape)


def test_the_audio_visual_network_has_the_published_size_and_names():
    model = AudioVisualCRNN(7, 257, SHAPES)
    assert sum(weight.numel() for weight in model.parameters()) == 763_701
    assert sum(value.numel() for value in model.state_dict().values()) == 764_088
    names = [name for name, _ in model.named_parameters()]
    assert names[:2] == ["audio_encoder.conv1.weight", "audio_encoder.bn1.weight"]
    assert {"vision_encoder.1.bias", "gru.weight_hh_l0_reverse", "fc_xyz.weight"} <= set(names)


def test_the_network_gives_its_reference_values():
    model = AudioVisualCRNN(7, 257, SHAPES)
    published = ["audio_encoder.conv1.weight", "audio_encoder.conv2.weight", "audio_encoder.conv3.weight"]
    published += [f"audio_encoder.bn{k}.{what}" for k in (1, 2, 3) for what in ("weight", "bias")]
    rest = [name for name, _ in model.named_parameters() if not name.startswith("audio_encoder")]
    weights = dict(model.named_parameters())
    for k, name in enumerate(published + rest):
        i = np.arange(weights[name].numel())
        values = 0.05 * np.sin(0.37 * i + 0.11 * k)
        weights[name].data = torch.from_numpy(values).float().reshape(weights[name].shape)
    audio = wave((2, 7, 257, 128), 0.013, lambda j: 1 + np.sin(j)).transpose(2, 3)
    vectors = wave((2, 2, 6, 37), 0.7, lambda j: 0.5 + 0.5 * np.cos(j))
    with torch.no_grad():
        output = model.eval().from_vectors(audio, vectors)["accdoa"].permute(0, 2, 3, 4, 1).numpy()
    for place, value in {
        (0, 0, 0, 0, 0): 0.7163252, (0, 0, 0, 0, 16): 0.8234725, (0, 1, 2, 5, 40): -0.8790337,
        (1, 2, 0, 12, 127): -0.7392727,
    }.items():  # fmt: skip
        assert output[place] == pytest.approx(value, rel=1e-4)
    assert output.mean() == pytest.approx(0.00766461, rel=1e-3) and output.std() == pytest.approx(
        0.6029382, rel=1e-4
    )


@pytest.mark.parametrize("n_frames", [16, 31, 100, 128, 257])
@pytest.mark.parametrize("batch", [1, 3])
def test_any_window_length_gives_one_output_per_frame(n_frames, batch):
    model = AudioVisualCRNN(7, 257, SHAPES).eval()
    with torch.no_grad():
        output = model(torch.randn(batch, 7, n_frames, 257), torch.rand(batch, 6, 4))["accdoa"]
    assert output.shape == (batch, n_frames, 3, 3, 13)


def test_a_window_shorter_than_one_step_is_refused():
    with pytest.raises(BadInput, match="15 frames"):
        AudioVisualCRNN(7, 257, SHAPES)(torch.randn(1, 7, 15, 257))


def test_without_boxes_only_visual_weights_get_no_gradient():
    for boxes in (torch.rand(2, 6, 4), None):
        model = AudioVisualCRNN(7, 257, SHAPES)
        model(torch.randn(2, 7, 128, 257), boxes)["accdoa"].square().sum().backward()
        still = {name for name, w in model.named_parameters() if w.grad is None or not w.grad.abs().sum() > 0}
        assert still == (
            set() if boxes is not None else {n for n, _ in model.named_parameters() if "vision" in n}
        )


def test_a_model_without_vision_ignores_boxes():
    model = AudioVisualCRNN(7, 257, SHAPES, vision=False).eval()
    x = torch.randn(1, 7, 128, 257)
    with torch.no_grad():
        assert torch.equal(model(x, torch.rand(1, 6, 4))["accdoa"], model(x)["accdoa"])


def test_boxes_become_gaussian_vectors():
    boxes = torch.zeros(6, 4, dtype=torch.float64)
    boxes[0], boxes[1] = torch.tensor([0.25, 0.4, 0.35, 0.8]), torch.tensor([0.95, 0.5, 1.0, 0.6])
    vectors = gaussian_vectors(boxes)
    assert float(vectors.sum()) == pytest.approx(20.705327, abs=2e-6)
    assert vectors[0, 0, 8:15].tolist() == pytest.approx(
        [0.088944, 0.367879, 0.820755, 0.98773, 0.64118, 0.224512, 0.042405], abs=1e-6
    )
    assert vectors[0, 1, 32:].tolist() == pytest.approx(
        [0.000007, 0.00432, 0.224512, 0.98773, 0.367879], abs=1e-6
    )
    assert (vectors[:, 2:] == 0).all()


def test_gaussian_vectors_are_one_at_the_centre_and_1_over_e_at_the_edge_of_a_box():
    vectors = gaussian_vectors(torch.tensor([[10 / 36, 12 / 36, 14 / 36, 20 / 36]], dtype=torch.float64))
    assert vectors[0, 0, [10, 12, 14]].tolist() == pytest.approx([np.exp(-1), 1, np.exp(-1)])
    assert vectors[1, 0, [12, 16, 20]].tolist() == pytest.approx([np.exp(-1), 1, np.exp(-1)])


def test_a_box_across_the_seam_appears_on_both_sides_on_request():
    seam = torch.tensor([[0.95, 0.4, 1.05, 0.6]], dtype=torch.float64)
    open_ended, closed = gaussian_vectors(seam), gaussian_vectors(seam, wrap=True)
    assert open_ended[0, 0, 1] < 1e-6 and closed[0, 0, 1] == pytest.approx(float(closed[0, 0, 35]))
    assert torch.equal(open_ended[1], closed[1])
    inside = torch.tensor([[0.4, 0.4, 0.5, 0.6]], dtype=torch.float64)
    assert torch.allclose(gaussian_vectors(inside), gaussian_vectors(inside, wrap=True), atol=1e-12)


@pytest.mark.parametrize("wrap", [True, False])
def test_attention_takes_the_edges_of_a_perspective_picture_for_two_places(wrap):
    attention = VisualAttention(
        16, "boxes", n_boxes=1, n_layers=1, feedforward=8, n_heads=2, wrap=wrap
    ).eval()
    seen = torch.tensor([[0.0, 0.2, 0.1, 0.8, 0.9], [1.0, 0.2, 1.1, 0.8, 0.9]])[:, None, None].repeat(
        1, 4, 1, 1
    )
    left, right = attention(torch.ones(2, 4, 16), seen)
    assert torch.allclose(left, right, atol=1e-6) == wrap


def test_a_box_without_width_stays_finite():
    assert torch.isfinite(gaussian_vectors(torch.tensor([[0.5, 0.5, 0.5, 0.5]]))).all()
