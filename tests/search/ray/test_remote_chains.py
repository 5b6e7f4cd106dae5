"""A chain on a worker elsewhere that does not share the runs folder: weights travel there, what it finds comes home."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import tlm_sweeps as tlm
from tests.chains import FINE_TUNING, PRETRAINING, write_spec, write_task
from tests.search.ray.playing import Processes, pool_of, sweep_on, welcome_to
from tlm_sweeps.runs.ledger import reading
from tlm_sweeps.spec.loading import in_order


def results(sweep: Path) -> list[dict[str, Any]]:
    timing = {"wall_seconds", "peak_memory_bytes", "started_at", "finished_at", "provenance"}
    with reading(sweep) as ledger:
        return [record.model_dump(exclude=timing) for record in ledger.records()]


def files(sweep: Path) -> dict[str, bytes | None]:
    """What is in the folders of runs; of weights and predictions, every byte."""
    return {
        str(path.relative_to(sweep)): path.read_bytes() if path.suffix == ".safetensors" else None
        for path in sweep.glob("*/*")
    }


@pytest.mark.slow
def test_a_chain_elsewhere_leaves_the_records_and_files_of_a_chain_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TLM_DATA", str(write_task(tmp_path / "data")))
    write_spec(tmp_path, PRETRAINING)
    chain = tlm.load_chain(write_spec(tmp_path, FINE_TUNING))
    for spec, _ in in_order(chain):
        folder = tmp_path / "away" / spec.name
        with (
            closing(pool_of(Processes(), welcome_to(spec, folder, shared=False), folder)) as pool,
            closing(sweep_on(pool, spec, folder)) as pictures,
        ):
            for _ in pictures:
                pass
    tlm.sweep(chain, runs_dir=tmp_path / "here", workers=1)
    for name in ("pre", "fine"):
        away, here = tmp_path / "away" / name, tmp_path / "here" / name
        assert results(away) == results(here)
        assert {each["state"] for each in results(away)} == {"complete"}
        assert files(away) == files(here)
        assert "files are brought home" in (away / "remote.log").read_text()
    assert any(name.endswith("predictions.safetensors") for name in files(tmp_path / "away" / "fine"))
