"""Counts of encoders against every number of the study, against modules, and against torch's own FLOP counter.

Attention is counted under the MATH backend: torch's counter does not see the default one on a CPU at all.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tlm_sweeps.compute.encoder_counting import (
    Labels,
    MaskedTokens,
    Task,
    forward_flops_per_window,
    n_params,
    n_params_encoder,
    n_params_non_embedding,
    train_flops_per_window,
)
from tlm_sweeps.models.encoder_heads import Classifier, MaskedLanguageModel
from tlm_sweeps.spec.encoders import BertModel, ConvolutionSpec

PIECES = 30_522
"""bert-base-uncased's."""


def bert(heads: int, depth: int, convolution: ConvolutionSpec | None = None) -> BertModel:
    return BertModel(kind="bert", width=64 * heads, heads=heads, depth=depth, convolution=convolution)


def convolutions(layers: int, kernel: tuple[int, int], channels: int) -> ConvolutionSpec:
    return ConvolutionSpec(layers=layers, kernel=kernel, channels=channels)


@pytest.mark.parametrize(
    ("model", "encoder", "masked", "classifier"),
    [
        (bert(12, 6), 66_069_504, 66_692_154, 66_709_312),
        (bert(24, 1), 75_416_064, 77_810_490, 77_875_264),
        (bert(12, 1, convolutions(2, (3, 3), 64)), 30_668_035, 31_290_685, 31_307_843),
        (bert(8, 1, convolutions(2, (3, 3), 64)), 18_885_123, 19_179_325, 19_180_611),
        (bert(12, 1, convolutions(3, (3, 3), 32)), 30_649_187, 31_271_837, 31_288_995),
        (bert(12, 1, convolutions(2, (16, 3), 64)), 30_830_275, 31_452_925, 31_470_083),
    ],
)
def test_parameter_counts_are_the_published_ones(model: BertModel, encoder: int, masked: int, classifier: int):
    assert n_params_encoder(model, PIECES) == encoder
    assert n_params(model, PIECES, MaskedTokens(19)) == masked
    assert n_params(model, PIECES, Labels(64)) == classifier


@st.composite
def models(draw: st.DrawFn) -> BertModel:
    heads = draw(st.integers(1, 3))
    sizes = st.integers(1, 5)
    convolution = st.builds(ConvolutionSpec, layers=st.integers(1, 3), kernel=st.tuples(sizes, sizes), channels=sizes)
    return BertModel(
        kind="bert",
        width=heads * draw(st.integers(2, 4)),
        context=draw(st.integers(1, 9)),
        depth=draw(st.integers(1, 3)),
        heads=heads,
        ffn_width=draw(st.none() | st.integers(1, 9)),
        dropout=draw(st.sampled_from((0.0, 0.1))),
        convolution=draw(st.none() | convolution),
    )


tasks = st.builds(MaskedTokens, places=st.integers(1, 5)) | st.builds(Labels, count=st.integers(2, 7))
vocabularies = st.integers(2, 17)


def built(model: BertModel, vocabulary_size: int, task: Task) -> MaskedLanguageModel | Classifier:
    if isinstance(task, MaskedTokens):
        return MaskedLanguageModel(model, vocabulary_size)
    return Classifier(model, vocabulary_size, task.count)


def logits_of(module: MaskedLanguageModel | Classifier, model: BertModel, task: Task, batch: int) -> Tensor:
    tokens = torch.zeros(batch, model.context, dtype=torch.long)
    is_real = torch.arange(model.context).expand(batch, -1) < max(1, model.context - 2)
    if isinstance(module, Classifier):
        return module(tokens, is_real)
    assert isinstance(task, MaskedTokens)
    return module(tokens, is_real, torch.zeros(batch, task.places, dtype=torch.long))


def counted(model: BertModel, vocabulary_size: int, task: Task, batch: int, *, backward: bool) -> int:
    module = built(model, vocabulary_size, task)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        logits = logits_of(module, model, task, batch)
        if backward:
            logits.sum().backward()
    return counter.get_total_flops()


@given(model=models(), vocabulary_size=vocabularies, task=tasks, batch=st.integers(1, 3))
@settings(max_examples=80, deadline=None)
def test_forward_and_backward_cost_what_torch_counts(model: BertModel, vocabulary_size: int, task: Task, batch: int):
    forward = forward_flops_per_window(model, vocabulary_size, task)
    assert counted(model, vocabulary_size, task, batch, backward=False) == batch * forward
    train = train_flops_per_window(model, vocabulary_size, task).matmul
    assert counted(model, vocabulary_size, task, batch, backward=True) == batch * train


@given(model=models(), vocabulary_size=vocabularies, task=tasks)
@settings(max_examples=100, deadline=None)
def test_a_built_module_has_as_many_parameters_as_are_counted(model: BertModel, vocabulary_size: int, task: Task):
    module = built(model, vocabulary_size, task)
    sizes = {name: each.numel() for name, each in module.named_parameters()}
    assert sum(sizes.values()) == n_params(model, vocabulary_size, task)
    assert sum(each.numel() for each in module.encoder.parameters()) == n_params_encoder(model, vocabulary_size)
    tables = ("words.weight", "positions.weight", "token_types.weight")
    others = sum(size for name, size in sizes.items() if not name.endswith(tables))
    assert others == n_params_non_embedding(model, vocabulary_size, task)


@pytest.mark.parametrize("task", [MaskedTokens(19), Labels(64)])
def test_the_other_accounts_follow_from_parameters_and_positions(task: Task):
    found = train_flops_per_window(bert(12, 6), PIECES, task)
    tables = (PIECES + 128 + 2) * 768
    assert found.two_nd == 2 * 128 * n_params(bert(12, 6), PIECES, task)
    assert found.six_nd == 6 * 128 * (n_params(bert(12, 6), PIECES, task) - tables)


def test_a_deep_models_forward_pass_costs_what_is_known_of_a_block():
    """A block of width d does 24 d² + 4 T d FLOPs for each of T positions (Kaplan et al. 2020, table 1, with T × T)."""
    deeper = forward_flops_per_window(bert(12, 7), PIECES, Labels(2)) - forward_flops_per_window(
        bert(12, 6), PIECES, Labels(2)
    )
    assert deeper == 128 * (24 * 768**2 + 4 * 128 * 768)
