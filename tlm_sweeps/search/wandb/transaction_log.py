"""The file format of a run that W&B's client keeps (`run-<id>.wandb`): a log of records, each a few bytes of protobuf.

It is LevelDB's log with a header of W&B's own in front: blocks of 32 KiB, in them chunks of a CRC-32 (over type and
content), a length, a type and the content. A record is one chunk, or a first, some middle and a last one; no chunk
crosses a block. Read from W&B's Go sources (`core/pkg/leveldb/record.go`, `core/internal/transactionlog`), version 0
of the format. What records mean is not this file's affair.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

_HEADER = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
_BLOCK = 32 * 1024
_CHUNK = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


class DamagedLogError(Exception):
    """The log cannot be read to its end."""


def read_log(log: bytes) -> list[bytes]:
    """The records of a log in order.

    A log whose writer was killed, or whose machine lost its power, ends in the middle of a record, perhaps filled up
    with zeros: what came before is read.

    Raises:
        DamagedLogError: for anything else that is not a log.
    """
    written = len(log.rstrip(b"\0"))
    if not _HEADER.startswith(log[: min(written, len(_HEADER))]):
        raise DamagedLogError("it is no W&B log, or one of a newer format")
    records: list[bytes] = []
    begun: list[bytes] | None = None
    for kind, content in _chunks(log, written):
        if (begun is None) != (kind in (_FULL, _FIRST)):
            raise DamagedLogError(f"it is damaged after record {len(records)}")
        begun = [*(begun or []), content]
        if kind in (_FULL, _LAST):
            records.append(b"".join(begun))
            begun = None
    return records


def write_log(records: Iterable[bytes]) -> bytes:
    """A log of these records, byte for byte as the client would write it."""
    log = bytearray(_HEADER)
    for record in records:
        rest, is_first = memoryview(record), True
        while True:
            left = _BLOCK - len(log) % _BLOCK
            if left < _CHUNK.size:
                log += bytes(left)
                continue
            content, rest = rest[: left - _CHUNK.size], rest[left - _CHUNK.size :]
            log += _chunk(_kind(is_first=is_first, is_last=not rest), content)
            is_first = False
            if not rest:
                break
    return bytes(log)


def _chunks(log: bytes, written: int) -> Iterator[tuple[int, bytes]]:
    at = len(_HEADER)
    while True:
        left = _BLOCK - at % _BLOCK
        if left < _CHUNK.size:
            at += left
        if at + _CHUNK.size > len(log) or at >= written:
            return  # the end, or where the writer was cut off
        checksum, length, kind = _CHUNK.unpack_from(log, at)
        content = log[at + _CHUNK.size : at + _CHUNK.size + length]
        after = at + _CHUNK.size + length
        if not _FULL <= kind <= _LAST or checksum != zlib.crc32(bytes([kind]) + content) or len(content) < length:
            if after >= written:
                return
            raise DamagedLogError(f"it is damaged at byte {at}")
        yield kind, content
        at = after


def _chunk(kind: int, content: memoryview) -> bytes:
    return _CHUNK.pack(zlib.crc32(content, zlib.crc32(bytes([kind]))), len(content), kind) + content


def _kind(*, is_first: bool, is_last: bool) -> int:
    if is_first:
        return _FULL if is_last else _FIRST
    return _LAST if is_last else _MIDDLE
