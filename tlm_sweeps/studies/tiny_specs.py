"""Which sweeps are the scaled second study's own: the identity of each spec that its claims rest on, by sweep name.

Records count only when the spec that they were made by has this identity (`spec.identity`). A test holds this table to
`sweeps/tiny-language-models`.
"""

from __future__ import annotations

from typing import Final

IDENTITIES: Final = {
}
