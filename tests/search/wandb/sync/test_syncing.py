"""Offline sweeps and their upload: the real client keeps them, the real `wandb sync` sends them to the stand-in."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.search.wandb.sync.offline_sweep import assert_whole, finish, offline, rewrite, synced
from tests.wandb_server.serving import Server
from tlm_sweeps.corpora.texts import facts_reader
from tlm_sweeps.errors import InputError, RunError
from tlm_sweeps.runs.ledger import reading, writing
from tlm_sweeps.search.sweeping import sweep
from tlm_sweeps.search.wandb import syncing
from tlm_sweeps.search.wandb.joining import joined
from tlm_sweeps.search.wandb.offline import place_of
from tlm_sweeps.search.wandb.syncing import sync
from tlm_sweeps.search.wandb.transaction_log import read_log, write_log
from tlm_sweeps.spec.sweep import SweepSpec
from tlm_sweeps.tracking import wandb_connecting


def test_an_offline_sweep_is_kept_under_one_sweep_with_ids_that_follow_from_it(kept: Path):
    with reading(kept / "tiny") as ledger:
        spec = SweepSpec.model_validate_json(ledger.meta("spec") or "")
        places = {record.run_id: place_of(spec, record) for record in ledger.records()}
    assert len(places) == 3
    for run_id, place in places.items():
        assert place is not None
        (log,) = kept.glob(f"tiny/{run_id}/wandb/offline-run-*/run-{place.run_id}.wandb")
        assert joined([log.read_bytes()], None).sweep_id == place.sweep_id


def test_an_offline_sweep_is_uploaded_once_however_often_it_is_synced(runs: Path, server: Server):
    first = synced(runs)
    assert (first.uploaded, first.there, first.failed) == (3, 0, ())
    (uploaded,) = server.state.sweeps()
    assert uploaded.state == "FINISHED"
    uploaded.state = "CANCELED"  # by somebody, who is not overruled
    second = synced(runs)
    assert (second.uploaded, second.there, second.failed) == (0, 3, ())
    assert first.url == f"{server.url}/ann/p/sweeps/{uploaded.name}"
    assert (uploaded.state, uploaded.config["name"], uploaded.config["method"]) == ("CANCELED", "tiny", "grid")
    assert json.loads(uploaded.config["parameters"]["tlm"]["value"])["spec"]["question"] == "Which depth?"
    assert_whole(runs / "tiny", server, uploaded)
    assert not list((runs / "tiny").glob(".wandb-sync/*"))
    assert len(list(runs.glob("tiny/*/wandb/offline-run-*/*.wandb.synced"))) == 3  # which W&B's own `sync` looks for


def test_a_sync_that_is_interrupted_is_called_again(runs: Path, server: Server, tmp_path: Path):
    server.faults.slow_seconds = 0.1
    command = [sys.executable, "-m", "tlm_sweeps", "sync", "tiny", "--runs-dir", runs.name]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        server.until(lambda state: any(run.history for run in state.runs()))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said.strip()) == (130, "interrupted; the same command uploads the rest")
    server.faults.slow_seconds = 0
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    (uploaded,) = server.state.sweeps()
    assert shown.stdout == f"{server.url}/ann/p/sweeps/{uploaded.name}\n"
    assert shown.stderr.startswith("3 runs: ")
    assert_whole(runs / "tiny", server, uploaded)


def test_a_sync_that_is_killed_is_called_again(runs: Path, server: Server, tmp_path: Path):
    command = [sys.executable, "-m", "tlm_sweeps", "sync", "tiny", "--runs-dir", runs.name]
    server.faults.slow_seconds = 0.1
    with subprocess.Popen(command, cwd=tmp_path) as process:
        server.until(lambda state: any(run.history for run in state.runs()))
        process.kill()
    server.faults.slow_seconds = 0
    told = synced(runs)  # when what the killed one had begun has ended
    assert told.failed == ()
    (uploaded,) = server.state.sweeps()
    assert_whole(runs / "tiny", server, uploaded)


def test_a_run_that_was_paused_is_one_run(text: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch):
    runs = tmp_path / "runs"
    spec = offline(text, search={"model.depth": [2]}, budget={"flops": 4e9})
    with closing(sweep(spec, runs, workers=1, device="cpu")) as pictures:
        for picture in pictures:
            if any(run.val_nll is not None for run in picture.running):
                break
    assert synced(runs).unfinished == 1
    assert list(server.state.runs()) == []
    assert next(server.state.sweeps()).state == "RUNNING"  # more will come
    finish(spec, runs)
    assert len(list(runs.glob("tiny/*/wandb/offline-run-*"))) == 2
    assert synced(runs).uploaded == 1
    (uploaded,) = server.state.sweeps()
    assert_whole(runs / "tiny", server, uploaded)


def test_without_a_server_nothing_is_lost(runs: Path, server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wandb_connecting, "REQUEST_SECONDS", 3)
    server.faults.gone = True
    with pytest.raises(InputError, match="does not answer"):
        synced(runs)
    server.faults.gone = False
    pictures = sync(runs / "tiny", facts_reader())
    next(pictures)
    server.faults.gone = True
    with pytest.raises(RunError, match="call the same command again"), closing(pictures):
        list(pictures)
    server.faults.gone = False
    assert synced(runs).uploaded == 3


def test_what_the_client_did_not_hear_of_a_run_comes_from_the_ledger(runs: Path, server: Server):
    for file in runs.glob("tiny/*/wandb/*/*.wandb"):
        kept = read_log(file.read_bytes())
        file.write_bytes(write_log(kept[: len(kept) * 2 // 3]))  # its process was killed, training went on
    assert synced(runs).uploaded == 3
    (uploaded,) = server.state.sweeps()
    assert_whole(runs / "tiny", server, uploaded)


def test_one_damaged_file_does_not_hold_up_the_others(runs: Path, server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(syncing, "RUNS_AT_A_TIME", 2)
    file = next(runs.glob("tiny/tiny-0001-s0/wandb/*/*.wandb"))
    whole = bytearray(file.read_bytes())
    whole[100] ^= 1
    file.write_bytes(whole)
    told = synced(runs)
    assert (told.uploaded, [failure.run_id for failure in told.failed]) == (2, ["tiny-0001-s0"])
    assert f"{file} cannot be read: it is damaged" in told.failed[0].reason
    assert next(server.state.sweeps()).state == "RUNNING"


def test_a_sweep_that_is_running_or_has_nothing_for_w_and_b_is_refused(runs: Path, server: Server):
    with writing(runs / "tiny"), pytest.raises(InputError, match="is being run by pid"):
        synced(runs)
    for folder in runs.glob("tiny/*/wandb"):
        shutil.rmtree(folder)
    with pytest.raises(InputError, match="kept no run"):
        synced(runs)


def test_a_sweep_has_one_place(runs: Path, server: Server):
    server.state.entities.add("team")
    synced(runs, entity="team", project="q")
    assert synced(runs).there == 3
    with pytest.raises(InputError, match="is at W&B already: team/q/"):
        synced(runs, entity="ann")
    assert {(run.entity, run.project) for run in server.state.runs()} == {("team", "q")}
    file = runs / "tiny" / "wandb-sweep.json"
    elsewhere = "https://wandb.example"
    file.write_text(
        file.read_text(encoding="utf-8").replace(f'"base_url": "{server.url}"', f'"base_url": "{elsewhere}"')
    )
    with pytest.raises(InputError, match=f"is at W&B already: team/q/.* at {elsewhere}"):
        synced(runs)


def test_an_optuna_sweep_is_uploaded_without_a_sweep(runs: Path, server: Server, monkeypatch: pytest.MonkeyPatch):
    for name, value in {"WANDB_RUN_ID": "other", "WANDB_RESUME": "must", "WANDB_SWEEP_ID": "zzzzzzzz"}.items():
        monkeypatch.setenv(name, value)  # of whatever this is called in: these are other runs
    with writing(runs / "tiny") as ledger:
        kept = json.loads(ledger.meta("spec") or "")
        ledger.set_meta({"spec": json.dumps(kept | {"engine": {"kind": "optuna", "sampler": "grid"}})})
    for log in runs.glob("tiny/*/wandb/*/*.wandb"):
        rewrite(log, "")
    assert (synced(runs).uploaded, synced(runs).there) == (3, 3)
    assert list(server.state.sweeps()) == []
    assert {run.name for run in server.state.runs()} == {_id_of(log) for log in runs.glob("tiny/*/wandb/*/*.wandb")}


def test_what_an_agent_kept_goes_to_the_sweep_that_it_trained_for(runs: Path, server: Server):
    synced(runs)
    (uploaded,) = server.state.sweeps()
    server.state.projects["ann", "p"].runs.clear()
    for log in runs.glob("tiny/*/wandb/*/*.wandb"):
        rewrite(log, uploaded.name)
        log.parent.rename(log.parent.with_name(log.parent.name.removeprefix("offline-")))  # as of an online run
    agents = runs / f"tiny-{uploaded.name}"
    agents.mkdir()
    (runs / "tiny" / "wandb-sweep.json").unlink()
    (runs / "tiny").rename(agents / "abcd1234")
    told = synced(runs, agents.name)
    assert (told.uploaded, told.failed) == (3, ())
    assert_whole(agents / "abcd1234", server, uploaded)
    assert len(list(server.state.sweeps())) == 1
    server.delete_sweep(uploaded.name)
    told = synced(runs, agents.name)
    assert (told.there, told.uploaded, len(told.failed)) == (0, 0, 3)
    assert {failure.reason for failure in told.failed} == {
        f"the sweep {uploaded.name} that it belongs to is not at W&B any more"
    }


def _id_of(log: Path) -> str:
    return log.stem.removeprefix("run-")
