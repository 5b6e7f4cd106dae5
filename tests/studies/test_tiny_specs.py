"""The second study's specs: published sizes and steps to the last digit, and arms that the sweeps really train."""

from __future__ import annotations

import pytest

from tests.studies.tiny_runs import FILES, SPECS, plan_of
from tlm_sweeps.compute.encoder_counting import n_params_encoder
from tlm_sweeps.compute.planning import PlannedTrial, SweepPlan
from tlm_sweeps.spec.chaining import origins_named
from tlm_sweeps.spec.encoders import BertModel
from tlm_sweeps.spec.identity import identity
from tlm_sweeps.spec.loading import load_sweep
from tlm_sweeps.studies.arms import Arm, is_of
from tlm_sweeps.studies.choosing import study_of
from tlm_sweeps.studies.tiny import TINY
from tlm_sweeps.studies.tiny_arms import MEMBERS, SIZES, TASKS, deep, deep_random, shallow, shallow_random
from tlm_sweeps.studies.tiny_published import MODELS, PublishedModel

TUNING = ("full-ag-news", "full-dbpedia", "full-fewrel")


def trials_of(plan: SweepPlan, published: PublishedModel) -> list[PlannedTrial]:
    """What a plan has of a published model."""
    return [trial for trial in plan.trials if trial.baseline == published.baseline]


def shape_of(trial: PlannedTrial) -> BertModel:
    """A planned encoder."""
    assert trial.matched
    model = trial.matched.experiment.model
    assert isinstance(model, BertModel)
    return model


@pytest.mark.parametrize("published", MODELS, ids=lambda model: model.label)
def test_the_full_plan_has_the_published_parameters(published: PublishedModel):
    _, plan = plan_of("full")
    for trial in trials_of(plan, published):
        assert trial.cost
        assert trial.cost.n_params == published.n_params_masked
        assert n_params_encoder(shape_of(trial), 30_522) == published.n_params_encoder


@pytest.mark.parametrize("published", MODELS, ids=lambda model: model.label)
def test_fewrel_at_full_size_has_the_published_classifiers(published: PublishedModel):
    _, plan = plan_of("full-fewrel")
    found = {trial.cost.n_params for trial in trials_of(plan, published) if trial.cost}
    assert found == {published.n_params_classifier}


def test_the_full_plan_takes_the_published_steps():
    _, plan = plan_of("full")
    steps = {
        trial.settings["passages.first_passages"]: trial.matched and trial.matched.steps.total for trial in plan.trials
    }
    assert steps == {20_000: 31_250, 40_000: 62_500, 90_000: 140_650}


@pytest.mark.parametrize("file", TUNING)
def test_every_pre_trained_encoder_has_a_twin_from_random_weights(file: str):
    spec, plan = plan_of(file)
    experiments = [trial.matched.experiment for trial in plan.feasible if trial.matched]
    random = {each.model.model_dump_json() for each in experiments if each.start_from is None}
    pretrained = {each.model.model_dump_json() for each in experiments if each.start_from is not None}
    assert len(pretrained) == len(MODELS)
    assert pretrained == random
    (before,) = load_sweep(SPECS / f"{file}.yaml").after
    assert before.spec.name == spec.experiment.start_from
    assert before.spec.seeds == spec.seeds


def test_the_claims_rest_on_these_sweeps():
    found = [load_sweep(SPECS / f"{file}.yaml").spec for file in FILES]
    assert {spec.name: identity(spec) for spec in found} == dict(TINY.identities)
    assert set(TINY.sweeps) == set(TINY.identities)


def test_one_command_trains_the_whole_scaled_study_in_an_order_that_can_be():
    chain = load_sweep(SPECS / "scaled.yaml")
    names = [*(link.spec.name for link in chain.links), chain.spec.name]
    assert sorted(names) == sorted(TINY.sweeps)
    for link in (*chain.links, chain):
        origins = {link.spec.experiment.start_from} | {each.get("start_from") for each in link.spec.baselines.values()}
        before = names[: names.index(link.spec.name)]
        assert origins - {None} <= set(before)
        seen = TINY.sweeps[: TINY.sweeps.index(link.spec.name)]
        assert origins - {None} <= set(seen), "reproduce trains in this order"


@pytest.mark.parametrize("claim", [answer.key for answer in TINY.answers])
def test_a_claim_asked_alone_names_all_that_its_sweeps_start_from_before_them(claim: str):
    names = study_of(TINY.name, [claim]).sweeps
    specs = {spec.name: spec for spec in (load_sweep(SPECS / f"{file}.yaml").spec for file in FILES)}
    for number, name in enumerate(names):
        assert set(origins_named(specs[name])) <= set(names[:number])


def test_every_task_is_fine_tuned_for_as_many_steps():
    """Gains of tasks are compared, so no task's twins may be trained less than another's."""
    files = [file for file in FILES if load_sweep(SPECS / f"{file}.yaml").spec.experiment.task]
    steps = {trial.matched.steps.total for file in files for trial in plan_of(file)[1].feasible if trial.matched}
    assert len(files) == 2 * len(TASKS)
    assert len(steps) == 1


def test_pre_training_at_equal_flops_ends_with_the_weights_that_all_of_them_made():
    for file in ("scaled-deep", "scaled-shallow", "scaled-shallow-sizes"):
        assert not load_sweep(SPECS / f"{file}.yaml").spec.experiment.evaluation.restore_best


def test_every_arm_is_one_setting_of_its_sweep():
    by_name = {plan_of(file)[0].name: plan_of(file)[1] for file in FILES}
    for task in TASKS:
        sized = [arm_of(task, size) for arm_of in (deep, shallow) for size in SIZES]
        for arm in [*sized, deep_random(task), shallow_random(task)]:
            (trial,) = trials_of_arm(by_name[arm.sweep], arm)
            assert trial.matched
            assert getattr(trial.matched.experiment.task, "name", None) == task.name


def trials_of_arm(plan: SweepPlan, arm: Arm) -> list[PlannedTrial]:
    """The settings that answer to an arm."""
    return [
        trial
        for trial in plan.feasible
        if trial.matched and is_of(arm, trial.matched.experiment.model_dump(mode="json"), trial.budget_flops)
    ]


def test_the_members_together_cost_what_the_deep_encoder_does():
    (deep_trial,) = [
        each for each in plan_of("scaled-deep")[1].feasible if each.settings["passages.first_passages"] == SIZES[-1]
    ]
    shallow_trials = [*plan_of("scaled-shallow")[1].feasible, *plan_of("scaled-shallow-sizes")[1].feasible]
    assert deep_trial.matched
    for trial in shallow_trials:
        assert trial.matched
        together = MEMBERS * trial.matched.train_flops.matmul
        assert together == pytest.approx(deep_trial.matched.train_flops.matmul, rel=0.01)


def test_twins_differ_in_nothing_but_their_first_weights():
    for file in ("scaled-ag-news", "scaled-dbpedia", "scaled-fewrel"):
        _, plan = plan_of(file)
        experiments = {trial.baseline: trial.matched.experiment for trial in plan.feasible if trial.matched}
        random = experiments["random"]
        pretrained = [
            trial.matched.experiment
            for trial in plan.feasible
            if trial.matched and trial.baseline is None and trial.settings["passages.first_passages"] == SIZES[-1]
        ]
        assert [each.model_copy(update={"start_from": None}) for each in pretrained] == [random]
