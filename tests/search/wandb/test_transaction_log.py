"""W&B's file of a run: what is written is read again, by us and by W&B's own reader, and cut-off files are read."""

from __future__ import annotations

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tlm_sweeps.search.wandb.joining import JoinedRun, joined
from tlm_sweeps.search.wandb.transaction_log import DamagedLogError, read_log, write_log

BLOCK = 32 * 1024
SIZES = st.one_of(st.integers(0, 60), st.integers(BLOCK - 40, BLOCK + 40), st.integers(0, 3 * BLOCK))


@given(st.lists(SIZES, max_size=12))
@example([BLOCK - 14, 0, 5])  # a chunk that ends with its block
@example([BLOCK - 14 - 7, 5])  # a header that does
@example([BLOCK - 14 - 3, 5])  # less room than a header needs
@example([BLOCK - 14 - 7, 0])
def test_what_is_written_is_read(sizes: list[int]):
    records = [bytes([number + 1]) * size for number, size in enumerate(sizes)]
    assert read_log(write_log(records)) == records


@given(st.lists(SIZES, min_size=1, max_size=5), st.data())
def test_a_file_that_was_cut_off_is_read_up_to_there(sizes: list[int], data: st.DataObject):
    records = [b"x" * size for size in sizes]
    log = write_log(records)
    cut = data.draw(st.integers(0, len(log)))
    assert records[: len(read := read_log(log[:cut]))] == read
    assert read_log(log[:cut] + bytes(data.draw(st.integers(0, 100)))) == read


def test_damage_is_told_and_not_passed_over():
    log = bytearray(write_log([b"a" * 100, b"b" * 100]))
    log[50] ^= 1
    with pytest.raises(DamagedLogError, match="damaged"):
        read_log(bytes(log))
    with pytest.raises(DamagedLogError, match="no W&B log"):
        read_log(b"a spreadsheet, perhaps")


def test_w_and_b_reads_what_is_written_and_only_the_sweep_has_changed(tmp_path: Path):
    original = write_log([_run(), *(_history(step, "p" * 9000) for step in range(20)), _exit(0)])
    (tmp_path / "run-a.wandb").write_bytes(original)
    (tmp_path / "run-b.wandb").write_bytes(_whole_log(joined([original], "abcd1234")))
    before, after = _inspected(tmp_path / "run-a.wandb"), _inspected(tmp_path / "run-b.wandb")
    assert len(before) == 22
    assert before[0]["run"].pop("sweep_id") == "local000"
    assert after[0]["run"].pop("sweep_id") == "abcd1234"
    assert after == before


def test_sessions_are_joined_in_the_order_of_their_start():
    first = write_log([_run(seconds=1), _history(10), _history(20), _history(30), _summary("failed"), _exit(1)])
    second = write_log([_run(seconds=2), _history(30, "again"), _history(40), _summary("complete"), _exit(0)])
    whole = joined([second, first], None)
    assert [kind for kind, _, _ in whole.entries].count("run") == 1
    assert [kind for kind, _, _ in whole.entries].count("exit") == 1
    assert (whole.last_step, whole.steps, whole.state) == (40, (10, 20, 30, 40), "complete")
    assert _steps(whole.log_of({10, 40})) == [10, 40]
    assert _steps(_whole_log(whole)) == [10, 20, 30, 40]
    assert b"again" in _whole_log(whole)


def test_a_file_in_which_no_run_was_opened_is_no_session():
    assert joined([write_log([_history(1)]), write_log([_run(), _history(5)])], None).steps == (5,)
    with pytest.raises(DamagedLogError, match="no run"):
        joined([write_log([])], None)


def _whole_log(run: JoinedRun) -> bytes:
    return run.log_of(run.steps)


def _steps(log: bytes) -> list[int]:
    return [step for _, step, _ in joined([log], None).entries if step is not None]


def _run(seconds: int = 1) -> bytes:
    record = _record()
    record.run.run_id, record.run.sweep_id, record.run.project = "a", "local000", "p"
    record.run.start_time.seconds = seconds
    return record.SerializeToString()


def _history(step: int, note: str = "") -> bytes:
    record = _record()
    record.history.step.num = step
    record.history.item.add(key="note", value_json=json.dumps(note))
    return record.SerializeToString()


def _summary(state: str) -> bytes:
    record = _record()
    record.summary.update.add(key="state", value_json=json.dumps(state))
    return record.SerializeToString()


def _exit(code: int) -> bytes:
    record = _record()
    record.exit.exit_code = code
    return record.SerializeToString()


def _record() -> Any:
    from wandb.proto.wandb_internal_pb2 import Record  # pyright: ignore[reportAttributeAccessIssue] - made at run time

    return Record()


def _inspected(file: Path) -> list[dict[str, dict[str, object]]]:
    """A log as W&B's own reader prints it."""
    found = find_spec("wandb")
    assert found is not None
    assert found.origin is not None
    core = Path(found.origin).parent / "bin" / "wandb-core"
    command = [core, "leet", "inspect", "--no-observability", "--json", "--run-file", file, file.parent]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in shown.stdout.splitlines()]
