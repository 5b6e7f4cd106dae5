"""The browser holds a page to its policy: what gets past the escaping neither runs nor loads anything."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browsing import needs_chromium
from tlm_sweeps.report.page import build_page
from tlm_sweeps.report.sources import SweepResults


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server's address, and what it was asked for."""
    paths: list[str] = []

    class _Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"document.title = 'loaded'")

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", paths
    server.shutdown()
    server.server_close()


def _injected(address: str) -> str:
    return f"""
    <img src="{address}/image"><link rel="stylesheet" href="{address}/style">
    <script src="{address}/script"></script><iframe src="{address}/frame"></iframe>
    <object data="{address}/object"></object><div style="background: url({address}/background)">x</div>
    <script>document.title = "ran"; fetch("{address}/fetch"); new Image().src = "{address}/beacon";</script>
    <img src="x" onerror="document.title = 'ran'"><form id="f" action="{address}/form"></form>
    """


def _drawn(page: str, folder: Path) -> str:
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--dump-dom"]
    command = ["chromium", *flags, f"--user-data-dir={folder / 'profile'}", path.as_uri()]
    environment = {**os.environ, "HOME": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment).stdout


@needs_chromium
@pytest.mark.parametrize("has_policy", [True, False])
def test_what_is_injected_into_a_page_is_stopped_by_its_policy(
    has_policy: bool, make_results: Callable[..., SweepResults], asked: tuple[str, list[str]], tmp_path: Path
) -> None:
    """Without the policy the same page asks and runs, so that the test is known to see it."""
    address, paths = asked
    page = build_page(make_results()).replace("</main>", f"{_injected(address)}</main>", 1)
    assert address in page
    drawn = _drawn(page if has_policy else page.replace("Content-Security-Policy", "X-Nothing", 1), tmp_path)
    ran = "<title>ran</title>" in drawn or "<title>loaded</title>" in drawn
    assert (ran, bool(paths)) == (not has_policy, not has_policy)


def test_the_policy_is_the_first_thing_in_the_page_and_allows_nothing_by_default(
    make_results: Callable[..., SweepResults],
) -> None:
    head, _, rest = build_page(make_results()).partition("Content-Security-Policy")
    policy = rest.partition(">")[0]
    assert "<script" not in head
    assert "<style" not in head
    for part in ("default-src 'none'", "base-uri 'none'", "form-action 'none'"):
        assert part.replace("'", "&#39;") in policy
    assert "http" not in policy.replace("http-equiv", "")
    assert "unsafe-eval" not in policy
