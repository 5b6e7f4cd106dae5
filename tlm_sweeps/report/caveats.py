"""What a reader must know before believing a ranking: unequal spending, unequal scoring, edges, unfinished work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tlm_sweeps.report.axes import Axis, axes_of
from tlm_sweeps.report.naming import describe_settings, format_budget, format_value, setting_of
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import TrialResult, by_budget


def caveats(results: SweepResults, ranked: Sequence[TrialResult]) -> list[str]:
    """Sentences, each about something that these results really show; often none."""
    found = [
        _unfinished(results),
        _two_objectives(results),
        _unequal_spending(results, ranked),
        _unequal_text(ranked),
        *_unequal_scoring(ranked),
        _unequal_masking(ranked),
        *_at_the_edge(results, ranked),
    ]
    return [sentence for sentence in found if sentence]


def _unfinished(results: SweepResults) -> str:
    states = Counter(record.state for record in results.records)
    open_ = [f"{states[state]} {state}" for state in ("running", "waiting") if states[state]]
    return f"The sweep is not over: {' and '.join(open_)}. The answer may change." if open_ else ""


def _two_objectives(results: SweepResults) -> str:
    others = [name for name in results.spec.engine.objectives if name != "val_nll"]
    if not others:
        return ""
    return f"The search also minimised {others[0]}; the answer and the ranking look at validation NLL alone."


def _unequal_spending(results: SweepResults, ranked: Sequence[TrialResult]) -> str:
    tolerance = results.spec.budget.tolerance if results.spec.budget else 1.0
    short = [trial for trial in ranked if trial.spent_share is not None and trial.spent_share < 1 - tolerance]
    if not short:
        return ""
    least = min(trial.spent_share or 0 for trial in short)
    return (
        f"{len(short)} of {len(ranked)} ranked settings spent less than {1 - tolerance:.0%} of their budget (least: "
        f"{least:.1%}): their compute is not equal."
    )


def _unequal_text(ranked: Sequence[TrialResult]) -> str:
    texts = {str(trial.records[0].provenance.corpus.get("fingerprint")) for trial in ranked}
    if len(texts) < 2:
        return ""
    if all(setting_of(trial.records[0], "training.predict") == "label" for trial in ranked):
        return f"The settings read {len(texts)} different sets of examples: are they judged on the same ones?"
    return f"The settings were trained on {len(texts)} different token sets: their NLLs are not in the same unit."


def _unequal_scoring(ranked: Sequence[TrialResult]) -> list[str]:
    sentences = []
    for trials in by_budget(ranked).values():
        scored = {trial.trial: _scoring(trial) for trial in trials}
        unlike = [trial for trial in trials if scored[trial.trial] != scored[trials[0].trial]]
        names = sorted({trial.baseline or "some searched settings" for trial in unlike})
        if names:
            sentences.append(
                f"The best setting is scored on {_in_words(scored[trials[0].trial])}, but {', '.join(names)} "
                f"on {_in_words(scored[unlike[0].trial])}: a last position has the whole window before it, others less."
            )
    return list(dict.fromkeys(sentences))


def _unequal_masking(ranked: Sequence[TrialResult]) -> str:
    shares = sorted({setting_of(trial.records[0], "training.masking.share") for trial in ranked} - {None})
    if len(shares) < 2:
        return ""
    listed = " and ".join(map(format_value, shares))
    return f"The settings predict {listed} of the pieces: who sees less of a passage has the harder question."


def _scoring(trial: TrialResult) -> str:
    record = trial.records[0]
    return str(setting_of(record, "evaluation.score") or setting_of(record, "training.predict") or "all")


def _in_words(score: str) -> str:
    places = {"last": "the last position of each window", "masked": "masked pieces", "label": "labels of examples"}
    return places.get(score, "all positions of each window")


def _at_the_edge(results: SweepResults, ranked: Sequence[TrialResult]) -> list[str]:
    """The best searched setting of each budget where it lies at the end of what was searched."""
    sentences = []
    budgets = by_budget(ranked)
    for budget, trials in budgets.items():
        best = next((trial for trial in trials if trial.baseline is None), None)
        edges = _edges(axes_of(results.spec.search), best.settings) if best else []
        if best and edges:
            at = f" at {format_budget(budget)}" if len(budgets) > 1 else ""
            where = f"The best searched setting{at} ({describe_settings(best.settings)}) lies at an edge"
            sentences.append(f"{where}: {'; '.join(edges)}. A wider range may hold a better one.")
    return sentences


def _edges(axes: Sequence[Axis], settings: Mapping[str, Any]) -> list[str]:
    edges = []
    for axis in axes:
        value = settings.get(axis.name)
        end = axis.at_edge(value)
        least_there_is = end == "low" and isinstance(value, int) and value == 1
        if end and not least_there_is:
            edges.append(f"{axis.title} {format_value(value)} is the {end}est that was searched")
    return edges
