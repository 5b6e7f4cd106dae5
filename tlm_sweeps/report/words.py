"""The answer in words: which setting is best, by how much, and how sure that is. Plain text, no HTML."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tlm_sweeps.report.certainty import Estimate, estimate
from tlm_sweeps.report.labels import told_right
from tlm_sweeps.report.naming import describe_settings, format_budget, format_nll, setting_of
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import TrialResult, by_budget, indistinguishable, lead_over
from tlm_sweeps.units import format_flops

_LEVELS = {"masked": "piece", "label": "label"}
_UNITS = {
    "char": "nats per character",
    "word": "nats per word",
    "piece": "nats per masked piece",
    "label": "nats per example",
}


@dataclass(frozen=True)
class Answer:
    """The answer at one budget."""

    found: str
    """The best setting and its NLL: a sentence."""
    margin: str
    """How much better it is than the next and than each baseline: a sentence."""
    certainty: str
    """How sure the lead is."""


def answers(results: SweepResults, ranked: Sequence[TrialResult]) -> list[Answer]:
    """An answer for each budget at which a trial is complete."""
    return [
        Answer(_found(results, trials), _margin(trials), _certainty(trials)) for trials in by_budget(ranked).values()
    ]


def summary(results: SweepResults, n_ranked: int) -> str:
    """How much there is: settings, runs in each state, FLOPs."""
    states = Counter(record.state for record in results.records)
    trials = len({record.trial for record in results.records})
    runs = ", ".join(f"{count} {state}" for state, count in states.most_common())
    total = results.spec.budget.total if results.spec.budget else None
    of_total = f" of {format_flops(total)}" if total else ""
    return (
        f"{n_ranked} of {trials} settings ranked; {len(results.records)} runs: {runs}; "
        f"{format_flops(results.spent_flops)}{of_total} spent ({results.account})."
    )


def level_of(trial: TrialResult) -> str:
    """`char`, `word`, `piece` (a masked one) or `label` (of an example): what a target of this trial is."""
    predict = setting_of(trial.records[0], "training.predict")
    if predict in _LEVELS:
        return _LEVELS[predict]
    return str(setting_of(trial.records[0], "corpus.level") or "token")


def for_reading(nll: float, level: str) -> str:
    """An NLL in the unit of its level: bits per character, or perplexity (of a masked piece: given what is around it).

    >>> for_reading(1.0, "char"), for_reading(1.0, "word")
    ('1.443 bits per character', 'perplexity 2.72')
    """
    return f"{nll / math.log(2):.3f} bits per character" if level == "char" else f"perplexity {math.exp(nll):.3g}"


def with_interval(found: Estimate, unit: str) -> str:
    """A mean with its interval, or why it has none.

    >>> with_interval(Estimate(2.0, 0.1, 3), "nats")
    '2.0000 nats (95 % interval 1.9000 to 2.1000 over 3 seeds)'
    >>> with_interval(Estimate(2.0, None, 1), "nats")
    '2.0000 nats (one seed: no interval)'
    """
    if found.interval is None:
        return f"{format_nll(found.mean)} {unit} (one seed: no interval)"
    low, high = found.interval
    return (
        f"{format_nll(found.mean)} {unit} (95 % interval {format_nll(low)} to {format_nll(high)} over {found.n} seeds)"
    )


def name_of(trial: TrialResult) -> str:
    """A trial in a sentence: its settings, or that it is a baseline."""
    if trial.baseline is not None:
        return f"the baseline {trial.baseline}"
    return describe_settings(trial.settings) or f"trial {trial.trial}"


def _found(results: SweepResults, trials: Sequence[TrialResult]) -> str:
    leader, level = trials[0], level_of(trials[0])
    budget = f"At {format_budget(leader.budget_flops)} a run ({results.account})" if leader.budget_flops else "Here"
    count = f"the best of {len(trials)} settings is" if len(trials) > 1 else "the only complete setting is"
    reached = with_interval(leader.val_nll or estimate([leader.nll]), _UNITS.get(level, "nats per target"))
    return (
        f"{budget}, {count} {name_of(leader)} (trial {leader.trial}{_solved_width(results, leader)}): "
        f"validation NLL {reached}, {_read(leader, level)}."
    )


def _read(trial: TrialResult, level: str) -> str:
    """What the NLL means; of labels, how many test examples are told right."""
    told = told_right(trial)
    return f"and {told.in_words}" if told else f"which is {for_reading(trial.nll, level)}"


def _solved_width(results: SweepResults, trial: TrialResult) -> str:
    solved = results.spec.budget is not None and results.spec.budget.match == "width"
    width = setting_of(trial.records[0], "model.width")
    return f", width {width}" if solved and width else ""


def _margin(trials: Sequence[TrialResult]) -> str:
    if len(trials) < 2:
        return "There is no other complete setting to compare it with."
    leader, following = trials[0], trials[1]
    lead = "ties with" if following.nll == leader.nll else f"is {_nats(following, leader)} better than the next,"
    sentence = f"It {lead} {name_of(following)} (trial {following.trial})"
    baselines = [trial for trial in trials[1:] if trial.baseline is not None]
    if baselines:
        listed = _listed([f"{trial.baseline} by {_nats(trial, leader)}" for trial in baselines])
        sentence += f", and better than the baseline{'s' if len(baselines) > 1 else ''} {listed}"
    return sentence + "."


def _nats(other: TrialResult, leader: TrialResult) -> str:
    return f"{format_nll(other.nll - leader.nll)} nats"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}"


def _certainty(trials: Sequence[TrialResult]) -> str:
    if len(trials) < 2:
        return "How sure: nothing can be said about a lead over nobody."
    lead = lead_over(trials[0], trials[1])
    if lead is None or lead.difference.interval is None:
        return (
            "How sure: cannot tell. Each setting was trained with one seed, and nothing here says how far another seed "
            "would move it. Set seeds to 3 or more to learn."
        )
    low, high = lead.difference.interval
    verdict = "clear for this pair" if lead.verdict == "clear" else "within noise"
    sentence = (
        f"How sure: the lead over the next is {verdict} (difference {format_nll(lead.difference.mean)}, 95 % interval "
        f"{format_nll(low)} to {format_nll(high)}, paired over {lead.difference.n} seeds). "
    )
    close = len(indistinguishable(trials))
    others = len(trials) - 1
    sentence += (
        f"{close} of {others} other settings cannot be told apart from the best."
        if close
        else ("Every other setting is apart from it." if others > 1 else "")
    )
    return f"{sentence.strip()} No interval is corrected for having picked the best of {len(trials)}."
