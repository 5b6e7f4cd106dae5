"""A Ray cluster: the one that RAY_ADDRESS names, or one of this machine alone that ends with the sweep.

Whoever may talk to a cluster may run programs on it, and Ray lets everybody talk unless it is told otherwise. So tokens
are always on here: a cluster without them is not used.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlm_sweeps.compute.gpus import gpus
from tlm_sweeps.compute.machine import cores
from tlm_sweeps.errors import InputError
from tlm_sweeps.search.ray_task import guard

_ADDRESS, _MODE, _TOKEN, _TOKEN_FILE = "RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
_LOOPBACK = "127.0.0.2"
"""Ray replaces 127.0.0.1 and `localhost` by the address by which other machines reach this one."""
_STORE_BYTES = 80 * 2**20
"""Ray's least, almost: nothing but short texts goes through its object store."""
_CALLING_SECONDS = 10
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process is part of."""

    host: str
    """This machine's address, as the nodes see it."""
    has_gpus: bool
    is_ours: bool
    """Whether it ends with the sweep."""


@contextmanager
def joined() -> Iterator[Cluster]:
    """Be part of a cluster.

    Raises:
        InputError: Ray is not installed, the cluster cannot be reached, has other versions or no token.
    """
    address = os.environ.get(_ADDRESS, "")
    _use_tokens()
    if address:
        _ensure_somebody_is_there(address)
    ray = _ray()
    was_in_one = ray.is_initialized()  # a notebook's own, say
    if not was_in_one:
        _connect(ray, address) if address else _start(ray)
    talks = _hush(ray)
    try:
        if was_in_one or address:
            _ensure_guarded(ray)
        yield _cluster(ray, is_ours=not (was_in_one or address))
    finally:
        if not was_in_one:
            ray.shutdown()
        _hush(ray, talks=talks)


def _use_tokens() -> None:
    """Before Ray is imported: it reads this once."""
    mode = os.environ.setdefault(_MODE, "token")
    if mode.lower() != "token":
        hint = f"unset {_MODE}: workers are only started on clusters that ask for a token"
        raise InputError(f"{_MODE} is `{mode}`", place="--workers ray", hint=hint)
    has_file = Path(os.environ.get(_TOKEN_FILE) or Path.home() / ".ray" / "auth_token").is_file()
    if os.environ.get(_TOKEN) or has_file:
        return
    if os.environ.get(_ADDRESS):
        hint = f"copy the head node's ~/.ray/auth_token to this machine, or set {_TOKEN} or {_TOKEN_FILE}"
        raise InputError("the cluster's token is not here", place="--workers ray", hint=hint)
    os.environ[_TOKEN] = secrets.token_hex(32)  # for a cluster that lives as long as this process


def _ensure_somebody_is_there(address: str) -> None:
    """Ask at once what Ray finds out in minutes."""
    if address == "auto":
        return  # Ray knows where
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or "/" in host:
        hint = f"{_ADDRESS}=HOST:PORT of the head node, as `ray start --head` prints it, or auto on that node"
        raise InputError(f"`{address}` is no address of a head node", place=_ADDRESS, hint=hint)
    try:
        socket.create_connection((host, int(port)), timeout=_CALLING_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"no Ray cluster answers at {address}: {error}",
            place=_ADDRESS,
            hint=f"see that it runs and that this is its address; without {_ADDRESS} this machine is used alone",
        ) from error


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray would otherwise hide GPUs from tasks that ask for none by a way that it warns is about to change.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        hint = "pip install 'tlm-sweeps[ray]', here and on every node"
        raise InputError("Ray is not installed", place="--workers ray", hint=hint) from error
    return ray


def _start(ray: Any) -> None:
    """A cluster of this machine. The dashboard, by which Ray was broken into, is not started."""
    ray.init(
        address="local",
        num_cpus=cores(),
        num_gpus=len(gpus()),
        include_dashboard=False,
        object_store_memory=_STORE_BYTES,
        log_to_driver=False,
        logging_level="ERROR",
        _node_ip_address=_LOOPBACK,
    )


def _hush(ray: Any, *, talks: bool = False) -> bool:
    """Keep Ray from printing a line for each process that dies to stdout, which is for data; whether it did."""
    worker = ray._private.worker  # noqa: SLF001 - `log_to_driver=False` does not go so far (2.60)
    before, worker._worker_logs_enabled = worker._worker_logs_enabled, talks  # noqa: SLF001 - as above
    return before


def _connect(ray: Any, address: str) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        message = str(error).strip().partition("\n")[0] or type(error).__name__
        if "ersion mismatch" in message:
            told = " ".join(str(error).split())
            hint = "install the same Python and the same Ray here and on the nodes"
            raise InputError(f"the Ray cluster at {address} is another: {told}", place=_ADDRESS, hint=hint) from error
        hint = (
            f"see that the cluster runs, that {_ADDRESS} is its address, and that the token here is its own; "
            f"or unset {_ADDRESS} to use this machine alone"
        )
        raise InputError(f"no Ray cluster answers at {address}: {message}", place=_ADDRESS, hint=hint) from error


def _ensure_guarded(ray: Any) -> None:
    """See that the cluster asks everybody for a token, as its nodes' own settings have it."""
    try:
        task = ray.remote(num_cpus=0, max_retries=0)(guard)
        mode: str = ray.get(task.remote(), timeout=_PATIENCE_SECONDS)
    except ray.exceptions.GetTimeoutError as error:
        hint = "`ray status` shows what the cluster is busy with"
        message = f"the Ray cluster runs nothing: no answer within {_PATIENCE_SECONDS} s"
        raise InputError(message, place=_ADDRESS, hint=hint) from error
    except ray.exceptions.RayError as error:
        reason = str(error).strip().rpartition("\n")[2]
        hint = "pip install 'tlm-sweeps[ray]' on every node, of the version that is here"
        message = f"a node of the Ray cluster cannot run tlm-sweeps: {reason}"
        raise InputError(message, place=_ADDRESS, hint=hint) from error
    if mode.lower() != "token":
        hint = f"start its nodes with {_MODE}=token in their environment"
        message = "the Ray cluster asks nobody for a token: whoever reaches it can run programs on it"
        raise InputError(message, place=_ADDRESS, hint=hint)


def _cluster(ray: Any, *, is_ours: bool) -> Cluster:
    here = ray.get_runtime_context().get_node_id()
    nodes = [each for each in ray.nodes() if each["Alive"]]
    host = next(each["NodeManagerAddress"] for each in nodes if each["NodeID"] == here)
    return Cluster(host, any(each["Resources"].get("GPU") for each in nodes), is_ours)
