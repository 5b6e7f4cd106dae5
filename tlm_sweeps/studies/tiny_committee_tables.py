"""The scaled second study's committees as tables: accuracy, FLOPs and time, beside the deep encoder's."""

from __future__ import annotations

from collections.abc import Sequence

from tlm_sweeps.committees.document import Group
from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.runs.record import LabelScores
from tlm_sweeps.studies.tiny_committee_claim import lead_of, relative_pretraining
from tlm_sweeps.studies.tiny_committees import Seated
from tlm_sweeps.studies.tiny_latency import ARRANGEMENTS, DECIDING_BLOCKS, relative_latency
from tlm_sweeps.studies.wording import NOTHING, join
from tlm_sweeps.units import format_count, format_flops

_WORDS = frozenset({"task"})
_BATCHES = (1, 32)


def committee_table(found: Sequence[Seated]) -> Table:
    """Every committee beside the deep encoder of its replicate: accuracy and what it costs."""
    columns = (
        *("task", "replicate", "committee, %, 95 %", "deep, %, 95 %", "lead, points", "pre-training FLOPs", "× deep"),
        *("FLOPs a prediction, whole blocks", "× deep ", "trimmed", "× deep  ", "parameters", "× deep   "),
    )
    caption = "Committees by their mean logit, beside the deep encoder (scaled); intervals are of the test examples"
    return Table(caption, columns, tuple(map(_committee_row, found)), words=_WORDS)


def _committee_row(each: Seated) -> Row:
    document, beside = each.document, each.document.against[0]
    answer = next(one for one in document.answers if one.rule == "mean logit")
    ours = document.committee
    cells = (
        each.seats.task.name,
        str(each.seats.replicate),
        _percent(answer.test),
        _percent(beside.runs[0].test),
        f"{100 * lead_of(document, 'mean logit'):+.2f}",
        format_flops(ours.pretraining_flops.get("matmul", 0)),
        _times(relative_pretraining(document)),
        *_whole_flops(ours, beside),
        format_flops(ours.forward_flops),
        _times(ours.forward_flops / beside.forward_flops),
        format_count(ours.n_params),
        _times(ours.n_params / beside.n_params),
    )
    return Row(cells)


def _percent(found: LabelScores) -> str:
    low, high = found.interval
    return f"{100 * found.accuracy:.2f} ({100 * low:.1f} to {100 * high:.1f})"


def _whole_flops(ours: Group, beside: Group) -> tuple[str, str]:
    known = ours.whole_forward_flops, beside.whole_forward_flops
    if known[0] is None or known[1] is None:
        return NOTHING, NOTHING
    return format_flops(known[0]), _times(known[0] / known[1])


def latency_table(found: Sequence[Seated]) -> Table:
    """Median times, and how many times the deep encoder's on as many cores they are."""
    rows = [
        Row((each.seats.task.name, str(each.seats.replicate), *_milliseconds(each), *_relative(each), *_load(each)))
        for each in found
        if each.document.latency
    ]
    arranged = [f"{arrangement}, batch {batch}" for batch in _BATCHES for arrangement in ARRANGEMENTS]
    trimmed = [f"× deep, {arrangement}, batch {_BATCHES[0]}, trimmed" for arrangement in ARRANGEMENTS]
    columns = (
        "task",
        "replicate",
        "deep, ms, batch 1",
        "deep, ms, batch 32",
        *(f"× deep, {each}" for each in arranged),
        *trimmed,
        "busy",
        "load",
    )
    caption = (
        f"How long a committee takes (scaled), by whole blocks unless trimmed; {_device(found)}; busy: "
        "cores that others used meanwhile; load: processes that wanted one in the minute before"
    )
    return Table(caption, columns, tuple(rows), words=_WORDS)


def _milliseconds(each: Seated) -> list[str]:
    """The deep encoder's time on one core, by whole blocks."""
    timings = each.document.latency.timings if each.document.latency else ()
    wanted = ("alone", 1, DECIDING_BLOCKS)
    alone = {
        one.batch_size: one.median_seconds for one in timings if (one.arrangement, one.n_threads, one.blocks) == wanted
    }
    return [f"{1e3 * alone[batch]:.2f}" if batch in alone else NOTHING for batch in _BATCHES]


def _relative(each: Seated) -> list[str]:
    whole = [relative_latency(each.document, way, batch) for batch in _BATCHES for way in ARRANGEMENTS]
    trimmed = [relative_latency(each.document, way, _BATCHES[0], "trimmed") for way in ARRANGEMENTS]
    return [_times(ratio) for ratio in (*whole, *trimmed)]


def _load(each: Seated) -> list[str]:
    latency = each.document.latency
    found = (latency.busy_cores, latency.load_average) if latency else (None, None)
    return [NOTHING if load is None else f"{load:.2f}" for load in found]


def _device(found: Sequence[Seated]) -> str:
    devices = {each.document.latency.device for each in found if each.document.latency}
    return f"times on {join(sorted(devices))}" if devices else "times were not measured"


def _times(ratio: float | None) -> str:
    return NOTHING if ratio is None else f"{ratio:.2g}"
