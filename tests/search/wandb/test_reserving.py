"""A sweep's total over agents that know of each other only what W&B tells: it is never overspent."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from tlm_sweeps.search.wandb.reserving import Claim, claimed, spent_or_claimed
from tlm_sweeps.search.wandb.service import ToldRun
from tlm_sweeps.spec.sweep import BudgetSpec

AT_ONCE = (0.0, 0.001)


class Told:
    """W&B as agents see it: each request is answered whole, in some order."""

    def __init__(self) -> None:
        self.configs: dict[str, Mapping[str, Any]] = {}
        self.summaries: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def publish(self, run_id: str, config: Mapping[str, Any]) -> None:
        with self._lock:
            self.configs[run_id] = config

    def runs(self) -> list[ToldRun]:
        with self._lock:
            return [
                ToldRun(run_id, "running", None, config, dict(self.summaries.get(run_id, {})))
                for run_id, config in self.configs.items()
            ]

    def end(self, run_id: str, spent: int) -> None:
        with self._lock:
            self.summaries[run_id] = {"state": "complete", "train_flops_matmul": spent}


def test_what_is_left_is_given_and_not_more():
    told, budget = Told(), BudgetSpec(flops=10, total=35)
    answers = [claimed(told, Claim(f"r{number}", 10, 1), budget, AT_ONCE) for number in range(5)]
    assert answers == [True, True, True, False, False]
    told.end("r0", 4)  # it was stopped early
    assert claimed(told, Claim("r5", 10, 1), budget, AT_ONCE)
    assert not claimed(told, Claim("r6", 2, 1), budget, AT_ONCE)
    assert claimed(told, Claim("r7", 1, 1), budget, AT_ONCE)


def test_the_same_run_claims_again_without_counting_itself():
    told, budget = Told(), BudgetSpec(flops=10, total=15)
    assert claimed(told, Claim("r0", 10, 1), budget, AT_ONCE)
    assert claimed(told, Claim("r0", 10, 1, lost=5), budget, AT_ONCE), "taken up again after a crash"
    assert not claimed(told, Claim("r0", 10, 1, lost=6), budget, AT_ONCE), "it lost more than there is"


def test_a_trial_of_several_seeds_holds_its_claim_until_the_last_has_ended():
    told, budget = Told(), BudgetSpec(flops=10, total=40)
    assert claimed(told, Claim("r0", 30, 3), budget, AT_ONCE)
    told.end("r0", 10)
    assert not claimed(told, Claim("r1", 20, 2), budget, AT_ONCE), "its other seeds have not begun"
    for seed in (1, 2):
        told.publish(f"r0-s{seed}", {})
        told.end(f"r0-s{seed}", 5)
    assert spent_or_claimed(told.runs(), "matmul") == 20
    assert claimed(told, Claim("r1", 20, 2), budget, AT_ONCE)


@pytest.mark.parametrize("seed", range(5))
def test_many_agents_at_once_never_overspend(seed: int):
    told, budget = Told(), BudgetSpec(flops=10, total=100)
    given: list[int] = []

    def work(agent: int) -> None:
        drawn = random.Random(f"{seed} {agent}")
        for number in range(8):
            run_id, flops = f"a{agent}n{number}", drawn.randint(1, 10)
            if claimed(told, Claim(run_id, flops, 1), budget, AT_ONCE):
                spent = drawn.randint(0, flops)
                given.append(flops)
                told.end(run_id, spent)
                assert sum(each["train_flops_matmul"] for each in told.summaries.values()) <= 100

    agents = [threading.Thread(target=work, args=[agent]) for agent in range(12)]
    for each in agents:
        each.start()
    for each in agents:
        each.join()
    assert spent_or_claimed(told.runs(), "matmul") <= 100
    assert sum(given) > 0
