"""A worker on another machine: it calls home, and then is a worker like any other.

Run by `search.ray_task` inside a cluster, or as `python -m tlm_sweeps.search.remote_worker` with a summons on stdin.
"""

from __future__ import annotations

import os
import platform
import socket
import sys
import tempfile
from contextlib import suppress
from multiprocessing.connection import Client
from pathlib import Path

from tlm_sweeps.errors import TlmError
from tlm_sweeps.runs import provenance
from tlm_sweeps.search.remote_line import RemoteLine
from tlm_sweeps.search.remote_messages import Hello, Settled, Summons, Unfit, Welcome
from tlm_sweeps.search.remote_wire import LineCut, Wire
from tlm_sweeps.search.starting import THREADS

_SHARE_OF_ROOM = 0.8
"""Of a GPU's granted memory that runs may fill; the rest is for what we cannot predict."""


def work_for(summons: Summons, node: str = "") -> None:
    """Call home and train what is ordered there, until it hangs up or the line is cut.

    Args:
        summons: whom to call.
        node: the cluster's name for this machine.

    Raises:
        OSError: home cannot be reached.
    """
    os.environ.update(THREADS)  # before torch is imported, below
    wire = Wire(Client((summons.host, summons.port), family="AF_INET", authkey=bytes.fromhex(summons.key)))
    line = RemoteLine(wire, summons)
    try:
        with suppress(*LineCut):
            _serve(line, summons, node)
    finally:
        line.leave()


def _serve(line: RemoteLine, summons: Summons, node: str) -> None:
    line.say(_hello(summons, node))
    welcome = line.welcomed()
    data_dir = _settle_in(welcome)
    if problem := _problem_with_text(welcome, data_dir):
        line.say(Unfit(reason=problem))
        line.welcomed()  # until home hangs up: it has heard then
    with tempfile.TemporaryDirectory(prefix="tlm-sweeps-") as scratch:
        _work(line, welcome, Path(scratch), data_dir, summons.gpu_share)


def _hello(summons: Summons, node: str) -> Hello:
    origin = provenance.capture()
    return Hello(
        ticket=summons.ticket,
        node=node,
        host=socket.gethostname(),
        versions=versions_of(origin),
        processor=_gpu() if summons.gpu_share else origin.device,
    )


def versions_of(origin: provenance.Provenance) -> dict[str, str]:
    """What two machines must have in common for their runs to be of one sweep."""
    python = platform.python_version()
    known = {name: origin.versions[name] for name in ("tlm_sweeps", "torch", "numpy") if name in origin.versions}
    return known | {"python": python, "commit": origin.commit or ""}


def _settle_in(welcome: Welcome) -> Path | None:
    """Stand where home stands, if that is here too; the folder of corpora, if that is here too."""
    with suppress(OSError):
        os.chdir(welcome.work_dir)
    data_dir = Path(welcome.data_dir) if welcome.data_dir else None
    return data_dir if data_dir and data_dir.is_dir() else None


def _problem_with_text(welcome: Welcome, data_dir: Path | None) -> str:
    """Why the sweep's text is not here as it is at home; nothing when it is."""
    from tlm_sweeps.corpora.texts import open_text

    try:
        found = open_text(welcome.experiment, data_dir).facts
    except (TlmError, OSError) as error:
        return str(error).replace("\n", " ")
    if found.fingerprint != welcome.fingerprint:
        return f"its text `{found.name}` is another one: fingerprint {found.fingerprint}, not {welcome.fingerprint}"
    return ""


def _work(line: RemoteLine, welcome: Welcome, scratch: Path, data_dir: Path | None, gpu_share: float) -> None:
    import torch

    from tlm_sweeps.search.worker import Worker
    from tlm_sweeps.training import allocator

    allocator.keep_freed_memory()
    torch.set_num_threads(1)
    shares_folder = _holds(Path(welcome.token_file), welcome.token)
    line.settle(Settled(shares_folder=shares_folder, room_bytes=_room(gpu_share)), scratch)
    Worker(line, data_dir).work()


def _holds(file: Path, token: str) -> bool:
    try:
        return file.read_text(encoding="ascii") == token
    except (OSError, ValueError):
        return False


def _room(gpu_share: float) -> int | None:
    """Memory of the granted part of the GPU, to which torch is held from now on."""
    if not gpu_share:
        return None
    import torch

    if gpu_share < 1:
        torch.cuda.set_per_process_memory_fraction(gpu_share)
    return round(_SHARE_OF_ROOM * gpu_share * torch.cuda.mem_get_info()[1])


def _gpu() -> str:
    import torch

    return torch.cuda.get_device_name()


if __name__ == "__main__":
    work_for(Summons.model_validate_json(sys.stdin.read()))
