"""An upload to W&B in words."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from tlm_sweeps.console.syncing import sync_bar, sync_sentence, sync_troubles
from tlm_sweeps.search.wandb.syncing import Failure, SyncProgress

PROGRESS = SyncProgress(sweep="tiny", url="https://wandb.example/ann/p/sweeps/abcd1234", total=12, there=5, uploaded=4)


def test_what_came_of_it_is_one_line():
    assert sync_sentence(PROGRESS) == "12 runs: 4 uploaded, 5 there already"
    assert list(sync_troubles(PROGRESS)) == []


def test_what_is_not_there_is_told_with_its_reason():
    failed = (Failure("tiny-0003-s0", "W&B does not have it"),)
    progress = SyncProgress(sweep="tiny", url="", total=1, failed=failed, unfinished=2, untracked=1)
    progress = replace(progress, superseded=3, warnings=("run_cap is too large",))
    assert sync_sentence(progress) == "1 run: 0 uploaded, 0 there already, 1 failed"
    told = "\n".join(sync_troubles(progress))
    assert "tiny-0003-s0: W&B does not have it" in told
    assert "2 runs not over yet" in told
    assert "1 run left out" in told
    assert "3 trainings left out" in told
    assert "run_cap is too large" in told


def test_the_bar_counts_what_is_under_way():
    console = Console(width=100)
    with console.capture() as capture:
        console.print(sync_bar(SyncProgress(sweep="tiny", url="", total=12, there=5, under_way=2)))
    assert "syncing tiny" in capture.get()
    assert "7 of 12 runs" in capture.get()
