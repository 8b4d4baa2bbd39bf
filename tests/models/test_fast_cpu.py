"""Fused CPU passes equal the plain ones: outputs, gradients, running statistics."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from avseld.config import Part
from avseld.models.blocks import BatchNorm
from avseld.models.fast_cpu import conv_norm_pool, is_fast, normalize
from avseld.models.kernel_gradient import by_products, is_faster_by_products
from avseld.models.moments import are_summed_fast, sum_of_products
from avseld.models.plain_layers import pytorch_layers
from avseld.system.blueprint import Blueprint
from avseld.system.build import System


def both(x, conv, norm, pool, seed, of_features=False):
    """Compute (output, gradients, statistics) by the fused and by the plain path.

    `of_features`: no gradient of x is wanted, as in the first layer of a network.
    """
    results = []
    for fused in (True, False):
        one, two = copy.deepcopy(conv), copy.deepcopy(norm)
        x_in = x.clone(memory_format=torch.channels_last).requires_grad_(not of_features)
        assert is_fast(x_in, two)
        if fused:
            out = conv_norm_pool(x_in, one, two, pool)
        else:
            with pytorch_layers():
                out = conv_norm_pool(x_in, one, two, pool)
        torch.manual_seed(seed)
        (out * torch.randn_like(out)).sum().backward()
        grads = [one.weight.grad, two.weight.grad, two.bias.grad]
        grads += [] if of_features else [x_in.grad]
        results.append((out.detach(), grads, [two.running_mean, two.running_var, two.num_batches_tracked]))
    return results


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    frames=st.integers(4, 11),
    bins=st.integers(4, 11),
    pool=st.sampled_from([(1, 2), (2, 2), (4, 4), (2, 4)]),
    shape=st.sampled_from([(3, 1, 1), (3, 1, 0), (3, 2, 1), ((1, 3), 1, (0, 1))]),
    of_features=st.booleans(),
    mean=st.sampled_from([0.0, -20.0]),
)
def test_outputs_gradients_and_statistics_equal_those_of_the_plain_path(
    seed, frames, bins, pool, shape, of_features, mean
):
    torch.manual_seed(seed)
    kernel, stride, padding = shape
    conv, norm = (
        nn.Conv2d(3, 5, kernel, stride=stride, padding=padding, bias=False).double(),
        BatchNorm(5).double(),
    )
    nn.init.normal_(norm.weight)  # some scales are negative: there the smallest value of a window counts
    nn.init.normal_(norm.bias)
    x = (mean + torch.randn(2, 3, 2 * frames + 2, 2 * bins + 2)).double()
    (out, grads, kept), (plain_out, plain_grads, plain_kept) = both(x, conv, norm, pool, seed, of_features)
    torch.testing.assert_close(out, plain_out, rtol=1e-9, atol=1e-9)
    for ours, wanted in zip(grads, plain_grads, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-7, atol=1e-8)
    for ours, wanted in zip(kept, plain_kept, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_channel_without_gradient_gives_its_kernel_none(kind):
    """The gradient through the moments is then flat, and nothing may be divided by its slope of 0."""
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(3, 4, 3, padding=1, bias=False), BatchNorm(4)
    x = torch.randn(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
        out = conv_norm_pool(x, conv, norm, (2, 2)).float()
    (out * torch.tensor([1.0, 0.0, 1.0, 0.0])[:, None, None]).sum().backward()
    assert torch.isfinite(conv.weight.grad).all() and conv.weight.grad[0].abs().max() > 0.1
    assert conv.weight.grad[1].abs().max() < 1e-9 and conv.weight.grad[3].abs().max() < 1e-9


def test_a_second_gradient_of_the_same_output_is_refused_instead_of_wrong():
    conv, norm = nn.Conv2d(3, 4, 3, padding=1, bias=False), BatchNorm(4)
    x = torch.randn(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    out = conv_norm_pool(x, conv, norm, (2, 2)).sum()
    out.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1000),
    channels=st.integers(1, 7),
    kernel=st.sampled_from([(3, 3), (1, 3), (2, 1)]),
    padding=st.sampled_from([(1, 1), (0, 0), (0, 2)]),
)
def test_the_gradient_of_a_kernel_by_matrix_products_is_that_of_torch(seed, channels, kernel, padding):
    torch.manual_seed(seed)
    conv = nn.Conv2d(channels, 4, kernel, padding=padding, bias=False).double()
    x = torch.randn(2, channels, 8, 6).double().contiguous(memory_format=torch.channels_last)
    out = conv(x)
    grad = torch.randn_like(out).contiguous(memory_format=torch.channels_last)
    out.backward(grad)
    torch.testing.assert_close(by_products(grad, x, conv), conv.weight.grad, rtol=1e-9, atol=1e-9)


def test_a_step_is_the_same_on_a_cpu_with_avx2(monkeypatch):
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(7, 8, 3, padding=1, bias=False), BatchNorm(8)
    x = torch.randn(2, 7, 16, 16).contiguous(memory_format=torch.channels_last)
    gradients = []
    for capability in ("AVX512", "AVX2"):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda name=capability: name)
        conv.weight.grad = None
        conv_norm_pool(x, conv, norm, (2, 2)).square().sum().backward()
        gradients.append(conv.weight.grad)
    assert is_faster_by_products(x, conv)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-4)


def test_sums_of_products_are_those_of_the_arrays():
    a, b = (torch.randn(3, 5, 17, 6).contiguous(memory_format=torch.channels_last) for _ in range(2))
    assert are_summed_fast(a, b) and not are_summed_fast(a.double()) and not are_summed_fast(a[:1])
    products, sums = sum_of_products(a, b)
    torch.testing.assert_close(products, (a * b).sum(dim=(0, 2, 3)), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(sums, a.sum(dim=(0, 2, 3)), rtol=1e-5, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), channels=st.integers(1, 9), mean=st.floats(-5, 5))
def test_fused_normalization_equals_that_of_torch(seed, channels, mean):
    torch.manual_seed(seed)
    ours, theirs = BatchNorm(channels), nn.BatchNorm2d(channels)
    nn.init.normal_(ours.weight)
    theirs.load_state_dict(ours.state_dict())
    x = (mean + torch.randn(3, channels, 6, 5)).contiguous(memory_format=torch.channels_last)
    results = []
    for norm, work in ((ours, normalize), (theirs, lambda x, norm: norm(x))):
        given_x = x.clone().requires_grad_()
        out = work(given_x, norm)
        torch.manual_seed(seed)
        (out * torch.randn(out.shape)).sum().backward()
        results.append([out, given_x.grad, norm.weight.grad, norm.bias.grad, *norm.buffers()])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-4, atol=2e-4)


def test_evaluation_and_frozen_statistics_take_the_plain_path():
    conv, norm = nn.Conv2d(3, 5, 3, padding=1, bias=False), BatchNorm(5)
    x = torch.randn(2, 3, 8, 8)
    before = norm.running_mean.clone()
    with torch.no_grad():
        wanted = torch.nn.functional.max_pool2d(torch.relu(norm.eval()(conv(x))), (2, 2))
    torch.testing.assert_close(conv_norm_pool(x, conv, norm, (2, 2)), wanted)
    assert torch.equal(norm.running_mean, before)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_half_precision_differs_by_rounding_only(kind):
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(7, 16, 3, padding=1, bias=False), BatchNorm(16)
    x = torch.randn(4, 7, 32, 32).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
        out = conv_norm_pool(x, conv, norm, (4, 4))
    assert out.dtype == kind
    with pytorch_layers():
        wanted = conv_norm_pool(x, conv, norm, (4, 4))
    torch.testing.assert_close(out.float(), wanted, rtol=0.05, atol=0.05 if kind == torch.bfloat16 else 1e-5)


def test_compiled_networks_use_the_plain_path(monkeypatch):
    """Hand-written passes would break the graph of the compiler."""
    norm = BatchNorm(5)
    x = torch.randn(2, 5, 8, 8).contiguous(memory_format=torch.channels_last)
    assert is_fast(x, norm)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert not is_fast(x, norm)


def small_system() -> System:
    model = Part("avcrnn", {"width": 4, "hidden": 4})
    return System(Blueprint(Part("amplitude_ipd"), model, Part("multi_accdoa"), ["one"]))


def test_a_recipe_may_ask_for_compilation(monkeypatch):
    compiled = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: compiled.append(type(self).__name__))
    system = small_system()
    names = list(system.model.state_dict())
    system.compile_model()
    assert compiled == ["AudioVisualCRNN"] and list(system.model.state_dict()) == names
    other = small_system()
    other.compile_model(network=False)
    assert compiled == ["AudioVisualCRNN"]


def test_a_compiled_loss_is_the_same_with_the_same_gradient():
    one, other = small_system(), small_system()
    other.compile_model(network=False)
    target = {"accdoa": torch.randn(2, 48, 6, 3, 1)}
    answers = [torch.randn(2, 48, 3, 3, 1, generator=torch.manual_seed(0)).requires_grad_() for _ in range(2)]
    for system, answer in zip((one, other), answers, strict=True):
        system.training_loss({"accdoa": answer}, target)["loss"].backward()
    assert answers[0].grad.abs().max() > 0
    torch.testing.assert_close(answers[1].grad, answers[0].grad, rtol=1e-5, atol=1e-9)
