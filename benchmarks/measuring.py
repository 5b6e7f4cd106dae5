"""What every benchmark does alike: note the machine, measure sides in turn, reduce to medians, write and show.

It knows no side and judges nothing. It stays light on purpose: a process that is started is charged with the memory of
the one that starts it (Linux keeps `ru_maxrss` across exec), so whoever measures must not load torch.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tlm_sweeps.compute.machine import cores
from tlm_sweeps.runs import provenance

RESULTS = Path(__file__).parent / "results"
"""Where results go that nobody names a file for; git ignores it."""
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")
"""What a processor must have for the kernels that decide these benchmarks."""
_WIDE = 200
"""Columns of a table that goes into a file."""

Measures = Mapping[str, float]
"""What one measurement of a side gave: a number by name, its unit in the name (`wall_seconds`, `peak_bytes`)."""


class LeftOut(Exception):
    """A side cannot be measured here: not installed, not found, or it failed. The message says why."""


@dataclass(frozen=True)
class Spread:
    """The middle of some values and how far they scatter, in their unit."""

    median: float
    lower_quartile: float
    upper_quartile: float
    count: int


@dataclass(frozen=True)
class Measured:
    """What `interleaved` found."""

    rounds: dict[str, list[Measures]]
    """By side, a measurement for each round; every list is as long as the others."""
    left_out: dict[str, str]
    """Sides that could not be measured, and why."""

    def values(self, side: str, measure: str) -> list[float]:
        """One measure of a side, round by round."""
        return [each[measure] for each in self.rounds[side] if measure in each]

    def ratios(self, theirs: str, ours: str, measure: str) -> list[float]:
        """Theirs ÷ ours, round by round: both were measured within minutes, under the same neighbours."""
        pairs = zip(self.values(theirs, measure), self.values(ours, measure), strict=True)
        return [their / our for their, our in pairs]


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles (inclusive: the least and the greatest value are the 0 % and 100 % points).

    Raises:
        ValueError: there are no values.

    >>> spread([4.0, 1.0, 2.0, 3.0, 100.0])
    Spread(median=3.0, lower_quartile=2.0, upper_quartile=4.0, count=5)
    """
    if not values:
        raise ValueError("no values, no median")
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, lower, upper, len(values))


def interleaved(sides: Mapping[str, Callable[[], Measures]], rounds: int) -> Measured:
    """Measure each side once a round, and in the next round again, so that a noisy minute falls on all.

    Every round begins one side later, so that no side always runs after the same neighbour. A side that raises
    `LeftOut` is measured no more, and what it gave before is dropped.

    Each measurement is told `busy_elsewhere_cores`: how many cores others kept busy meanwhile.
    """
    found: dict[str, list[Measures]] = {name: [] for name in sides}
    left_out: dict[str, str] = {}
    names = list(sides)
    for number in range(rounds):
        shift = number % max(1, len(names))
        for name in names[shift:] + names[:shift]:
            if name in left_out:
                continue
            say(f"round {number + 1} of {rounds}: {name}")
            try:
                with _watching_neighbours() as neighbours:
                    measures = sides[name]()
                found[name].append({**measures, **neighbours})
            except LeftOut as reason:
                left_out[name] = str(reason)
                del found[name]
                say(f"  left out: {reason}")
    return Measured(found, left_out)


def setting() -> dict[str, Any]:
    """Where and with what a benchmark ran: machine, versions, commit, and how busy the machine was at this moment."""
    origin = provenance.capture()
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": origin.commit,
        "dirty": origin.dirty,
        "versions": dict(origin.versions),
        "machine": {
            "processor": origin.device,
            "system": platform.platform(),
            "cores": cores(),
            "flags": _processor_flags(),
            "memory_bytes": _memory().get("MemTotal"),
            "memory_available_bytes": _memory().get("MemAvailable"),
            "load_average": os.getloadavg(),
        },
        "argv": sys.argv[1:],
    }


def summary(measured: Measured) -> dict[str, Any]:
    """A measurement as JSON holds it: by side and measure every value, the median and the quartiles."""
    return {
        "sides": {
            side: {name: asdict(spread(values)) | {"values": values} for name, values in _by_measure(rounds).items()}
            for side, rounds in measured.rounds.items()
        },
        "left_out": measured.left_out,
    }


def write(name: str, result: Mapping[str, Any], target: str | None) -> None:
    """Write a result with the load average of now beside that of the beginning.

    Args:
        name: of the benchmark.
        result: what it found, `setting()` included.
        target: a file; `-` for stdout; None for `benchmarks/results/<name>.json`.
    """
    whole = {"benchmark": name, **result, "load_average_at_end": os.getloadavg()}
    text = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    file = RESULTS / f"{name}.json" if target is None else Path(target)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    say(f"written: {file}")


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Draw a table on stderr (stdout is for JSON). The first column is words, the others are numbers."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", show_edge=False, pad_edge=False)
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left", no_wrap=bool(place))
    for row in rows:
        table.add_row(*row)
    _console().print(table)


def say(line: str) -> None:
    """Tell whoever waits how far it is, on stderr."""
    _console().print(line, markup=False, highlight=False)


def written_spread(values: Sequence[float], scale: float = 1.0, digits: int = 0) -> str:
    """A median with its quartiles, for a table; one value is written alone.

    >>> written_spread([0.25, 0.5, 0.75], scale=1000)
    '500 (375-625)'
    """
    found = spread([value * scale for value in values])
    middle = f"{found.median:,.{digits}f}"
    if found.count == 1:
        return middle
    return f"{middle} ({found.lower_quartile:,.{digits}f}-{found.upper_quartile:,.{digits}f})"


def parser(what: str, rounds: int) -> argparse.ArgumentParser:
    """The options that all benchmarks share; `what` is the benchmark's docstring."""
    found = argparse.ArgumentParser(description=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument(
        "--rounds", type=_rounds, default=rounds, help=f"how often each side is measured (default {rounds})"
    )
    found.add_argument(
        "--json", metavar="FILE", help="where the result goes; `-`: stdout (default: benchmarks/results)"
    )
    return found


def _rounds(written: str) -> int:
    rounds = int(written)
    if rounds < 1:
        raise ValueError(written)
    return rounds


def _console() -> Console:
    return Console(stderr=True, width=None if sys.stderr.isatty() else _WIDE)


@contextmanager
def _watching_neighbours() -> Iterator[dict[str, float]]:
    """Filled at the end: the processor time that was not of this process nor of what it started and waited for."""
    found: dict[str, float] = {}
    before, began = _elsewhere_seconds(), time.perf_counter()
    yield found
    after, seconds = _elsewhere_seconds(), time.perf_counter() - began
    if before is not None and after is not None and seconds > 0:
        found["busy_elsewhere_cores"] = max(0.0, after - before) / seconds


def _elsewhere_seconds() -> float | None:
    """Busy processor seconds of the machine since it began, without ours; None where Linux does not say."""
    file = Path("/proc/stat")
    if not file.exists():
        return None
    user, nice, system, _idle, _waiting, hard, soft, stolen = map(int, file.read_text().split("\n")[0].split()[1:9])
    ticks = user + nice + system + hard + soft + stolen
    ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return ticks / os.sysconf("SC_CLK_TCK") - sum(each.ru_utime + each.ru_stime for each in ours)


def _by_measure(rounds: Sequence[Measures]) -> dict[str, list[float]]:
    names = dict.fromkeys(name for each in rounds for name in each)
    return {name: [each[name] for each in rounds if name in each] for name in names}


def _processor_flags() -> list[str]:
    file = Path("/proc/cpuinfo")
    text = file.read_text(errors="replace") if file.exists() else ""
    words = {word for line in text.splitlines() if line.startswith("flags") for word in line.split()}
    return [flag for flag in _FLAGS if flag in words]


def _memory() -> dict[str, int]:
    """The lines of /proc/meminfo in bytes; nothing where there is none."""
    file = Path("/proc/meminfo")
    if not file.exists():
        return {}
    pairs = (line.split()[:2] for line in file.read_text().splitlines())
    return {name.rstrip(":"): int(kibibytes) * 1024 for name, kibibytes in pairs}
