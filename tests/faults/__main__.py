"""`python -m tests.faults --seeds 200`: as many disturbed sweeps as one likes, and what became of the promises.

With `--system-calls` every write of a smaller sweep is a moment at which a process dies, and one from which on the disk
is full; `--every 10` takes each tenth of a kind.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from tests.faults.disturbing import disturbed
from tests.faults.promises import broken_promises
from tests.faults.small_sweeps import FEW_STEPS, NAME, spec_of, text_in, undisturbed
from tests.faults.system_calls import faults_of, is_possible, met, moments, writes_in_peace


def main() -> int:
    """Disturb one sweep a seed, or one a write; print a line of JSON for each and one for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="sweeps to disturb")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--faults", type=int, default=5, help="faults for each")
    parser.add_argument("--system-calls", action="store_true", help="disturb at writes, by strace")
    parser.add_argument("--every", type=int, default=1, help="with --system-calls: of each kind, one write in so many")
    parser.add_argument("--from", dest="begin", type=int, default=1, help="with --system-calls: the first of each kind")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if given.system_calls:
            return _at_writes(Path(made).resolve(), given.every, given.begin)
        return _at_random(Path(made), range(given.first, given.first + given.seeds), given.faults)


def _at_random(folder: Path, seeds: range, faults: int) -> int:
    spec = spec_of(text_in(folder), folder)
    undisturbed(spec, folder / "in-peace")
    tried: Counter[str] = Counter()
    broken_seeds = 0
    for seed in seeds:
        done = disturbed(spec, folder / str(seed), seed, faults)
        broken, count = broken_promises(folder / str(seed) / NAME, folder / "in-peace" / NAME)
        tried.update(each.fault for each in done)
        broken_seeds += bool(broken)
        _say({"seed": seed, "broken": broken, "faults": [vars(each) for each in done], **vars(count)})
        shutil.rmtree(folder / str(seed))
    _say({"faults": dict(tried), "sweeps": len(seeds), "sweeps_with_a_broken_promise": broken_seeds})
    return 1 if broken_seeds else 0


def _at_writes(folder: Path, every: int, begin: int) -> int:
    if not is_possible():
        raise SystemExit("strace is not installed, or may not follow processes here")
    spec = spec_of(text_in(folder), folder, FEW_STEPS)
    writes = writes_in_peace(spec, folder / "in-peace")
    tried: Counter[str] = Counter()
    broken_moments = 0
    for place, moment in enumerate(moments(writes.most, every, begin)):
        runs = folder / str(place)
        found = met(spec, runs, moment, writes.files)
        broken, count = broken_promises(runs / NAME, folder / "in-peace" / NAME)
        broken += faults_of(found)
        tried[f"{moment.fault} at {moment.call}"] += found.met
        broken_moments += bool(broken)
        _say({**vars(moment), "met": found.met, "code": found.code, "broken": broken, **vars(count)})
        shutil.rmtree(runs)
    _say({"writes": dict(writes.most), "tried": dict(tried), "moments_with_a_broken_promise": broken_moments})
    return 1 if broken_moments else 0


def _say(facts: dict[str, object]) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
