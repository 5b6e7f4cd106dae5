"""A chain on a Ray cluster whose nodes have another runs folder: weights travel there, everything else comes home."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chains import FINE_TUNING, PRETRAINING, write_spec, write_task
from tests.search.ray.clusters import RayNodes, ray_nodes
from tlm_sweeps.runs.ledger import reading

pytestmark = [
    pytest.mark.service,
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (extra `ray`)"),
    pytest.mark.skipif(sys.platform != "linux", reason="a folder is hidden by a mount namespace"),
]
SWEEPS = ("pre", "fine")


@dataclass(frozen=True)
class Chain:
    """A chain's spec, its task, and where it is run on the cluster."""

    spec: Path
    data: Path
    runs: Path
    nodes: RayNodes

    def sweep(self, runs: Path, workers: str, environment: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "tlm_sweeps", "sweep", str(self.spec), "--runs-dir", str(runs)]
        command += ["--data-dir", str(self.data), "--workers", workers, "--no-report"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace can be made here")
    write_spec(tmp_path, PRETRAINING)
    spec, data, runs = write_spec(tmp_path, FINE_TUNING), write_task(tmp_path / "data"), tmp_path / "ray"
    runs.mkdir()
    with ray_nodes(2, hidden=runs) as nodes:
        yield Chain(spec, data, runs, nodes)


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


@pytest.mark.skipif(not shutil.which("unshare"), reason="there is no `unshare` (util-linux)")
def test_a_chain_on_nodes_without_the_folder_leaves_what_it_leaves_here(chain: Chain, tmp_path: Path):
    chain.sweep(tmp_path / "local", "1")
    chain.sweep(chain.runs, "ray:2", chain.nodes.environment)
    for name in SWEEPS:
        away, here = chain.runs / name, tmp_path / "local" / name
        assert results(away) == results(here)
        assert {each["state"] for each in results(away)} == {"complete"}
        assert files(away) == files(here)
        log = (away / "remote.log").read_text()
        assert "files are brought home" in log
        assert "the runs folder is shared" not in log
    assert any(name.endswith("predictions.safetensors") for name in files(chain.runs / "fine"))
    for raylet in chain.nodes.raylets.values():
        there = Path(f"/proc/{raylet}/root") / chain.runs.relative_to("/")
        assert list(there.iterdir()) == [], "nothing was written under that name on the nodes"
