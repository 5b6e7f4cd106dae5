"""Which sweeps are the scaled second study's own: the identity of each spec that its claims rest on, by sweep name.

Records count only when the spec that they were made by has this identity (`spec.identity`). A test holds this table to
`sweeps/tiny-language-models`.
"""

from __future__ import annotations

from typing import Final

IDENTITIES: Final = {
    "tiny-scaled-ag-news": "fb94ae9ffa667b04",
    "tiny-scaled-ag-news-members": "014e496ef40868b5",
    "tiny-scaled-dbpedia": "46a71242dd163fd9",
    "tiny-scaled-dbpedia-members": "771697b540fac20e",
    "tiny-scaled-deep": "7a2b6e3f49072572",
    "tiny-scaled-fewrel": "5c2664c18778fccf",
    "tiny-scaled-fewrel-members": "374fb18829ca0c18",
    "tiny-scaled-shallow": "476b22e80277d0a8",
    "tiny-scaled-shallow-sizes": "c28ad8008300fde5",
}
