"""What a shared total has left, told from the ledgers of the others: what they spent, and what their runs may spend."""

from __future__ import annotations

from pathlib import Path

import tlm_sweeps as tlm
from tests.chains import FINE_TUNING, PRETRAINING, write_spec
from tests.committees.fine_tuned_runs import experiment_of, record_of, write_ledger
from tlm_sweeps.runs.ledger import writing
from tlm_sweeps.search.pooling import pool_of
from tlm_sweeps.spec.loading import in_order


def test_what_runs_in_flight_have_reserved_is_not_left_for_the_others(tmp_path: Path):
    write_spec(tmp_path, PRETRAINING)
    path = write_spec(tmp_path, FINE_TUNING, budget=FINE_TUNING["budget"] | {"total": 10**9})
    spec, shared = in_order(tlm.load_chain(path))[-1]
    runs = tmp_path / "runs"
    waiting = [record_of("pre", seed, experiment_of(), state="waiting") for seed in (0, 1)]
    write_ledger(runs, "pre", waiting)
    assert pool_of(spec, shared, runs) == 10**9
    with writing(runs / "pre") as ledger:
        lease = ledger.start(waiting[0].run_id, 300, None, "now")
        assert lease is not None
        assert pool_of(spec, shared, runs) == 10**9 - 300
        ledger.settle(lease, waiting[0].model_copy(update={"state": "complete"}), 200)
        assert pool_of(spec, shared, runs) == 10**9 - 200
        ledger.start(waiting[1].run_id, 300, None, "now")
        assert pool_of(spec, shared, runs) == 10**9 - 500
