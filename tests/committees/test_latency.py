"""Timing runs real members in this process and in others; how long it takes is nobody's to assert."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils.flop_counter import FlopCounterMode

from tests.committees.fine_tuned_runs import CONTEXT, VOCABULARY, experiment_of, said, write_run
from tlm_sweeps.committees.answering import classifier_of, summed_logits
from tlm_sweeps.committees.costs import whole_forward_flops_of
from tlm_sweeps.committees.latency import BATCH_SIZES, BLOCKS, measured_latency
from tlm_sweeps.committees.members import gather
from tlm_sweeps.committees.seating import seated
from tlm_sweeps.compute.machine import cores
from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.models.encoder import Encoder


def test_every_arrangement_is_timed_in_every_round(runs: Path):
    threads = torch.get_num_threads()

    found = measured_latency(gather(["shallow"], runs), [gather(["deep"], runs)], rounds=2)

    several = cores() > 1
    ways = [("shallow", "in sequence", 4, 1, 1), ("shallow", "side by side", 4, min(4, cores()), 1)][: 1 + several]
    ways += [("deep", "alone", 1, 1, 1), ("deep", "alone", 1, 1, cores())][: 1 + several]
    timed = [(each.name, each.arrangement, each.n_models, each.n_processes, each.n_threads) for each in found.timings]
    assert sorted(timed) == sorted(way for way in ways for _ in product(BATCH_SIZES, BLOCKS))
    assert {each.n_rounds for each in found.timings} == {2}
    for each in found.timings:
        low, high = each.quartiles_seconds
        assert 0 < low <= each.median_seconds <= high
        assert each.median_cpu_seconds > 0
    assert found.context == CONTEXT
    assert torch.get_num_threads() == threads


def test_members_in_other_processes_say_what_they_say_here(runs: Path):
    folders = [runs / "shallow" / f"0000-s{seed}" for seed in range(3)]
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (5, CONTEXT))
    expected = summed_logits([classifier_of(folder) for folder in folders], torch.from_numpy(ids)).numpy()

    with seated(folders, 2, 4) as seats:
        for blocks in BLOCKS:
            logits, cpu_seconds = seats.summed_logits(ids, blocks)
            np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)
            assert cpu_seconds > 0


def test_a_call_has_one_thread_and_asks_every_model_once(runs: Path):
    """Looked at from inside the calls that are answered in this process."""
    seen: Counter[int] = Counter()
    threads: set[int] = set()

    def look(module: torch.nn.Module, _: object) -> None:
        if isinstance(module, Encoder):
            seen[len(module.blocks)] += 1
            threads.add(torch.get_num_threads())

    shallow, deep = gather(["shallow"], runs), gather(["deep"], runs)
    hook = register_module_forward_pre_hook(look)
    try:
        measured_latency(shallow, [deep], rounds=2)
    finally:
        hook.remove()
    assert threads == {1}
    assert seen[1] == len(shallow.members) * seen[3] > 0


def test_whole_blocks_say_the_same_and_cost_what_is_counted(runs: Path):
    for name in ("shallow", "deep"):
        member = gather([name], runs).members[0]
        module, tokens = classifier_of(member.folder), torch.arange(CONTEXT).remainder(VOCABULARY)[None]
        whole, counted = flops_of(lambda asked=module, ids=tokens: summed_logits([asked], ids, "whole"))
        torch.testing.assert_close(whole, summed_logits([module], tokens))
        assert counted == whole_forward_flops_of(member)


def flops_of(call: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, int]:
    """What a call gives, and what torch counts in it."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        found = call()
    return found, counter.get_total_flops()


def test_a_process_that_cannot_begin_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    with pytest.raises(RunError, match="ended before it answered"), seated([tmp_path / "nowhere"], 1, 4):
        pass
    assert "model.json" in capfd.readouterr().err


def test_dropout_is_off_in_what_is_timed(runs: Path):
    module = classifier_of(runs / "shallow" / "0000-s0")
    tokens = torch.arange(CONTEXT).remainder(VOCABULARY)[None]
    first, second = (summed_logits([module], tokens) for _ in range(2))
    assert torch.equal(first, second)


def test_weights_of_another_shape_are_refused(runs: Path):
    folder = runs / "shallow" / "0000-s0"
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, "head.bias": torch.zeros(5)}, folder / "model.safetensors")
    with pytest.raises(InputError, match="damaged or of another model"):
        classifier_of(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        classifier_of(folder)


def test_windows_of_different_lengths_are_not_timed_together(runs: Path):
    committee = gather(["shallow"], runs)
    write_run(runs / "elsewhere", experiment_of(context=6), said(0))
    (runs / "elsewhere" / "model.json").replace(runs / "deep" / "0000-s10" / "model.json")
    with pytest.raises(InputError, match="6 positions"):
        measured_latency(committee, [gather(["deep"], runs)], rounds=1)
