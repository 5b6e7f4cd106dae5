"""Points from a CSV file that any tool may have written: a row a run."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tlm_sweeps.errors import InputError
from tlm_sweeps.scaling.cost import SIX_N_D
from tlm_sweeps.scaling.observations import Observations
from tlm_sweeps.scaling.points import Point, with_budgets

_ASKED = "a header with n_params, loss, and n_tokens or train_flops or both; budget_flops and setting if you like"
_MOST_ROWS = 20_000
_COUNTS, _LOSSES = (1.0, 1e40), (1e-9, 1e9)
"""What can be so; beyond, it is another unit or a slip."""


def read_observations(path: Path) -> Observations:
    """What a file holds.

    Columns: `n_params`; `loss` in nats per token; `n_tokens`, `train_flops` or both. What is missing of these two
    follows from C = 6 N D. `budget_flops` says which runs stand on one isoFLOP curve; without it, equal FLOPs do. Rows
    of one `setting` differ in their seed alone; without it, rows of equal size, tokens and FLOPs do. Other columns
    are passed over.

    Raises:
        InputError: with the row (a line of the file) and the column of the first cell that is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = tuple(_points(csv.DictReader(file, strict=True), path))
    except OSError as error:
        raise InputError(f"cannot read `{path}`: {error.strerror}", place="--csv", hint="name a CSV file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"`{path}` is not UTF-8", place="--csv", hint="save it as UTF-8 text") from error
    except csv.Error as error:
        raise InputError(f"`{path}` is no CSV file: {error}", place="--csv", hint=f"write {_ASKED}") from error
    if not found:
        raise InputError(f"`{path}` has no rows", place="--csv", hint="a row a run, under the header")
    is_by_rule = not _counts_flops(found)
    return Observations(
        points=with_budgets(found),
        sources=(str(path),),
        account="6 N D" if is_by_rule else "as the file says",
        cost=SIX_N_D if is_by_rule else None,
    )


def _counts_flops(points: Sequence[Point]) -> bool:
    """Whether the FLOPs are of their own: not 6 N D."""
    by_rule = ((SIX_N_D.flops(point.n_params, point.n_tokens), point.train_flops) for point in points)
    return any(not math.isclose(rule, said, rel_tol=1e-6) for rule, said in by_rule)


def _points(rows: csv.DictReader[str], path: Path) -> Iterator[Point]:
    _ensure_columns(rows.fieldnames or (), path)
    for number, row in enumerate(rows):
        if number == _MOST_ROWS:
            raise InputError(f"`{path}` has more than {_MOST_ROWS:,} rows", place="--csv", hint="keep the final rows")
        yield _point(row, f"{path}:{rows.line_num}")


def _ensure_columns(names: Sequence[str], path: Path) -> None:
    missing = [name for name in ("n_params", "loss") if name not in names]
    if not {"n_tokens", "train_flops"} & {*names}:
        missing.append("n_tokens")
    if missing:
        found = ", ".join(names) or "nothing"
        raise InputError(
            f"no column `{missing[0]}`; there is: {found[:200]}", place=f"{path}:1", hint=f"write {_ASKED}"
        )
    twice = [name for name in names if list(names).count(name) > 1]
    if twice:
        raise InputError(f"column `{twice[0]}` is there twice", place=f"{path}:1", hint="name each column once")


def _point(row: Mapping[str, str | None], place: str) -> Point:
    n_params, nll = _number(row, "n_params", place), _number(row, "loss", place)
    if "n_tokens" in row:
        n_tokens = _number(row, "n_tokens", place)
        flops = _number(row, "train_flops", place) if "train_flops" in row else SIX_N_D.flops(n_params, n_tokens)
    else:
        flops = _number(row, "train_flops", place)
        n_tokens = SIX_N_D.tokens(n_params, flops)
    budget = _number(row, "budget_flops", place) if "budget_flops" in row else None
    name = (row.get("setting") or "").strip()
    words = f"{n_params:.4g} parameters, {n_tokens:.4g} tokens"
    return Point(n_params, n_tokens, flops, nll, name or f"{n_params!r}/{n_tokens!r}/{flops!r}", budget, name or words)


def _number(row: Mapping[str, str | None], column: str, place: str) -> float:
    written = (row[column] or "").strip()
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    low, high = _LOSSES if column == "loss" else _COUNTS
    if not low <= value <= high:
        said = f"`{written[:40]}`" if written else "an empty cell"
        hint = f"write a number from {low:g} to {high:g}"
        raise InputError(f"{said} is no {column}", place=f"{place} {column}", hint=hint)
    return value
