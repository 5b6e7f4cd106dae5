"""Canaries: keys and passwords of the environment and of the command line, looked for in all that is left behind."""

from __future__ import annotations

import base64
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import SPEC
from tlm_sweeps.redaction import redacted
from tlm_sweeps.runs.ledger import writing
from tlm_sweeps.runs.provenance import capture
from tlm_sweeps.spec.loading import load_sweep

Tlm = Callable[..., Any]

KEY = "canarykey0123456789canarykey0123456789ca"
PASSWORD = "canarypassword42"  # noqa: S105 - a canary
TOKEN = "hf_canarytoken0123456789"  # noqa: S105 - a canary
NETRC = "canarynetrc0123456789canarynetrc01234567"
SECRETS = (KEY, PASSWORD, TOKEN, NETRC)
FORMS = tuple(form for each in SECRETS for form in (each.encode(), base64.b64encode(each.encode())[:-4]))
PROXY = f"http://ann:{PASSWORD}@127.0.0.1:9"
ENVIRONMENT = {
    "WANDB_API_KEY": KEY,
    "HF_TOKEN": TOKEN,
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "WANDB_HTTPS_PROXY"), PROXY),
    "WANDB_BASE_URL": f"https://ann:{PASSWORD}@wandb.invalid",
}
ALONE = ("--set", "search={model.depth: [1]}", "--set", "baselines=null", "--workers", "1")


def _telling(folder: Path) -> list[str]:
    """Files that hold a canary."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != "netrc")
    return [str(file) for file in files if any(form in file.read_bytes() for form in FORMS)]


def _command_lines() -> Iterator[bytes]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield file.read_bytes()


@pytest.mark.parametrize("login", ["key in the environment", "netrc"])
def test_no_file_no_line_and_no_process_of_a_sweep_has_a_canary(
    login: str, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    if login == "netrc":
        monkeypatch.delenv("WANDB_API_KEY")
        (tmp_path / "netrc").write_text(f"machine wandb.invalid\n  login user\n  password {NETRC}\n")
        (tmp_path / "netrc").chmod(0o600)
    spec = spec.rename(tmp_path / f"{TOKEN}.yaml")  # the one word of a command that can be anything
    command = [sys.executable, "-m", "tlm_sweeps", "--debug", "sweep", str(spec), *ALONE]
    options = ["--set", "tracking={wandb: online, project: shapes}"]
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        sweep = subprocess.Popen([*command, *options], stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        shown: set[bytes] = set()
        typed = b"".join(word.encode() + b"\0" for word in [*command, *options])  # what its user shows everybody
        while sweep.poll() is None:
            shown |= {line for line in _command_lines() if any(form in line for form in FORMS)} - {typed}
            time.sleep(0.05)
    assert sweep.returncode == 0, (tmp_path / "err").read_text()
    assert (tmp_path / "runs" / "tiny" / "report.html").exists()
    assert list(tmp_path.glob("runs/tiny/*/wandb/**/*.log"))
    assert _telling(tmp_path) == []
    assert shown == set()


def test_a_run_that_fails_keeps_no_canary(
    tlm: Tlm, spec: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The failure's own text has it: a path whose folder is called as a token."""
    monkeypatch.setenv("SOME_TOKEN", TOKEN)
    runs = tmp_path / TOKEN
    with writing(runs / "tiny"):
        pass  # a sweep that has begun, else nothing is trained over what lies there
    (runs / "tiny" / "tiny-0000-s0" / "metrics.jsonl").mkdir(parents=True)
    # A process of its own: workers know the environment in which the first of them was begun.
    command = [sys.executable, "-m", "tlm_sweeps", "--debug", "sweep", str(spec), "--runs-dir", str(runs), *ALONE]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1
    assert "crashed: IsADirectoryError" in tlm("export", "tiny", "--runs-dir", runs).out
    assert (runs / "tiny" / "tiny-0000-s0" / "error.txt").read_text().startswith("Traceback")
    assert _telling(tmp_path) == []
    assert TOKEN.encode() not in done.stderr


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("question", f"what is at https://ann:{PASSWORD}@example.org/set?"),
        ("corpus", f"{{hub: 'https://ann:{PASSWORD}@example.org/set'}}"),
        ("corpus", f"{{hub: 'https://{TOKEN}@example.org/set'}}"),
        ("corpus", f"{{hub: ann/set, revision: {KEY}}}"),
        ("tracking", f"{{tags: [a, 'x?token={PASSWORD}']}}"),
        ("name", f"https://ann:{PASSWORD}@example.org"),
    ],
)
def test_a_spec_with_a_secret_is_refused_and_the_secret_not_shown(
    tlm: Tlm, spec: Path, field: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    said = tlm("--debug", "sweep", spec, "--set", f"{field}={value}")
    assert said.code == 2
    assert not any(secret in said.out + said.err for secret in SECRETS)
    assert not Path("runs").exists()


def test_a_spec_with_addresses_and_signs_is_no_secret(spec: Path) -> None:
    harmless = "see https://example.org/a@b?page=2, ann@example.org and a:b@c; key=value"
    spec.write_text(SPEC.replace("Which depth is best for 2 GFLOPs?", f'"{harmless}"'))
    assert load_sweep(spec).spec.question == harmless


def test_the_kept_command_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    typed = ("tlm-sweeps", "agent", f"https://ann:{PASSWORD}@wandb.example/a/b/c", f"--data-dir={KEY}", "plain")
    assert capture(typed).argv == ("tlm-sweeps", "agent", "https://***@wandb.example/a/b/c", "--data-dir=***", "plain")


@pytest.mark.parametrize("text", ["plain", "a@b", "x = 1", "https://example.org:80/?page=1&monkey=2", "", "secret: no"])
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text, {"WANDB_API_KEY": KEY, "HTTP_PROXY": PROXY, "A_TOKEN": "1"}) == text


def test_an_error_of_others_is_told_without_the_password(tlm: Tlm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", f"https://ann:{PASSWORD}@127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    said = tlm("report", "a/b/c")
    assert said.code in (1, 2)
    assert "error: " in said.err
    assert not any(secret in said.err for secret in SECRETS)
