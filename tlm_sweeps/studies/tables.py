"""A reproduction as plain tables of text, for the terminal and for the page alike."""

from __future__ import annotations

from collections.abc import Sequence

from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.report.views import Row, Table
from tlm_sweeps.studies import published
from tlm_sweeps.studies.published import as_printed
from tlm_sweeps.studies.reproduction import CellResult, Reproduction

ROW, VERDICT = "row", "verdict"
MISSED = "missed"
"""The mark of a row that is not reproduced."""
_NOTHING = "–"
_COLUMNS = (
    *(ROW, "parameters", "2ND FLOPs", "published", "ours", "95 % of the mean", "95 % of one more seed", "difference"),
    *("in s", "seeds", VERDICT),
)


def verdict_table(found: Reproduction, table: published.Table) -> Table:
    """Published against ours: test NLL in nats per target, a row of the study a row."""
    rows = tuple(
        Row(_cells(result), MISSED if result.verdict == "not reproduced" else "") for result in found.of(table)
    )
    return Table(table.title, _COLUMNS, rows, words=frozenset({VERDICT}))


def epoch_table(found: Reproduction, table: published.Table) -> Table | None:
    """Validation NLL after each epoch, our mean less published; None where no curve can be compared."""
    results = [result for result in found.of(table) if any(each.difference is not None for each in result.epochs)]
    if not results:
        return None
    last = max(each.epoch for result in results for each in result.epochs)
    rows = tuple(Row((result.cell.label, *_differences(result, last))) for result in results)
    caption = "Validation NLL after each epoch, our mean less published, nats"
    return Table(caption, (ROW, *(f"epoch {number}" for number in range(1, last + 1))), rows)


def notes_of(found: Reproduction, table: published.Table) -> list[str]:
    """What a reader of the rows should know: of the published ones, and which sweeps of ours do not count."""
    cells = [result.cell for result in found.of(table)]
    notes = [f"{cell.label}: {cell.published.note}" for cell in cells if cell.published.note]
    return notes + [found.sweeps.left_out[name] for name in table.sweeps if name in found.sweeps.left_out]


def verdicts_in_words(found: Reproduction) -> str:
    """How many rows have which verdict: `18 reproduced, 1 not reproduced, 1 not run, of 20 rows`."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in found.verdicts.items())
    rows = len(found.results)
    return f"{counts}, of {rows} row{'s' if rows != 1 else ''}"


def missed_in_words(found: Reproduction) -> list[str]:
    """Each row that is not reproduced, with the size of the difference."""
    missed = [result for result in found.results if result.verdict == "not reproduced"]
    return [f"{each.cell.label} (table {each.table.key}): {_size(each)}" for each in missed]


def _size(result: CellResult) -> str:
    in_s = result.difference_in_deviations
    of_seeds = "" if in_s is None else f", {abs(in_s):.1f} standard deviations of our seeds"
    more = "above" if (result.difference or 0.0) > 0 else "below"
    return f"ours lies {format_nll(abs(result.difference or 0.0))} nats {more} the published value{of_seeds}"


def _cells(result: CellResult) -> tuple[str, ...]:
    printed, ours = result.cell.published, result.ours
    in_s = result.difference_in_deviations
    return (
        result.cell.label,
        f"{printed.n_params:,}",
        as_printed(printed.flops_2nd),
        format_nll(printed.test_nll),
        _NOTHING if ours is None else format_nll(ours.mean),
        _span(None if ours is None else ours.interval),
        _span(result.prediction),
        _signed(result.difference, 4),
        _signed(in_s, 1),
        str(len(result.test_nlls)),
        f"{result.verdict} ({result.caution})" if result.caution else result.verdict,
    )


def _differences(result: CellResult, last: int) -> Sequence[str]:
    at = {each.epoch: each.difference for each in result.epochs}
    return [_signed(at.get(number), 3) for number in range(1, last + 1)]


def _span(ends: tuple[float, float] | None) -> str:
    return _NOTHING if ends is None else f"{format_nll(ends[0])} to {format_nll(ends[1])}"


def _signed(value: float | None, digits: int) -> str:
    return _NOTHING if value is None else f"{value:+z.{digits}f}"
