"""The task that Ray runs on a node: a worker that calls home. Ray hands it a line of text and gets nothing back."""

from __future__ import annotations

import os


def work(summons: str) -> None:
    """Be a worker until home hangs up.

    Args:
        summons: `remote_messages.Summons` as JSON.
    """
    import ray

    from tlm_sweeps.search.remote_messages import Summons
    from tlm_sweeps.search.remote_worker import work_for

    work_for(Summons.model_validate_json(summons), ray.get_runtime_context().get_node_id())


def guard() -> str:
    """How the cluster's nodes are guarded: `token`, or something else."""
    return os.environ.get("RAY_AUTH_MODE", "")
