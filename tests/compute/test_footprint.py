"""Evaluation FLOPs are those of the windows that are really scored; estimates grow with what they estimate."""

from tlm_sweeps.compute.facts import CorpusFacts
from tlm_sweeps.compute.footprint import evaluation_flops, predicted_seconds
from tlm_sweeps.compute.goals import forward_flops_per_window
from tlm_sweeps.compute.matching import Matched, match_budget
from tlm_sweeps.compute.memory import memory_bytes
from tlm_sweeps.compute.rates import Machine
from tlm_sweeps.spec.experiment import CorpusSpec, EvaluationSpec, ExperimentSpec, TrainingSpec
from tlm_sweeps.spec.models import AttentionModel

FACTS = CorpusFacts("text", "char", 7, 1000, 48, 9, "abc")


def experiment(width: int = 8, windows: int | None = 10, epochs: float = 1.0) -> ExperimentSpec:
    return ExperimentSpec(
        corpus=CorpusSpec(name="python-docs"),
        model=AttentionModel(kind="attention", width=width, heads=2, context=5),
        training=TrainingSpec(predict="last", epochs=epochs, batch_size=4),
        evaluation=EvaluationSpec(windows=windows),
    )


def matched(asked: ExperimentSpec) -> Matched:
    found = match_budget(asked, FACTS, None, None)
    assert isinstance(found, Matched)
    return found


def test_evaluation_flops_are_those_of_the_windows_that_are_scored():
    window = forward_flops_per_window(experiment().model, 7, "last")
    assert evaluation_flops(experiment(), FACTS, evaluations=3) == (3 * 10 + 4) * window, "9 tokens hold 4 windows"
    assert evaluation_flops(experiment(windows=None), FACTS, evaluations=1) == (43 + 4) * window


def test_a_larger_model_and_a_longer_run_are_predicted_to_take_more():
    small, wide, long = experiment(), experiment(width=64), experiment(epochs=5.0)
    assert memory_bytes(wide, FACTS) > memory_bytes(small, FACTS)
    seconds = [predicted_seconds(FACTS, matched(each), Machine()) for each in (small, wide, long)]
    assert seconds[0] < min(seconds[1:])
