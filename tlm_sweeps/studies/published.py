"""What a study printed: cells of its tables, with size, compute, test NLL and curves. It refuses to know our results.

A number that cannot be what the study says it is (a curve of the wrong length, FLOPs that its own formula does not
give) is refused where it is written down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tlm_sweeps.studies.arms import Arm


@dataclass(frozen=True)
class PrintedFlops:
    """Training FLOPs as a study printed them, three digits: 2 · parameters · windows · context."""

    flops: float
    context: int
    """The window length that gives this number, tokens; one study's table used another than its models had."""


@dataclass(frozen=True)
class Published:
    """One row of a table, from one seed. NLLs are nats per target."""

    n_params: int
    context: int
    """Window length of the model, tokens."""
    windows_per_epoch: int
    epochs: int
    test_nll: float
    printed_flops: PrintedFlops | None = None
    """None where the study printed none."""
    train_nlls: tuple[float, ...] = ()
    """Mean training NLL of each epoch; empty where no curve was printed."""
    val_nlls: tuple[float, ...] = ()
    """Validation NLL after each epoch."""
    note: str = ""
    """What a reader of the row should know."""

    @property
    def flops_2nd(self) -> int:
        """Training FLOPs by the study's convention, with the window length that the model has."""
        return self._flops(self.context)

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            ValueError: with what is wrong.
        """
        if any(not math.isfinite(nll) or nll <= 0 for nll in (self.test_nll, *self.train_nlls, *self.val_nlls)):
            raise ValueError(f"an NLL of {self} is no NLL")
        if any(len(curve) not in {0, self.epochs} for curve in (self.train_nlls, self.val_nlls)):
            raise ValueError(f"a curve of {self} has not {self.epochs} epochs")
        printed = self.printed_flops
        if printed and as_printed(self._flops(printed.context)) != as_printed(printed.flops):
            costs = as_printed(self._flops(printed.context))
            raise ValueError(f"{self} cannot cost {as_printed(printed.flops)}: it costs {costs}")

    def _flops(self, context: int) -> int:
        return 2 * self.n_params * self.windows_per_epoch * self.epochs * context


@dataclass(frozen=True)
class Cell:
    """A published row, and which runs of ours it is compared with."""

    arm: Arm
    published: Published

    @property
    def label(self) -> str:
        """What the row is called."""
        return self.arm.label


@dataclass(frozen=True)
class Table:
    """A table of a study, or one of its sweeps."""

    key: str
    """What it is called after `--table`."""
    title: str
    cells: tuple[Cell, ...]

    @property
    def sweeps(self) -> tuple[str, ...]:
        """Names of the sweeps that its rows are compared with."""
        return tuple(dict.fromkeys(cell.arm.sweep for cell in self.cells))


@dataclass(frozen=True)
class Answer:
    """A claim or an open question of a study: it rests on sweeps and has no rows."""

    key: str
    """What it is called after `--table`: `A1`, `Q7`."""
    sweeps: tuple[str, ...]
    """Names of the sweeps that it rests on."""


@dataclass(frozen=True)
class Study:
    """A paper's tables, and what else is asked of them."""

    name: str
    title: str
    source: str
    """Where it was published."""
    tables: tuple[Table, ...]
    answers: tuple[Answer, ...] = ()
    identities: Mapping[str, str] = field(default_factory=dict)
    """Of the specs that our runs of it were made by, by sweep name (`spec.identity`). Runs of others do not count."""
    runs_per_seed: Mapping[str, int] = field(default_factory=dict)
    """Seeds that a sweep has for each seed of the study, by sweep name, where it is not one: members of committees."""

    @property
    def cells(self) -> Iterator[tuple[Table, Cell]]:
        """Every row with its table."""
        return ((table, cell) for table in self.tables for cell in table.cells)

    @property
    def sweeps(self) -> tuple[str, ...]:
        """Names of all its sweeps, in the order of the tables and answers."""
        return tuple(dict.fromkeys(name for part in (*self.tables, *self.answers) for name in part.sweeps))

    def seeds_of(self, sweep: str, seeds: int) -> int:
        """Seeds that a sweep has where the study is asked for so many."""
        return seeds * self.runs_per_seed.get(sweep, 1)

    def only(self, keys: Sequence[str]) -> Study:
        """The study with some of its tables and answers, in its own order; with all where no key is given."""
        if not keys:
            return self
        tables = tuple(table for table in self.tables if table.key in keys)
        return replace(self, tables=tables, answers=tuple(each for each in self.answers if each.key in keys))


def as_printed(flops: float) -> str:
    """FLOPs with the three digits that papers print.

    >>> as_printed(41_216_448_000_000)
    '4.12e13'
    """
    return f"{flops:.2e}".replace("e+", "e")
