"""Which sweeps are the study's own: the identity of every spec in `sweeps/architecture-tradeoffs`, by sweep name.

Records count for a cell, a claim or a question only when the spec that they were made by has this identity
(`spec.identity`, which leaves out the question, tracking, the number of trials, the total and further seeds). A test
holds this table to the folder.
"""

from __future__ import annotations

from typing import Final

IDENTITIES: Final = {
    "tradeoffs-context": "6513f58027974f8f",
    "tradeoffs-depth": "4fc77db4c2cec050",
    "tradeoffs-equal-attention": "541a1a71bc2f9b60",
    "tradeoffs-equal-context": "6d5b497563b0679d",
    "tradeoffs-equal-depth": "77fde259d10ec161",
    "tradeoffs-equal-heads": "ab512a04f39bd1e3",
    "tradeoffs-equal-linear": "4c6178254e9c0e47",
    "tradeoffs-equal-mlp": "e4ab547e3ab7c3bf",
    "tradeoffs-equal-transformer": "7066aa4dafae95d2",
    "tradeoffs-heads": "2b2d39d88d77335b",
    "tradeoffs-hidden": "10103be958cd120c",
    "tradeoffs-linear": "d67dc47eb52ee2ca",
    "tradeoffs-question-1": "91db9f24771b3c27",
    "tradeoffs-question-2": "d97c7289ad735e23",
    "tradeoffs-question-3-80k": "eb817e87d39eae24",
    "tradeoffs-question-3-full": "8c8f0c0a2a191fb9",
    "tradeoffs-question-4": "1ef0a9e4e3ad5403",
    "tradeoffs-question-5": "8fdc9d54b09ec084",
    "tradeoffs-question-6": "f3df302c17de5de4",
    "tradeoffs-question-7": "897b820d0e3567ba",
    "tradeoffs-table-1": "be517a312810e27b",
    "tradeoffs-table-2-ptb": "df68bee83cdd09c5",
    "tradeoffs-table-2-wikitext-2": "090d9095400a1f5c",
    "tradeoffs-table-3": "d022112fe6c9a5b0",
}
