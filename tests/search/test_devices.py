"""Where a sweep computes: what the driver's tool and torch say, without touching a GPU from here."""

import pytest

from tlm_sweeps.compute.gpus import Gpu
from tlm_sweeps.errors import InputError
from tlm_sweeps.search import devices as room

CARD = Gpu(0, "GPU-1", "H200", 100, 200)


@pytest.mark.parametrize(
    ("asked", "expected"), [("cpu", ("cpu",)), ("auto", ("cuda:0", "cuda:1")), ("cuda", ("cuda:0", "cuda:1"))]
)
def test_gpus_are_taken_where_torch_can_use_them(
    asked: room.Asked, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(room, "gpus", lambda: (CARD, CARD))
    monkeypatch.setattr(room, "_QUESTION", "print(2)")
    assert room.devices(asked) == expected


@pytest.mark.parametrize(
    ("cards", "answer", "message"),
    [
        ((), "print(1)", "lists no GPU"),
        ((CARD,), "print(0)", "torch cannot use H200"),
        ((CARD,), "import nothing", "H200"),
    ],
)
def test_without_a_usable_gpu_auto_takes_the_cpu_and_cuda_is_refused(
    cards: tuple[Gpu, ...], answer: str, message: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(room, "gpus", lambda: cards)
    monkeypatch.setattr(room, "_QUESTION", answer)
    assert room.devices("auto") == ("cpu",)
    with pytest.raises(InputError, match=message):
        room.devices("cuda")


def test_room_on_gpus_is_that_of_the_fullest(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "gpus", lambda: (CARD, Gpu(1, "GPU-2", "H200", 50, 200)))
    assert room.room_on_gpus() == 40
