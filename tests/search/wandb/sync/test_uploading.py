"""The `wandb sync` that uploads: given the time that it needs, ended when it does not get on, quoted where due."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.search.wandb.sync.offline_sweep import synced
from tests.wandb_server.serving import Server
from tlm_sweeps.search.wandb import uploading
from tlm_sweeps.search.wandb.joining import joined
from tlm_sweeps.search.wandb.uploading import Upload, upload, what_was_said


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="other systems do not show whose a process is")
def test_an_upload_that_is_given_up_is_ended_with_all_that_it_started(runs: Path, server: Server, tmp_path: Path):
    server.faults.silent = True
    work = tmp_path / "work"
    with _uploading(runs, work) as pictures:
        while len(_processes_of(work)) < 2:  # the client and its service
            assert next(pictures) == 0
    server.until(lambda _: not _processes_of(work))
    server.faults.silent = False


def test_an_upload_that_does_not_get_on_is_given_up(
    runs: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(uploading, "STALL_SECONDS", 0.1)
    server.faults.silent = True
    with _uploading(runs, tmp_path / "work") as pictures, pytest.raises(TimeoutError, match="stood still"):
        list(pictures)
    server.faults.silent = False


def test_what_is_large_is_given_longer(runs: Path, server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(uploading, "STALL_SECONDS", 0.1)  # less than any upload takes
    for files in runs.glob("tiny/*/wandb/*/files"):
        with (files / "model.safetensors").open("wb") as file:
            file.truncate(1_000_000)
    assert synced(runs).uploaded == 3


def test_a_complaint_is_of_the_run_that_it_names(tmp_path: Path):
    (tmp_path / "wandb-sync.log").write_text(
        "wandb: [ann/p/tiny-0001] setting up\n"
        "wandb: ERROR Error initializing run: giving up\n"
        "wandb: ERROR [ann/p/tiny-0002] the disk is full\n"
        "wandb: WARNING ERRORS may follow\n",
        encoding="utf-8",
    )
    said = what_was_said(tmp_path)
    assert (said.of_runs, said.of_nobody) == ({"tiny-0002": "the disk is full"}, "Error initializing run: giving up")
    assert what_was_said(tmp_path / "another").of_nobody == ""


@contextmanager
def _uploading(runs: Path, work: Path) -> Iterator[Generator[int]]:
    """The upload of one run."""
    log = next(runs.glob("tiny/*/wandb/*/*.wandb"))
    run = joined([log.read_bytes()], None)
    work.mkdir()
    with (runs / "lock").open("w") as lock:
        uploads = [Upload("a", run.log_of(run.steps), (log,))]
        with closing(upload(uploads, work, "ann", "p", lock.fileno())) as pictures:
            yield pictures


def _processes_of(folder: Path) -> list[str]:
    """The processes, by number, that keep W&B's files in a folder."""
    mine = f"WANDB_DIR={folder}".encode()
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mine in environ.read_bytes().split(b"\0"):
                found.append(environ.parent.name)
        except OSError:  # it has just ended, or is somebody else's
            continue
    return found
