"""A page as Chromium draws it: what a reader would see, and what the browser complained of."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

needs_chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")


def drawn(page: Path, home: Path) -> str:
    """The page's DOM after its scripts have run; the browser must have had nothing to say of it.

    Args:
        page: the HTML file.
        home: an empty folder for the browser's own files.
    """
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=5000"]
    seen = subprocess.run(
        ["chromium", *flags, f"--user-data-dir={home / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "HOME": str(home)},
    )
    assert "CONSOLE" not in seen.stderr
    return seen.stdout
