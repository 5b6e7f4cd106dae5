"""Which sweeps are the scaled second study's own: the identity of each spec that its claims rest on, by sweep name.

Records count only when the spec that they were made by has this identity (`spec.identity`). A test holds this table to
`sweeps/tiny-language-models`.
"""

from __future__ import annotations

from typing import Final

IDENTITIES: Final = {
    "tiny-scaled-ag-news": "f26afb0e11891b2d",
    "tiny-scaled-ag-news-members": "6d280b753a495f8e",
    "tiny-scaled-dbpedia": "d7da1da34e43e04e",
    "tiny-scaled-dbpedia-members": "be1cba5eaf722442",
    "tiny-scaled-deep": "a15d3e19f8312f15",
    "tiny-scaled-fewrel": "5c2664c18778fccf",
    "tiny-scaled-fewrel-members": "374fb18829ca0c18",
    "tiny-scaled-shallow": "c7f1db7378e39c88",
    "tiny-scaled-shallow-sizes": "cac8c397a70a099a",
}
