"""The runs of sweeps as points that one law may be fitted to. What is not of one kind is refused, never mixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from tlm_sweeps.errors import InputError
from tlm_sweeps.report.naming import format_value, setting_of
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.statistics import TrialResult, is_scored, trial_results
from tlm_sweeps.runs.record import Record
from tlm_sweeps.scaling.choices import Sizes, Tokens, Which
from tlm_sweeps.scaling.observations import Observations
from tlm_sweeps.scaling.points import Point, with_budgets
from tlm_sweeps.spec.sweep import Account

_ALIKE = ("model.kind", "training.predict", "evaluation.score", "training.masking", "start_from", "task.name")
"""Fields that a law cannot bridge: other losses, or other models."""
_REPEATED = 4.0
"""Passes over a text up to which repeats are worth about as much as new text (Muennighoff et al. 2023, arXiv
2305.16264)."""


@dataclass(frozen=True)
class Choice:
    """Which runs, and how they are counted."""

    account: Account | None = None
    """None: that of the sweeps' budgets."""
    sizes: Sizes = "all"
    tokens: Tokens = "targets"
    which: Which = "best"
    only: Mapping[str, str] = field(default_factory=dict)
    """Values that fields of a run must have, as they are written."""


def observations_of(sweeps: Sequence[SweepResults], choice: Choice) -> Observations:
    """The settings all of whose seeds are complete, baselines aside, a point a run.

    Raises:
        InputError: when runs differ in what a law cannot bridge, or none is left.
    """
    account = choice.account or _common_account(sweeps)
    left_out: Counter[str] = Counter()
    kept = [
        trial for results in sweeps for trial in trial_results(results) if _is_kept(trial, choice, account, left_out)
    ]
    if not kept:
        raise _nothing(sweeps, left_out)
    alike = _ensure_alike([record for trial in kept for record in trial.records])
    best = list(_best(kept, choice, account)) if choice.which == "best" else kept
    left_out["not the best of their size at their budget"] += len(kept) - len(best)
    points = [_point(record, trial, choice, account) for trial in best for record in trial.records]
    return Observations(
        points=with_budgets(points),
        sources=tuple(results.spec.name for results in sweeps),
        account=account,
        sizes=choice.sizes,
        tokens=choice.tokens,
        alike=alike,
        left_out={reason: count for reason, count in left_out.items() if count},
        notes=tuple(_notes(best)),
    )


def differing(alike: Mapping[str, str], facts: Mapping[str, str]) -> list[str]:
    """The names of what must be alike and is not."""
    return [name for name, value in alike.items() if name in facts and facts[name] != value]


def facts_of_spec(spec: Mapping[str, Any]) -> dict[str, str]:
    """Those facts of a resolved experiment that runs of one law have in common."""
    return {name: format_value(_field(spec, name)) for name in _ALIKE}


def _common_account(sweeps: Sequence[SweepResults]) -> Account:
    accounts: list[Account] = list(dict.fromkeys(results.account for results in sweeps))
    if len(accounts) > 1:
        message = f"the sweeps count FLOPs in different accounts: {', '.join(accounts)}"
        raise InputError(message, hint=f"choose one for all: --account {accounts[0]}")
    return accounts[0]


def _is_kept(trial: TrialResult, choice: Choice, account: Account, left_out: Counter[str]) -> bool:
    """Whether a setting can be a point; if not, why is counted."""
    reason = next((why for why, applies in _OBSTACLES.items() if applies(trial, choice, account)), None)
    if reason:
        left_out[reason] += 1
    return reason is None


def _lacks_counts(trial: TrialResult, choice: Choice, account: Account) -> bool:
    known = [
        (_size(record, choice), _tokens(record, choice), (record.train_flops or {}).get(account))
        for record in trial.records
    ]
    return not all(all(counts) for counts in known)


_OBSTACLES: dict[str, Callable[[TrialResult, Choice, Account], bool]] = {
    "baselines": lambda trial, _choice, _account: trial.baseline is not None,
    "not as --only asks": lambda trial, choice, _account: not _is_asked(trial.records[0], choice.only),
    "not complete": lambda trial, _choice, _account: not trial.ranked,
    "without counts of parameters, tokens or FLOPs": _lacks_counts,
}


def _nothing(sweeps: Sequence[SweepResults], left_out: Counter[str]) -> InputError:
    why = ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "no settings at all"
    names = ", ".join(results.spec.name for results in sweeps)
    hint = f"`tlm-sweeps status {sweeps[0].spec.name}` shows the runs"
    raise InputError(f"no setting of {names} can be fitted to: {why}", hint=hint)


def _is_asked(record: Record, only: Mapping[str, str]) -> bool:
    return all(format_value(setting_of(record, name)) == _canonical(value) for name, value in only.items())


def _canonical(written: str) -> str:
    """A value as `format_value` writes it, so that `1e-3` is `0.001`."""
    try:
        return format_value(int(written) if written.lstrip("+-").isdigit() else float(written))
    except ValueError:
        return written.strip()


def _ensure_alike(records: Sequence[Record]) -> dict[str, str]:
    """What all runs have in common.

    Raises:
        InputError: with the field in which they differ, and its values.
    """
    found: dict[str, str] = {}
    for name in _ALIKE:
        values = list(dict.fromkeys(format_value(setting_of(record, name)) for record in records))
        if len(values) > 1:
            message = f"the runs differ in {name}: {', '.join(values)}; one law cannot hold for both"
            raise InputError(message, hint=f"fit one kind at a time: --only {name}={values[0]}")
        found[name] = values[0]
    texts = list(dict.fromkeys(str(record.provenance.corpus.get("fingerprint")) for record in records))
    if len(texts) > 1:
        names = ", ".join(dict.fromkeys(record.sweep for record in records))
        message = f"the runs were scored on {len(texts)} different texts, so their losses cannot be compared ({names})"
        raise InputError(message, hint="name only sweeps of one corpus, level and vocabulary")
    if texts[0] != "None":
        found["corpus fingerprint"] = texts[0]
    return found


def _best(trials: Iterable[TrialResult], choice: Choice, account: Account) -> Iterator[TrialResult]:
    """The best setting of each size at each budget, in the order of the trials."""
    best: dict[tuple[Any, ...], TrialResult] = {}
    listed = list(trials)
    for trial in listed:
        first = trial.records[0]
        key = (_budget(first, account) or _tokens(first, choice), _size(first, choice))
        if key not in best or trial.nll < best[key].nll:
            best[key] = trial
    chosen = {id(trial) for trial in best.values()}
    yield from (trial for trial in listed if id(trial) in chosen)


def _point(record: Record, trial: TrialResult, choice: Choice, account: Account) -> Point:
    n_params, n_tokens, flops = _size(record, choice), _tokens(record, choice), (record.train_flops or {}).get(account)
    assert n_params
    assert n_tokens
    assert flops  # such settings were left out
    assert record.val_nll is not None
    return Point(
        n_params=n_params,
        n_tokens=n_tokens,
        train_flops=flops,
        nll=record.val_nll,
        setting=f"{record.sweep}/{trial.trial}",
        budget_flops=_budget(record, account),
        label=f"{record.sweep}/{trial.trial}: {trial.label}",
    )


def _budget(record: Record, account: Account) -> int | None:
    """What a run was granted; in another account runs of one budget are not equal."""
    return record.budget_flops if record.account == account else None


def _size(record: Record, choice: Choice) -> int | None:
    return record.n_params if choice.sizes == "all" else record.n_params_non_embedding


def _tokens(record: Record, choice: Choice) -> int | None:
    return record.targets if choice.tokens == "targets" else record.positions


def _notes(trials: Sequence[TrialResult]) -> Iterator[str]:
    repeated = [trial for trial in trials if (trial.epochs or 0) > _REPEATED]
    if repeated:
        yield (
            f"{len(repeated)} of {len(trials)} settings saw their text more than {_REPEATED:g} times (most: "
            f"{max(trial.epochs or 0 for trial in repeated):.3g}). The law counts repeats as new text, which they are "
            "not: D is worth less the more of it is repeated."
        )
    early = [trial for trial in trials if any(_ended_early(record) for record in trial.records)]
    if early:
        yield f"{len(early)} of {len(trials)} settings were at their best before their last step: trained too long."
    seeds = fmean(trial.n_seeds for trial in trials)
    if seeds > 1:
        yield f"Runs of one setting ({seeds:.3g} seeds on average) are resampled together."


def _ended_early(record: Record) -> bool:
    return (
        is_scored(record) and bool(record.best_step and record.steps) and (record.best_step or 0) < (record.steps or 0)
    )


def _field(spec: Mapping[str, Any], name: str) -> Any:
    found: Any = spec
    for key in name.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
