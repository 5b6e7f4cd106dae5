"""What a committee costs beside other models, as tables: time of an answer, and the equal-FLOP question."""

from __future__ import annotations

from tlm_sweeps.committees.document import CommitteeDocument, EqualFlops, Side, Timing
from tlm_sweeps.committees.wording import NOTHING, percent, signed
from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.units import format_flops


def latency_table(found: CommitteeDocument) -> Table:
    """Median times of every arrangement, a column a batch size."""
    if found.latency is None:
        return Table("", (), ())
    timings = found.latency.timings
    ways: dict[tuple[object, ...], dict[int, Timing]] = {}
    for timing in timings:
        way = (timing.name, timing.arrangement, timing.n_models, timing.n_processes, timing.n_threads, timing.blocks)
        ways.setdefault(way, {})[timing.batch_size] = timing
    batches = sorted({timing.batch_size for timing in timings})
    rows = tuple(
        Row((*map(str, way), *(cell for size in batches for cell in _milliseconds(mine[size]))))
        for way, mine in ways.items()
    )
    columns = ("who", "how", "models", "processes", "threads of each", "blocks")
    measured = tuple(name for size in batches for name in (f"batch {size}, ms", f"CPU, {size}"))
    caption = (
        f"Time of a call: median (quartiles) of {timings[0].n_rounds} rounds, and CPU time on its longest path; "
        f"{found.latency.context} positions an example, {found.latency.cores} cores of {found.latency.device}"
    )
    return Table(caption, columns + measured, rows, words=frozenset({"how", "blocks"}))


def equal_table(found: CommitteeDocument) -> Table:
    """The equal-FLOP question, a row a total."""
    columns = ("total", "committee", "test", "single model", "test of it", "difference", "95 %")
    caption = "For the same pre-training FLOPs: the best of each side by validation NLL, accuracy on test in %"
    rows = tuple(Row(_equal_cells(row)) for row in found.equal_flops)
    return Table(caption, columns, rows, words=frozenset({"committee", "single model"}))


def _milliseconds(timing: Timing) -> tuple[str, str]:
    low, high = timing.quartiles_seconds
    middle = f"{1e3 * timing.median_seconds:.3g} ({1e3 * low:.3g}–{1e3 * high:.3g})"
    return middle, f"{1e3 * timing.median_cpu_seconds:.3g}"


def _equal_cells(row: EqualFlops) -> tuple[str, ...]:
    apart = (
        (NOTHING, NOTHING) if row.difference is None or row.interval is None else signed(row.difference, row.interval)
    )
    return (f"{format_flops(row.total_flops)} ({row.account})", *_side(row.committee), *_side(row.single), *apart)


def _side(side: Side | None) -> tuple[str, str]:
    if side is None:
        return "none for so few", NOTHING
    return f"{side.name}, {format_flops(side.pretraining_flops)}", percent(side.test_accuracy)
