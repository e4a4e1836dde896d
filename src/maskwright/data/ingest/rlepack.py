"""The run-length format in which Label Studio stores brush strokes (rle-pack by thi.ng).

Bits, the highest of a byte first: 32 for the number of words, 5 for the bits of a word less 1,
4 × 4 for the bits of the four sizes of count less 1. Then chunks: 1 bit that says whether one word
repeats, 2 for the size of its count, the count less 1, and the word, or the words one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maskwright.errors import DataError

SIZES = (3, 4, 8, 16)  # bits of a count, as Label Studio itself packs


def unpack_words(data: bytes, words: int, where: object) -> np.ndarray:
    """The words, uint32 [words]; ``words`` is how many there must be.

    >>> unpack_words(bytes([0, 0, 0, 3, 57, 27, 252, 64, 160]), 3, "it")
    array([5, 5, 5], dtype=uint32)
    """
    bits = _Bits(data, where)
    found = bits.number(32)
    if found != words:
        raise DataError(
            f"{where} packs {found} values, not the {words} of its width × height × 4; export again"
        )
    size = bits.number(5) + 1
    counts = [bits.number(4) + 1 for _ in range(4)]
    out = np.empty(words, np.uint32)
    done = 0
    while done < words:
        repeats = bits.number(1)
        stop = done + bits.number(counts[bits.number(2)]) + 1
        if stop > words:
            raise DataError(f"{where} packs more than the {words} values it says; export again")
        out[done:stop] = bits.number(size) if repeats else bits.numbers(size, stop - done)
        done = stop
    return out


def pack_runs(counts: Sequence[int]) -> bytes:
    """Runs of the words 0 and 255 in turn, of so many words each, packed.

    >>> unpack_words(pack_runs([2, 3, 1]), 6, "it").tolist()
    [0, 0, 255, 255, 255, 0]
    """
    bits = [f"{sum(counts):032b}", f"{7:05b}", *(f"{size - 1:04b}" for size in SIZES)]
    for number, count in enumerate(counts):
        while count > 0:
            now = min(count, 1 << SIZES[-1])
            place = next(k for k, size in enumerate(SIZES) if now <= 1 << size)
            bits.append(f"1{place:02b}{now - 1:0{SIZES[place]}b}{255 * (number % 2):08b}")
            count -= now
    text = "".join(bits)
    return int(text.ljust(-len(text) // 8 * -8, "0"), 2).to_bytes(-(-len(text) // 8), "big")


class _Bits:
    """Reads numbers of any width from bytes, from the first bit on."""

    def __init__(self, data: bytes, where: object) -> None:
        self.data, self.where, self.place = data, where, 0

    def number(self, width: int) -> int:
        """The next ``width`` bits as a number."""
        start, stop = self._take(width)
        block = int.from_bytes(self.data[start >> 3 : (stop + 7) >> 3], "big")
        return block >> (-stop & 7) & ((1 << width) - 1)

    def numbers(self, width: int, count: int) -> np.ndarray:
        """The next ``count`` numbers of ``width`` bits each, uint32 [count]."""
        start, stop = self._take(width * count)
        block = np.frombuffer(self.data[start >> 3 : (stop + 7) >> 3], np.uint8)
        if width == 8:
            pair = np.append(block, 0).astype(np.uint16)
            return (pair[:-1] << 8 | pair[1:])[:count] >> (8 - (start & 7)) & 255
        bits = np.unpackbits(block)[start & 7 :][: width * count].reshape(count, width)
        return bits @ (1 << np.arange(width - 1, -1, -1, dtype=np.uint32))

    def _take(self, width: int) -> tuple[int, int]:
        start, self.place = self.place, self.place + width
        if self.place > 8 * len(self.data):
            raise DataError(f"{self.where} breaks off after {len(self.data)} bytes; export again")
        return start, self.place
