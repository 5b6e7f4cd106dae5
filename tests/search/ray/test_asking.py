"""What `--workers ray` asks for, and what it is refused before anything starts."""

import socket
import sys
from pathlib import Path

import pytest

from tlm_sweeps.cli.options import workers_of
from tlm_sweeps.errors import InputError
from tlm_sweeps.search.ray_cluster import joined
from tlm_sweeps.search.remote_asking import OnRay


@pytest.mark.parametrize(("written", "asked"), [("ray", OnRay()), ("ray:8", OnRay(8)), ("3", 3), ("auto", None)])
def test_workers_are_asked_for_here_or_on_ray(written: str, asked: object):
    assert workers_of(written) == asked


@pytest.mark.parametrize("written", ["ray:", "ray:0", "ray:x", "ray:8:2", "Ray", "dask", ":8", "0"])
def test_what_is_no_number_of_workers_is_refused_with_its_value(written: str):
    with pytest.raises(InputError) as refused:
        workers_of(written)
    assert written in str(refused.value)
    assert refused.value.problems[0].place == "--workers"


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A user without tokens and clusters, on a machine without Ray."""
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "")  # so that what is set meanwhile is undone
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ray", None)
    return monkeypatch


def refusal() -> str:
    with pytest.raises(InputError) as refused, joined():
        pass
    return str(refused.value)


def test_without_ray_the_hint_is_how_to_install_it(nobody: pytest.MonkeyPatch):
    assert "pip install 'tlm-sweeps[ray]'" in refusal()


def test_a_cluster_without_tokens_is_not_used(nobody: pytest.MonkeyPatch):
    nobody.setenv("RAY_AUTH_MODE", "disabled")
    assert "RAY_AUTH_MODE is `disabled`" in refusal()


def test_a_cluster_elsewhere_has_a_token_that_must_be_here(nobody: pytest.MonkeyPatch, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as head:
        nobody.setenv("RAY_ADDRESS", f"127.0.0.1:{head.getsockname()[1]}")
        assert "the cluster's token is not here" in refusal()
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text("a" * 64)
        assert "Ray is not installed" in refusal(), "the token is found"


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "127.0.0.1:1", "127.0.0.1:99999"])
def test_an_address_at_which_no_cluster_answers_is_refused_at_once(nobody: pytest.MonkeyPatch, address: str):
    nobody.setenv("RAY_ADDRESS", address)
    nobody.setenv("RAY_AUTH_TOKEN", "a" * 64)
    told = refusal()
    assert address in told
    assert "RAY_ADDRESS" in told
