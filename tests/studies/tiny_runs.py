"""Runs of the scaled second study as its own specs plan them, accuracies chosen by the test: nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tlm_sweeps.committees.document import Answer, CommitteeDocument, Group, Latency, RunFigures, TaskFigures, Timing
from tlm_sweeps.compute.encoder_facts import PassageFacts, TaskFacts
from tlm_sweeps.compute.facts import TextFacts
from tlm_sweeps.compute.planning import PlannedTrial, SweepPlan, plan_sweep
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.runs.record import LabelScores, Provenance, Record, StartedFrom
from tlm_sweeps.spec.experiment import ExperimentSpec
from tlm_sweeps.spec.loading import load_sweep
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.studies.tiny_committees import Seats, seats

SPECS = Path(__file__).parents[2] / "sweeps" / "tiny-language-models"
FILES = (
    "scaled-deep",
    "scaled-shallow",
    "scaled-shallow-sizes",
    "scaled-ag-news",
    "scaled-dbpedia",
    "scaled-fewrel",
    "scaled-ag-news-members",
    "scaled-dbpedia-members",
    "scaled",
)
"""The sweeps that the claims rest on."""
MANY_SEEDS = ("scaled-shallow", "scaled-ag-news-members", "scaled-dbpedia-members", "scaled")
LABELS = {"ag-news": 4, "dbpedia-14": 14, "fewrel": 64}
N_TEST = 10_000
"""Test examples of made-up runs, so that accuracies have four digits."""
OVERLAPS = {"ag-news": 0.9, "dbpedia-14": 0.8, "fewrel": 0.7}
DEEP_FLOPS, SHALLOW_FLOPS = 6_000_000, 1_000_000

Times = Callable[[int], tuple[float, float]]
Accuracy = Callable[[str, Mapping[str, Any], int], float]
"""Test accuracy of a run: of which task, its resolved experiment, its seed."""


def facts_of(experiment: ExperimentSpec) -> TextFacts:
    """Facts of texts and tasks that need not be here; every size of text that is asked for is there."""
    passages, task = experiment.passages, experiment.task
    assert passages is not None
    assert passages.pieces.kind == "trained"
    known: dict[str, Any] = {
        "vocabulary_size": passages.pieces.size,
        "length": passages.length,
        "fingerprint": "1f" * 8,
    }
    if task is None:
        n_train = passages.first_passages or 80_924
        known |= {"n_train": n_train, "n_valid": 500, "n_test": 500, "n_train_pieces": n_train * passages.length}
        return PassageFacts(name="wikipedia", pieces="trained", pieces_fingerprint="2f" * 8, **known)
    n_labels = LABELS[task.name]
    labels = tuple(f"label {number}" for number in range(n_labels))
    train, valid, test = (n_labels * each for each in (task.train_per_label or 100, task.valid_per_label, 70))
    known |= {"n_train": train, "n_valid": valid, "n_test": test, "n_test_seen": 0}
    return TaskFacts(name=task.name, pieces_fingerprint="2f" * 8, labels=labels, **known)


@cache
def plan_of(file: str) -> tuple[SweepSpec, SweepPlan]:
    """A spec with its plan."""
    spec = load_sweep(SPECS / f"{file}.yaml").spec
    return spec, plan_sweep(spec, facts_of)


def scaled_study(
    accuracy: Accuracy, seeds: int = 3, overlaps: Mapping[str, float] | None = None
) -> dict[str, SweepResults]:
    """The whole scaled study, finished.

    Args:
        accuracy: of every fine-tuned run.
        seeds: of the study; the members have six times as many.
        overlaps: of each task with the text; default `OVERLAPS`.
    """
    found = [
        results_of(file, accuracy, seeds * 6 if file in MANY_SEEDS else seeds, overlaps or OVERLAPS) for file in FILES
    ]
    return {each.spec.name: each for each in found}


def results_of(file: str, accuracy: Accuracy, seeds: int, overlaps: Mapping[str, float]) -> SweepResults:
    """One finished sweep of it."""
    spec, plan = plan_of(file)
    spec = spec.model_copy(update={"seeds": seeds})
    runs = [(number, trial, seed) for number, trial in enumerate(plan.feasible) for seed in range(seeds)]
    records = tuple(_run(spec, trial, (number, seed), accuracy, overlaps) for number, trial, seed in runs)
    return SweepResults(spec, records, {}, 0, "2026-11-22T08:00:00Z", f"tlm-sweeps sweep {file}.yaml")


def committees_of(
    sweeps: Mapping[str, SweepResults],
    lead: Callable[[str, int], float],
    *,
    times: Times = lambda _: (0.5, 2.0),
    busy: float | None = 0.0,
) -> list[CommitteeDocument]:
    """A document for each committee of the study.

    Args:
        sweeps: of the study.
        lead: accuracy of the committee less that of the deep encoder: of which task, which replicate.
        times: of the committee side by side and in sequence, of which replicate, for one example by whole blocks, where
            the deep encoder takes 1 on one core, 0.8 on all. What decides nothing has times of its own: see `_latency`.
        busy: cores that others used.
    """
    return [
        _document(each, lead(each.task.name, each.replicate), _latency(times(each.replicate), busy))
        for each in seats(sweeps)
    ]


def scores(accuracy: float) -> LabelScores:
    """Scores of so large a share."""
    return LabelScores(
        n=N_TEST, n_correct=round(N_TEST * accuracy), accuracy=accuracy, interval=(0.0, 1.0), macro_f1=accuracy
    )


def _run(
    spec: SweepSpec,
    trial: PlannedTrial,
    at: tuple[int, int],
    accuracy: Accuracy,
    overlaps: Mapping[str, float],
) -> Record:
    assert trial.matched
    experiment = trial.matched.experiment
    number, seed = at
    resolved = experiment.model_dump(mode="json")
    found = Record(
        run_id=f"{spec.name}-{number:04d}-s{seed}",
        sweep=spec.name,
        trial=number,
        seed=seed,
        state="complete",
        baseline=trial.baseline,
        settings=trial.settings,
        spec=resolved,
        fingerprint=trial.fingerprint,
        train_flops=trial.matched.train_flops.by_name(),
        val_nll=1.0,
        test_nll=1.0,
        provenance=Provenance(device="cpu: Example 3000"),
    )
    if experiment.task is None:
        return found
    overlap = {"task_kinds_seen": overlaps[experiment.task.name], "common_mass": 0.5 * overlaps[experiment.task.name]}
    return found.model_copy(
        update={
            "test_scores": scores(accuracy(experiment.task.name, resolved, seed)),
            "steps": trial.matched.steps.total,
            "epochs": trial.matched.steps.epochs_after(trial.matched.steps.total),
            "train_nll": 1.25,
            "started_from": _origin(experiment, seed),
            "provenance": Provenance(device="cpu: Example 3000", corpus={"overlap": overlap}),
        }
    )


def _origin(experiment: ExperimentSpec, seed: int) -> StartedFrom | None:
    if experiment.start_from is None:
        return None
    is_shallow = getattr(experiment.model, "depth", None) == 1
    flops = SHALLOW_FLOPS if is_shallow else DEEP_FLOPS
    spent: dict[str, int] = {"matmul": flops, "6nd": flops, "2nd": flops}
    sweep = experiment.start_from
    return StartedFrom(
        sweep=sweep, run_id=f"{sweep}-s{seed}", fingerprint="3f" * 8, sha256="4f" * 32, train_flops=spent
    )


def _document(each: Seats, lead: float, latency: Latency) -> CommitteeDocument:
    beside = each.deep.test_scores
    assert beside is not None
    made_by = Provenance(device="cpu: Example 3000")
    together = scores(beside.accuracy + lead)
    answers = [
        Answer(rule=rule, valid_accuracy=0.5, valid_nll=1.0, test=together, test_nll=1.0)
        for rule in ("mean logit", "mean probability", "majority vote")
    ]
    return CommitteeDocument(
        command="tlm-sweeps reproduce tiny-language-models",
        created_at="2026-11-22T08:00:00Z",
        made_by=made_by,
        task=TaskFigures(name=each.task.name, labels=("a", "b"), n_valid=10, n_test=N_TEST, fingerprint="5f" * 8),
        committee=_group("members", each.members),
        against=(_group("deep", (each.deep,)),),
        answers=tuple(answers),
        curve=(),
        versus=(),
        equal_flops=(),
        latency=latency,
    )


def _group(name: str, records: tuple[Record, ...]) -> Group:
    origins = [each.started_from for each in records if each.started_from]
    spent = {"matmul": sum(each.train_flops["matmul"] for each in origins)}
    return Group(
        name=name,
        runs=tuple(map(_figures, records)),
        left_out={},
        n_params=100 * len(records),
        forward_flops=1_000 * len(records),
        finetuning_flops={"matmul": 1},
        pretraining_flops=spent,
    )


def _figures(record: Record) -> RunFigures:
    assert record.test_scores is not None
    return RunFigures(
        run_id=record.run_id,
        sweep=record.sweep,
        trial=record.trial,
        seed=record.seed,
        fingerprint=record.fingerprint,
        settings={},
        baseline=None,
        n_params=100,
        forward_flops=1_000,
        finetuning_flops={"matmul": 1},
        started_from=record.started_from,
        valid_accuracy=0.5,
        valid_nll=1.0,
        test=record.test_scores,
        test_nll=1.0,
        provenance=record.provenance,
    )


def _latency(times: tuple[float, float], busy: float | None) -> Latency:
    """With the reverse for batches of 32, and for trimmed blocks a tenth: neither decides."""
    timings = [
        _timing(name, arrangement, (batch, blocks), factor if name == "deep" else told(factor), threads)
        for batch, blocks, told in (
            (1, "whole", lambda factor: factor),
            (1, "trimmed", lambda factor: 0.1 * factor),
            (32, "whole", lambda factor: 1 / factor),
            (32, "trimmed", lambda factor: 0.1 / factor),
        )
        for name, arrangement, factor, threads in (
            ("deep", "alone", 1.0, 1),
            ("deep", "alone", 0.8, 2),
            ("members", "side by side", times[0], 1),
            ("members", "in sequence", times[1], 1),
        )
    ]
    return Latency.model_validate(
        {
            "device": "Example 3000",
            "cores": 2,
            "context": 64,
            "load_average": 0.0,
            "busy_cores": busy,
            "timings": timings,
        }
    )


def _timing(name: str, arrangement: Any, asked: tuple[int, Any], seconds: float, threads: int) -> Timing:
    return Timing(
        name=name,
        arrangement=arrangement,
        n_models=1,
        n_processes=2 if arrangement == "side by side" else 1,
        n_threads=threads,
        blocks=asked[1],
        batch_size=asked[0],
        median_seconds=seconds,
        quartiles_seconds=(seconds, seconds),
        median_cpu_seconds=seconds,
        n_rounds=30,
    )
