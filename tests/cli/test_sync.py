"""`sync`, as far as no server is needed; tests/search/wandb/test_syncing.py has one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Tlm = Callable[..., Any]


def test_a_sweep_that_was_not_tracked_has_nothing_to_upload(tlm: Tlm, runs: Path):
    said = tlm("sync", "tiny", "--runs-dir", runs)
    assert (said.code, said.out) == (2, "")
    assert "error: W&B's client has kept no run of sweep `tiny`" in said.err
    assert "hint: what is trained with `tracking: {wandb: offline}` can be uploaded later" in said.err


def test_a_name_that_is_none_is_told_with_the_nearest(tlm: Tlm, runs: Path):
    said = tlm("sync", "tinny", "--runs-dir", runs)
    assert said.code == 2
    assert "hint: did you mean `tiny`?" in said.err
