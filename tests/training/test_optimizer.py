"""Adam and AdamW against torch.optim, and the shape of the learning-rate schedules."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tlm_sweeps.models.build import build
from tlm_sweeps.spec.experiment import TrainingSpec
from tlm_sweeps.spec.models import TransformerModel
from tlm_sweeps.training.optimizer import learning_rate_at, optimizer_for, update

TOKENS = torch.randint(7, (5, 4), generator=torch.Generator().manual_seed(0))
TABLES = ("embedding.weight", "learned_positions.weight")


def small_module() -> torch.nn.Module:
    """In float64: Adam divides the rounding noise of the keys' biases, whose gradient is 0, by its own size."""
    torch.manual_seed(0)
    return build(TransformerModel(kind="transformer", width=8, depth=1, heads=2, context=4), 7).double()


def spec(**options: Any) -> TrainingSpec:
    return TrainingSpec.model_validate(options)


def after_ten_updates(training: TrainingSpec) -> dict[str, torch.Tensor]:
    module = small_module()
    groups = optimizer_for(module, training)
    for step in range(10):
        module(TOKENS, "all").square().mean().backward()
        update(groups, learning_rate_at(step, 10, training), training)
    return dict(module.named_parameters())


def after_ten_steps_of_torch(module: torch.nn.Module, optimizer: torch.optim.Optimizer, clip: float | None = None):
    for _ in range(10):
        optimizer.zero_grad()
        module(TOKENS, "all").square().mean().backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(module.parameters(), clip)
        optimizer.step()
    return dict(module.named_parameters())


@pytest.mark.parametrize("clip", [None, 0.05])
def test_adam_equals_torchs(clip: float | None):
    module = small_module()
    theirs = torch.optim.Adam(module.parameters(), lr=1e-2, betas=(0.8, 0.95), foreach=False)
    expected = after_ten_steps_of_torch(module, theirs, clip)
    found = after_ten_updates(spec(learning_rate=1e-2, betas=(0.8, 0.95), clip=clip))
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, atol=1e-9, rtol=1e-6)


def test_adamw_equals_torchs_with_decay_on_matrices_only():
    module = small_module()
    named = dict(module.named_parameters())
    decayed = [
        each for name, each in named.items() if name.endswith("weight") and each.ndim == 2 and name not in TABLES
    ]
    others = [each for each in named.values() if not any(each is other for other in decayed)]
    assert len(decayed) == 5  # qkv, out, inward, outward, head
    groups = [{"params": decayed, "weight_decay": 0.5}, {"params": others, "weight_decay": 0.0}]
    expected = after_ten_steps_of_torch(module, torch.optim.AdamW(groups, lr=1e-2, foreach=False))
    found = after_ten_updates(spec(optimizer="adamw", learning_rate=1e-2, weight_decay=0.5))
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, atol=1e-9, rtol=1e-6)


def test_an_update_drops_the_gradients():
    module = small_module()
    module(TOKENS, "all").sum().backward()
    update(optimizer_for(module, spec()), 1e-3, spec())
    assert all(each.grad is None for each in module.parameters())


schedules = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(("constant", "linear", "cosine")),
        "warmup": st.floats(0, 0.9),
        "final": st.floats(0, 1),
    }
)


@given(schedule=schedules, total=st.integers(1, 200))
def test_a_rate_rises_to_its_peak_and_then_never_rises(schedule: dict[str, Any], total: int):
    training = spec(learning_rate=0.25, schedule=schedule)
    rates = [learning_rate_at(step, total, training) for step in range(total)]
    assert all(0 < rate <= 0.25 for rate in rates)
    warmup = round(schedule["warmup"] * total)
    assert rates[:warmup] == sorted(rates[:warmup])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)
    if warmup < total:
        assert rates[warmup] == 0.25
        assert learning_rate_at(total, total, training) == pytest.approx(
            0.25 if schedule["kind"] == "constant" else 0.25 * schedule["final"], abs=1e-12
        )


def test_a_cosine_is_half_way_down_in_the_middle():
    training = spec(learning_rate=1.0, schedule={"kind": "cosine", "warmup": 0.2, "final": 0.5})
    assert learning_rate_at(60, 100, training) == pytest.approx(0.75)
