"""A sweep under way on a terminal: one calm panel. Pure: a picture in, a renderable out."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tlm_sweeps.console.streams import plain
from tlm_sweeps.console.wording import left_of, run_of, scored, setting_of, share_of, spent_of, states_in_words
from tlm_sweeps.report.naming import format_nll
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.progress import RunningRun, SweepProgress

_BAR = 16
"""Columns of a run's bar."""
_FAILURES = 3
"""Failures shown, the newest ones."""
_RUNS = 16
"""Running runs shown."""


def sweep_panel(progress: SweepProgress, failures: tuple[Record, ...] = ()) -> Panel:
    """The whole view.

    Args:
        progress: the sweep at this moment.
        failures: runs that have failed so far, the newest last.
    """
    parts: list[RenderableType] = [_summary(progress)]
    if progress.running:
        parts += [Text(), _runs(progress.running[:_RUNS])]
    if len(progress.running) > _RUNS:
        parts.append(Text(f"and {len(progress.running) - _RUNS} more", "dim"))
    if failures:
        parts += [Text(), *(_failure(record) for record in failures[-_FAILURES:])]
    return Panel(
        Group(*parts),
        title=Text(plain(progress.sweep), "bold"),
        title_align="left",
        box=box.ROUNDED,
        border_style="dim",
        padding=(0, 1),
    )


def _summary(progress: SweepProgress) -> Table:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    share = share_of(progress)
    if share is not None:
        grid.add_row("budget", _gauge(share, spent_of(progress)))
    else:
        grid.add_row("spent", spent_of(progress).removesuffix(" spent"))
    grid.add_row("trials", Text(", ".join(each for each in (_trials(progress), left_of(progress)) if each)))
    grid.add_row("runs", Text(states_in_words(progress.states)))
    if progress.precision != "fp32":
        grid.add_row("in", Text(progress.precision))
    grid.add_row("best", _best(progress.best))
    return grid


def _trials(progress: SweepProgress) -> str:
    wanted = "" if progress.trials_wanted is None else f" of {progress.trials_wanted}"
    return f"{progress.trials_over}{wanted} done"


def _gauge(share: float, words: str) -> Table:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True, justify="right")
    grid.add_column(no_wrap=True)
    grid.add_row(_bar(share), Text(f"{share:.0%}".replace("%", " %"), "bold"), Text(words))
    return grid


def _bar(share: float, width: int | None = None) -> ProgressBar:
    return ProgressBar(
        total=1.0,
        completed=min(1.0, share),
        width=width,
        style="bright_black",
        complete_style="cyan",
        finished_style="green",
    )


def _best(best: Record | None) -> Text:
    if best is None:
        return Text("no run is complete yet", "dim")
    setting = plain(setting_of(best.settings, best.baseline))
    return Text.assemble(
        (scored(best), "bold green"),
        " nats  ",
        (run_of(best.trial, best.seed), "dim"),
        f"  {setting}",
        no_wrap=True,
        overflow="ellipsis",
    )


def _runs(running: tuple[RunningRun, ...]) -> Table:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(width=_BAR, no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    for run in running:
        nll = "" if run.val_nll is None else format_nll(run.val_nll)
        setting = Text(plain(setting_of(run.settings, run.baseline)))
        bar = _bar(run.share, _BAR)
        grid.add_row(run_of(run.trial, run.seed), setting, bar, f"{run.share:.0%}".replace("%", " %"), nll)
    return grid


def _failure(record: Record) -> Text:
    where = run_of(record.trial, record.seed)
    return Text.assemble(("failed", "red"), f"  {where}: {plain(record.reason)}", overflow="ellipsis", no_wrap=True)
