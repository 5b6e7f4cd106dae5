"""An adaptive search that goes on from a merged ledger: it learns from both parts and repeats nothing."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.runs.merge import merge
from tlm_sweeps.runs.record import Record
from tlm_sweeps.search.optuna_export import finished_trials
from tlm_sweeps.spec.fingerprint import canonical_json
from tlm_sweeps.spec.sweep import SweepSpec


def part(runs: Path, there: Path, *trials: int) -> Path:
    """The sweep as a machine would have left it that proposed these trials only."""
    shutil.copytree(runs / "tiny", there / "tiny")
    with closing(sqlite3.connect(there / "tiny" / "ledger.sqlite")) as ledger, ledger:
        kept = ", ".join(map(str, trials))
        ledger.execute(f"DELETE FROM proposals WHERE number NOT IN ({kept})")  # noqa: S608 - numbers
        gone = f"SELECT run_id FROM runs WHERE trial NOT IN ({kept})"  # noqa: S608 - numbers
        ledger.execute(f"DELETE FROM measurements WHERE run_id IN ({gone})")  # noqa: S608 - numbers
        ledger.execute(f"DELETE FROM runs WHERE trial NOT IN ({kept})")  # noqa: S608 - numbers
    return there


def test_tpe_goes_on_from_two_parts(
    tiny: Callable[..., SweepSpec], swept: Callable[..., tuple[Record, ...]], tmp_path: Path
):
    engine = {"sampler": "tpe", "trials": 4}
    in_one_go = swept(tiny(engine=engine))
    apart = [part(tmp_path / "runs", tmp_path / name, *trials) for name, trials in (("a", (2, 3)), ("b", (0, 1)))]
    (merged,) = merge(tmp_path / "all", apart)
    assert merged.states == {"complete": 4}
    records = swept(tiny(engine=engine | {"trials": 6}), runs="all")
    assert [each.state for each in records] == ["complete"] * 6
    assert len({canonical_json(each.settings) for each in records}) == 6
    assert {each.fingerprint for each in in_one_go} < {each.fingerprint for each in records}
    with reading(tmp_path / "all" / "tiny") as ledger:
        assert len(finished_trials(tiny(engine=engine), ledger)) == 6
