"""The levers that can be pulled within one process, each as a function to time. They import torch; `levers` does not.

Every lever is a set of ways to do the same work at the reference shape. A way returns the milliseconds of one go, the
median of several unless it says otherwise, after one that warms up.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, assert_never
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from benchmarks import reference
from benchmarks.measuring import Measures
from benchmarks.reference import Text
from benchmarks.rivals.plain import Gpt
from tlm_sweeps.compute.steps import Steps
from tlm_sweeps.corpora.opening import open_corpus
from tlm_sweeps.models import attention as attending
from tlm_sweeps.models import dropping
from tlm_sweeps.models.build import build
from tlm_sweeps.models.dropping import dropped
from tlm_sweeps.models.language_model import LanguageModel
from tlm_sweeps.models.mixing import mixed
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.models import TransformerModel
from tlm_sweeps.training.job import TrainingJob
from tlm_sweeps.training.loop import take_step
from tlm_sweeps.training.loss import mean_nll
from tlm_sweeps.training.optimizer import update
from tlm_sweeps.training.state import RunState, start

Ways = dict[str, Callable[[], Measures]]
"""By name, a way to do the work; the first is what the others are compared with."""
Lever = Literal["optimizer", "batches", "attention", "dropout", "study", "precision", "floor"]

_SQUARE = 512
"""Large enough for the full rate of a core, short enough to fit between two interruptions."""
_SHARE = 0.1
"""Dropped: the study's."""
_STEPS = 10_000
"""More than is ever trained here."""


def ways_of(lever: Lever, text: Text) -> Ways:
    """The ways to do one lever's work, on one thread."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    match lever:
        case "optimizer":
            ways = optimizer(text)
        case "batches":
            ways = batches(text)
        case "attention":
            ways = attention()
        case "dropout":
            ways = dropout()
        case "study":
            ways = study(text)
        case "precision":
            ways = precision(text)
        case "floor":
            ways = floor(text)
        case _:
            assert_never(lever)
    return ways


def optimizer(text: Text) -> Ways:
    """One update of all weights from given gradients, AdamW."""
    state = _state(text, "fp32")
    ways: Ways = {}
    for name in ("plain", "foreach", "fused"):
        weights = [each.detach().clone().requires_grad_() for each in state.module.parameters()]
        for each in weights:
            each.grad = torch.randn_like(each)
        theirs = torch.optim.AdamW(
            weights, lr=1e-4, weight_decay=reference.WEIGHT_DECAY, foreach=name == "foreach", fused=name == "fused"
        )
        ways[f"torch.optim.AdamW, {name}"] = _timed(theirs.step, goes=20)
    groups, training = state.optimizer, state.job.experiment.training
    named = {each: torch.randn_like(each) for each in state.module.parameters()}

    def ours() -> None:
        for parameter, gradient in named.items():
            parameter.grad = gradient  # which `update` drops
        update(groups, 1e-4, training)

    ways["ours"] = _timed(ours, goes=20)
    return ways


def batches(text: Text) -> Ways:
    """One batch of inputs and targets from the training tokens."""
    context, batch = reference.CONTEXT, reference.BATCH
    tokens = torch.from_numpy(np.fromfile(text.folder / "train.bin", dtype=np.uint16).astype(np.int64))
    loader = _endless(DataLoader(_Windows(tokens, context), batch_size=batch, shuffle=True))
    offsets = torch.arange(context + 1)

    def gathered() -> tuple[Tensor, Tensor]:
        rows = tokens[torch.randint(len(tokens) - context, (batch, 1)) + offsets]
        return rows[:, :-1], rows[:, 1:]

    state = _state(text, "fp32")
    steps = iter(range(_STEPS))
    return {
        "nanoGPT's": _timed(lambda: _nanogpt_batch(text.folder / "train.bin"), goes=50),
        "DataLoader": _timed(lambda: next(loader), goes=50),
        "index gather": _timed(gathered, goes=50),
        "ours": _timed(lambda: state.windows.batch(next(steps)), goes=50),
    }


def attention() -> Ways:
    """Causal attention between its projections, forward and backward, in both precisions."""
    shape = (reference.BATCH, reference.HEADS, reference.CONTEXT, reference.WIDTH // reference.HEADS)
    ways: Ways = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        query, key, value = (torch.randn(shape).to(dtype).requires_grad_() for _ in range(3))
        found: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
            "SDPA": lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, is_causal=True),
            "baddbmm": _by_whole_products,
            "ours": lambda q, k, v: mixed(q, k, v, causal=True),
        }
        for way, forward in found.items():
            ways[f"{way}, {name}"] = _timed(_there_and_back(forward, query, key, value), goes=5)
    return ways


def dropout() -> Ways:
    """A tenth of the attention weights of a block dropped, forward and backward."""
    shape = (reference.BATCH * reference.HEADS, reference.CONTEXT, reference.CONTEXT)
    weights, gradient = torch.randn(shape, requires_grad=True), torch.randn(shape)
    found: dict[str, Callable[[Tensor, float], Tensor]] = {"torch": functional.dropout, "ours": dropped}
    return {
        way: _timed(lambda drop=drop: torch.autograd.grad(drop(weights, _SHARE), weights, gradient), goes=5)
        for way, drop in found.items()
    }


def study(text: Text) -> Ways:
    """A step of the study's transformer (post-norm, ReLU, one target a window), and of the same with torch's parts."""
    shape = {"width": reference.WIDTH, "depth": reference.DEPTH, "heads": reference.HEADS, "context": reference.CONTEXT}
    places = {"norm_placement": "post", "activation": "relu", "dropout": _SHARE, "dropout_at": ("attention", "ffn")}
    spec = TransformerModel.model_validate({"kind": "transformer", "ffn_width": 2 * reference.WIDTH, **shape, **places})
    inputs, targets = _nanogpt_batch(text.folder / "train.bin")
    ways: Ways = {}
    for way, drops, mixes in (("torch's parts", functional.dropout, _sdpa), ("ours", dropped, mixed)):
        module = build(spec, text.vocabulary_size)
        chosen = torch.optim.Adam(module.parameters(), lr=3e-4, fused=True)
        ways[way] = _timed(_study_step(module, chosen, (inputs, targets[:, -1:]), drops, mixes), goes=3)
    return ways


def precision(text: Text) -> Ways:
    """A whole training step: a plain loop in float32 and under autocast, ours in each precision."""
    ways: Ways = {}
    for name, is_low in (("plain loop, fp32", False), ("plain loop, bf16 autocast", True)):
        ways[name] = _timed(_plain_step(text, is_low=is_low), goes=3)
    for each in reference.precisions():
        if each != "auto":
            ways[f"ours, {each}"] = _timed(_step_of(_state(text, each)), goes=3)
    return ways


def floor(text: Text) -> Ways:
    """What the products of a step take at the rate of a square one at its best, which steps of small ones miss.

    The best of many goes, not the median: a neighbour can only make it longer, and a floor must not move.
    """
    whole = reference.flops_per_step(text.vocabulary_size) / (2 * _SQUARE**3)
    ways: Ways = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        one, other = (torch.randn(_SQUARE, _SQUARE).to(dtype) for _ in range(2))
        ways[f"arithmetic, {name}"] = _timed(_product(one, other), goes=100, share=whole, reduced=min)
    return ways


def _product(one: Tensor, other: Tensor) -> Callable[[], Tensor]:
    return lambda: one @ other


def _timed(
    go: Callable[[], object],
    goes: int,
    *,
    share: float = 1.0,
    reduced: Callable[[list[float]], float] = statistics.median,
) -> Callable[[], Measures]:
    go()

    def measure() -> Measures:
        seconds = []
        for _ in range(goes):
            began = time.perf_counter()
            go()
            seconds.append(time.perf_counter() - began)
        return {"ms": reduced(seconds) * share * 1000}

    return measure


def _state(text: Text, precision_: str) -> RunState:
    data = reference.experiment(text, _STEPS, precision_)
    experiment = ExperimentSpec.model_validate(data)
    steps = Steps(reference.BATCH, reference.BATCH * _STEPS, _STEPS)
    return start(TrainingJob(experiment=experiment, seed=0, steps=steps), open_corpus(experiment.corpus, text.data_dir))


def _step_of(state: RunState) -> Callable[[], None]:
    return lambda: take_step(state)


class _Windows(Dataset[tuple[Tensor, Tensor]]):
    """Every window of a text, as the tutorials write it."""

    def __init__(self, tokens: Tensor, context: int) -> None:
        self.tokens, self.context = tokens, context

    def __len__(self) -> int:
        return len(self.tokens) - self.context

    def __getitem__(self, start_at: int) -> tuple[Tensor, Tensor]:
        end = start_at + self.context
        return self.tokens[start_at:end], self.tokens[start_at + 1 : end + 1]


def _endless(loader: DataLoader[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from loader


def _nanogpt_batch(file: Path) -> tuple[Tensor, Tensor]:
    """As karpathy/nanoGPT's `get_batch` does it: map the file anew, cut each window out, stack them."""
    context = reference.CONTEXT
    data = np.memmap(file, dtype=np.uint16, mode="r")
    places = torch.randint(len(data) - context, (reference.BATCH,))  # it too walks a tensor, not a list
    inputs = torch.stack([torch.from_numpy(data[at : at + context].astype(np.int64)) for at in places])
    targets = torch.stack([torch.from_numpy(data[at + 1 : at + 1 + context].astype(np.int64)) for at in places])
    return inputs, targets


def _by_whole_products(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scores of all pairs with the mask added in the product, softmax, product."""
    context, width = query.shape[-2:]
    unseen = query.new_full((context, context), -math.inf).triu(1)
    queries, keys, values = (each.flatten(0, 1) for each in (query, key, value))
    scores = torch.baddbmm(unseen, queries, keys.transpose(1, 2), alpha=1 / math.sqrt(width))
    return torch.bmm(torch.softmax(scores, dim=-1), values).view_as(query)


def _there_and_back(
    forward: Callable[[Tensor, Tensor, Tensor], Tensor], query: Tensor, key: Tensor, value: Tensor
) -> Callable[[], object]:
    weights = torch.randn_like(query)
    return lambda: torch.autograd.grad(forward(query, key, value), (query, key, value), weights)


def _sdpa(query: Tensor, key: Tensor, value: Tensor, *, causal: bool, dropout: float) -> Tensor:
    return functional.scaled_dot_product_attention(query, key, value, is_causal=causal, dropout_p=dropout)


def _study_step(
    module: LanguageModel,
    chosen: torch.optim.Optimizer,
    batch: tuple[Tensor, Tensor],
    drops: Callable[[Tensor, float], Tensor],
    mixes: Callable[..., Tensor],
) -> Callable[[], None]:
    """A step with these ways to drop out and to mix in the places of our own."""

    def go() -> None:
        with patch.object(dropping, "dropped", drops), patch.object(attending, "mixed", mixes):
            chosen.zero_grad()
            mean_nll(module, *batch, "last").backward()
            chosen.step()

    return go


def _plain_step(text: Text, *, is_low: bool) -> Callable[[], None]:
    model = Gpt(text.vocabulary_size, reference.WIDTH, reference.DEPTH, reference.HEADS, reference.CONTEXT)
    chosen = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=reference.WEIGHT_DECAY)
    inputs, targets = _nanogpt_batch(text.folder / "train.bin")

    def go() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_low):
            logits = model(inputs)
        loss = functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
        chosen.zero_grad()
        loss.backward()
        chosen.step()

    return go
