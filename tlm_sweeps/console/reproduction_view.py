"""A study's published numbers beside ours, as tables for a terminal; and what is still to be trained, in a line."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.text import Text

from tlm_sweeps.console.streams import plain
from tlm_sweeps.console.tables import Column, fitting, table
from tlm_sweeps.console.wording import about, counted
from tlm_sweeps.report.views import Table as PlainTable
from tlm_sweeps.studies.again import NEAR_NATS, Again
from tlm_sweeps.studies.remaining import Remaining
from tlm_sweeps.studies.reproduction import RULE, Reproduction
from tlm_sweeps.studies.tables import ROW, VERDICT, epoch_table, notes_of, verdict_table, verdicts_in_words
from tlm_sweeps.units import format_flops

_SHORT = {"parameters": "params", "95 % of the mean": "mean, 95 %", "95 % of one more seed": "one more seed, 95 %"}
_SPARE = {"2ND FLOPs": 6, "parameters": 5, "seeds": 4, "in s": 3, "95 % of the mean": 2, "95 % of one more seed": 1}
"""Columns that a narrow terminal does without, the most easily first."""


def reproduction_view(found: Reproduction, console: Console) -> RenderableType:
    """Every table with its verdicts, the differences of its curves, and the count of verdicts."""
    parts: list[RenderableType] = []
    for each in found.study.tables:
        parts += [_fitted(verdict_table(found, each), console)]
        parts += [Text(plain(note), "dim") for note in notes_of(found, each)]
        curves = epoch_table(found, each)
        parts += [Text(), _fitted(curves, console)] if curves else []
        parts.append(Text())
    return Group(
        *parts, Text(verdicts_in_words(found)), Text(f"{RULE}; difference: our mean less published, nats", "dim")
    )


def cost_line(sweep: str, left: Remaining, workers: int, *, on_gpus: bool) -> str:
    """What a sweep will still take, before anything is trained."""
    if not left.runs:
        return f"{sweep}: nothing left to train"
    runs = counted(left.runs, "run") if left.runs == left.of_runs else f"{left.runs} of {left.of_runs} runs"
    time = "on a GPU" if on_gpus else f"{about(left.seconds)} on {counted(workers, 'worker')}"
    return f"{sweep}: {runs} to train, {format_flops(left.train_flops)} ({left.account}), {time}"


def again_line(again: Again) -> str:
    """A kept run and the same run made again."""
    kept, new = again.kept, again.new
    if again.difference is None:
        why = f": {new.reason}" if new.reason else ""
        return f"{kept.run_id}: not the same: the new run is {new.state}{why}"
    verdict = "the same" if again.is_same else "not the same"
    devices = (
        kept.provenance.device
        if kept.provenance.device == new.provenance.device
        else (f"{kept.provenance.device}, then {new.provenance.device}")
    )
    return (
        f"{kept.run_id}: {verdict}: test NLL {kept.test_nll:.6f} kept, {new.test_nll:.6f} now, "
        f"difference {again.difference:+.6f} (at most {NEAR_NATS}); {devices}"
    )


def _fitted(found: PlainTable, console: Console) -> RenderableType:
    columns = [
        Column(
            _SHORT.get(name, name),
            tuple(row.cells[number] for row in found.rows),
            is_words=name in {ROW, VERDICT},
            spare=_SPARE.get(name, 0),
        )
        for number, name in enumerate(found.columns)
    ]
    return table(fitting(columns, console)[0], title=found.caption)
