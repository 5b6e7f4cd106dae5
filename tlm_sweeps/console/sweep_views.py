"""Sweeps that are over or looked at from outside: leaderboards, status, lists, key figures of a run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from tlm_sweeps.console.live import sweep_panel
from tlm_sweeps.console.plain_tables import columns_of
from tlm_sweeps.console.streams import plain
from tlm_sweeps.console.tables import Column, fitting, table
from tlm_sweeps.console.wording import not_begun, run_of, scored, setting_of, share_of, states_in_words
from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.report.outcomes import outcomes
from tlm_sweeps.report.pretraining import pretraining_sentence
from tlm_sweeps.report.sources import SweepResults
from tlm_sweeps.report.views import Table as PlainTable
from tlm_sweeps.report.views import leaderboard_tables
from tlm_sweeps.runs.ledger import Death
from tlm_sweeps.runs.record import LabelScores, Record
from tlm_sweeps.search.progress import SweepProgress
from tlm_sweeps.search.standing import SweepStatus
from tlm_sweeps.search.wandb.launched import LaunchedSweep
from tlm_sweeps.spec.chaining import account_of
from tlm_sweeps.units import format_count, format_flops, format_seconds

_SHORT = {"validation NLL": "val NLL", "parameters": "params", "epochs run": "epochs"}
"""Heads of the page's tables that a terminal has no room for."""
_PAPER = 100
"""Columns of a panel that goes into a file or a pipe."""
_MOST_NAMED = 3
"""Runs that are named where there are more."""
_SPARE = {"seeds": 5, "spent": 4, "parameters": 3, "epochs run": 2, "trial": 1, "95 % by examples": 6}
"""Columns of a leaderboard that a narrow terminal does without, the most easily first."""


def leaderboard_view(results: SweepResults, console: Console) -> RenderableType:
    """The leaderboard of every budget, and why what is not on it is not."""
    parts: list[RenderableType] = [_fitted(each, console) for each in leaderboard_tables(results)]
    return Group(*parts, *outcome_lines(results.records))


def outcome_lines(records: Sequence[Record]) -> list[Text]:
    """Failed, pruned and infeasible runs by reason."""
    return [
        Text.assemble(
            (f"{outcome.count} {outcome.state}", "red" if outcome.state == "failed" else "dim"),
            f": {plain(outcome.reason)}",
            (f"  ({plain(outcome.examples[0])})" if outcome.examples else "", "dim"),
        )
        for outcome in outcomes(records)
    ]


def status_view(status: SweepStatus, console: Console) -> RenderableType:
    """One sweep: how far it is, the best so far, what went wrong."""
    panel = sweep_panel(status.progress)
    panel.width = None if console.is_terminal else _PAPER
    parts: list[RenderableType] = [panel]
    behind = pretraining_sentence(status.records, account_of(status.spec))
    parts += [Text(plain(line), "dim") for line in (standing_of(status), behind) if line]
    parts += outcome_lines(status.records)
    if status.progress.unbegun:
        parts.append(Text(plain(not_begun(status.progress.unbegun))))
    if status.deaths:
        parts.append(Text(plain(_deaths(status.deaths)), "dim"))
    return Group(*parts)


def _deaths(deaths: Sequence[Death]) -> str:
    """How often workers died, and of which runs.

    >>> _deaths([Death("a-0000-s0", 7, "signal 9 (SIGKILL)", "2026-01-01")])
    'workers that died: 1, last signal 9 (SIGKILL); their runs (a-0000-s0) were taken up again or have failed'
    """
    runs = list(dict.fromkeys(each.run_id for each in deaths))
    listed = ", ".join(runs[:_MOST_NAMED]) + (f" and {len(runs) - _MOST_NAMED} more" if len(runs) > _MOST_NAMED else "")
    last = deaths[-1].how
    return f"workers that died: {len(deaths)}, last {last}; their runs ({listed}) were taken up again or have failed"


def standing_of(status: SweepStatus) -> str:
    """Whether anybody is working on a sweep, in a few words."""
    if status.writer is not None:
        return f"running as pid {status.writer.pid} on {status.writer.host} since {status.writer.since}"
    if status.is_unfinished:
        return "stopped before its end; the command that began it goes on with it"
    return "over"


def launched_view(sweep: LaunchedSweep) -> RenderableType:
    """A W&B sweep: where it is, and how to see what came of it. How it stands, only W&B knows."""
    rows = {
        "W&B sweep": sweep.path,
        "launched": f"{_minute(sweep.created_at)} UTC",
        "page": sweep.url,
        "agents": f"tlm-sweeps agent {sweep.path}",
        "results": f"tlm-sweeps report {sweep.spec.name}",
    }
    names = Column("", tuple(rows), is_words=True)
    return table([names, Column(sweep.spec.name, tuple(rows.values()), is_words=True)])


def list_view(statuses: Sequence[SweepStatus], launched: Sequence[LaunchedSweep], console: Console) -> RenderableType:
    """All sweeps of a folder, one a row: those that were searched here, then W&B's."""
    rows = [_row(each) for each in statuses] + [_launched_row(each) for each in launched]
    sweeps, states, trials, best, settings, spent, begun = zip(*rows, strict=True)
    columns = [
        Column("sweep", sweeps, is_words=True),
        Column("state", states, is_words=True),
        Column("trials", trials),
        Column("best NLL", best),
        Column("with", settings, is_words=True, spare=3),
        Column("spent", spent, spare=2),
        Column("begun", begun, spare=1),
    ]
    kept, _ = fitting(columns, console)
    return table(kept)


def record_view(record: Record) -> RenderableType:
    """Key figures of one run."""
    account = record.account or "matmul"
    spent = (record.train_flops or {}).get(account)
    share = (
        f" ({spent / record.budget_flops:.1%} of {format_flops(record.budget_flops)})"
        if spent and record.budget_flops
        else ""
    )
    rows = [
        ("run", f"{record.run_id}, {record.state}" + (f": {record.reason}" if record.reason else "")),
        ("validation NLL", _nll(record.val_nll, record)),
        ("test NLL", _nll(record.test_nll, record)),
        *([("test accuracy", _accuracy(record.test_scores))] if record.test_scores else []),
        ("parameters", f"{format_count(record.n_params)}" if record.n_params else "–"),
        ("training FLOPs", f"{format_flops(spent)} {account}{share}" if spent else "–"),
        ("steps", f"{record.steps:,}, {record.epochs:.3g} epochs" if record.steps and record.epochs else "–"),
        ("time", format_seconds(record.wall_seconds) if record.wall_seconds is not None else "–"),
    ]
    names, values = zip(*rows, strict=True)
    return table([Column("", names, is_words=True), Column(run_of(record.trial, record.seed), values, is_words=True)])


def bits_per_character(record: Record, nll: float) -> float | None:
    """NLL in bits, where targets are characters."""
    level = record.provenance.corpus.get("level")
    return nll / 0.6931471805599453 if level == "char" else None


def _nll(nll: float | None, record: Record) -> str:
    if nll is None:
        return "–"
    bits = bits_per_character(record, nll)
    return f"{format_nll(nll)} nats per target" + (f", {bits:.4f} bits per character" if bits is not None else "")


def _accuracy(scores: LabelScores) -> str:
    low, high = scores.interval
    return f"{scores.accuracy:.1%} of {scores.n:,} ({low:.1%} to {high:.1%}), macro-F1 {scores.macro_f1:.3f}"


def _fitted(found: PlainTable, console: Console) -> RenderableType:
    columns = columns_of(found, _SPARE, _SHORT)
    kept, _ = fitting([column for column in columns if set(column.cells) != {"–"}], console)
    more = [Text(f"and {len(found.rest)} more; `tlm-sweeps export` has them all", "dim")] if found.rest else []
    return Group(table(kept, title=found.caption), *more, Text())


_Row = tuple[str, str, str, str, str, str, str]


def _row(status: SweepStatus) -> _Row:
    progress = status.progress
    best = scored(progress.best) if progress.best else "–"
    settings, spent, begun = _best_setting(progress), _spent(progress), _minute(status.created_at)
    return progress.sweep, _state(status), _trials(progress), best, settings, spent, begun


def _launched_row(sweep: LaunchedSweep) -> _Row:
    return sweep.spec.name, f"W&B sweep {sweep.path}", "–", "–", "", "–", _minute(sweep.created_at)


def _minute(moment: str) -> str:
    """An ISO time to the minute."""
    return moment[:16].replace("T", " ")


def _state(status: SweepStatus) -> str:
    return standing_of(status).split(" as ")[0].split(" before ")[0] + f" ({states_in_words(status.progress.states)})"


def _trials(progress: SweepProgress) -> str:
    return f"{progress.trials_over}/{progress.trials_wanted}" if progress.trials_wanted else str(progress.trials_over)


def _best_setting(progress: SweepProgress) -> str:
    return setting_of(progress.best.settings, progress.best.baseline) if progress.best else ""


def _spent(progress: SweepProgress) -> str:
    share = share_of(progress)
    return format_flops(progress.spent_flops) + (f" ({share:.0%})" if share is not None else "")
