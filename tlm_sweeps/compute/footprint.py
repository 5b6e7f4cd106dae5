"""What a run asks of a core: seconds, and what its evaluations compute. Estimates, and named so."""

from __future__ import annotations

from tlm_sweeps.compute.encoder_facts import TaskFacts
from tlm_sweeps.compute.facts import TextFacts
from tlm_sweeps.compute.goals import forward_flops_per_window, goal_of
from tlm_sweeps.compute.matching import Matched
from tlm_sweeps.compute.rates import Machine, seconds_for
from tlm_sweeps.compute.steps import evaluation_steps, evaluation_windows
from tlm_sweeps.compute.work import Work, together, work_of_batch
from tlm_sweeps.spec.experiment import ExperimentSpec


def evaluation_flops(experiment: ExperimentSpec, facts: TextFacts, evaluations: int) -> int:
    """Matrix-multiply FLOPs of so many evaluations on the valid split and one on the test split.

    Where labels are told apart, one more on the valid split: that of the logits which are kept at the end.
    """
    valid = evaluation_windows(experiment, facts, facts.n_valid)
    test = evaluation_windows(experiment, facts, facts.n_test)
    window = forward_flops_per_window(experiment.model, facts.vocabulary_size, valid.score)
    return window * ((evaluations + _kept_at_the_end(facts)) * valid.count + test.count)


def predicted_seconds(facts: TextFacts, matched: Matched, machine: Machine) -> float:
    """Seconds that a run takes on one core, evaluations included; with precision `auto`, in the faster one."""
    experiment, steps = matched.experiment, matched.steps
    model, training = experiment.model, experiment.training
    windows = steps.windows_after(steps.total) / steps.total
    goal, clipped = goal_of(experiment, facts), training.clip is not None
    step = work_of_batch(model, facts.vocabulary_size, goal, windows, clipped=clipped)
    evaluations = len(evaluation_steps(experiment, steps)) + _kept_at_the_end(facts)
    valid, test = (_scoring(experiment, facts, n_tokens) for n_tokens in (facts.n_valid, facts.n_test))
    scoring = together(valid.times(evaluations), test)
    return machine.seconds_per_run + min(
        steps.total * seconds_for(step, rates.training) + seconds_for(scoring, rates.scoring)
        for rates in machine.rates_for(training.precision)
    )


def _kept_at_the_end(facts: TextFacts) -> int:
    return int(isinstance(facts, TaskFacts))


def _scoring(experiment: ExperimentSpec, facts: TextFacts, n_tokens: int) -> Work:
    """What one evaluation on a split asks."""
    windows = evaluation_windows(experiment, facts, n_tokens)
    batches = -(-windows.count // (experiment.evaluation.batch_size or experiment.training.batch_size))
    if batches == 0:
        return Work()
    batch = windows.count / batches
    return work_of_batch(experiment.model, facts.vocabulary_size, windows.score, batch, clipped=False).times(batches)
