"""The whole document: what members cost, how they compare, and that nothing in it needs the runs' files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch.utils.flop_counter import FlopCounterMode

from tests.committees.fine_tuned_runs import (
    CONTEXT,
    experiment_of,
    fine_tuned_sweep,
    record_of,
    said,
    started_from,
    write_ledger,
    write_run,
)
from tlm_sweeps.committees.answering import classifier_of
from tlm_sweeps.committees.document import CommitteeDocument
from tlm_sweeps.committees.forming import Asked, form
from tlm_sweeps.errors import InputError


def formed(runs: Path, *members: str, **asked: object) -> CommitteeDocument:
    """A document without latency."""
    return form(Asked(members=members, rounds=0, **asked), runs)  # pyright: ignore[reportArgumentType] fields of Asked


def test_a_document_says_the_same_after_it_was_written_and_read(runs: Path):
    found = formed(runs, "shallow", against=("deep",))
    assert CommitteeDocument.model_validate_json(found.model_dump_json()) == found
    assert CommitteeDocument.model_validate(json.loads(json.dumps(found.model_dump(mode="json")))) == found


def test_answers_are_those_of_all_members_and_points_of_one_member_are_theirs(runs: Path):
    found = formed(runs, "shallow")

    arrays = [load_file(runs / "shallow" / f"0000-s{seed}" / "predictions.safetensors") for seed in range(4)]
    labels = arrays[0]["test_labels"]
    together = np.mean([each["test_logits"] for each in arrays], axis=0).argmax(-1) == labels
    alone = [float((each["test_logits"].argmax(-1) == labels).mean()) for each in arrays]
    by_rule = {answer.rule: answer for answer in found.answers}
    assert by_rule["mean logit"].test.n_correct == together.sum()
    assert [run.test.accuracy for run in found.committee.runs] == pytest.approx(alone)
    ones = [point for point in found.curve if point.size == 1]
    assert [point.test_accuracies for point in ones] == [pytest.approx(alone)] * 3
    wholes = {point.rule: point.test_accuracy for point in found.curve if point.size == 4}
    assert wholes == pytest.approx({rule: answer.test.accuracy for rule, answer in by_rule.items()})


def test_parameters_and_flops_of_members_add_up_and_are_those_of_their_modules(runs: Path):
    found = formed(runs, "shallow", against=("deep",))

    for group, folder in ((found.committee, "shallow/0000-s0"), (found.against[0], "deep/0000-s10")):
        module = classifier_of(runs / folder)
        tokens = torch.zeros(1, CONTEXT, dtype=torch.long)
        with (
            torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
        ):
            module.labels(tokens, torch.ones_like(tokens, dtype=torch.bool))
        n_params = sum(each.numel() for each in module.parameters())
        assert {run.n_params for run in group.runs} == {n_params}
        assert {run.forward_flops for run in group.runs} == {counter.get_total_flops()}
        assert (group.n_params, group.forward_flops) == (
            len(group.runs) * n_params,
            len(group.runs) * counter.get_total_flops(),
        )


def test_what_was_pretrained_once_is_counted_once(tmp_path: Path):
    experiment = experiment_of()
    behind = {0: started_from(7), 1: started_from(7), 2: started_from(8), 3: None}
    records = [record_of("shared", seed, experiment, started_from=origin) for seed, origin in behind.items()]
    write_ledger(tmp_path, "shared", records)
    for record in records:
        write_run(tmp_path / "shared" / record.run_id, experiment, said(record.seed))

    found = formed(tmp_path, "shared")

    assert found.committee.pretraining_flops == {"matmul": 2000, "6nd": 4000, "2nd": 6000}
    assert found.committee.finetuning_flops == {"matmul": 40, "6nd": 80, "2nd": 120}
    pairs = next(point for point in found.curve if point.size == 2)
    costs: dict[tuple[int, ...], int] = {
        (0, 1): 1000,
        (0, 2): 2000,
        (0, 3): 1000,
        (1, 2): 2000,
        (1, 3): 1000,
        (2, 3): 1000,
    }
    assert pairs.pretraining_flops["matmul"] == pytest.approx(np.mean([costs[pair] for pair in pairs.committees]))


def test_a_planted_gain_is_found_at_equal_flops(runs: Path):
    found = formed(runs, "shallow", against=("deep",))

    (row,) = found.equal_flops
    assert row.total_flops == 3000
    assert row.committee is not None
    assert row.single is not None
    assert row.committee.name == "3 by mean logit"  # four would have cost 4,000
    assert row.single.name == "deep"
    assert row.difference == pytest.approx(row.committee.test_accuracy - row.single.test_accuracy)
    assert row.interval is not None
    assert 0 < row.interval[0] < row.interval[1]


def test_a_single_model_of_three_seeds_costs_what_one_of_them_does(runs: Path):
    fine_tuned_sweep(runs, "three", [said(seed) for seed in range(20, 23)], depth=3, flops=3000, first_seed=20)
    (row,) = formed(runs, "shallow", against=("three",)).equal_flops
    assert row.total_flops == 3000


def test_without_pretraining_there_is_no_total_to_be_equal(tmp_path: Path):
    experiment = experiment_of()
    records = [record_of("random", seed, experiment, started_from=None) for seed in (0, 1)]
    write_ledger(tmp_path, "random", records)
    for record in records:
        write_run(tmp_path / "random" / record.run_id, experiment, said(record.seed))
    found = formed(tmp_path, "random", against=("random/0000-s1",))
    assert found.equal_flops == ()
    assert found.committee.pretraining_flops["matmul"] == 0


def test_a_committee_and_a_single_run_are_compared_example_by_example(runs: Path):
    found = formed(runs, "shallow", against=("deep/0000-s10", "deep"))

    answer = next(each for each in found.answers if each.rule == "majority vote")
    run = found.against[0].runs[0]
    row = next(each for each in found.versus if (each.size, each.rule, each.other) == (4, answer.rule, "deep/0000-s10"))
    assert row.difference == pytest.approx(answer.test.accuracy - run.test.accuracy)
    assert row.n_first_only is not None
    assert row.n_second_only is not None
    assert row.n_first_only - row.n_second_only == answer.test.n_correct - run.test.n_correct
    means = [each for each in found.versus if each.other == "deep"]
    assert {each.p for each in means} == {None}


def test_only_the_sizes_that_are_asked_for_are_examined(runs: Path):
    found = formed(runs, "shallow", sizes=(4, 2, 2), most_subsets=3)
    assert [(point.size, len(point.committees)) for point in found.curve] == [(2, 3)] * 3 + [(4, 1)] * 3
    with pytest.raises(InputError, match="no committee of 5: there are 4 members"):
        formed(runs, "shallow", sizes=(5,))


def test_models_of_another_task_are_not_set_beside_it(runs: Path):
    experiment = experiment_of(task="fewrel")
    write_ledger(runs, "fewrel", [record_of("fewrel", 0, experiment)])
    write_run(runs / "fewrel" / "0000-s0", experiment, said(0, n_labels=3), labels=("P1", "P2", "P3"))
    with pytest.raises(InputError, match="different labels"):
        formed(runs, "shallow", against=("fewrel",))
