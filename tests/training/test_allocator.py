"""Freed memory stays with a process that was told to keep it, until it gives it back."""

import json
import platform
import subprocess
import sys

import pytest

KEEPING = """
import json, os
from pathlib import Path
import torch
from tlm_sweeps.training.allocator import give_back, keep_freed_memory

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

can_be_told, before = keep_freed_memory(), resident_mib()
blocks = [torch.ones(2**24) for _ in range(4)]
del blocks
kept = resident_mib() - before
give_back()
print(json.dumps([can_be_told, kept, resident_mib() - before]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_what_is_freed_is_kept_until_it_is_given_back():
    done = subprocess.run([sys.executable, "-c", KEEPING], capture_output=True, text=True, check=True)
    can_be_told, kept, left = json.loads(done.stdout)
    assert can_be_told
    assert kept > 200, "256 MiB were freed"
    assert left < 50
