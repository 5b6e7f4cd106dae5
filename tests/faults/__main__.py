"""`python -m tests.faults --seeds 200`: as many disturbed sweeps as one likes, and what became of the promises."""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import Counter
from pathlib import Path

from tests.faults.disturbing import disturbed, spec_of, undisturbed
from tests.faults.promises import broken_promises


def main() -> int:
    """Disturb one sweep a seed, and print a line of JSON for each and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="sweeps to disturb")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--faults", type=int, default=5, help="faults for each")
    given = parser.parse_args()
    tried: Counter[str] = Counter()
    broken_seeds = 0
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        words = random.Random(0).choices(("the", "model", "reads", "a", "window", "of", "tokens"), k=6000)
        (folder / "words.txt").write_text(" ".join(words), encoding="utf-8")
        spec = spec_of(folder / "words.txt", folder)
        undisturbed(spec, folder / "in-peace")
        for seed in range(given.first, given.first + given.seeds):
            done = disturbed(spec, folder / str(seed), seed, given.faults)
            broken, count = broken_promises(folder / str(seed) / "disturbed", folder / "in-peace" / "disturbed")
            tried.update(each.fault for each in done)
            broken_seeds += bool(broken)
            print(json.dumps({"seed": seed, "broken": broken, "faults": [vars(each) for each in done], **vars(count)}))
    print(json.dumps({"faults": dict(tried), "sweeps": given.seeds, "sweeps_with_a_broken_promise": broken_seeds}))
    return 1 if broken_seeds else 0


if __name__ == "__main__":
    raise SystemExit(main())
