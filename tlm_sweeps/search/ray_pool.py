"""The pool of a sweep whose workers are on a Ray cluster."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tlm_sweeps.compute.planning import FactsOf
from tlm_sweeps.errors import InputError
from tlm_sweeps.runs.provenance import Provenance
from tlm_sweeps.search.devices import Asked
from tlm_sweeps.search.ray_cluster import Cluster
from tlm_sweeps.search.remote_asking import OnRay
from tlm_sweeps.search.remote_messages import Welcome
from tlm_sweeps.search.remote_pool import RemotePool
from tlm_sweeps.search.remote_worker import versions_of
from tlm_sweeps.spec.sweep import SweepSpec

_HOME_FILE = ".home"


@dataclass(frozen=True)
class Wanted:
    """What workers on the cluster are to be."""

    asked: OnRay
    threads: int
    """Of each run."""
    on_gpus: bool


def computes_on_gpus(cluster: Cluster, device: Asked) -> bool:
    """Whether runs compute on the cluster's GPUs.

    Raises:
        InputError: GPUs were asked for, and Ray knows of none.
    """
    if device == "cuda" and not cluster.has_gpus:
        message = "no node of the Ray cluster has a GPU that Ray knows of"
        raise InputError(message, place="--device", hint="use --device cpu, or start nodes with --num-gpus")
    return device != "cpu" and cluster.has_gpus


@contextmanager
def ray_pool(
    cluster: Cluster,
    wanted: Wanted,
    spec: SweepSpec,
    facts_of: FactsOf,
    folder: Path,
    data_dir: Path | None,
    origin: Provenance,
) -> Iterator[RemotePool]:
    """Workers on the cluster, at least one of which is there.

    Args:
        cluster: joined.
        wanted: what they are to be.
        spec: of the sweep.
        facts_of: facts of its texts.
        folder: of the sweep.
        data_dir: where named corpora are looked for first.
        origin: where runs of this process come from.

    Raises:
        RunError: no worker comes, or no node can train this sweep.
    """
    from tlm_sweeps.search.ray_hiring import RayHirer

    share = _gpu_share(wanted)
    token_file, token = (folder / _HOME_FILE).resolve(), secrets.token_hex(16)
    token_file.write_text(token, encoding="ascii")
    welcome = Welcome(
        token_file=str(token_file),
        token=token,
        data_dir=_folder_of_corpora(data_dir),
        work_dir=str(Path.cwd()),
        experiment=spec.experiment,
        fingerprint=facts_of(spec.experiment).fingerprint,
    )
    hirer = RayHirer(wanted.threads, share)
    pool = RemotePool(hirer, cluster.host, welcome, folder, versions_of(origin), wanted.asked.most, share)
    with closing(pool):
        pool.await_first()
        yield pool
    token_file.unlink(missing_ok=True)


def _gpu_share(wanted: Wanted) -> float:
    """Of a GPU for each worker: a whole one, or as small a part as so many workers make necessary."""
    if not wanted.on_gpus:
        return 0.0
    import ray

    gpus = ray.cluster_resources()["GPU"]
    return 1.0 if wanted.asked.most is None else min(1.0, gpus / wanted.asked.most)


def _folder_of_corpora(data_dir: Path | None) -> str | None:
    given = data_dir or os.environ.get("TLM_DATA")
    return str(Path(given).resolve()) if given else None
