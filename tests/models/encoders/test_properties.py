"""What holds for every encoder: any batch, any window that fits, time kept, every weight learns."""

import pytest
import torch
from encoder_material import N_FEATURES, build, frames_of, n_bins_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from avseld.models.encoders import ENCODERS

EACH = pytest.mark.parametrize("name", ENCODERS)
FEW = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
"""an encoder runs in each example"""


def noise(name: str, batch: int, n_frames: int, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(batch, N_FEATURES, n_frames, n_bins_of(name), generator=random)


@pytest.fixture(scope="module")
def built():
    """Return a function that builds each encoder once, in evaluation mode."""
    known: dict[str, torch.nn.Module] = {}

    def of(name: str) -> torch.nn.Module:
        if name not in known:
            torch.manual_seed(0)
            known[name] = build(name).eval()
        return known[name]

    return of


@EACH
@FEW
@given(data=st.data())
def test_a_window_of_any_length_has_a_step_for_every_group_of_frames(built, name, data):
    encoder = built(name)
    n_frames = data.draw(st.sampled_from(frames_of(name, encoder.frames_per_step)))
    batch = data.draw(st.integers(1, 3))
    with torch.no_grad():
        encoded = encoder(noise(name, batch, n_frames))
    assert encoded.shape == (batch, n_frames // encoder.frames_per_step, encoder.n_outputs)
    assert encoded.isfinite().all()


@EACH
def test_windows_of_a_batch_do_not_enter_one_another(built, name):
    encoder = built(name)
    x = noise(name, 3, frames_of(name, encoder.frames_per_step)[-1])
    with torch.no_grad():
        assert torch.allclose(encoder(x)[1:2], encoder(x[1:2]), atol=2e-4)


@EACH
def test_the_features_that_are_given_do_not_change(built, name):
    encoder = built(name)
    x = noise(name, 1, frames_of(name, encoder.frames_per_step)[-1])
    before = x.clone()
    with torch.no_grad():
        encoder(x)
    assert torch.equal(x, before)


@EACH
def test_a_sound_changes_the_steps_around_it_more_than_others(built, name):
    """Not of the published transformer, which loses the time axis: its steps are groups of bins."""
    encoder = built(name)
    fps, n_frames = encoder.frames_per_step, frames_of(name, encoder.frames_per_step)[-1]
    silence, sound = noise(name, 1, n_frames), noise(name, 1, n_frames, seed=1)
    near, far = [], []
    with torch.no_grad():
        before = encoder(silence)
        for step in range(n_frames // fps):
            filled = silence.clone()
            filled[:, :, step * fps : (step + 1) * fps] = sound[:, :, step * fps : (step + 1) * fps]
            change = (encoder(filled) - before).norm(dim=2)[0]
            is_near = (torch.arange(len(change)) - step).abs() <= 1
            near.append(float(change[is_near].mean()))
            far.append(float(change[~is_near].mean()))
    assert (sum(near) > 1.3 * sum(far)) == (name != "vit_published")


@EACH
def test_every_weight_learns(name):
    torch.manual_seed(0)
    encoder = build(name).train()
    encoder(noise(name, 2, frames_of(name, encoder.frames_per_step)[-1])).square().sum().backward()
    still = [
        key
        for key, weight in encoder.named_parameters()
        if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert not still
