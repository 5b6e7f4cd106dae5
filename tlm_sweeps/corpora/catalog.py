"""What is known of the corpora that have names: their files, checksums, counts, licences and places on the Hub.

Facts only. It does not know where a file lies on this machine, nor how to read or fetch one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["train", "valid", "test", "all"]
"""Which split a file holds; `all`: the corpus is one text without splits of its own."""
PARTS: tuple[Part, ...] = ("train", "valid", "test", "all")


@dataclass(frozen=True)
class Counts:
    """Sizes of a text. Words are what white space separates; lines end with a newline."""

    characters: int
    lines: int
    words: int


@dataclass(frozen=True)
class KnownFile:
    """One file of a known corpus, unpacked; on disk it may be packed as `.gz`."""

    part: Part
    name: str
    other_names: tuple[str, ...]
    """Other usual names of the same file, accepted when the content is the same."""
    sha256: str
    counts: Counts


@dataclass(frozen=True)
class HubPlace:
    """Where a corpus is on the Hugging Face Hub, and how its rows become the canonical files again."""

    dataset: str
    config: str | None
    revision: str
    row: str = "{}"
    """Format of a row with text."""
    blank_row: str = ""
    """What stands for a row without text."""


@dataclass(frozen=True)
class PaperSplit:
    """The exact slices of arXiv 2512.20877."""

    level: Literal["char", "word"]
    slices: tuple[tuple[int, int], tuple[int, int], tuple[int, int]] | None = None
    """Train, valid and test as token ranges of the whole text; None: the corpus's own files."""
    first_tokens: tuple[int, int, int] | None = None
    """Tokens kept from the start of train, valid and test."""


@dataclass(frozen=True)
class KnownCorpus:
    """A corpus with a name. One without files ships with CPython."""

    name: str
    about: str
    licence: str
    folders: tuple[str, ...] = ()
    """Names that its folder has in data folders; the first is the one that we make."""
    files: tuple[KnownFile, ...] = ()
    hub: HubPlace | None = None
    """None: its files can only be put into a data folder by hand."""
    paper: PaperSplit | None = None


_PAPER_WORDS = PaperSplit(level="word", first_tokens=(80_000, 20_000, 20_000))

_PYTHON_DOCS = KnownCorpus(
    name="python-docs",
    about="the language reference inside CPython; differs between Python versions",
    licence="PSF-2.0",
)

_TINY_SHAKESPEARE = KnownCorpus(
    name="tiny-shakespeare",
    about="40,000 lines of Shakespeare's plays (Karpathy 2015)",
    licence="public domain",
    folders=("tinyshakespeare", "tiny-shakespeare", "tiny_shakespeare"),
    files=(
        KnownFile(
            part="all",
            name="input.txt",
            other_names=("tinyshakespeare.txt", "tiny-shakespeare.txt", "tiny_shakespeare.txt"),
            sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            counts=Counts(characters=1_115_394, lines=40_000, words=202_651),
        ),
    ),
    # The set's main branch is a loading script, which `datasets` runs no more; the Hub's own conversion of it to
    # Parquet holds the three splits as plain data. That branch has no release, so the content's sha256 is the pin.
    hub=HubPlace(dataset="karpathy/tiny_shakespeare", config=None, revision="refs/convert/parquet"),
    # One character is left out between slices: so in the study's notebook.
    paper=PaperSplit(level="char", slices=((0, 892_117), (892_118, 1_003_787), (1_003_788, 1_115_394))),
)

_PTB = KnownCorpus(
    name="ptb",
    about="Penn Treebank, Mikolov's 10,000-word version",
    licence="LDC (research use; do not publish again)",
    folders=("ptb", "penn-treebank", "penn_treebank", "penn"),
    files=(
        KnownFile(
            part="train",
            name="ptb.train.txt",
            other_names=("train.txt",),
            sha256="fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
            counts=Counts(characters=5_101_618, lines=42_068, words=887_521),
        ),
        KnownFile(
            part="valid",
            name="ptb.valid.txt",
            other_names=("valid.txt",),
            sha256="c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
            counts=Counts(characters=399_782, lines=3_370, words=70_390),
        ),
        KnownFile(
            part="test",
            name="ptb.test.txt",
            other_names=("test.txt",),
            sha256="dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
            counts=Counts(characters=449_945, lines=3_761, words=78_669),
        ),
    ),
    # A loading script on the main branch, as above. Its rows are the files' lines without the blanks around them.
    hub=HubPlace(
        dataset="ptb-text-only/ptb_text_only",
        config=None,
        revision="refs/convert/parquet",
        row=" {} \n",
        blank_row="\n",
    ),
    paper=_PAPER_WORDS,
)

_WIKITEXT_2 = KnownCorpus(
    name="wikitext-2",
    about="WikiText-2, words with <unk> (Merity et al. 2016)",
    licence="CC BY-SA 3.0 / GFDL",
    folders=("wikitext-2", "wikitext2", "wikitext-2-v1"),
    files=(
        KnownFile(
            part="train",
            name="wiki.train.tokens",
            other_names=("wiki.train.txt", "train.txt"),
            sha256="9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
            counts=Counts(characters=10_780_437, lines=36_718, words=2_051_910),
        ),
        KnownFile(
            part="valid",
            name="wiki.valid.tokens",
            other_names=("wiki.valid.txt", "valid.txt"),
            sha256="f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
            counts=Counts(characters=1_120_192, lines=3_760, words=213_886),
        ),
        KnownFile(
            part="test",
            name="wiki.test.tokens",
            other_names=("wiki.test.txt", "test.txt"),
            sha256="d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
            counts=Counts(characters=1_255_018, lines=4_358, words=241_211),
        ),
    ),
    # Plain Parquet on the main branch; a blank line (one space) of the files is an empty row there.
    hub=HubPlace(
        dataset="Salesforce/wikitext",
        config="wikitext-2-v1",
        revision="b08601e04326c79dfdd32d625aee71d232d685c3",
        blank_row=" \n",
    ),
    paper=_PAPER_WORDS,
)

_WIKIPEDIA_SUBSET = KnownCorpus(
    name="wikipedia-subset",
    about="3,152 articles of English Wikipedia, plain text of 2015",
    licence="CC BY-SA 3.0 / GFDL",
    folders=("wikipedia_subset", "wikipedia-subset"),
    files=(
        KnownFile(
            part="train",
            name="train.txt",
            other_names=(),
            sha256="8786d69b937af5e4c90f417ea3d08a564bc3adf4c2a4f087136435189556e811",
            counts=Counts(characters=49_741_189, lines=153_448, words=7_960_172),
        ),
        KnownFile(
            part="valid",
            name="valid.txt",
            other_names=(),
            sha256="71a114bce49b8d715bc16d2f07d44d6fe43f3d031886388560327383ac919865",
            counts=Counts(characters=483_398, lines=1_669, words=76_099),
        ),
        KnownFile(
            part="test",
            name="test.txt",
            other_names=(),
            sha256="f77c07701009402b614d938b033af7f318613bf999c06ffacd0b609586e87e79",
            counts=Counts(characters=596_117, lines=2_055, words=95_677),
        ),
    ),
    # The Hub has Wikipedia of other dumps only. Split by article: sha256 of its id modulo 100, 0 valid and 1 test.
    hub=None,
)

CATALOG: dict[str, KnownCorpus] = {
    corpus.name: corpus for corpus in (_PYTHON_DOCS, _TINY_SHAKESPEARE, _PTB, _WIKITEXT_2, _WIKIPEDIA_SUBSET)
}
"""The known corpora by name."""
