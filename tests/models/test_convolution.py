"""The convolutional front end against torch's own layers, and what padding and statistics mean for it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tlm_sweeps.models.convolution import ConvolutionalFront
from tlm_sweeps.spec.encoders import ConvolutionSpec

WINDOWS, CONTEXT, WIDTH = 3, 9, 8
SHAPES = [(1, (3, 3)), (2, (4, 3)), (3, (1, 2)), (2, (16, 3))]


def torchs(convolution: ConvolutionSpec) -> nn.Sequential:
    channels = [1, *[convolution.channels] * convolution.layers]
    kernels: list[Any] = [convolution.kernel] * convolution.layers
    layers: list[nn.Module] = []
    for before, after, kernel in zip(channels, [*channels[1:], 1], [*kernels, 1], strict=True):
        layers += [nn.Conv2d(before, after, kernel, padding="same"), nn.BatchNorm2d(after), nn.GELU()]
    return nn.Sequential(*layers)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # it copies, as we do
@pytest.mark.parametrize(("layers", "kernel"), SHAPES)
def test_it_is_torchs_layers_one_after_the_other(layers: int, kernel: tuple[int, int]):
    convolution = ConvolutionSpec(layers=layers, kernel=kernel, channels=4)
    torch.manual_seed(0)
    ours = ConvolutionalFront(convolution)
    theirs = torchs(convolution)
    mine, yours = list(ours.state_dict().values()), theirs.state_dict()
    theirs.load_state_dict(dict(zip(yours, mine, strict=True)))

    for training in (True, True, False):  # in evaluation, with the statistics of two steps
        ours.train(training)
        theirs.train(training)
        x = torch.randn(WINDOWS, CONTEXT, WIDTH)
        inputs = (x.clone().requires_grad_(), x.clone().requires_grad_())
        found, expected = ours(inputs[0]), theirs(inputs[1][:, None])[:, 0]
        torch.testing.assert_close(found, expected)
        found.square().sum().backward()
        expected.square().sum().backward()
        torch.testing.assert_close(inputs[0].grad, inputs[1].grad)

    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=2e-5, rtol=1e-4, msg=f"of {name}")
    for one, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(one, other)


def test_weights_without_buffers_are_another_function():
    """Whoever keeps a model's weights must keep its statistics: they are no parameters, yet evaluation needs them."""
    torch.manual_seed(0)
    convolution, x = ConvolutionSpec(channels=4), torch.randn(WINDOWS, CONTEXT, WIDTH)
    trained, by_weights, by_state = (ConvolutionalFront(convolution) for _ in range(3))
    for _ in range(5):
        trained(3 * x + 1)
    by_weights.load_state_dict(dict(trained.named_parameters()), strict=False)
    by_state.load_state_dict(trained.state_dict())
    outputs = [each.eval()(x) for each in (trained, by_weights, by_state)]
    assert torch.equal(outputs[0], outputs[2])
    assert not torch.allclose(outputs[0], outputs[1], atol=0.01)


def test_in_bfloat16_it_computes_the_same_to_bfloat16s_digits_and_its_statistics_stay_float32():
    torch.manual_seed(0)
    convolution = ConvolutionSpec(kernel=(4, 3), channels=8)
    full, low = ConvolutionalFront(convolution), ConvolutionalFront(convolution)
    low.load_state_dict(full.state_dict())
    x = torch.randn(8, 16, 32)
    for training in (True, False):
        expected, found = full.train(training)(x), low.train(training)(x.bfloat16())
        assert found.dtype == torch.bfloat16
        torch.testing.assert_close(found.float(), expected, atol=0.05, rtol=0.05)
    for one, other in zip(low.buffers(), full.buffers(), strict=True):
        torch.testing.assert_close(one, other, atol=0.01, rtol=0.01)
